package conformance

import (
	"net"
	"strings"
	"testing"
	"time"
)

// Peers that send or take too much, too slowly, or too often.

func hugePacket(t *testing.T, v version) {
	c := open(t, v, connect{})
	c.send([]byte{0x30, 0xFF, 0xFF, 0xFF, 0x7F}, str(name(t)), []byte(strings.Repeat("x", 10000)))
	if most := open(t, v5, connect{}).limits().num(propMaximumPacketSize, 0); most > 0 && most < 1<<28 {
		c.dropped(0x95)
	} // else the server waits for the rest, and has no memory of 256 MiB set aside
}

func hugeConnect(t *testing.T, v version) {
	c := dial(t, v)
	c.send([]byte{0x10, 0xFF, 0xFF, 0xFF, 0x7F}, str("MQTT"), []byte{byte(v), 0x02, 0x00, 0x00},
		[]byte(strings.Repeat("x", 200_000)))
	c.dropped(0x95, 0x81, 0x82)
}

// halfSent ends each packet at each byte, and the connection with it. A will
// goes out every time, and the session loses nothing.
func halfSent(t *testing.T, v version) {
	topic := name(t, "t")
	whole := connect{id: name(t, "id"), keep: true, will: &will{topic: topic, payload: "will"}}.encode(v)
	for n := range len(whole) {
		c := dial(t, v)
		c.send(whole[:n])
		c.nc.Close()
	}
	watch := open(t, v, connect{})
	watch.subscribe(topic, 1)
	for _, p := range [][]byte{
		v.publish(0x32, topic, 1, nil, "never whole"),
		v.subscribe(1, nil, topic, 1),
		v.unsubscribe(1, topic),
	} {
		for n := 1; n < len(p); n += 3 {
			c := dial(t, v)
			c.send(whole)
			c.accepted()
			c.send(p[:n])
			c.cut()
			watch.wantMessage(topic, "will")
		}
	}
}

func byteByByte(t *testing.T, v version) {
	topic := name(t)
	c := dial(t, v)
	for i, b := range cat(connect{id: topic}.encode(v), v.subscribe(1, nil, topic, 1), v.publish(0x32, topic, 2, nil, "slowly")) {
		c.send([]byte{b})
		if i%8 == 0 {
			pass(time.Millisecond)
		}
	}
	c.accepted()
	c.suback(1)
	for range 2 { // the PUBACK and the message, in any order
		if p := c.next(); p.first == 0x32 {
			c.acknowledge(c.parse(p))
		} else if p.first != 0x40 {
			t.Fatalf("got %v, want a PUBACK or the message", p)
		}
	}
	c.alive()
}

// halfAndSilent: half a packet is no sign of life.
func halfAndSilent(t *testing.T, v version) {
	c := open(t, v, connect{keepAlive: 1})
	p := v.publish(0x32, name(t), 1, nil, "x")
	c.send(p[:len(p)/2])
	c.dropped(0x8D)
}

func unfinishedConnects(t *testing.T, v version) {
	p := connect{id: name(t, "id")}.encode(v)
	for i := range 100 {
		dial(t, v).send(p[:i%len(p)]) // closed at the end of the test
	}
	for range 10 {
		open(t, v, connect{}).alive()
	}
}

// sluggish is a connection with small buffers that is not read from.
func sluggish(t *testing.T, v version, filter string, qos int) *conn {
	t.Helper()
	c := dial(t, v)
	_ = c.nc.(*net.TCPConn).SetReadBuffer(4096)
	c.send(connect{id: name(t, filter[len(filter)-1:])}.encode(v))
	c.accepted()
	c.subscribe(filter, qos)
	return c
}

// neverReads subscribes and takes nothing; its publisher and a second
// subscriber go on.
func neverReads(t *testing.T, v version) {
	topic, large := name(t, "t"), strings.Repeat("x", 32<<10)
	sluggish(t, v, topic, 0)
	sub, pub := open(t, v, connect{}), open(t, v, connect{})
	sub.subscribe(topic, 0)
	for range 300 {
		pub.put(topic, 0, large)
		sub.wantMessage(topic, large)
	}
}

// nobodyReads is two clients that publish to each other and never read; a
// broker that writes to one while it reads from the other stands still.
func nobodyReads(t *testing.T, v version) {
	a, b := sluggish(t, v, name(t, "a"), 0), sluggish(t, v, name(t, "b"), 0)
	large := strings.Repeat("x", 32<<10)
	done := make(chan struct{}, 2)
	for c, topic := range map[*conn]string{a: name(t, "b"), b: name(t, "a")} {
		go func() {
			defer func() { done <- struct{}{} }()
			p := v.publish(0x30, topic, 0, nil, large)
			for range 300 {
				_ = c.nc.SetWriteDeadline(time.Now().Add(time.Second))
				if _, err := c.nc.Write(p); err != nil {
					return // held back, or dropped: both are the broker's right
				}
			}
		}()
	}
	for range 20 {
		open(t, v, connect{}).alive()
	}
	<-done
	<-done
	a.cut()
	b.cut()
}

func manyAtOnce(t *testing.T, v version) {
	c, topic := open(t, v, connect{}), name(t)
	const n = 2000
	var all []byte
	for range n {
		all = cat(all, pingreq)
	}
	c.send(all)
	for range n {
		c.exactly(pingresp)
	}
	all = nil
	for i := range n {
		all = cat(all, v.subscribe(i+1, nil, topic, i%3))
	}
	c.send(all)
	for i := range n {
		c.suback(i + 1)
	}
}

// takeoverStorm connects with one ClientID from all sides; one is left.
func takeoverStorm(t *testing.T, v version) {
	p := connect{id: name(t, "id"), keep: true}.encode(v)
	var all, left []*conn
	for range 30 {
		c := dial(t, v)
		c.send(p)
		all = append(all, c)
	}
	for _, c := range all { // every CONNECT is handled; closed before its CONNACK is well too
		switch p, err := c.read(soon); {
		case isTimeout(err):
			t.Fatal("a CONNECT was neither answered nor its connection closed")
		case err != nil:
		case p.first != 0x20: // a DISCONNECT has to wait for the CONNACK [MQTT-3.14.0-1]
			t.Fatalf("got %v, want a CONNACK first", p)
		case p.code() != 0:
			t.Errorf("got %v, want every CONNECT accepted", p)
		default:
			left = append(left, c)
		}
	}
	for deadline := time.Now().Add(soon); len(left) != 1; {
		if time.Now().After(deadline) {
			t.Fatalf("%d connections with one ClientID are left, want 1", len(left))
		}
		still := left[:0]
		for _, c := range left {
			if c.answers() {
				still = append(still, c)
			}
		}
		left = still
	}
	pass(briefly)
	left[0].alive()
}

// answers says whether a PINGREQ is answered rather than the connection closed.
func (c *conn) answers() bool {
	c.t.Helper()
	c.send(pingreq)
	for {
		p, err := c.read(soon)
		switch {
		case isTimeout(err):
			c.t.Fatal("neither answered nor closed")
		case err != nil:
			return false
		case p.first == 0xD0:
			return true
		}
	}
}
