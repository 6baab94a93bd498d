package bridge

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gridmq/broker"
	"gridmq/client"
	"gridmq/internal/bubble"
	"gridmq/mqtt"
	"gridmq/session"
)

var (
	up   = Map{Name: "up", Filter: "up/#", Direction: Out, QoS: 1, RemotePrefix: "edge/"}
	down = Map{Name: "down", Filter: "down/#", Direction: In, QoS: 1, RemotePrefix: "edge/"}
	both = Map{Name: "both", Filter: "both/#", Direction: Both, QoS: 1}
)

// TestBothWays: topics, QoS, retain and properties, over both versions.
func TestBothWays(t *testing.T) {
	for name, v := range map[string]mqtt.Version{"5": mqtt.V5, "3.1.1, bridge mode": mqtt.V311} {
		t.Run(name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				here, there := newSite(t), newSite(t)
				o := here.options(there, up, down, both)
				o.Version, o.BridgeMode = v, v == mqtt.V311
				b, _ := run(t, o)
				near, far := here.connect("near").subscribe("#", 2), there.connect("far").subscribe("#", 2)

				near.publish(1, "up/a", "1")
				near.publish(0, "up/b", "2")
				near.publish(2, "up/c", "3")
				near.publish(1, "elsewhere", "4")
				later(0)
				far.publish(1, "edge/down/a", "5")
				later(0)
				near.publish(1, "both/a", "6")
				later(0)
				far.publish(1, "both/b", "7")
				far.want("edge/up/a 1", "edge/up/b 2", "edge/up/c 3", "edge/down/a 5", "both/a 6", "both/b 7")
				near.want("up/a 1", "up/b 2", "up/c 3", "elsewhere 4", "down/a 5", "both/a 6", "both/b 7")
				if qos := []byte{far.got[0].QoS, far.got[1].QoS, far.got[2].QoS}; string(qos) != "\x01\x00\x01" {
					t.Errorf("QoS 1, 0 and 2 crossed as %v", qos)
				}

				m := &client.Message{Topic: "up/r", QoS: 1, Retain: true, Payload: []byte("kept")}
				m.Properties.ContentType, m.Properties.MessageExpiryInterval = "text/plain", 60
				m.Properties.Mark(mqtt.PropContentType, mqtt.PropMessageExpiryInterval)
				m.Properties.UserProperties = []mqtt.UserProperty{{Name: "k", Value: "v"}}
				if _, err := near.Publish(t.Context(), m); err != nil {
					t.Fatal(err)
				}
				later(0)
				if _, err := far.Publish(t.Context(), &client.Message{Topic: "edge/down/r", QoS: 1, Retain: true, Payload: []byte("kept")}); err != nil {
					t.Fatal(err)
				}
				later(0)
				there.connect("late").subscribe("edge/up/#", 1).want("edge/up/r kept")
				here.connect("late").subscribe("down/#", 1).want("down/r kept")
				got := far.got[len(far.got)-2]
				if p := got.Properties; v == mqtt.V5 && (p.ContentType != "text/plain" || p.MessageExpiryInterval != 60 ||
					!slices.Equal(p.UserProperties, []mqtt.UserProperty{{Name: "k", Value: "v"}, {Name: HopProperty, Value: "here"}})) || !got.Retain {
					t.Errorf("crossed as %+v", got)
				}
				if s := b.Stats(); s.Forwarded(Out) != 5 || s.Forwarded(In) != 3 || !s.Connected.Load() || s.Connects.Load() != 1 {
					t.Errorf("%d out, %d in", s.Forwarded(Out), s.Forwarded(In))
				}
				if _, err := near.Publish(t.Context(), &client.Message{Topic: "up/r", QoS: 1, Retain: true}); err != nil {
					t.Fatal(err)
				}
				later(0)
				there.connect("later").subscribe("edge/up/#", 1).want() // it has been cleared
			})
		})
	}
}

// numbered are n messages of one topic.
func numbered(topic string, from, to int) (list []string) {
	for i := from; i < to; i++ {
		list = append(list, fmt.Sprint(topic, " ", i))
	}
	return list
}

