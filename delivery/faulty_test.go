package delivery

import (
	"bytes"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"gridmq/delivery/internal/copies"
	"gridmq/event"
	"gridmq/internal/bubble"
	"gridmq/store"
	"gridmq/store/faulty"
)

// refused runs f with a store that can be told to fail.
func refused(t *testing.T, f func(*testing.T, *world, *faulty.Store)) {
	t.Helper()
	bubble.Test(t, func(t *testing.T) {
		inner := inMemory()
		defer inner.Close()
		s := faulty.New(inner)
		sub, dead := subscription(), &sink{}
		sub.DeadLetters = &DeadLetters{"/a", "c"}
		w := newWorld(t, s, Options{DeadLetters: dead})
		w.tell(day, sub)
		f(t, w, s)
		s.Heal()
		time.Sleep(time.Minute) // what has to be tried again has been
		synctest.Wait()
		w.sameAsDisk()
		w.close()
	})
}

// sameAsDisk recovers a second plane from what is durable and compares.
func (w *world) sameAsDisk() {
	w.t.Helper()
	if err := w.store.Sync(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	q := w.queue()
	other, err := Open(w.store, w.o)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { other.stop(); <-other.done }() // without its Close, which writes
	var found *Queue
	for _, x := range *other.find(namespace, topicName).parts.Load() {
		found = x
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	found.book.SetPolicy(copies.Policy{MaxCount: q.sub.MaxDeliveryCount, Lifetime: q.lifetime.Load()})
	found.book.Expire(millis(time.Now()), 100) // follows from the time alone
	found.book.Advance(q.book.Cursor())        // over what no filter let through
	a, b := q.book.AppendSnapshot(nil), found.book.AppendSnapshot(nil)
	if !bytes.Equal(a, b) {
		w.t.Errorf("memory has %x, the disk %x", a, b)
	}
}

func TestRefusedWrites(t *testing.T) {
	full := store.ErrFull
	t.Run("publish", func(t *testing.T) {
		refused(t, func(t *testing.T, w *world, s *faulty.Store) {
			s.FailNth(faulty.Submit, 1, full)
			if err := w.stream().Publish(t.Context(), []event.Event{newEvent("a"), newEvent("b")}); !errors.Is(err, full) {
				t.Errorf("Publish = %v", err)
			}
			w.publish("c")
			answers, err := w.queue().Acknowledge(t.Context(), tokensOf(w.expect("c:1")))
			wantCodes(t, answers, err, OK)
		})
	})
	t.Run("receive", func(t *testing.T) {
		refused(t, func(t *testing.T, w *world, s *faulty.Store) {
			w.publish("a")
			s.FailNth(faulty.Submit, 1, full)
			if list, err := w.queue().Receive(t.Context(), 1, time.Second); !errors.Is(err, full) || len(list) != 0 {
				t.Errorf("Receive = %v, %v", names(list), err)
			}
			answers, err := w.queue().Acknowledge(t.Context(), tokensOf(w.expect("a:1"))) // nothing was counted
			wantCodes(t, answers, err, OK)
		})
	})
	t.Run("settle", func(t *testing.T) {
		refused(t, func(t *testing.T, w *world, s *faulty.Store) {
			w.publish("a", "b")
			tokens := tokensOf(w.expect("a:1", "b:1"))
			s.FailNth(faulty.Submit, 1, full)
			answers, err := w.queue().Acknowledge(t.Context(), append(tokens, "none"))
			wantCodes(t, answers, err, InternalServerError, InternalServerError, BadToken)
			answers, err = w.queue().Reject(t.Context(), tokens) // the caller repeats
			wantCodes(t, answers, err, OK, OK)
		})
	})
	t.Run("a lapse", func(t *testing.T) {
		refused(t, func(t *testing.T, w *world, s *faulty.Store) {
			w.publish("a")
			for range 3 {
				list := w.receive(1, 2*time.Minute)
				if len(list) != 1 {
					t.Fatal("nothing came")
				}
			}
			s.Fail(faulty.Submit, full)
			time.Sleep(2 * time.Minute) // the last lock is over, and it cannot be written
			s.Heal()
			time.Sleep(2 * time.Second)
			if st := w.queue().Stats(); st.DeadLettered != 1 || st.Failed == 0 {
				t.Errorf("stats %+v", st)
			}
		})
	})
	t.Run("a dead letter", func(t *testing.T) {
		refused(t, func(t *testing.T, w *world, s *faulty.Store) {
			w.publish("a")
			tokens := tokensOf(w.expect("a:1"))
			s.FailNth(faulty.Submit, 2, full) // the first is the settlement
			answers, err := w.queue().Reject(t.Context(), tokens)
			wantCodes(t, answers, err, OK)
			time.Sleep(2 * time.Second)
			if got := len(w.o.DeadLetters.(*sink).take()); got != 2 {
				t.Errorf("the sink has it %d times, want 2: the first hand-over was not noted", got)
			}
			if st := w.queue().Stats(); st.Departures != 0 {
				t.Errorf("stats %+v", st)
			}
		})
	})
}

// Nothing is answered before it is durable.
func TestNothingAnsweredBeforeItIsDurable(t *testing.T) {
	refused(t, func(t *testing.T, w *world, s *faulty.Store) {
		q := w.queue()
		held := func(what string, call func()) {
			t.Helper()
			s.Hold()
			done := make(chan struct{})
			go func() { call(); close(done) }()
			time.Sleep(time.Second)
			select {
			case <-done:
				t.Errorf("%s was answered before it was durable", what)
			default:
			}
			s.Release()
			<-done
		}
		held("Publish", func() { w.publish("a") })
		var list []Delivery
		held("Receive", func() { list, _ = q.Receive(t.Context(), 1, 0) })
		held("RenewLock", func() { _, _ = q.RenewLock(t.Context(), tokensOf(list)) })
		held("Release", func() { _, _ = q.Release(t.Context(), tokensOf(list), 0) })
		list = w.expect("a:2")
		held("Acknowledge", func() { _, _ = q.Acknowledge(t.Context(), tokensOf(list)) })
		if _, err := w.stream().Append([]byte("x")); err != nil {
			t.Fatal(err)
		}
	})
}

// A dead letter says what a crash cannot undo.
func TestNoDeadLetterBeforeItIsDurable(t *testing.T) {
	refused(t, func(t *testing.T, w *world, s *faulty.Store) {
		w.publish("a")
		tokens := tokensOf(w.expect("a:1"))
		s.Hold()
		done := make(chan struct{})
		go func() { _, _ = w.queue().Reject(t.Context(), tokens); close(done) }()
		time.Sleep(time.Second)
		if got := len(w.o.DeadLetters.(*sink).take()); got != 0 {
			t.Errorf("the sink has %d letters of a rejection that is not durable", got)
		}
		s.Release()
		<-done
		time.Sleep(time.Second)
		if got := len(w.o.DeadLetters.(*sink).take()); got != 1 {
			t.Errorf("the sink has %d letters, want 1", got)
		}
	})
}

// An append that is not durable when a receiver looks still wakes it.
func TestWokenByWhatWasUnderWay(t *testing.T) {
	refused(t, func(t *testing.T, w *world, s *faulty.Store) {
		s.Hold()
		if _, err := w.stream().Append([]byte("x")); err != nil {
			t.Fatal(err)
		}
		got := make(chan []Delivery)
		go func() {
			list, _ := w.queue().Receive(t.Context(), 1, time.Minute)
			got <- list
		}()
		time.Sleep(time.Second)
		start := time.Now()
		s.Release()
		if list := <-got; len(list) != 1 || time.Since(start) != 0 {
			t.Errorf("received %d after %v", len(list), time.Since(start))
		}
	})
}

// The same, with nothing but the receiver to ask for it: the queue is not parked.
func TestWokenWhenNotParked(t *testing.T) {
	refused(t, func(t *testing.T, w *world, s *faulty.Store) {
		w.publish("a")
		answers, err := w.queue().Acknowledge(t.Context(), tokensOf(w.expect("a:1")))
		wantCodes(t, answers, err, OK)
		s.Hold()
		if _, err := w.stream().Append([]byte("x")); err != nil {
			t.Fatal(err)
		}
		got := make(chan []Delivery)
		go func() {
			list, _ := w.queue().Receive(t.Context(), 1, time.Minute)
			got <- list
		}()
		time.Sleep(time.Second)
		s.Release()
		start := time.Now()
		if list := <-got; len(list) != 1 || time.Since(start) != 0 {
			t.Errorf("received %d after %v", len(list), time.Since(start))
		}
	})
}

// An event that is not durable when the cursor comes to the end expires in its time.
func TestExpiresThoughUnderWay(t *testing.T) {
	refused(t, func(t *testing.T, w *world, s *faulty.Store) {
		w.publish("a")
		time.Sleep(day - time.Second)
		s.Hold()
		if _, err := w.stream().Append([]byte("x")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second) // the cursor passes a
		s.Release()
		time.Sleep(day + time.Second)
		if st := w.queue().Stats(); st.DeadLettered != 2 {
			t.Errorf("stats %+v", st)
		}
	})
}
