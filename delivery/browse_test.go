package delivery

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"
)

// browsed are the ids of what a queue is not done with, and where they are.
func (w *world) browsed() (ids []string, at map[string]uint64) {
	w.t.Helper()
	at = map[string]uint64{}
	err := w.queue().Browse(w.t.Context(), func(x Waiting) bool {
		ids, at[x.Event.ID] = append(ids, x.Event.ID), x.At
		return true
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return ids, at
}

// To look changes nothing; to finish an event takes it, and only it, from consumers, also
// after a restart.
func TestBrowseFinish(t *testing.T) {
	pull(t, nil, func(t *testing.T, w *world) {
		w.publish("a", "b", "c", "d", "e")
		held := w.receive(2, 0)
		ids, at := w.browsed()
		if fmt.Sprint(ids) != "[a b c d e]" {
			t.Fatalf("there are %v", ids)
		}
		if x, ok, err := w.queue().Look(at["d"]); err != nil || !ok || x.Event.ID != "d" || x.Published.IsZero() {
			t.Errorf("looked at %+v, %v, %v", x, ok, err)
		}
		for _, id := range []string{"d", "a", "d"} { // one that nobody had, one that is locked, and one again
			if err := w.queue().Finish(t.Context(), at[id]); err != nil {
				t.Fatalf("finish %s: %v", id, err)
			}
		}
		answers, err := w.queue().Acknowledge(t.Context(), tokensOf(held))
		wantCodes(t, answers, err, TokenLost, OK)
		if _, ok, err := w.queue().Look(at["d"]); ok || err != nil {
			t.Errorf("what is finished is there: %v, %v", ok, err)
		}
		if ids, _ = w.browsed(); fmt.Sprint(ids) != "[c e]" {
			t.Errorf("left are %v", ids)
		}
		w.restart(day, subscription())
		if ids, _ = w.browsed(); fmt.Sprint(ids) != "[c e]" {
			t.Errorf("after a restart there are %v", ids)
		}
		w.publish("f")
		if got := fmt.Sprint(names(w.receive(10, 0))); got != "[c:1 e:1 f:1]" {
			t.Errorf("received %v: a look on the way is no delivery", got)
		}
		if err := w.queue().Finish(t.Context(), at["e"]+1000); err != nil {
			t.Errorf("finish what never was: %v", err)
		}
	})
}

func TestBrowseEnds(t *testing.T) {
	pull(t, func(s *Subscription, o *Options) { o.Limits.Outstanding = 2 }, func(t *testing.T, w *world) {
		w.publish("a", "b", "c", "d")
		n := 0
		if err := w.queue().Browse(t.Context(), func(Waiting) bool { n++; return n < 3 }); err != nil || n != 3 {
			t.Errorf("told %d, %v", n, err)
		}
		_, at := w.browsed()
		if err := w.queue().Finish(t.Context(), at["d"]); !errors.Is(err, errCrowded) {
			t.Errorf("behind more than may be out: %v", err)
		}
		if ids, _ := w.browsed(); !slices.Equal(ids, []string{"a", "b", "c", "d"}) {
			t.Errorf("there are %v", ids)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := w.queue().Browse(ctx, func(Waiting) bool { return true }); !errors.Is(err, context.Canceled) {
			t.Errorf("after an interrupt: %v", err)
		}
		time.Sleep(day)
		if ids, _ := w.browsed(); len(ids) != 0 {
			t.Errorf("after their time to live there are %v", ids)
		}
		q := w.queue()
		if err := w.p.DeleteSubscription("plant", "orders", "billing"); err != nil {
			t.Fatal(err)
		}
		if err := q.Browse(t.Context(), func(Waiting) bool { return true }); !errors.Is(err, ErrGone) {
			t.Errorf("of a subscription that is gone: %v", err)
		}
	})
}
