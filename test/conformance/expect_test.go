package conformance

import (
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
)

// What a connection must do, or must not.

// quiet wants nothing to come for a moment, and the connection to stay open.
func (c *conn) quiet() {
	c.t.Helper()
	p, err := c.read(briefly)
	if err == nil {
		c.t.Fatalf("got %v, want silence", p)
	}
	if !isTimeout(err) {
		c.t.Fatalf("got %v, want silence", err)
	}
}

// alive wants a PINGRESP for a PINGREQ, and nothing before it.
func (c *conn) alive() {
	c.t.Helper()
	c.send(pingreq)
	c.exactly(pingresp)
}

// closed wants the end of the connection and not one byte before it.
func (c *conn) closed() {
	c.t.Helper()
	if p, err := c.read(soon); err == nil {
		c.t.Fatalf("got %v, want the connection closed", p)
	} else if isTimeout(err) {
		c.t.Fatalf("still open after %v, want the connection closed", soon)
	}
}

// dropped wants the connection closed for an error. In MQTT 5 a DISCONNECT
// (before CONNACK: a CONNACK) may say why, with one of these codes; in 3.1.1
// there is none. What was under way before may still come.
func (c *conn) dropped(codes ...byte) {
	c.t.Helper()
	if c.connack.body == nil {
		if c.v == v3 {
			c.closed()
		} else {
			c.refused(codes...)
		}
		return
	}
	for {
		p, err := c.read(soon)
		switch {
		case isTimeout(err):
			c.t.Fatalf("still open after %v, want the connection dropped", soon)
		case err != nil:
			return
		case p.first != 0xE0:
			continue
		case c.v == v3:
			c.t.Fatalf("got %v, want the connection closed without a word", p)
		case !slices.Contains(codes, p.code()):
			c.t.Fatalf("got %v, want one of the codes % x", p, codes)
		}
		c.closed()
		return
	}
}

// code is the reason code of a DISCONNECT or CONNACK.
func (p reply) code() byte {
	switch {
	case p.first == 0xE0 && len(p.body) > 0:
		return p.body[0]
	case p.first == 0x20 && len(p.body) > 1:
		return p.body[1]
	}
	return 0
}

// refused wants a CONNECT turned down: the connection closed, before that
// perhaps a CONNACK with one of these codes.
func (c *conn) refused(codes ...byte) {
	c.t.Helper()
	p, err := c.read(soon)
	if isTimeout(err) {
		c.t.Fatalf("still open after %v, want the CONNECT refused", soon)
	}
	if err != nil {
		return
	}
	c.isRefusal(p, codes...)
}

// refusedWith is refused with a CONNACK that must come.
func (c *conn) refusedWith(codes ...byte) {
	c.t.Helper()
	c.isRefusal(c.next(), codes...)
}

func (c *conn) isRefusal(p reply, codes ...byte) {
	c.t.Helper()
	if p.first != 0x20 || len(p.body) < 2 || p.body[0] != 0 || !slices.Contains(codes, p.body[1]) {
		c.t.Fatalf("got %v, want a CONNACK without session and with one of the codes % x", p, codes)
	}
	c.closed()
}

// bye disconnects in order and waits until the broker has closed, so that the
// session is offline afterwards.
func (c *conn) bye() {
	c.t.Helper()
	c.send(disconnect)
	c.drain()
}

// cut ends the connection without DISCONNECT, as a lost network does.
func (c *conn) cut() {
	if tcp, ok := c.nc.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	c.nc.Close()
}

// drain reads to the end of the connection and gives what came.
func (c *conn) drain() []reply {
	c.t.Helper()
	var all []reply
	for {
		p, err := c.read(soon)
		if err != nil {
			if isTimeout(err) {
				c.t.Fatalf("still open after %v, want the connection closed", soon)
			}
			return all
		}
		all = append(all, p)
	}
}

// collect gives everything that comes until it is quiet.
func (c *conn) collect() []reply {
	c.t.Helper()
	var all []reply
	for {
		p, err := c.read(briefly)
		if err != nil {
			return all
		}
		all = append(all, p)
	}
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}

// try runs one case per subtest, in parallel.
func try[T any](t *testing.T, cases map[string]T, f func(*testing.T, T)) {
	for n, c := range cases {
		t.Run(strings.ReplaceAll(n, " ", "_"), func(t *testing.T) {
			t.Parallel()
			f(t, c)
		})
	}
}
