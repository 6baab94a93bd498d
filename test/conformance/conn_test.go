package conformance

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"
)

const (
	soon     = 10 * time.Second       // what must come comes within this, however slow the machine
	briefly  = 150 * time.Millisecond // what must not come is waited for this long
	dialTime = 10 * time.Second
)

// conn is one connection to the target, packet by packet. Its methods fail the
// test when the broker does something else than what they ask for.
type conn struct {
	t       *testing.T
	v       version
	nc      net.Conn
	r       *bufio.Reader
	connack reply   // of open
	early   []reply // read past: messages that came before their SUBACK
	id      int     // the last packet identifier used by subscribe and put
}

// A reply is one packet as it came.
type reply struct {
	first byte
	body  []byte
	size  int // bytes with the fixed header
}

func (p reply) String() string {
	return fmt.Sprintf("%s %02x % x", kinds[p.first>>4], p.first, clip(p.body))
}

func clip(b []byte) []byte { return b[:min(len(b), 64)] }

var kinds = [16]string{"type 0", "CONNECT", "CONNACK", "PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP",
	"SUBSCRIBE", "SUBACK", "UNSUBSCRIBE", "UNSUBACK", "PINGREQ", "PINGRESP", "DISCONNECT", "AUTH"}

// dial opens a connection and sends nothing.
func dial(t *testing.T, v version) *conn {
	t.Helper()
	nc, err := net.DialTimeout("tcp", target(t), dialTime)
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	t.Cleanup(func() { nc.Close() })
	return &conn{t: t, v: v, nc: nc, r: bufio.NewReader(nc)}
}

// open connects with p and wants to be accepted. An empty id becomes a unique one.
func open(t *testing.T, v version, p connect) *conn {
	t.Helper()
	if p.id == "" {
		p.id = name(t, fmt.Sprintf("%x", time.Now().UnixNano()))
	}
	c := dial(t, v)
	c.send(p.encode(v))
	c.accepted()
	return c
}

// accepted reads a CONNACK that says yes.
func (c *conn) accepted() {
	c.t.Helper()
	c.connack = c.want(0x20)
	if len(c.connack.body) < 2 || c.connack.body[1] != 0 {
		c.t.Fatalf("CONNECT was answered %v, want an accepting CONNACK", c.connack)
	}
}

// sessionPresent is the flag of the CONNACK.
func (c *conn) sessionPresent() bool { return c.connack.body[0]&1 == 1 }

func (c *conn) send(packets ...[]byte) {
	c.t.Helper()
	_ = c.nc.SetWriteDeadline(time.Now().Add(soon))
	// An error is not one of the test: the broker may have closed already,
	// and what it sent before is still to be read.
	_, _ = c.nc.Write(bytes.Join(packets, nil))
}

// read takes the next packet, whatever it is.
func (c *conn) read(within time.Duration) (reply, error) {
	if len(c.early) > 0 {
		p := c.early[0]
		c.early = c.early[1:]
		return p, nil
	}
	return c.readWire(within)
}

func (c *conn) readWire(within time.Duration) (reply, error) {
	_ = c.nc.SetReadDeadline(time.Now().Add(within))
	var p reply
	var err error
	if p.first, err = c.r.ReadByte(); err != nil {
		return p, err
	}
	_ = c.nc.SetReadDeadline(time.Now().Add(soon))
	n, length, err := readVarint(c.r)
	if err != nil {
		return p, fmt.Errorf("remaining length after %02x: %w", p.first, err)
	}
	p.body = make([]byte, n)
	p.size = 1 + length + n
	_, err = io.ReadFull(c.r, p.body)
	return p, err
}

// readVarint holds the broker to the shortest form [MQTT-1.5.5-1].
func readVarint(r io.ByteReader) (n, length int, err error) {
	for shift := 0; shift < 28; shift += 7 {
		b, err := r.ReadByte()
		if err != nil {
			return 0, 0, err
		}
		length++
		n |= int(b&0x7F) << shift
		if b < 0x80 {
			if len(varint(n)) != length {
				return 0, 0, fmt.Errorf("%d is written in %d bytes", n, length)
			}
			return n, length, nil
		}
	}
	return 0, 0, errors.New("variable byte integer of more than four bytes")
}

// next is the next packet; it must come.
func (c *conn) next() reply {
	c.t.Helper()
	p, err := c.read(soon)
	if err != nil {
		c.t.Fatalf("waiting for a packet: %v", err)
	}
	return p
}

// want is the next packet, of which the first byte is given.
func (c *conn) want(first byte) reply {
	c.t.Helper()
	p, err := c.read(soon)
	if err != nil {
		c.t.Fatalf("waiting for a %s: %v", kinds[first>>4], err)
	}
	if p.first != first {
		c.t.Fatalf("got %v, want a %s with first byte %02x", p, kinds[first>>4], first)
	}
	return p
}

// exactly wants these bytes.
func (c *conn) exactly(packet []byte) {
	c.t.Helper()
	p := c.next()
	if got := cat(p.first, varint(len(p.body)), p.body); !bytes.Equal(got, packet) {
		c.t.Fatalf("got %s % x, want % x", kinds[p.first>>4], clip(got), clip(packet))
	}
}

// ack wants an acknowledgement of this identifier that succeeds; a PUBACK or
// PUBREC may say that nobody subscribed.
func (c *conn) ack(first byte, id int) {
	c.t.Helper()
	p := c.want(first)
	got, code := p.ack(c.t)
	if got != id || code >= 0x80 {
		c.t.Fatalf("got %v, want identifier %d and success", p, id)
	}
}

// ack splits a PUBACK, PUBREC, PUBREL or PUBCOMP.
func (p reply) ack(t *testing.T) (id int, code byte) {
	t.Helper()
	if len(p.body) < 2 {
		t.Fatalf("got %v, want an identifier", p)
	}
	if len(p.body) > 2 {
		code = p.body[2]
	}
	return int(p.body[0])<<8 | int(p.body[1]), code
}
