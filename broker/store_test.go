package broker

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"gridmq/mqtt"
	"gridmq/store"
	"gridmq/store/faulty"
)

// TestDurableFirst: what must be durable before a packet is (design.md section
// 3), and what need not be is not waited for.
func TestDurableFirst(t *testing.T) {
	connect := func(p *mqtt.Connect) []byte { p.Version = mqtt.V5; return p.Append(nil) }
	tests := map[string]struct {
		packet func(d *device) []byte // sent while nothing becomes durable
		waits  bool
	}{
		"QoS 1 to nobody":            {func(d *device) []byte { return publishPacket("nobody", 1, 9, false) }, false},
		"QoS 1 to a clean session":   {func(d *device) []byte { return publishPacket("clean", 1, 9, false) }, false},
		"QoS 1 to a durable session": {func(d *device) []byte { return publishPacket("durable", 1, 9, false) }, true},
		"QoS 1, retained":            {func(d *device) []byte { return publishPacket("nobody", 1, 9, true) }, true},
		"QoS 2 from a durable one":   {func(d *device) []byte { return publishPacket("nobody", 2, 9, false) }, true},
		"SUBSCRIBE":                  {func(d *device) []byte { return subscribePacket("new") }, true},
		"UNSUBSCRIBE": {func(d *device) []byte {
			return (&mqtt.Unsubscribe{PacketID: 9, Filters: []string{"own"}}).Append(nil, mqtt.V5)
		}, true},
		"UNSUBSCRIBE of nothing": {func(d *device) []byte {
			return (&mqtt.Unsubscribe{PacketID: 9, Filters: []string{"none"}}).Append(nil, mqtt.V5)
		}, false},
		"PUBREL":  {func(d *device) []byte { return mqtt.AppendAck(nil, mqtt.V5, mqtt.PUBREL, 77, 0, "") }, true},
		"PINGREQ": {func(d *device) []byte { return mqtt.AppendPingreq(nil) }, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T, h *house) {
				h.connect("c", clean).subscribe("clean")
				h.connect("d", expiry(100)).subscribe("durable")
				d := h.connect("me", expiry(100))
				d.subscribe("own")
				d.put(text{topic: "nobody", qos: 2, id: 77})
				want[*mqtt.Ack](d)
				h.st.Hold()
				d.send(test.packet(d))
				p, err := d.read(time.Second)
				if (err == errQuiet) != test.waits {
					t.Fatalf("got %v (%v); must wait: %v", show(p), err, test.waits)
				}
				h.st.Release()
				if test.waits {
					if p, err := d.read(time.Second); err != nil {
						t.Errorf("no answer after it was durable (%v, %v)", p, err)
					}
				}
			})
		})
	}
	t.Run("CONNECT", func(t *testing.T) {
		virtual(t, func(t *testing.T, h *house) {
			h.st.Hold()
			for name, waits := range map[string]bool{"clean": false, "durable": true, "will": true} {
				p := &mqtt.Connect{ClientID: name, CleanStart: true}
				switch name {
				case "durable":
					expiry(10)(p)
				case "will":
					lastWill("a", "b", 0)(p)
				}
				d := h.dial(mqtt.V5)
				d.send(connect(p))
				if _, err := d.read(time.Second); (err == errQuiet) != waits {
					t.Errorf("%s: %v; must wait: %v", name, err, waits)
				}
			}
			h.st.Release()
		})
	})
	t.Run("PUBREL to a durable subscriber, and QoS 2 itself", func(t *testing.T) {
		virtual(t, func(t *testing.T, h *house) {
			d := h.connect("d", expiry(100))
			d.subscribe("a")
			pub := h.connect("pub", clean)
			h.st.Hold()
			pub.put(text{topic: "a", payload: "1", qos: 2})
			d.quiet(time.Second)
			h.st.Release()
			m := want[*delivered](d)
			h.st.Hold()
			d.ack(mqtt.PUBREC, m.ID)
			d.quiet(time.Second)
			h.st.Release()
			want[*mqtt.Ack](d)
		})
	})
}

func publishPacket(topic string, qos byte, id uint16, retain bool) []byte {
	return mqtt.AppendPublish(nil, &mqtt.Message{Topic: topic, Payload: []byte("x")},
		&mqtt.Out{Version: mqtt.V5, QoS: qos, PacketID: id, Retain: retain})
}

