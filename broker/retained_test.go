package broker

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gridmq/mqtt"
	"gridmq/store"
	"gridmq/store/faulty"
)

func (d *device) retain(topic, payload string) mqtt.Code {
	d.t.Helper()
	return d.publish(text{topic: topic, payload: payload, qos: 1, retain: true})
}

// TestRetainedReplay: a new subscription gets every retained message once, also
// more than its window and its buffer take, at any QoS, durable or not.
func TestRetainedReplay(t *testing.T) {
	for _, qos := range []byte{0, 1, 2} {
		for name, w := range map[string]wish{"volatile": clean, "durable": expiry(1000)} {
			t.Run(fmt.Sprintf("QoS %d, %s", qos, name), func(t *testing.T) {
				h := newHouse(t)
				pub := h.connect("pub", clean)
				const n = 400
				for i := range n {
					pub.retain(fmt.Sprintf("r/%03d", i), repeat("x", 500))
				}
				d := h.connect("a", w, receiveMaximum(7))
				d.subscribe("r/#", atQoS(qos))
				seen := map[string]bool{}
				for range n {
					m := want[*delivered](d)
					if !m.Retain || seen[m.Topic] {
						t.Fatalf("received %s, retain %v, a second time %v", m.Topic, m.Retain, seen[m.Topic])
					}
					seen[m.Topic] = true
					switch m.QoS {
					case 1:
						d.finish(m)
					}
				}
				d.quiet(20 * time.Millisecond)
				h.settled()
			})
		}
	}
}

// TestRetainedReplayStartsAgain: a subscription that is made again while its
// retained messages are being sent begins again, with its new options.
func TestRetainedReplayStartsAgain(t *testing.T) {
	h := newHouse(t)
	pub := h.connect("pub", clean)
	const n = 50
	for i := range n {
		pub.retain(fmt.Sprintf("r/%03d", i), "x")
	}
	d := h.connect("a", clean, receiveMaximum(3))
	d.subscribe("r/#", atQoS(1))
	withID := func(p *mqtt.Subscribe) {
		p.Properties.SubscriptionIdentifiers = []uint32{7}
		p.Properties.Mark(mqtt.PropSubscriptionIdentifier)
		p.Subscriptions[0].QoS = 1
	}
	d.subscribe("r/#", withID)
	seen := map[string]bool{}
	for len(seen) < n {
		if m := d.receive(); len(m.SubIDs) == 1 {
			seen[m.Topic] = true
		}
	}
	if d.unsubscribe("r/#") != mqtt.Success {
		t.Error("unsubscribe failed")
	}
	h.settled()
}

// TestRetainedReplaced: messages that change while they are replayed are sent as
// they were or as they are, never twice the same and never not at all.
func TestRetainedReplaced(t *testing.T) {
	h := newHouse(t)
	pub := h.connect("pub", clean)
	const n = 200
	for i := range n {
		pub.retain(fmt.Sprintf("r/%03d", i), "1")
	}
	d := h.connect("a", clean, receiveMaximum(5))
	d.subscribe("r/#", atQoS(1))
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range n {
			pub.retain(fmt.Sprintf("r/%03d", i), "2")
		}
	})
	last := map[string]string{}
	for twos := 0; twos < n; { // each is published once more, live
		m := d.receive()
		last[m.Topic] = m.Payload
		if m.Payload == "2" && !m.Retain {
			twos++
		}
	}
	wg.Wait()
	for i := range n {
		if last[fmt.Sprintf("r/%03d", i)] == "" {
			t.Errorf("r/%03d never came", i)
		}
	}
	h.settled()
}

// TestRetainedExpiryMeetsReplacement: a message that is replaced at the moment
// of its expiry must not take the new one with it, in memory or in the store.
func TestRetainedExpiryMeetsReplacement(t *testing.T) {
	h := newHouse(t)
	pub := h.connect("pub", clean)
	ns := h.ns()
	for i := range 300 {
		topic := fmt.Sprint("r/", i)
		pub.publish(text{topic: topic, payload: "old", qos: 1, retain: true, expiry: 1000})
		e, _ := ns.retained.names.Get(topic)
		var wg sync.WaitGroup
		wg.Go(func() { _ = ns.expireRetained(e, time.Now().UnixMilli()) })
		pub.retain(topic, "new")
		wg.Wait()
	}
	h.restart()
	if n := h.ns().retained.names.Len(); n != 300 {
		t.Errorf("%d retained messages after a restart, want 300", n)
	}
	h.settled()
}

