package conformance

import (
	"strings"
	"testing"
	"time"
)

// firstTime wants DUP 0 and an identifier on a new message of this QoS.
func firstTime(qos int) test {
	return func(t *testing.T, v version) {
		sub, pub, topic := pair(t, v, 2)
		for range 3 {
			pub.putRaw(0x38|qos<<1, topic, nil, "x") // published as a repetition
			if m := sub.wantMessage(topic, "x"); m.qos != qos || m.dup || m.id == 0 {
				t.Errorf("got %v, want QoS %d, DUP 0 and an identifier", m, qos)
			}
		}
	}
}

// underWay is a session with one message of this QoS under way.
func underWay(t *testing.T, v version, qos int) (p connect, sub, pub *conn, m message) {
	t.Helper()
	p = connect{id: name(t, "id"), keep: true}
	sub, pub = open(t, v, p), open(t, v, connect{})
	sub.subscribe(name(t, "t"), 2)
	pub.put(name(t, "t"), qos, "x")
	m = sub.message()
	if m.qos != qos {
		t.Fatalf("got %v, want QoS %d", m, qos)
	}
	return p, sub, pub, m
}

// again wants the message m once more, marked as a repetition.
func (c *conn) again(m message) {
	c.t.Helper()
	r := c.message()
	if r.id != m.id || !r.dup || r.payload != m.payload || r.qos != m.qos {
		c.t.Fatalf("got %v, want %v again with DUP 1", r, m)
	}
}

func unacknowledgedUntilPuback(t *testing.T, v version) {
	p, sub, _, m := underWay(t, v, 1)
	sub.cut()
	for range 2 {
		sub = open(t, v, p)
		sub.again(m)
		sub.cut()
	}
	sub = open(t, v, p)
	sub.again(m)
	sub.send(ack(0x40, m.id))
	sub.alive() // the PUBACK has been read
	sub.bye()
	open(t, v, p).quiet()
}

func unacknowledgedUntilPubrec(t *testing.T, v version) {
	p, sub, _, m := underWay(t, v, 2)
	for range 2 {
		sub.cut()
		sub = open(t, v, p)
		sub.again(m)
	}
	sub.acknowledge(m)
	sub.alive()
	sub.bye()
	open(t, v, p).quiet()
}

func pubrelForPubrec(t *testing.T, v version) {
	_, sub, pub, m := underWay(t, v, 2)
	sub.quiet() // not before the PUBREC
	sub.send(ack(0x50, m.id))
	sub.ack(0x62, m.id)
	sub.send(ack(0x70, m.id))
	if v == v3 {
		return
	}
	pub.put(m.topic, 2, "y")
	m = sub.message()
	sub.send(ackCode(0x50, m.id, 0x10)) // no matching subscribers is a success
	sub.ack(0x62, m.id)
	sub.send(ack(0x70, m.id))
	pub.put(m.topic, 2, "z")
	m = sub.message()
	sub.send(ackCode(0x50, m.id, 0x80)) // and this is the end of it
	sub.quiet()
}

func unacknowledgedUntilPubcomp(t *testing.T, v version) {
	p, sub, _, m := underWay(t, v, 2)
	sub.send(ack(0x50, m.id))
	sub.ack(0x62, m.id)
	for range 2 {
		sub.cut()
		sub = open(t, v, p)
		sub.ack(0x62, m.id)
	}
	sub.send(ack(0x70, m.id))
	sub.alive()
	sub.bye()
	open(t, v, p).quiet()
}

func noPublishAfterPubrel(t *testing.T, v version) {
	p, sub, _, m := underWay(t, v, 2)
	sub.send(ack(0x50, m.id))
	sub.ack(0x62, m.id)
	sub.cut()
	sub = open(t, v, p)
	sub.ack(0x62, m.id) // nothing before it
	sub.quiet()         // and nothing after it
}

func sentDoesNotExpire(t *testing.T, v version) {
	p := connect{id: name(t, "id"), keep: true}
	sub, pub := open(t, v, p), open(t, v, connect{})
	sub.subscribe(name(t, "t"), 2)
	pub.putRaw(0x34, name(t, "t"), cat(propMessageExpiry, u32(1)), "x")
	m := sub.message()
	sub.cut()
	pass(2200 * time.Millisecond)
	sub = open(t, v, p)
	sub.again(m)
	sub.acknowledge(m)
}

