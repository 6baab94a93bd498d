package mqtt

import "encoding/binary"

// Publish is a PUBLISH packet as it was read (section 3.3). Topic, Props and
// Payload alias the body and are good until its buffer is used again.
type Publish struct {
	Dup      bool
	QoS      byte
	Retain   bool
	Topic    []byte // empty: the one the alias stands for
	PacketID uint16 // 0 with QoS 0
	Props    []byte // 5.0: the properties as they came, checked, without their length
	Payload  []byte

	Alias             uint16
	HasAlias          bool
	Expiry            uint32 // seconds
	HasExpiry         bool
	PayloadFormat     byte // 0 bytes, 1 UTF-8 (nobody has checked)
	HasSubscriptionID bool // only a server may send one [MQTT-3.3.4-6]

	// keepFrom and keepTo border the properties that pass through, if they are
	// one piece of Props; see Forward.
	keepFrom, keepTo int
	pieces           int
}

// Bits of the flags of PUBLISH (section 3.3.1).
const (
	flagRetain = 1
	flagDup    = 8
	qosShift   = 1
)

// Read reads the body of a PUBLISH with the flags of its fixed header. It
// checks everything that can be judged without knowing the connection, and
// allocates only for a refusal. The codes are MalformedPacket, ProtocolError,
// TopicNameInvalid and TopicAliasInvalid; beside an error PacketID is set if it
// was reached, so that the packet can be answered.
func (p *Publish) Read(v Version, flags byte, body []byte) error {
	*p = Publish{Dup: flags&flagDup != 0, QoS: flags >> qosShift & 3, Retain: flags&flagRetain != 0}
	if p.QoS == 3 { // [MQTT-3.3.1-4]
		return refuse(PUBLISH, MalformedPacket, "QoS 3")
	}
	if p.QoS == 0 && p.Dup { // [MQTT-3.3.1-2]
		return refuse(PUBLISH, MalformedPacket, "DUP with QoS 0")
	}
	if len(body) < 2 {
		return refuse(PUBLISH, MalformedPacket, "topic: too short")
	}
	n := 2 + int(binary.BigEndian.Uint16(body))
	if len(body) < n {
		return refuse(PUBLISH, MalformedPacket, "topic: too short")
	}
	p.Topic, body = body[2:n:n], body[n:] // [MQTT-3.3.2-1]
	if p.QoS > 0 {                        // [MQTT-2.2.1-2]
		if len(body) < 2 {
			return refuse(PUBLISH, MalformedPacket, "packet identifier: too short")
		}
		p.PacketID, body = binary.BigEndian.Uint16(body), body[2:]
		if p.PacketID == 0 { // [MQTT-2.2.1-3] [MQTT-2.2.1-4]
			return refuse(PUBLISH, ProtocolError, "packet identifier: 0")
		}
	}
	if v == V5 {
		n, size, err := readVarint(body)
		if err != nil || int(n) > len(body)-size {
			return refuse(PUBLISH, MalformedPacket, "property length")
		}
		body = body[size:]
		p.Props, p.Payload = body[:n:n], body[n:]
		if n > 0 {
			if err := p.scan(); err != nil {
				return err
			}
		}
	} else {
		p.Payload = body
	}
	return p.checkTopic(v)
}

func (p *Publish) checkTopic(v Version) error {
	if len(p.Topic) == 0 {
		switch {
		case v != V5: // [MQTT-4.7.3-1]
			return refuse(PUBLISH, TopicNameInvalid, "topic: empty")
		case !p.HasAlias: // section 3.3.2.1
			return refuse(PUBLISH, ProtocolError, "topic: empty, without an alias")
		}
		return nil
	}
	if plainTopic(p.Topic) {
		return nil
	}
	if c, why := checkTopic(p.Topic); why != "" {
		return refuse(PUBLISH, c, "topic: "+why)
	}
	return nil
}

// Properties decodes all properties. It is the slow path, for those who need
// them by name; the result aliases nothing.
func (p *Publish) Properties() (Properties, error) { return decodeProps(p.Props) }

// decodeProps reads properties of a PUBLISH that have no length before them.
func decodeProps(b []byte) (Properties, error) {
	var p Properties
	r := cursor{b: b, t: PUBLISH}
	for len(r.b) > 0 {
		p.readOne(&r, PUBLISH)
	}
	return p, r.end()
}