// TestStoreAndForward: the other broker is away, from the start and later; so is ours.
func TestStoreAndForward(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		here, there := newSite(t), newSite(t)
		far := there.connect("far", lasting).subscribe("edge/#", 1)
		far.Close()
		there.leave()
		o := here.options(there, up, down)
		o.Window, o.Local = 10, here.slowly // so that much happens while it prepares
		var log journal
		o.Logger = log.logger()
		_, stop := run(t, o)
		near := here.connect("near")
		for i := range 300 {
			began := time.Now()
			near.publish(1, "up/a", fmt.Sprint(i))
			if held := time.Since(began); held > 0 {
				t.Fatalf("a publisher waited %v for a link that is not there", held)
			}
		}
		stop() // what waits survives another start of the bridge
		_, stop = run(t, o)
		later(time.Hour)
		if n := log.count("no link"); n != 2 {
			t.Errorf("%d lines in the log for an hour without link, want 1 of each start: %q", n, log.lines)
		}
		if n := here.attempts() + there.attempts(); n < 60 || n > 140 { // each costs half a minute to a minute
			t.Errorf("%d attempts in an hour", n)
		}
		there.start()
		later(2 * time.Minute)
		there.connect("far", lasting).want(numbered("edge/up/a", 0, 300)...)

		// Ours stops and starts; the other one has something meanwhile.
		stop()
		near.Close()
		here.leave()
		cloud := there.connect("cloud")
		for i := range 20 {
			cloud.publish(1, "edge/down/a", fmt.Sprint(i))
		}
		here.start()
		again := here.connect("near").subscribe("down/#", 1)
		b, _ := run(t, o)
		later(time.Second)
		again.want(numbered("down/a", 0, 20)...)
		if n := b.Stats().Forwarded(In); n != 20 {
			t.Errorf("%d messages in, want 20", n)
		}
	})
}

// TestOverflow: what does not fit is counted, and the policy says which it is.
func TestOverflow(t *testing.T) {
	tests := map[string]struct {
		bounds session.Bounds
		want   []string
	}{
		"messages, the oldest": {session.Bounds{Messages: 10, Policy: session.DropOldest}, numbered("edge/up/a", 15, 25)},
		"messages, the newest": {session.Bounds{Messages: 10, Policy: session.DropNewest}, numbered("edge/up/a", 0, 10)},
		"bytes":                {session.Bounds{Bytes: 30, Policy: session.DropNewest}, numbered("edge/up/a", 0, 6)}, // "up/a" and a digit
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				var mu sync.Mutex
				lost := 0
				here := newSite(t, func(s *site) {
					s.queue = &test.bounds
					s.lost = func(why session.Reason) {
						mu.Lock()
						defer mu.Unlock()
						if why == session.Overflow {
							lost++
						}
					}
				})
				there := newSite(t)
				far := there.connect("far", lasting).subscribe("edge/#", 1)
				far.Close()
				there.leave()
				run(t, here.options(there, up))
				near := here.connect("near")
				for i := range 25 {
					near.publish(1, "up/a", fmt.Sprint(i))
				}
				there.start()
				later(2 * time.Minute)
				there.connect("far", lasting).want(test.want...)
				mu.Lock()
				defer mu.Unlock()
				if lost != 25-len(test.want) {
					t.Errorf("%d messages counted as lost, want %d", lost, 25-len(test.want))
				}
			})
		})
	}
}

// refusing lets nobody publish below "edge/up/secret", and says so as code.
type refusing struct {
	broker.AllowAll
	mu   sync.Mutex
	code mqtt.Code
}

func (r *refusing) Publish(_ *broker.Identity, topic string) broker.Verdict {
	r.mu.Lock()
	defer r.mu.Unlock()
	if strings.HasPrefix(topic, "edge/up/secret") {
		return broker.Verdict{Code: r.code, Reason: "no"}
	}
	return broker.Verdict{}
}

func (r *refusing) Revision() uint64 { r.mu.Lock(); defer r.mu.Unlock(); return uint64(r.code) }

func (r *refusing) set(c mqtt.Code) { r.mu.Lock(); defer r.mu.Unlock(); r.code = c }

