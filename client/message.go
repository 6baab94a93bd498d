package client

import (
	"time"

	"gridmq/mqtt"
)

// A Message is an application message, received or to be published.
type Message struct {
	Topic   string
	Payload []byte
	QoS     byte
	Retain  bool
	// Properties are those of PUBLISH in 5.0. A TopicAlias of a message to be
	// published is set up and used as the connection allows.
	Properties mqtt.Properties

	Dup      bool      // received again
	PacketID uint16    // of a received message, with QoS 1 and 2
	Received time.Time // when it was read

	c    *Client
	code mqtt.Code // of the acknowledgement
	done bool      // acknowledged by OnMessage or Ack, perhaps not yet on the wire
}

// out splits m into what mqtt.AppendPublish wants.
func (m *Message) out(v mqtt.Version) (*mqtt.Message, *mqtt.Out) {
	msg := &mqtt.Message{Topic: m.Topic, QoS: m.QoS, Retain: m.Retain, Payload: m.Payload}
	o := &mqtt.Out{Version: v, QoS: m.QoS, Retain: m.Retain}
	if v == mqtt.V5 {
		msg.Props = m.Properties.Forward(nil)
		o.HasExpiry = m.Properties.Has(mqtt.PropMessageExpiryInterval)
		o.Expiry = m.Properties.MessageExpiryInterval
	}
	return msg, o
}

// Ack acknowledges a received message; a code that is an error refuses it (5.0).
// Acknowledgements leave in the order of arrival [MQTT-4.6.0-2] [MQTT-4.6.0-3],
// so one waits until those before it have been given. QoS 0 needs none. After
// the end of the connection it does nothing: the broker will send again.
func (m *Message) Ack(code mqtt.Code) {
	if m.QoS == 0 || m.c == nil {
		return
	}
	m.c.acknowledge(m, code)
}

func (c *Client) acknowledge(m *Message, code mqtt.Code) {
	c.mu.Lock()
	defer c.mu.Unlock() // also while queueing: the order counts
	if m.done {
		return
	}
	m.done, m.code = true, code
	for len(c.incoming) > 0 && c.incoming[0].done {
		first := c.incoming[0]
		c.incoming = c.incoming[1:]
		t := mqtt.PUBACK
		if first.QoS == 2 {
			t = mqtt.PUBREC
			if !first.code.IsError() {
				c.session.receive(first.PacketID)
			}
		}
		c.ack(t, first.PacketID, first.code)
	}
}

// ack queues an acknowledgement.
func (c *Client) ack(t mqtt.Type, id uint16, code mqtt.Code) {
	c.trace(true, &mqtt.Ack{Type: t, PacketID: id, Code: code})
	c.out.putNow(func(b []byte) []byte { return mqtt.AppendAck(b, c.o.Version, t, id, code, "") })
}
