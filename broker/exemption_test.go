package broker

import (
	"fmt"
	"testing"
	"testing/synctest"

	"gridmq/mqtt"
	"gridmq/session"
)

// TestExemption: a session of the house has its own bounds while it is away, after a
// restart before it has come back, and for its session's end; its neighbour has not.
func TestExemption(t *testing.T) {
	virtual(t, func(t *testing.T, h *house) {
		dropped := 0 // under the lock of the one session that counts
		h.exempt = func(id string, l *Limits) *Exemption {
			if id != "bridge" {
				return nil
			}
			own := *l
			own.Queue, own.SessionExpiryMaximum, own.Subscriptions = session.Bounds{Messages: 20, Policy: session.DropNewest}, 0, 0
			return &Exemption{Limits: own, Dropped: func(why session.Reason) {
				if why == session.Overflow {
					dropped++
				}
			}}
		}
		h.restart()
		for _, id := range []string{"bridge", "other"} {
			d := h.connect(id, expiry(10_000))
			d.subscribe("x", atQoS(1))
			if code := d.subscribe("y", atQoS(1)); code.IsError() != (id == "other") {
				t.Errorf("%s: a second subscription: %v", id, code)
			}
			d.lose()
			if i, _ := h.b.Session("test", id); i.Expiry != map[string]uint32{"bridge": 10_000, "other": 100}[id] {
				t.Errorf("%s expires after %d s", id, i.Expiry)
			}
		}
		send := func(from, to int) {
			pub := h.connect("pub", clean)
			for i := from; i < to; i++ {
				pub.publish(text{topic: "x", payload: fmt.Sprint(i), qos: 1})
			}
			synctest.Wait()
		}
		waits := func(bridge, other int) {
			t.Helper()
			for id, want := range map[string]int{"bridge": bridge, "other": other} {
				if n, _ := h.waiting(id); n != want {
					t.Errorf("%d messages wait for %s, want %d", n, id, want)
				}
			}
		}
		send(0, 15)
		waits(15, 10)
		h.restart()
		send(15, 30)
		waits(20, 10)
		if dropped != 10 {
			t.Errorf("%d told as dropped, want 10", dropped)
		}
		d := h.connect("bridge", expiry(10_000))
		for i := range 20 {
			if m := want[*delivered](d); m.Payload != fmt.Sprint(i) {
				t.Fatalf("got %s, want %d", m.Payload, i)
			}
		}
	}, func(l *Limits) {
		l.Queue, l.SessionExpiryMaximum, l.Subscriptions = session.Bounds{Messages: 10}, 100, 1
	})
}

// TestBridgeMode: a bridge of 3.1.1 says so by a bit, is not sent its own messages, and
// sees what is retained; another client of 3.1.1 has it as the standard says.
func TestBridgeMode(t *testing.T) {
	for _, bridge := range []bool{true, false} {
		t.Run(fmt.Sprint(bridge), func(t *testing.T) {
			virtual(t, func(t *testing.T, h *house) {
				d := h.dial(mqtt.V311).login("b", clean, func(p *mqtt.Connect) { p.BridgeMode = bridge })
				d.subscribe("#", atQoS(1))
				d.put(text{topic: "own", payload: "1", qos: 0})
				synctest.Wait()
				h.connect("pub", clean).publish(text{topic: "r", payload: "2", qos: 0, retain: true})
				m := want[*delivered](d)
				if bridge == (m.Topic == "own") {
					t.Errorf("got %q first", m.Topic)
				}
				if !bridge {
					m = want[*delivered](d)
				}
				if m.Topic != "r" || m.Retain != bridge {
					t.Errorf("got %+v", *m)
				}
				d.subscribe("$share/g/#", atQoS(1)) // no local does not hold there
			})
		})
	}
}
