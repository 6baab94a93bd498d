package mqtt

import "strconv"

// A Version is the protocol level of a connection, the byte that CONNECT carries.
type Version byte

// The versions this package speaks.
const (
	V311 Version = 4
	V5   Version = 5
)

func (v Version) String() string {
	switch v {
	case V311:
		return "3.1.1"
	case V5:
		return "5.0"
	}
	return "level " + strconv.Itoa(int(v))
}

// A Type is the kind of a control packet (section 2.1.2).
type Type byte

// The control packet types. 0 is reserved, and AUTH is too in 3.1.1.
const (
	CONNECT Type = 1 + iota
	CONNACK
	PUBLISH
	PUBACK
	PUBREC
	PUBREL
	PUBCOMP
	SUBSCRIBE
	SUBACK
	UNSUBSCRIBE
	UNSUBACK
	PINGREQ
	PINGRESP
	DISCONNECT
	AUTH
)

var typeNames = [...]string{
	"reserved", "CONNECT", "CONNACK", "PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP",
	"SUBSCRIBE", "SUBACK", "UNSUBSCRIBE", "UNSUBACK", "PINGREQ", "PINGRESP", "DISCONNECT", "AUTH",
}

func (t Type) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return "type " + strconv.Itoa(int(t))
}

// flags is the lower half of the first byte of every packet of type t but
// PUBLISH, whose flags have meanings (section 2.1.3).
func (t Type) flags() byte {
	switch t {
	case PUBREL, SUBSCRIBE, UNSUBSCRIBE: // [MQTT-3.6.1-1] [MQTT-3.8.1-1] [MQTT-3.10.1-1]
		return 2
	}
	return 0 // [MQTT-3.14.1-1] [MQTT-3.15.1-1]
}

// first is the first byte of a packet of type t.
func (t Type) first() byte { return byte(t)<<4 | t.flags() }
