package mqtt

// properties reads Property Length and Properties (section 2.2.2) of packet t,
// or of the will when t is willProps.
func (r *cursor) properties(t Type) Properties {
	var p Properties
	n := r.varint("property length")
	body := r.take(int(n), "property length")
	if r.err != nil || n == 0 {
		return p
	}
	in := cursor{b: body, t: r.t}
	for len(in.b) > 0 {
		p.readOne(&in, t)
	}
	if in.err != nil {
		r.err, r.b = in.err, nil
	}
	return p
}

// readOne reads an identifier and its value. Identifiers are Variable Byte
// Integers, but all that exist have one byte.
func (p *Properties) readOne(r *cursor, t Type) {
	id := PropID(r.byte("property"))
	if !id.allowedIn(t) { // section 2.2.2.2: not valid for its packet type
		r.fail(MalformedPacket, id.String(), "not a property of this packet")
		return
	}
	name, kind := props[id].name, props[id].kind
	if p.Has(id) && kind != typePairs && (kind != typeIDs || t == SUBSCRIBE) {
		r.fail(ProtocolError, name, "twice")
		return
	}
	p.readValue(r, id, name, kind)
	p.Mark(id)
}

func (p *Properties) readValue(r *cursor, id PropID, name string, kind propType) {
	switch kind {
	case typeByte:
		v := r.byte(name)
		if v > 1 {
			r.fail(ProtocolError, name, "neither 0 nor 1")
		}
		*p.byteField(id) = v
	case typeUint16, typeNatural:
		v := r.uint16(name)
		if v == 0 && kind == typeNatural {
			r.fail(zeroCode(id), name, "0")
		}
		*p.uint16Field(id) = v
	case typeUint32, typeSize:
		v := r.uint32(name)
		if v == 0 && kind == typeSize {
			r.fail(zeroCode(id), name, "0")
		}
		*p.uint32Field(id) = v
	case typeString:
		*p.stringField(id) = r.string(name)
	case typeTopic:
		*p.stringField(id) = r.responseTopic(name)
	case typeBinary:
		*p.binaryField(id) = r.bytes(name)
	case typeIDs:
		v := r.varint(name)
		if v == 0 {
			r.fail(zeroCode(id), name, "0")
		}
		p.SubscriptionIdentifiers = append(p.SubscriptionIdentifiers, v)
	case typePairs: // [MQTT-1.5.7-1]
		p.UserProperties = append(p.UserProperties, UserProperty{r.string(name), r.string(name)})
	}
}

// zeroCode is the answer to a property that must not be 0.
func zeroCode(id PropID) Code {
	if id == PropTopicAlias { // [MQTT-3.3.2-8]
		return TopicAliasInvalid
	}
	return ProtocolError
}

// responseTopic reads a topic name that stands in a property. Nothing says that
// the packet's own topic is at fault, so the code is a Protocol Error.
func (r *cursor) responseTopic(name string) string {
	b := r.view(name)
	if r.err != nil {
		return ""
	}
	if c, why := checkResponseTopic(b); why != "" {
		r.fail(c, name, why)
		return ""
	}
	return string(b)
}

func checkResponseTopic(b []byte) (Code, string) {
	if len(b) == 0 { // [MQTT-4.7.3-1]
		return ProtocolError, "empty"
	}
	c, why := checkTopic(b) // [MQTT-3.3.2-13]
	if c == TopicNameInvalid {
		c = ProtocolError // [MQTT-3.3.2-14]
	}
	return c, why
}
