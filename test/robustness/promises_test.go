package robustness

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"gridmq/internal/bubble"
	"gridmq/mqtt"
)

// TestDurableBefore keeps the table of design.md section 3: what must be durable
// before which packet. Durability stands still, the packet must not come; it
// goes on, and the packet comes. Time is virtual, so "does not come" is exact.
func TestDurableBefore(t *testing.T) {
	for name, c := range promises {
		t.Run(name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				h := newHouse(t)
				n := h.enter()
				came, act := c(t, h)
				synctest.Wait()
				n.st.Hold()
				done := make(chan struct{})
				go func() {
					act()
					close(done)
				}()
				synctest.Wait()
				if came() {
					t.Error("it came before anything was durable")
				}
				n.st.Release()
				synctest.Wait()
				if !came() {
					t.Error("it did not come although everything is durable")
				}
				<-done
			})
		})
	}
}

// A promise prepares a scene and returns what causes the packet, and whether it
// has come.
type promise func(t *testing.T, h *house) (came func() bool, act func())

// once counts something that must happen once.
type once struct{ atomic.Int32 }

func (o *once) note()      { o.Add(1) }
func (o *once) came() bool { return o.Load() > 0 }

// returning is a promise about the return of a call.
func returning(call func() error) func(t *testing.T, o *once) func() {
	return func(t *testing.T, o *once) func() {
		return func() {
			if err := call(); err != nil {
				t.Error(err)
			}
			o.note()
		}
	}
}

var promises = map[string]promise{
	"CONNACK of a new session": func(t *testing.T, h *house) (func() bool, func()) {
		var o once
		d := h.guest("new", mqtt.V5)
		return o.came, returning(func() error { _, _, err := d.connect(context.Background()); return err })(t, &o)
	},
	"CONNACK of a session resumed": func(t *testing.T, h *house) (func() bool, func()) {
		var o once
		d := h.guest("again", mqtt.V311)
		h.depart(d, h.arrive(d))
		return o.came, returning(func() error { _, _, err := d.connect(context.Background()); return err })(t, &o)
	},
	"CONNACK of a clean start over a session": func(t *testing.T, h *house) (func() bool, func()) {
		var o once
		d := h.guest("clean", mqtt.V5)
		h.depart(d, h.arriveFor(d, 1, "a/#"))
		d.clean = true
		return o.came, returning(func() error { _, _, err := d.connect(context.Background()); return err })(t, &o)
	},
	"CONNACK of a clean start into a session that is not kept": func(t *testing.T, h *house) (func() bool, func()) {
		var o once
		d := h.guest("clean", mqtt.V5)
		h.depart(d, h.arriveFor(d, 1, "a/#"))
		d.clean, d.expiry = true, 0
		return o.came, returning(func() error { _, _, err := d.connect(context.Background()); return err })(t, &o)
	},
	"SUBACK": func(t *testing.T, h *house) (func() bool, func()) {
		var o once
		d := h.guest("sub", mqtt.V5)
		h.arrive(d)
		return o.came, returning(func() error { _, err := d.subscribe(1, "a", "b/#"); return err })(t, &o)
	},
	"UNSUBACK": func(t *testing.T, h *house) (func() bool, func()) {
		var o once
		d := h.guest("sub", mqtt.V5)
		h.arriveFor(d, 1, "a", "b/#")
		return o.came, returning(func() error { _, err := d.unsubscribe("a"); return err })(t, &o)
	},
	"PUBACK with a session away": acknowledged(1, false, true),
	"PUBREC with a session away": acknowledged(2, false, true),
	"PUBACK of a retained":       acknowledged(1, true, false),
	"PUBREC of a retained":       acknowledged(2, true, false),
	"PUBREC of a kept publisher": acknowledged(2, false, false),
	"PUBCOMP": func(t *testing.T, h *house) (func() bool, func()) {
		var o once
		d := h.guest("pub", mqtt.V5)
		d.finished = func(*parcel) { o.note() }
		pubrec := make(chan struct{})
		d.answered = func(*parcel, mqtt.Code) {
			h.now.Load().st.Hold() // PUBREL leaves when this returns
			close(pubrec)
		}
		h.arrive(d)
		d.publish(mqtt.Message{Topic: "a", QoS: 2, Payload: payload(1, 10)}, nil)
		return o.came, func() { <-pubrec }
	},
	"PUBREL to a subscriber": func(t *testing.T, h *house) (func() bool, func()) {
		d, p := h.guest("sub", mqtt.V5), h.guest("pub", mqtt.V5)
		h.arriveFor(d, 2, "a")
		h.arrive(p)
		d.heard = func(*heard) { h.now.Load().st.Hold() } // PUBREC leaves when this returns
		p.publish(mqtt.Message{Topic: "a", QoS: 2, Payload: payload(1, 10)}, nil)
		synctest.Wait()
		return func() bool { // PUBREL has come: nothing is open
			d.mu.Lock()
			defer d.mu.Unlock()
			return len(d.received) == 0
		}, func() {}
	},
	"PUBLISH of QoS 2 to a session that stays": func(t *testing.T, h *house) (func() bool, func()) {
		var o once
		d, p := h.guest("sub", mqtt.V5), h.guest("pub", mqtt.V5)
		d.heard = func(*heard) { o.note() }
		h.arriveFor(d, 2, "a")
		h.arrive(p)
		return o.came, func() { p.publish(mqtt.Message{Topic: "a", QoS: 2, Payload: payload(1, 10)}, nil) }
	},
}