// TestStoreFull: what is told when durable work is refused, and that nothing of
// it remains.
func TestStoreFull(t *testing.T) {
	full := func(h *house) { h.st.Fail(faulty.Submit, store.ErrFull) }
	setup := func(h *house) (sub, pub *device) {
		sub = h.connect("sub", expiry(100))
		sub.subscribe("a")
		return sub, h.connect("pub", expiry(100))
	}
	t.Run("CONNECT of a new session", func(t *testing.T) {
		virtual(t, func(t *testing.T, h *house) {
			full(h)
			if ack := h.dial(mqtt.V5).tryLogin("new", expiry(100)); ack.Code != mqtt.QuotaExceeded {
				t.Errorf("CONNACK %v", ack.Code)
			}
			synctest.Wait()
			if h.session("new") != nil {
				t.Error("the session is there, though nobody was told")
			}
			h.connect("clean", clean).publish(text{topic: "x", qos: 1}) // service goes on
		})
	})
	t.Run("CONNECT of an old session", func(t *testing.T) {
		virtual(t, func(t *testing.T, h *house) {
			sub, pub := setup(h)
			sub.lose()
			pub.publish(text{topic: "a", payload: "1", qos: 1})
			full(h)
			if ack := h.dial(mqtt.V5).tryLogin("sub", expiry(100)); ack.Code != mqtt.QuotaExceeded {
				t.Errorf("CONNACK %v", ack.Code)
			}
			h.st.Heal()
			h.connect("sub", expiry(100)).receives("1")
		})
	})
	for qos := byte(1); qos <= 2; qos++ {
		t.Run(fmt.Sprint("PUBLISH QoS ", qos), func(t *testing.T) {
			virtual(t, func(t *testing.T, h *house) {
				sub, pub := setup(h)
				full(h)
				if code := pub.publish(text{topic: "a", payload: "no", qos: qos, id: 5}); code != mqtt.QuotaExceeded {
					t.Errorf("refused with %v", code)
				}
				pub.publish(text{topic: "a", payload: "0"})
				sub.receives("0") // QoS 0 goes on
				h.st.Heal()
				pub.publish(text{topic: "a", payload: "yes", qos: qos, id: 5}) // the identifier is free
				sub.receives("yes")
				sub.quiet(time.Second)
				h.settled()
			})
		})
	}
	t.Run("PUBLISH QoS 2 of 3.1.1 is not taken for a duplicate", func(t *testing.T) {
		virtual(t, func(t *testing.T, h *house) {
			sub, _ := setup(h)
			old := h.dial(mqtt.V311).login("old")
			full(h)
			old.put(text{topic: "a", payload: "1", qos: 2, id: 5})
			<-old.gone
			h.st.Heal()
			old = h.dial(mqtt.V311).login("old")
			old.publish(text{topic: "a", payload: "1", qos: 2, id: 5, dup: true}) // [MQTT-4.4.0-1]
			sub.receives("1")
		})
	})
	t.Run("PUBREC", func(t *testing.T) {
		virtual(t, func(t *testing.T, h *house) {
			sub, pub := setup(h)
			pub.publish(text{topic: "a", payload: "1", qos: 2})
			m := want[*delivered](sub)
			full(h)
			sub.ack(mqtt.PUBREC, m.ID)
			sub.ended(mqtt.QuotaExceeded)
			h.st.Heal()
			sub = h.connect("sub", expiry(100))
			again := want[*delivered](sub) // PUBREL would promise what is not stored
			if !again.Dup || again.ID != m.ID {
				t.Errorf("got %+v, want the message again", *again)
			}
			sub.finish(again)
			h.settled()
		})
	})
	t.Run("PUBREL", func(t *testing.T) {
		virtual(t, func(t *testing.T, h *house) {
			_, pub := setup(h)
			id := pub.put(text{topic: "a", payload: "1", qos: 2})
			want[*mqtt.Ack](pub)
			full(h)
			pub.ack(mqtt.PUBREL, id)
			pub.ended(mqtt.QuotaExceeded)
			h.st.Heal()
			pub = h.connect("pub", expiry(100))
			pub.ack(mqtt.PUBREL, id)
			if a := want[*mqtt.Ack](pub); a.Type != mqtt.PUBCOMP || a.Code != mqtt.Success {
				t.Errorf("got %v %v", a.Type, a.Code)
			}
		})
	})
	t.Run("SUBSCRIBE", func(t *testing.T) {
		virtual(t, func(t *testing.T, h *house) {
			sub, pub := setup(h)
			full(h)
			sub.send(subscribePacket("a", "b", "b"))
			for i, code := range want[*mqtt.Suback](sub).Codes {
				if code != mqtt.QuotaExceeded {
					t.Errorf("filter %d: %v", i, code)
				}
			}
			h.st.Heal()
			pub.publish(text{topic: "b", payload: "not subscribed", qos: 1})
			pub.publish(text{topic: "a", payload: "as before", qos: 2})
			if m := sub.receive(); m.Payload != "as before" || m.QoS != 2 {
				t.Errorf("received %+v, want the old subscription's", *m)
			}
			h.settled()
			h.restart()
			h.settled()
		})
	})
	t.Run("UNSUBSCRIBE", func(t *testing.T) {
		virtual(t, func(t *testing.T, h *house) {
			sub, pub := setup(h)
			full(h)
			if code := sub.unsubscribe("a"); code != mqtt.ImplementationSpecificError {
				t.Errorf("answered with %v, want a refusal: it could not be made to last", code)
			}
			h.st.Heal()
			pub.publish(text{topic: "a", payload: "still subscribed", qos: 1})
			sub.receives("still subscribed")
			if code := sub.unsubscribe("a"); code != mqtt.Success {
				t.Errorf("with room: %v", code)
			}
			pub.publish(text{topic: "a", payload: "1", qos: 1})
			sub.quiet(time.Second)
		})
	})
	t.Run("a will", func(t *testing.T) {
		virtual(t, func(t *testing.T, h *house) {
			sub, _ := setup(h)
			d := h.connect("w", clean, lastWill("a", "gone", 0))
			full(h)
			d.lose()
			h.st.Heal()
			sub.receives("gone") // it was promised with CONNACK, so it waits for room
		})
	})
}

