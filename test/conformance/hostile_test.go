package conformance

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// Peers that lie, stop half way, never read or talk out of turn. Each gets the
// code of the specification or loses its connection; a bystander notices nothing.

func TestHostile(t *testing.T) {
	t.Parallel()
	for _, s := range []standard{mqtt5, mqtt311} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			for n, f := range map[string]test{
				"malformed":           malformedPackets,
				"garbage":             garbage,
				"huge packet":         hugePacket,
				"huge CONNECT":        hugeConnect,
				"half sent":           halfSent,
				"byte by byte":        byteByByte,
				"half and silent":     halfAndSilent,
				"unfinished CONNECTs": unfinishedConnects,
				"out of order":        outOfOrder,
				"never reads":         neverReads,
				"nobody reads":        nobodyReads,
				"many at once":        manyAtOnce,
				"take-over storm":     takeoverStorm,
				"deep topics":         deepTopics,
			} {
				t.Run(n, func(t *testing.T) {
					t.Parallel()
					unharmed := bystander(t, s.version)
					t.Run("attack", func(t *testing.T) { f(t, s.version) }) // waits for its parallel parts
					unharmed()
				})
			}
		})
	}
}

// bystander is two clients that work; the function it gives wants them to work
// still, with every message that they exchanged.
func bystander(t *testing.T, v version) func() {
	t.Helper()
	topic := name(t, "bystander")
	sub, pub := open(t, v, connect{}), open(t, v, connect{})
	sub.subscribe(topic, 2)
	exchange := func() {
		t.Helper()
		for qos := range 3 {
			pub.put(topic, qos, fmt.Sprint(qos))
			sub.wantMessage(topic, fmt.Sprint(qos))
		}
	}
	exchange()
	return func() {
		t.Helper()
		exchange()
		open(t, v, connect{}).alive()
	}
}

// malformed is a packet after CONNECT, and what a server may say to it.
type malformed struct {
	packet []byte
	codes  []byte
}

func malformedPackets(t *testing.T, v version) {
	topic := name(t)
	bad := func(p []byte, codes ...byte) malformed { return malformed{p, append(codes, 0x81, 0x82)} }
	cases := map[string]malformed{
		"type 0":               bad([]byte{0x00, 0x00}),
		"CONNACK":              bad([]byte{0x20, 0x02, 0x00, 0x00}),
		"SUBACK":               bad(packet(0x90, u16(1), v.props(), 0)),
		"UNSUBACK":             bad(packet(0xB0, u16(1), v.props())),
		"PINGRESP":             bad(pingresp),
		"PINGREQ with body":    bad([]byte{0xC0, 0x01, 0x00}),
		"length of five bytes": bad([]byte{0x30, 0xFF, 0xFF, 0xFF, 0xFF, 0x01}),
		"PUBLISH without id":   bad(packet(0x32, str(topic), 1)),
		"PUBACK empty":         bad([]byte{0x40, 0x00}),
		"PUBACK short":         bad([]byte{0x40, 0x01, 0x00}),
		"PUBREL empty":         bad([]byte{0x62, 0x00}),
		"SUBSCRIBE empty":      bad([]byte{0x82, 0x00}),
		"SUBSCRIBE no options": bad(packet(0x82, u16(1), v.props(), str(topic))),
		"SUBSCRIBE filter cut": bad(packet(0x82, u16(1), v.props(), u16(500), topic)),
		"UNSUBSCRIBE cut":      bad(packet(0xA2, u16(1), v.props(), u16(500), topic)),
		"UNSUBSCRIBE half":     bad(packet(0xA2, u16(1), v.props(), str(topic), 0)),
	}
	if v == v3 {
		cases["AUTH"] = bad([]byte{0xF0, 0x00})
		cases["PUBACK long"] = bad([]byte{0x40, 0x03, 0x00, 0x01, 0x00})
		cases["DISCONNECT with body"] = bad([]byte{0xE0, 0x01, 0x00})
	} else {
		pub := func(props ...any) []byte { return v.publish(0x30, topic, 0, cat(props...), "x") }
		sub := func(props ...any) []byte { return v.subscribe(1, cat(props...), topic, 0) }
		cases["property unknown"] = bad(pub(0x7F, 0))
		cases["property of CONNECT"] = bad(pub(propSessionExpiry, u32(1)))
		cases["property cut"] = bad(packet(0x30, str(topic), 2, propMessageExpiry, 0))
		cases["property text cut"] = bad(packet(0x30, str(topic), 4, propContentType, u16(9), "x"))
		cases["properties beyond packet"] = bad(packet(0x30, str(topic), 50, 0))
		cases["expiry twice"] = bad(pub(propMessageExpiry, u32(1), propMessageExpiry, u32(1)))
		cases["alias twice"] = bad(pub(propTopicAlias, u16(1), propTopicAlias, u16(1)), 0x94)
		cases["content type twice"] = bad(pub(propContentType, str("a"), propContentType, str("a")))
		cases["payload format 2"] = bad(pub(propPayloadFormat, 2), 0x99)
		cases["alias unknown"] = bad(v.publish(0x30, "", 0, cat(propTopicAlias, u16(1)), "x"), 0x94)
		cases["subscription id 0"] = bad(sub(propSubscriptionID, 0))
		cases["subscription id twice"] = bad(sub(propSubscriptionID, 1, propSubscriptionID, 2))
		cases["subscription id long"] = bad(sub(propSubscriptionID, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F))
		cases["PUBACK code unknown"] = bad(ackCode(0x40, 1, 0x05))
		cases["PUBACK property of PUBLISH"] = bad(packet(0x40, u16(1), 0, 3, propTopicAlias, u16(1)))
		cases["DISCONNECT code unknown"] = bad(packet(0xE0, 0x05))
		cases["DISCONNECT code of servers"] = bad(packet(0xE0, 0x8E))
		cases["DISCONNECT begins expiry"] = bad(packet(0xE0, 0x00, v.props(propSessionExpiry, u32(60))))
		cases["UNSUBSCRIBE with id"] = bad(packet(0xA2, u16(1), v.props(propSubscriptionID, 1), str(topic)))
	}
	try(t, cases, func(t *testing.T, m malformed) {
		c := open(t, v, connect{})
		c.send(m.packet)
		c.dropped(m.codes...)
	})
}

