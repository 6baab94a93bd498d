package rawjson

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// text steps over a string, whose opening quote is at the position, and returns it
// with its quotes.
func (r *Reader) text() ([]byte, error) {
	start := r.i
	for r.i++; r.i < len(r.b); {
		switch c := r.b[r.i]; {
		case c == '"':
			r.i++
			return r.b[start:r.i:r.i], nil
		case c == '\\':
			if err := r.escape(); err != nil {
				return nil, err
			}
		case c < ' ':
			return nil, r.fail("a control character in a string, which must be escaped,")
		default:
			r.i++
		}
	}
	return nil, r.fail("the JSON ends early")
}

// escape steps over an escape, and over both halves of a surrogate pair at once.
func (r *Reader) escape() error {
	rest := r.b[r.i:]
	if len(rest) < 2 {
		return r.fail("the JSON ends early")
	}
	if rest[1] != 'u' {
		if plainEscape(rest[1]) == 0 {
			return r.fail("unknown escape")
		}
		r.i += 2
		return nil
	}
	c, n := unicodeEscape(rest)
	switch {
	case n == 0:
		return r.fail(`want four hexadecimal digits after \u`)
	case c == utf8.RuneError && n < 0:
		return r.fail("half a surrogate pair")
	}
	r.i += n
	return nil
}

// plainEscape is the character that a backslash and c stand for, 0 if there is none.
func plainEscape(c byte) byte {
	switch c {
	case '"', '\\', '/':
		return c
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return 0
}

// unicodeEscape reads the escape at the beginning of b, or the two that make a
// pair. n is its length: 0 if it has no four digits, below 0 if it is half a pair.
func unicodeEscape(b []byte) (c rune, n int) {
	high, ok := hex4(b)
	if !ok {
		return utf8.RuneError, 0
	}
	if !utf16.IsSurrogate(high) {
		return high, 6
	}
	low, ok := hex4(b[6:])
	if !ok {
		return utf8.RuneError, -6
	}
	if c = utf16.DecodeRune(high, low); c == utf8.RuneError {
		return c, -6
	}
	return c, 12
}

// hex4 reads \uXXXX.
func hex4(b []byte) (c rune, ok bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	for _, d := range b[2:6] {
		switch {
		case '0' <= d && d <= '9':
			d -= '0'
		case 'a' <= d && d <= 'f':
			d -= 'a' - 10
		case 'A' <= d && d <= 'F':
			d -= 'A' - 10
		default:
			return 0, false
		}
		c = c<<4 | rune(d)
	}
	return c, true
}

// Plain returns what stands between the quotes of a string that was read, if that
// is its value: if it has no escape.
func Plain(quoted []byte) (inner []byte, ok bool) {
	inner = quoted[1 : len(quoted)-1]
	return inner, bytes.IndexByte(inner, '\\') < 0
}

// AppendUnquoted appends the value of a string that was read.
func AppendUnquoted(dst, quoted []byte) []byte {
	in := quoted[1 : len(quoted)-1]
	for {
		i := bytes.IndexByte(in, '\\')
		if i < 0 || i+1 >= len(in) {
			return append(dst, in...)
		}
		dst = append(dst, in[:i]...)
		in = in[i:]
		if in[1] != 'u' {
			dst = append(dst, plainEscape(in[1]))
			in = in[2:]
			continue
		}
		c, n := unicodeEscape(in)
		if n <= 0 { // not possible in a string that was read
			c, n = utf8.RuneError, 2
		}
		dst = utf8.AppendRune(dst, c)
		in = in[n:]
	}
}

// AppendQuoted appends s as a JSON string. Only what must be escaped is. What is
// not UTF-8 becomes U+FFFD, so that the result always is JSON.
func AppendQuoted[T ~string | ~[]byte](dst []byte, s T) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	done := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c < utf8.RuneSelf && c != '"' && c != '\\' {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			if n := runeLen(s[i:]); n > 0 {
				i += n
				continue
			}
		}
		dst = append(dst, s[done:i]...)
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, `\n`...)
		case c == '\r':
			dst = append(dst, `\r`...)
		case c == '\t':
			dst = append(dst, `\t`...)
		case c < ' ':
			dst = append(dst, `\u00`...)
			dst = append(dst, hex[c>>4], hex[c&15])
		default:
			dst = append(dst, "\ufffd"...)
		}
		i++
		done = i
	}
	dst = append(dst, s[done:]...)
	return append(dst, '"')
}

// runeLen is the length of the character at the beginning of s, 0 if there is none.
func runeLen[T ~string | ~[]byte](s T) int {
	var first [utf8.UTFMax]byte
	c, n := utf8.DecodeRune(first[:copy(first[:], s[:min(len(s), utf8.UTFMax)])])
	if c == utf8.RuneError && n <= 1 {
		return 0
	}
	return n
}
