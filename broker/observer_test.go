package broker

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"gridmq/mqtt"
	"gridmq/session"
	"gridmq/store/faulty"
)

// A diary is an Observer that writes down what it is told, and checks that it makes sense.
type diary struct {
	t tb

	mu     sync.Mutex
	deaf   bool              // hears nothing: a crash
	last   map[string]uint64 // epoch by client identifier
	here   map[string]bool
	said   []string // "+a", "-a why"
	behind error    // the newest end
}

func newDiary(t tb) *diary {
	return &diary{t: t, last: map[string]uint64{}, here: map[string]bool{}}
}

func (d *diary) Refused(Visit, error) {}

func (d *diary) Connected(v Visit) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.deaf {
		return
	}
	if d.here[v.ClientID] || v.Epoch <= d.last[v.ClientID] {
		d.t.Errorf("%s connected with epoch %d after %d, while it was there: %v", v.ClientID, v.Epoch, d.last[v.ClientID], d.here[v.ClientID])
	}
	d.here[v.ClientID], d.last[v.ClientID] = true, v.Epoch
	d.said = append(d.said, "+"+v.ClientID)
}

func (d *diary) Disconnected(v Visit, why string, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.deaf {
		return
	}
	if !d.here[v.ClientID] || v.Epoch != d.last[v.ClientID] {
		d.t.Errorf("%s disconnected (%s) with epoch %d after %d, while it was there: %v", v.ClientID, why, v.Epoch, d.last[v.ClientID], d.here[v.ClientID])
	}
	d.here[v.ClientID] = false
	d.said = append(d.said, "-"+v.ClientID+" "+why)
	d.behind = err
}

func (d *diary) listen(on bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.deaf = !on
}

func (d *diary) expect(t *testing.T, want ...string) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if !slices.Equal(d.said, want) {
		t.Errorf("told %q, want %q", d.said, want)
	}
	d.said = nil
}

// observed is virtual with a diary.
func observed(t *testing.T, f func(t *testing.T, h *house, d *diary), change ...func(*Limits)) {
	t.Helper()
	virtual(t, func(t *testing.T, h *house) {
		h.stop()
		d := newDiary(t)
		h.seen, h.keep = d, true
		h.start()
		f(t, h, d)
	}, change...)
}

// Each way in which a connection ends has its word.
func TestObserved(t *testing.T) {
	tests := map[string]struct {
		end  func(h *house, d *device)
		want string
	}{
		"DISCONNECT": {func(_ *house, d *device) { d.disconnect(mqtt.Success) }, "client_disconnect"},
		"lost":       {func(_ *house, d *device) { d.lose() }, "connection_lost"},
		"bad packet": {func(_ *house, d *device) { d.send([]byte{0xf8, 0}); <-d.gone }, "protocol_error"},
		"keep alive": {func(_ *house, d *device) { time.Sleep(16 * time.Second); <-d.gone }, "keep_alive"},
		"kick":       {func(h *house, d *device) { h.b.Disconnect("test", "a", mqtt.AdministrativeAction, ""); <-d.gone }, "administrative"},
		"deleted":    {func(h *house, d *device) { h.b.EndSession("test", "a"); <-d.gone }, "administrative"},
		"disabled":   {func(h *house, d *device) { _ = h.b.SetEnabled("test", false); <-d.gone }, "administrative"},
		"shutdown":   {func(h *house, d *device) { _ = h.b.Shutdown(context.Background()); <-d.gone }, "shutdown"},
		"cut":        {func(h *house, d *device) { h.stop(); <-d.gone }, "shutdown"},
	}
	for name, tt := range tests {
		for kind, w := range map[string]wish{"transient": clean, "durable": expiry(1000)} {
			t.Run(name+", "+kind, func(t *testing.T) {
				observed(t, func(t *testing.T, h *house, seen *diary) {
					tt.end(h, h.connect("a", w, keepAlive(10)))
					synctest.Wait()
					seen.expect(t, "+a", "-a "+tt.want)
				})
			})
		}
	}
	t.Run("overflow", func(t *testing.T) {
		observed(t, func(t *testing.T, h *house, seen *diary) {
			sub := h.connect("a", clean, receiveMaximum(1))
			sub.subscribe("x", atQoS(1))
			for range 20 {
				h.post(Post{Topic: "x", QoS: 1})
			}
			synctest.Wait()
			<-sub.gone
			seen.expect(t, "+a", "-a queue_overflow")
		}, func(l *Limits) {
			l.Queue, l.HoldAcknowledgements = session.Bounds{Messages: 2, Policy: session.Terminate}, 0
		})
	})
}

