package conformance

import (
	"bytes"
	"testing"
)

// unsubscribed sends an UNSUBSCRIBE and reads its UNSUBACK, in MQTT 5 with
// these codes.
func (c *conn) unsubscribed(filters []string, codes ...byte) {
	c.t.Helper()
	c.id++
	c.send(c.v.unsubscribe(c.id, filters...))
	p := c.want(0xB0)
	want := u16(c.id)
	if c.v == v5 {
		want = cat(want, 0x00, codes)
	}
	if !bytes.Equal(p.body, want) {
		c.t.Errorf("UNSUBSCRIBE %q was answered %v, want % x", filters, p, want)
	}
}

func comparesFilters(t *testing.T, v version) {
	sub, pub := open(t, v, connect{}), open(t, v, connect{})
	sub.subscribe(name(t, "+"), 1)
	for _, other := range []string{name(t, "x"), name(t, "#"), name(t, "+", ""), name(t, "") + "/+", name(t)} {
		sub.unsubscribed([]string{other}, 0x11) // matches or resembles, but is another filter
	}
	pub.put(name(t, "x"), 1, "still")
	sub.wantMessage(name(t, "x"), "still")
	sub.unsubscribed([]string{name(t, "+")}, 0x00)
	pub.put(name(t, "x"), 1, "no more")
	sub.quiet()
}

func stopsDelivery(t *testing.T, v version) {
	sub, pub, topic := pair(t, v, 1)
	other := name(t, "other")
	sub.subscribe(other, 1)
	pub.put(topic, 1, "before")
	sub.wantMessage(topic, "before")
	sub.unsubscribed([]string{topic}, 0x00)
	for qos := range 3 {
		pub.put(topic, qos, "after")
	}
	pub.put(other, 1, "marker")
	sub.wantMessage(other, "marker")
	sub.quiet()
}

// completesDelivery has a QoS 1 and a QoS 2 message under way when it
// unsubscribes; both are finished, on a new connection if need be.
func completesDelivery(t *testing.T, v version) {
	p, topic := connect{id: name(t, "id"), keep: true}, name(t, "t")
	sub, pub := open(t, v, p), open(t, v, connect{})
	sub.subscribe(topic, 2)
	pub.put(topic, 2, "two")
	two := sub.message()
	sub.unsubscribed([]string{topic}, 0x00)
	sub.send(ack(0x50, two.id))
	sub.ack(0x62, two.id)
	sub.send(ack(0x70, two.id))

	sub.subscribe(topic, 2)
	pub.put(topic, 1, "one")
	one := sub.message()
	sub.unsubscribed([]string{topic}, 0x00)
	sub.cut()
	sub = open(t, v, p)
	if m := sub.wantMessage(topic, "one"); m.id != one.id || !m.dup {
		t.Errorf("got %v, want it again with DUP and identifier %d", m, one.id)
	}
}

func getsUnsuback(t *testing.T, v version) {
	sub, _, topic := pair(t, v, 1)
	sub.unsubscribed([]string{topic}, 0x00)
	sub.alive()
}

func getsUnsubackForNothing(t *testing.T, v version) {
	c := open(t, v, connect{})
	c.unsubscribed([]string{name(t)}, 0x11)
	c.alive()
}

func unsubscribesSeveral(t *testing.T, v version) {
	sub, pub := open(t, v, connect{}), open(t, v, connect{})
	for _, level := range []string{"a", "b", "c"} {
		sub.subscribe(name(t, level), 1)
	}
	sub.unsubscribed([]string{name(t, "a"), name(t, "c"), name(t, "a")}, 0x00, 0x00, 0x11)
	for _, level := range []string{"a", "c", "b"} {
		pub.put(name(t, level), 1, level)
	}
	sub.wantMessage(name(t, "b"), "b")
	sub.quiet()
}

func unsubackOrder(t *testing.T, v version) {
	sub := open(t, v, connect{})
	sub.subscribe(name(t, "a"), 1)
	sub.subscribe(name(t, "b"), 1)
	sub.unsubscribed([]string{name(t, "x"), name(t, "b"), name(t, "y"), name(t, "a")}, 0x11, 0x00, 0x11, 0x00)
}
