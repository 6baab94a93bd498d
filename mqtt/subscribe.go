package mqtt

import "strings"

// Subscription is one topic filter of a SUBSCRIBE with its options (section 3.8.3.1).
type Subscription struct {
	Filter            string
	QoS               byte // the highest the subscriber wants
	NoLocal           bool // 5.0: not the subscriber's own messages
	RetainAsPublished bool // 5.0: keep the RETAIN flag
	RetainHandling    byte // 5.0: 0 send retained messages, 1 only if new, 2 do not
}

// Subscribe is the SUBSCRIBE packet (section 3.8).
type Subscribe struct {
	PacketID      uint16
	Properties    Properties // 5.0
	Subscriptions []Subscription
}

// Bits of the Subscription Options.
const (
	optionQoS               = 3
	optionNoLocal           = 1 << 2
	optionRetainAsPublished = 1 << 3
	optionHandlingShift     = 4
	optionReserved          = 3 << 6
)

// ReadSubscribe reads the body of a SUBSCRIBE. Filters are checked to be UTF-8;
// whether they are filters is for topic.ValidFilter, since a bad one is answered
// in the SUBACK. Nothing aliases body.
func ReadSubscribe(v Version, body []byte) (*Subscribe, error) {
	r := cursor{b: body, t: SUBSCRIBE}
	s := &Subscribe{PacketID: r.packetID()}
	if v == V5 {
		s.Properties = r.properties(SUBSCRIBE)
	}
	if r.err == nil && len(r.b) == 0 { // [MQTT-3.8.3-2]
		r.fail(ProtocolError, "subscriptions", "none")
	}
	for len(r.b) > 0 {
		s.Subscriptions = append(s.Subscriptions, readSubscription(&r, v))
	}
	return s, r.end()
}

func readSubscription(r *cursor, v Version) Subscription {
	s := Subscription{Filter: r.string("topic filter")} // [MQTT-3.8.3-1]
	o := r.byte("subscription options")
	s.QoS = o & optionQoS
	if v != V5 {
		if o > 2 { // [MQTT-3.8.3-4 of 3.1.1]
			r.fail(MalformedPacket, "requested QoS", "above 2")
		}
		return s
	}
	s.NoLocal = o&optionNoLocal != 0
	s.RetainAsPublished = o&optionRetainAsPublished != 0
	s.RetainHandling = o >> optionHandlingShift & 3
	switch {
	case o&optionReserved != 0: // [MQTT-3.8.3-5]
		r.fail(MalformedPacket, "subscription options", "reserved bits")
	case s.QoS == 3: // section 3.8.3.1
		r.fail(ProtocolError, "subscription options", "QoS 3")
	case s.RetainHandling == 3: // section 3.8.3.1
		r.fail(ProtocolError, "subscription options", "retain handling 3")
	case s.NoLocal && strings.HasPrefix(s.Filter, "$share/"): // [MQTT-3.8.3-4]
		r.fail(ProtocolError, "subscription options", "no local on a shared subscription")
	}
	return s
}

// options is the Subscription Options byte.
func (s *Subscription) options(v Version) byte {
	o := s.QoS & optionQoS
	if v != V5 {
		return o
	}
	if s.NoLocal {
		o |= optionNoLocal
	}
	if s.RetainAsPublished {
		o |= optionRetainAsPublished
	}
	return o | s.RetainHandling&3<<optionHandlingShift
}

// Append writes s behind b.
func (s *Subscribe) Append(b []byte, v Version) []byte {
	n := 2
	for i := range s.Subscriptions {
		n += stringSize(s.Subscriptions[i].Filter) + 1
	}
	b = appendHeadProps(b, v, SUBSCRIBE, s.PacketID, &s.Properties, n)
	for i := range s.Subscriptions {
		b = append(appendString(b, s.Subscriptions[i].Filter), s.Subscriptions[i].options(v))
	}
	return b
}

// appendHeadProps writes what SUBSCRIBE, UNSUBSCRIBE and their answers begin
// with: fixed header, packet identifier, and in 5.0 the properties. n is the
// number of bytes of the body without its properties.
func appendHeadProps(b []byte, v Version, t Type, id uint16, p *Properties, n int) []byte {
	if v != V5 {
		return appendUint16(appendHeader(b, t, n), id)
	}
	props := p.block(t)
	b = appendUint16(appendHeader(b, t, n+props.total()), id)
	return props.append(b)
}
