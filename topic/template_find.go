package topic

import "strings"

// Match finds a template that matches name, which is a valid topic name; -1 if there
// is none. The values are what this client's variables may stand for, in the order
// given to [NewTemplateSet]; [Template.Combinations] bounds the work.
func (s *TemplateSet) Match(name string, values []Alternatives) int {
	w := templateWalk{values: values}
	if name == "" || isDollar(name) {
		return w.system(&s.root, name)
	}
	return w.find(&s.root, name)
}

// Cover finds a template that covers filter alone: that matches every name which
// filter, a valid one, matches. It is -1 if there is none; two templates that
// cover a filter together do not count.
//
// It is the same walk as that of Match. A '+' of the filter is equal to no literal
// level and to no value, so that only a '+' covers it, and '#' likewise.
func (s *TemplateSet) Cover(filter string, values []Alternatives) int {
	w := templateWalk{values: values}
	if filter == "" || isDollar(filter) {
		return w.system(&s.root, filter)
	}
	switch filter {
	case "#": // no name is empty, so these match the same
		filter = "+/#"
	case "/#":
		filter = "/+/#"
	}
	return w.find(&s.root, filter)
}

// A templateWalk is a look for one template. It lives on the stack.
type templateWalk struct {
	values  []Alternatives
	choices [MaxTemplateVariables]templateChoice // for lists of values, on the way here
	chosen  int
}

// A templateChoice is which part of a variable's alternatives it stands for.
type templateChoice struct {
	variable int32
	from, to uint32
}

// system looks for a name or filter that begins with '$'. Only a template that has $SYS as
// its first level is about such, and no wildcard or variable there, whatever it stands for.
func (w *templateWalk) system(root *templateNode, s string) int {
	if !IsSystem(s) {
		return none
	}
	level, rest, more := cut(s)
	if next := root.child(level); next != nil {
		return w.enter(next, rest, more)
	}
	return none
}

// find looks for the rest of a name or filter behind n.
func (w *templateWalk) find(n *templateNode, rest string) int {
	if n.hash != none {
		return n.hash
	}
	level, rest, more := cut(rest)
	if level == "#" && !more {
		return none // of a filter; only '#' covers it
	}
	if next := n.child(level); next != nil {
		if id := w.enter(next, rest, more); id != none {
			return id
		}
	}
	for i := range n.patterns {
		if id := w.pieces(&n.patterns[i], 0, level, rest, more); id != none {
			return id
		}
	}
	if n.plus != nil {
		return w.enter(n.plus, rest, more)
	}
	return none
}

// enter goes on at n with the levels that follow, if more.
func (w *templateWalk) enter(n *templateNode, rest string, more bool) int {
	switch {
	case more:
		return w.find(n, rest)
	case n.end != none:
		return n.end
	}
	return n.hash // "a/#" matches its parent "a", section 4.7.1.2
}

// pieces compares a level with a pattern, from its piece i on, and goes on behind it.
func (w *templateWalk) pieces(p *templatePattern, i int, level, rest string, more bool) int {
	for ; i < len(p.level); i++ {
		text := p.level[i].text
		if v := p.level[i].variable; v != literal {
			all := string(w.values[v])
			// The level has no '/': if it begins with all, that is a single value.
			if all == "" {
				return none
			}
			if text = all; !strings.HasPrefix(level, all) && strings.IndexByte(all, '/') >= 0 {
				var known bool
				if text, known = w.choice(v); !known {
					return w.choose(p, i, level, rest, more)
				}
			}
		}
		var ok bool
		if level, ok = strings.CutPrefix(level, text); !ok {
			return none
		}
	}
	if level != "" {
		return none
	}
	return w.enter(p.next, rest, more)
}

// choice is the value that a variable stands for on the way here.
func (w *templateWalk) choice(variable int) (value string, known bool) {
	for _, c := range w.choices[:w.chosen] {
		if int(c.variable) == variable {
			return string(w.values[variable][c.from:c.to]), true
		}
	}
	return "", false
}

// choose tries each value for the variable that is piece i of p.
func (w *templateWalk) choose(p *templatePattern, i int, level, rest string, more bool) int {
	v := p.level[i].variable
	all := string(w.values[v])
	for from := 0; from <= len(all); {
		to := len(all)
		if n := strings.IndexByte(all[from:], '/'); n >= 0 {
			to = from + n
		}
		if value := all[from:to]; strings.HasPrefix(level, value) {
			w.choices[w.chosen] = templateChoice{int32(v), uint32(from), uint32(to)}
			w.chosen++
			id := w.pieces(p, i+1, level[len(value):], rest, more)
			if w.chosen--; id != none {
				return id
			}
		}
		from = to + 1
	}
	return none
}
