// Package audit keeps who changed what, and when: durable, bounded, newest first.
//
// An entry is written in the same batch as the change it tells of, so that there
// is none without the other. It names members that changed and never their values.
//
// Units: instants are time.Time in UTC. Errors: those of package store.
package audit

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"time"

	"gridmq/store"
)

// prefix of the keys; 8 bytes follow that fall with time, and 8 that make them unique.
var prefix = []byte("ca/")

const keySize = 3 + 16

// Results.
const (
	Succeeded = "Succeeded"
	Failed    = "Failed"
)

// An Entry is one change, or an attempt at one.
type Entry struct {
	Time      time.Time `json:"time"`
	Operator  string    `json:"operator"`
	From      string    `json:"from,omitempty"` // address of the caller
	Operation string    `json:"operation"`      // as "Microsoft.EventGrid/namespaces/clients/write"
	Resource  string    `json:"resource"`       // resource id
	Result    string    `json:"result"`
	Code      string    `json:"code,omitempty"`    // of the error, with Failed
	Members   []string  `json:"members,omitempty"` // names of what changed
	Request   string    `json:"request,omitempty"` // x-ms-request-id
}

// Options bounds a log. The zero value is ready to use.
type Options struct {
	// Entries kept; the oldest go first. Default 50,000.
	Entries int
	// Now is the clock. Default time.Now.
	Now func() time.Time
	// Logger receives every entry as well. Default: none.
	Logger *slog.Logger
}

// A Log is the audit log of one store.
type Log struct {
	store store.Store
	o     Options

	mu   sync.Mutex
	keys [][keySize]byte // what is kept, oldest first
}

// Open reads which entries there are. What is damaged is passed over.
func Open(s store.Store, o Options) (*Log, error) {
	o.Entries = cmp.Or(o.Entries, 50_000)
	o.Logger = cmp.Or(o.Logger, slog.New(slog.DiscardHandler))
	if o.Now == nil {
		o.Now = time.Now
	}
	l := &Log{store: s, o: o}
	err := s.List(prefix, nil, func(d store.Document) bool {
		if len(d.Key) == keySize {
			l.keys = append(l.keys, [keySize]byte(d.Key))
		}
		return true
	})
	if err != nil && !errors.Is(err, store.ErrDamaged) {
		return nil, fmt.Errorf("read the audit log: %w", err)
	}
	if err != nil { // no reason to keep clients out
		o.Logger.Error("entries of the audit log may be lost", "err", err)
	}
	for i, j := 0, len(l.keys)-1; i < j; i, j = i+1, j-1 { // keys come newest first
		l.keys[i], l.keys[j] = l.keys[j], l.keys[i]
	}
	return l, nil
}

// A Pending entry is in a batch that is not committed yet.
type Pending struct {
	entry Entry
	key   [keySize]byte
}

// Add puts an entry into a batch that somebody else commits; then Done is due.
func (l *Log) Add(b *store.Batch, e Entry) Pending {
	e.Time = l.o.Now().UTC()
	value, err := json.Marshal(e)
	if err != nil {
		panic("audit: " + err.Error()) // strings and a time
	}
	p := Pending{e, newKey(e.Time)}
	b.Put(p.key[:], value)
	return p
}

// slack is how many entries there may be too many before the oldest are removed.
const slack = 64

// Done says that the batch with p was committed. The oldest entries make room.
func (l *Log) Done(p Pending) {
	e := p.entry
	l.o.Logger.Info("audit", "operator", e.Operator, "from", e.From, "operation", e.Operation,
		"resource", e.Resource, "result", e.Result, "code", e.Code, "members", e.Members, "request", e.Request)
	l.mu.Lock()
	l.keys = append(l.keys, p.key)
	var old [][keySize]byte
	if n := len(l.keys) - l.o.Entries; n > slack {
		old = l.keys[:n]
		l.keys = append([][keySize]byte(nil), l.keys[n:]...)
	}
	l.mu.Unlock()
	if old == nil {
		return
	}
	var b store.Batch
	for i := range old {
		b.Delete(old[i][:])
	}
	if _, _, err := l.store.Submit(&b); err != nil { // the next start counts them again
		l.o.Logger.Warn("old audit entries stay", "err", err)
	}
}

// recordTimeout is how long Record waits for the disk.
const recordTimeout = 5 * time.Second

// Record stores an entry by itself: of an attempt that changed nothing, or of
// something shown. When it cannot be stored it is logged, and that is all: a full
// disk must not keep an operator from looking.
func (l *Log) Record(ctx context.Context, e Entry) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	var b store.Batch
	p := l.Add(&b, e)
	if _, err := l.store.Commit(ctx, &b); err != nil {
		l.o.Logger.Warn("audit entry not stored", "operator", e.Operator, "operation", e.Operation, "resource", e.Resource,
			"result", e.Result, "err", err)
		return
	}
	l.Done(p)
}

// newKey sorts newer entries before older ones.
func newKey(t time.Time) (key [keySize]byte) {
	copy(key[:], prefix)
	binary.BigEndian.PutUint64(key[len(prefix):], math.MaxUint64-uint64(t.UnixNano()))
	_, _ = rand.Read(key[len(prefix)+8:])
	return key
}

// List returns entries newest first that keep says yes to, at most limit, from
// after the place that token names on. next is the token of what follows; empty at
// the end. A look-up visits 10,000 entries at most, so a page may be short.
func (l *Log) List(token []byte, limit int, keep func(*Entry) bool) (page []Entry, next []byte, err error) {
	const visits = 10_000
	var after []byte
	if len(token) == keySize-len(prefix) {
		after = append(bytes.Clone(prefix), token...)
	}
	seen := 0
	err = l.store.List(prefix, after, func(d store.Document) bool {
		if len(page) == limit || seen == visits {
			next = after[len(prefix):]
			return false
		}
		seen++
		after = bytes.Clone(d.Key)
		var e Entry
		if json.Unmarshal(d.Value, &e) == nil && keep(&e) {
			page = append(page, e)
		}
		return true
	})
	return page, next, err
}
