package conformance

import (
	"testing"
	"time"
)

var connack5 = map[string]test{
	"3.2.0-1":  connackFirst,
	"3.2.0-2":  oneConnack,
	"3.2.2-1":  connackFlags,
	"3.2.2-2":  noSessionWhenClean,
	"3.2.2-3":  all(sessionPresentWhenKept, sessionAbsentWhenNew),
	"3.2.2-6":  refusalWithoutSession,
	"3.2.2-7":  closesAfterRefusal,
	"3.2.2-8":  connackCodes,
	"3.2.2-9":  publishesEveryQoS,
	"3.2.2-10": grantsEveryQoS,
	"3.2.2-12": willQoSWithin,
	"3.2.2-13": retainedWillWithin,
	"3.2.2-15": packetBeyondServer,
	"3.2.2-16": assignedIDsDiffer,
	"3.2.2-17": aliasBeyondServer(+1),
	"3.2.2-19": refusalFits,
	"3.2.2-20": refusalFits,
	"3.2.2-22": ownKeepAlive,
}

var connack3 = map[string]test{
	"3.2.0-1": connackFirst,
	"3.2.2-1": noSessionWhenClean,
	"3.2.2-2": sessionPresentWhenKept,
	"3.2.2-3": sessionAbsentWhenNew,
	"3.2.2-4": refusalWithoutSession,
	"3.2.2-5": closesAfterRefusal,
	"3.2.2-6": closesWithoutConnack,
}

// connackFirst returns to a session with messages, and asks for more at once.
func connackFirst(t *testing.T, v version) {
	id, topic := name(t, "id"), name(t, "t")
	away(t, v, id, topic, 1)
	pub := open(t, v, connect{})
	for range 5 {
		pub.put(topic, 1, "x")
	}
	c := dial(t, v)
	c.send(connect{id: id, keep: true}.encode(v), pingreq, v.subscribe(1, nil, topic, 1), v.publish(0x32, topic, 2, nil, "y"))
	c.accepted() // reads the first packet
}

func oneConnack(t *testing.T, v version) {
	p := connect{id: name(t, "id"), keep: true}
	away(t, v, p.id, name(t, "t"), 1)
	c := open(t, v, p)
	c.send(pingreq, v.subscribe(1, nil, name(t, "t"), 1), p.encode(v)) // the last ends it
	for _, p := range c.drain() {
		if p.first>>4 == 2 {
			t.Errorf("got a second CONNACK %v", p)
		}
	}
}

func connackFlags(t *testing.T, v version) {
	p := connect{id: name(t), keep: true}
	for i := range 2 {
		c := open(t, v, p)
		if c.connack.body[0] != byte(i) {
			t.Errorf("connection %d: got %v, want the flags %02x", i, c.connack, i)
		}
		c.bye()
	}
	c := dial(t, v)
	c.send(unknownMethod(name(t)).encode(v))
	c.refused(0x8C, 0x87) // wants the flags 0
}

func noSessionWhenClean(t *testing.T, v version) {
	id := name(t)
	if open(t, v, connect{id: id}).sessionPresent() {
		t.Error("a new client has a session")
	}
	away(t, v, id, name(t, "t"), 1)
	if open(t, v, connect{id: id}).sessionPresent() {
		t.Error("a clean client has a session")
	}
}

func sessionPresentWhenKept(t *testing.T, v version) {
	id := name(t)
	away(t, v, id, name(t, "t"), 1)
	if !open(t, v, connect{id: id, keep: true}).sessionPresent() { // online it takes over
		t.Error("the session left behind is not present")
	}
	if !open(t, v, connect{id: id, resume: true}).sessionPresent() {
		t.Error("the session taken over is not present")
	}
}

func sessionAbsentWhenNew(t *testing.T, v version) {
	if open(t, v, connect{resume: true}).sessionPresent() {
		t.Error("a session is present that never was")
	}
}

// refusal is a CONNECT that is well formed and must not be accepted, for a
// session that exists.
func refusal(t *testing.T, v version) []byte {
	t.Helper()
	id := name(t, "refused")
	away(t, v, id, name(t, "t"), 1)
	if v == v5 {
		p := unknownMethod(id)
		p.keep = true
		return p.encode(v)
	}
	return connect{resume: true}.encode(v) // no ClientId, not clean
}

func refusalWithoutSession(t *testing.T, v version) {
	c := dial(t, v)
	c.send(refusal(t, v))
	c.refused(0x8C, 0x87, 0x02) // wants Session Present 0
}

func closesAfterRefusal(t *testing.T, v version) {
	c := dial(t, v)
	c.send(refusal(t, v), pingreq)
	c.refused(0x8C, 0x87, 0x02) // wants the end after the CONNACK
}

func closesWithoutConnack(t *testing.T, v version) {
	c := dial(t, v)
	c.send(v.rawConnect(0x03, str(name(t))))
	c.closed()
}

