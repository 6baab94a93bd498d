package broker

import (
	"testing"
	"testing/synctest"
	"time"

	"gridmq/mqtt"
)

// TestWillTimes: when a will is published, to the millisecond. The client "a"
// has a session of 100 seconds and a will with a delay; its connection is lost.
func TestWillTimes(t *testing.T) {
	const never = -1
	back := func(h *house, w ...wish) { h.connect("a", append(w, expiry(100))...) }
	tests := map[string]struct {
		delay uint32
		wish  wish
		then  func(h *house, d *device) // right after login
		want  time.Duration             // after login
	}{
		"at once":                    {0, expiry(100), func(_ *house, d *device) { d.lose() }, 0},
		"after its delay":            {30, expiry(100), func(_ *house, d *device) { d.lose() }, 30 * time.Second},
		"when the session ends":      {300, expiry(100), func(_ *house, d *device) { d.lose() }, 100 * time.Second}, // [MQTT-3.1.3-9]
		"with a session of the same": {100, expiry(100), func(_ *house, d *device) { d.lose() }, 100 * time.Second},
		"session that ends at once":  {30, clean, func(_ *house, d *device) { d.lose() }, 0},
		"not after DISCONNECT":       {0, expiry(100), func(_ *house, d *device) { d.disconnect(mqtt.Success) }, never}, // [MQTT-3.14.4-3]
		"DISCONNECT with will":       {30, expiry(100), func(_ *house, d *device) { d.disconnect(mqtt.DisconnectWithWill) }, 30 * time.Second},
		"DISCONNECT, expiry now 0":   {30, expiry(100), func(_ *house, d *device) { d.disconnect(mqtt.DisconnectWithWill, 0) }, 0},
		"protocol error":             {0, expiry(100), func(_ *house, d *device) { d.send([]byte{0xF0, 0}); <-d.gone }, 0},
		"a return in time": {30, expiry(100), func(h *house, d *device) {
			d.lose()
			time.Sleep(29 * time.Second)
			back(h)
		}, never},
		"a return too late": {30, expiry(100), func(h *house, d *device) {
			d.lose()
			time.Sleep(30*time.Second + time.Millisecond)
			back(h)
		}, 30 * time.Second},
		"a clean start ends the session": {30, expiry(100), func(h *house, d *device) {
			d.lose()
			time.Sleep(10 * time.Second)
			back(h, clean)
		}, 10 * time.Second},
		"taken over, no delay":             {0, expiry(100), func(h *house, _ *device) { back(h) }, 0}, // section 3.1.4
		"taken over, with delay":           {30, expiry(100), func(h *house, _ *device) { back(h) }, never},
		"taken over by a clean start":      {30, expiry(100), func(h *house, _ *device) { back(h, clean) }, 0},
		"taken over, session of no length": {30, expiry(0), func(h *house, _ *device) { back(h) }, 0},
		"restart":                          {30, expiry(100), func(h *house, _ *device) { h.restart() }, 30 * time.Second},
		"crash, then nothing":              {30, expiry(100), func(h *house, _ *device) { h.crash() }, 30 * time.Second},
		"crash, then a return": {30, expiry(100), func(h *house, _ *device) {
			h.crash()
			time.Sleep(29 * time.Second)
			back(h)
		}, never},
		"crash while it waits": {30, expiry(100), func(h *house, d *device) {
			d.lose()
			time.Sleep(10 * time.Second)
			h.crash()
		}, 30 * time.Second},
		"crash after it was due": {30, expiry(100), func(h *house, d *device) {
			d.lose()
			time.Sleep(10 * time.Second)
			h.st.Crash(nil)
			time.Sleep(30 * time.Second)
			h.restart()
		}, 40 * time.Second},
		"crash of a session of no length": {0, clean, func(h *house, _ *device) { h.crash() }, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T, h *house) {
				seen := h.connect("seen", expiry(1000)) // its queue is asked, over any restart
				seen.subscribe("will", atQoS(1))
				seen.disconnect(mqtt.Success)
				start := time.Now()
				d := h.connect("a", test.wish, lastWill("will", "gone", test.delay))
				test.then(h, d)
				synctest.Wait()
				waits := func() int {
					x := h.session("seen")
					x.mu.Lock()
					defer x.mu.Unlock()
					n, _ := x.s.Waiting()
					return n
				}
				if test.want == never {
					time.Sleep(300 * time.Second)
					synctest.Wait()
					if waits() != 0 {
						t.Fatal("published")
					}
					return
				}
				if early := test.want - time.Millisecond - time.Since(start); early > 0 {
					time.Sleep(early)
					synctest.Wait()
					if waits() != 0 {
						t.Fatalf("published before %v", test.want)
					}
					time.Sleep(time.Millisecond)
				}
				time.Sleep(10 * time.Millisecond) // after a restart wills are paced
				synctest.Wait()
				if waits() != 1 {
					t.Fatalf("not published at %v", test.want)
				}
				time.Sleep(200 * time.Second)
				synctest.Wait()
				h.restart() // nor is it there again
				time.Sleep(200 * time.Second)
				synctest.Wait()
				if n := waits(); n != 1 {
					t.Errorf("published %d times", n)
				}
			})
		})
	}
}

