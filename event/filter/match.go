package filter

import (
	"bytes"
	"slices"
)

// passes says whether the event passes a filter: its type is included, and all
// conditions match.
func (v *view) passes(f *compiled) bool {
	if f.types != nil {
		t := v.value(typeKey).text
		if !f.types[string(v.texts[t.from:t.to])] {
			return false
		}
	}
	for i := range f.conditions {
		if !v.matches(&f.conditions[i]) {
			return false
		}
	}
	return true
}

func (v *view) matches(c *condition) bool {
	o := &operations[c.operator]
	got := v.value(c.key)
	switch {
	case got.kinds&present == 0:
		return o.missing
	case o.operand == none:
		return c.operator == IsNotNull
	}
	return v.hits(c, got) != o.negative
}

// hits says whether a scalar, or any element of an array, is one of the operands.
// What has another type than the operands is none of them (8.4).
func (v *view) hits(c *condition, got *value) bool {
	switch operations[c.operator].operand {
	case number, numbers, ranges:
		return got.kinds&hasNumber != 0 && c.hitsNumber(v.numbers[got.numbers.from:got.numbers.to])
	case boolean:
		return got.kinds&truth(c.truth) != 0
	case texts:
		text := v.texts[got.text.from:got.text.to]
		switch {
		case got.kinds&hasText == 0:
			return false
		case got.kinds&isArray != 0:
			return c.hitsJoined(text)
		}
		return c.hitsText(text)
	}
	return false
}

// hitsNumber looks at numbers that are sorted, at least one.
func (c *condition) hitsNumber(list []float64) bool {
	least, most := list[0], list[len(list)-1]
	switch c.operator {
	case NumberLessThan:
		return least < c.numbers[0]
	case NumberGreaterThan:
		return most > c.numbers[0]
	case NumberLessThanOrEquals:
		return least <= c.numbers[0]
	case NumberGreaterThanOrEquals:
		return most >= c.numbers[0]
	}
	for _, n := range c.numbers {
		if _, found := slices.BinarySearch(list, n); found {
			return true
		}
	}
	for _, r := range c.ranges { // both ends included (8.1)
		if i, _ := slices.BinarySearch(list, r[0]); i < len(list) && list[i] <= r[1] {
			return true
		}
	}
	return false
}

// hitsText compares one folded string. Operands have a separator at either end.
func (c *condition) hitsText(text []byte) bool {
	for _, s := range c.strings {
		want, hit := s[1:len(s)-1], false
		switch c.operator {
		case StringContains, StringNotContains:
			hit = bytes.Contains(text, want)
		case StringBeginsWith, StringNotBeginsWith:
			hit = bytes.HasPrefix(text, want)
		case StringEndsWith, StringNotEndsWith:
			hit = bytes.HasSuffix(text, want)
		default:
			hit = bytes.Equal(text, want)
		}
		if hit {
			return true
		}
	}
	return false
}

// hitsJoined looks at the strings of an array, joined with separators: where an
// operand must stand at an end of one, its separator is looked for as well.
func (c *condition) hitsJoined(joined []byte) bool {
	for _, want := range c.strings {
		switch c.operator {
		case StringContains, StringNotContains:
			want = want[1 : len(want)-1]
		case StringBeginsWith, StringNotBeginsWith:
			want = want[:len(want)-1]
		case StringEndsWith, StringNotEndsWith:
			want = want[1:]
		}
		if bytes.Contains(joined, want) {
			return true
		}
	}
	return false
}
