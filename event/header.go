package event

import (
	"strings"
	"unicode/utf8"
)

// unescapeHeader is the attribute that a header of binary mode has: quotes first,
// then one round of percent-decoding, then the bytes must be UTF-8 (section 3.1.3.2
// of the HTTP binding). bad says what is wrong, if something is.
func unescapeHeader(value string) (text, bad string) {
	value = unquoteHeader(strings.Trim(value, " \t"))
	if strings.IndexByte(value, '%') >= 0 {
		b := make([]byte, 0, len(value))
		for i := 0; i < len(value); i++ {
			if value[i] != '%' {
				b = append(b, value[i])
				continue
			}
			if i+2 >= len(value) || unhex(value[i+1]) < 0 || unhex(value[i+2]) < 0 {
				return "", "has a percent sign without two hexadecimal digits: write a percent sign as %25"
			}
			b = append(b, byte(unhex(value[i+1])<<4|unhex(value[i+2])))
			i += 2
		}
		value = string(b)
	}
	if !utf8.ValidString(value) {
		return "", "must be UTF-8 once it is percent-decoded"
	}
	return value, ""
}

// unquoteHeader takes the quotes and backslashes off a quoted-string (RFC 7230,
// section 3.2.6), which older senders write. Anything else is left as it is.
func unquoteHeader(value string) string {
	if len(value) < 2 || value[0] != '"' {
		return value
	}
	b := make([]byte, 0, len(value))
	for i := 1; i < len(value); i++ {
		switch c := value[i]; {
		case c == '"' && i == len(value)-1:
			return string(b)
		case c == '"':
			return value // it ends early: not one quoted string
		case c == '\\' && i+1 < len(value):
			i++
			b = append(b, value[i])
		default:
			b = append(b, c)
		}
	}
	return value // it does not end
}

// appendHeader appends s as a header of binary mode has it: in UTF-8, with all but
// printable ASCII, the space, the double quote and the percent sign encoded. What is
// appended cannot end the header.
func appendHeader[T ~string | ~[]byte](dst []byte, s T) []byte {
	const hex = "0123456789ABCDEF"
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || c == '"' || c == '%' {
			dst = append(dst, '%', hex[c>>4], hex[c&15])
		} else {
			dst = append(dst, c)
		}
	}
	return dst
}
