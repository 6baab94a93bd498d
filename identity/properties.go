package identity

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	// maxProperties bounds the JSON of one resource, in bytes.
	maxProperties = 1 << 20
	// maxFaults bounds how many errors one document can cause.
	maxFaults = 100
)

// Properties reads the JSON object "properties" of a resource as Resource Manager
// does: member names ignoring (ASCII) case, unknown ones ignored, null as not
// given. Faults are collected, so that somebody who writes a template sees all of
// them at once; Err gives them. Source: spec/control-plane.md, section 2.
type Properties struct {
	path    string                     // of the object below properties, with a '.' at its end
	members map[string]json.RawMessage // by name in lower case
	faults  *[]error
}

// ReadProperties reads doc. No bytes are an empty object.
func ReadProperties(doc []byte) *Properties {
	p := &Properties{faults: new([]error)}
	switch {
	case len(doc) > maxProperties:
		p.failAt("", fmt.Sprintf("longer than %d bytes", maxProperties))
	case !utf8.Valid(doc):
		p.failAt("", "not UTF-8")
	default:
		p.read(doc)
	}
	return p
}

func (p *Properties) read(doc []byte) {
	p.members = map[string]json.RawMessage{}
	err := eachMember(doc, func(name string, raw json.RawMessage) {
		low := lower(name)
		if _, twice := p.members[low]; twice {
			p.Fail(clip(name), "is given twice")
		}
		p.members[low] = raw
	})
	if err != nil {
		p.failAt(strings.TrimSuffix(p.path, "."), "want a JSON object: "+err.Error())
	}
}

// Raw returns the JSON of a member that is given and not null.
func (p *Properties) Raw(name string) (raw json.RawMessage, given bool) {
	raw, given = p.members[lower(name)]
	return raw, given && raw[0] != 'n'
}

// Text returns a string of most runes at most; "" is a string too.
func (p *Properties) Text(name string, most int) (s string, given bool) {
	if given = p.read1(name, &s, "want a string"); given && utf8.RuneCountInString(s) > most {
		p.Fail(name, fmt.Sprintf("want %d characters at most", most))
		return "", false
	}
	return s, given
}

// Texts returns an array of strings, most at most.
func (p *Properties) Texts(name string, most int) (list []string, given bool) {
	var read []*string // a null in it would read as ""
	given = p.read1(name, &read, "want an array of strings")
	switch {
	case !given: // read may hold what came before the fault
		return nil, false
	case slices.Contains(read, nil):
		p.Fail(name, "want an array of strings")
		return nil, false
	case len(read) > most:
		p.Fail(name, fmt.Sprintf("has %d entries, want %d at most", len(read), most))
		return nil, false
	}
	for _, s := range read {
		list = append(list, *s)
	}
	return list, given
}

// Boolean returns a truth value.
func (p *Properties) Boolean(name string) (b, given bool) {
	given = p.read1(name, &b, "want true or false")
	return b, given
}

// Integer returns an integer from low to high.
func (p *Properties) Integer(name string, low, high int64) (n int64, given bool) {
	raw, given := p.Raw(name)
	if !given {
		return 0, false
	}
	n, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil || n < low || n > high {
		p.Fail(name, fmt.Sprintf("want an integer from %d to %d", low, high))
		return 0, false
	}
	return n, true
}

// Enum returns the position among values of a string that is one of them, ignoring
// case.
func (p *Properties) Enum(name string, values ...string) (at int, given bool) {
	s, given := "", false
	if given = p.read1(name, &s, "want a string"); !given {
		return 0, false
	}
	at = slices.IndexFunc(values, func(v string) bool { return lower(v) == lower(s) })
	if at < 0 {
		p.Fail(name, "want "+strings.Join(values, " or "))
		return 0, false
	}
	return at, true
}

// Object returns the members of an object. They are none when it is not given.
func (p *Properties) Object(name string) (o *Properties, given bool) {
	o = &Properties{path: p.path + name + ".", faults: p.faults}
	raw, given := p.Raw(name)
	if given {
		o.read(raw)
	}
	return o, given
}

// Objects returns an array of objects, most at most.
func (p *Properties) Objects(name string, most int) (list []*Properties, given bool) {
	var read []json.RawMessage
	given = p.read1(name, &read, "want an array of objects")
	if len(read) > most {
		p.Fail(name, fmt.Sprintf("has %d entries, want %d at most", len(read), most))
		return nil, false
	}
	for i, raw := range read {
		o := &Properties{path: fmt.Sprintf("%s%s[%d].", p.path, name, i), faults: p.faults}
		o.read(raw)
		list = append(list, o)
	}
	return list, given
}

// Only fails for members of other names. It is for objects that are ours alone: whoever
// spells a name wrong there would be told of success and get nothing.
func (p *Properties) Only(names ...string) {
	for _, name := range slices.Sorted(maps.Keys(p.members)) {
		if !slices.ContainsFunc(names, func(n string) bool { return lower(n) == name }) {
			p.Fail(clip(name), "is not known; want "+strings.Join(names, ", "))
		}
	}
}

// Fail adds a fault of a member.
func (p *Properties) Fail(name, reason string) { p.failAt(p.path+name, reason) }

func (p *Properties) failAt(field, reason string) { p.fault(&FieldError{field, reason}) }

// Join adds the faults of err, which may be nil.
func (p *Properties) Join(err error) {
	if err != nil {
		p.fault(err)
	}
}

func (p *Properties) fault(err error) {
	if len(*p.faults) < maxFaults {
		*p.faults = append(*p.faults, err)
	}
}

// Err is nil, or a joined *FieldError for each fault.
func (p *Properties) Err() error { return errors.Join(*p.faults...) }

// read1 reads one member into what to points to.
func (p *Properties) read1(name string, to any, want string) (given bool) {
	raw, given := p.Raw(name)
	if given && json.Unmarshal(raw, to) != nil {
		p.Fail(name, want)
		return false
	}
	return given
}

// eachMember shows the members of the JSON object doc in turn, also those that
// appear twice; raw is without white space around it. No bytes and null have none.
func eachMember(doc []byte, show func(name string, raw json.RawMessage)) error {
	doc = bytes.TrimSpace(doc)
	if len(doc) == 0 || string(doc) == "null" {
		return nil
	}
	if !json.Valid(doc) || doc[0] != '{' {
		return errors.New("this is none")
	}
	d := json.NewDecoder(bytes.NewReader(doc))
	if _, err := d.Token(); err != nil {
		return err
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return err
		}
		show(name.(string), raw)
	}
	return nil
}

// lower puts the ASCII letters of s into lower case. Member names and enum values
// are ASCII; nothing else is equal to them.
func lower(s string) string {
	for i := range len(s) {
		if 'A' <= s[i] && s[i] <= 'Z' {
			b := []byte(s)
			for ; i < len(b); i++ {
				if 'A' <= b[i] && b[i] <= 'Z' {
					b[i] += 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return s
}

// clip shortens what somebody sent, for an error.
func clip(s string) string {
	const most = 64
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "..."
	}
	return s
}
