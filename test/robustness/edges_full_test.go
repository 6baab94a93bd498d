package robustness

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"gridmq/internal/bubble"
	"gridmq/mqtt"
	"gridmq/store"
	"gridmq/store/faulty"
)

// Histories around a store that refuses one write. Each is a promise that a
// refusal in the wrong moment could break.

// inHouse runs a test in virtual time.
func inHouse(t *testing.T, run func(t *testing.T, h *house)) {
	bubble.Test(t, func(t *testing.T) { run(t, newHouse(t)) })
}

// collect makes d count what it hears, by number.
func collect(d *device) map[int64]int {
	got := make(map[int64]int)
	d.heard = func(m *heard) { got[number(m.payload)]++ }
	return got
}

// wantNumbers waits a second and compares; the bubble has come to rest then.
func wantNumbers(t *testing.T, who string, got map[int64]int, want ...int64) {
	t.Helper()
	time.Sleep(time.Second)
	synctest.Wait()
	for n, times := range got {
		if !slices.Contains(want, n) {
			t.Errorf("%s got message %d %d times, which must not come", who, n, times)
		}
	}
	for _, n := range want {
		if got[n] != 1 {
			t.Errorf("%s got message %d %d times, want once", who, n, got[n])
		}
	}
}

func number1(topic string, qos byte, n int64) mqtt.Message {
	return mqtt.Message{Topic: topic, QoS: qos, Payload: payload(n, 20)}
}

// A refused QoS 2 message has not been taken: its identifier is free, and the
// message sent again is a new one. 3.1.1 cannot say no, so it ends the connection.
func TestRefusedPublishIsNotTaken(t *testing.T) {
	for _, v := range []mqtt.Version{mqtt.V311, mqtt.V5} {
		t.Run(version(v), func(t *testing.T) {
			inHouse(t, func(t *testing.T, h *house) {
				n := h.enter()
				sub, pub := h.guest("sub", mqtt.V5), h.guest("pub", v)
				got := collect(sub)
				h.arriveFor(sub, 2, "a")
				h.arrive(pub)
				var code mqtt.Code
				pub.answered = func(_ *parcel, c mqtt.Code) { code = c }
				n.st.FailNth(faulty.Submit, 1, store.ErrFull)
				pub.publish(number1("a", 2, 1), nil)
				synctest.Wait()
				if v == mqtt.V5 {
					if code != mqtt.QuotaExceeded {
						t.Errorf("answered with %v, want %v", code, mqtt.QuotaExceeded)
					}
					pub.publish(number1("a", 2, 1), nil)
				} else {
					h.arrive(pub) // and sends it again
				}
				wantNumbers(t, "the subscriber", got, 1)
			})
		})
	}
}

func version(v mqtt.Version) string {
	if v == mqtt.V5 {
		return "5"
	}
	return "3.1.1"
}

// Who is refused has no session that a later CONNACK could tell of [MQTT-3.2.2-2].
func TestRefusedConnectLeavesNoSession(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		n := h.enter()
		h.arrive(h.guest("first", mqtt.V5)) // session numbers are reserved with the first
		d := h.guest("new", mqtt.V5)
		n.st.Fail(faulty.Submit, store.ErrFull)
		_, _, err := d.connect(context.Background())
		if r, ok := errors.AsType[refused](err); !ok || r.code != mqtt.QuotaExceeded {
			t.Fatalf("CONNECT with a full store: %v, want refused with %v", err, mqtt.QuotaExceeded)
		}
		n.st.Heal()
		_, present, err := d.connect(context.Background())
		if err != nil || present {
			t.Errorf("after that: session present %v, error %v; want a new session", present, err)
		}
	})
}

// A CONNECT that is refused changes nothing of the session that is there.
func TestRefusedConnectChangesNothing(t *testing.T) {
	for name, c := range map[string]struct {
		expiry uint32
		clean  bool
	}{
		"resume":                    {expiry: never},
		"resume until disconnected": {expiry: 0},
	} {
		t.Run(name, func(t *testing.T) {
			inHouse(t, func(t *testing.T, h *house) {
				n := h.enter()
				sub, pub := h.guest("sub", mqtt.V5), h.guest("pub", mqtt.V5)
				got := collect(sub)
				h.depart(sub, h.arriveFor(sub, 1, "a"))
				h.arrive(pub)
				pub.publish(number1("a", 1, 1), nil)
				synctest.Wait()

				n.st.Fail(faulty.Submit, store.ErrFull)
				again := h.guest("sub", mqtt.V5)
				again.expiry, again.resume = c.expiry, true
				if _, _, err := again.connect(context.Background()); err == nil {
					t.Fatal("CONNECT was accepted by a full store")
				}
				n.st.Heal()
				h.arrive(sub) // it is known, so the session must be present
				wantNumbers(t, "the subscriber", got, 1)
			})
		})
	}
}

