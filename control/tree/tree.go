// Package tree reads, changes and compares JSON as it comes from outside: bounded
// in size and depth, with each member once.
//
// A tree is what encoding/json makes of JSON, with numbers as written:
// map[string]any, []any, string, json.Number, bool, nil. Functions here never
// change a tree that they were given.
//
// Units: sizes are bytes, depth counts nested objects and lists.
// Errors: a *SyntaxError says what is wrong and where.
// Source: RFC 8259; RFC 7396 (merge patch); spec/control-plane.md, sections 2, 4.2.
package tree

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// MaxDepth is how deep Parse follows objects and lists in each other.
const MaxDepth = 32

// A SyntaxError says why bytes are not accepted as JSON.
type SyntaxError struct {
	Offset int64 // bytes read when it was found
	Reason string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("%s, at byte %d", e.Reason, e.Offset) }

// bom is what some editors put before UTF-8.
var bom = []byte("\xEF\xBB\xBF")

// Parse reads one JSON value. A member that occurs twice is refused rather than
// decided: two readers of one document must not see two documents.
func Parse(b []byte) (any, error) {
	b = bytes.TrimPrefix(b, bom)
	if !utf8.Valid(b) {
		return nil, &SyntaxError{Reason: "the body is not UTF-8"}
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	v, err := value(d, 0)
	if err != nil {
		return nil, explained(d, err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, &SyntaxError{d.InputOffset(), "want one JSON value, and something follows it"}
	}
	return v, nil
}

func explained(d *json.Decoder, err error) error {
	if e, ok := errors.AsType[*SyntaxError](err); ok {
		return e
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &SyntaxError{d.InputOffset(), "the JSON ends too early"}
	}
	return &SyntaxError{d.InputOffset(), "not JSON: " + strings.TrimPrefix(err.Error(), "json: ")}
}

func value(d *json.Decoder, depth int) (any, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	open, ok := t.(json.Delim)
	if !ok {
		return t, nil
	}
	if depth == MaxDepth {
		return nil, &SyntaxError{d.InputOffset(), fmt.Sprintf("more than %d objects and lists in each other", MaxDepth)}
	}
	if open == '{' {
		return object(d, depth)
	}
	return list(d, depth)
}

func object(d *json.Decoder, depth int) (any, error) {
	o := map[string]any{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		name, ok := t.(string)
		if !ok {
			return nil, &SyntaxError{d.InputOffset(), "want the name of a member"}
		}
		if _, twice := o[name]; twice {
			return nil, &SyntaxError{d.InputOffset(), fmt.Sprintf("member %q occurs twice", name)}
		}
		if o[name], err = value(d, depth+1); err != nil {
			return nil, err
		}
	}
	_, err := d.Token() // the closing one
	return o, err
}

func list(d *json.Decoder, depth int) (any, error) {
	l := []any{}
	for d.More() {
		v, err := value(d, depth+1)
		if err != nil {
			return nil, err
		}
		l = append(l, v)
	}
	_, err := d.Token()
	return l, err
}

// Encode writes a tree, members in the order of their names.
func Encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("tree: not a tree: " + err.Error())
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}
