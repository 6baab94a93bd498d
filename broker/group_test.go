package broker

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"gridmq/mqtt"
	"gridmq/session"
	"gridmq/store"
	"gridmq/store/faulty"
)

const share = "$share/g/t"

// member connects a client of the group that takes one message at a time.
func (h *house) member(id string, wishes ...wish) *device {
	h.t.Helper()
	d := h.connect(id, append(wishes, receiveMaximum(1))...)
	d.subscribe(share)
	return d
}

func (d *device) publishMany(topic string, qos byte, from, to int) {
	d.t.Helper()
	for i := from; i <= to; i++ {
		d.publish(text{topic: topic, payload: fmt.Sprint(i), qos: qos})
	}
}

// TestSharedReturns: what a member has not acknowledged goes to another when
// its session ends, whatever way that is; QoS 2 that has started goes to nobody.
func TestSharedReturns(t *testing.T) {
	ends := map[string]struct {
		wish wish
		end  func(h *house, d *device)
	}{
		"volatile, lost":                   {clean, func(_ *house, d *device) { d.lose() }},
		"volatile, taken over":             {clean, func(h *house, _ *device) { h.connect("a", clean).lose() }},
		"durable, ends by DISCONNECT":      {expiry(100), func(_ *house, d *device) { d.disconnect(mqtt.Success, 0) }},
		"durable, lost, expires":           {expiry(100), func(_ *house, d *device) { d.lose(); time.Sleep(101 * time.Second) }},
		"durable, clean start":             {expiry(100), func(h *house, _ *device) { h.connect("a", clean).lose() }},
		"durable, lost, then clean start":  {expiry(100), func(h *house, d *device) { d.lose(); h.connect("a", clean).lose() }},
		"durable, crash, then clean start": {expiry(100), func(h *house, _ *device) { h.crash(); h.connect("a", clean).lose() }},
	}
	for name, test := range ends {
		for qos := byte(1); qos <= 2; qos++ {
			for _, other := range []string{"volatile", "durable"} {
				t.Run(fmt.Sprintf("%s/QoS %d, other %s", name, qos, other), func(t *testing.T) {
					virtual(t, func(t *testing.T, h *house) {
						otherWish := clean
						if other == "durable" {
							otherWish = expiry(1000)
						}
						d := h.member("a", test.wish)
						pub := h.connect("pub", clean)
						pub.put(text{topic: "t", payload: "1", qos: qos})
						if m := want[*delivered](d); m.Payload != "1" {
							t.Fatalf("received %q", m.Payload)
						}
						h.connect("b", otherWish).subscribe(share)
						synctest.Wait()
						b := h.session("b").conn // crash takes it away
						test.end(h, d)
						synctest.Wait()
						var dev *device
						if x := h.session("b"); x == nil || x.conn != b {
							if other == "volatile" {
								return // the crash has ended the group's other member
							}
						}
						dev = h.connect("b", otherWish, expiry(1000))
						if other == "volatile" {
							dev.subscribe(share)
						}
						if qos == 2 {
							dev.quiet(time.Minute) // [MQTT-4.8.2-5]
						} else if other == "durable" {
							dev.receives("1")
						}
						h.settled()
					})
				})
			}
		}
	}
}

// TestSharedGoesToOthers: what a durable member has not acknowledged goes to
// another as soon as its connection is lost, or the broker has crashed; not when
// it is the only member, and not QoS 2 that has started.
func TestSharedGoesToOthers(t *testing.T) {
	for name, lose := range map[string]func(*house, *device){
		"lost":       func(_ *house, d *device) { d.lose() },
		"DISCONNECT": func(_ *house, d *device) { d.disconnect(mqtt.Success) },
		"restart":    func(h *house, _ *device) { h.restart() },
		"crash":      func(h *house, _ *device) { h.crash() },
	} {
		for qos := byte(1); qos <= 2; qos++ {
			for _, alone := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/QoS %d/alone %v", name, qos, alone), func(t *testing.T) {
					virtual(t, func(t *testing.T, h *house) {
						a := h.member("a", expiry(1000))
						h.connect("pub", clean).publishMany("t", qos, 1, 1)
						first := want[*delivered](a)
						if qos == 2 {
							a.ack(mqtt.PUBREC, first.ID)
							want[*mqtt.Ack](a)
						}
						b := h.connect("b", expiry(1000))
						if !alone {
							b.subscribe(share)
						}
						synctest.Wait()
						h.settled()
						lose(h, a)
						synctest.Wait()
						h.settled()
						b = h.connect("b", expiry(1000))
						if qos == 1 && !alone {
							b.receives("1")
						} else {
							b.quiet(time.Minute)
						}
						synctest.Wait()
						a = h.connect("a", expiry(1000))
						switch {
						case qos == 2:
							if r := want[*mqtt.Ack](a); r.Type != mqtt.PUBREL || r.PacketID != first.ID {
								t.Errorf("got %v %d, want PUBREL %d", r.Type, r.PacketID, first.ID)
							}
							a.ack(mqtt.PUBCOMP, first.ID)
						case alone:
							if again := want[*delivered](a); again.Payload != "1" || again.ID != first.ID {
								t.Errorf("got %q with packet id %d, want 1 with %d", again.Payload, again.ID, first.ID)
							}
						default:
							a.quiet(time.Minute)
						}
						h.settled()
					})
				})
			}
		}
	}
}