// TestWillBeforeConnack: on a take-over the old will is out before the new
// connection begins.
func TestWillBeforeConnack(t *testing.T) {
	virtual(t, func(t *testing.T, h *house) {
		h.connect("a", expiry(100), lastWill("will", "old", 0))
		d := h.connect("a", expiry(100))
		d.subscribe("will")
		d.quiet(time.Minute) // published before this subscription
	})
}

// TestWillOfTheNextConnection: whatever happens to an old will, here that it
// falls due while the client returns, must not touch the new one.
func TestWillOfTheNextConnection(t *testing.T) {
	virtual(t, func(t *testing.T, h *house) {
		for range 20 {
			h.connect("a", expiry(100), lastWill("will", "old", 1)).lose()
			time.Sleep(time.Second)
			h.connect("a", expiry(100), lastWill("will", "new", 0))
			w := h.connect("w", clean, expiry(1000))
			w.subscribe("will", atQoS(1))
			h.crash()
			time.Sleep(time.Second)
			w = h.connect("w", expiry(1000))
			for w.receive().Payload != "new" {
			}
			w.quiet(time.Minute)
			w.lose()
			h.connect("a", clean).disconnect(mqtt.Success)
		}
	})
}

// TestWillOfTerminated: a session that ends because its queue is full has been
// lost like any other.
func TestWillOfTerminated(t *testing.T) {
	for name, online := range map[string]bool{"connected": true, "away": false} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T, h *house) {
				w := h.watch("will")
				d := h.connect("a", expiry(100), lastWill("will", "gone", 50))
				d.subscribe("x", atQoS(1))
				if !online {
					d.lose()
				}
				pub := h.connect("pub", clean)
				for range 60 {
					pub.publish(text{topic: "x", payload: "1", qos: 1})
				}
				w.receives("gone")
				if online {
					d.ended(mqtt.QuotaExceeded)
				}
				if h.session("a") != nil {
					t.Error("the session is still there")
				}
			}, func(l *Limits) {
				l.Queue.Messages, l.Queue.Policy, l.SendMaximum, l.HoldAcknowledgements = 10, 2, 5, 0
			})
		})
	}
}

// TestManyWills: after a crash every will goes out once, paced.
func TestManyWills(t *testing.T) {
	virtual(t, func(t *testing.T, h *house) {
		n := 300
		for i := range n {
			w := []wish{clean, lastWill("will", "gone", 0)}
			if i%2 == 0 {
				w = []wish{expiry(100), lastWill("will", "gone", 0)}
			}
			h.connect("c"+string(rune('A'+i%26))+string(rune('a'+i/26)), w...)
		}
		for range 2 {
			w := h.connect("w", clean, expiry(1000))
			w.subscribe("will", atQoS(1))
			h.crash()
			for i := range 20 { // volatile ones that come now must not get in the way of those that were
				h.connect("new"+string(rune('a'+i)), clean, lastWill("will", "gone", 0))
			}
			w = h.connect("w", expiry(1000))
			for range n {
				w.receives("gone")
			}
			w.quiet(time.Minute)
			n = 20
			w.lose()
		}
	})
}
