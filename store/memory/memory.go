// Package memory is a store without a disk: for tests, and for brokers that may
// forget everything when they end.
//
// It commits on a goroutine of its own, group by group as an engine with a disk
// does, so that the order of everything that callers can see is the same.
//
// Units: sizes are bytes.
// Errors: those of package store; ErrFull when Options.MaxBytes are held.
// Source: the contract in package store.
package memory

import (
	"bytes"
	"cmp"
	"sync"

	"github.com/RaduBerinde/btreemap"

	"gridmq/store"
	"gridmq/store/internal/commit"
	"gridmq/store/internal/local"
)

// Options bounds a store. The zero value is ready to use.
type Options struct {
	// MaxBytes bounds what is held, roughly. Default 1 GiB.
	MaxBytes int64
}

// A Store keeps everything in memory.
type Store struct {
	commit.Front
	commits *commit.Committer
	leases  *local.Leases
	bus     local.Bus
	max     int64

	mu     sync.RWMutex
	closed bool
	logs   map[*commit.Log]*records
	docs   *btreemap.BTreeMap[string, document]
	held   int64 // bytes of logs
	table  int64 // bytes of documents
}

type document struct {
	value    []byte // never changed
	revision uint64
}

var _ store.Store = (*Store)(nil)

// New returns an empty store. Close ends its goroutine.
func New(o Options) *Store {
	s := &Store{
		leases: local.NewLeases(0),
		max:    cmp.Or(o.MaxBytes, 1<<30),
		logs:   map[*commit.Log]*records{},
		docs:   btreemap.New[string, document](32, cmp.Compare[string]),
	}
	s.commits = commit.Start((*engine)(s), commit.Options{})
	s.Front = s.commits
	return s
}

// Get is store.Store.Get.
func (s *Store) Get(key []byte) (store.Document, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return store.Document{}, store.ErrClosed
	}
	_, d, ok := s.docs.Get(string(key))
	if !ok {
		return store.Document{}, store.ErrNotFound
	}
	return store.Document{Key: bytes.Clone(key), Value: bytes.Clone(d.value), Revision: d.revision}, nil
}

// List is store.Store.List. What visit sees is one moment of the table.
func (s *Store) List(prefix, after []byte, visit func(store.Document) bool) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return store.ErrClosed
	}
	docs := s.docs.Clone() // shares its nodes until they change
	s.mu.Unlock()
	from := btreemap.GE(string(prefix))
	if after != nil && bytes.Compare(after, prefix) >= 0 {
		from = btreemap.GT(string(after))
	}
	for k, d := range docs.Ascend(from, btreemap.Max[string]()) {
		if !bytes.HasPrefix([]byte(k), prefix) {
			break
		}
		if !visit(store.Document{Key: []byte(k), Value: bytes.Clone(d.value), Revision: d.revision}) {
			break
		}
	}
	return nil
}

// Lease is store.Store.Lease.
func (s *Store) Lease() store.Lease { return s.leases }

// Bus is store.Store.Bus.
func (s *Store) Bus() store.Bus { return &s.bus }

// Damaged is store.Store.Damaged: memory is believed.
func (s *Store) Damaged() []store.Damage { return nil }

// Stats is store.Store.Stats.
func (s *Store) Stats() store.Stats {
	st := s.commits.Stats()
	s.mu.RLock()
	defer s.mu.RUnlock()
	st.LogBytes = s.held
	st.FreeBytes = uint64(max(0, s.max-s.held-s.table))
	return st
}

// Close is store.Store.Close. Everything is forgotten.
func (s *Store) Close() error {
	err := s.commits.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	clear(s.logs)
	s.docs.Clear(false)
	s.held, s.table = 0, 0
	return err
}
