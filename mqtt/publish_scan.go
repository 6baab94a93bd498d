package mqtt

import "encoding/binary"

// dropped are the properties that belong to one hop and do not pass through.
const dropped = 1<<PropMessageExpiryInterval | 1<<PropTopicAlias | 1<<PropSubscriptionIdentifier

// scan walks once over p.Props: it checks them all and takes out what the
// broker needs on the way. cursor.properties does the same for all packets and
// keeps the values; a test holds the two together.
func (p *Publish) scan() error {
	b := p.Props
	var seen uint64
	lastDropped := false
	for i := 0; i < len(b); {
		start, id := i, PropID(b[i])
		if !id.allowedIn(PUBLISH) {
			return refuse(PUBLISH, MalformedPacket, id.String()+": not a property of this packet")
		}
		if seen>>id&1 != 0 && id != PropUserProperty && id != PropSubscriptionIdentifier {
			return refuse(PUBLISH, ProtocolError, id.String()+": twice")
		}
		seen |= 1 << id
		n, c, why := p.scanOne(id, b[i+1:])
		if why != "" {
			return refuse(PUBLISH, c, id.String()+": "+why)
		}
		i += 1 + n
		if dropped>>id&1 != 0 {
			lastDropped = true
			continue
		}
		if p.pieces == 0 || lastDropped {
			p.pieces++
			if p.pieces == 1 {
				p.keepFrom = start
			}
		}
		p.keepTo, lastDropped = i, false
	}
	return nil
}

const short = "too short"

// scanOne checks the value of property id at the start of b and tells how many
// bytes it has, or what is wrong.
func (p *Publish) scanOne(id PropID, b []byte) (n int, c Code, why string) {
	switch id {
	case PropUserProperty: // [MQTT-1.5.7-1]
		n, why = scanString(b)
		if why != "" {
			return 0, MalformedPacket, why
		}
		m, why := scanString(b[n:])
		return n + m, MalformedPacket, why
	case PropContentType: // [MQTT-3.3.2-19]
		n, why = scanString(b)
		return n, MalformedPacket, why
	case PropCorrelationData:
		n = scanLength(b)
		if n < 0 {
			return 0, MalformedPacket, short
		}
		return n, 0, ""
	case PropResponseTopic:
		n = scanLength(b)
		if n < 0 {
			return 0, MalformedPacket, short
		}
		c, why = checkResponseTopic(b[2:n])
		return n, c, why
	case PropPayloadFormatIndicator:
		return p.scanFormat(b)
	case PropMessageExpiryInterval:
		if len(b) < 4 {
			return 0, MalformedPacket, short
		}
		p.Expiry, p.HasExpiry = binary.BigEndian.Uint32(b), true
		return 4, 0, ""
	case PropTopicAlias:
		if len(b) < 2 {
			return 0, MalformedPacket, short
		}
		p.Alias, p.HasAlias = binary.BigEndian.Uint16(b), true
		if p.Alias == 0 { // [MQTT-3.3.2-8]
			return 0, TopicAliasInvalid, "0"
		}
		return 2, 0, ""
	}
	return p.scanSubscriptionID(b)
}

func (p *Publish) scanFormat(b []byte) (n int, c Code, why string) {
	if len(b) == 0 {
		return 0, MalformedPacket, short
	}
	p.PayloadFormat = b[0]
	if b[0] > 1 { // section 3.3.2.3.2
		return 0, ProtocolError, "neither 0 nor 1"
	}
	return 1, 0, ""
}

func (p *Publish) scanSubscriptionID(b []byte) (n int, c Code, why string) {
	v, n, err := readVarint(b)
	if err != nil {
		return 0, MalformedPacket, err.Error()
	}
	if v == 0 { // section 3.3.2.3.8
		return 0, ProtocolError, "0"
	}
	p.HasSubscriptionID = true
	return n, 0, ""
}

// scanLength is the number of bytes of the string or binary datum at the start
// of b, with its length; -1 if b is too short.
func scanLength(b []byte) int {
	if len(b) < 2 {
		return -1
	}
	n := 2 + int(binary.BigEndian.Uint16(b))
	if n > len(b) {
		return -1
	}
	return n
}

func scanString(b []byte) (n int, why string) {
	n = scanLength(b)
	if n < 0 {
		return 0, short
	}
	if !validString(b[2:n]) {
		return 0, "not UTF-8"
	}
	return n, ""
}
