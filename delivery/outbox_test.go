package delivery

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gridmq/store"
	"gridmq/store/faulty"
)

// A hand is a pusher that a test moves.
type hand struct {
	mu      sync.Mutex
	box     *Outbox
	wakes   int
	stopped []time.Duration
}

func (h *hand) Start(o *Outbox) Pusher { h.box = o; return h }
func (h *hand) Wait()                  {}
func (h *hand) Changed()               {}

func (h *hand) Wake() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.wakes++
}

func (h *hand) Stop(grace time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stopped = append(h.stopped, grace)
}

// woken says whether h was woken since it was asked the last time.
func (h *hand) woken() bool {
	synctest.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	n := h.wakes
	h.wakes = 0
	return n > 0
}

func pushTo(url string) Subscription {
	s := subscription()
	s.Created, s.Mode = 2, Push
	s.Destination = &Destination{WebHook: &WebHook{URL: url, MaxEvents: 1, PreferredBytes: 1 << 16}}
	s.DeadLetters = &DeadLetters{"/a", "c"}
	return s
}

func byHand(t *testing.T, f func(*testing.T, *world, *hand, *faulty.Store)) {
	t.Helper()
	refused(t, func(t *testing.T, w *world, s *faulty.Store) {
		w.close()
		h := &hand{}
		w.o.Pushers = h
		w.open()
		w.tell(day, pushTo("https://x"))
		f(t, w, h, s)
	})
}

// take takes what is there and wants these: "id:count".
func (w *world) take(h *hand, want string) []Attempt {
	w.t.Helper()
	list, _, err := h.box.Take(w.t.Context(), 100, 1<<20)
	if err != nil {
		w.t.Fatalf("Take: %v", err)
	}
	slices.SortFunc(list, func(a, b Attempt) int { return cmp.Compare(a.Event.ID, b.Event.ID) })
	var got []string
	for _, a := range list {
		got = append(got, fmt.Sprintf("%s:%d", a.Event.ID, a.Count))
	}
	if fmt.Sprint(got) != want {
		w.t.Fatalf("taken %v, want %s", got, want)
	}
	return list
}

func retries(list []Attempt, next time.Time) (all []Retry) {
	for _, a := range list {
		all = append(all, Retry{a, next})
	}
	return all
}

// The pusher is woken by an event, by the end of a delay, and of a lock.
func TestPusherIsWoken(t *testing.T) {
	byHand(t, func(t *testing.T, w *world, h *hand, _ *faulty.Store) {
		h.woken()
		w.take(h, "[]")
		if h.woken() {
			t.Error("woken by nothing")
		}
		w.publish("a")
		if !h.woken() {
			t.Fatal("not woken by an event")
		}
		list := w.take(h, "[a:1]")
		if err := h.box.Failed(retries(list, time.Now().Add(10*time.Second)), Busy); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10*time.Second - time.Millisecond)
		if h.woken() {
			t.Error("woken before the delay is over")
		}
		time.Sleep(time.Millisecond)
		if !h.woken() {
			t.Fatal("not woken after the delay")
		}
		list = w.take(h, "[a:2]")
		time.Sleep(PushLock)
		if !h.woken() {
			t.Fatal("not woken after the lock")
		}
		if err := h.box.Delivered(list); err != nil || w.queue().Stats().LostTokens != 1 {
			t.Errorf("Delivered = %v, stats %+v", err, w.queue().Stats())
		}
		list = w.take(h, "[a:3]")
		if err := h.box.Delivered(list); err != nil || w.queue().Stats().Received != 1 {
			t.Errorf("Delivered = %v, stats %+v", err, w.queue().Stats())
		}
	})
}

