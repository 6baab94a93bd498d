package conformance

import (
	"strings"
	"testing"
)

var format5 = map[string]test{
	"1.5.4-1": refusesText(illFormed, everyField...),
	"1.5.4-2": refusesText(withNUL, everyField...),
	"1.5.4-3": keepsFEFF,
	"1.5.5-1": shortestVarints,
	"1.5.7-1": refusesPairs,
	"2.1.3-1": all(refusesFlags, sendsRightFlags),
	"2.2.1-2": qos0HasNoID,
	"2.2.1-3": refusesIDZero,
	"2.2.1-4": assignsFreeIDs,
	"2.2.1-5": acksRepeatID,
	"2.2.1-6": subacksRepeatID,
	"2.2.2-1": writesPropertyLength,
}

var format3 = map[string]test{
	"1.5.3-1": refusesText(illFormed, everyField...),
	"1.5.3-2": refusesText(withNUL, everyField...),
	"1.5.3-3": keepsFEFF,
	"2.2.2-1": sendsRightFlags,
	"2.2.2-2": refusesFlags,
	"2.3.1-1": refusesIDZero,
	"2.3.1-4": all(assignsFreeIDs, resendsWithSameID),
	"2.3.1-5": qos0HasNoID,
	"2.3.1-6": acksRepeatID,
	"2.3.1-7": subacksRepeatID,
}

// all is one test made of several.
func all(tests ...test) test {
	return func(t *testing.T, v version) {
		for i, f := range tests {
			t.Run(string(rune('a'+i)), func(t *testing.T) {
				t.Parallel()
				f(t, v)
			})
		}
	}
}

func shortestVarints(t *testing.T, v version) {
	try(t, map[string][]byte{
		"remaining length":        {0xC0, 0x80, 0x00},
		"five bytes":              {0xC0, 0x80, 0x80, 0x80, 0x80, 0x00},
		"property length":         packet(0x30, str("a"), 0x80, 0x00, "x"),
		"subscription identifier": packet(0x82, u16(1), 3, propSubscriptionID, 0x81, 0x00, str("a"), 0),
	}, func(t *testing.T, p []byte) {
		c := open(t, v, connect{})
		c.send(p)
		c.dropped(0x81)
	})
	t.Run("own", func(t *testing.T) { // read holds what comes to the shortest form
		sub, pub, topic := pair(t, v, 0)
		for _, n := range []int{0, 60, 127, 128, 16383 - len(topic) - 3, 16384} {
			pub.put(topic, 0, strings.Repeat("x", n))
			sub.wantMessage(topic, strings.Repeat("x", n))
		}
	})
}

func refusesFlags(t *testing.T, v version) {
	topic := name(t)
	cases := map[string][]byte{
		"PUBACK":      packet(0x41, u16(1)),
		"PUBREC":      packet(0x51, u16(1)),
		"PUBREL":      packet(0x60, u16(1)),
		"PUBCOMP":     packet(0x74, u16(1)),
		"SUBSCRIBE":   cat(0x80, v.subscribe(1, nil, topic, 0)[1:]),
		"UNSUBSCRIBE": cat(0xA0, v.unsubscribe(1, topic)[1:]),
		"PINGREQ":     {0xC8, 0x00},
		"DISCONNECT":  {0xE1, 0x00},
	}
	if v == v5 {
		cases["AUTH"] = []byte{0xF1, 0x00}
	}
	try(t, cases, func(t *testing.T, p []byte) {
		c := open(t, v, connect{})
		c.send(p)
		c.dropped(0x81)
	})
	t.Run("CONNECT", func(t *testing.T) {
		c := dial(t, v)
		c.send(cat(0x11, connect{id: topic}.encode(v)[1:]))
		c.dropped(0x81)
	})
}

// sendsRightFlags walks through every kind of packet a server sends; want and
// ack compare the whole first byte.
func sendsRightFlags(t *testing.T, v version) {
	topic := name(t)
	c := open(t, v, connect{}) // CONNACK 20
	c.subscribe(topic, 2)      // SUBACK 90
	c.send(v.publish(0x32, topic, 7, nil, "x"))
	seen := map[byte]bool{}
	for range 2 { // PUBACK 40, PUBLISH 32
		seen[c.next().first] = true
	}
	if !seen[0x40] || !seen[0x32] {
		t.Fatalf("got the first bytes %v, want 40 and 32 in hexadecimal", seen)
	}
	other := open(t, v, connect{})
	other.put(topic, 2, "x") // PUBREC 50, PUBCOMP 70
	c.get()                  // PUBLISH 34, PUBREL 62
	c.send(v.unsubscribe(9, topic))
	c.want(0xB0)
	c.alive() // PINGRESP D0
}

