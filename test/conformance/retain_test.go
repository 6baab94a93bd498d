package conformance

import (
	"fmt"
	"testing"
)

// late subscribes to a filter now and gives the connection.
func late(t *testing.T, v version, filter string, options int) *conn {
	t.Helper()
	c := open(t, v, connect{})
	c.subscribe(filter, options)
	return c
}

func retainReplaces(t *testing.T, v version) {
	topic := name(t)
	pub := open(t, v, connect{})
	pub.putRaw(0x33, topic, nil, "one")
	pub.putRaw(0x35, topic, nil, "two")
	sub := late(t, v, topic, 2)
	if m := sub.wantMessage(topic, "two"); m.qos != 2 || !m.retain {
		t.Errorf("got %v, want QoS 2 and RETAIN 1", m)
	}
	sub.quiet()
	pub.putRaw(0x33, topic, nil, "three")
	if m := late(t, v, topic, 2).wantMessage(topic, "three"); m.qos != 1 {
		t.Errorf("got %v, want QoS 1", m)
	}
	forget(t, v, topic)
}

func emptyRemoves(t *testing.T, v version) {
	topic := name(t)
	pub := open(t, v, connect{})
	pub.putRaw(0x33, topic, nil, "kept")
	sub := late(t, v, topic, 1)
	sub.wantMessage(topic, "kept")
	pub.putRaw(0x33, topic, nil, "")
	sub.wantMessage(topic, "") // passed on like any other
	late(t, v, topic, 1).quiet()
}

func emptyNotRetained(t *testing.T, v version) {
	topic := name(t)
	pub := open(t, v, connect{})
	for _, first := range []int{0x31, 0x33, 0x35} {
		pub.putRaw(first, topic, nil, "")
	}
	late(t, v, topic, 2).quiet()
}

func plainLeavesRetained(t *testing.T, v version) {
	kept, never := name(t, "kept"), name(t, "never")
	pub := open(t, v, connect{})
	pub.putRaw(0x33, kept, nil, "kept")
	for qos := range 3 {
		pub.put(kept, qos, "passing")
		pub.put(kept, qos, "")
		pub.put(never, qos, "passing")
	}
	sub := late(t, v, kept, 1)
	sub.wantMessage(kept, "kept")
	sub.subscribe(never, 1)
	sub.quiet()
	forget(t, v, kept)
}

// Retain Handling is bits 4 and 5 of the subscription options.
const (
	handling1         = 0x10
	handling2         = 0x20
	noLocal           = 0x04
	retainAsPublished = 0x08
)

func retainedEveryTime(t *testing.T, v version) {
	topic := name(t)
	open(t, v, connect{}).putRaw(0x33, topic, nil, "kept")
	sub := open(t, v, connect{})
	for range 3 { // new at first, then replaced
		sub.subscribe(topic, 1)
		if m := sub.wantMessage(topic, "kept"); !m.retain {
			t.Errorf("got %v, want RETAIN 1", m)
		}
	}
	forget(t, v, topic)
}

func retainedOnlyWhenNew(t *testing.T, v version) {
	topic := name(t)
	open(t, v, connect{}).putRaw(0x33, topic, nil, "kept")
	sub := late(t, v, topic, 1|handling1)
	sub.wantMessage(topic, "kept")
	sub.subscribe(topic, 1|handling1)
	sub.quiet()
	sub.send(v.unsubscribe(50, topic))
	sub.want(0xB0)
	sub.subscribe(topic, 1|handling1) // new again
	sub.wantMessage(topic, "kept")
	forget(t, v, topic)
}

func retainedNever(t *testing.T, v version) {
	topic := name(t)
	pub := open(t, v, connect{})
	pub.putRaw(0x33, topic, nil, "kept")
	sub := late(t, v, topic, 1|handling2)
	sub.quiet()
	sub.subscribe(topic, 1|handling2)
	pub.put(topic, 1, "live")
	sub.wantMessage(topic, "live")
	forget(t, v, topic)
}

func liveRetainCleared(t *testing.T, v version) {
	sub, pub, topic := pair(t, v, 2)
	for _, first := range []int{0x31, 0x33, 0x35} {
		pub.putRaw(first, topic, nil, "x")
		if m := sub.wantMessage(topic, "x"); m.retain {
			t.Errorf("got %v live, want RETAIN 0", m)
		}
	}
	forget(t, v, topic)
}

func liveRetainKept(t *testing.T, v version) {
	topic := name(t)
	sub, pub := late(t, v, topic, 2|retainAsPublished), open(t, v, connect{})
	for _, first := range []int{0x30, 0x31, 0x32, 0x33, 0x34, 0x35} {
		pub.putRaw(first, topic, nil, "x")
		if m := sub.wantMessage(topic, "x"); m.retain != (first&1 == 1) {
			t.Errorf("published with %02x, got %v, want the same RETAIN", first, m)
		}
	}
	forget(t, v, topic)
}

func retainedOfEachTopic(t *testing.T, v version) {
	pub := open(t, v, connect{})
	var topics []string
	for i := range 5 {
		topics = append(topics, name(t, fmt.Sprint(i)))
		pub.putRaw(0x33, topics[i], nil, "old")
		pub.putRaw(0x33, topics[i], nil, fmt.Sprint(i))
	}
	sub := late(t, v, name(t, "+"), 1)
	got := map[string]string{}
	for range topics {
		m := sub.get()
		got[m.topic] = m.payload
	}
	for i, topic := range topics {
		if got[topic] != fmt.Sprint(i) {
			t.Errorf("got %q for %s, want %d", got[topic], topic, i)
		}
	}
	sub.quiet()
	forget(t, v, topics...)
}

// qos0ReplacesRetained: the new one may be dropped, the old one may not stay.
func qos0ReplacesRetained(t *testing.T, v version) {
	topic := name(t)
	pub := open(t, v, connect{})
	pub.putRaw(0x33, topic, nil, "one")
	pub.putRaw(0x31, topic, nil, "two")
	sub := late(t, v, topic, 1)
	for _, p := range sub.collect() {
		if m := sub.parse(p); m.payload != "two" || m.qos != 0 {
			t.Errorf("got %v, want payload two with QoS 0", m)
		}
	}
	forget(t, v, topic)
}

func retainFlagWhenNew(t *testing.T, v version) {
	topic := name(t)
	pub := open(t, v, connect{})
	pub.putRaw(0x33, topic, nil, "kept")
	sub := open(t, v, connect{})
	for range 2 {
		sub.subscribe(topic, 1)
		if m := sub.wantMessage(topic, "kept"); !m.retain {
			t.Errorf("got %v, want RETAIN 1", m)
		}
	}
	forget(t, v, topic)
}