func connackCodes(t *testing.T, v version) {
	refusals := [][]byte{
		unknownMethod(name(t)).encode(v),
		v.rawConnect(0x03, str(name(t))),
		connect{id: name(t), props: cat(propReceiveMaximum, u16(0))}.encode(v),
		connect{id: "\xFF"}.encode(v),
		connect{id: name(t), will: &will{topic: "#"}}.encode(v),
	}
	for _, p := range refusals {
		c := dial(t, v)
		c.send(p)
		for _, p := range c.drain() {
			c.wantOwnCodes(p)
			if p.code() == 0 {
				t.Errorf("got %v, want a refusal", p)
			}
		}
	}
}

func publishesEveryQoS(t *testing.T, v version) {
	sub, pub, topic := pair(t, v, 2)
	best := pub.limits().num(propMaximumQoS, 2)
	if _, ok := pub.limits().get(propMaximumQoS); ok && best > 1 {
		t.Errorf("Maximum QoS is %d, want 0 or 1, or none", best)
	}
	for qos := range best + 1 {
		pub.put(topic, qos, "x")
		if m := sub.wantMessage(topic, "x"); m.qos != qos {
			t.Errorf("published with QoS %d, got %v", qos, m)
		}
	}
}

func grantsEveryQoS(t *testing.T, v version) {
	c := open(t, v, connect{})
	best := byte(c.limits().num(propMaximumQoS, 2))
	c.send(v.subscribe(1, nil, name(t, "0"), 0, name(t, "1"), 1, name(t, "2"), 2))
	p := c.suback(1)
	for qos, granted := range c.codes(p) {
		if granted > min(byte(qos), best) {
			t.Errorf("QoS %d was answered %02x, want at most %d", qos, granted, min(byte(qos), best))
		}
	}
}

func willQoSWithin(t *testing.T, v version) {
	best := open(t, v, connect{}).limits().num(propMaximumQoS, 2)
	for qos := range 3 {
		c := dial(t, v)
		c.send(connect{id: name(t), will: &will{topic: name(t), qos: qos}}.encode(v))
		if qos > best {
			c.refused(0x9B)
			continue
		}
		c.accepted()
		c.bye()
	}
}

func retainedWillWithin(t *testing.T, v version) {
	able := open(t, v, connect{}).limits().num(propRetainAvailable, 1)
	c := dial(t, v)
	c.send(connect{id: name(t), will: &will{topic: name(t), retain: true}}.encode(v))
	if able == 0 {
		c.refused(0x9A)
		return
	}
	c.accepted()
	c.bye()
}

// packetBeyondServer sends the head of a PUBLISH one byte larger than the
// server takes; it need not wait for the rest.
func packetBeyondServer(t *testing.T, v version) {
	most := open(t, v5, connect{}).limits().num(propMaximumPacketSize, 0)
	if most == 0 {
		t.Skip("the target announces no Maximum Packet Size")
	}
	c := open(t, v, connect{})
	c.send(cat(0x30, varint(most+1-1-len(varint(most))), str(name(t)), v.props(), "x"))
	c.dropped(0x95)
}

func assignedIDsDiffer(t *testing.T, v version) {
	ids := map[string]bool{}
	for range 5 {
		c := dial(t, v)
		c.send(v.rawConnect(0x02, str("")))
		c.accepted()
		id, _ := c.limits().get(propAssignedClientID)
		if id == "" || ids[id] {
			t.Errorf("got the ClientID %q, want a new one; taken are %v", id, ids)
		}
		ids[id] = true
		c.alive()
	}
}

// aliasBeyondServer uses an alias that many above the server's maximum, or the
// highest there is.
func aliasBeyondServer(by int) test {
	return func(t *testing.T, v version) {
		c := open(t, v, connect{})
		most := c.limits().num(propTopicAliasMaximum, 0)
		alias := min(most+by, 65535)
		if most >= alias {
			t.Skip("the target takes every alias")
		}
		c.send(v.publish(0x30, name(t), 0, cat(propTopicAlias, u16(alias)), "x"))
		c.dropped(0x94, 0x82)
	}
}

// refusalFits wants a CONNACK that could say much to say what fits.
func refusalFits(t *testing.T, v version) {
	const most = 20
	c := dial(t, v)
	p := unknownMethod(name(t))
	p.props = cat(p.props, propMaximumPacketSize, u32(most))
	c.send(p.encode(v))
	for _, p := range c.drain() {
		c.wantFits(p, most)
	}
}

func ownKeepAlive(t *testing.T, v version) {
	short := open(t, v, connect{keepAlive: 1})
	if _, ok := short.limits().get(propServerKeepAlive); ok {
		t.Skip("the target sets the keep alive itself")
	}
	long, none := open(t, v, connect{keepAlive: 600}), open(t, v, connect{})
	at := time.Now()
	short.dropped(0x8D)
	if d := time.Since(at); d < 900*time.Millisecond || d > 3*time.Second {
		t.Errorf("a keep alive of 1 s ended the connection after %v", d)
	}
	long.alive()
	none.alive()
}