// TestRetainedCache: what is pushed out of the cache is read from the store, and
// the list of what is in it does not grow with every change.
func TestRetainedCache(t *testing.T) {
	h := newHouse(t)
	pub := h.connect("pub", clean)
	for range 3000 {
		pub.put(text{topic: "same", payload: "x", retain: true})
	}
	pub.retain("other", "x")
	r := &h.ns().retained
	r.mu.Lock()
	if n := len(r.order); n > 100 {
		t.Errorf("%d entries in the order of 2 messages", n)
	}
	var sum int64
	for _, e := range r.order {
		if e.msg.Load() != nil {
			sum += e.size
		}
	}
	if sum != r.cached {
		t.Errorf("%d bytes counted, %d there", r.cached, sum)
	}
	for _, e := range r.order {
		e.msg.Store(nil) // as keep does when there is too much
	}
	r.order, r.cached = nil, 0
	r.mu.Unlock()
	d := h.connect("a", clean)
	d.subscribe("#")
	seen := map[string]bool{d.receive().Topic: true, d.receive().Topic: true}
	if !seen["same"] || !seen["other"] {
		t.Errorf("received %v from the store", seen)
	}
}

// TestRetainedLimits: the number and the bytes of a namespace are bounded; what
// is replaced makes room for itself, and removing always works.
func TestRetainedLimits(t *testing.T) {
	h := newHouse(t, func(l *Limits) { l.RetainedMessages, l.RetainedTotalBytes, l.RetainedBytes = 3, 100, 50 })
	pub := h.connect("pub", clean)
	for _, step := range []struct {
		topic, payload string
		want           mqtt.Code
	}{
		{"a", repeat("x", 51), mqtt.QuotaExceeded},
		{"a", repeat("x", 49), mqtt.NoMatchingSubscribers},
		{"a", repeat("y", 49), mqtt.NoMatchingSubscribers},
		{"b", repeat("x", 50), mqtt.QuotaExceeded}, // 101 bytes
		{"b", repeat("x", 40), mqtt.NoMatchingSubscribers},
		{"c", "x", mqtt.NoMatchingSubscribers},
		{"d", "x", mqtt.QuotaExceeded}, // the fourth
		{"a", "", mqtt.NoMatchingSubscribers},
		{"d", "x", mqtt.NoMatchingSubscribers},
	} {
		if got := pub.retain(step.topic, step.payload); got != step.want {
			t.Errorf("%d bytes to %q: %v, want %v", len(step.payload), step.topic, got, step.want)
		}
	}
	h.settled()
}

// TestRetainedStoreFull: nothing changes when the change cannot be stored; a
// removal that could not be stored is tried again.
func TestRetainedStoreFull(t *testing.T) {
	virtual(t, func(t *testing.T, h *house) {
		pub := h.connect("pub", clean)
		pub.retain("a", "old")
		pub.publish(text{topic: "b", payload: "short", qos: 1, retain: true, expiry: 10})
		h.st.Fail(faulty.Submit, store.ErrFull)
		if code := pub.retain("a", "new"); code != mqtt.QuotaExceeded {
			t.Errorf("PUBACK %v, want %v", code, mqtt.QuotaExceeded)
		}
		time.Sleep(11 * time.Second)
		synctest.Wait()
		h.st.Heal()
		d := h.connect("a", clean)
		d.subscribe("#")
		d.receives("old")
		d.quiet(2 * time.Minute) // the expired one is not sent, and goes away in the end
		if n := h.ns().retained.names.Len(); n != 1 {
			t.Errorf("%d retained messages, want 1", n)
		}
		h.settled()
	})
}
