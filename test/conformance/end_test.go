package conformance

import "testing"

// Sections 3.12 to 3.15: PINGREQ, DISCONNECT, AUTH.
var end5 = map[string]test{
	"3.12.4-1": pings,
	"3.14.0-1": noEarlyDisconnect,
	"3.14.1-1": disconnectFlags,
	"3.14.2-1": disconnectCodes,
	"3.14.2-2": disconnectWithoutExpiry,
	"3.14.2-3": disconnectFits,
	"3.14.2-4": disconnectFits,
	"3.14.4-1": nothingAfterDisconnect,
	"3.14.4-2": closesAfterDisconnect,
	"3.14.4-3": willWithdrawn,
	"3.15.1-1": authFlags,
	"3.15.2-1": authCodes,
	"3.15.2-2": authFits,
	"3.15.2-3": authFits,
}

var end3 = map[string]test{
	"3.12.4-1": pings,
	"3.14.1-1": disconnectFlags,
	"3.14.4-3": willWithdrawn,
}

func pings(t *testing.T, v version) {
	c := open(t, v, connect{})
	c.alive()
	c.send(pingreq, pingreq, pingreq)
	for range 3 {
		c.exactly(pingresp)
	}
	c.quiet()
}

func noEarlyDisconnect(t *testing.T, v version) {
	id := name(t)
	try(t, map[string][]byte{
		"PINGREQ":       pingreq,
		"reserved flag": v.rawConnect(0x03, str(id)),
		"bad id":        v.rawConnect(0x02, str("\xFF")),
		"bad property":  connect{id: id, props: cat(propReceiveMaximum, u16(0))}.encode(v),
		"bad level":     packet(0x10, str("MQTT"), 9, 0x02, u16(0), 0, str(id)),
		"method":        unknownMethod(id).encode(v),
		"type 0":        {0x00, 0x00},
	}, func(t *testing.T, p []byte) {
		c := dial(t, v)
		c.send(p)
		for _, p := range c.drain() {
			if p.first>>4 != 2 {
				t.Errorf("got %v without an accepting CONNACK", p)
			}
		}
	})
}

func disconnectFlags(t *testing.T, v version) {
	for flags := 1; flags < 16; flags <<= 1 {
		c := open(t, v, connect{})
		c.send([]byte{byte(0xE0 | flags), 0x00})
		c.dropped(0x81)
	}
}

// disconnected makes the server end connections in several ways, and gives
// each DISCONNECT that comes.
func disconnected(t *testing.T, v version, props []byte, f func(*conn, reply)) {
	p := connect{id: name(t), keep: true, props: props}
	for n, cause := range map[string]func(*conn){
		"second CONNECT": func(c *conn) { c.send(p.encode(v)) },
		"malformed":      func(c *conn) { c.send(packet(0x36, str("a"), u16(1), 0, "x")) },
		"bad alias":      func(c *conn) { c.send(v.publish(0x30, "a", 0, cat(propTopicAlias, u16(0)), "x")) },
		"no filters":     func(c *conn) { c.send(packet(0x82, u16(1), 0)) },
		"take-over":      func(*conn) { open(t, v, connect{id: p.id, keep: true}) },
		"AUTH":           func(c *conn) { c.send(packet(0xF0, 0x19, v.props(propAuthMethod, str("m")))) },
	} {
		c := open(t, v, p)
		cause(c)
		for _, got := range c.drain() {
			if got.first == 0xE0 {
				f(c, got)
			} else if got.first>>4 == 0x0E {
				t.Errorf("%s: got %v with reserved flags", n, got)
			}
		}
	}
}

func disconnectCodes(t *testing.T, v version) {
	disconnected(t, v, nil, func(c *conn, p reply) {
		if c.wantOwnCodes(p); p.code() == 0 {
			t.Errorf("got %v, want the code of an error", p)
		}
	})
}

func disconnectWithoutExpiry(t *testing.T, v version) {
	disconnected(t, v, nil, func(c *conn, p reply) {
		if _, ok := c.properties(p, 1).get(propSessionExpiry); ok {
			t.Errorf("got %v with a Session Expiry Interval", p)
		}
	})
}

func disconnectFits(t *testing.T, v version) {
	_, most := tight(t, v)
	disconnected(t, v, cat(propMaximumPacketSize, u32(most)), func(c *conn, p reply) { c.wantFits(p, most) })
}

// nothingAfterDisconnect takes a connection over to which messages come all
// the time; dropped wants the end right behind the DISCONNECT.
func nothingAfterDisconnect(t *testing.T, v version) {
	topic, id := name(t, "t"), name(t, "id")
	old, pub := open(t, v, connect{id: id}), open(t, v, connect{})
	old.subscribe(topic, 0)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				pub.send(v.publish(0x30, topic, 0, nil, "x"), pingreq)
				if _, err := pub.read(soon); err != nil {
					return
				}
			}
		}
	}()
	for range 20 {
		old.message()
	}
	open(t, v, connect{id: id})
	old.dropped(0x8E)
	close(stop)
	<-stopped
}

func closesAfterDisconnect(t *testing.T, v version) {
	c := open(t, v, connect{})
	c.send(packet(0x36, str("a"), u16(1), 0, "x"), pingreq)
	c.dropped(0x81, 0x82)
}

func authFlags(t *testing.T, v version) {
	for flags := 1; flags < 16; flags <<= 1 {
		c := open(t, v, connect{})
		c.send([]byte{byte(0xF0 | flags), 0x00})
		c.dropped(0x81)
	}
}

// authCodes: AUTH with a code of its own is judged by MQTT-4.12; with another
// one it is malformed, or a Protocol Error.
func authCodes(t *testing.T, v version) {
	for _, code := range []int{0x01, 0x17, 0x20, 0x87, 0xFF} {
		c := open(t, v, connect{})
		c.send(packet(0xF0, code, v.props(propAuthMethod, str("m"))))
		c.dropped(0x81, 0x82)
	}
}
