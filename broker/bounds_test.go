package broker

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"gridmq/mqtt"
	"gridmq/session"
)

func (h *house) waiting(id string) (messages, bytes int) {
	x := h.session(id)
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.s.Waiting()
}

// TestQueueBounds: what waits for a session that is away stays within its
// bounds, by each policy.
func TestQueueBounds(t *testing.T) {
	tests := map[string]struct {
		bounds session.Bounds
		first  string // the oldest that is delivered; "" is no session
		n      int
	}{
		"drop-oldest, messages": {session.Bounds{Messages: 10}, "90", 10},
		"drop-newest, messages": {session.Bounds{Messages: 10, Policy: session.DropNewest}, "00", 10},
		"terminate, messages":   {session.Bounds{Messages: 10, Policy: session.Terminate}, "", 0},
		"drop-oldest, bytes":    {session.Bounds{Bytes: 30}, "90", 10},
		"drop-newest, bytes":    {session.Bounds{Bytes: 30, Policy: session.DropNewest}, "00", 10},
		"terminate, bytes":      {session.Bounds{Bytes: 30, Policy: session.Terminate}, "", 0},
	}
	for name, test := range tests {
		for _, again := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, restart %v", name, again), func(t *testing.T) {
				virtual(t, func(t *testing.T, h *house) {
					d := h.connect("a", expiry(1000))
					d.subscribe("x", atQoS(1))
					d.lose()
					pub := h.connect("pub", clean)
					for i := range 100 {
						pub.publish(text{topic: "x", payload: fmt.Sprintf("%02d", i), qos: 1})
					}
					synctest.Wait()
					if again {
						h.restart()
					}
					if test.first == "" {
						if h.session("a") != nil {
							t.Error("the session is still there")
						}
						h.settled()
						return
					}
					if n, _ := h.waiting("a"); n != test.n {
						t.Errorf("%d messages wait, want %d", n, test.n)
					}
					d = h.connect("a", expiry(1000))
					d.receives(test.first)
					for range test.n - 1 {
						d.receive()
					}
					d.quiet(time.Second)
					h.settled()
				}, func(l *Limits) { l.Queue = test.bounds })
			})
		}
	}
}

// TestLargeAfterSmall: one large message makes room by as many small ones as
// that takes.
func TestLargeAfterSmall(t *testing.T) {
	virtual(t, func(t *testing.T, h *house) {
		h.connect("a", expiry(1000)).subscribe("x", atQoS(1))
		h.session("a").conn.cut()
		synctest.Wait()
		pub := h.connect("pub", clean)
		for range 100 {
			pub.publish(text{topic: "x", payload: "small", qos: 1})
		}
		for range 20 {
			pub.publish(text{topic: "x", payload: repeat("l", 300), qos: 1})
		}
		if n, bytes := h.waiting("a"); bytes > 1000 {
			t.Errorf("%d messages of %d bytes wait, the bound is 1000", n, bytes)
		}
		h.settled()
	}, func(l *Limits) { l.Queue = session.Bounds{Messages: 1000, Bytes: 1000} })
}

// TestStuckHead: a session that is away with one message sent and not
// acknowledged costs no memory for each message that is dropped meanwhile.
func TestStuckHead(t *testing.T) {
	h := newHouse(t, func(l *Limits) { l.Queue.Messages = 20 })
	d := h.connect("a", expiry(1000), receiveMaximum(1))
	d.subscribe("x", atQoS(1))
	pub := h.connect("pub", clean)
	pub.publish(text{topic: "x", payload: "head", qos: 1})
	head := want[*delivered](d)
	d.lose()
	for i := range 3000 {
		pub.publish(text{topic: "x", payload: fmt.Sprint(i), qos: 1})
	}
	x := h.session("a")
	x.mu.Lock()
	state := x.s.AppendState(nil)
	x.mu.Unlock()
	if len(state) > 200 {
		t.Errorf("the state of 20 messages has %d bytes", len(state))
	}
	h.restart()
	d = h.connect("a", expiry(1000))
	if m := d.receive(); m.ID != head.ID || m.Payload != "head" {
		t.Errorf("got %+v, want %+v again", *m, *head)
	}
	for i := 3000 - 19; i < 3000; i++ {
		d.receives(fmt.Sprint(i))
	}
	h.settled()
}

