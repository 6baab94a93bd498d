package mqtt

// AppendPingreq writes a PINGREQ (section 3.12). There is nothing to read in
// one: ReadHeader has seen that it has no body.
func AppendPingreq(b []byte) []byte { return append(b, byte(PINGREQ)<<4, 0) }

// AppendPingresp writes a PINGRESP (section 3.13).
func AppendPingresp(b []byte) []byte { return append(b, byte(PINGRESP)<<4, 0) }
