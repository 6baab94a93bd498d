package filter

import (
	"fmt"
	"strings"
)

// A parser descends through the grammar of the section, one function a rule.
type parser struct {
	text  string
	at    int
	terms int
}

func (p *parser) want(what string) error { return &SyntaxError{p.at, "want " + what} }

func (p *parser) skip() {
	for p.at < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.at]) >= 0 {
		p.at++
	}
}

// count bounds the work, and with it the depth.
func (p *parser) count() error {
	if p.terms++; p.terms > MaxTerms {
		return &SyntaxError{p.at, fmt.Sprintf("more than %d terms", MaxTerms)}
	}
	return nil
}

func letter(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '.'
}

// word takes a keyword, ignoring case, if it is there and ends there.
func (p *parser) word(w string) bool {
	p.skip()
	end := p.at + len(w)
	if end > len(p.text) || !strings.EqualFold(p.text[p.at:end], w) || end < len(p.text) && letter(p.text[end]) {
		return false
	}
	p.at = end
	return true
}

func (p *parser) char(c byte) bool {
	p.skip()
	if p.at < len(p.text) && p.text[p.at] == c {
		p.at++
		return true
	}
	return false
}

func (p *parser) or() (node, error) {
	first, err := p.and()
	if err != nil {
		return nil, err
	}
	n := either{first}
	for p.word("or") {
		next, err := p.and()
		if err != nil {
			return nil, err
		}
		n = append(n, next)
	}
	return n, nil
}

func (p *parser) and() (node, error) {
	first, err := p.not()
	if err != nil {
		return nil, err
	}
	n := all{first}
	for p.word("and") {
		next, err := p.not()
		if err != nil {
			return nil, err
		}
		n = append(n, next)
	}
	return n, nil
}

func (p *parser) not() (node, error) {
	if err := p.count(); err != nil {
		return nil, err
	}
	if !p.word("not") {
		return p.primary()
	}
	n, err := p.primary()
	return negation{n}, err
}

func (p *parser) primary() (node, error) {
	switch {
	case p.char('('):
		n, err := p.or()
		if err == nil && !p.char(')') {
			err = p.want(`")"`)
		}
		return n, err
	case p.word("contains"):
		return p.contains()
	case p.word("name"):
		return p.comparison()
	}
	return nil, p.want(`name, contains(name, 'text'), not or "("; the filter knows only the name`)
}

func (p *parser) contains() (node, error) {
	if !p.char('(') {
		return nil, p.want(`"(" after contains`)
	}
	if !p.word("name") {
		return nil, p.want("name in contains(name, 'text')")
	}
	if !p.char(',') {
		return nil, p.want(`"," in contains(name, 'text')`)
	}
	text, err := p.literal()
	if err == nil && !p.char(')') {
		err = p.want(`")" after contains(name, 'text'`)
	}
	return contains(text), err
}

func (p *parser) comparison() (node, error) {
	switch {
	case p.word("eq"):
		text, err := p.literal()
		return equal(text), err
	case p.word("ne"):
		text, err := p.literal()
		return negation{equal(text)}, err
	}
	return nil, p.want("eq or ne after name")
}

// literal is text in single quotes, in which a doubled quote stands for one.
func (p *parser) literal() (string, error) {
	if !p.char('\'') {
		return "", p.want("text in single quotes")
	}
	var b strings.Builder
	for p.at < len(p.text) {
		c := p.text[p.at]
		p.at++
		if c != '\'' {
			b.WriteByte(c)
			continue
		}
		if p.at == len(p.text) || p.text[p.at] != '\'' {
			return strings.ToLower(b.String()), nil
		}
		p.at++
		b.WriteByte('\'')
	}
	return "", p.want("the closing quote")
}
