package faulty_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"gridmq/store"
	"gridmq/store/faulty"
	"gridmq/store/memory"
)

func submit(t *testing.T, s store.Store, entry string) (store.Position, store.Ticket, waiter) {
	t.Helper()
	pos, ticket, err := s.Submit(&store.Batch{Log: logA, Entries: [][]byte{[]byte(entry)}})
	if err != nil {
		t.Fatalf("Submit: %v", err)
	}
	w := make(waiter, 1)
	s.Notify(ticket, w)
	return pos, ticket, w
}

func (w waiter) silent(t *testing.T) {
	t.Helper()
	select {
	case err := <-w:
		t.Fatalf("waiter was told %v during the hold", err)
	case <-time.After(2 * time.Millisecond):
	}
}

func TestHold(t *testing.T) {
	s := open()
	defer s.Close()
	_, before, w := submit(t, s, "before")
	if err := <-w; err != nil {
		t.Fatalf("waiter was told %v", err)
	}
	s.Hold()
	pos, ticket, w := submit(t, s, "held")
	if pos != 2 || ticket <= before {
		t.Errorf("held Submit = %d, %d, want position 2 and a ticket above %d", pos, ticket, before)
	}
	w.silent(t)
	if d := s.Durable(); d != before {
		t.Errorf("Durable = %d during the hold, want %d", d, before)
	}
	if _, last := s.Bounds(logA); last != 2 || s.Held() != 1 {
		t.Errorf("last = %d, held = %d, want 2, 1", last, s.Held())
	}
	if _, err := s.ReadAt(logA, 2); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("ReadAt of what is held: %v, want ErrNotFound", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Millisecond)
	defer cancel()
	if err := s.Sync(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Sync during the hold: %v", err)
	}
	s.Release()
	if err := <-w; err != nil || s.Durable() < ticket {
		t.Errorf("after the hold the waiter was told %v, Durable = %d, want %d", err, s.Durable(), ticket)
	}
	if e, err := s.ReadAt(logA, 2); err != nil || string(e) != "held" {
		t.Errorf("ReadAt after the hold = %q, %v", e, err)
	}
}

// TestHoldCommits looks at those that wait by themselves: a Commit, and one with
// a fence, which is decided when the hold is over.
func TestHoldCommits(t *testing.T) {
	s := open()
	defer s.Close()
	s.Hold()
	plain, fenced := make(waiter, 1), make(waiter, 1)
	go func() {
		_, err := s.Commit(context.Background(), &store.Batch{Log: logA, Entries: [][]byte{[]byte("x")}})
		plain <- err
	}()
	go func() {
		b := store.Batch{Fences: []store.Fence{{Key: []byte("k")}}}
		b.Put([]byte("k"), nil)
		_, err := s.Commit(context.Background(), &b)
		fenced <- err
	}()
	plain.silent(t)
	fenced.silent(t)
	var b store.Batch
	b.Put([]byte("k"), nil)
	if _, _, err := s.Submit(&b); err != nil {
		t.Fatalf("Submit: %v", err)
	}
	s.Release()
	if err := <-plain; err != nil {
		t.Errorf("Commit: %v", err)
	}
	if err := <-fenced; !errors.Is(err, store.ErrConflict) {
		t.Errorf("Commit with a fence on what was held: %v, want ErrConflict", err)
	}
}

func TestCloseWritesWhatIsHeld(t *testing.T) {
	s := open()
	s.Hold()
	_, _, w := submit(t, s, "x")
	if err := s.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	if err := <-w; err != nil {
		t.Errorf("waiter was told %v by Close, want that it is durable", err)
	}
}

func TestCrash(t *testing.T) {
	inner := memory.New(memory.Options{})
	defer inner.Close()
	s := faulty.New(inner)
	_, _, w := submit(t, s, "kept")
	<-w
	s.Hold()
	_, ticket, w := submit(t, s, "lost")
	s.Crash(errBad)
	if err := <-w; !errors.Is(err, errBad) {
		t.Errorf("waiter was told %v by Crash, want %v", err, errBad)
	}
	late := make(waiter, 1)
	s.Notify(ticket, late)
	if err := <-late; !errors.Is(err, store.ErrClosed) {
		t.Errorf("waiter after Crash was told %v, want ErrClosed", err)
	}
	for kind, call := range calls {
		if kind == faulty.Notify { // of ticket 0, which is durable
			continue
		}
		if err := call(t.Context(), s); !errors.Is(err, store.ErrClosed) {
			t.Errorf("%v after Crash: %v, want ErrClosed", kind, err)
		}
	}
	if err := s.Close(); err != nil {
		t.Errorf("Close after Crash: %v", err)
	}
	<-s.Failed()
	again := faulty.New(inner)
	if pos, _, w := submit(t, again, "after"); pos != 2 || <-w != nil {
		t.Errorf("position %d after a restart, want 2", pos)
	}
}

// TestReleaseRefused: the store inside is full when the hold ends.
func TestReleaseRefused(t *testing.T) {
	inner := faulty.New(memory.New(memory.Options{}))
	defer inner.Close()
	s := faulty.New(inner)
	s.Hold()
	_, _, first := submit(t, s, "1")
	_, _, second := submit(t, s, "2")
	inner.FailNth(faulty.Submit, 2, store.ErrFull)
	s.Release()
	if err := <-first; err != nil {
		t.Errorf("first waiter was told %v", err)
	}
	if err := <-second; !errors.Is(err, store.ErrFull) {
		t.Errorf("second waiter was told %v, want ErrFull", err)
	}
	if _, last := s.Bounds(logA); last != 1 {
		t.Errorf("last = %d, want 1", last)
	}
	<-s.Failed()
}
