package identity

import "slices"

// What a query may be.
const (
	MaxQuery       = 4096 // bytes
	MaxComparisons = 64   // each literal after IN counts as one
	maxQueryDepth  = 32   // parentheses within each other
)

// A Query decides which clients belong to a group. It does not change.
//
//	(attributes.kind = "press" or attributes.kind in ["oven", "saw"]) and attributes.hall >= 4
//
// Operands are authenticationName and attributes.<key>. 'and' binds tighter than
// 'or'; keywords and operands ignore case, keys and values do not. Strings stand in
// double or single quotes and know no escapes. '=' and IN look for any element of a
// list, '<>' and '!=' for none. A comparison is false, whichever it is, when the
// attribute is missing or of another type than the literal.
// Source: spec/access-control.md, section 2.1.
type Query struct {
	text string
	root node
}

// A node is a comparison, or a list of nodes of which all or any have to hold.
type node struct {
	op       operator
	key      string    // of the attribute; empty for the authentication name
	literals []literal // one, but for in
	kids     []node    // of all and any
}

type operator uint8

const (
	none operator = iota // of a Query that nobody parsed
	all
	any_
	equal
	unequal
	less
	greater
	atMost
	atLeast
	in
)

// A literal is a string or an integer.
type literal struct {
	text    string
	n       int64
	integer bool
}

// String is the query as it was given.
func (q *Query) String() string { return q.text }

// Matches says whether a client with this authentication name, in its original
// spelling, and these attributes is in. It allocates nothing. No query, no match.
func (q *Query) Matches(name string, attributes Attributes) bool {
	return q != nil && q.root.holds(name, attributes)
}

func (n *node) holds(name string, attributes Attributes) bool {
	switch n.op {
	case none:
		return false
	case all:
		for i := range n.kids {
			if !n.kids[i].holds(name, attributes) {
				return false
			}
		}
		return true
	case any_:
		for i := range n.kids {
			if n.kids[i].holds(name, attributes) {
				return true
			}
		}
		return false
	}
	if n.key == "" {
		return n.compareText(name)
	}
	v, given := attributes[n.key]
	if !given {
		return false
	}
	switch v.kind {
	case textValue:
		return n.compareText(v.text)
	case integerValue:
		return n.compareInteger(v.n)
	case listValue:
		return n.compareList(v.list)
	}
	return false // a boolean is kept, not compared
}

func (n *node) compareText(s string) bool {
	switch n.op {
	case equal, in:
		return n.has(s)
	case unequal:
		return !n.literals[0].integer && n.literals[0].text != s
	}
	return false // ordering is for integers
}

func (n *node) compareInteger(v int64) bool {
	first := n.literals[0]
	switch n.op {
	case in:
		for _, l := range n.literals {
			if l.integer && l.n == v {
				return true
			}
		}
		return false
	case equal:
		return first.integer && v == first.n
	case unequal:
		return first.integer && v != first.n
	case less:
		return v < first.n
	case greater:
		return v > first.n
	case atMost:
		return v <= first.n
	}
	return v >= first.n
}

func (n *node) compareList(list []string) bool {
	switch n.op {
	case equal, in:
		return slices.ContainsFunc(list, n.has)
	case unequal:
		return !n.literals[0].integer && !slices.Contains(list, n.literals[0].text)
	}
	return false
}

// has says whether s is one of the literals.
func (n *node) has(s string) bool {
	for i := range n.literals {
		if l := &n.literals[i]; !l.integer && l.text == s {
			return true
		}
	}
	return false
}
