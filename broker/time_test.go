package broker

import (
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"gridmq/internal/bubble"
	"gridmq/mqtt"
)

// virtual runs a test in virtual time.
func virtual(t *testing.T, f func(t *testing.T, h *house), change ...func(*Limits)) {
	t.Helper()
	bubble.Test(t, func(t *testing.T) { f(t, newHouse(t, change...)) })
}

// after checks how much virtual time has passed since start.
func after(t *testing.T, start time.Time, want time.Duration) {
	t.Helper()
	if got := time.Since(start); got != want {
		t.Errorf("happened after %v, want %v", got, want)
	}
}

func TestKeepAlive(t *testing.T) {
	tests := map[string]struct {
		keep uint16 // asked for
		most uint16 // allowed
		ping time.Duration
		want time.Duration // 0: never
	}{
		"one and a half":       {10, 0, 0, 15 * time.Second}, // [MQTT-3.1.2-22]
		"a packet starts over": {10, 0, 14 * time.Second, 29 * time.Second},
		"none":                 {0, 0, 0, 0},
		"none is reduced":      {0, 20, 0, 30 * time.Second},
		"too long is reduced":  {60, 20, 0, 30 * time.Second},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T, h *house) {
				start := time.Now()
				d := h.connect("a", clean, keepAlive(test.keep))
				if test.ping > 0 {
					time.Sleep(test.ping)
					d.send(mqtt.AppendPingreq(nil))
					want[mqtt.Type](d)
				}
				p, err := d.read(4 * time.Hour)
				if test.want == 0 {
					if err != errQuiet {
						t.Fatalf("got %v (%v), want nothing for hours", show(p), err)
					}
					return
				}
				if p, ok := p.(*mqtt.Disconnect); !ok || p.Code != mqtt.KeepAliveTimeout {
					t.Fatalf("got %v (%v), want DISCONNECT %v", show(p), err, mqtt.KeepAliveTimeout)
				}
				after(t, start, test.want)
			}, func(l *Limits) { l.KeepAliveMaximum = test.most })
		})
	}
}

func TestConnectTimeout(t *testing.T) {
	for name, first := range map[string][]byte{"nothing": nil, "half a CONNECT": {0x10, 0x20, 0}, "half a header": {0x10}} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T, h *house) {
				start := time.Now()
				d := h.dial(mqtt.V5)
				time.Sleep(4 * time.Second)
				if first != nil {
					d.send(first)
				}
				if p, err := d.read(time.Hour); !errors.Is(err, io.EOF) {
					t.Fatalf("got %v (%v), want the end", show(p), err)
				}
				after(t, start, 10*time.Second)
			})
		})
	}
}

// TestWriteTimeout: a client that does not read is dropped, and costs nobody
// else anything.
func TestWriteTimeout(t *testing.T) {
	virtual(t, func(t *testing.T, h *house) {
		slow := h.dialSize(mqtt.V5, 4096).login("slow", clean)
		slow.subscribe("a", atQoS(0))
		other := h.connect("other", clean)
		other.subscribe("a", atQoS(0))
		pub := h.connect("pub", clean)
		start := time.Now()
		for range 4 {
			pub.publish(text{topic: "a", payload: repeat("x", 3000)})
			other.receive()
		}
		after(t, start, 0)
		<-slow.gone
		after(t, start, 30*time.Second)
	})
}

