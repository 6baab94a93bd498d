package event

import (
	"encoding/base64"
	"math"
	"strconv"
	"unicode/utf8"

	"gridmq/event/rawjson"
)

const twice = "is there twice"

// Read reads one event in the JSON format (structured mode). The event is valid.
// Attributes that are null are as absent (section 5.2). Data that is JSON aliases
// body, byte for byte as it stands there; members that occur twice inside it are the
// publisher's own matter.
func Read(body []byte, limits Limits) (Event, error) {
	limits = limits.withDefaults()
	if err := limits.checkRequest(len(body)); err != nil {
		return Event{}, err
	}
	if err := checkUTF8(body); err != nil {
		return Event{}, err
	}
	r := reading{Reader: rawjson.NewReader(body), limits: limits}
	if r.Peek() == '[' {
		return Event{}, invalid("", "the body is an array: send a batch as application/cloudevents-batch+json")
	}
	e, err := r.event()
	if err != nil {
		return Event{}, err
	}
	if err := r.End(); err != nil {
		return Event{}, malformed(err)
	}
	return e, nil
}

func malformed(err error) error { return invalid("", "the body is not JSON: "+err.Error()) }

func checkUTF8(body []byte) error {
	if !utf8.Valid(body) {
		return invalid("", "the body is not valid UTF-8")
	}
	return nil
}

// reading is the state while events are read from one body.
type reading struct {
	rawjson.Reader
	limits  Limits
	scratch []byte // for strings with escapes
}

// seen says which members an event had, since null ones leave no trace in it.
type seen struct {
	standard  uint16   // bit i: members[i]
	null      []string // extensions that were null
	version   bool
	data, b64 bool // not null
}

// members are those that are no extensions.
var members = [...]string{"specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema", "data", "data_base64"}

// event reads the object that begins at the position.
func (r *reading) event() (e Event, err error) {
	if c := r.Peek(); c != '{' {
		if c == 0 {
			return e, malformed(&rawjson.Error{Offset: r.Offset(), Reason: "the JSON ends early"})
		}
		return e, invalid("", "an event must be a JSON object")
	}
	start := r.Offset()
	_ = r.Open('{') // it is there
	var was seen
	for first := true; ; first = false {
		more, err := r.More('}', first)
		if err != nil {
			return e, malformed(err)
		}
		if !more {
			break
		}
		if err := r.member(&e, &was); err != nil {
			return e, err
		}
	}
	if err := r.limits.checkEvent(r.Offset() - start); err != nil {
		return e, err
	}
	if !was.version {
		return e, invalid("specversion", badVersion)
	}
	return e, e.checkAttributes()
}

const badVersion = `must be the string "1.0"`

func (r *reading) member(e *Event, was *seen) error {
	quoted, err := r.Name()
	if err != nil {
		return malformed(err)
	}
	name, place := r.name(quoted)
	if err := was.note(e, name, place); err != nil {
		return err
	}
	value, err := r.Value(rawjson.MaxDepth)
	switch {
	case err != nil:
		return invalid(name, "is not valid JSON: "+err.Error())
	case value[0] == 'n':
		if place < 0 {
			was.null = append(was.null, name)
		}
		return r.tooMany(e, was)
	case name == "data" || name == "data_base64":
		return r.data(e, was, name, value)
	case place >= 0:
		return r.attribute(e, was, name, value)
	}
	v, err := r.extension(name, value)
	if err != nil {
		return err
	}
	if e.Extensions == nil {
		e.Extensions = make([]Extension, 0, 4)
	}
	e.Extensions = append(e.Extensions, Extension{name, v})
	return r.tooMany(e, was)
}

func (r *reading) tooMany(e *Event, was *seen) error {
	if n := len(e.Extensions) + len(was.null); n > r.limits.Extensions {
		return tooMany(r.limits)
	}
	return nil
}

// note refuses a name that is no attribute's, or that came before. place is its place
// in members.
func (was *seen) note(e *Event, name string, place int) error {
	if place >= 0 {
		if was.standard&(1<<place) != 0 {
			return invalid(name, twice)
		}
		was.standard |= 1 << place
		return nil
	}
	if err := checkName(name); err != nil {
		return err
	}
	if _, there := e.Extension(name); there {
		return invalid(name, twice)
	}
	for _, n := range was.null {
		if n == name {
			return invalid(name, twice)
		}
	}
	return nil
}

// attribute reads one of CloudEvents' own, all of which are strings.
func (r *reading) attribute(e *Event, was *seen, name string, value []byte) error {
	if name == "specversion" {
		if value[0] != '"' || r.string(value) != SpecVersion {
			return invalid(name, badVersion)
		}
		was.version = true
		return nil
	}
	if value[0] != '"' || len(value) == 2 {
		return invalid(name, nonEmpty)
	}
	s := r.string(value)
	if name == "time" {
		t, err := ParseTimestamp(s)
		e.Time = t
		return err
	}
	*e.standard(name) = s
	return nil
}

func (r *reading) data(e *Event, was *seen, name string, value []byte) error {
	if was.data || was.b64 {
		return invalid(name, "and the other of `data` and `data_base64` are both there: send one of them")
	}
	if name == "data" {
		was.data = true
		e.DataKind, e.Data = JSON, value
		return nil
	}
	was.b64 = true
	data, ok := r.base64(value)
	if !ok {
		return invalid(name, "must be a string in base64 (RFC 4648, section 4, with padding)")
	}
	e.DataKind, e.Data = Bytes, data
	return nil
}

// strict refuses padding bits that say something. It still skips line breaks.
var strict = base64.StdEncoding.Strict()

func (r *reading) base64(value []byte) ([]byte, bool) {
	if value[0] != '"' {
		return nil, false
	}
	text, plain := rawjson.Plain(value)
	if !plain { // \/ is usual for some writers
		r.scratch = rawjson.AppendUnquoted(r.scratch[:0], value)
		text = r.scratch
	}
	for _, c := range text {
		if c == '\r' || c == '\n' {
			return nil, false
		}
	}
	data, err := strict.AppendDecode(make([]byte, 0, len(text)/4*3), text)
	return data, err == nil
}

// extension reads a string, boolean or integer (section 5.1).
func (r *reading) extension(name string, value []byte) (Value, error) {
	switch value[0] {
	case '"':
		return String(r.string(value)), nil
	case 't':
		return Boolean(true), nil
	case 'f':
		return Boolean(false), nil
	case '{', '[':
		return Value{}, invalid(name, "must be a string, boolean or integer: put objects and arrays into data")
	}
	n, err := strconv.ParseInt(string(value), 10, 64)
	if err != nil || n < math.MinInt32 || n > math.MaxInt32 {
		return Value{}, invalid(name, "must be an integer of 32 bits without fraction and exponent: send other numbers as a string")
	}
	return Integer(n), nil
}

// name is the value of a name that was read, for the usual ones without a copy, and
// its place in members, -1 if it is an extension's.
func (r *reading) name(quoted []byte) (string, int) {
	inner, plain := rawjson.Plain(quoted)
	if !plain {
		r.scratch = rawjson.AppendUnquoted(r.scratch[:0], quoted)
		inner = r.scratch
	}
	for i, m := range members {
		if len(inner) == len(m) && string(inner) == m {
			return m, i
		}
	}
	return string(inner), -1
}

// string is the value of a string that was read.
func (r *reading) string(quoted []byte) string {
	if inner, plain := rawjson.Plain(quoted); plain {
		return string(inner)
	}
	r.scratch = rawjson.AppendUnquoted(r.scratch[:0], quoted)
	return string(r.scratch)
}
