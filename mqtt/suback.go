package mqtt

// Suback is the SUBACK packet (section 3.9).
type Suback struct {
	PacketID   uint16
	Properties Properties // 5.0
	Codes      []Code     // one for each filter, in its order [MQTT-3.9.3-1]
}

// codeFailureV3 is the only error of a SUBACK in 3.1.1 (3.1.1 section 3.9.3).
const codeFailureV3 = 0x80

// Append writes s behind b. 3.1.1 has one error for all, 0x80.
func (s *Suback) Append(b []byte, v Version) []byte {
	b = appendHeadProps(b, v, SUBACK, s.PacketID, &s.Properties, 2+len(s.Codes))
	for _, c := range s.Codes {
		if v != V5 && c.IsError() {
			c = codeFailureV3
		}
		b = append(b, byte(c))
	}
	return b
}

// ReadSuback reads the body of a SUBACK.
func ReadSuback(v Version, body []byte) (*Suback, error) {
	r := cursor{b: body, t: SUBACK}
	s := &Suback{PacketID: r.packetID()}
	if v == V5 {
		s.Properties = r.properties(SUBACK)
	}
	s.Codes = r.codes()
	for _, c := range s.Codes {
		if v != V5 && c > GrantedQoS2 && c != codeFailureV3 { // [MQTT-3.9.3-2 of 3.1.1]
			r.fail(ProtocolError, "return code", "reserved")
		}
	}
	return s, r.end()
}

// codes reads reason codes up to the end [MQTT-3.9.3-2] [MQTT-3.11.3-2].
func (r *cursor) codes() []Code {
	if r.err != nil {
		return nil
	}
	if len(r.b) == 0 { // it answers at least one filter
		r.fail(ProtocolError, "reason codes", "none")
		return nil
	}
	codes := make([]Code, 0, len(r.b))
	for len(r.b) > 0 {
		codes = append(codes, r.code())
	}
	return codes
}
