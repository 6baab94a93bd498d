package mqtt

// Auth is the AUTH packet (section 3.15), of 5.0 only.
type Auth struct {
	Code       Code
	Properties Properties
}

// ReadAuth reads the body of an AUTH. An empty body is Success without
// properties (section 3.15.2.1); any other must name its method. In 3.1.1 the
// type is reserved, so it is refused.
func ReadAuth(v Version, body []byte) (*Auth, error) {
	r := cursor{b: body, t: AUTH}
	a := new(Auth)
	if v != V5 {
		r.fail(MalformedPacket, "packet type", "reserved in "+v.String())
	} else if len(body) > 0 {
		a.Code = r.code() // [MQTT-3.15.2-1]
		a.Properties = r.properties(AUTH)
		if !a.Properties.Has(PropAuthenticationMethod) { // section 3.15.2.2.2
			r.fail(ProtocolError, "authentication method", "missing")
		}
	}
	return a, r.end()
}

// Append writes a behind b. In 3.1.1 there is nothing to write.
func (a *Auth) Append(b []byte, v Version) []byte {
	if v != V5 {
		return b
	}
	props := a.Properties.block(AUTH)
	if a.Code == Success && props.size == 0 {
		return appendHeader(b, AUTH, 0)
	}
	b = append(appendHeader(b, AUTH, 1+props.total()), byte(a.Code))
	return props.append(b)
}
