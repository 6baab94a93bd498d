package topic

import (
	"errors"
	"strings"
	"unicode/utf8"
)

// A Template is a topic filter in which variables may stand for a level, or for a
// part of one, as "machines/${client.authenticationName|.factory1}/temp". It does
// not change. Source: spec/access-control.md, section 3.
//
// A template never matches a name that begins with '$', not even when a variable
// stands at its beginning: system topics are not given away by chance. One that begins
// with $SYS/ itself is about those.
type Template struct {
	text      string
	levels    []templateLevel
	variables []Variable // each once, in the order of their first use
}

// A templateLevel is '+', '#', one literal piece, or several pieces of which one or
// more are variables.
type templateLevel []templatePiece

// A templatePiece is literal text, or the variable at a position of a list.
type templatePiece struct {
	text     string
	variable int // literal: -1
}

const literal = -1

// A Variable is the key of a client attribute, or [AuthenticationName].
type Variable string

// AuthenticationName is the variable ${client.authenticationName}. An attribute's
// key is never empty.
const AuthenticationName Variable = ""

const (
	nameVariable    = "client.authenticationName"
	attributePrefix = "client.attributes."
)

// String is the variable as a template spells it.
func (v Variable) String() string {
	if v == AuthenticationName {
		return "${" + nameVariable + "}"
	}
	return "${" + attributePrefix + string(v) + "}"
}

// String is the template as it was given to [ParseTemplate].
func (t *Template) String() string { return t.text }

// Variables are those of the template, each once. The slice must not be changed.
func (t *Template) Variables() []Variable { return t.variables }

// Levels is the number of levels that a filter made from the template has.
func (t *Template) Levels() int { return len(t.levels) }

// Canonical spells the template in one way, so that two of them are equal that
// differ in braces and synonyms only.
func (t *Template) Canonical() string {
	marked := make([]string, len(t.variables))
	for i, v := range t.variables {
		marked[i] = "\x00" + string(v) + "\x00" // no literal is like that: NUL is in no template
	}
	return t.fill(marked)
}

// Alternatives are what a variable may stand for: values separated by '/', which
// no value contains. Empty, as the zero value, it grants nothing. A single value
// is the string itself, so that it costs no memory of its own.
type Alternatives string

// What can be wrong with the value of a variable. Such a value grants nothing:
// it would stand for more than one level, or for anything.
var (
	ErrValueEmpty    = errors.New("topic: a variable's value is empty")
	ErrValueUnsafe   = errors.New("topic: a variable's value contains '/', '+', '#' or U+0000")
	ErrValueEncoding = errors.New("topic: a variable's value is not UTF-8, or longer than 65,535 bytes")
)

// CheckValue says whether a variable may stand for s: nil, or one of the errors
// above.
func CheckValue(s string) error {
	switch {
	case s == "":
		return ErrValueEmpty
	case strings.ContainsAny(s, "/+#\x00"):
		return ErrValueUnsafe
	case len(s) > MaxLength || !utf8.ValidString(s):
		return ErrValueEncoding
	}
	return nil
}

// OneOf makes alternatives of those values that pass [CheckValue], each once.
func OneOf(values ...string) Alternatives {
	if len(values) == 1 {
		if CheckValue(values[0]) != nil {
			return ""
		}
		return Alternatives(values[0])
	}
	var kept []string
	seen := make(map[string]bool, len(values))
	for _, v := range values {
		if CheckValue(v) == nil && !seen[v] {
			seen[v] = true
			kept = append(kept, v)
		}
	}
	return Alternatives(strings.Join(kept, "/"))
}

// Len is the number of alternatives.
func (a Alternatives) Len() int {
	if a == "" {
		return 0
	}
	return strings.Count(string(a), "/") + 1
}
