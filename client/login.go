package client

import (
	"cmp"
	"fmt"
	"math"
	"time"

	"gridmq/mqtt"
)

// login sends CONNECT and takes in the answer. Deadlines are the caller's.
func (c *Client) login() error {
	p := c.o.packet()
	c.trace(true, p)
	if _, err := c.nc.Write(p.Append(nil)); err != nil {
		return err
	}
	h, body, err := c.in.next(c.o.MaximumPacketSize)
	if err != nil {
		return fmt.Errorf("no CONNACK came: %w", err)
	}
	if h.Type != mqtt.CONNACK { // [MQTT-3.2.0-1]
		return fmt.Errorf("the peer answered CONNECT with %v: is it an MQTT broker?", h.Type)
	}
	ack, err := mqtt.ReadConnack(c.o.Version, body)
	if err != nil {
		return err
	}
	c.trace(false, ack)
	if ack.Code != mqtt.Success {
		return &RefusedError{Op: "CONNECT", Code: ack.Code, Reason: ack.Properties.ReasonString}
	}
	if ack.SessionPresent && !c.o.Resume { // [MQTT-3.2.2-4]
		return &mqtt.Error{Op: "read CONNACK", Code: mqtt.ProtocolError, Err: fmt.Errorf("session present after a clean start")}
	}
	c.connack = ack
	c.limits = limitsOf(ack, c.o.KeepAlive)
	c.slots = make(chan struct{}, c.inFlight(ack))
	if c.session == nil {
		c.session = &Session{}
	}
	c.session.start(ack.SessionPresent)
	return nil
}

// inFlight is the size of our window [MQTT-3.3.4-7].
func (c *Client) inFlight(ack *mqtt.Connack) int {
	limit := math.MaxUint16
	if ack.Properties.Has(mqtt.PropReceiveMaximum) {
		limit = int(ack.Properties.ReceiveMaximum)
	}
	return max(1, min(c.o.InFlight, limit, maxPacketIDs))
}

func limitsOf(ack *mqtt.Connack, keepAlive time.Duration) limits {
	p := &ack.Properties
	l := limits{maximumQoS: 2, retainAvailable: true, keepAlive: max(keepAlive, 0)}
	if p.Has(mqtt.PropMaximumQoS) {
		l.maximumQoS = p.MaximumQoS
	}
	if p.Has(mqtt.PropRetainAvailable) {
		l.retainAvailable = p.RetainAvailable == 1
	}
	if p.Has(mqtt.PropServerKeepAlive) { // [MQTT-3.1.2-21]
		l.keepAlive = time.Duration(p.ServerKeepAlive) * time.Second
	}
	l.packetSize = int(p.MaximumPacketSize)
	l.aliases = p.TopicAliasMaximum
	return l
}

// check refuses what the broker has said it will not take: a broker may answer
// it with the end of the connection.
func (l *limits) check(m *Message, size int) error {
	switch {
	case m.QoS > l.maximumQoS: // [MQTT-3.2.2-11]
		return &RefusedError{Op: "PUBLISH", Code: mqtt.QoSNotSupported, Reason: fmt.Sprintf("the broker takes QoS %d at most", l.maximumQoS)}
	case m.Retain && !l.retainAvailable: // [MQTT-3.2.2-14]
		return &RefusedError{Op: "PUBLISH", Code: mqtt.RetainNotSupported}
	case size > cmp.Or(l.packetSize, maxPacketSize): // [MQTT-3.2.2-15]
		return &RefusedError{Op: "PUBLISH", Code: mqtt.PacketTooLarge,
			Reason: fmt.Sprintf("%d bytes, the broker takes %d", size, cmp.Or(l.packetSize, maxPacketSize))}
	case m.Properties.Has(mqtt.PropTopicAlias) && m.Properties.TopicAlias > l.aliases: // [MQTT-3.3.2-9]
		return &RefusedError{Op: "PUBLISH", Code: mqtt.TopicAliasInvalid,
			Reason: fmt.Sprintf("alias %d, the broker takes up to %d", m.Properties.TopicAlias, l.aliases)}
	}
	return nil
}

// maxPacketSize is the largest packet that MQTT can express, in bytes.
const maxPacketSize = 268_435_455 + 5
