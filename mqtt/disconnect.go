package mqtt

// Disconnect is the DISCONNECT packet (section 3.14).
type Disconnect struct {
	Code       Code       // 5.0
	Properties Properties // 5.0
}

// ReadDisconnect reads the body of a DISCONNECT. Who may send which of its codes
// is for the caller, who knows whether the peer is client or server.
func ReadDisconnect(v Version, body []byte) (*Disconnect, error) {
	r := cursor{b: body, t: DISCONNECT}
	d := new(Disconnect)
	if v == V5 && len(body) > 0 { // section 3.14.2.1: without a code it is 0
		d.Code = r.code()  // [MQTT-3.14.2-1]
		if len(body) > 1 { // section 3.14.2.2.1: without a length there are no properties
			d.Properties = r.properties(DISCONNECT)
		}
	}
	return d, r.end() // 3.1.1 has no body
}

// Append writes d behind b, in the shortest form.
func (d *Disconnect) Append(b []byte, v Version) []byte {
	props := d.Properties.block(DISCONNECT)
	switch {
	case v != V5 || d.Code == NormalDisconnection && props.size == 0:
		return appendHeader(b, DISCONNECT, 0)
	case props.size == 0:
		return append(appendHeader(b, DISCONNECT, 1), byte(d.Code))
	}
	b = append(appendHeader(b, DISCONNECT, 1+props.total()), byte(d.Code))
	return props.append(b)
}