// acknowledged is a promise about the answer to a PUBLISH, with or without a
// persistent session that wants it.
func acknowledged(qos byte, retain, wanted bool) promise {
	return func(t *testing.T, h *house) (func() bool, func()) {
		var o once
		if wanted {
			d := h.guest("away", mqtt.V5)
			h.depart(d, h.arriveFor(d, qos, "a"))
		}
		p := h.guest("pub", mqtt.V5)
		p.answered = func(_ *parcel, c mqtt.Code) {
			if c.IsError() {
				t.Errorf("refused with %v", c)
			}
			o.note()
		}
		h.arrive(p)
		return o.came, func() {
			p.publish(mqtt.Message{Topic: "a", QoS: qos, Retain: retain, Payload: payload(1, 10)}, nil)
		}
	}
}

// TestNothingToWaitFor is the other side of the table: what has nothing to wait
// for comes although the disk stands still.
func TestNothingToWaitFor(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		h := newHouse(t)
		n := h.enter()
		volatile := h.guest("volatile", mqtt.V5)
		volatile.expiry = 0
		kept := h.guest("kept", mqtt.V5)
		var zero, one, early, acks once
		volatile.heard = func(m *heard) {
			if m.qos == 0 {
				zero.note()
			} else {
				one.note()
			}
		}
		kept.heard = func(m *heard) { early.note() }
		h.arriveFor(volatile, 2, "v", "k")
		h.arriveFor(kept, 1, "k")
		p := h.guest("pub", mqtt.V5)
		p.answered = func(*parcel, mqtt.Code) { acks.note() }
		h.arrive(p)
		synctest.Wait()

		n.st.Hold()
		p.publish(mqtt.Message{Topic: "v", QoS: 1, Payload: payload(1, 10)}, nil)
		p.publish(mqtt.Message{Topic: "k", QoS: 0, Payload: payload(1, 10)}, nil)
		synctest.Wait()
		if !acks.came() || !one.came() {
			t.Errorf("QoS 1 between sessions that are not kept waits for the disk: acknowledged %v, delivered %v", acks.came(), one.came())
		}
		if !zero.came() {
			t.Error("QoS 0 waits for the disk")
		}
		early.Store(0)
		p.publish(mqtt.Message{Topic: "k", QoS: 1, Payload: payload(2, 10)}, nil)
		synctest.Wait()
		if !early.came() {
			t.Error("QoS 1 to a session that is there and kept waits for the disk (design.md section 3, step 2)")
		}
		if acks.Load() != 1 {
			t.Errorf("%d acknowledgements, want 1: the second message is not durable", acks.Load())
		}
		l := h.guest("visitor", mqtt.V5)
		l.expiry = 0
		h.arriveFor(l, 1, "v")
		n.st.Release()
	})
}
