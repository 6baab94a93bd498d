package event

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// forbidden says whether CloudEvents 1.0, section 3.1, keeps c out of strings:
// control characters and what Unicode calls noncharacters.
func forbidden(c rune) bool {
	return c < 0x20 || 0x7f <= c && c <= 0x9f || 0xfdd0 <= c && c <= 0xfdef || c&0xfffe == 0xfffe
}

// badText says what is wrong with s as a string of CloudEvents; "" if nothing is.
func badText(s string) string {
	for i := 0; i < len(s); {
		if c := s[i]; c >= 0x20 && c < 0x7f {
			i++
			continue
		}
		c, n := utf8.DecodeRuneInString(s[i:])
		if c == utf8.RuneError && n == 1 {
			return "must be valid UTF-8"
		}
		if forbidden(c) {
			return fmt.Sprintf("must not contain the character U+%04X: CloudEvents allows no control characters and no noncharacters", c)
		}
		i += n
	}
	return ""
}

// CleanText is s with U+FFFD for each character that CloudEvents does not allow in
// an attribute. MQTT allows some of them in topics and user properties, and a routed
// message must not be lost for one. What is clean already is not copied.
func CleanText(s string) string {
	if badText(s) == "" {
		return s
	}
	return strings.Map(func(c rune) rune {
		if forbidden(c) {
			return utf8.RuneError
		}
		return c // RuneError already for a byte that is not UTF-8
	}, s)
}