// TestRefusedMessages: one that the other broker will never take does not hold up the
// others; one that it cannot take now is not lost.
func TestRefusedMessages(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		r := &refusing{code: mqtt.NotAuthorized}
		here, there := newSite(t), newSite(t, func(s *site) { s.auth = r })
		far := there.connect("far").subscribe("edge/#", 1)
		o := here.options(there, up)
		var log journal
		o.Logger = log.logger()
		b, _ := run(t, o)
		near := here.connect("near")
		near.publish(1, "up/secret", "1")
		near.publish(1, "up/a", "2")
		near.publish(1, "up/secret", "3")
		far.want("edge/up/a 2")
		if s := b.Stats(); s.Lost(Out, Rejected) != 2 || s.Connects.Load() != 1 || log.count("message rejected") != 1 {
			t.Errorf("%d rejected, %d connects, log %q", s.Lost(Out, Rejected), s.Connects.Load(), log.lines)
		}
		r.set(mqtt.QuotaExceeded)
		near.publish(1, "up/secret", "4")
		near.publish(1, "up/a", "5")
		later(10 * time.Minute)
		if s := b.Stats(); s.Lost(Out, Rejected) != 2 || s.Failed(NotTaken) < 5 || s.Failed(NotTaken) > 60 {
			t.Errorf("%d rejected, %d times not taken", s.Lost(Out, Rejected), s.Failed(NotTaken))
		}
		r.set(mqtt.Success)
		later(2 * time.Minute)
		got := far.all()
		if !slices.Contains(got, "edge/up/secret 4") || !slices.Contains(got, "edge/up/a 5") {
			t.Errorf("got %q", got)
		}
		if !b.Stats().Connected.Load() || Failure(b.Stats().Last.Load()) != NoFailure {
			t.Error("the bridge is not well again")
		}
	})
}

// TestRoundTrip: two brokers with a bridge to one another each. A message goes round
// once at most.
func TestRoundTrip(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		a, b := newSite(t), newSite(t)
		m := Map{Name: "all", Filter: "a/#", Direction: Out, QoS: 1}
		first, _ := run(t, a.options(b, m))
		o := b.options(a, m)
		o.Identity = "there"
		second, _ := run(t, o)
		near, far := a.connect("near").subscribe("#", 1), b.connect("far").subscribe("#", 1)
		near.publish(1, "a/x", "1")
		later(time.Minute)
		far.want("a/x 1")
		near.want("a/x 1", "a/x 1")
		if first.Stats().Lost(Out, Looped) != 1 || second.Stats().Lost(Out, Looped) != 0 {
			t.Errorf("%d and %d seen as loops", first.Stats().Lost(Out, Looped), second.Stats().Lost(Out, Looped))
		}
	})
}

// TestToItself: a bridge to its own namespace.
func TestToItself(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		a := newSite(t)
		b, _ := run(t, a.options(a, Map{Name: "all", Filter: "a/#", Direction: Both, QoS: 1}))
		near := a.connect("near").subscribe("#", 1)
		near.publish(1, "a/x", "1")
		later(time.Minute)
		near.want("a/x 1", "a/x 1", "a/x 1") // it has gone out once, and come in once
		if b.Stats().Lost(Out, Looped) == 0 || b.Stats().Lost(In, Looped) == 0 {
			t.Error("no loop seen")
		}
	})
}

// TestHops: marks end what comes too far, and only that.
func TestHops(t *testing.T) {
	p := mqtt.Properties{}
	for i := range maxHops {
		if looped(&p, "here") {
			t.Fatalf("stopped after %d hops", i)
		}
		p = passed(p, fmt.Sprint("n", i))
	}
	if !looped(&p, "here") {
		t.Errorf("not stopped after %d hops", maxHops)
	}
	p = mqtt.Properties{UserProperties: []mqtt.UserProperty{{Name: "x", Value: "here"}}}
	if looped(&p, "here") {
		t.Error("another's property was taken for a mark")
	}
	if q := passed(p, "m"); len(p.UserProperties) != 1 || len(q.UserProperties) != 2 {
		t.Error("the mark is not on the copy only")
	}
}

// TestNewCredential: a later token is shown before the old one ends; without one the
// link stays.
func TestNewCredential(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		here, there := newSite(t), newSite(t)
		o := here.options(there, up)
		o.Credentials.Username = "edge"
		o.Credentials.Token.File = write(t, o.Folder+"/token", jwt(time.Now().Add(time.Hour)))
		b, _ := run(t, o)
		far := there.connect("far").subscribe("#", 1)
		near := here.connect("near")
		later(49 * time.Minute)
		if n := b.Stats().Connects.Load(); n != 1 {
			t.Fatalf("%d connects before the token is old", n)
		}
		write(t, o.Credentials.Token.File, jwt(time.Now().Add(time.Hour)))
		later(2 * time.Minute)
		if n := b.Stats().Connects.Load(); n != 2 || !b.Stats().Connected.Load() {
			t.Fatalf("%d connects with a new token", n)
		}
		later(2 * time.Hour) // nobody renews it
		if n := b.Stats().Connects.Load(); n != 2 || b.Stats().Failed(LinkLost) != 0 {
			t.Errorf("%d connects without a new token", n)
		}
		near.publish(1, "up/a", "1")
		far.want("edge/up/a 1")
	})
}

