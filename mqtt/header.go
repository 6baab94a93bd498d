package mqtt

import (
	"errors"
	"io"
)

// A Header is the fixed header of a packet (section 2.1).
type Header struct {
	Type      Type
	Flags     byte // the lower half of the first byte
	Remaining int  // bytes of the body
	Size      int  // bytes of the fixed header itself, 2 to 5
}

// Total is the number of bytes of the whole packet.
func (h Header) Total() int { return h.Size + h.Remaining }

var errVarint = errors.New("variable byte integer too long")

// ReadHeader reads the fixed header at the start of b. It refuses what the
// header alone can convict, so that no buffer is grown for it:
//
//   - too few bytes: io.ErrUnexpectedEOF, the caller reads on;
//   - type 0, reserved flags, a length of more bytes than it needs, a body
//     behind PINGREQ or PINGRESP: *Error with MalformedPacket;
//   - Total above max (0: no limit): *Error with PacketTooLarge.
//
// The header is set as far as it was read, also beside an error.
func ReadHeader(b []byte, max uint32) (Header, error) {
	if len(b) == 0 {
		return Header{}, io.ErrUnexpectedEOF
	}
	h := Header{Type: Type(b[0] >> 4), Flags: b[0] & 0xf}
	if h.Type == 0 { // section 2.1.2: reserved
		return h, &Error{Op: "read header", Code: MalformedPacket, Err: errors.New("packet type 0")}
	}
	if h.Type != PUBLISH && h.Flags != h.Type.flags() { // [MQTT-2.1.3-1]
		return h, refuse(h.Type, MalformedPacket, "reserved flags of the fixed header")
	}
	n, size, err := readVarint(b[1:])
	if err == io.ErrUnexpectedEOF {
		return h, err
	}
	if err != nil { // [MQTT-1.5.5-1]
		return h, refuse(h.Type, MalformedPacket, "remaining length: "+err.Error())
	}
	h.Remaining, h.Size = int(n), 1+size
	if max != 0 && uint64(h.Total()) > uint64(max) { // [MQTT-3.2.2-15]
		return h, refuse(h.Type, PacketTooLarge, "larger than we announced")
	}
	if n != 0 && (h.Type == PINGREQ || h.Type == PINGRESP) { // sections 3.12, 3.13: neither has a body
		return h, refuse(h.Type, MalformedPacket, "has a body")
	}
	return h, nil
}

// appendHeader writes the fixed header of a packet whose body has n bytes.
func appendHeader(b []byte, t Type, n int) []byte {
	if n > MaxRemaining {
		panic("mqtt: packet above 268,435,455 bytes cannot be written")
	}
	return appendVarint(append(b, t.first()), uint32(n))
}
