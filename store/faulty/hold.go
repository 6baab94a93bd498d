package faulty

import (
	"bytes"
	"fmt"

	"gridmq/store"
)

// A hold is what has been accepted while durability stands still.
type hold struct {
	before store.Ticket // the newest ticket given when it began
	over   chan struct{}
	steps  []step
	last   map[store.LogID]store.Position // of logs that have entries in it
}

// A step is one call that waits for Release.
type step struct {
	batch   *store.Batch // a copy; or nil:
	do      func() error // a truncation
	first   store.Position
	ticket  store.Ticket
	waiters []store.Waiter
}

// submit keeps a copy of b and returns the position of its first entry.
func (h *hold) submit(inner store.Store, b *store.Batch, t store.Ticket) (first store.Position) {
	if len(b.Entries) > 0 {
		last, ok := h.last[b.Log]
		if !ok {
			_, last = inner.Bounds(b.Log)
		}
		first = last + 1
		h.last[b.Log] = last + store.Position(len(b.Entries))
	}
	h.steps = append(h.steps, step{batch: clone(b), first: first, ticket: t})
	return first
}

// notify keeps w when t is held.
func (h *hold) notify(t store.Ticket, w store.Waiter) bool {
	if t <= h.before {
		return false
	}
	for i := range h.steps {
		if h.steps[i].ticket == t {
			h.steps[i].waiters = append(h.steps[i].waiters, w)
			return true
		}
	}
	return false
}

func clone(b *store.Batch) *store.Batch {
	c := &store.Batch{Log: b.Log, Frees: b.Frees}
	for _, e := range b.Entries {
		c.Entries = append(c.Entries, bytes.Clone(e))
	}
	for _, o := range b.Ops {
		o.Key, o.Value = bytes.Clone(o.Key), bytes.Clone(o.Value)
		c.Ops = append(c.Ops, o)
	}
	return c
}

// Hold lets durability stand still: nothing that is submitted from now on
// becomes durable, or is seen by a reader, until Release. What was submitted
// before goes on; Sync first if it must be durable. It waits for Commits with
// fences that are on the way.
func (s *Store) Hold() {
	s.fenced.Lock()
	defer s.fenced.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hold == nil && s.err == nil {
		s.hold = &hold{before: s.ticket, over: make(chan struct{}), last: map[store.LogID]store.Position{}}
	}
}

// Held is how many batches and truncations wait for Release.
func (s *Store) Held() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hold == nil {
		return 0
	}
	return len(s.hold.steps)
}

// Release ends a Hold: what was held is submitted, in order. If the store
// inside refuses any of it, positions that were given cannot be kept, and the
// store has failed as by Crash.
func (s *Store) Release() {
	s.mu.Lock()
	h := s.hold
	if h == nil {
		s.mu.Unlock()
		return
	}
	t, told, err := s.passAll(h)
	if err == nil {
		s.hold = nil
		close(h.over)
	}
	s.mu.Unlock()
	s.inner.Notify(t, told) // without the lock: it may be told at once
	if err != nil {
		s.Crash(err)
	}
}

// passAll hands what is held to the store inside and returns who is to be told
// when its ticket t is durable. h keeps what it refused. s.mu is held.
func (s *Store) passAll(h *hold) (t store.Ticket, told chain, err error) {
	for ; len(h.steps) > 0; h.steps = h.steps[1:] {
		x := &h.steps[0]
		inner, err := x.pass(s.inner)
		if err != nil {
			return t, told, err
		}
		if x.batch == nil {
			continue
		}
		t, h.before, s.newest = inner, x.ticket, inner
		s.given = append(s.given, pair{x.ticket, inner})
		for _, w := range x.waiters {
			told = append(told, renamed{x.ticket, w})
		}
	}
	return t, told, nil
}

// A chain tells many, in order.
type chain []renamed

func (c chain) Committed(t store.Ticket, err error) {
	for _, w := range c {
		w.Committed(t, err)
	}
}

// pass hands x to the store inside.
func (x *step) pass(inner store.Store) (store.Ticket, error) {
	if x.batch == nil {
		return 0, x.do()
	}
	first, t, err := inner.Submit(x.batch)
	if err == nil && first != x.first {
		err = fmt.Errorf("faulty: position %d was given, is %d now: the store inside was used directly", x.first, first)
	}
	return t, err
}

// Crash fails the store for good, as a power cut would: what is held is lost,
// its waiters are told cause, and everything returns ErrClosed. The store inside
// lives on, with what had been passed to it: New(inner) is a restart.
func (s *Store) Crash(cause error) {
	s.mu.Lock()
	if s.err != nil {
		s.mu.Unlock()
		return
	}
	s.err = fmt.Errorf("%w: %w", store.ErrClosed, cause)
	h := s.hold
	if h != nil {
		s.ticket = h.before
		s.hold = nil
		close(h.over)
	}
	close(s.failed)
	s.mu.Unlock()
	if h == nil {
		return
	}
	for _, x := range h.steps {
		for _, w := range x.waiters {
			w.Committed(x.ticket, cause)
		}
	}
}