// TestRouteCache: clients choose topics, so the cache of routes is bounded in
// bytes, and what it says is always right.
func TestRouteCache(t *testing.T) {
	var s routeShard
	for i := range 20_000 {
		s.put(&route{topic: fmt.Sprintf("%05d/%s", i%15_000, repeat("x", 1000)), targets: make([]target, i%50)})
	}
	s.put(&route{topic: "wide", targets: make([]target, 1_000_000)})
	sum := 0
	for _, r := range s.m {
		sum += r.cost()
	}
	if sum != s.cost || sum > routeBytes || s.m["wide"] != nil {
		t.Errorf("%d bytes counted, %d there, bound %d", s.cost, sum, routeBytes)
	}
	h := newHouse(t)
	d := h.connect("a", clean)
	pub := h.connect("pub", clean)
	for range 20 {
		d.subscribe("x", atQoS(0))
		pub.publish(text{topic: "x", payload: "1", qos: 1})
		d.receives("1")
		d.unsubscribe("x")
		pub.publish(text{topic: "x", payload: "2", qos: 1})
	}
	d.quiet(10 * time.Millisecond)
}

// TestSubscriptionLimits: filters of a session and of a packet are bounded; what
// replaces another is none more.
func TestSubscriptionLimits(t *testing.T) {
	h := newHouse(t, func(l *Limits) {
		l.Subscriptions, l.FiltersPerSubscribe, l.SharedPerSession, l.SharedGroups = 3, 2, 1, 1
	})
	d := h.connect("a", expiry(1000))
	for _, step := range []struct {
		filter string
		want   mqtt.Code
	}{
		{"$share/g/1", mqtt.GrantedQoS2}, {"$share/g/2", mqtt.QuotaExceeded}, {"$share/g/1", mqtt.GrantedQoS2},
		{"1", mqtt.GrantedQoS2}, {"2", mqtt.GrantedQoS2}, {"3", mqtt.QuotaExceeded}, {"2", mqtt.GrantedQoS2},
		{"$share//x", mqtt.TopicFilterInvalid}, {"a#", mqtt.TopicFilterInvalid},
	} {
		if got := d.subscribe(step.filter); got != step.want {
			t.Errorf("%s: %v, want %v", step.filter, got, step.want)
		}
	}
	if got := h.connect("b", clean).subscribe("$share/other/1"); got != mqtt.QuotaExceeded {
		t.Errorf("a second group: %v", got)
	}
	d.send(subscribePacket("1", "2", "3"))
	for _, code := range want[*mqtt.Suback](d).Codes {
		if code != mqtt.QuotaExceeded {
			t.Errorf("three filters at once: %v", code)
		}
	}
	h.settled()
}

// TestHalfSubscribe: a SUBSCRIBE that ends the connection has changed nothing.
func TestHalfSubscribe(t *testing.T) {
	h := newHouse(t, func(l *Limits) { l.SharedV311 = false })
	d := h.dial(mqtt.V311).login("a")
	d.subscribe("x", atQoS(0))
	p := mqtt.Subscribe{PacketID: 9, Subscriptions: []mqtt.Subscription{{Filter: "x", QoS: 1}, {Filter: "y", QoS: 1}, {Filter: "$share/g/z", QoS: 1}}}
	d.send(p.Append(nil, mqtt.V311))
	<-d.gone
	x := h.session("a")
	x.mu.Lock()
	if n, q := len(x.subs), x.subs["x"].qos; n != 1 || q != 0 {
		t.Errorf("%d subscriptions, the first at QoS %d; want 1 at QoS 0", n, q)
	}
	x.mu.Unlock()
	h.settled()
}

// TestSetLimits: new bounds concern a session when its client comes back.
func TestSetLimits(t *testing.T) {
	virtual(t, func(t *testing.T, h *house) {
		d := h.connect("a", expiry(1000))
		d.subscribe("x", atQoS(1))
		d.lose()
		l := h.limits
		l.Queue.Messages = 5
		if err := h.b.SetLimits("test", l); err != nil {
			t.Fatal(err)
		}
		h.connect("a", expiry(1000)).lose()
		pub := h.connect("pub", clean)
		for range 20 {
			pub.publish(text{topic: "x", payload: "x", qos: 1})
		}
		if n, _ := h.waiting("a"); n != 5 {
			t.Errorf("%d messages wait, want 5", n)
		}
		if err := h.b.SetLimits("other", l); err == nil {
			t.Error("limits of an unknown namespace were set")
		}
	})
}
