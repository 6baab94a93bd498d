package route

import "encoding/binary"

// A Publisher is who a message comes from. The zero value is nobody.
type Publisher struct {
	// Name is the authentication name, in the client's own spelling.
	Name string
	// Attributes are the client's. Nil: it has none.
	Attributes Attributes
}

// Attributes finds attributes of a client. A map with this method costs no allocation.
type Attributes interface {
	// Attribute returns the attribute of that key, the zero value if there is none.
	Attribute(key string) Attribute
}

// An Attribute is the value of one. The zero value is a missing one, which is an empty
// string in the event (section 4).
type Attribute struct {
	kind attributeKind
	text string
	n    int64
	list []string
}

type attributeKind uint8

const (
	missing attributeKind = iota
	textAttribute
	integerAttribute
	booleanAttribute
	listAttribute
)

// Text is a string.
func Text(s string) Attribute { return Attribute{kind: textAttribute, text: s} }

// Integer is a number.
func Integer(n int64) Attribute { return Attribute{kind: integerAttribute, n: n} }

// Boolean is a truth value, which Azure does not have.
func Boolean(b bool) Attribute {
	a := Attribute{kind: booleanAttribute}
	if b {
		a.n = 1
	}
	return a
}

// List is an array of strings. It is not kept beyond the call that it is returned to.
func List(values []string) Attribute { return Attribute{kind: listAttribute, list: values} }

// append writes where the value comes from, the key of its enrichment, and the value.
func (a Attribute) append(dst []byte, key string) []byte {
	switch a.kind {
	case integerAttribute:
		return binary.AppendVarint(appendText(append(dst, byte(integerValue)), key), a.n)
	case booleanAttribute:
		return append(appendText(append(dst, byte(booleanValue)), key), byte(a.n))
	case listAttribute:
		return appendJoined(appendText(append(dst, byte(textValue)), key), a.list)
	}
	return appendText(appendText(append(dst, byte(textValue)), key), a.text)
}

// appendJoined writes a list as one text, with commas and without spaces (section 4).
func appendJoined(dst []byte, list []string) []byte {
	n := max(len(list)-1, 0)
	for _, s := range list {
		n += len(s)
	}
	dst = binary.AppendUvarint(dst, uint64(n))
	for i, s := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, s...)
	}
	return dst
}

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// attribute is what a variable of the client stands for.
func (p Publisher) attribute(v variable) Attribute {
	switch {
	case v.source == authenticationName:
		return Text(p.Name)
	case p.Attributes == nil:
		return Attribute{}
	}
	return p.Attributes.Attribute(v.name)
}
