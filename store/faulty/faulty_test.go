package faulty_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"gridmq/store"
	"gridmq/store/faulty"
	"gridmq/store/memory"
	"gridmq/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	logA   = store.LogID{Namespace: "a"}
	errBad = errors.New("as asked for")
)

func open() *faulty.Store { return faulty.New(memory.New(memory.Options{})) }

// TestStore is the suite: asked for nothing, nothing is different.
func TestStore(t *testing.T) {
	storetest.Test(t, func(storetest.TB) store.Store { return open() }, storetest.Options{
		Small: func(*testing.T) store.Store { return faulty.New(memory.New(memory.Options{MaxBytes: 4 << 20})) },
	})
}

// calls makes one call of each kind.
var calls = map[faulty.Call]func(ctx context.Context, s store.Store) error{
	faulty.Submit: func(_ context.Context, s store.Store) error {
		_, _, err := s.Submit(&store.Batch{Log: logA, Entries: [][]byte{[]byte("x")}})
		return err
	},
	faulty.Commit: func(ctx context.Context, s store.Store) error {
		_, err := s.Commit(ctx, &store.Batch{Log: logA, Entries: [][]byte{[]byte("x")}})
		return err
	},
	faulty.Notify: func(_ context.Context, s store.Store) error {
		w := make(waiter, 1)
		s.Notify(0, w)
		return <-w
	},
	faulty.Sync: func(ctx context.Context, s store.Store) error { return s.Sync(ctx) },
	faulty.Read: func(_ context.Context, s store.Store) error {
		return s.Read(logA, 1, func(store.Position, []byte) bool { return true })
	},
	faulty.ReadAt:        func(_ context.Context, s store.Store) error { return found(s.ReadAt(logA, 9)) },
	faulty.Truncate:      func(_ context.Context, s store.Store) error { return s.Truncate(logA, 1, 2) },
	faulty.DropNamespace: func(_ context.Context, s store.Store) error { return s.DropNamespace("none") },
	faulty.Get:           func(_ context.Context, s store.Store) error { return found(s.Get([]byte("k"))) },
	faulty.List: func(_ context.Context, s store.Store) error {
		return s.List(nil, nil, func(store.Document) bool { return true })
	},
	faulty.Acquire: func(ctx context.Context, s store.Store) error {
		_, err := s.Lease().Acquire(ctx, "n", time.Hour)
		return err
	},
	faulty.Release: func(ctx context.Context, s store.Store) error {
		epoch, err := s.Lease().Acquire(ctx, "r", time.Hour)
		return errors.Join(err, s.Lease().Release(ctx, "r", epoch))
	},
	faulty.Publish: func(ctx context.Context, s store.Store) error { return s.Bus().Publish(ctx, "s", nil) },
	faulty.Subscribe: func(_ context.Context, s store.Store) error {
		cancel, err := s.Bus().Subscribe("s", func([]byte) {})
		if err == nil {
			cancel()
		}
		return err
	},
}

