package broker

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"gridmq/mqtt"
	"gridmq/session"
	"gridmq/store"
)

func withSubID(id uint32) func(*mqtt.Subscribe) {
	return func(p *mqtt.Subscribe) {
		p.Properties.SubscriptionIdentifiers = []uint32{id}
		p.Properties.Mark(mqtt.PropSubscriptionIdentifier)
	}
}

// TestSlotsAfterRestart: a message that waits for a subscription that is gone
// must not be given to another that got its slot.
func TestSlotsAfterRestart(t *testing.T) {
	virtual(t, func(t *testing.T, h *house) {
		d := h.connect("a", expiry(1000), receiveMaximum(1))
		d.subscribe("x", withSubID(1))
		d.subscribe("y", withSubID(2))
		pub := h.connect("pub", clean)
		pub.publish(text{topic: "x", payload: "first", qos: 1})
		pub.publish(text{topic: "y", payload: "second", qos: 1}) // waits
		first := want[*delivered](d)
		d.unsubscribe("y")
		d.lose()
		h.restart()
		d = h.connect("a", expiry(1000), receiveMaximum(1))
		if again := want[*delivered](d); again.ID != first.ID || fmt.Sprint(again.SubIDs) != "[1]" {
			t.Errorf("got %+v, want %+v again", *again, *first)
		} else {
			d.subscribe("z", withSubID(3))
			d.finish(again)
		}
		if m := d.receive(); m.Payload != "second" || len(m.SubIDs) > 0 {
			t.Errorf("got %+v, want second without identifiers", *m)
		}
		h.settled()
	})
}

// TestResumeAfterCrash: unacknowledged messages are sent again in order with
// their identifiers, a QoS 2 message that was received is only released again,
// and one that was published before is not published twice.
func TestResumeAfterCrash(t *testing.T) {
	for name, again := range map[string]func(*house){"restart": (*house).restart, "crash": (*house).crash} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T, h *house) {
				d := h.connect("a", expiry(1000), receiveMaximum(4))
				d.subscribe("x")
				pub := h.connect("pub", expiry(1000))
				for i := range 6 {
					pub.publish(text{topic: "x", payload: fmt.Sprint(i), qos: byte(1 + i%2)})
				}
				var sent []*delivered
				for range 4 {
					sent = append(sent, want[*delivered](d))
				}
				d.ack(mqtt.PUBACK, sent[2].ID) // out of order
				d.ack(mqtt.PUBREC, sent[1].ID)
				for got := (any)(nil); ; { // PUBREL, and perhaps the next message first
					got, _ = d.read(patience)
					if a, ok := got.(*mqtt.Ack); ok && a.Type == mqtt.PUBREL {
						break
					}
				}
				id := pub.put(text{topic: "x", payload: "6", qos: 2})
				want[*mqtt.Ack](pub)
				time.Sleep(time.Second)
				again(h)

				pub = h.connect("pub", expiry(1000))
				pub.put(text{topic: "x", payload: "6", qos: 2, id: id, dup: true})
				want[*mqtt.Ack](pub)
				pub.ack(mqtt.PUBREL, id)
				want[*mqtt.Ack](pub)

				d = h.connect("a", expiry(1000), receiveMaximum(10))
				var order []string
				for range 6 {
					switch p, _ := d.read(patience); p := p.(type) {
					case *delivered:
						order = append(order, p.Payload)
						if p.Payload < "4" && p.ID != sent[p.Payload[0]-'0'].ID {
							t.Errorf("%s has the identifier %d now", p.Payload, p.ID)
						}
					case *mqtt.Ack:
						order = append(order, p.Type.String())
						if p.PacketID != sent[1].ID {
							t.Errorf("PUBREL %d, want %d", p.PacketID, sent[1].ID)
						}
					}
				}
				if got, want := fmt.Sprint(order), "[0 PUBREL 3 4 5 6]"; got != want {
					t.Errorf("resumed with %v, want %v", got, want)
				}
				d.quiet(time.Second)
				h.settled()
			})
		})
	}
}

