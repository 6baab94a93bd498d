package mqtt

import "errors"

// ReadConnect reads the body of a CONNECT. What it returns is never nil: beside
// an error it holds what was read before. An unknown protocol is refused with
// UnsupportedProtocolVersion; a 3.1.1 client that wants a session without
// giving it a name, with ClientIdentifierNotValid; a will topic that is no
// topic name, with TopicNameInvalid. Nothing aliases body.
func ReadConnect(body []byte) (*Connect, error) {
	c := new(Connect)
	r := cursor{b: body, t: CONNECT}
	if err := c.readProtocol(&r); err != nil {
		return c, err
	}
	flags := r.byte("connect flags")
	if why := c.checkFlags(flags); why != "" {
		r.fail(MalformedPacket, "connect flags", why)
	}
	c.CleanStart = flags&flagCleanStart != 0
	c.KeepAlive = r.uint16("keep alive")
	if c.Version == V5 {
		c.Properties = r.properties(CONNECT)
		if c.Properties.Has(PropAuthenticationData) && !c.Properties.Has(PropAuthenticationMethod) { // section 3.1.2.11.10
			r.fail(ProtocolError, "authentication data", "without a method")
		}
	}
	c.readPayload(&r, flags)
	if err := r.end(); err != nil {
		return c, err
	}
	if c.Version == V311 && c.ClientID == "" && !c.CleanStart { // [MQTT-3.1.3-7, -8 of 3.1.1]
		return c, refuse(CONNECT, ClientIdentifierNotValid, "client identifier: empty, with a session to keep")
	}
	return c, nil
}

// readProtocol reads the name and the level. The level is read before the name
// is judged, so that the caller can answer in the right dialect.
func (c *Connect) readProtocol(r *cursor) error {
	name := r.view("protocol name")
	level := r.byte("protocol level")
	if r.err != nil {
		return r.err
	}
	c.Version = Version(level)
	if level == bridgeBit|3 || level == bridgeBit|4 {
		c.Version, c.BridgeMode = Version(level&^bridgeBit), true
	}
	if string(name) != "MQTT" { // [MQTT-3.1.2-1]
		return &Error{Op: "read CONNECT", Code: UnsupportedProtocolVersion, Err: errors.New("protocol name is not MQTT")}
	}
	if c.Version != V311 && c.Version != V5 { // [MQTT-3.1.2-2]
		return &Error{Op: "read CONNECT", Code: UnsupportedProtocolVersion, Err: errors.New("protocol " + c.Version.String())}
	}
	return nil
}

// checkFlags says what is wrong with the Connect Flags; "" if nothing is.
func (c *Connect) checkFlags(flags byte) string {
	qos := flags >> willQoSShift & 3
	switch {
	case flags&flagReserved != 0: // [MQTT-3.1.2-3]
		return "reserved bit"
	case flags&flagWill == 0 && qos != 0: // [MQTT-3.1.2-11]
		return "QoS without a will"
	case flags&flagWill == 0 && flags&flagWillRetain != 0: // [MQTT-3.1.2-13]
		return "retain without a will"
	case qos == 3: // [MQTT-3.1.2-12]
		return "will QoS 3"
	case c.Version == V311 && flags&flagPassword != 0 && flags&flagUsername == 0: // [MQTT-3.1.2-22 of 3.1.1]
		return "password without a user name"
	}
	return ""
}

// readPayload reads the fields the flags announce, in their order [MQTT-3.1.3-1].
// A field that was not announced is left over and refused by cursor.end
// [MQTT-3.1.2-16] [MQTT-3.1.2-18]; one that is missing is too short
// [MQTT-3.1.2-9] [MQTT-3.1.2-17] [MQTT-3.1.2-19].
func (c *Connect) readPayload(r *cursor, flags byte) {
	c.ClientID = r.string("client identifier") // [MQTT-3.1.3-3] [MQTT-3.1.3-4]
	if r.err == nil && flags&flagWill != 0 {
		c.Will = readWill(r, c.Version, flags)
	}
	if flags&flagUsername != 0 {
		c.Username = r.string("user name") // [MQTT-3.1.3-12]
		c.HasUsername = r.err == nil
	}
	if flags&flagPassword != 0 {
		c.Password = r.bytes("password")
		c.HasPassword = r.err == nil
	}
}

func readWill(r *cursor, v Version, flags byte) *Will {
	w := &Will{QoS: flags >> willQoSShift & 3, Retain: flags&flagWillRetain != 0}
	if v == V5 {
		w.Properties = r.properties(willProps)
	}
	w.Topic = r.topic("will topic") // [MQTT-3.1.3-11]
	w.Payload = r.bytes("will payload")
	return w
}
