package mqtt

// Append writes c behind b, in the version of c.
func (c *Connect) Append(b []byte) []byte {
	props := c.Properties.block(CONNECT)
	b = appendHeader(b, CONNECT, c.size(props))
	b = appendString(b, "MQTT") // [MQTT-3.1.2-1]
	level := byte(c.Version)
	if c.BridgeMode && c.Version == V311 {
		level |= bridgeBit
	}
	b = append(b, level, c.flags())
	b = appendUint16(b, c.KeepAlive)
	if c.Version == V5 {
		b = props.append(b)
	}
	b = appendString(b, c.ClientID)
	if c.Will != nil {
		b = c.Will.append(b, c.Version)
	}
	if c.HasUsername {
		b = appendString(b, c.Username)
	}
	if c.sendsPassword() {
		b = appendBytes(b, c.Password)
	}
	return b
}

// sendsPassword: 3.1.1 has no password without a user name [MQTT-3.1.2-22 of 3.1.1].
func (c *Connect) sendsPassword() bool { return c.HasPassword && (c.HasUsername || c.Version == V5) }

func (c *Connect) flags() (f byte) {
	if c.CleanStart {
		f |= flagCleanStart
	}
	if w := c.Will; w != nil {
		f |= flagWill | w.QoS&3<<willQoSShift
		if w.Retain {
			f |= flagWillRetain
		}
	}
	if c.HasUsername {
		f |= flagUsername
	}
	if c.sendsPassword() {
		f |= flagPassword
	}
	return f
}

// size is the number of bytes of the body.
func (c *Connect) size(props block) int {
	n := 2 + len("MQTT") + 1 + 1 + 2 + stringSize(c.ClientID)
	if c.Version == V5 {
		n += props.total()
	}
	if w := c.Will; w != nil {
		n += stringSize(w.Topic) + bytesSize(w.Payload)
		if c.Version == V5 {
			n += w.Properties.block(willProps).total()
		}
	}
	if c.HasUsername {
		n += stringSize(c.Username)
	}
	if c.sendsPassword() {
		n += bytesSize(c.Password)
	}
	return n
}

func (w *Will) append(b []byte, v Version) []byte {
	if v == V5 {
		b = w.Properties.block(willProps).append(b)
	}
	return appendBytes(appendString(b, w.Topic), w.Payload)
}
