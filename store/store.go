// Package store is the contract for what must survive: logs, a table of
// documents, and for clusters a lease and a bus.
//
// It asks little, so that an engine can be replaced. An engine groups whatever
// waits into one commit and syncs it once; callers never wait for a sync on
// their own goroutine unless they ask to (Sync).
//
// Units: positions count entries of one log, from 1; sizes are bytes.
// Errors: ErrFull, ErrConflict, ErrClosed, ErrDamaged; anything else is the
// engine's own and means that it has stopped.
// Source: design.md section 4.
package store

import (
	"context"
	"errors"
	"time"
)

var (
	// ErrFull refuses durable work before the disk is full. Nothing was stored.
	// It goes away by itself when space returns. What makes room is accepted for
	// longer (Batch.Frees).
	ErrFull = errors.New("store: not enough free space")
	// ErrConflict says that a fence did not hold. Nothing was stored.
	ErrConflict = errors.New("store: a fence did not hold")
	// ErrClosed says that the store is closed or has failed for good.
	ErrClosed = errors.New("store: closed")
	// ErrDamaged says that a record was not what had been written. The record
	// has been quarantined; others are not concerned.
	ErrDamaged = errors.New("store: damaged record")
	// ErrNotFound says that there is no document under the key.
	ErrNotFound = errors.New("store: not found")
)

// A Position numbers the entries of one log: 1, 2, 3, ... Zero is none.
type Position uint64

// A Ticket names a commit group. Groups become durable in the order of their
// tickets: whoever holds ticket t is safe once Durable() >= t. Zero is durable.
type Ticket uint64

// A LogID names a log: a namespace and a partition of its sessions.
type LogID struct {
	Namespace string
	Partition uint16
}

// A Waiter is told once that a group is durable, or that it failed and nothing
// of it was stored. It is called from the committer's goroutine and must
// neither block nor call the store.
type Waiter interface {
	Committed(t Ticket, err error)
}

// A Batch is what must become durable together. It may be reused after Submit
// (Reset); the store copies what it keeps. The zero value is empty.
type Batch struct {
	Log     LogID    // the log of Entries
	Entries [][]byte // appended in order
	Ops     []Op     // changes of the table, in order
	Fences  []Fence  // all must hold, else ErrConflict; see Store.Commit
	// Frees says that b leads to space coming back, or writes again what is
	// there: on a disk that is full it is accepted while the engine's slack
	// lasts, small batches for longer than large ones. Slack is bounded, shared
	// by all, and returns with space. It is not for what may pile up: when that
	// has used it up, the disk stays full until somebody else makes room.
	// Removals need not say it.
	Frees bool
}

// Reset empties b and keeps its memory.
func (b *Batch) Reset() {
	b.Entries, b.Ops, b.Fences, b.Frees = b.Entries[:0], b.Ops[:0], b.Fences[:0], false
}

// MakesRoom says whether b may use the slack of a full disk: it says so, or it
// does nothing but remove.
func (b *Batch) MakesRoom() bool {
	if b.Frees {
		return true
	}
	for i := range b.Ops {
		if !b.Ops[i].Delete {
			return false
		}
	}
	return len(b.Entries) == 0
}

// Put adds the writing of a document.
func (b *Batch) Put(key, value []byte) { b.Ops = append(b.Ops, Op{Key: key, Value: value}) }

// Delete adds the removal of a document; a missing one is no error.
func (b *Batch) Delete(key []byte) { b.Ops = append(b.Ops, Op{Key: key, Delete: true}) }

// DeletePrefix adds the removal of every document whose key starts with prefix.
func (b *Batch) DeletePrefix(prefix []byte) {
	b.Ops = append(b.Ops, Op{Key: prefix, Delete: true, Prefix: true})
}

// An Op changes the table.
type Op struct {
	Key, Value []byte
	Delete     bool // remove instead of write
	Prefix     bool // with Delete: all keys that start with Key
}

// A Fence is a condition on the state just before a batch.
type Fence struct {
	Key      []byte // a document ...
	Revision uint64 // ... is at this revision (0: does not exist)
	Log      *LogID // or, when not nil: this log's last position ...
	Last     Position
}

// A Document is a value of the table with its revision, which grows with every write.
type Document struct {
	Key, Value []byte
	Revision   uint64
}

