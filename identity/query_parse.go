package identity

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A QueryError says where a query cannot be read.
type QueryError struct {
	Column int    // of the character, from 1
	Want   string // what was expected there, in words
}

func (e *QueryError) Error() string { return fmt.Sprintf("%s at column %d", e.Want, e.Column) }

// ParseQuery reads a query. The error is a *QueryError.
func ParseQuery(text string) (*Query, error) {
	p := queryParser{text: text}
	switch {
	case len(text) > MaxQuery:
		return nil, &QueryError{1, fmt.Sprintf("want %d bytes at most", MaxQuery)}
	case !utf8.ValidString(text):
		return nil, &QueryError{1, "want UTF-8"}
	}
	root, err := p.or()
	if err != nil {
		return nil, err
	}
	if p.space(); p.at < len(text) {
		return nil, p.want(`want "and", "or" or the end`)
	}
	return &Query{text, root}, nil
}

// A queryParser descends; its recursion is bounded by depth.
type queryParser struct {
	text        string
	at          int // in bytes
	depth       int
	comparisons int
}

// want points at what comes instead, or behind what came last when nothing does.
func (p *queryParser) want(what string) error {
	at := p.at
	if rest := strings.TrimLeft(p.text[at:], spaces); rest != "" {
		at = len(p.text) - len(rest)
	}
	return p.wantAt(at, what)
}

func (p *queryParser) wantAt(at int, what string) error {
	return &QueryError{utf8.RuneCountInString(p.text[:at]) + 1, what}
}

func (p *queryParser) or() (node, error) { return p.chain(any_, "or", p.and) }

func (p *queryParser) and() (node, error) { return p.chain(all, "and", p.primary) }

// chain reads one or more nodes with a keyword between them.
func (p *queryParser) chain(op operator, keyword string, next func() (node, error)) (node, error) {
	first, err := next()
	if err != nil || !p.keyword(keyword) {
		return first, err
	}
	n := node{op: op, kids: []node{first}}
	for {
		kid, err := next()
		if err != nil {
			return node{}, err
		}
		if n.kids = append(n.kids, kid); !p.keyword(keyword) {
			return n, nil
		}
	}
}

func (p *queryParser) primary() (node, error) {
	open := p.at
	if !p.symbol("(") {
		return p.comparison()
	}
	if p.depth++; p.depth > maxQueryDepth {
		return node{}, p.wantAt(open, fmt.Sprintf("want %d nested parentheses at most", maxQueryDepth))
	}
	n, err := p.or()
	if err != nil {
		return node{}, err
	}
	if !p.symbol(")") {
		return node{}, p.want(`want "and", "or" or ")"`)
	}
	p.depth--
	return n, nil
}

func (p *queryParser) comparison() (n node, err error) {
	if n.key, err = p.operand(); err != nil {
		return n, err
	}
	sign := ""
	if n.op, sign, err = p.operator(); err != nil {
		return n, err
	}
	if n.op == in {
		n.literals, err = p.list()
		return n, err
	}
	l, err := p.literal(n.op >= less && n.op <= atLeast, sign)
	n.literals = []literal{l}
	return n, err
}

// operand returns the key of an attribute, and "" for the authentication name.
func (p *queryParser) operand() (key string, err error) {
	p.space()
	start := p.at
	switch word := p.word(); {
	case strings.EqualFold(word, "authenticationName"):
		return "", nil
	case strings.EqualFold(word, "attributes"):
		if !p.next('.') {
			return "", p.want(`want "." and a key after "attributes"`)
		}
		if key = p.word(); key == "" {
			return "", p.want(`want a key of letters, digits and "_" after "attributes."`)
		}
		return key, nil
	}
	return "", p.wantAt(start, `want "authenticationName", "attributes.<key>" or "("`)
}

// operators, longer ones before those that they begin with.
var operators = []struct {
	sign string
	op   operator
}{
	{"<>", unequal}, {"!=", unequal}, {"<=", atMost}, {">=", atLeast}, {"=", equal}, {"<", less}, {">", greater},
}

func (p *queryParser) operator() (op operator, sign string, err error) {
	for _, o := range operators {
		if p.symbol(o.sign) {
			return o.op, o.sign, nil
		}
	}
	if p.keyword("in") {
		return in, "IN", nil
	}
	return 0, "", p.want(`want "=", "<>", "!=", "<", ">", "<=", ">=" or "IN"`)
}

func (p *queryParser) list() (list []literal, err error) {
	if !p.symbol("[") {
		return nil, p.want(`want "[" after "IN"`)
	}
	for after := "["; ; after = "," {
		l, err := p.literal(false, after)
		if err != nil {
			return nil, err
		}
		list = append(list, l)
		if p.symbol("]") {
			return list, nil
		}
		if !p.symbol(",") {
			return nil, p.want(`want "," or "]"`)
		}
	}
}

func (p *queryParser) literal(integer bool, after string) (l literal, err error) {
	end := p.want(fmt.Sprintf("want a value after %q", after))
	p.space()
	if p.comparisons++; p.comparisons > MaxComparisons {
		return l, p.want(fmt.Sprintf("want %d comparisons at most, each value after IN being one,", MaxComparisons))
	}
	start := p.at
	switch {
	case p.at == len(p.text):
		return l, end
	case integer && !p.atInteger():
		return l, p.want(fmt.Sprintf("want an integer after %q", after))
	case p.atInteger():
		p.at++
		for p.at < len(p.text) && '0' <= p.text[p.at] && p.text[p.at] <= '9' {
			p.at++
		}
		if l.n, err = strconv.ParseInt(p.text[start:p.at], 10, 64); err != nil {
			return l, p.wantAt(start, "want an integer of 64 bits")
		}
		return literal{n: l.n, integer: true}, nil
	case p.text[p.at] != '"' && p.text[p.at] != '\'':
		return l, p.want(fmt.Sprintf("want a string in quotes or an integer after %q", after))
	}
	quote := p.text[p.at : p.at+1]
	s, _, closed := strings.Cut(p.text[p.at+1:], quote)
	if !closed {
		return l, p.wantAt(len(p.text), fmt.Sprintf("want %s to end the string of column %d", quote, utf8.RuneCountInString(p.text[:start])+1))
	}
	p.at += len(s) + 2
	return literal{text: s}, nil
}

// atInteger says whether a digit comes, or '-' and a digit.
func (p *queryParser) atInteger() bool {
	rest := strings.TrimPrefix(p.text[p.at:], "-")
	return rest != "" && '0' <= rest[0] && rest[0] <= '9'
}

const spaces = " \t\r\n"

func (p *queryParser) space() {
	for p.at < len(p.text) && strings.IndexByte(spaces, p.text[p.at]) >= 0 {
		p.at++
	}
}

// word reads letters, digits and '_', as many as there are.
func (p *queryParser) word() string {
	start := p.at
	for p.at < len(p.text) && isWord(p.text[p.at]) {
		p.at++
	}
	return p.text[start:p.at]
}

// keyword reads w, in any case and as a whole word, or nothing.
func (p *queryParser) keyword(w string) bool {
	before := p.at
	p.space()
	if strings.EqualFold(p.word(), w) {
		return true
	}
	p.at = before
	return false
}

// symbol reads s after white space, or nothing.
func (p *queryParser) symbol(s string) bool {
	before := p.at
	if p.space(); strings.HasPrefix(p.text[p.at:], s) {
		p.at += len(s)
		return true
	}
	p.at = before
	return false
}

func (p *queryParser) next(c byte) bool {
	if p.at < len(p.text) && p.text[p.at] == c {
		p.at++
		return true
	}
	return false
}
