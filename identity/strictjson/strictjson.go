// Package strictjson reads JSON that somebody else wrote, in one way only: what
// two readers could understand differently is refused.
//
// Refused are duplicate members at any depth, invalid UTF-8, nesting beyond a
// bound, and anything after the value. encoding/json lets all four pass. The size
// is the caller's to bound: time and memory are linear in it.
//
// Source: RFC 8259, section 4 (names SHOULD be unique); RFC 7515, section 4, and
// RFC 7519, section 4 (in tokens they MUST be).
package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Rules say how strict. The zero value allows 16 levels.
type Rules struct {
	// Depth is how many objects and arrays may stand in each other. Default 16.
	Depth int
	// FoldNames takes names that differ only in case for duplicates: for what is
	// read into structs, where encoding/json ignores case.
	FoldNames bool
}

// Check says whether data is one JSON value that obeys the rules.
func (r Rules) Check(data []byte) error {
	if !utf8.Valid(data) {
		return errors.New("not valid UTF-8")
	}
	if r.Depth == 0 {
		r.Depth = 16
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := r.value(d, r.Depth); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("something follows the JSON value")
	}
	return nil
}

// value reads one value, in which left levels may be opened.
func (r Rules) value(d *json.Decoder, left int) error {
	t, err := d.Token()
	if err != nil {
		return syntax(err)
	}
	open, ok := t.(json.Delim)
	if !ok {
		return nil
	}
	if left == 0 {
		return errors.New("nested too deeply")
	}
	if open == '{' {
		return r.members(d, left-1)
	}
	for d.More() {
		if err := r.value(d, left-1); err != nil {
			return err
		}
	}
	_, err = d.Token() // the ]
	return syntax(err)
}

// members reads an object whose { has been read.
func (r Rules) members(d *json.Decoder, left int) error {
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return syntax(err)
		}
		name, _ := t.(string) // the decoder has made sure of it
		if r.FoldNames {
			name = strings.ToLower(name)
		}
		if seen[name] {
			return fmt.Errorf("member %.40q is there twice", name)
		}
		seen[name] = true
		if err := r.value(d, left); err != nil {
			return err
		}
	}
	_, err := d.Token() // the }
	return syntax(err)
}

// syntax is err, with an early end told as what it is.
func syntax(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return errors.New("the JSON ends early")
	}
	return err
}

// Object reads an object that obeys the rules into its members, undecoded.
func (r Rules) Object(data []byte) (map[string]json.RawMessage, error) {
	if err := r.Check(data); err != nil {
		return nil, err
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil || members == nil {
		return nil, errors.New("not a JSON object")
	}
	return members, nil
}

// Unknown returns the path of a member of the object doc, at any depth, that known
// does not name, or "". Paths are joined with '.', arrays add nothing to them, and
// case is ignored: for settings, where a slip of the pen must not go unnoticed.
// doc must have passed Check.
func Unknown(doc []byte, known ...string) string {
	names := map[string]bool{}
	for _, n := range known {
		names[strings.ToLower(n)] = true
	}
	return unknown(doc, "", names)
}

func unknown(doc []byte, path string, known map[string]bool) string {
	var members map[string]json.RawMessage
	if json.Unmarshal(doc, &members) == nil {
		for name, raw := range members {
			if !known[strings.ToLower(path+name)] {
				return path + name
			}
			if u := unknown(raw, path+name+".", known); u != "" {
				return u
			}
		}
		return ""
	}
	var entries []json.RawMessage
	if json.Unmarshal(doc, &entries) == nil {
		for _, raw := range entries {
			if u := unknown(raw, path, known); u != "" {
				return u
			}
		}
	}
	return ""
}