// TestSharedStaysWithMember: QoS 2 that has started is completed with its
// member when that returns [MQTT-4.8.2-4].
func TestSharedStaysWithMember(t *testing.T) {
	virtual(t, func(t *testing.T, h *house) {
		a := h.member("a", expiry(100))
		b := h.member("b", expiry(100))
		pub := h.connect("pub", clean)
		pub.publishMany("t", 2, 1, 2)
		first := want[*delivered](a)
		second := want[*delivered](b)
		a.ack(mqtt.PUBREC, first.ID)
		want[*mqtt.Ack](a)
		a.lose()
		b.finish(second)
		b.quiet(time.Second)
		a = h.connect("a", expiry(100))
		if r := want[*mqtt.Ack](a); r.Type != mqtt.PUBREL || r.PacketID != first.ID {
			t.Errorf("got %v %d, want PUBREL %d", r.Type, r.PacketID, first.ID)
		}
		a.ack(mqtt.PUBCOMP, first.ID)
		h.settled()
	})
}

// TestSharedWaits: messages wait in the store while every member is away.
func TestSharedWaits(t *testing.T) {
	for name, again := range map[string]func(*house){"": func(*house) {}, "restart": (*house).restart, "crash": (*house).crash} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T, h *house) {
				h.member("a", expiry(1000)).lose()
				h.member("b", expiry(1000)).lose()
				pub := h.connect("pub", clean)
				pub.publishMany("t", 1, 1, 5)
				again(h)
				a := h.connect("a", expiry(1000))
				a.receives("1", "2", "3", "4", "5")
				synctest.Wait() // until the acknowledgements have been read
				h.settled()
				again(h)
				b := h.connect("b", expiry(1000))
				b.quiet(time.Minute)
			})
		})
	}
}

// TestSharedBecomesDurable: messages that wait in memory when the first durable
// member comes are stored, and a message that a volatile member has by then is
// not lost either.
func TestSharedBecomesDurable(t *testing.T) {
	virtual(t, func(t *testing.T, h *house) {
		v := h.member("v", clean)
		pub := h.connect("pub", clean)
		pub.publishMany("t", 1, 1, 3)
		want[*delivered](v) // 2 and 3 wait
		d := h.member("d", expiry(1000))
		if m := want[*delivered](d); m.Payload != "2" {
			t.Fatalf("received %q, want 2", m.Payload)
		}
		d.lose()
		v.lose() // 1 returns
		synctest.Wait()
		pub.publishMany("t", 1, 4, 4)
		h.settled()
		h.crash()
		d = h.connect("d", expiry(1000), receiveMaximum(10))
		d.receivesOf("1", "2", "3", "4") // 2 went back when d was lost
		h.settled()
	})
}

// TestSharedLastMember: with its last member the group ends, its document and
// what it holds are gone; what members have is theirs.
func TestSharedLastMember(t *testing.T) {
	for name, wish := range map[string]wish{"volatile": clean, "durable": expiry(1000)} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T, h *house) {
				d := h.member("a", wish)
				d2 := h.connect("late", expiry(1000))
				pub := h.connect("pub", clean)
				pub.publishMany("t", 2, 1, 5)
				first := want[*delivered](d)
				d.unsubscribe(share)
				d.finish(first)
				d.quiet(time.Second)
				h.settled()
				if n := h.ns().index.Len(); n != 0 {
					t.Errorf("%d filters left", n)
				}
				d2.subscribe(share)
				pub.publishMany("t", 1, 6, 6)
				d2.receives("6")
				h.settled()
				eventually(t, "no pointers", func() bool { return h.ns().queues.Stats().Live == 0 })
			})
		})
	}
}

// TestSharedWithoutMembers: a durable group whose members are all gone after a
// crash ends, and stays away.
func TestSharedWithoutMembers(t *testing.T) {
	virtual(t, func(t *testing.T, h *house) {
		h.member("v", clean)
		d := h.member("d", expiry(1000))
		d.disconnect(mqtt.Success, 0) // the group stays durable
		h.connect("pub", clean).publishMany("t", 1, 1, 3)
		h.crash()
		synctest.Wait()
		h.settled()
		if n := len(h.ns().shared); n != 0 {
			t.Fatalf("%d groups after the crash, want none", n)
		}
		e := h.member("e", expiry(1000))
		h.connect("pub", clean).publishMany("t", 1, 4, 4)
		e.receives("4")
		e.disconnect(mqtt.Success, 0)
		h.settled()
		if n := len(h.ns().shared); n != 0 {
			t.Errorf("%d groups in the end, want none", n)
		}
	})
}

