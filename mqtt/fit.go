package mqtt

// A Reply is a packet that may explain itself with a Reason String and User
// Properties: CONNACK, the acknowledgements, SUBACK, UNSUBACK, DISCONNECT, AUTH.
type Reply interface {
	Append(b []byte, v Version) []byte
	// without is a copy with neither User Properties nor, unless keepReason,
	// the Reason String.
	without(keepReason bool) Reply
}

// AppendFit writes r behind b within max bytes (0: no limit), the Maximum
// Packet Size of the peer. Explanations that do not fit are left out, User
// Properties first. What is too long even then is not written at all [MQTT-3.1.2-24].
//
// [MQTT-3.2.2-19] [MQTT-3.2.2-20] [MQTT-3.4.2-2] [MQTT-3.4.2-3] [MQTT-3.5.2-2]
// [MQTT-3.5.2-3] [MQTT-3.6.2-2] [MQTT-3.6.2-3] [MQTT-3.7.2-2] [MQTT-3.7.2-3]
// [MQTT-3.9.2-1] [MQTT-3.9.2-2] [MQTT-3.11.2-1] [MQTT-3.11.2-2] [MQTT-3.14.2-3]
// [MQTT-3.14.2-4] [MQTT-3.15.2-2] [MQTT-3.15.2-3]
func AppendFit(b []byte, v Version, max uint32, r Reply) []byte {
	start := len(b)
	fits := func() bool { return max == 0 || uint64(len(b)-start) <= uint64(max) }
	if b = r.Append(b, v); fits() {
		return b
	}
	if b = r.without(true).Append(b[:start], v); fits() {
		return b
	}
	if b = r.without(false).Append(b[:start], v); fits() {
		return b
	}
	return b[:start]
}

// without is p with fewer explanations.
func (p Properties) without(keepReason bool) Properties {
	p.Clear(PropUserProperty)
	if !keepReason {
		p.Clear(PropReasonString)
	}
	return p
}

func (a *Ack) without(keepReason bool) Reply {
	c := *a
	c.UserProperties = nil
	if !keepReason {
		c.ReasonString = ""
	}
	return &c
}

func (c *Connack) without(keepReason bool) Reply {
	return &Connack{c.SessionPresent, c.Code, c.Properties.without(keepReason)}
}

func (s *Suback) without(keepReason bool) Reply {
	return &Suback{s.PacketID, s.Properties.without(keepReason), s.Codes}
}

func (u *Unsuback) without(keepReason bool) Reply {
	return &Unsuback{u.PacketID, u.Properties.without(keepReason), u.Codes}
}

func (d *Disconnect) without(keepReason bool) Reply {
	return &Disconnect{d.Code, d.Properties.without(keepReason)}
}

func (a *Auth) without(keepReason bool) Reply {
	return &Auth{a.Code, a.Properties.without(keepReason)}
}