// A take-over is told as the end of the old connection, then the new one; also when the
// session is made anew.
func TestObservedTakeOver(t *testing.T) {
	for _, old := range []wish{clean, expiry(1000)} {
		for _, next := range []wish{clean, expiry(1000)} {
			observed(t, func(t *testing.T, h *house, seen *diary) {
				h.connect("a", old)
				h.connect("a", next)
				synctest.Wait()
				seen.expect(t, "+a", "-a taken_over", "+a")
			})
		}
	}
}

// However many fight for one identifier, what is told makes sense: the diary checks.
func TestObservedFight(t *testing.T) {
	h := build(t)
	t.Cleanup(h.close)
	h.stop()
	seen := newDiary(t)
	h.seen = seen
	h.start()
	var fighters sync.WaitGroup
	for i := range 8 {
		fighters.Go(func() {
			for n := range 30 {
				d := h.dial(mqtt.V5)
				p := mqtt.Connect{Version: mqtt.V5, ClientID: "a", CleanStart: (i+n)%3 == 0}
				if i%2 == 0 {
					expiry(100)(&p)
				}
				if _, err := d.nc.Write(p.Append(nil)); err == nil {
					_, _ = d.read(patience) // CONNACK, or the end
				}
				if n%4 == 0 {
					d.lose()
				}
			}
		})
	}
	fighters.Wait()
	h.stop()
	seen.mu.Lock()
	defer seen.mu.Unlock()
	if seen.here["a"] || len(seen.said) < 20 {
		t.Errorf("told %d times; is it there: %v", len(seen.said), seen.here["a"])
	}
}

// Epochs grow whatever happens to sessions and the broker. Who was connected at a crash
// is told to be gone, before anybody comes.
func TestObservedHistory(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		virtual(t, func(t *testing.T, h *house) {
			h.t = rt
			h.stop()
			seen := newDiary(rt)
			h.seen, h.keep = seen, true
			h.start()
			here := map[string]*device{}
			id := rapid.SampledFrom([]string{"a", "b"})
			lost := func() {
				for _, d := range here {
					<-d.gone
				}
				clear(here)
			}
			rt.Repeat(map[string]func(*rapid.T){
				"connect": func(rt *rapid.T) {
					name := id.Draw(rt, "id")
					wishes := []wish{rapid.SampledFrom([]wish{clean, expiry(100), func(*mqtt.Connect) {}}).Draw(rt, "kind")}
					if rapid.Bool().Draw(rt, "will") {
						wishes = append(wishes, lastWill("w", "x", 0))
					}
					here[name] = h.connect(name, wishes...)
				},
				"leave": func(rt *rapid.T) {
					if d := here[id.Draw(rt, "id")]; d != nil {
						d.lose()
					}
				},
				"wait": func(rt *rapid.T) { time.Sleep(time.Duration(rapid.IntRange(1, 200).Draw(rt, "s")) * time.Second) },
				"restart": func(*rapid.T) {
					h.stop()
					time.Sleep(time.Second)
					h.st = faulty.New(h.inner)
					h.start()
					lost()
				},
				"crash": func(*rapid.T) {
					seen.listen(false) // nobody hears of the last moments
					h.st.Crash(errors.New("power cut"))
					h.stop()
					h.st = faulty.New(h.inner)
					time.Sleep(time.Second) // no restart takes less
					seen.listen(true)
					h.start()
					lost()
				},
				"": func(*rapid.T) {
					synctest.Wait()
					seen.mu.Lock()
					defer seen.mu.Unlock()
					for name, there := range seen.here {
						if there != (h.session(name) != nil && h.session(name).connection() != nil) {
							rt.Fatalf("%s is told to be there: %v; %s", name, there, strings.Join(seen.said, ", "))
						}
					}
				},
			})
		})
	})
}

// What an operator says to a client is what is told of the end, also when the session goes
// with the connection.
func TestObservedReason(t *testing.T) {
	ends := map[string]func(h *house){
		"disconnected": func(*house) {},
		"deleted":      func(h *house) { h.b.EndSession("test", "a") },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			observed(t, func(t *testing.T, h *house, seen *diary) {
				d := h.connect("a", expiry(1000))
				h.b.Disconnect("test", "a", mqtt.AdministrativeAction, "firmware update")
				end(h)
				<-d.gone
				synctest.Wait()
				seen.expect(t, "+a", "-a administrative")
				refusal, ok := errors.AsType[*mqtt.Error](seen.behind)
				if !ok || refusal.Code != mqtt.AdministrativeAction || Reason(refusal) != "firmware update" {
					t.Errorf("behind it is %v, want the code and the reason", seen.behind)
				}
			})
		})
	}
}
