package robustness

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"gridmq/internal/bubble"
	"gridmq/mqtt"
	"gridmq/store"
	"gridmq/store/faulty"
)

// TestFullForAWhile: the store refuses everything for a while, three times in
// the life of a town. What needs no store goes on without a hitch; everything
// else is refused and resumes by itself.
func TestFullForAWhile(t *testing.T) {
	defer goleak.VerifyNone(t)
	bubble.Test(t, func(t *testing.T) {
		h := newHouse(t)
		n := h.enter()
		talk := newTalk(t, h)
		w := newTown(t, h)
		var refusals atomic.Int64
		for _, p := range w.publishers {
			p.limit = 150 // some 0.4 s: there is work left in each of the outages
			answered := p.d.answered
			p.d.answered = func(x *parcel, c mqtt.Code) {
				if c.IsError() {
					refusals.Add(1)
				}
				answered(x, c)
			}
		}
		w.live(func(ctx context.Context) {
			for i := range 3 {
				idle(ctx, 25*time.Millisecond)
				before := refusals.Load()
				n.st.Fail(faulty.Submit, store.ErrFull)
				talk.goesOn(ctx)
				n.st.Heal()
				if refusals.Load() == before {
					t.Errorf("outage %d refused nothing: it has tested nothing", i+1)
				}
			}
		})
		w.judge()
		h.leave()
		h.enter()
		w.comeBack()
		w.judge()
	})
}

// A talk is two clients whose sessions end with their connections, and who have
// nothing to do with the disk.
type talk struct {
	t         *testing.T
	a, b      *device
	heard     atomic.Int64
	answered  atomic.Int64
	published int64
}

func newTalk(t *testing.T, h *house) *talk {
	k := &talk{t: t, a: h.guest("talk-a", mqtt.V5), b: h.guest("talk-b", mqtt.V311)}
	k.a.expiry, k.b.expiry = 0, 0
	k.b.heard = func(*heard) { k.heard.Add(1) }
	k.a.answered = func(_ *parcel, c mqtt.Code) {
		if c != mqtt.Success {
			t.Errorf("QoS 1 between sessions that are not kept was answered with %v", c)
		}
		k.answered.Add(1)
	}
	h.arriveFor(k.b, 1, "talk/#")
	h.arrive(k.a)
	return k
}

// goesOn publishes for a while and wants everything at once.
func (k *talk) goesOn(ctx context.Context) {
	for range 10 {
		k.a.publish(mqtt.Message{Topic: "talk/0", QoS: 0, Payload: payload(1, 50)}, nil)
		k.a.publish(mqtt.Message{Topic: "talk/1", QoS: 1, Payload: payload(1, 50)}, nil)
		k.published += 2
		idle(ctx, 10*time.Millisecond)
		if k.heard.Load() != k.published || k.answered.Load() != k.published/2 {
			k.t.Errorf("while the store is full: %d published, %d came, %d of %d acknowledged",
				k.published, k.heard.Load(), k.answered.Load(), k.published/2)
		}
	}
	if err := k.b.ping(time.Second); err != nil {
		k.t.Error(err)
	}
}
