package topic

import (
	"errors"
	"strings"
)

// MaxCombinations is how many filters one template may stand for with the values
// of one client. A list of values makes one each, two lists their product.
const MaxCombinations = 1024

// ErrCombinations is returned when a client's lists make more filters of a template
// than MaxCombinations. It then grants nothing to this client: to grant some of them
// would open or close a topic by the order of a list.
var ErrCombinations = errors.New("topic: the lists of values make more than 1,024 filters of the template")

// Combinations is the number of filters that t stands for, where values tells what
// a variable may stand for. It stops counting above [MaxCombinations].
func (t *Template) Combinations(values func(Variable) Alternatives) int {
	n := 1
	for _, v := range t.variables {
		n = min(n*min(values(v).Len(), MaxCombinations+1), MaxCombinations+1)
	}
	return n
}

// Expand returns the filters that t stands for. They are none when a variable has
// no alternative. A variable that is used twice stands for the same value twice.
// A filter that would begin with '$' (of a template that does not begin with $SYS) or
// be too long is left out. The error is
// [ErrCombinations].
func (t *Template) Expand(values func(Variable) Alternatives) (filters []string, err error) {
	if t.Combinations(values) > MaxCombinations {
		return nil, ErrCombinations
	}
	chosen := make([]string, len(t.variables))
	var choose func(n int)
	choose = func(n int) {
		if n == len(t.variables) {
			if f := t.fill(chosen); len(f) <= MaxLength && (!isDollar(f) || IsSystem(t.text)) {
				filters = append(filters, f)
			}
			return
		}
		for one := range values(t.variables[n]).each() {
			chosen[n] = one
			choose(n + 1)
		}
	}
	choose(0)
	return filters, nil
}

// Shape is the filter with a '+' for each level that has a variable: what the
// template could match with any values.
func (t *Template) Shape() string {
	levels := make([]string, len(t.levels))
	for i, level := range t.levels {
		levels[i] = level[0].text
		if len(level) > 1 || level[0].variable != literal {
			levels[i] = "+"
		}
	}
	return strings.Join(levels, "/")
}

// fill writes the filter with chosen[i] for the variable i.
func (t *Template) fill(chosen []string) string {
	var b strings.Builder
	for i, level := range t.levels {
		if i > 0 {
			b.WriteByte('/')
		}
		for _, p := range level {
			if p.variable == literal {
				b.WriteString(p.text)
			} else {
				b.WriteString(chosen[p.variable])
			}
		}
	}
	return b.String()
}

// each yields the alternatives.
func (a Alternatives) each() func(yield func(string) bool) {
	return func(yield func(string) bool) {
		if a == "" {
			return
		}
		for one, rest, more := cut(string(a)); yield(one) && more; {
			one, rest, more = cut(rest)
		}
	}
}
