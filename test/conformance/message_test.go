package conformance

import (
	"bytes"
	"fmt"
	"testing"
	"time"
)

// A message is a PUBLISH as it came.
type message struct {
	dup, retain bool
	qos         int
	topic       string
	id          int
	props       properties
	payload     string
	raw         reply
}

func (m message) String() string {
	return fmt.Sprintf("PUBLISH %02x topic %q id %d properties %v payload %q",
		m.raw.first, clip([]byte(m.topic)), m.id, m.props, clip([]byte(m.payload)))
}

// message wants a PUBLISH next and leaves it unacknowledged.
func (c *conn) message() message {
	c.t.Helper()
	p := c.next()
	if p.first>>4 != 3 {
		c.t.Fatalf("got %v, want a PUBLISH", p)
	}
	return c.parse(p)
}

// parse takes a PUBLISH apart; it must be well formed.
func (c *conn) parse(p reply) message {
	c.t.Helper()
	m := message{raw: p, dup: p.first&8 != 0, qos: int(p.first >> 1 & 3), retain: p.first&1 != 0}
	b := p.body
	take := func(n int) []byte {
		if n > len(b) {
			c.t.Fatalf("PUBLISH % x is too short", clip(p.body))
		}
		part := b[:n]
		b = b[n:]
		return part
	}
	number := func() int { two := take(2); return int(two[0])<<8 | int(two[1]) }
	m.topic = string(take(number()))
	if m.qos > 0 {
		m.id = number()
	}
	if c.v == v5 {
		m.props, b = readProperties(c.t, b)
	}
	m.payload = string(b)
	return m
}

// get is message, acknowledged as its QoS asks for.
func (c *conn) get() message {
	c.t.Helper()
	m := c.message()
	c.acknowledge(m)
	return m
}

func (c *conn) acknowledge(m message) {
	c.t.Helper()
	switch m.qos {
	case 1:
		c.send(ack(0x40, m.id))
	case 2:
		c.send(ack(0x50, m.id))
		c.await(0x62, m.id)
		c.send(ack(0x70, m.id))
	}
}

// await is ack for an answer that messages may overtake; they are kept for
// the next read.
func (c *conn) await(first byte, id int) {
	c.t.Helper()
	for {
		p, err := c.readWire(soon)
		switch {
		case err != nil:
			c.t.Fatalf("waiting for a %s: %v", kinds[first>>4], err)
		case p.first>>4 == 3:
			c.early = append(c.early, p)
		default:
			if got, code := p.ack(c.t); p.first != first || got != id || code >= 0x80 {
				c.t.Fatalf("got %v, want a %s with identifier %d and success", p, kinds[first>>4], id)
			}
			return
		}
	}
}

// wantMessage is get for a known topic and payload.
func (c *conn) wantMessage(topic, payload string) message {
	c.t.Helper()
	m := c.get()
	if m.topic != topic || m.payload != payload {
		c.t.Fatalf("got %v, want topic %q payload %q", m, topic, payload)
	}
	return m
}

// subscribe wants the filter granted with the QoS of the option byte.
func (c *conn) subscribe(filter string, options int) {
	c.t.Helper()
	c.subscribeWith(filter, options, nil)
}

func (c *conn) subscribeWith(filter string, options int, props []byte) {
	c.t.Helper()
	c.id++
	c.send(c.v.subscribe(c.id, props, filter, options))
	p := c.suback(c.id)
	if want := cat(u16(c.id), c.v.props(), options&3); !bytes.Equal(p.body, want) {
		c.t.Fatalf("SUBSCRIBE %q was answered % x, want % x", filter, clip(p.body), want)
	}
}

// suback reads on to the SUBACK. Messages of the new subscription may come
// before it (section 3.8.4); they are kept for the next read.
func (c *conn) suback(id int) reply {
	c.t.Helper()
	for {
		p, err := c.readWire(soon)
		if err != nil {
			c.t.Fatalf("waiting for a SUBACK: %v", err)
		}
		switch {
		case p.first>>4 == 3:
			c.early = append(c.early, p)
		case p.first != 0x90 || len(p.body) < 3 || int(p.body[0])<<8|int(p.body[1]) != id:
			c.t.Fatalf("got %v, want a SUBACK with identifier %d", p, id)
		default:
			return p
		}
	}
}

// put publishes and completes the exchange; it wants no other packet between.
func (c *conn) put(topic string, qos int, payload string) {
	c.t.Helper()
	c.putRaw(0x30|qos<<1, topic, nil, payload)
}

// putRaw is put with the first byte and the properties given.
func (c *conn) putRaw(first int, topic string, props []byte, payload string) {
	c.t.Helper()
	c.id++
	c.send(c.v.publish(first, topic, c.id, props, payload))
	switch first >> 1 & 3 {
	case 0:
		c.alive() // the broker has read it
	case 1:
		c.ack(0x40, c.id)
	case 2:
		c.ack(0x50, c.id)
		c.send(ack(0x62, c.id))
		c.ack(0x70, c.id)
	}
}

// pass lets time go by where the standard counts in whole seconds.
func pass(d time.Duration) { time.Sleep(d) }

// pair is a subscriber of a fresh topic at the given QoS, and a publisher.
func pair(t *testing.T, v version, qos int) (sub, pub *conn, topic string) {
	t.Helper()
	topic = name(t, "t")
	sub, pub = open(t, v, connect{}), open(t, v, connect{})
	sub.subscribe(topic, qos)
	return sub, pub, topic
}
