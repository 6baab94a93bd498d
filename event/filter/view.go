package filter

import (
	"strconv"

	"gridmq/event"
	"gridmq/event/rawjson"
)

// A view is one event as the conditions of a Set see it: each key is looked up at
// most once, data is read at most once.
type view struct {
	set     *Set
	event   *event.Event
	values  []value  // by key
	members [][]byte // by node: the JSON of the member, nil if there is none
	read    bool     // members are filled
	texts   []byte   // folded strings, see value
	numbers []float64
	scratch []byte // one decoded string
}

// A value is what a key has: one scalar, or the usable elements of an array. It may
// have strings and numbers at once: an extension's integer is both (8.4).
type value struct {
	kinds   kinds
	numbers part // of view.numbers: sorted, each once
	text    part // of view.texts: one folded string, or the joined ones of an array
}

// A part is a range of a slice that may still grow.
type part struct{ from, to int }

type kinds uint8

const (
	known   kinds = 1 << iota // has been looked up
	present                   // neither missing nor null
	isArray
	hasText
	hasNumber
	hasTrue
	hasFalse
)

// keepBytes bounds what the buffers of a view keep between events, in bytes.
const keepBytes = 64 << 10

// forget makes v ready for another event, and lets go of this one.
func (v *view) forget() {
	v.event = nil
	clear(v.values)
	if v.read {
		clear(v.members)
		v.read = false
	}
	v.texts, v.scratch, v.numbers = v.texts[:0], v.scratch[:0], v.numbers[:0]
	if cap(v.texts)+cap(v.scratch)+8*cap(v.numbers) > keepBytes {
		v.texts, v.scratch, v.numbers = nil, nil, nil
	}
}

// value is that of a key; it stays in place until forget.
func (v *view) value(key int) *value {
	got := &v.values[key]
	if got.kinds&known == 0 {
		got.kinds = known
		if at := v.set.keys[key]; at.attribute != "" {
			v.lookUpAttribute(got, at.attribute)
		} else {
			v.lookUpData(got, at.node)
		}
	}
	return got
}

func (v *view) lookUpAttribute(got *value, name string) {
	a, ok := v.event.Attribute(name)
	if !ok {
		return
	}
	got.kinds |= present
	if n, ok := a.Integer(); ok {
		v.setNumber(got, float64(n))
	}
	if b, ok := a.Boolean(); ok {
		got.kinds |= truth(b)
	}
	// String operators see extensions in their string form, whatever they are (8.4).
	if text, ok := a.Text(); ok {
		setText(v, got, text)
		return
	}
	v.scratch = a.AppendText(v.scratch[:0])
	setText(v, got, v.scratch)
}

func setText[T ~string | ~[]byte](v *view, got *value, s T) {
	got.kinds |= hasText
	got.text.from = len(v.texts)
	v.texts = appendFolded(v.texts, s)
	got.text.to = len(v.texts)
}

func (v *view) setNumber(got *value, n float64) {
	got.kinds |= hasNumber
	v.numbers = append(v.numbers, n)
	got.numbers = part{len(v.numbers) - 1, len(v.numbers)}
}

func truth(b bool) kinds {
	if b {
		return hasTrue
	}
	return hasFalse
}

// lookUpData finds a member of data. Data in base64 is not looked into, and text has
// no members (8.2).
func (v *view) lookUpData(got *value, node int) {
	switch v.event.DataKind {
	case event.Text:
		if node == 0 {
			got.kinds |= present
			setText(v, got, v.event.Data)
		}
	case event.JSON:
		v.readData()
		if raw := v.members[node]; len(raw) > 0 && raw[0] != 'n' { // null is as missing (8.3)
			got.kinds |= present
			v.setJSON(got, raw)
		}
	}
}

func (v *view) setJSON(got *value, raw []byte) {
	switch raw[0] {
	case '"':
		v.scratch = rawjson.AppendUnquoted(v.scratch[:0], raw)
		setText(v, got, v.scratch)
	case 't', 'f':
		got.kinds |= truth(raw[0] == 't')
	case '[':
		got.kinds |= isArray
		v.setArray(got, raw)
	case '{': // present, and of no kind that has operators
	default:
		v.setNumber(got, parseNumber(raw))
	}
}

// parseNumber reads a JSON number as a double; one that is too large is infinite.
func parseNumber(raw []byte) float64 {
	n, _ := strconv.ParseFloat(string(raw), 64)
	return n
}

// readData finds all members that the Set asks for.
func (v *view) readData() {
	if v.read {
		return
	}
	v.read = true
	r := rawjson.NewReader(v.event.Data)
	raw, err := r.Value(rawjson.MaxDepth)
	if err != nil {
		return // not a valid event: everything is missing
	}
	v.members[0] = raw
	v.readMembers(0)
}

// readMembers finds the children of a node. Only after the whole object has been
// read are grandchildren looked for, since of members of the same name the last one
// counts, as it does for most JSON readers. So each node is visited once, and data
// is read once for every level of the longest key at most.
func (v *view) readMembers(at int) {
	children := v.set.nodes[at].children
	raw := v.members[at]
	if len(children) == 0 || len(raw) == 0 || raw[0] != '{' {
		return
	}
	r := rawjson.NewReader(raw)
	if r.Open('{') != nil {
		return
	}
	for first := true; ; first = false {
		more, err := r.More('}', first)
		if err != nil || !more {
			break
		}
		quoted, err := r.Name()
		if err != nil {
			break
		}
		name, plain := rawjson.Plain(quoted)
		if !plain {
			v.scratch = rawjson.AppendUnquoted(v.scratch[:0], quoted)
			name = v.scratch
		}
		child, wanted := children[string(name)]
		member, err := r.Value(rawjson.MaxDepth)
		if err != nil {
			break
		}
		if wanted {
			v.members[child] = member
		}
	}
	for _, child := range children {
		v.readMembers(child)
	}
}
