// Package faulty wraps a store and makes it fail on request, for the tests of
// whoever uses a store. Told nothing, it behaves as the store inside does.
//
// Three things can be asked for. Calls of a kind fail, the n-th or all of them
// (Fail, FailNth, Heal). The disk is full (Fill, Heal). Durability stands still
// (Hold): what is submitted from then on has its positions and tickets, but is
// neither durable nor seen by any reader until Release, and is lost by Crash.
//
// A failed call has done nothing: the store inside has not heard of it.
//
//	s := faulty.New(memory.New(memory.Options{}))
//	s.FailNth(faulty.Submit, 3, store.ErrFull) // the third from now on
//	s.Hold()                                   // no PUBACK may leave now
//	s.Release()                                // now they do
//
// Errors: those asked for, those of the store inside, ErrClosed after Crash.
// Goroutines: none.
// Source: design.md section 4.
package faulty

import (
	"context"
	"slices"
	"sync"

	"gridmq/store"
)

// A Store is a store that can be told to fail. All methods may be called
// concurrently.
type Store struct {
	inner  store.Store
	faults faults
	failed chan struct{} // closed by Crash

	// fenced is held for reading by Commits with fences, whose positions nobody
	// can tell while they are on the way, and for writing by Hold. Before mu.
	fenced sync.RWMutex

	mu     sync.Mutex
	ticket store.Ticket // the newest given
	newest store.Ticket // of the store inside, for the newest given and not held
	given  []pair       // not yet durable, in order
	hold   *hold        // nil: nothing is held
	err    error        // after Crash
}

// A pair is a ticket of ours and the one of the store inside.
type pair struct{ ours, inner store.Ticket }

var _ store.Store = (*Store)(nil)

// New wraps inner, which is used through the wrapper alone from now on.
func New(inner store.Store) *Store {
	return &Store{inner: inner, failed: make(chan struct{})}
}

// Failed is closed by Crash.
func (s *Store) Failed() <-chan struct{} { return s.failed }

// Submit is store.Store.Submit.
func (s *Store) Submit(b *store.Batch) (store.Position, store.Ticket, error) {
	if err := s.faults.next(Submit); err != nil {
		return 0, 0, err
	}
	if err := s.faults.refuses(b); err != nil {
		return 0, 0, err
	}
	return s.submit(b)
}

func (s *Store) submit(b *store.Batch) (store.Position, store.Ticket, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return 0, 0, s.err
	}
	nothing := len(b.Entries)+len(b.Ops) == 0
	if s.hold != nil && !nothing && len(b.Fences) == 0 {
		s.ticket++
		return s.hold.submit(s.inner, b, s.ticket), s.ticket, nil
	}
	first, t, err := s.inner.Submit(b)
	if err != nil {
		return 0, 0, err
	}
	if !nothing {
		s.give(t)
	}
	return first, s.ticket, nil
}

// give gives a ticket for inner: the one given last when it is the same group.
// s.mu is held.
func (s *Store) give(inner store.Ticket) {
	if inner == s.newest {
		return
	}
	s.durable() // forgets those that are
	s.ticket++
	s.newest = inner
	s.given = append(s.given, pair{s.ticket, inner})
}

// durable is the newest of our tickets that is durable. s.mu is held.
func (s *Store) durable() store.Ticket {
	d := s.inner.Durable()
	n, _ := slices.BinarySearchFunc(s.given, d+1, func(p pair, t store.Ticket) int {
		if p.inner < t {
			return -1
		}
		return 1
	})
	s.given = s.given[n:]
	switch {
	case len(s.given) > 0:
		return s.given[0].ours - 1
	case s.hold != nil && len(s.hold.steps) > 0:
		return s.hold.before
	}
	return s.ticket
}

// Commit is store.Store.Commit. With fences, a Commit that meets a Hold is
// decided after it.
func (s *Store) Commit(ctx context.Context, b *store.Batch) (store.Position, error) {
	if err := s.faults.next(Commit); err != nil {
		return 0, err
	}
	if err := s.faults.refuses(b); err != nil {
		return 0, err
	}
	if len(b.Fences) == 0 {
		first, t, err := s.submit(b)
		if err != nil {
			return 0, err
		}
		return first, s.wait(ctx, t)
	}
	for {
		s.fenced.RLock()
		over, err := s.held()
		if over == nil {
			defer s.fenced.RUnlock()
			if err != nil {
				return 0, err
			}
			return s.inner.Commit(ctx, b)
		}
		s.fenced.RUnlock()
		select {
		case <-over:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// held is closed when the hold is over; nil when there is none.
func (s *Store) held() (over <-chan struct{}, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hold == nil {
		return nil, s.err
	}
	return s.hold.over, nil
}

// Notify is store.Store.Notify. When told to fail, it tells w the error at once.
func (s *Store) Notify(t store.Ticket, w store.Waiter) {
	if err := s.faults.next(Notify); err != nil {
		w.Committed(t, err)
		return
	}
	s.notify(t, w)
}

func (s *Store) notify(t store.Ticket, w store.Waiter) {
	s.mu.Lock()
	if t <= s.durable() {
		s.mu.Unlock()
		w.Committed(t, nil)
		return
	}
	if s.err != nil {
		err := s.err
		s.mu.Unlock()
		w.Committed(t, err)
		return
	}
	if s.hold != nil && s.hold.notify(t, w) {
		s.mu.Unlock()
		return
	}
	inner := ^store.Ticket(0) // not given yet, by either of us
	if i := slices.IndexFunc(s.given, func(p pair) bool { return p.ours >= t }); i >= 0 {
		inner = s.given[i].inner
	}
	s.mu.Unlock()
	s.inner.Notify(inner, renamed{t, w})
}

// renamed tells w about its own ticket.
type renamed struct {
	ours store.Ticket
	w    store.Waiter
}

func (r renamed) Committed(_ store.Ticket, err error) { r.w.Committed(r.ours, err) }

// Durable is store.Store.Durable.
func (s *Store) Durable() store.Ticket {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.durable()
}

// Sync is store.Store.Sync.
func (s *Store) Sync(ctx context.Context) error {
	if err := s.fails(Sync); err != nil {
		return err
	}
	s.mu.Lock()
	t := s.ticket
	s.mu.Unlock()
	if err := s.wait(ctx, t); err != nil {
		return err
	}
	return s.inner.Sync(ctx) // truncations, which have no ticket here
}

type waiter chan error

func (w waiter) Committed(_ store.Ticket, err error) { w <- err }

func (s *Store) wait(ctx context.Context, t store.Ticket) error {
	w := make(waiter, 1)
	s.notify(t, w)
	select {
	case err := <-w:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
