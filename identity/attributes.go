package identity

// Attributes of a client, for group queries, topic templates and enrichments.
// Keys are letters, digits and underscores. Source: spec/identity.md, section 2.
type Attributes map[string]Value

// A Value is a string, an integer or a list of strings. A boolean is kept too,
// because the management API has them, and means nothing: no query matches it.
type Value struct {
	kind valueKind
	text string
	n    int64
	list []string
}

type valueKind uint8

const (
	textValue valueKind = iota
	integerValue
	listValue
	booleanValue // n is 0 or 1
)

// Text, Integer, List and Boolean make values.
func Text(s string) Value         { return Value{kind: textValue, text: s} }
func Integer(n int64) Value       { return Value{kind: integerValue, n: n} }
func List(values ...string) Value { return Value{kind: listValue, list: values} }
func Boolean(b bool) Value {
	if b {
		return Value{kind: booleanValue, n: 1}
	}
	return Value{kind: booleanValue}
}

// Text returns the string, if it is one.
func (v Value) Text() (s string, ok bool) { return v.text, v.kind == textValue }

// Integer returns the integer, if it is one.
func (v Value) Integer() (n int64, ok bool) { return v.n, v.kind == integerValue }

// List returns the strings, if it is a list. It must not be changed.
func (v Value) List() (list []string, ok bool) { return v.list, v.kind == listValue }

// Boolean returns the truth value, if it is one.
func (v Value) Boolean() (b, ok bool) {
	return v.n != 0 && v.kind == booleanValue, v.kind == booleanValue
}
