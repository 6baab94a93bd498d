package rawjson

import "unicode/utf8"

// MaxDepth is how many objects and arrays may stand in each other in the data of
// an event. System.Text.Json, behind the .NET clients, gives up beyond 64 levels,
// and the answer of a receive puts four around the data: {"value":[{"event":{.
const MaxDepth = 60

// A Reader walks over one JSON text. Its methods expect what they are named after
// to begin at the current position, apart from white space before it. After an
// error the position is where it was found.
type Reader struct {
	b []byte
	i int
}

// NewReader reads b, which must be valid UTF-8; see [Check].
func NewReader(b []byte) Reader { return Reader{b: b} }

// Check says whether b is one JSON value that obeys the rules, in UTF-8, with at
// most depth levels.
func Check(b []byte, depth int) error {
	if !utf8.Valid(b) {
		return &Error{firstInvalid(b), "not valid UTF-8"}
	}
	r := NewReader(b)
	if _, err := r.Value(depth); err != nil {
		return err
	}
	return r.End()
}

func firstInvalid(b []byte) int {
	for i := 0; i < len(b); {
		c, n := utf8.DecodeRune(b[i:])
		if c == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return len(b)
}

// Offset is the position, in bytes from the beginning.
func (r *Reader) Offset() int { return r.i }

// Peek is the first byte of what comes next: one of `{["tfn-0123456789` if that is
// a value. 0 at the end of the text.
func (r *Reader) Peek() byte {
	r.space()
	if r.i == len(r.b) {
		return 0
	}
	return r.b[r.i]
}

// End refuses anything but white space in the rest.
func (r *Reader) End() error {
	if r.Peek() != 0 || r.i < len(r.b) {
		return r.fail("something follows the JSON value")
	}
	return nil
}

// Open steps into an array (opening is '[') or object ('{').
func (r *Reader) Open(opening byte) error {
	if r.Peek() != opening {
		return r.unexpected()
	}
	r.i++
	return nil
}

// More says whether another element or member follows, and steps over the comma
// before it, or over closing. first: none has been read yet.
func (r *Reader) More(closing byte, first bool) (bool, error) {
	switch c := r.Peek(); {
	case c == closing && c != 0:
		r.i++
		return false, nil
	case first && c != 0:
		return true, nil
	case c == ',':
		r.i++
		if r.Peek() == closing {
			return false, r.fail("a comma with nothing behind it")
		}
		return true, nil
	}
	return false, r.unexpected()
}

// Name steps over the name of a member and the colon. The result is the string as
// it stands, with its quotes.
func (r *Reader) Name() ([]byte, error) {
	if r.Peek() != '"' {
		return nil, r.fail("want the name of a member in double quotes")
	}
	name, err := r.text()
	if err != nil {
		return nil, err
	}
	if r.Peek() != ':' {
		return nil, r.fail("want a colon after the name of a member")
	}
	r.i++
	return name, nil
}

// Value steps over one value with at most depth levels and returns its bytes,
// which alias the text.
func (r *Reader) Value(depth int) ([]byte, error) {
	first := r.Peek()
	start := r.i
	var err error
	switch first {
	case '{':
		err = r.object(depth)
	case '[':
		err = r.array(depth)
	case '"':
		_, err = r.text()
	case 't':
		err = r.word("true")
	case 'f':
		err = r.word("false")
	case 'n':
		err = r.word("null")
	default:
		err = r.number()
	}
	if err != nil {
		return nil, err
	}
	return r.b[start:r.i:r.i], nil
}

func (r *Reader) object(depth int) error {
	if depth <= 0 {
		return r.fail("nested too deeply")
	}
	r.i++
	for first := true; ; first = false {
		more, err := r.More('}', first)
		if err != nil || !more {
			return err
		}
		if _, err := r.Name(); err != nil {
			return err
		}
		if _, err := r.Value(depth - 1); err != nil {
			return err
		}
	}
}

func (r *Reader) array(depth int) error {
	if depth <= 0 {
		return r.fail("nested too deeply")
	}
	r.i++
	for first := true; ; first = false {
		more, err := r.More(']', first)
		if err != nil || !more {
			return err
		}
		if _, err := r.Value(depth - 1); err != nil {
			return err
		}
	}
}

func (r *Reader) word(want string) error {
	for k := range len(want) {
		if r.i+k == len(r.b) || r.b[r.i+k] != want[k] {
			r.i += k
			return r.unexpected()
		}
	}
	r.i += len(want)
	return nil
}

// number follows the grammar of RFC 8259, section 6: no leading zeros, no plus, no
// bare point.
func (r *Reader) number() error {
	if r.at('-') {
		r.i++
	}
	switch {
	case r.at('0'):
		r.i++
	case !r.digits():
		return r.unexpected()
	}
	if r.at('.') {
		r.i++
		if !r.digits() {
			return r.unexpected()
		}
	}
	if r.at('e') || r.at('E') {
		r.i++
		if r.at('+') || r.at('-') {
			r.i++
		}
		if !r.digits() {
			return r.unexpected()
		}
	}
	return nil
}

func (r *Reader) at(c byte) bool { return r.i < len(r.b) && r.b[r.i] == c }

// digits steps over digits, and says whether there was one.
func (r *Reader) digits() bool {
	start := r.i
	for r.i < len(r.b) && '0' <= r.b[r.i] && r.b[r.i] <= '9' {
		r.i++
	}
	return r.i > start
}

func (r *Reader) space() {
	for r.i < len(r.b) {
		switch r.b[r.i] {
		case ' ', '\t', '\r', '\n':
			r.i++
		default:
			return
		}
	}
}

func (r *Reader) fail(reason string) error { return &Error{r.i, reason} }

func (r *Reader) unexpected() error {
	if r.i >= len(r.b) {
		return r.fail("the JSON ends early")
	}
	if r.i == 0 && len(r.b) >= 3 && string(r.b[:3]) == "\ufeff" {
		return r.fail("a byte order mark, which JSON must not have,")
	}
	return r.fail("unexpected character")
}
