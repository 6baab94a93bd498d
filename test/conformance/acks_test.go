package conformance

import (
	"fmt"
	"slices"
	"testing"
)

// The reason codes of each packet a server sends, sections 3.2 to 3.15; 8C in
// DISCONNECT comes from section 2.4.
var reasonCodes = map[byte][]byte{
	0x20: {0x00, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8A, 0x8C, 0x90, 0x95, 0x97, 0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9F},
	0x40: {0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99},
	0x50: {0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99},
	0x62: {0x00, 0x92},
	0x70: {0x00, 0x92},
	0x90: {0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8F, 0x91, 0x97, 0x9E, 0xA1, 0xA2},
	0xB0: {0x00, 0x11, 0x80, 0x83, 0x87, 0x8F, 0x91},
	0xE0: {0x00, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8B, 0x8C, 0x8D, 0x8E, 0x8F, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9E, 0x9F, 0xA0, 0xA1, 0xA2},
	0xF0: {0x00, 0x18, 0x19},
}

// provoked is, for each acknowledgement, what makes a server send one that has
// more to say than success.
var provoked = map[byte]func(topic string) []byte{
	0x40: func(topic string) []byte { return v5.publish(0x32, topic, 77, nil, "to nobody") },
	0x50: func(topic string) []byte { return v5.publish(0x34, topic, 77, nil, "to nobody") },
	0x62: func(string) []byte { return ack(0x50, 77) }, // PUBREC for what was never sent
	0x70: func(string) []byte { return ack(0x62, 77) }, // PUBREL for what was never sent
	0x90: func(topic string) []byte { return v5.subscribe(77, nil, topic, 0, topic+"/#/x", 0) },
	0xB0: func(topic string) []byte { return v5.unsubscribe(77, topic, topic+"/#/x") },
}

// provoke gives the packet of this kind, or the DISCONNECT that a server may
// prefer for an invalid filter.
func (c *conn) provoke(kind byte) reply {
	c.t.Helper()
	c.send(provoked[kind](name(c.t, "nobody")))
	p := c.next()
	if p.first != kind && p.first != 0xE0 {
		c.t.Fatalf("got %v, want a %s or a DISCONNECT", p, kinds[kind>>4])
	}
	return p
}

// propertiesAt is where in the body of a packet the properties begin.
func propertiesAt(p reply) int {
	switch p.first >> 4 {
	case 0x2, 0x9, 0xB: // two bytes, then properties
		return 2
	case 0xE, 0xF:
		return 1
	}
	return 3
}

// codes are the reason codes in a packet.
func (c *conn) codes(p reply) []byte {
	c.t.Helper()
	switch p.first >> 4 {
	case 0x4, 0x5, 0x6, 0x7:
		_, code := p.ack(c.t)
		return []byte{code}
	case 0x9, 0xB:
		_, rest := readProperties(c.t, p.body[2:])
		return rest
	}
	return []byte{p.code()}
}

func (c *conn) wantOwnCodes(p reply) {
	c.t.Helper()
	for _, code := range c.codes(p) {
		if !slices.Contains(reasonCodes[p.first], code) {
			c.t.Errorf("got %v with the code %02x, which is none of a %s", p, code, kinds[p.first>>4])
		}
	}
}

// ownCodes wants the packet of this kind to have a reason code listed for it,
// after success and after something else.
func ownCodes(kind byte) test {
	return func(t *testing.T, v version) {
		c := open(t, v, connect{})
		c.wantOwnCodes(c.provoke(kind))

		sub, pub, topic := pair(t, v, 2)
		switch kind {
		case 0x40:
			pub.send(v.publish(0x32, topic, 9, nil, "x"))
			pub.wantOwnCodes(pub.want(kind))
		case 0x50:
			pub.send(v.publish(0x34, topic, 9, nil, "x"))
			pub.wantOwnCodes(pub.want(kind))
		case 0x62:
			pub.put(topic, 2, "x")
			sub.send(ack(0x50, sub.message().id))
			sub.wantOwnCodes(sub.want(kind))
		case 0x70:
			pub.send(v.publish(0x34, topic, 9, nil, "x"), ack(0x62, 9))
			pub.ack(0x50, 9)
			pub.wantOwnCodes(pub.want(kind))
		}
	}
}

// tight connects with a Maximum Packet Size in which the CONNACK just fits, so
// that there is little room for a reason string or user properties.
func tight(t *testing.T, v version) (c *conn, most int) {
	t.Helper()
	most = open(t, v, connect{}).connack.size
	c = open(t, v, connect{props: cat(propMaximumPacketSize, u32(most))})
	c.wantFits(c.connack, most)
	return c, most
}

func (c *conn) wantFits(p reply, most int) {
	c.t.Helper()
	if p.size > most {
		c.t.Errorf("got %v of %d bytes, want at most %d (properties %v)", p, p.size, most, c.properties(p, propertiesAt(p)))
	}
}

// fits wants the packet of this kind to keep to Maximum Packet Size. The rules
// for reason string and for user properties are proved alike.
func fits(kind byte) test {
	return func(t *testing.T, v version) {
		c, most := tight(t, v)
		c.wantFits(c.provoke(kind), most)
	}
}

var acks5 = map[string]test{
	"3.4.2-1":  ownCodes(0x40),
	"3.4.2-2":  fits(0x40),
	"3.4.2-3":  fits(0x40),
	"3.5.2-1":  ownCodes(0x50),
	"3.5.2-2":  fits(0x50),
	"3.5.2-3":  fits(0x50),
	"3.6.1-1":  refusesFlagsOf(0x62),
	"3.6.2-1":  ownCodes(0x62),
	"3.6.2-2":  fits(0x62),
	"3.6.2-3":  fits(0x62),
	"3.7.2-1":  ownCodes(0x70),
	"3.7.2-2":  fits(0x70),
	"3.7.2-3":  fits(0x70),
	"3.9.2-1":  fits(0x90),
	"3.9.2-2":  fits(0x90),
	"3.9.3-2":  ownCodes(0x90),
	"3.11.2-1": fits(0xB0),
	"3.11.2-2": fits(0xB0),
	"3.11.3-2": ownCodes(0xB0),
}

// refusesFlagsOf sends a PUBREL, SUBSCRIBE or UNSUBSCRIBE with each wrong
// value of the reserved bits.
func refusesFlagsOf(first int) test {
	return func(t *testing.T, v version) {
		cases := map[string]int{}
		for flags := range 16 {
			if flags != first&0x0F {
				cases[fmt.Sprintf("%04b", flags)] = first&0xF0 | flags
			}
		}
		try(t, cases, func(t *testing.T, wrong int) {
			c := open(t, v, connect{})
			right := map[int][]byte{
				0x62: ack(0x62, 1),
				0x82: v.subscribe(1, nil, name(t), 0),
				0xA2: v.unsubscribe(1, name(t)),
			}[first]
			c.send(cat(wrong, right[1:]))
			c.dropped(0x81)
		})
	}
}