// Count, next time and the first attempt survive a restart.
func TestAttemptsSurvive(t *testing.T) {
	byHand(t, func(t *testing.T, w *world, h *hand, _ *faulty.Store) {
		w.publish("a", "b", "c")
		list := w.take(h, "[a:1 b:1 c:1]")
		began, id := list[0].Began, list[0].ID
		if err := h.box.Failed(retries(list[:1], time.Now().Add(time.Minute)), Busy); err != nil {
			t.Fatal(err)
		}
		if err := h.box.Return(list[1:2]); err != nil {
			t.Fatal(err)
		}
		w.restart(day, pushTo("https://x"))
		if fmt.Sprint(h.stopped) != "[2s]" {
			t.Errorf("stopped with grace %v", h.stopped)
		}
		w.take(h, "[b:1]") // c was under way, its lock holds
		time.Sleep(time.Minute)
		again := w.take(h, "[a:2 b:2 c:2]")
		if a := again[0]; !a.Began.Equal(began) || a.ID != id {
			t.Errorf("began %v, id %x, want %v, %x", a.Began, a.ID, began, id)
		}
		w.restart(day, pushTo("https://x")) // now from a snapshot of a second attempt
		time.Sleep(time.Minute)
		again = w.take(h, "[a:3 b:3 c:3]")
		if a := again[0]; !a.Began.Equal(began) {
			t.Errorf("began %v, want %v", a.Began, began)
		}
		if err := h.box.Failed(retries(again, time.Time{}), Unauthorized); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		letters := w.o.DeadLetters.(*sink).take()
		if len(letters) != 3 || letters[0].Reason != "Undeliverable due to client error" || letters[0].Result != "Unauthorized" || letters[0].Attempts != 3 {
			t.Errorf("letters %+v", letters)
		}
	})
}

// What a crash has ended, and used up, is told as such.
func TestUsedUpByCrash(t *testing.T) {
	byHand(t, func(t *testing.T, w *world, h *hand, _ *faulty.Store) {
		w.publish("a")
		for i := range 3 {
			w.take(h, fmt.Sprintf("[a:%d]", i+1))
			time.Sleep(PushLock)
			synctest.Wait()
		}
		letters := w.o.DeadLetters.(*sink).take()
		if len(letters) != 1 || letters[0].Reason != "Maximum delivery attempts was exceeded." || letters[0].Result != "Aborted" {
			t.Errorf("letters %+v", letters)
		}
	})
}

func TestOutboxRefused(t *testing.T) {
	byHand(t, func(t *testing.T, w *world, h *hand, s *faulty.Store) {
		w.publish("a")
		s.FailNth(faulty.Submit, 1, store.ErrFull)
		if _, _, err := h.box.Take(t.Context(), 1, 1000); !errors.Is(err, store.ErrFull) {
			t.Errorf("Take = %v", err)
		}
		list := w.take(h, "[a:1]") // nothing was counted
		s.FailNth(faulty.Submit, 1, store.ErrFull)
		if err := h.box.Delivered(list); !errors.Is(err, store.ErrFull) {
			t.Errorf("Delivered = %v", err)
		}
		time.Sleep(PushLock)
		list = w.take(h, "[a:2]")
		s.FailNth(faulty.Submit, 1, store.ErrFull)
		if _, err := h.box.Extend(list); !errors.Is(err, store.ErrFull) {
			t.Errorf("Extend = %v", err)
		}
		time.Sleep(PushLock / 2)
		kept, err := h.box.Extend(list)
		if err != nil || len(kept) != 1 || !kept[0].Until.Equal(time.Now().Add(PushLock)) {
			t.Errorf("Extend = %+v, %v", kept, err)
		}
		time.Sleep(PushLock - time.Millisecond)
		if err := h.box.Delivered(kept); err != nil || w.queue().Stats().Outstanding != 0 {
			t.Errorf("Delivered = %v, %+v", err, w.queue().Stats())
		}
		h.stopped = nil
		if err := w.p.DeleteSubscription(namespace, topicName, subName); err != nil || fmt.Sprint(h.stopped) != "[0s]" {
			t.Errorf("deleted: %v, stopped %v", err, h.stopped)
		}
		if err := h.box.Delivered(kept); !errors.Is(err, ErrGone) {
			t.Errorf("Delivered after the end = %v", err)
		}
		if err := w.p.SetSubscription(namespace, topicName, subscription()); err != nil { // for the end of the test
			t.Fatal(err)
		}
	})
}
