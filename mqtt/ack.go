package mqtt

import "encoding/binary"

// Ack is one of PUBACK, PUBREC, PUBREL and PUBCOMP (sections 3.4 to 3.7), which
// look the same.
type Ack struct {
	Type           Type
	PacketID       uint16
	Code           Code           // 5.0; 3.1.1 knows only Success
	ReasonString   string         // 5.0; "": none
	UserProperties []UserProperty // 5.0
}

// Read reads the body of an acknowledgement of type t. It allocates only for
// properties, which are copied.
func (a *Ack) Read(v Version, t Type, body []byte) error {
	*a = Ack{Type: t}
	if len(body) < 2 {
		return refuse(t, MalformedPacket, "too short")
	}
	a.PacketID = binary.BigEndian.Uint16(body)
	if a.PacketID == 0 { // [MQTT-2.2.1-3] [MQTT-2.2.1-4]: nobody can have sent it
		return refuse(t, ProtocolError, "packet identifier: 0")
	}
	if len(body) == 2 { // section 3.4.2.1: Success
		return nil
	}
	if v != V5 {
		return refuse(t, MalformedPacket, "end: bytes left over")
	}
	a.Code = Code(body[2])
	if !a.Code.AllowedIn(t) { // [MQTT-3.4.2-1] [MQTT-3.5.2-1] [MQTT-3.6.2-1] [MQTT-3.7.2-1]
		return refuse(t, ProtocolError, "reason code: not one of "+t.String())
	}
	if len(body) == 3 { // section 3.4.2.2.1: no properties
		return nil
	}
	return a.readProperties(body[3:])
}

func (a *Ack) readProperties(b []byte) error {
	if len(b) == 1 && b[0] == 0 {
		return nil
	}
	r := cursor{b: b, t: a.Type}
	p := r.properties(a.Type)
	a.ReasonString, a.UserProperties = p.ReasonString, p.UserProperties
	return r.end()
}

// Append writes a behind b, in the shortest form.
func (a *Ack) Append(b []byte, v Version) []byte {
	if v != V5 || len(a.UserProperties) == 0 {
		return AppendAck(b, v, a.Type, a.PacketID, a.Code, a.ReasonString)
	}
	n := userPropertiesSize(a.UserProperties)
	if a.ReasonString != "" {
		n += 1 + stringSize(a.ReasonString)
	}
	b = appendHeader(b, a.Type, 3+varintSize(uint32(n))+n)
	b = append(appendUint16(b, a.PacketID), byte(a.Code))
	b = appendVarint(b, uint32(n))
	return appendUserProperties(appendReason(b, a.ReasonString), a.UserProperties)
}

// AppendAck writes an acknowledgement of type t in the shortest form. It never
// allocates beyond growing b. 3.1.1 has neither code nor reason.
func AppendAck(b []byte, v Version, t Type, id uint16, c Code, reason string) []byte {
	if v != V5 || c == Success && reason == "" {
		return append(b, t.first(), 2, byte(id>>8), byte(id))
	}
	if reason == "" {
		return append(b, t.first(), 3, byte(id>>8), byte(id), byte(c))
	}
	n := 1 + stringSize(reason)
	b = appendHeader(b, t, 3+varintSize(uint32(n))+n)
	b = append(appendUint16(b, id), byte(c))
	return appendReason(appendVarint(b, uint32(n)), reason)
}

// appendReason writes a Reason String property unless it is empty.
func appendReason(b []byte, s string) []byte {
	if s == "" {
		return b
	}
	return appendString(append(b, byte(PropReasonString)), s)
}
