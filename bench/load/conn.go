package load

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"net"
	"time"

	"gridmq/client"
	"gridmq/mqtt"
)

// handshakeTimeout bounds everything up to CONNACK, and each later exchange
// that is not part of the load.
const handshakeTimeout = 30 * time.Second

// A conn is one raw MQTT connection after its CONNACK.
type conn struct {
	nc net.Conn
	v  mqtt.Version
	id string

	sessionPresent bool
	receiveMaximum int    // the broker's [MQTT-3.3.4-7]
	in             []byte // read ahead of what has been looked at
}

// A login is what differs between the connections of a run.
type login struct {
	index  int    // number of the connection
	id     string // client id
	resume bool   // clean start off
	expiry uint32 // session expiry in seconds; 3.1.1 knows only "kept" (not 0)
}

// open dials and logs in.
func (o *Options) open(ctx context.Context, l login) (*conn, error) {
	nc, err := client.Dial(ctx, client.Target{URL: o.URL, TLS: o.tlsFor(l.index), Header: o.Header, Timeout: handshakeTimeout})
	if err != nil {
		return nil, fmt.Errorf("client %s: %w", l.id, err)
	}
	c := &conn{nc: nc, v: o.Version, id: l.id}
	if err := c.handshake(o, l); err != nil {
		nc.Close()
		return nil, fmt.Errorf("client %s: %w", l.id, err)
	}
	return c, nil
}

func (o *Options) tlsFor(i int) *tls.Config {
	if o.TLSFor != nil {
		return o.TLSFor(i)
	}
	return o.TLS
}

func (c *conn) handshake(o *Options, l login) error {
	p := mqtt.Connect{
		Version:     o.Version,
		CleanStart:  !l.resume,
		KeepAlive:   uint16(min(o.KeepAlive/time.Second, math.MaxUint16)),
		ClientID:    l.id,
		HasUsername: o.Username != "", Username: o.Username,
		HasPassword: o.Password != nil, Password: o.Password,
	}
	if o.Version == mqtt.V5 && l.expiry > 0 {
		p.Properties.SessionExpiryInterval = l.expiry
		p.Properties.Mark(mqtt.PropSessionExpiryInterval)
	}
	body, err := c.exchange(p.Append(nil), mqtt.CONNACK)
	if err != nil {
		return err
	}
	ack, err := mqtt.ReadConnack(c.v, body)
	if err != nil {
		return err
	}
	if ack.Code != mqtt.Success {
		return &client.RefusedError{Op: "CONNECT", Code: ack.Code, Reason: ack.Properties.ReasonString}
	}
	c.sessionPresent, c.receiveMaximum = ack.SessionPresent, math.MaxUint16
	if ack.Properties.Has(mqtt.PropReceiveMaximum) {
		c.receiveMaximum = int(ack.Properties.ReceiveMaximum)
	}
	return nil
}

// exchange writes a packet and reads until the answer of type want, which it
// returns. PUBLISH packets that come in between are an error here.
func (c *conn) exchange(out []byte, want mqtt.Type) ([]byte, error) {
	c.nc.SetDeadline(time.Now().Add(handshakeTimeout))
	defer c.nc.SetDeadline(time.Time{})
	if _, err := c.nc.Write(out); err != nil {
		return nil, err
	}
	first, body, err := c.readPacket()
	if err != nil {
		return nil, err
	}
	switch got := mqtt.Type(first >> 4); got {
	case want:
		return body, nil
	case mqtt.DISCONNECT:
		return nil, c.disconnected(body)
	default:
		return nil, fmt.Errorf("want %v, got %v", want, got)
	}
}

// disconnected makes an error of the broker's DISCONNECT.
func (c *conn) disconnected(body []byte) error {
	d, err := mqtt.ReadDisconnect(c.v, body)
	if err != nil {
		return err
	}
	return &client.ClosedError{Code: d.Code, Reason: d.Properties.ReasonString}
}

// readPacket reads one packet. What was read beyond it stays in c.in.
func (c *conn) readPacket() (first byte, body []byte, err error) {
	for {
		first, body, n, err := split(c.in)
		if err != nil {
			return 0, nil, err
		}
		if n <= len(c.in) {
			c.in = c.in[n:]
			if len(c.in) == 0 {
				c.in = nil // an idle connection holds no buffer
			}
			return first, body, nil
		}
		buf := make([]byte, max(512, n))
		have := copy(buf, c.in)
		got, err := c.nc.Read(buf[have:])
		c.in = buf[:have+got]
		if got == 0 && err != nil {
			return 0, nil, noEOF(err)
		}
	}
}

func noEOF(err error) error {
	if err == io.EOF {
		return &client.ClosedError{Err: err}
	}
	return err
}

// subscribe subscribes to filters, as many to a packet as a broker may be
// expected to take, and checks what was granted.
func (c *conn) subscribe(filters []string, qos byte) error {
	const perPacket = 100
	for len(filters) > 0 {
		n := min(perPacket, len(filters))
		p := mqtt.Subscribe{PacketID: 1}
		for _, f := range filters[:n] {
			p.Subscriptions = append(p.Subscriptions, mqtt.Subscription{Filter: f, QoS: qos})
		}
		body, err := c.exchange(p.Append(nil, c.v), mqtt.SUBACK)
		if err != nil {
			return fmt.Errorf("client %s: subscribe: %w", c.id, err)
		}
		ack, err := mqtt.ReadSuback(c.v, body)
		if err != nil {
			return fmt.Errorf("client %s: %w", c.id, err)
		}
		for i, code := range ack.Codes {
			if code.IsError() {
				return fmt.Errorf("client %s: %w", c.id,
					&client.RefusedError{Op: fmt.Sprintf("SUBSCRIBE %q", filters[i]), Code: code, Reason: ack.Properties.ReasonString})
			}
			if byte(code) < qos {
				return fmt.Errorf("client %s: asked for QoS %d on %q, was granted %d", c.id, qos, filters[i], code)
			}
		}
		filters = filters[n:]
	}
	return nil
}

// ping asks for a PINGRESP, and so whether the connection is still there.
func (c *conn) ping() error {
	_, err := c.exchange(mqtt.AppendPingreq(nil), mqtt.PINGRESP)
	return err
}

// leave says DISCONNECT and closes. With forget the broker ends the session at
// once; 3.1.1 has no way to ask for that here.
func (c *conn) leave(forget bool) {
	d := mqtt.Disconnect{}
	if forget && c.v == mqtt.V5 {
		d.Properties.Mark(mqtt.PropSessionExpiryInterval)
	}
	c.nc.SetWriteDeadline(time.Now().Add(time.Second))
	c.nc.Write(d.Append(nil, c.v)) // best effort: the connection is closed either way
	c.nc.Close()
}

// split finds the first packet in b: the first byte, what follows the fixed
// header, and the length of both. A length above len(b) says that bytes are
// missing, and how many are needed (at least).
func split(b []byte) (first byte, body []byte, n int, err error) {
	if len(b) < 2 {
		return 0, nil, 2, nil
	}
	n, size := int(b[1]), 2
	if n >= 0x80 {
		v, k := binary.Uvarint(b[1:min(5, len(b))])
		if k == 0 {
			if len(b) >= 5 {
				return 0, nil, 0, fmt.Errorf("malformed remaining length % x", b[1:5])
			}
			return 0, nil, len(b) + 1, nil
		}
		n, size = int(v), 1+k
	}
	if n += size; n > len(b) {
		return 0, nil, n, nil
	}
	return b[0], b[size:n], n, nil
}