// garbage is random, but the same every time.
func garbage(t *testing.T, v version) {
	random := rand.New(rand.NewPCG(1, uint64(v)))
	noise := func() []byte {
		b := make([]byte, 1+random.IntN(300))
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		return b
	}
	for i := range 100 {
		c := dial(t, v)
		if i%2 == 0 {
			c.send(connect{id: name(t, fmt.Sprint(i))}.encode(v))
			c.accepted()
		}
		c.send(noise())
		if i%3 == 0 { // well-formed heads go deeper
			c.send(packet(int(random.Uint32()&0xFF), string(noise())))
		}
		c.nc.Close()
	}
}

// outOfOrder acknowledges what was not sent, or not so. The server may ignore
// it or end the connection, but goes on in its own order.
func outOfOrder(t *testing.T, v version) {
	for n, p := range map[string][][]byte{
		"PUBACK unknown":  {ack(0x40, 99)},
		"PUBREC unknown":  {ack(0x50, 99)},
		"PUBREL unknown":  {ack(0x62, 99)},
		"PUBCOMP unknown": {ack(0x70, 99)},
		"PUBACK of 0":     {ack(0x40, 0)},
		"all":             {ack(0x70, 1), ack(0x62, 1), ack(0x50, 1), ack(0x40, 1)},
	} {
		t.Run(n, func(t *testing.T) {
			t.Parallel()
			c := open(t, v, connect{})
			c.send(p...)
			c.survives()
		})
	}
	t.Run("wrong kind", func(t *testing.T) {
		t.Parallel()
		for qos := 1; qos <= 2; qos++ {
			sub, pub, topic := pair(t, v, 2)
			pub.put(topic, qos, "x")
			m := sub.message()
			sub.send(ack([]int{0, 0x50, 0x40}[qos], m.id), ack(0x70, m.id)) // PUBREC for QoS 1, PUBACK for QoS 2
			sub.survives()
			pub.put(topic, 1, "y") // the publisher is not to blame
		}
	})
	t.Run("acknowledged twice", func(t *testing.T) {
		t.Parallel()
		sub, pub, topic := pair(t, v, 1)
		pub.put(topic, 1, "x")
		m := sub.message()
		sub.send(ack(0x40, m.id), ack(0x40, m.id))
		sub.survives()
	})
}

// survives wants a PINGRESP, with whatever before it, or the connection closed.
func (c *conn) survives() {
	c.t.Helper()
	c.send(pingreq)
	for {
		p, err := c.read(soon)
		if isTimeout(err) {
			c.t.Fatal("neither answered nor closed")
		}
		if err != nil || p.first == 0xD0 {
			return
		}
		if p.first == 0xE0 {
			c.wantOwnCodes(p)
		}
	}
}

// deepTopics is as many levels, and as many properties, as fit.
func deepTopics(t *testing.T, v version) {
	deep := strings.Repeat("/", 65535)
	c := open(t, v, connect{})
	c.send(v.publish(0x32, deep, 1, nil, "x"))
	c.survives()
	c = open(t, v, connect{})
	c.send(v.subscribe(1, nil, strings.Repeat("+/", 32767), 1))
	c.survives()
	c = open(t, v, connect{})
	c.send(v.unsubscribe(1, deep))
	c.survives()
	if v == v5 {
		var props []byte
		for range 5000 {
			props = cat(props, userProperty("n", "v"))
		}
		c = open(t, v, connect{})
		c.send(v.publish(0x32, name(t), 1, props, "x"))
		c.survives()
	}
}
