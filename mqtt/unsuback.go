package mqtt

// Unsuback is the UNSUBACK packet (section 3.11).
type Unsuback struct {
	PacketID   uint16
	Properties Properties // 5.0
	Codes      []Code     // 5.0: one for each filter, in its order [MQTT-3.11.3-1]
}

// Append writes u behind b. 3.1.1 has no codes.
func (u *Unsuback) Append(b []byte, v Version) []byte {
	if v != V5 {
		return appendHeadProps(b, v, UNSUBACK, u.PacketID, &u.Properties, 2)
	}
	b = appendHeadProps(b, v, UNSUBACK, u.PacketID, &u.Properties, 2+len(u.Codes))
	for _, c := range u.Codes {
		b = append(b, byte(c))
	}
	return b
}

// ReadUnsuback reads the body of an UNSUBACK.
func ReadUnsuback(v Version, body []byte) (*Unsuback, error) {
	r := cursor{b: body, t: UNSUBACK}
	u := &Unsuback{PacketID: r.packetID()}
	if v == V5 {
		u.Properties = r.properties(UNSUBACK)
		u.Codes = r.codes()
	}
	return u, r.end()
}
