package identity

// Attributes of a client, for group queries, topic templates and enrichments.
// Keys are letters, digits and underscores. Source: spec/identity.md, section 2.
type Attributes map[string]Value

// A Value is a string, an integer or a list of strings.
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
)

// Text, Integer and List make values.
func Text(s string) Value         { return Value{kind: textValue, text: s} }
func Integer(n int64) Value       { return Value{kind: integerValue, n: n} }
func List(values ...string) Value { return Value{kind: listValue, list: values} }

// Text returns the string, if it is one.
func (v Value) Text() (s string, ok bool) { return v.text, v.kind == textValue }

// Integer returns the integer, if it is one.
func (v Value) Integer() (n int64, ok bool) { return v.n, v.kind == integerValue }

// List returns the strings, if it is a list. It must not be changed.
func (v Value) List() (list []string, ok bool) { return v.list, v.kind == listValue }