// TestNotYetDurable: a message whose payload has been dropped from memory before
// it is durable is read as soon as it is, and never taken for lost.
func TestNotYetDurable(t *testing.T) {
	t.Run("held", func(t *testing.T) {
		virtual(t, func(t *testing.T, h *house) {
			d := h.connect("d", expiry(100))
			d.subscribe("a", atQoS(1))
			pub := h.connect("pub", clean)
			h.st.Hold()
			for i := range 100 {
				pub.put(text{topic: "a", payload: fmt.Sprint(i), qos: 1})
			}
			synctest.Wait()
			x := h.session("d")
			x.mu.Lock()
			x.s.Disconnect() // drops the payloads, as a connection that ends does
			x.s.Connect(x.conn.options(&mqtt.Connect{Version: mqtt.V5}))
			x.mu.Unlock()
			d.in = nil
			x.flush()
			time.Sleep(time.Second)
			h.st.Release()
			seen := map[string]bool{}
			for len(seen) < 100 {
				seen[d.receive().Payload] = true
			}
		})
	})
	t.Run("race", func(t *testing.T) {
		h := newHouse(t)
		pub := h.connect("pub", clean)
		d := h.connect("d", expiry(100))
		d.subscribe("a", atQoS(1))
		d.lose()
		const n = 1500
		published := make(chan struct{})
		go func() {
			defer close(published)
			for i := range n {
				pub.publish(text{topic: "a", payload: fmt.Sprintf("%05d", i), qos: 1})
			}
		}()
		seen := map[string]bool{}
		for len(seen) < n {
			d := h.connect("d", expiry(100), receiveMaximum(20))
			for range 30 {
				p, err := d.read(100 * time.Millisecond)
				if err != nil {
					break
				}
				m := p.(*delivered)
				seen[m.Payload] = true
				d.finish(m)
			}
			d.send(mqtt.AppendPingreq(nil))
			for {
				if p, err := d.read(patience); err != nil || p == mqtt.PINGRESP {
					break
				}
			}
			d.lose()
		}
		<-published // the last one's acknowledgement may come after the message
	})
}

// TestStoreFails: when the store fails for good, nothing is acknowledged any
// more, the broker says so, and can be closed.
func TestStoreFails(t *testing.T) {
	virtual(t, func(t *testing.T, h *house) {
		h.connect("sub", expiry(100)).subscribe("a")
		pub := h.connect("pub", clean)
		h.st.Hold()
		for range 1100 { // more answers than are waited for without reading on
			pub.put(text{topic: "a", payload: "x", qos: 1, id: 1})
		}
		synctest.Wait()
		h.st.Crash(errors.New("the disk is gone"))
		pub.quiet(time.Second)
		<-h.b.Failed()
		h.stop()
	}, func(l *Limits) { l.ReceiveMaximum = 0 })
}

// TestShutdownWithAnswersDue: a publisher that waits for the disk does not keep
// the broker from ending.
func TestShutdownWithAnswersDue(t *testing.T) {
	virtual(t, func(t *testing.T, h *house) {
		h.connect("sub", expiry(100)).subscribe("a")
		pub := h.connect("pub", clean)
		h.st.Hold()
		for range 1100 {
			pub.put(text{topic: "a", payload: "x", qos: 1, id: 1})
		}
		synctest.Wait()
		start := time.Now()
		done := make(chan error, 1)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		go func() { done <- h.b.Shutdown(ctx) }()
		<-pub.gone
		after(t, start, 0)
		h.st.Release()
		if err := <-done; err != nil {
			t.Errorf("Shutdown: %v", err)
		}
	}, func(l *Limits) { l.ReceiveMaximum = 0 })
}

// TestKeepAliveWhileHeld: a client whose packets we do not read must not be
// dropped because we have not read them.
func TestKeepAliveWhileHeld(t *testing.T) {
	virtual(t, func(t *testing.T, h *house) {
		h.connect("sub", expiry(100)).subscribe("a")
		pub := h.connect("pub", clean, keepAlive(2))
		h.st.Hold()
		for range 1100 {
			pub.put(text{topic: "a", payload: "x", qos: 1, id: 1})
		}
		for range 8 {
			time.Sleep(time.Second)
			pub.send(mqtt.AppendPingreq(nil))
		}
		h.st.Release()
		for acks, pongs := 0, 0; acks < 1100 || pongs == 0; { // a PINGRESP need not wait for the disk
			switch p, err := pub.read(patience); p.(type) {
			case *mqtt.Ack:
				acks++
			case mqtt.Type:
				pongs++
			default:
				t.Fatalf("got %v (%v) after %d acknowledgements", p, err, acks)
			}
		}
	}, func(l *Limits) { l.ReceiveMaximum = 0 })
}
