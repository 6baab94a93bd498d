package filter

import (
	"slices"

	"gridmq/event/rawjson"
)

// separator stands before, between and behind the joined strings of an array. It is
// no byte of UTF-8, so that no operand reaches over it.
const separator = 0xff

// setArray brings the elements of an array into a form that can be searched fast:
// somebody may publish half a million of them to a topic with many subscriptions.
// Numbers are sorted, strings joined. Nulls, objects and arrays are no elements that
// anything hits (8.4).
func (v *view) setArray(got *value, raw []byte) {
	got.numbers.from, got.text.from = len(v.numbers), len(v.texts)
	v.texts = append(v.texts, separator)
	r := rawjson.NewReader(raw)
	if r.Open('[') != nil {
		return
	}
	for first := true; ; first = false {
		more, err := r.More(']', first)
		if err != nil || !more {
			break
		}
		element, err := r.Value(rawjson.MaxDepth)
		if err != nil {
			break
		}
		v.addElement(got, element)
	}
	list := v.numbers[got.numbers.from:]
	slices.Sort(list)
	v.numbers = v.numbers[:got.numbers.from+len(slices.Compact(list))]
	got.numbers.to, got.text.to = len(v.numbers), len(v.texts)
}

func (v *view) addElement(got *value, raw []byte) {
	switch raw[0] {
	case '"':
		got.kinds |= hasText
		v.scratch = rawjson.AppendUnquoted(v.scratch[:0], raw)
		v.texts = append(appendFolded(v.texts, v.scratch), separator)
	case 't', 'f':
		got.kinds |= truth(raw[0] == 't')
	case 'n', '[', '{':
	default:
		got.kinds |= hasNumber
		v.numbers = append(v.numbers, parseNumber(raw))
	}
}
