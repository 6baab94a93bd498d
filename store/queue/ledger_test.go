package queue

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"

	"gridmq/store"
)

// A ledger is a store of one log whose crashes are exact: a test decides which
// groups become durable, which are lost, and at which call everything ends.
type ledger struct {
	mu      sync.Mutex
	durable ledgerState
	pending []func(*ledgerState) // groups of one batch
	last    store.Position       // submitted
	ticket  store.Ticket         // submitted
	fuel    int                  // Submit, Sync and Truncate calls until the end; negative: no end
	full    bool                 // but for what makes room
	room    int                  // Submit calls until there is no room for that either; negative: no end
	puts    map[string]int       // documents written, by key
	onSync  func()               // called by Sync without the lock
	damaged map[store.Position]bool
}

type ledgerState struct {
	last    store.Position
	ticket  store.Ticket
	entries map[store.Position][]byte
	docs    map[string][]byte
}

func newLedger() *ledger {
	return &ledger{fuel: -1, room: -1, puts: map[string]int{}, damaged: map[store.Position]bool{}, durable: ledgerState{
		entries: map[store.Position][]byte{}, docs: map[string][]byte{},
	}}
}

// crash returns the store after a power cut that n of the pending groups survived.
func (l *ledger) crash(n int) *ledger {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.commit(n)
	return &ledger{fuel: -1, room: -1, puts: map[string]int{}, damaged: l.damaged, last: l.durable.last, ticket: l.durable.ticket, durable: ledgerState{
		last: l.durable.last, ticket: l.durable.ticket,
		entries: maps.Clone(l.durable.entries), docs: maps.Clone(l.durable.docs),
	}}
}

func (l *ledger) commit(n int) {
	for _, apply := range l.pending[:n] {
		apply(&l.durable)
	}
	l.pending = slices.Clone(l.pending[n:])
}

func (l *ledger) commitSome(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.commit(min(n, len(l.pending)))
}

// burn says whether there is fuel for another call.
func (l *ledger) burn() error {
	if l.fuel == 0 {
		return store.ErrClosed
	}
	l.fuel = max(l.fuel-1, -1)
	return nil
}

func (l *ledger) Submit(b *store.Batch) (store.Position, store.Ticket, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.burn(); err != nil {
		return 0, 0, err
	}
	if l.full && !b.MakesRoom() || l.room == 0 {
		return 0, 0, store.ErrFull
	}
	l.room = max(l.room-1, -1)
	for _, op := range b.Ops {
		if !op.Delete {
			l.puts[string(op.Key)]++
		}
	}
	first := store.Position(0)
	if len(b.Entries) > 0 {
		first = l.last + 1
	}
	l.last += store.Position(len(b.Entries))
	l.ticket++
	last, ticket := l.last, l.ticket
	var entries [][]byte
	for _, e := range b.Entries {
		entries = append(entries, bytes.Clone(e))
	}
	ops := slices.Clone(b.Ops)
	for i := range ops {
		ops[i].Key, ops[i].Value = bytes.Clone(ops[i].Key), bytes.Clone(ops[i].Value)
	}
	l.pending = append(l.pending, func(s *ledgerState) {
		for i, e := range entries {
			s.entries[first+store.Position(i)] = e
		}
		for _, op := range ops {
			if op.Delete {
				delete(s.docs, string(op.Key))
			} else {
				s.docs[string(op.Key)] = op.Value
			}
		}
		s.last, s.ticket = last, ticket
	})
	return first, ticket, nil
}

func (l *ledger) Sync(ctx context.Context) error {
	if l.onSync != nil {
		l.onSync()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.burn(); err != nil {
		return err
	}
	l.commit(len(l.pending))
	return ctx.Err()
}

func (l *ledger) Truncate(_ store.LogID, from, to store.Position) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.burn(); err != nil {
		return err
	}
	last, ticket := l.last, l.ticket
	l.pending = append(l.pending, func(s *ledgerState) {
		for pos := range s.entries {
			if pos >= from && pos < to {
				delete(s.entries, pos)
			}
		}
		s.last, s.ticket = last, ticket
	})
	return nil
}

func (l *ledger) Bounds(store.LogID) (first, last store.Position) {
	l.mu.Lock()
	defer l.mu.Unlock()
	first = l.last + 1
	for pos := range l.durable.entries {
		first = min(first, pos)
	}
	return first, l.last
}

func (l *ledger) Read(_ store.LogID, from store.Position, visit func(store.Position, []byte) bool) error {
	l.mu.Lock()
	entries, last := maps.Clone(l.durable.entries), l.durable.last
	l.mu.Unlock()
	var err error
	for pos := from; pos <= last; pos++ {
		e, ok := entries[pos]
		switch {
		case !ok:
		case l.damaged[pos]:
			err = store.ErrDamaged
		case !visit(pos, e):
			return err
		}
	}
	return err
}

func (l *ledger) ReadAt(_ store.LogID, pos store.Position) ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e, ok := l.durable.entries[pos]
	switch {
	case !ok:
		return nil, store.ErrNotFound
	case l.damaged[pos]:
		return nil, store.ErrDamaged
	}
	return e, nil
}

// has says whether pos is or will be there, if nothing crashes.
func (l *ledger) has(pos store.Position) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := ledgerState{entries: maps.Clone(l.durable.entries), docs: maps.Clone(l.durable.docs)}
	for _, apply := range l.pending {
		apply(&s)
	}
	_, ok := s.entries[pos]
	return ok
}

func (l *ledger) Get(key []byte) (store.Document, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	v, ok := l.durable.docs[string(key)]
	if !ok {
		return store.Document{}, store.ErrNotFound
	}
	return store.Document{Key: key, Value: v, Revision: 1}, nil
}

func (l *ledger) List(prefix, _ []byte, visit func(store.Document) bool) error {
	l.mu.Lock()
	docs := maps.Clone(l.durable.docs)
	l.mu.Unlock()
	for _, k := range slices.Sorted(maps.Keys(docs)) {
		if strings.HasPrefix(k, string(prefix)) && !visit(store.Document{Key: []byte(k), Value: docs[k], Revision: 1}) {
			break
		}
	}
	return nil
}

func (l *ledger) Durable() store.Ticket {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.durable.ticket
}

func (l *ledger) Full() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.full || l.room == 0
}

// What the room does not use.
func (l *ledger) Commit(context.Context, *store.Batch) (store.Position, error) { panic("unused") }
func (l *ledger) Notify(store.Ticket, store.Waiter)                            { panic("unused") }
func (l *ledger) DropNamespace(string) error                                   { panic("unused") }
func (l *ledger) Watch(context.Context, []byte, func(store.Document))          { panic("unused") }
func (l *ledger) Lease() store.Lease                                           { panic("unused") }
func (l *ledger) Bus() store.Bus                                               { panic("unused") }
func (l *ledger) Stats() store.Stats                                           { panic("unused") }
func (l *ledger) Damaged() []store.Damage                                      { panic("unused") }
func (l *ledger) Close() error                                                 { return nil }

var _ store.Store = (*ledger)(nil)