// TestSharedHandedAtCrash: what a volatile member had when the broker crashed
// waits for the others again.
func TestSharedHandedAtCrash(t *testing.T) {
	virtual(t, func(t *testing.T, h *house) {
		h.member("d", expiry(1000)).lose()
		v := h.member("v", clean)
		h.connect("pub", clean).publishMany("t", 1, 1, 2)
		want[*delivered](v)
		g := h.ns().shared["g/t"]
		var state []byte
		g.mu.Lock()
		state = g.q.AppendState(state)
		g.mu.Unlock()
		h.ns().queues.Changed(g.id)
		h.crash()
		if g := h.ns().shared["g/t"]; g.q.Len() != 2 {
			t.Fatalf("%d messages, want 2; the state was %x", g.q.Len(), state)
		}
		d := h.connect("d", expiry(1000))
		d.receivesOf("1", "2")
		h.settled()
	})
}

// TestSharedHandedInSnapshot is the same with a snapshot that knows who had it.
func TestSharedHandedInSnapshot(t *testing.T) {
	virtual(t, func(t *testing.T, h *house) {
		h.member("d", expiry(1000)).lose()
		v := h.member("v", clean)
		h.connect("pub", clean).publishMany("t", 1, 1, 2)
		want[*delivered](v)
		b := h.b
		b.stop() // its queues take a last snapshot while v is there
		b.tasks.Go(func() {})
		synctest.Wait()
		h.crash()
		d := h.connect("d", expiry(1000))
		d.receivesOf("1", "2")
		h.settled()
	})
}

// TestSharedSlowMember: one member that keeps a message for ever must not make
// the group grow with what passes it.
func TestSharedSlowMember(t *testing.T) {
	for name, wish := range map[string]wish{"volatile": clean, "durable": expiry(1000)} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			stuck := h.member("stuck", clean)
			h.member("away", wish).lose()
			pub := h.connect("pub", clean)
			pub.publishMany("t", 1, 1, 1)
			want[*delivered](stuck)
			quick := h.member("quick", clean)
			for i := 2; i < 2000; i++ {
				pub.put(text{topic: "t", payload: "x", qos: 1})
				m := want[*delivered](quick)
				want[*mqtt.Ack](pub)
				quick.finish(m)
			}
			g := h.ns().shared["g/t"]
			g.mu.Lock()
			state := g.q.AppendState(nil)
			g.mu.Unlock()
			if len(state) > 100 {
				t.Errorf("the group's state has grown to %d bytes", len(state))
			}
			stuck.lose()
			h.settled()
		})
	}
}

// TestSharedBounds: what waits in a group is bounded in messages and bytes.
func TestSharedBounds(t *testing.T) {
	tests := map[string]struct {
		bounds session.Bounds
		size   int
		want   int
	}{
		"messages": {session.Bounds{Messages: 10}, 10, 40},
		"bytes":    {session.Bounds{Bytes: 1000}, 99, 40},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T, h *house) {
				h.member("a", expiry(1000)).lose()
				pub := h.connect("pub", clean)
				for i := range 100 {
					pub.publish(text{topic: "t", payload: fmt.Sprintf("%*d", test.size, i), qos: 1})
				}
				h.settled()
				g := h.ns().shared["g/t"]
				if n := g.q.Len(); n != test.want {
					t.Errorf("%d messages wait, want %d", n, test.want)
				}
				if m := h.connect("a", expiry(1000)).receive(); m.Payload != fmt.Sprintf("%*d", test.size, 60) {
					t.Errorf("the oldest is %q, want 60", m.Payload)
				}
			}, func(l *Limits) { l.Queue = test.bounds })
		})
	}
}

// TestSharedStoreFull: a group cannot be joined for good when that cannot be
// stored, and nothing is left of the attempt.
func TestSharedStoreFull(t *testing.T) {
	virtual(t, func(t *testing.T, h *house) {
		v := h.member("v", clean)
		d := h.connect("d", expiry(1000))
		for n := 1; n <= 2; n++ { // the group's document; the subscription's
			h.st.FailNth(faulty.Submit, n, store.ErrFull)
			if code := d.subscribe(share); code != mqtt.QuotaExceeded {
				t.Errorf("SUBACK %v, want %v", code, mqtt.QuotaExceeded)
			}
			h.st.Heal()
			h.settled()
		}
		h.connect("pub", clean).publishMany("t", 1, 1, 1)
		v.receives("1")
		if code := d.subscribe(share); code != mqtt.GrantedQoS2 {
			t.Errorf("SUBACK %v when there is space again", code)
		}
		v.lose()
		d.lose()
		h.connect("pub", clean).publishMany("t", 1, 2, 2)
		time.Sleep(time.Second) // that 1 is done is written lazily
		h.crash()
		h.connect("d", expiry(1000)).receives("2")
		h.settled()
	})
}