// TestHold: acknowledgements to a publisher are held while its subscriber is
// above the mark, for a bounded time; strangers feel nothing.
func TestHold(t *testing.T) {
	limits := func(l *Limits) { l.Queue.Messages, l.SendMaximum = 20, 5 }
	fill := func(h *house) (sub, pub *device) {
		sub = h.connect("sub", clean)
		sub.subscribe("a", atQoS(1))
		pub = h.connect("pub", clean)
		for range 11 { // half of 20 and one more
			pub.put(text{topic: "a", payload: "x", qos: 1})
		}
		for range 10 {
			want[*mqtt.Ack](pub)
		}
		return sub, pub
	}
	t.Run("until the time is over", func(t *testing.T) {
		virtual(t, func(t *testing.T, h *house) {
			start := time.Now()
			_, pub := fill(h)
			stranger := h.connect("stranger", clean)
			stranger.publish(text{topic: "b", payload: "x", qos: 1})
			after(t, start, 0)
			pub.quiet(9 * time.Second)
			want[*mqtt.Ack](pub)
			after(t, start, 10*time.Second)
		}, limits)
	})
	t.Run("until the subscriber has caught up", func(t *testing.T) {
		virtual(t, func(t *testing.T, h *house) {
			sub, pub := fill(h)
			time.Sleep(3 * time.Second)
			start := time.Now()
			for range 6 { // down to a quarter of 20
				sub.receive()
			}
			want[*mqtt.Ack](pub)
			after(t, start, 0)
		}, limits)
	})
	t.Run("until the subscriber is gone", func(t *testing.T) {
		virtual(t, func(t *testing.T, h *house) {
			sub, pub := fill(h)
			start := time.Now()
			sub.lose()
			want[*mqtt.Ack](pub)
			after(t, start, 0)
		}, limits)
	})
	t.Run("a publisher that leaves is forgotten", func(t *testing.T) {
		virtual(t, func(t *testing.T, h *house) {
			_, pub := fill(h)
			x := h.session("sub")
			for range 20 {
				p := h.connect("other", clean)
				p.put(text{topic: "a", payload: "x", qos: 1})
				synctest.Wait()
				p.lose()
			}
			x.mu.Lock()
			n := len(x.waiting)
			x.mu.Unlock()
			if n != 1 {
				t.Errorf("%d publishers wait at the gate, want 1", n)
			}
			pub.lose()
		}, limits)
	})
	t.Run("then the policy applies", func(t *testing.T) {
		virtual(t, func(t *testing.T, h *house) {
			sub, pub := fill(h)
			time.Sleep(11 * time.Second)
			for range 31 {
				pub.put(text{topic: "a", payload: "y", qos: 1})
			}
			synctest.Wait()
			x := h.session("sub")
			x.mu.Lock()
			n, _ := x.s.Waiting()
			x.mu.Unlock()
			if n != 20 {
				t.Errorf("%d messages wait, want the bound, 20", n)
			}
			sub.lose()
		}, limits)
	})
}

func TestSessionExpiry(t *testing.T) {
	there := func(h *house) bool { return h.session("a") != nil }
	t.Run("at its time", func(t *testing.T) {
		virtual(t, func(t *testing.T, h *house) {
			d := h.connect("a", expiry(100))
			d.subscribe("x")
			time.Sleep(time.Hour) // connected: no end
			d.lose()
			start := time.Now()
			time.Sleep(100*time.Second - time.Millisecond)
			synctest.Wait()
			if !there(h) {
				t.Fatal("ended too early")
			}
			time.Sleep(time.Millisecond)
			synctest.Wait()
			if there(h) {
				t.Fatalf("still there after %v", time.Since(start))
			}
			if n := h.ns().index.Len(); n != 0 {
				t.Errorf("%d subscriptions left", n)
			}
		})
	})
	t.Run("a return in time", func(t *testing.T) {
		virtual(t, func(t *testing.T, h *house) {
			d := h.connect("a", expiry(100))
			for range 5 {
				d.lose()
				time.Sleep(100*time.Second - time.Millisecond)
				d = h.dial(mqtt.V5)
				if ack := d.tryLogin("a", expiry(100)); !ack.SessionPresent {
					t.Fatal("session lost before its time")
				}
			}
		})
	})
	t.Run("exactly at the time of the return", func(t *testing.T) {
		virtual(t, func(t *testing.T, h *house) { // either is right, but not half of each
			h.connect("a", expiry(100)).lose()
			time.Sleep(100 * time.Second)
			d := h.connect("a", expiry(100))
			d.subscribe("x")
			h.connect("pub", clean).publish(text{topic: "x", payload: "1", qos: 1})
			d.receives("1")
			d.quiet(time.Minute)
		})
	})
	t.Run("changed by DISCONNECT", func(t *testing.T) {
		virtual(t, func(t *testing.T, h *house) {
			h.connect("a", expiry(100)).disconnect(mqtt.Success, 5)
			time.Sleep(5 * time.Second)
			synctest.Wait()
			if there(h) {
				t.Error("still there")
			}
		})
	})
	t.Run("0 by DISCONNECT", func(t *testing.T) {
		virtual(t, func(t *testing.T, h *house) {
			h.connect("a", expiry(100)).disconnect(mqtt.Success, 0)
			if there(h) {
				t.Error("still there")
			}
		})
	})
	t.Run("0 at a return", func(t *testing.T) {
		virtual(t, func(t *testing.T, h *house) {
			h.connect("a", expiry(100)).lose()
			d := h.dial(mqtt.V5)
			if ack := d.tryLogin("a"); !ack.SessionPresent {
				t.Error("session not resumed")
			}
			d.lose()
			if there(h) {
				t.Error("still there")
			}
		})
	})
	t.Run("never", func(t *testing.T) {
		virtual(t, func(t *testing.T, h *house) {
			h.connect("a", expiry(0xFFFFFFFF)).lose()
			time.Sleep(6 * time.Hour)
			synctest.Wait()
			if !there(h) {
				t.Error("gone")
			}
		}, func(l *Limits) { l.SessionExpiryMaximum = 0 })
	})
	t.Run("goes on over a restart", func(t *testing.T) {
		virtual(t, func(t *testing.T, h *house) {
			h.connect("a", expiry(100)).lose()
			time.Sleep(60 * time.Second)
			h.restart()
			time.Sleep(39 * time.Second)
			synctest.Wait()
			if !there(h) {
				t.Fatal("ended too early")
			}
			time.Sleep(time.Second)
			synctest.Wait()
			if there(h) {
				t.Error("still there")
			}
			h.restart()
			if there(h) {
				t.Error("back after another restart")
			}
		})
	})
	t.Run("counts from the last sign of life after a crash", func(t *testing.T) {
		virtual(t, func(t *testing.T, h *house) {
			h.connect("a", expiry(100))
			time.Sleep(time.Hour + time.Second)
			h.crash() // the last heartbeat was a second ago
			time.Sleep(98 * time.Second)
			synctest.Wait()
			if !there(h) {
				t.Fatal("ended too early")
			}
			time.Sleep(2 * time.Second)
			synctest.Wait()
			if there(h) {
				t.Error("still there")
			}
		})
	})
	t.Run("a connection younger than the last heartbeat", func(t *testing.T) {
		virtual(t, func(t *testing.T, h *house) {
			h.connect("b", clean).lose()
			d := h.connect("b", clean)
			time.Sleep(6 * time.Second) // a heartbeat
			d.lose()
			time.Sleep(time.Hour) // nobody there: none
			h.connect("a", expiry(100))
			h.crash()
			synctest.Wait()
			if !there(h) {
				t.Error("the session was counted as gone for an hour")
			}
		})
	})
}

