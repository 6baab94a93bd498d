package topic

import "slices"

// A TemplateSet finds which of many templates matches a name or covers a filter.
// It is a tree of levels, so that templates which begin alike are looked at once;
// it holds no values, so that all clients with the same templates share it. It does
// not change, takes no lock and allocates nothing.
type TemplateSet struct {
	root templateNode
}

// A templateNode is a place behind some levels. No two ways lead to it.
type templateNode struct {
	levels   []string                 // literal levels that may follow ...
	next     []*templateNode          // ... and where they lead
	byLevel  map[string]*templateNode // the same, when there are many
	patterns []templatePattern        // levels with variables
	plus     *templateNode
	end      int // the template that ends here; or none
	hash     int // the template that ends here with '#'; or none
}

// A templatePattern is a level with variables; they are numbered for the set.
type templatePattern struct {
	level templateLevel
	next  *templateNode
}

const (
	none = -1
	// fewLevels is how many strings are compared one by one rather than hashed.
	fewLevels = 8
)

// NewTemplateSet makes a set. A find gives the position in templates; of two that are
// the same, the first. The variables of all of them must be in variables, whose order
// is that of the values which a find is given.
func NewTemplateSet(templates []*Template, variables []Variable) *TemplateSet {
	s := &TemplateSet{root: templateNode{end: none, hash: none}}
	for id, t := range templates {
		s.add(id, t, variables)
	}
	return s
}

func (s *TemplateSet) add(id int, t *Template, variables []Variable) {
	at := &s.root
	for _, level := range t.levels {
		switch {
		case len(level) > 1 || level[0].variable != literal:
			at = at.pattern(renumber(level, t.variables, variables))
		case level[0].text == "+":
			if at.plus == nil {
				at.plus = newTemplateNode()
			}
			at = at.plus
		case level[0].text == "#":
			if at.hash == none {
				at.hash = id
			}
			return // it is the last one
		default:
			at = at.literal(level[0].text)
		}
	}
	if at.end == none {
		at.end = id
	}
}

func newTemplateNode() *templateNode { return &templateNode{end: none, hash: none} }

// renumber gives the variables of a level their positions in to.
func renumber(level templateLevel, from, to []Variable) templateLevel {
	level = slices.Clone(level)
	for i := range level {
		if v := level[i].variable; v != literal {
			if level[i].variable = slices.Index(to, from[v]); level[i].variable < 0 {
				panic("topic: a variable of a template is not among those of its set")
			}
		}
	}
	return level
}

func (n *templateNode) pattern(level templateLevel) *templateNode {
	for _, p := range n.patterns {
		if slices.Equal(p.level, level) {
			return p.next
		}
	}
	next := newTemplateNode()
	n.patterns = append(n.patterns, templatePattern{level, next})
	return next
}

func (n *templateNode) literal(level string) *templateNode {
	if next := n.child(level); next != nil {
		return next
	}
	next := newTemplateNode()
	n.levels, n.next = append(n.levels, level), append(n.next, next)
	switch {
	case n.byLevel != nil:
		n.byLevel[level] = next
	case len(n.levels) > fewLevels:
		n.byLevel = make(map[string]*templateNode, len(n.levels))
		for i := range n.levels {
			n.byLevel[n.levels[i]] = n.next[i]
		}
	}
	return next
}

// child is where a literal level leads.
func (n *templateNode) child(level string) *templateNode {
	if n.byLevel != nil {
		return n.byLevel[level]
	}
	for i := range n.levels {
		if n.levels[i] == level {
			return n.next[i]
		}
	}
	return nil
}
