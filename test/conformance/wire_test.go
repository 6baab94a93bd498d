package conformance

import (
	"encoding/binary"
	"fmt"
)

// version is the protocol level byte of CONNECT.
type version byte

const (
	v3 version = 4 // MQTT 3.1.1
	v5 version = 5 // MQTT 5.0
)

// cat joins bytes: a rune or an int is one byte, a string its raw bytes.
func cat(parts ...any) []byte {
	b := []byte{}
	for _, p := range parts {
		switch p := p.(type) {
		case int:
			b = append(b, byte(p))
		case byte:
			b = append(b, p)
		case version:
			b = append(b, byte(p))
		case string:
			b = append(b, p...)
		case []byte:
			b = append(b, p...)
		default:
			panic(fmt.Sprintf("cat: %T", p))
		}
	}
	return b
}

// packet puts the fixed header before a body: the first byte and the
// Remaining Length.
func packet(first int, body ...any) []byte {
	b := cat(body...)
	return cat(first, varint(len(b)), b)
}

// str is a string or binary field with its two bytes of length.
func str(s string) []byte { return cat(u16(len(s)), s) }

func u16(n int) []byte { return binary.BigEndian.AppendUint16(nil, uint16(n)) }

func u32(n int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(n)) }

// varint is a Variable Byte Integer in its shortest form.
func varint(n int) []byte {
	var b []byte
	for {
		low := byte(n & 0x7F)
		if n >>= 7; n == 0 {
			return append(b, low)
		}
		b = append(b, low|0x80)
	}
}

// Properties of MQTT 5.0, section 2.2.2.2.
const (
	propPayloadFormat       = 0x01
	propMessageExpiry       = 0x02
	propContentType         = 0x03
	propResponseTopic       = 0x08
	propCorrelationData     = 0x09
	propSubscriptionID      = 0x0B
	propSessionExpiry       = 0x11
	propAssignedClientID    = 0x12
	propServerKeepAlive     = 0x13
	propAuthMethod          = 0x15
	propAuthData            = 0x16
	propRequestProblemInfo  = 0x17
	propWillDelay           = 0x18
	propRequestResponseInfo = 0x19
	propResponseInfo        = 0x1A
	propReasonString        = 0x1F
	propReceiveMaximum      = 0x21
	propTopicAliasMaximum   = 0x22
	propTopicAlias          = 0x23
	propMaximumQoS          = 0x24
	propRetainAvailable     = 0x25
	propUserProperty        = 0x26
	propMaximumPacketSize   = 0x27
)

// props is a property list with its length in front; 3.1.1 has none.
func (v version) props(list ...any) []byte {
	b := cat(list...)
	if v == v3 {
		if len(b) > 0 {
			panic("properties in a 3.1.1 packet")
		}
		return nil
	}
	return cat(varint(len(b)), b)
}

// userProperty is one name and value.
func userProperty(name, value string) []byte {
	return cat(propUserProperty, str(name), str(value))
}

// connect is a CONNECT packet, field by field. The zero value of every field
// but id is the simplest connection: clean, no keep alive, no will, no login.
type connect struct {
	id        string
	keep      bool   // keep the session: Clean Session 0, or Clean Start 0 and five minutes of expiry
	resume    bool   // only the flag: Clean Session or Clean Start 0
	keepAlive int    // seconds
	props     []byte // MQTT 5 properties, further to what keep asks for
	will      *will
	user      *string
	password  *string
}

type will struct {
	topic, payload string
	qos            int
	retain         bool
	props          []byte // MQTT 5 will properties
}

func (c connect) encode(v version) []byte {
	flags, props := 0x02, c.props
	if c.keep || c.resume {
		flags = 0
	}
	if c.keep && v == v5 {
		props = cat(props, propSessionExpiry, u32(300))
	}
	tail := str(c.id)
	if w := c.will; w != nil {
		flags |= 0x04 | w.qos<<3
		if w.retain {
			flags |= 0x20
		}
		tail = cat(tail, v.props(w.props), str(w.topic), str(w.payload))
	}
	if c.user != nil {
		flags |= 0x80
		tail = cat(tail, str(*c.user))
	}
	if c.password != nil {
		flags |= 0x40
		tail = cat(tail, str(*c.password))
	}
	return packet(0x10, str("MQTT"), v, flags, u16(c.keepAlive), v.props(props), tail)
}

// rawConnect is a CONNECT with a variable header and payload of one's own.
func (v version) rawConnect(flags int, payload ...any) []byte {
	return packet(0x10, str("MQTT"), v, flags, u16(0), v.props(), cat(payload...))
}

// publish is a PUBLISH; the low bits of first say DUP, QoS and RETAIN.
// The identifier is written for QoS 1 and 2 only.
func (v version) publish(first int, topic string, id int, props []byte, payload string) []byte {
	var pid []byte
	if first&0x06 != 0 {
		pid = u16(id)
	}
	return packet(first, str(topic), pid, v.props(props), payload)
}

// subscribe takes filters and option bytes in turn.
func (v version) subscribe(id int, props []byte, filters ...any) []byte {
	b := cat(u16(id), v.props(props))
	for i := 0; i < len(filters); i += 2 {
		b = cat(b, str(filters[i].(string)), filters[i+1])
	}
	return packet(0x82, b)
}

func (v version) unsubscribe(id int, filters ...string) []byte {
	b := cat(u16(id), v.props())
	for _, f := range filters {
		b = cat(b, str(f))
	}
	return packet(0xA2, b)
}

// ack is a PUBACK, PUBREC, PUBREL or PUBCOMP in its shortest form.
func ack(first, id int) []byte { return packet(first, u16(id)) }

// ackCode is the MQTT 5 form with a reason code.
func ackCode(first, id, code int) []byte { return packet(first, u16(id), code) }

var (
	pingreq    = []byte{0xC0, 0x00}
	pingresp   = []byte{0xD0, 0x00}
	disconnect = []byte{0xE0, 0x00}
)
