package mqtt

// Connack is the CONNACK packet (section 3.2).
type Connack struct {
	SessionPresent bool
	Code           Code
	Properties     Properties // 5.0
}

// Append writes c behind b. 3.1.1 gets the nearest of its return codes.
func (c *Connack) Append(b []byte, v Version) []byte {
	var ack byte
	if c.SessionPresent && c.Code == Success { // [MQTT-3.2.2-6]
		ack = 1
	}
	if v != V5 {
		return append(appendHeader(b, CONNACK, 2), ack, c.Code.ConnackV3())
	}
	props := c.Properties.block(CONNACK)
	b = append(appendHeader(b, CONNACK, 2+props.total()), ack, byte(c.Code))
	return props.append(b)
}

// ReadConnack reads the body of a CONNACK.
func ReadConnack(v Version, body []byte) (*Connack, error) {
	r := cursor{b: body, t: CONNACK}
	c := new(Connack)
	ack := r.byte("acknowledge flags")
	if ack > 1 { // [MQTT-3.2.2-1]
		r.fail(MalformedPacket, "acknowledge flags", "reserved bits")
	}
	c.SessionPresent = ack == 1
	if v == V5 {
		c.Code = r.code() // [MQTT-3.2.2-8]
		c.Properties = r.properties(CONNACK)
	} else {
		c.Code = r.connackV3()
	}
	if c.SessionPresent && c.Code != Success { // [MQTT-3.2.2-6] [MQTT-3.2.2-4 of 3.1.1]
		r.fail(ProtocolError, "session present", "in a refusal")
	}
	return c, r.end()
}

func (r *cursor) connackV3() Code {
	c := r.byte("return code")
	if int(c) >= len(fromConnackV3) { // 3.1.1 section 3.2.2.3: reserved
		r.fail(ProtocolError, "return code", "reserved")
		return UnspecifiedError
	}
	return fromConnackV3[c]
}