// TestRenewalUnderLoad: a planned end of the link sends nothing twice.
func TestRenewalUnderLoad(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		here, there := newSite(t), newSite(t)
		o := here.options(there, up)
		o.Credentials.Token.File = write(t, o.Folder+"/token", jwt(time.Now().Add(10*time.Minute)))
		b, _ := run(t, o)
		far := there.connect("far").subscribe("#", 1)
		near := here.connect("near")
		n := 0
		for b.Stats().Connects.Load() < 4 && n < 40_000 {
			if n%1000 == 0 {
				write(t, o.Credentials.Token.File, jwt(time.Now().Add(10*time.Minute)))
			}
			near.publish(1, "up/a", fmt.Sprint(n))
			n++
			time.Sleep(100 * time.Millisecond)
		}
		later(time.Minute)
		if b.Stats().Connects.Load() < 4 {
			t.Fatal("there was no renewal")
		}
		far.want(numbered("edge/up/a", 0, n)...)
	})
}

// TestMapsChange: what no map wants any more is not asked for any more, on both sides.
func TestMapsChange(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		here, there := newSite(t), newSite(t)
		o := here.options(there, down, both)
		_, stop := run(t, o)
		stop()
		o.Maps = Maps{both}
		b, _ := run(t, o)
		info, _ := there.b.Session("n", "edge")
		var filters []string
		for _, s := range info.Subscriptions {
			filters = append(filters, s.Filter)
		}
		if !slices.Equal(filters, []string{"both/#"}) {
			t.Errorf("subscribed to %q there, want both/# only", filters)
		}
		there.connect("far").publish(1, "edge/down/a", "1")
		later(time.Second)
		if n := b.Stats().Lost(In, Unmapped) + b.Stats().Forwarded(In); n != 0 {
			t.Errorf("%d messages came by a map that is gone", n)
		}
	})
}

// TestBusy: QoS 0 gives way when too much is under way, QoS 1 does not.
func TestBusy(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		here, there := newSite(t), newSite(t)
		o := here.options(there, up)
		o.Window = 4
		b := New(o)
		l := &link{b: b, ctx: t.Context()}
		p := newPump(l, Out, o.Maps.ToRemote)
		for range 10 {
			p.offer(&client.Message{})
		}
		for range 4 {
			p.offer(&client.Message{QoS: 1})
		}
		if n := b.Stats().Lost(Out, Busy); n != 6 || len(p.queue) != 8 {
			t.Errorf("%d of 10 given up, %d queued", n, len(p.queue))
		}
	})
}

// TestTransit: a message passes a namespace from one broker to another.
func TestTransit(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		one, middle, other := newSite(t), newSite(t), newSite(t)
		run(t, middle.options(one, Map{Name: "in", Filter: "a/#", Direction: In, QoS: 1}))
		o := middle.options(other, Map{Name: "out", Filter: "a/#", Direction: Out, QoS: 1})
		o.LocalID = "$bridge/y"
		run(t, o)
		far := other.connect("far").subscribe("#", 1)
		one.connect("near").publish(1, "a/x", "1")
		later(time.Second)
		far.want("a/x 1")
	})
}

// TestPull: two namespaces that bring in from one another each.
func TestPull(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		a, b := newSite(t), newSite(t)
		m := Map{Name: "all", Filter: "a/#", Direction: In, QoS: 1}
		run(t, a.options(b, m))
		o := b.options(a, m)
		o.Identity = "there"
		run(t, o)
		near, far := a.connect("near").subscribe("#", 1), b.connect("far").subscribe("#", 1)
		near.publish(1, "a/x", "1")
		later(time.Minute)
		far.want("a/x 1")
		near.want("a/x 1", "a/x 1") // once around
	})
}
