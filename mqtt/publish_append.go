package mqtt

import "encoding/binary"

// Out is what one receiver's copy of a message needs besides the message.
type Out struct {
	Version   Version
	Dup       bool // left out with QoS 0 [MQTT-3.3.1-2]
	QoS       byte
	Retain    bool
	PacketID  uint16   // left out with QoS 0 [MQTT-2.2.1-2]
	Alias     uint16   // 5.0; 0: none
	OmitTopic bool     // 5.0, with Alias: the peer knows it
	HasExpiry bool     // 5.0
	Expiry    uint32   // seconds that are left [MQTT-3.3.2-6]
	SubIDs    []uint32 // 5.0: of the subscriptions that match [MQTT-3.3.4-3]
}

// topic is the topic name that is written.
func (o *Out) topic(m *Message) string {
	if o.OmitTopic && o.Alias != 0 && o.Version == V5 {
		return ""
	}
	return cut(m.Topic)
}

// hopSize is the number of bytes of the properties that o adds.
func (o *Out) hopSize() (n int) {
	if o.HasExpiry {
		n += 5
	}
	if o.Alias != 0 {
		n += 3
	}
	return n + subIDsSize(o.SubIDs)
}

// sizes are the number of bytes of the properties (without their length) and of the body.
func (o *Out) sizes(m *Message, topic string) (props, body int) {
	body = 2 + len(topic) + len(m.Payload)
	if o.QoS > 0 {
		body += 2
	}
	if o.Version == V5 {
		props = o.hopSize() + len(m.Props)
		body += varintSize(uint32(props)) + props
	}
	return props, body
}

// PublishSize is the number of bytes that AppendPublish adds. It may be above
// MaxPacketSize: such a packet cannot be sent to anybody.
func PublishSize(m *Message, o *Out) int {
	_, body := o.sizes(m, o.topic(m))
	return 1 + varintSize(uint32(body)) + body
}

// AppendPublish writes a PUBLISH of m for one receiver. It never allocates
// beyond growing b. A packet above MaxPacketSize is not written at all; ask
// PublishSize before, as for the receiver's Maximum Packet Size [MQTT-3.1.2-24].
func AppendPublish(b []byte, m *Message, o *Out) []byte {
	topic := o.topic(m)
	props, body := o.sizes(m, topic)
	if body > MaxRemaining {
		return b
	}
	b = appendVarint(append(b, o.first()), uint32(body))
	b = append(appendUint16(b, uint16(len(topic))), topic...)
	if o.QoS > 0 {
		b = appendUint16(b, o.PacketID)
	}
	if o.Version == V5 {
		b = appendVarint(b, uint32(props))
		b = append(o.appendHop(b), m.Props...)
	}
	return append(b, m.Payload...)
}

// first is the first byte of the packet.
func (o *Out) first() byte {
	first := byte(PUBLISH)<<4 | o.QoS&3<<qosShift
	if o.Retain {
		first |= flagRetain
	}
	if o.Dup && o.QoS > 0 {
		first |= flagDup
	}
	return first
}

// appendHop writes the properties that o adds.
func (o *Out) appendHop(b []byte) []byte {
	if o.HasExpiry {
		b = binary.BigEndian.AppendUint32(append(b, byte(PropMessageExpiryInterval)), o.Expiry)
	}
	if o.Alias != 0 {
		b = appendUint16(append(b, byte(PropTopicAlias)), o.Alias)
	}
	return appendSubIDs(b, o.SubIDs)
}
