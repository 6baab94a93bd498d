// Package filter reads the $filter of lists: an OData expression over names.
//
//	contains(name, 'press') and not (name eq 'press-1' or name ne 'press-2')
//
// Units: lengths are bytes. Errors: a *SyntaxError says what was wanted, and where.
// Source: spec/control-plane.md, section 6.
package filter

import (
	"fmt"
	"strings"
)

// MaxLength and MaxTerms bound an expression; parentheses and "not" count as
// terms, so that they bound the depth as well.
const (
	MaxLength = 4096
	MaxTerms  = 256
)

// A SyntaxError says what was wanted at a byte of the expression.
type SyntaxError struct {
	Offset int
	Reason string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("%s, at byte %d of the filter", e.Reason, e.Offset)
}

// A Filter chooses names. The nil Filter chooses all.
type Filter struct{ root node }

// Match says whether a name is chosen. Letter case makes no difference.
func (f *Filter) Match(name string) bool {
	return f == nil || f.root.match(strings.ToLower(name))
}

type node interface{ match(lower string) bool }

type (
	either   []node // one of them
	all      []node
	negation struct{ of node }
	equal    string // in lower case
	contains string
)

func (n either) match(s string) bool {
	for _, one := range n {
		if one.match(s) {
			return true
		}
	}
	return false
}

func (n all) match(s string) bool {
	for _, one := range n {
		if !one.match(s) {
			return false
		}
	}
	return true
}

func (n negation) match(s string) bool { return !n.of.match(s) }
func (n equal) match(s string) bool    { return s == string(n) }
func (n contains) match(s string) bool { return strings.Contains(s, string(n)) }

// Parse reads an expression; blank is no filter, nil.
func Parse(text string) (*Filter, error) {
	if len(text) > MaxLength {
		return nil, &SyntaxError{MaxLength, fmt.Sprintf("want at most %d bytes", MaxLength)}
	}
	p := &parser{text: text}
	if p.skip(); p.at == len(text) {
		return nil, nil
	}
	root, err := p.or()
	if err != nil {
		return nil, err
	}
	if p.skip(); p.at < len(text) {
		return nil, p.want("the end, and, or")
	}
	return &Filter{root}, nil
}
