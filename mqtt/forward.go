package mqtt

// Forward appends the properties of p, as Read found them, that pass through the broker unchanged
// to dst, in their order: all but message expiry, topic alias and subscription
// identifiers [MQTT-3.3.2-4] [MQTT-3.3.2-15] [MQTT-3.3.2-16] [MQTT-3.3.2-17]
// [MQTT-3.3.2-18] [MQTT-3.3.2-20]. When dst is nil and
// what stays is one piece, that piece of p.Props is returned without a copy.
func (p *Publish) Forward(dst []byte) []byte {
	switch {
	case p.pieces == 0:
		return dst
	case p.pieces == 1 && dst == nil:
		return p.Props[p.keepFrom:p.keepTo:p.keepTo]
	case p.pieces == 1:
		return append(dst, p.Props[p.keepFrom:p.keepTo]...)
	}
	for b := p.Props; len(b) > 0; {
		n := 1 + valueSize(PropID(b[0]), b[1:])
		if dropped>>b[0]&1 == 0 {
			dst = append(dst, b[:n]...)
		}
		b = b[n:]
	}
	return dst
}

// valueSize is the number of bytes of a checked property value of PUBLISH.
func valueSize(id PropID, b []byte) int {
	switch id {
	case PropPayloadFormatIndicator:
		return 1
	case PropTopicAlias:
		return 2
	case PropMessageExpiryInterval:
		return 4
	case PropSubscriptionIdentifier:
		_, n, _ := readVarint(b)
		return n
	case PropUserProperty:
		n := scanLength(b)
		return n + scanLength(b[n:])
	}
	return scanLength(b)
}

// Forward appends those of p that a [Message] carries, encoded, to dst. User
// properties keep their order [MQTT-3.1.3-10].
func (p *Properties) Forward(dst []byte) []byte {
	return p.appendSet(dst, p.present(PUBLISH)&^dropped)
}
