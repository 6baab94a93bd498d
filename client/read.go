package client

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"gridmq/mqtt"
)

// readLoop is the reader. It ends with the connection and says why; what the
// broker did wrong is told it in a DISCONNECT.
func (c *Client) readLoop(deliveries chan<- *Message) error {
	for {
		h, body, err := c.in.next(c.o.MaximumPacketSize)
		if err == nil {
			c.heard.Store(time.Now().UnixNano())
			err = c.receive(h, body, deliveries)
		}
		if err == nil {
			continue
		}
		if e, ok := errors.AsType[*mqtt.Error](err); ok && c.o.Version == mqtt.V5 {
			d := mqtt.Disconnect{Code: e.Code}
			c.nc.SetWriteDeadline(time.Now().Add(time.Second))
			c.out.last(c.ctx, func(b []byte) []byte { return d.Append(b, c.o.Version) }) // best effort
		}
		return err
	}
}

// receive takes one packet.
func (c *Client) receive(h mqtt.Header, body []byte, deliveries chan<- *Message) error {
	v := c.o.Version
	switch h.Type {
	case mqtt.PUBLISH:
		return c.receivePublish(h, body, deliveries)
	case mqtt.PUBACK, mqtt.PUBREC, mqtt.PUBCOMP, mqtt.PUBREL:
		var a mqtt.Ack
		if err := a.Read(v, h.Type, body); err != nil {
			return err
		}
		c.trace(false, &a)
		c.receiveAck(&a)
	case mqtt.SUBACK:
		s, err := mqtt.ReadSuback(v, body)
		if err != nil {
			return err
		}
		c.trace(false, s)
		c.answered(s.PacketID, answer{s.Codes, s.Properties.ReasonString})
	case mqtt.UNSUBACK:
		u, err := mqtt.ReadUnsuback(v, body)
		if err != nil {
			return err
		}
		c.trace(false, u)
		c.answered(u.PacketID, answer{u.Codes, u.Properties.ReasonString})
	case mqtt.PINGRESP:
		c.traceText(false, "PINGRESP")
		c.mu.Lock()
		if c.pong != nil {
			close(c.pong)
			c.pong = nil
		}
		c.mu.Unlock()
	case mqtt.DISCONNECT:
		d, err := mqtt.ReadDisconnect(v, body)
		if err != nil {
			return err
		}
		c.trace(false, d)
		return &ClosedError{Code: d.Code, Reason: d.Properties.ReasonString}
	case mqtt.AUTH: // we have asked for no method, so there is nothing to answer
	default:
		return &mqtt.Error{Op: "read", Code: mqtt.ProtocolError, Err: fmt.Errorf("%v from a broker", h.Type)}
	}
	return nil
}

func (c *Client) receiveAck(a *mqtt.Ack) {
	if a.Type == mqtt.PUBREL {
		code := mqtt.Success
		if !c.session.release(a.PacketID) {
			code = mqtt.PacketIdentifierNotFound
		}
		c.ack(mqtt.PUBCOMP, a.PacketID, code)
		return
	}
	d, release := c.session.acknowledged(a.Type, a.PacketID, a.Code)
	if release {
		c.ack(mqtt.PUBREL, a.PacketID, mqtt.Success)
	}
	if d == nil {
		return
	}
	c.freeSlot()
	if a.Type == mqtt.PUBCOMP {
		// The message was taken with PUBREC. That the broker does not know its id
		// any more says that a PUBCOMP before this one got lost (section 3.7.2.1).
		d.done(mqtt.Success, nil)
		return
	}
	if a.Code.IsError() {
		d.done(a.Code, &RefusedError{Op: fmt.Sprintf("PUBLISH to %q", d.m.Topic), Code: a.Code, Reason: a.ReasonString})
		return
	}
	d.done(a.Code, nil)
}

// receivePublish copies a message out of the read buffer and queues it. It waits
// while the queue is full.
func (c *Client) receivePublish(h mqtt.Header, body []byte, deliveries chan<- *Message) error {
	var p mqtt.Publish
	if err := p.Read(c.o.Version, h.Flags, body); err != nil {
		return err
	}
	topic, err := c.in.resolve(&p, c.o.TopicAliasMaximum)
	if err != nil {
		return err
	}
	m := &Message{
		Topic: topic, Payload: slices.Clone(p.Payload), QoS: p.QoS, Retain: p.Retain,
		Dup: p.Dup, PacketID: p.PacketID, Received: time.Now(), c: c,
	}
	if len(p.Props) > 0 {
		if m.Properties, err = p.Properties(); err != nil {
			return err
		}
	}
	c.tracePublish(false, m, p.PacketID, p.Dup)
	if m.QoS == 2 && c.session.has(m.PacketID) { // we have it: only PUBREC got lost
		c.ack(mqtt.PUBREC, m.PacketID, mqtt.Success)
		return nil
	}
	if m.QoS > 0 {
		c.mu.Lock()
		n := len(c.incoming)
		c.incoming = append(c.incoming, m)
		c.mu.Unlock()
		if n >= int(c.o.Queue) && c.o.Version == mqtt.V5 { // [MQTT-3.3.4-9]
			return &mqtt.Error{Op: "read PUBLISH", Code: mqtt.ReceiveMaximumExceeded}
		}
	}
	select {
	case deliveries <- m:
		return nil
	default:
	}
	c.stalled.Store(true)
	select {
	case deliveries <- m:
		c.heard.Store(time.Now().UnixNano()) // from now on silence is the broker's
		c.stalled.Store(false)
		return nil
	case <-c.ctx.Done():
		return c.Err()
	}
}

// resolve is the topic of p, with the aliases the broker has set up.
func (in *inbox) resolve(p *mqtt.Publish, limit uint16) (string, error) {
	if !p.HasAlias {
		return string(p.Topic), nil
	}
	if p.Alias > limit { // [MQTT-3.1.2-26]
		return "", &mqtt.Error{Op: "read PUBLISH", Code: mqtt.TopicAliasInvalid, Err: fmt.Errorf("alias %d, we allow %d", p.Alias, limit)}
	}
	if len(p.Topic) > 0 {
		if in.aliases == nil {
			in.aliases = make(map[uint16]string)
		}
		in.aliases[p.Alias] = string(p.Topic)
	}
	topic, known := in.aliases[p.Alias]
	if !known {
		return "", &mqtt.Error{Op: "read PUBLISH", Code: mqtt.ProtocolError, Err: fmt.Errorf("alias %d was not set up", p.Alias)}
	}
	return topic, nil
}
