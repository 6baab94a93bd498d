package mqtt

import (
	"bytes"
	"encoding/binary"
	"strings"
	"unicode/utf8"
)

// Eight bytes are looked at together. While all are ASCII (no high bit), the
// sum of a byte and 0x7f has its high bit set exactly if the byte is not 0, and
// there is no carry into the neighbour.
const (
	highs  = 0x8080808080808080
	sevens = 0x7f7f7f7f7f7f7f7f
	pluses = 0x2b2b2b2b2b2b2b2b // '+'
	hashes = 0x2323232323232323 // '#'
)

// validString reports whether b is a UTF-8 Encoded String (section 1.5.4):
// shortest form, no surrogates [MQTT-1.5.4-1], no U+0000 [MQTT-1.5.4-2]. Other
// control characters and non-characters are let through, and a byte order mark
// is a character like others [MQTT-1.5.4-3].
func validString(b []byte) bool {
	i := 0
	for ; i+8 <= len(b); i += 8 {
		x := binary.LittleEndian.Uint64(b[i:])
		if (x|^(x+sevens))&highs != 0 {
			return validSlow(b[i:])
		}
	}
	for ; i < len(b); i++ {
		if b[i]-1 >= 0x7f { // NUL wraps to 255
			return validSlow(b[i:])
		}
	}
	return true
}

func validSlow(b []byte) bool { return bytes.IndexByte(b, 0) < 0 && utf8.Valid(b) }

// plainTopic reports whether b is ASCII without NUL, '+' and '#': what nearly
// every topic name is. Others are looked at again by checkTopic.
func plainTopic(b []byte) bool {
	i := 0
	for ; i+8 <= len(b); i += 8 {
		x := binary.LittleEndian.Uint64(b[i:])
		if (x|^(x+sevens)|^((x^pluses)+sevens)|^((x^hashes)+sevens))&highs != 0 {
			return false
		}
	}
	for ; i < len(b); i++ {
		if c := b[i]; c-1 >= 0x7f || c == '+' || c == '#' {
			return false
		}
	}
	return true
}

// checkTopic says what is wrong with the topic name b; "" if nothing is.
// An empty name is not looked at: PUBLISH may have one beside an alias.
func checkTopic(b []byte) (Code, string) {
	if plainTopic(b) {
		return Success, ""
	}
	if !validSlow(b) { // [MQTT-1.5.4-1] [MQTT-1.5.4-2] [MQTT-4.7.3-2]
		return MalformedPacket, "not UTF-8"
	}
	if bytes.IndexByte(b, '+') >= 0 || bytes.IndexByte(b, '#') >= 0 { // [MQTT-3.3.2-2] [MQTT-4.7.0-1]
		return TopicNameInvalid, "has a wildcard"
	}
	return Success, ""
}

// ValidString reports whether s can be written as a UTF-8 Encoded String: well
// formed, no U+0000, at most 65,535 bytes (section 1.5.4).
func ValidString(s string) bool {
	return len(s) <= maxString && strings.IndexByte(s, 0) < 0 && utf8.ValidString(s)
}

// ValidUTF8Payload reports whether b is what a Payload Format Indicator of 1
// promises: well-formed UTF-8 (section 3.3.2.3.2). U+0000 is allowed here; the
// payload is not a UTF-8 Encoded String.
func ValidUTF8Payload(b []byte) bool { return utf8.Valid(b) }