// A clean start that is accepted is one for ever [MQTT-3.1.2-4]: when the old
// session cannot be removed from the store, CONNECT has to be refused.
func TestCleanStartWithFullStore(t *testing.T) {
	for name, expiry := range map[string]uint32{"kept": never, "not kept": 0} {
		t.Run(name, func(t *testing.T) {
			inHouse(t, func(t *testing.T, h *house) {
				n := h.enter()
				sub, pub := h.guest("sub", mqtt.V5), h.guest("pub", mqtt.V5)
				h.depart(sub, h.arriveFor(sub, 1, "a"))
				h.arrive(pub)
				pub.publish(number1("a", 1, 1), nil)
				synctest.Wait()

				fresh := h.guest("sub", mqtt.V5)
				fresh.clean, fresh.expiry = true, expiry
				n.st.FailNth(faulty.Submit, 1, store.ErrFull)
				l, _, err := fresh.connect(context.Background())
				if err != nil {
					return // refused, which is right
				}
				h.depart(fresh, l)
				h.leave()
				h.enter()
				old := h.guest("sub", mqtt.V5)
				got := collect(old)
				_, present, err := old.connect(context.Background())
				if err != nil {
					t.Fatal(err)
				}
				if present && expiry == 0 {
					t.Error("the session that a clean start had ended is present again after a restart")
				}
				wantNumbers(t, "the client", got)
			})
		})
	}
}

// A clean start that is refused leaves the session its will, which comes once, when
// it is due.
func TestWillOfRefusedCleanStart(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		n := h.enter()
		sub, d := h.guest("sub", mqtt.V5), h.guest("dying", mqtt.V5)
		got := collect(sub)
		h.arriveFor(sub, 1, "will")
		d.will = &mqtt.Will{Topic: "will", QoS: 1, Payload: payload(1, 20)}
		d.will.Properties.WillDelayInterval = 60
		d.will.Properties.Mark(mqtt.PropWillDelayInterval)
		l := h.arrive(d)
		l.close()
		d.readers.Wait()
		synctest.Wait()
		fresh := h.guest("dying", mqtt.V5)
		fresh.clean = true
		n.st.Fail(faulty.Submit, store.ErrFull)
		if _, _, err := fresh.connect(t.Context()); err == nil {
			t.Fatal("CONNECT was accepted although the session it replaces is still stored")
		}
		n.st.Heal()
		time.Sleep(time.Minute)
		wantNumbers(t, "the subscriber", got, 1)
	})
}

// A subscription that UNSUBACK has ended stays ended.
func TestUnsubscribeWithFullStore(t *testing.T) {
	for _, v := range []mqtt.Version{mqtt.V311, mqtt.V5} {
		t.Run(version(v), func(t *testing.T) {
			inHouse(t, func(t *testing.T, h *house) {
				n := h.enter()
				sub, pub := h.guest("sub", v), h.guest("pub", mqtt.V5)
				got := collect(sub)
				h.arriveFor(sub, 1, "a")
				n.st.FailNth(faulty.Submit, 1, store.ErrFull)
				if _, err := sub.unsubscribe("a"); err != nil {
					return // refused, or the connection ended: both are right
				}
				h.leave()
				h.enter()
				h.arrive(sub)
				h.arrive(pub)
				pub.publish(number1("a", 1, 1), nil)
				wantNumbers(t, "the client", got)
			})
		})
	}
}

// PUBREL says that PUBREC has been written down. When the store refused that,
// PUBREL has to wait for the next attempt, or a crash makes a second copy.
func TestPubrelAfterRefusedPubrec(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		n := h.enter()
		sub, pub := h.guest("sub", mqtt.V5), h.guest("pub", mqtt.V5)
		got := collect(sub)
		h.arriveFor(sub, 2, "a")
		h.arrive(pub)
		hear := sub.heard
		sub.heard = func(m *heard) {
			hear(m)
			n.st.Fail(faulty.Submit, store.ErrFull) // PUBREC leaves when this returns
		}
		pub.publish(number1("a", 2, 1), nil)
		synctest.Wait()
		sub.readers.Wait()
		if sub.lastReason() != mqtt.QuotaExceeded {
			t.Errorf("the subscriber's PUBREC was answered with %v, want DISCONNECT with %v", sub.lastReason(), mqtt.QuotaExceeded)
		}
		n.st.Heal()
		sub.heard = hear
		h.arrive(sub)
		n.st.Hold()
		synctest.Wait() // whatever follows from the connection has happened
		h.crash()
		sub.readers.Wait()
		h.enter()
		h.arrive(sub)
		wantNumbers(t, "the subscriber", got, 1)
	})
}

// Retained messages come although the store was full when it was their turn.
func TestRetainedWithFullStore(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		n := h.enter()
		sub, pub := h.guest("sub", mqtt.V5), h.guest("pub", mqtt.V5)
		got := collect(sub)
		h.arrive(pub)
		m := number1("a", 1, 1)
		m.Retain = true
		pub.publish(m, nil)
		synctest.Wait()
		h.arrive(sub)
		n.st.FailNth(faulty.Submit, 2, store.ErrFull) // 1 is the subscription
		if _, err := sub.subscribe(1, "a"); err != nil {
			t.Fatal(err)
		}
		wantNumbers(t, "the subscriber", got, 1)
	})
}

// A will is a promise of CONNACK: it waits until the store takes it.
func TestWillWithFullStore(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		n := h.enter()
		sub, dying := h.guest("sub", mqtt.V5), h.guest("dying", mqtt.V5)
		got := collect(sub)
		h.arriveFor(sub, 1, "will")
		dying.will = &mqtt.Will{Topic: "will", QoS: 1, Payload: payload(1, 20)}
		l := h.arrive(dying)
		n.st.Fail(faulty.Submit, store.ErrFull)
		l.close()
		time.Sleep(10 * time.Second)
		n.st.Heal()
		time.Sleep(time.Minute)
		wantNumbers(t, "the subscriber", got, 1)
	})
}