// found takes a missing thing for an answer.
func found[T any](_ T, err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

type waiter chan error

func (w waiter) Committed(_ store.Ticket, err error) { w <- err }

func TestFail(t *testing.T) {
	for kind, call := range calls {
		t.Run(kind.String(), func(t *testing.T) {
			s := open()
			defer s.Close()
			s.FailNth(kind, 2, errBad)
			s.FailNth(kind, 4, store.ErrFull)
			for i, want := range []error{nil, errBad, nil, store.ErrFull, nil} {
				if err := call(t.Context(), s); !errors.Is(err, want) {
					t.Errorf("call %d: %v, want %v", i+1, err, want)
				}
			}
			s.Fail(kind, errBad)
			for range 3 {
				if err := call(t.Context(), s); !errors.Is(err, errBad) {
					t.Errorf("told to fail always: %v", err)
				}
			}
			s.Heal(kind)
			if err := call(t.Context(), s); err != nil {
				t.Errorf("healed: %v", err)
			}
			if n := s.Calls(kind); n != 9 {
				t.Errorf("%d calls were counted, want 9", n)
			}
			for other := range calls {
				if other != kind && kind != faulty.Release && s.Calls(other) != 0 {
					t.Errorf("%d calls of %v were counted", s.Calls(other), other)
				}
			}
		})
	}
}

// TestFill is the disk that is full on request: what makes room is accepted.
func TestFill(t *testing.T) {
	s := open()
	defer s.Close()
	submit := func(b *store.Batch) error { _, _, err := s.Submit(b); return err }
	commit := func(b *store.Batch) error { _, err := s.Commit(t.Context(), b); return err }
	var put, rewrite, remove store.Batch
	put.Put([]byte("k"), nil)
	rewrite.Put([]byte("k"), nil)
	rewrite.Frees = true
	remove.Delete([]byte("k"))
	for _, fence := range [][]store.Fence{nil, {{Key: []byte("none")}}} {
		put.Fences, rewrite.Fences, remove.Fences = fence, fence, fence
		calls := map[string]func(*store.Batch) error{"Commit": commit}
		if fence == nil {
			calls["Submit"] = submit
		}
		for name, call := range calls {
			s.Fill()
			if err := call(&put); !errors.Is(err, store.ErrFull) || !s.Full() || !s.Stats().Full {
				t.Errorf("%s of what takes room: %v; full: %v, %v", name, err, s.Full(), s.Stats().Full)
			}
			if err := errors.Join(call(&rewrite), call(&remove), s.Truncate(logA, 1, 2)); err != nil {
				t.Errorf("%s of what makes room: %v", name, err)
			}
			s.Fail(faulty.Submit, store.ErrFull)
			s.Heal()
			if err := call(&put); err != nil || s.Full() || s.Stats().Full {
				t.Errorf("%s after Heal: %v; full: %v, %v", name, err, s.Full(), s.Stats().Full)
			}
		}
	}
}

// TestFailedDidNothing looks for traces of calls that failed.
func TestFailedDidNothing(t *testing.T) {
	s := open()
	defer s.Close()
	s.FailNth(faulty.Submit, 1, store.ErrFull)
	s.FailNth(faulty.Commit, 1, store.ErrConflict)
	for _, kind := range []faulty.Call{faulty.Submit, faulty.Commit} {
		if err := calls[kind](t.Context(), s); err == nil {
			t.Errorf("%v did not fail", kind)
		}
	}
	if first, last := s.Bounds(logA); last != 0 {
		t.Errorf("Bounds = %d, %d after failed calls", first, last)
	}
	s.Fail(faulty.Close, errBad)
	if err := s.Close(); !errors.Is(err, errBad) {
		t.Errorf("Close = %v, want %v", err, errBad)
	}
	s.Heal()
	if err := calls[faulty.Submit](t.Context(), s); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Submit after a failed Close: %v, want ErrClosed", err)
	}
}

// TestHistories holds and releases, and restarts after crashes, at random: what
// is not held must be as in the model, what is held must not be seen.
func TestHistories(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		inner := memory.New(memory.Options{})
		defer inner.Close()
		s := faulty.New(inner)
		m := storetest.NewModel() // what was submitted
		var durable *storetest.Model
		n, holding := 0, false
		t.Repeat(map[string]func(*rapid.T){
			"submit": func(t *rapid.T) {
				n++
				b := storetest.DrawBatch(t, 4, fmt.Sprint(n))
				first, ticket, err := s.Submit(b)
				if want := m.Apply(b); err != nil || first != want {
					t.Fatalf("Submit = %d, %v, want %d", first, err, want)
				}
				if holding && len(b.Entries) > 0 && s.Durable() >= ticket {
					t.Fatalf("ticket %d is durable and held", ticket)
				}
			},
			"truncate": func(t *rapid.T) {
				from, to := storetest.DrawSpan(t, m, logA)
				if err := s.Truncate(logA, from, to); err != nil {
					t.Fatalf("Truncate: %v", err)
				}
				m.Truncate(logA, from, to)
			},
			"hold": func(t *rapid.T) {
				if !holding {
					_ = s.Sync(context.Background())
					s.Hold()
					holding, durable = true, m.Clone()
				}
			},
			"release": func(*rapid.T) { s.Release(); holding = false },
			"crash": func(*rapid.T) {
				s.Crash(errBad)
				s = faulty.New(inner)
				if holding {
					m, holding = durable, false
				}
			},
			"": func(t *rapid.T) {
				want := m
				if holding {
					want = durable
				} else if err := s.Sync(context.Background()); err != nil {
					t.Fatalf("Sync: %v", err)
				}
				if err := want.Compare(inner, false); err != nil {
					t.Fatalf("holding %v: %v", holding, err)
				}
			},
		})
	})
}
