package mqtt

import "encoding/binary"

// maxString is the longest string or binary datum that can be written.
const maxString = 65_535

// cut shortens what its two-byte length cannot express, so that a mistake of a
// caller never breaks the stream for the peer. Callers check with ValidString.
// A string is cut between characters.
func cut(s string) string {
	if len(s) <= maxString {
		return s
	}
	n := maxString
	for n > maxString-3 && s[n]&0xC0 == 0x80 {
		n--
	}
	return s[:n]
}

func appendUint16(b []byte, v uint16) []byte { return binary.BigEndian.AppendUint16(b, v) }

func appendString(b []byte, s string) []byte {
	s = cut(s)
	return append(appendUint16(b, uint16(len(s))), s...)
}

func appendBytes(b, s []byte) []byte {
	s = s[:min(len(s), maxString)]
	return append(appendUint16(b, uint16(len(s))), s...)
}

func stringSize(s string) int { return 2 + len(cut(s)) }

func bytesSize(s []byte) int { return 2 + min(len(s), maxString) }