// A Store keeps logs and documents. All methods may be called concurrently.
type Store interface {
	// Submit queues b for the next commit group and returns at once: the
	// position of its first entry (0 without entries) and the group's ticket.
	// Positions in one log follow the order of the Submit calls. A batch is
	// atomic. Errors: ErrFull, ErrClosed; then nothing was queued. Batches
	// with fences are refused: use Commit. It does not allocate per entry.
	// ErrFull is for one batch: a smaller one may fit, and one that makes room.
	Submit(b *Batch) (first Position, t Ticket, err error)
	// Commit is Submit that checks fences and waits until b is durable.
	Commit(ctx context.Context, b *Batch) (first Position, err error)
	// Notify calls w once when t is durable or has failed; at once, on this
	// goroutine, when that is already so.
	Notify(t Ticket, w Waiter)
	// Durable is the newest ticket that is durable.
	Durable() Ticket
	// Sync waits until everything submitted so far is durable.
	Sync(ctx context.Context) error

	// Read calls visit for the entries of log from position from on, in order,
	// until visit returns false or the durable end is reached. entry is valid
	// only during the call. Missing positions (truncated) are passed over. A
	// damaged record is quarantined, reported in the error (ErrDamaged) after
	// the walk, and passed over.
	Read(log LogID, from Position, visit func(pos Position, entry []byte) bool) error
	// ReadAt returns one entry (a copy is not made: it stays valid and must not
	// be changed). It sees submitted entries only once they are durable.
	// Neighbours are cheap: records read are cached. ErrNotFound, ErrDamaged.
	ReadAt(log LogID, pos Position) ([]byte, error)
	// Bounds returns the first and the last position that log holds, durable or
	// submitted; first > last when it is empty. Last survives truncation.
	Bounds(log LogID) (first, last Position)
	// Truncate removes the entries of log in [from, to), lazily: they may be
	// seen again after a crash. Entries share records; a record is removed when
	// all of it is covered. It is accepted on a full disk.
	Truncate(log LogID, from, to Position) error
	// DropNamespace removes every log of a namespace.
	DropNamespace(namespace string) error

	// Get returns a document: durable state, not what is still queued.
	Get(key []byte) (Document, error)
	// List calls visit for the documents with the prefix in key order, from
	// after (exclusive; nil: from the start) until visit returns false.
	List(prefix, after []byte, visit func(Document) bool) error
	// Watch calls visit, from the committer, for each durable change under the
	// prefix until ctx ends. Deletions have Revision 0. It must not block.
	Watch(ctx context.Context, prefix []byte, visit func(Document))

	Lease() Lease
	Bus() Bus

	// Full says whether durable work is refused at the moment. It costs nothing.
	Full() bool
	// Stats tells what the store holds and has done.
	Stats() Stats
	// Damaged lists what was quarantined.
	Damaged() []Damage
	Close() error
}

// A Lease says who owns a name. On one node it is granted at once.
type Lease interface {
	// Acquire takes the name for d and returns its epoch, which grows with each
	// owner. ErrConflict: somebody else holds it.
	Acquire(ctx context.Context, name string, d time.Duration) (epoch uint64, err error)
	Release(ctx context.Context, name string, epoch uint64) error
}

// A Bus carries messages between nodes, at most once. On one node it is local.
type Bus interface {
	Publish(ctx context.Context, subject string, b []byte) error
	Subscribe(subject string, visit func(b []byte)) (cancel func(), err error)
}

// WaitBounds are the bounds of Stats.Waits: from a disk that only takes note to one that
// has stopped.
var WaitBounds = [...]time.Duration{
	500 * time.Microsecond, time.Millisecond, 2 * time.Millisecond, 5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond,
	50 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond, time.Second, 5 * time.Second,
}

// Stats are counts since the start and sizes now.
type Stats struct {
	Groups, Entries uint64        // committed
	Bytes           uint64        // written in groups
	LogBytes        int64         // held by logs, roughly
	CommitWait      time.Duration // of the newest group: first Submit to durable
	// Waits counts groups by their CommitWait: how many were within each of WaitBounds and
	// not within the one before, and those beyond. WaitSum is all of them together.
	Waits     [len(WaitBounds) + 1]uint64
	WaitSum   time.Duration
	Full      bool   // as Store.Full
	FreeBytes uint64 // of the file system
	Damaged   uint64
}

// Damage is one record that was not what had been written.
type Damage struct {
	Key    []byte
	Log    LogID
	First  Position // of a log record
	Reason string
}
