package mqtt

import "io"

const (
	// MaxRemaining is the longest body a packet can have (section 2.1.4).
	MaxRemaining = 268_435_455
	// MaxPacketSize is the longest packet there can be, fixed header included.
	MaxPacketSize = MaxRemaining + 5
)

// readVarint reads a Variable Byte Integer (section 1.5.5) and tells how many
// bytes it took. Too few bytes is io.ErrUnexpectedEOF; more than four, or more
// than needed, is errVarint.
func readVarint(b []byte) (v uint32, n int, err error) {
	for n < 4 {
		if n == len(b) {
			return 0, 0, io.ErrUnexpectedEOF
		}
		c := b[n]
		v |= uint32(c&0x7f) << (7 * n)
		n++
		if c < 0x80 {
			if c == 0 && n > 1 { // [MQTT-1.5.5-1]
				return 0, 0, errVarint
			}
			return v, n, nil
		}
	}
	return 0, 0, errVarint
}

// appendVarint writes v. A v above MaxRemaining has no encoding: that is a
// broken invariant of ours, since no peer can make us hold one.
func appendVarint(b []byte, v uint32) []byte {
	switch {
	case v < 1<<7:
		return append(b, byte(v))
	case v < 1<<14:
		return append(b, byte(v)|0x80, byte(v>>7))
	case v < 1<<21:
		return append(b, byte(v)|0x80, byte(v>>7)|0x80, byte(v>>14))
	case v < 1<<28:
		return append(b, byte(v)|0x80, byte(v>>7)|0x80, byte(v>>14)|0x80, byte(v>>21))
	}
	panic("mqtt: number above 268,435,455 cannot be written")
}

// varintSize is the number of bytes that appendVarint writes.
func varintSize(v uint32) int {
	switch {
	case v < 1<<7:
		return 1
	case v < 1<<14:
		return 2
	case v < 1<<21:
		return 3
	}
	return 4
}