// ownsAndAcks wants the acknowledgement of a message that then reaches an
// absent session. With QoS 2 a server may deliver only after PUBREL.
func ownsAndAcks(qos int) test {
	return func(t *testing.T, v version) {
		p := connect{id: name(t, "id"), keep: true}
		away(t, v, p.id, name(t, "t"), 2)
		pub := open(t, v, connect{})
		pub.send(v.publish(0x30|qos<<1, name(t, "t"), 0xABCD, nil, "x"))
		pub.ack([]byte{0, 0x40, 0x50}[qos], 0xABCD)
		if qos == 2 {
			pub.send(ack(0x62, 0xABCD))
			pub.ack(0x70, 0xABCD)
		}
		pub.cut()
		if m := open(t, v, p).wantMessage(name(t, "t"), "x"); m.qos != qos {
			t.Errorf("got %v, want QoS %d", m, qos)
		}
	}
}

func sameIDAfterPuback(t *testing.T, v version) {
	sub, pub, topic := pair(t, v, 1)
	for _, first := range []int{0x32, 0x3A, 0x32} {
		pub.send(v.publish(first, topic, 5, nil, "same"))
		pub.ack(0x40, 5)
		sub.wantMessage(topic, "same")
	}
}

func repeatedBeforePubrel(t *testing.T, v version) {
	sub, _, topic := pair(t, v, 2)
	p := connect{id: name(t, "id"), keep: true}
	pub := open(t, v, p)
	for i, first := range []int{0x34, 0x3C, 0x3C} {
		if i == 2 { // also on a new connection
			pub.cut()
			pub = open(t, v, p)
		}
		pub.send(v.publish(first, topic, 5, nil, "once"))
		pub.ack(0x50, 5)
	}
	pub.send(ack(0x62, 5))
	pub.ack(0x70, 5)
	pub.put(topic, 2, "marker")
	sub.wantMessage(topic, "once")
	sub.wantMessage(topic, "marker")
}

func pubcompForPubrel(t *testing.T, v version) {
	pub, topic := open(t, v, connect{}), name(t)
	for _, id := range []int{1, 0x1234, 0xFFFF} {
		pub.send(v.publish(0x34, topic, id, nil, "x"))
		pub.ack(0x50, id)
	}
	for _, id := range []int{0xFFFF, 1, 0x1234} {
		pub.send(ack(0x62, id))
		pub.ack(0x70, id)
	}
	// A PUBREL may come again, when the PUBCOMP was lost: the answer is a
	// PUBCOMP again, in MQTT 5 one that says not found.
	pub.send(ack(0x62, 1))
	if id, code := pub.want(0x70).ack(t); id != 1 || code != 0 && code != 0x92 {
		t.Errorf("got a PUBCOMP for %d with code %02x, want 1 and 00 or 92", id, code)
	}
}

func sameIDAfterPubcomp(t *testing.T, v version) {
	sub, pub, topic := pair(t, v, 2)
	for _, first := range []int{0x34, 0x34, 0x3C} {
		pub.send(v.publish(first, topic, 5, nil, "same"))
		pub.ack(0x50, 5)
		pub.send(ack(0x62, 5))
		pub.ack(0x70, 5)
		sub.wantMessage(topic, "same")
	}
}

// sameIDAfterFailure looks for a message that this server declines.
func sameIDAfterFailure(t *testing.T, v version) {
	sub, _, topic := pair(t, v, 2)
	for _, bad := range []string{name(t, "+"), "$SYS/x", strings.Repeat("x/", 300), "$share/g/x", strings.Repeat("x", 65535)} {
		pub := open(t, v, connect{})
		pub.send(v.publish(0x34, bad, 9, cat(propPayloadFormat, 1), "\xFF"))
		p, err := pub.read(soon)
		if err != nil || p.first != 0x50 {
			continue
		}
		if _, code := p.ack(t); code < 0x80 {
			continue
		}
		pub.send(v.publish(0x34, topic, 9, nil, "new"))
		pub.ack(0x50, 9)
		pub.send(ack(0x62, 9))
		pub.ack(0x70, 9)
		sub.wantMessage(topic, "new")
		return
	}
	t.Skip("the target declines no message with a PUBREC")
}

func expiredCompletes(t *testing.T, v version) {
	p := connect{id: name(t, "id"), keep: true}
	away(t, v, p.id, name(t, "t"), 2)
	pub := open(t, v, connect{})
	pub.send(v.publish(0x34, name(t, "t"), 5, cat(propMessageExpiry, u32(1)), "x"))
	pub.ack(0x50, 5)
	pass(2200 * time.Millisecond)
	pub.send(ack(0x62, 5))
	pub.ack(0x70, 5)
	open(t, v, p).quiet()
}