func TestMessageExpiry(t *testing.T) {
	virtual(t, func(t *testing.T, h *house) {
		d := h.connect("a", expiry(1000))
		d.subscribe("x", atQoS(1))
		d.lose()
		pub := h.connect("pub", clean)
		pub.publish(text{topic: "x", payload: "short", qos: 1, expiry: 10})
		pub.publish(text{topic: "x", payload: "long", qos: 1, expiry: 100})
		time.Sleep(10 * time.Second)
		d = h.connect("a", expiry(1000))
		m := want[*delivered](d)
		if m.Payload != "long" || !m.HasExpiry || m.Expiry != 90 { // [MQTT-3.3.2-6]
			t.Errorf("received %+v, want long with an expiry of 90", *m)
		}
	})
}

func TestRetainedExpiry(t *testing.T) {
	virtual(t, func(t *testing.T, h *house) {
		pub := h.connect("pub", clean)
		pub.publish(text{topic: "a", payload: "1", qos: 1, retain: true, expiry: 10})
		pub.publish(text{topic: "b", payload: "1", qos: 1, retain: true, expiry: 10})
		time.Sleep(5 * time.Second)
		pub.publish(text{topic: "b", payload: "2", qos: 1, retain: true, expiry: 10}) // takes over
		time.Sleep(5*time.Second - time.Millisecond)
		synctest.Wait()
		if n := h.ns().retained.names.Len(); n != 2 {
			t.Fatalf("%d retained messages just before the time, want 2", n)
		}
		time.Sleep(time.Millisecond)
		synctest.Wait()
		if n := h.ns().retained.names.Len(); n != 1 {
			t.Fatalf("%d retained messages at the time, want 1", n)
		}
		h.restart()
		sub := h.watch("")
		if m := sub.receive(); m.Payload != "2" || m.Expiry != 5 {
			t.Errorf("received %+v, want 2 with an expiry of 5", *m)
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if n, bytes := h.ns().retained.names.Len(), h.ns().retained.bytes.Load(); n != 0 || bytes != 0 {
			t.Errorf("%d retained messages, %d bytes in the end, want none", n, bytes)
		}
	})
}
