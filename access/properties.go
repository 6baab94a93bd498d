package access

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"gridmq/identity"
)

const (
	maxProperties  = 256 << 10 // bytes of one resource's JSON
	maxDescription = 4096      // characters
	maxFaults      = 20        // of one document
)

// faults collects what is wrong with a resource, so that its author sees all of it.
type faults []error

func (f *faults) add(field, format string, args ...any) {
	*f = append(*f, &identity.FieldError{Field: field, Reason: fmt.Sprintf(format, args...)})
}

func (f faults) err() error { return errors.Join(f...) }

// name checks that of a resource. Source: spec/control-plane.md, section 4.11.
func (f *faults) name(s string) {
	if !validName(s) {
		f.add("name", "want 3 to 50 letters, digits and hyphens")
	}
}

func validName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return 3 <= len(s) && len(s) <= 50
}

// object reads the members of a JSON object, by name in lower case; names are read
// ignoring case, and one that is given twice is a fault.
// Source: spec/control-plane.md, section 2, rules 6 to 9.
func (f *faults) object(properties []byte) (members map[string]json.RawMessage) {
	members = map[string]json.RawMessage{}
	properties = bytes.TrimSpace(properties)
	switch {
	case len(properties) > maxProperties:
		f.add("", "longer than %d bytes", maxProperties)
		return members
	case !utf8.Valid(properties):
		f.add("", "not UTF-8")
		return members
	case len(properties) == 0 || string(properties) == "null":
		return members
	case properties[0] != '{' || !json.Valid(properties):
		f.add("", "want a JSON object")
		return members
	}
	d := json.NewDecoder(bytes.NewReader(properties))
	for _, err := d.Token(); err == nil && d.More(); { // the token is '{'
		var name json.Token
		var raw json.RawMessage
		if name, err = d.Token(); err == nil {
			err = d.Decode(&raw)
		}
		low := fold(fmt.Sprint(name))
		if _, twice := members[low]; twice && len(*f) < maxFaults {
			f.add(fmt.Sprintf("%.50s", name), "is given twice")
		}
		members[low] = raw
	}
	return members
}

// given says whether a member is there and not null.
func given(raw json.RawMessage) bool { return len(raw) > 0 && string(raw) != "null" }

// text reads a string of most characters at most.
func (f *faults) text(field string, raw json.RawMessage, most int) (s string) {
	switch {
	case !given(raw):
	case json.Unmarshal(raw, &s) != nil:
		f.add(field, "want a string")
	case utf8.RuneCountInString(s) > most:
		f.add(field, "longer than %d characters", most)
		return ""
	}
	return s
}

// texts reads a list of most strings at most.
func (f *faults) texts(field string, raw json.RawMessage, most int) (list []string) {
	var all []*string // a null among them is no string
	switch {
	case !given(raw):
		return nil
	case json.Unmarshal(raw, &all) != nil:
		f.add(field, "want a list of strings")
		return nil
	case len(all) > most:
		f.add(field, "want %d entries at most, not %d", most, len(all))
		return nil
	}
	for i, s := range all {
		if s == nil {
			f.add(fmt.Sprintf("%s[%d]", field, i), "want a string")
			return nil
		}
		list = append(list, *s)
	}
	return list
}

// encode writes properties as compact JSON, without the escapes for web pages.
func encode(properties any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(properties); err != nil {
		panic("access: " + err.Error()) // only strings of ours get here
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
