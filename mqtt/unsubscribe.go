package mqtt

// Unsubscribe is the UNSUBSCRIBE packet (section 3.10).
type Unsubscribe struct {
	PacketID   uint16
	Properties Properties // 5.0
	Filters    []string
}

// ReadUnsubscribe reads the body of an UNSUBSCRIBE. As in SUBSCRIBE, filters are
// only checked to be UTF-8. Nothing aliases body.
func ReadUnsubscribe(v Version, body []byte) (*Unsubscribe, error) {
	r := cursor{b: body, t: UNSUBSCRIBE}
	u := &Unsubscribe{PacketID: r.packetID()}
	if v == V5 {
		u.Properties = r.properties(UNSUBSCRIBE)
	}
	if r.err == nil && len(r.b) == 0 { // [MQTT-3.10.3-2]
		r.fail(ProtocolError, "topic filters", "none")
	}
	for len(r.b) > 0 {
		u.Filters = append(u.Filters, r.string("topic filter")) // [MQTT-3.10.3-1]
	}
	return u, r.end()
}

// Append writes u behind b.
func (u *Unsubscribe) Append(b []byte, v Version) []byte {
	n := 2
	for _, f := range u.Filters {
		n += stringSize(f)
	}
	b = appendHeadProps(b, v, UNSUBSCRIBE, u.PacketID, &u.Properties, n)
	for _, f := range u.Filters {
		b = appendString(b, f)
	}
	return b
}