func qos0HasNoID(t *testing.T, v version) {
	sub, pub, topic := pair(t, v, 0)
	pub.put(topic, 0, "\x12\x34")
	sub.exactly(packet(0x30, str(topic), v.props(), "\x12\x34"))
	pub.put(topic, 2, "down")
	sub.exactly(packet(0x30, str(topic), v.props(), "down"))
}

func refusesIDZero(t *testing.T, v version) {
	topic := name(t)
	try(t, map[string][]byte{
		"PUBLISH QoS 1": v.publish(0x32, topic, 0, nil, "x"),
		"PUBLISH QoS 2": v.publish(0x34, topic, 0, nil, "x"),
		"SUBSCRIBE":     v.subscribe(0, nil, topic, 0),
		"UNSUBSCRIBE":   v.unsubscribe(0, topic),
	}, func(t *testing.T, p []byte) {
		c := open(t, v, connect{})
		c.send(p)
		c.dropped(0x81, 0x82)
	})
}

func assignsFreeIDs(t *testing.T, v version) {
	sub, pub, topic := pair(t, v, 2)
	for range 2 { // the second time some identifiers are in use and some free again
		for i := range 8 {
			pub.put(topic, 1+i%2, "x")
		}
	}
	inUse := map[int]bool{}
	for i := range 16 {
		m := sub.message()
		if m.id == 0 || inUse[m.id] {
			t.Fatalf("message %d has identifier %d; in use are %v", i, m.id, inUse)
		}
		if inUse[m.id] = true; m.qos == 1 {
			sub.acknowledge(m)
			delete(inUse, m.id)
		}
	}
}

func resendsWithSameID(t *testing.T, v version) {
	id, topic := name(t, "id"), name(t, "t")
	sub, pub := open(t, v, connect{id: id, keep: true}), open(t, v, connect{})
	sub.subscribe(topic, 2)
	pub.put(topic, 1, "one")
	pub.put(topic, 2, "two")
	first := map[string]int{}
	for range 2 {
		m := sub.message()
		first[m.payload] = m.id
	}
	sub.cut()
	sub = open(t, v, connect{id: id, keep: true})
	for range 2 {
		if m := sub.get(); m.id != first[m.payload] {
			t.Errorf("%v was sent again with another identifier; it had %d", m, first[m.payload])
		}
	}
}

func acksRepeatID(t *testing.T, v version) {
	sub, pub, topic := pair(t, v, 2)
	for _, id := range []int{1, 0x1234, 0xFFFF} {
		pub.send(v.publish(0x32, topic, id, nil, "one"))
		pub.ack(0x40, id)
		pub.send(v.publish(0x34, topic, id, nil, "two"))
		pub.ack(0x50, id)
		pub.send(ack(0x62, id))
		pub.ack(0x70, id)
		sub.get() // acknowledge wants the PUBREL to have the identifier
		sub.get()
	}
}

func subacksRepeatID(t *testing.T, v version) {
	c, topic := open(t, v, connect{}), name(t)
	for _, id := range []int{1, 0x1234, 0xFFFF} {
		c.send(v.subscribe(id, nil, topic, 1))
		c.suback(id)
		c.send(v.unsubscribe(id, topic))
		if p := c.want(0xB0); int(p.body[0])<<8|int(p.body[1]) != id {
			t.Errorf("UNSUBSCRIBE %d was answered %v", id, p)
		}
	}
}

func writesPropertyLength(t *testing.T, v version) {
	sub, pub, topic := pair(t, v, 1) // compares the SUBACK
	pub.put(topic, 0, "x")
	sub.exactly(packet(0x30, str(topic), 0x00, "x"))
	sub.send(v.unsubscribe(5, topic))
	sub.exactly(packet(0xB0, u16(5), 0x00, 0x00))

	pub.send(packet(0x30, str(topic))) // no length at all
	pub.dropped(0x81)
}