// TestRecoveryIsIdempotent: starting again and again without clients changes
// nothing.
func TestRecoveryIsIdempotent(t *testing.T) {
	virtual(t, func(t *testing.T, h *house) {
		d := h.connect("a", expiry(10_000), receiveMaximum(3))
		d.subscribe("x/#")
		d.subscribe("x/1")
		h.member("m", expiry(10_000)).lose()
		pub := h.connect("pub", clean)
		for i := range 9 {
			pub.publish(text{topic: "x/1", payload: fmt.Sprint(i), qos: byte(1 + i%2), retain: i == 5})
			pub.publish(text{topic: "t", payload: fmt.Sprint(i), qos: 1})
		}
		want[*delivered](d)
		d.lose()
		pub.lose()
		state := func() string {
			x := h.session("a")
			x.mu.Lock()
			defer x.mu.Unlock()
			g := h.ns().shared["g/t"]
			return fmt.Sprintf("%x %x %d", x.s.AppendState(nil), g.q.AppendState(nil), x.slot)
		}
		h.crash() // from now on what is queued may have been sent
		before := state()
		for i := range 4 {
			if i%2 == 0 {
				h.crash()
			} else {
				h.restart()
			}
			if got := state(); got != before {
				t.Fatalf("start %d: %s, want %s", i, got, before)
			}
			h.settled()
		}
	})
}

// TestExpiryGoesOn: a session whose client does not come back ends in time,
// however often the broker crashes meanwhile.
func TestExpiryGoesOn(t *testing.T) {
	virtual(t, func(t *testing.T, h *house) {
		h.connect("a", expiry(100)).subscribe("x")
		for range 3 {
			h.crash()
			time.Sleep(40 * time.Second)
		}
		synctest.Wait()
		if h.session("a") != nil {
			t.Error("the session is there 120 s after its client was lost, want it ended after 100 s")
		}
		h.settled()
	})
}

// TestNumbersLost: without the document of session numbers those in use are not
// given out again.
func TestNumbersLost(t *testing.T) {
	for name, value := range map[string][]byte{"gone": nil, "malformed": []byte("x")} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T, h *house) {
				d := h.connect("a", expiry(1000))
				d.subscribe("x")
				d.lose()
				k := h.ns().keys.ids()
				var b store.Batch
				if b.Delete(k); value != nil {
					b = store.Batch{}
					b.Put(k, value)
				}
				if _, _, err := h.st.Submit(&b); err != nil {
					t.Fatal(err)
				}
				h.restart()
				h.connect("b", expiry(1000)).lose()
				if a, b := h.session("a").id, h.session("b").id; b <= a {
					t.Errorf("the number of b is %d, want more than a's %d", b, a)
				}
				h.restart()
				h.connect("b", expiry(1000)).lose()
				h.connect("pub", clean).publish(text{topic: "x", payload: "1", qos: 1})
				h.connect("a", expiry(1000)).receives("1")
			})
		})
	}
}

// TestLeftDocuments: documents that belong to nobody, or that nobody can read,
// do not stop the start, and those that belong to nobody go.
func TestLeftDocuments(t *testing.T) {
	virtual(t, func(t *testing.T, h *house) {
		d := h.connect("a", expiry(1000))
		d.subscribe("x")
		d.lose()
		k := h.ns().keys
		var b store.Batch
		b.Put(k.subscription(4711, 1), encode(&subscriptionDoc{Filter: "y"}))
		b.Put(k.subscription(4711, 2), []byte("{"))
		b.Put(k.group("g/z"), encode(&groupDoc{Queue: 815}))
		b.Put(k.session(1), encode(&sessionDoc{ClientID: "a", Expiry: session.Never})) // older than the real one?
		old, newer := h.session("a").id, h.session("a").id+1
		b.Ops[len(b.Ops)-1].Key = k.session(newer)
		b.Put(k.session(volatileIDs|9), encode(&sessionDoc{ClientID: "a"}))
		if _, err := h.st.Commit(context.Background(), &b); err != nil {
			t.Fatal(err)
		}
		h.restart()
		time.Sleep(time.Second)
		synctest.Wait()
		h.settled()
		if x := h.session("a"); x == nil || x.id != newer {
			t.Errorf("session %v was kept, want %d and not %d", x, newer, old)
		}
		h.restart()
		h.settled()
	})
}

// TestVolatileNumbers: numbers of sessions that are not stored start again with
// each start, but never with one that a stored will still has.
func TestVolatileNumbers(t *testing.T) {
	virtual(t, func(t *testing.T, h *house) {
		h.connect("a", clean, lastWill("w", "x", 0))
		old := h.session("a").id
		h.st.Crash(nil)
		h.restart()
		h.connect("b", clean)
		if id := h.session("b").id; id == old {
			t.Errorf("number %x is used again", id)
		}
	})
}

// TestNamespaceNames: a name that would share its keys with another is refused.
func TestNamespaceNames(t *testing.T) {
	h := newHouse(t)
	for _, names := range [][]string{{"a/s"}, {"a", "a"}} {
		var list []NamespaceConfig
		for _, n := range names {
			list = append(list, NamespaceConfig{Name: n, Limits: StandardLimits()})
		}
		if b, err := New(Options{Store: h.st, Namespaces: list}); err == nil {
			t.Errorf("%q was accepted", names)
			_ = b.Close()
		}
	}
}
