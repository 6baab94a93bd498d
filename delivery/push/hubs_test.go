package push

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gridmq/delivery"
	"gridmq/tracing"
)

// hubs notes shipments and gives verdicts.
type hubs struct {
	verdict func(id string, count int) Verdict // nil: success
	took    time.Duration

	mu     sync.Mutex
	ships  []string
	traces []tracing.Context
	open   int
	most   int
	closed bool
}

func (h *hubs) Send(ctx context.Context, s *Shipment) []Verdict {
	h.mu.Lock()
	var ids []string
	for _, a := range s.Attempts {
		ids = append(ids, a.Event.ID)
	}
	h.ships = append(h.ships, strings.Join(ids, " "))
	h.traces = append(h.traces, s.Traces...)
	h.open++
	h.most = max(h.most, h.open)
	verdict := h.verdict
	h.mu.Unlock()
	defer func() { h.mu.Lock(); h.open--; h.mu.Unlock() }()
	all := make([]Verdict, len(s.Attempts))
	select {
	case <-time.After(h.took):
	case <-ctx.Done():
		for i := range all {
			all[i] = Verdict{Outcome: delivery.Canceled, Err: ctx.Err()}
		}
		return all
	}
	for i, a := range s.Attempts {
		if all[i].Outcome = delivery.Succeeded; verdict != nil {
			all[i] = verdict(a.Event.ID, a.Count)
		}
	}
	return all
}

func (h *hubs) ValidateHub(context.Context, *delivery.Destination) error {
	return errors.New("asked the hubs")
}

func (h *hubs) Close() { h.closed = true }

func (h *hubs) shipped() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.ships)
}

// inHubWorld is inWorld with hubs, and a subscription to one.
func inHubWorld(t *testing.T, h *hubs, f func(*testing.T, *world)) {
	inWorld(t, func(t *testing.T, w *world) {
		w.reopen(func(o *Options) { o.Hubs = h })
		w.tell(to("a", func(s *delivery.Subscription) {
			s.Destination = &delivery.Destination{EventHub: &delivery.EventHub{ResourceID: "/h"}}
		}))
		f(t, w)
	})
	if !h.closed {
		t.Error("the hubs are not closed")
	}
}

// TestHubInOrder: one shipment of a subscription at a time, in the order of the topic,
// with all that is there.
func TestHubInOrder(t *testing.T) {
	h := &hubs{took: time.Second}
	inHubWorld(t, h, func(t *testing.T, w *world) {
		for i := range 1500 {
			w.publish(fmt.Sprint(i))
		}
		after(time.Minute)
		ids := strings.Fields(strings.Join(h.shipped(), " "))
		if len(ids) != 1500 || !slices.IsSortedFunc(ids, func(a, b string) int { return len(a)*10_000 - len(b)*10_000 + strings.Compare(a, b) }) {
			t.Errorf("%d events, not in order: %.300v", len(ids), ids)
		}
		if h.most != 1 || len(h.shipped()) > 4 {
			t.Errorf("%d shipments, %d at once; want one at a time, of a thousand", len(h.shipped()), h.most)
		}
	})
}

// TestHubEachItsOwn: each event of a shipment has its own outcome, and one that was taken
// keeps the destination from being put aside.
func TestHubEachItsOwn(t *testing.T) {
	h := &hubs{verdict: func(id string, count int) Verdict {
		switch {
		case id == "never":
			return Verdict{Outcome: delivery.BadRequest, Final: true}
		case id == "later" && count == 1:
			return Verdict{Outcome: delivery.TimedOut, Delay: 20 * time.Second, Pause: time.Minute}
		}
		return Verdict{Outcome: delivery.Succeeded}
	}}
	inHubWorld(t, h, func(t *testing.T, w *world) {
		w.publish("1", "never", "later", "2")
		after(time.Second)
		w.wantDead("never 1 Undeliverable due to client error | BadRequest []")
		w.publish("3")
		after(time.Second)
		after(30 * time.Second)
		if got, want := h.shipped(), []string{"1 never later 2", "3", "later"}; !slices.Equal(got, want) {
			t.Errorf("shipped %q, want %q", got, want)
		}
	})
}

// TestHubPutAside: one that takes nothing is put aside, and then tried with one event.
func TestHubPutAside(t *testing.T) {
	var broken atomic.Bool
	broken.Store(true)
	h := &hubs{verdict: func(string, int) Verdict {
		if broken.Load() {
			return Verdict{Outcome: delivery.SocketError, Delay: 10 * time.Second, Pause: 30 * time.Second, Err: errors.New("refused")}
		}
		return Verdict{Outcome: delivery.Succeeded}
	}}
	inHubWorld(t, h, func(t *testing.T, w *world) {
		w.publish("1", "2", "3")
		after(40 * time.Second)
		w.publish("4")
		if got, want := h.shipped(), []string{"1 2 3", "1"}; !slices.Equal(got, want) {
			t.Errorf("shipped %q, want %q", got, want)
		}
		broken.Store(false)
		after(2 * time.Minute)
		if got := h.shipped(); len(got) != 4 || len(strings.Fields(got[3])) != 3 {
			t.Errorf("shipped %q, want one event and then the three others", got)
		}
	})
}

// TestHubCanceled: what was cancelled by others goes again at once, uncounted.
func TestHubCanceled(t *testing.T) {
	times := 0
	h := &hubs{verdict: func(string, int) Verdict {
		if times++; times <= 2 {
			return Verdict{Outcome: delivery.Canceled}
		}
		return Verdict{Outcome: delivery.Succeeded}
	}}
	inHubWorld(t, h, func(t *testing.T, w *world) {
		w.publish("1")
		after(time.Second)
		if got, s := h.shipped(), w.stats("a"); len(got) != 3 || s.Received != 1 || s.Undelivered != 0 {
			t.Errorf("shipped %q, stats %+v", got, s)
		}
	})
}

// TestHubValidated: hubs say themselves whether they can be had.
func TestHubValidated(t *testing.T) {
	inHubWorld(t, &hubs{}, func(t *testing.T, w *world) {
		d := &delivery.Destination{EventHub: &delivery.EventHub{ResourceID: "/h"}}
		if err := w.pool.ValidateEndpoint(t.Context(), namespace, d); err == nil || err.Error() != "asked the hubs" {
			t.Errorf("ValidateEndpoint: %v", err)
		}
	})
}
