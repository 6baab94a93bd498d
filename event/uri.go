package event

// badReference says why s is not a URI reference; "" if it may be one. What a parser
// of RFC 3986 stumbles on is refused: spaces and the other characters that have to
// be percent-encoded, and percent signs without two hexadecimal digits. Characters
// beyond ASCII pass, as in the parsers of Go, Java and .NET.
func badReference(s string) string {
	for i := range len(s) {
		switch c := s[i]; c {
		case ' ', '"', '<', '>', '\\', '^', '`', '{', '|', '}':
			return "must be a URI reference: percent-encode spaces and the characters \"<>\\^`{|}, a space is %20"
		case '%':
			if i+2 >= len(s) || unhex(s[i+1]) < 0 || unhex(s[i+2]) < 0 {
				return "must be a URI reference: a percent sign is written %25"
			}
		}
	}
	return ""
}

// badURI says why s is not an absolute URI; "" if it may be one.
func badURI(s string) string {
	for i := range len(s) {
		c := s[i] | 0x20
		switch {
		case 'a' <= c && c <= 'z':
		case i > 0 && s[i] == ':':
			return badReference(s)
		case i > 0 && ('0' <= s[i] && s[i] <= '9' || s[i] == '+' || s[i] == '-' || s[i] == '.'):
		default:
			return "must be an absolute URI, such as https://example.com/schema"
		}
	}
	return "must be an absolute URI, such as https://example.com/schema"
}

// unhex is the value of a hexadecimal digit, -1 if c is none.
func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}
