package manifest

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

const (
	maxExpression = 24 << 10 // characters of one, as in Azure
	maxNesting    = 64       // of calls within calls
	maxText       = 4 << 20  // characters that one may make
)

// evaluate resolves what a template writes in a string: "[...]" is an expression,
// "[[" begins a text with a bracket.
func (e *environment) evaluate(s string) (any, error) {
	switch {
	case !strings.HasPrefix(s, "[") || !strings.HasSuffix(s, "]"):
		return s, nil
	case strings.HasPrefix(s, "[["):
		return s[1:], nil
	case len(s) > maxExpression:
		return nil, fmt.Errorf("expression of %d characters: want %d at most", len(s), maxExpression)
	}
	p := &parser{text: s[1 : len(s)-1], env: e}
	v, err := p.expression(0)
	if err == nil {
		if p.space(); p.at < len(p.text) {
			err = fmt.Errorf("unexpected %q at column %d", p.text[p.at:p.at+1], p.at+2)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("expression %.200s: %w", s, err)
	}
	return v, nil
}

// A parser reads an expression and works it out as it goes. if() works both sides
// out, which only matters for what cannot be worked out.
type parser struct {
	text string
	at   int
	env  *environment
}

func (p *parser) space() {
	for p.at < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.at]) >= 0 {
		p.at++
	}
}

// take goes over c if it comes next.
func (p *parser) take(c byte) bool {
	p.space()
	if p.at < len(p.text) && p.text[p.at] == c {
		p.at++
		return true
	}
	return false
}

func (p *parser) want(c byte) error {
	if !p.take(c) {
		return fmt.Errorf("want %q at column %d", string(c), p.at+2)
	}
	return nil
}

// expression is a primary with any number of .member and [index] behind it.
func (p *parser) expression(depth int) (any, error) {
	if depth > maxNesting {
		return nil, errors.New("is nested too deeply")
	}
	v, err := p.primary(depth)
	for err == nil {
		switch {
		case p.take('.'):
			name := p.word()
			if name == "" {
				return nil, fmt.Errorf("want a name at column %d", p.at+2)
			}
			v, err = property(v, name)
		case p.take('['):
			var key any
			if key, err = p.expression(depth + 1); err == nil {
				if err = p.want(']'); err == nil {
					v, err = index(v, key)
				}
			}
		default:
			return v, nil
		}
	}
	return nil, err
}

func (p *parser) primary(depth int) (any, error) {
	p.space()
	if p.at >= len(p.text) {
		return nil, errors.New("ends too early")
	}
	switch c := p.text[p.at]; {
	case c == '\'':
		return p.literal()
	case c == '-' || c >= '0' && c <= '9':
		return p.number()
	}
	name := p.word()
	if name == "" {
		return nil, fmt.Errorf("unexpected %q at column %d", p.text[p.at:p.at+1], p.at+2)
	}
	if err := p.want('('); err != nil {
		return nil, err
	}
	args, err := p.arguments(depth)
	if err != nil {
		return nil, err
	}
	v, err := p.env.call(name, args)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return v, nil
}

func (p *parser) arguments(depth int) (args []any, err error) {
	if p.take(')') {
		return nil, nil
	}
	for {
		v, err := p.expression(depth + 1)
		if err != nil {
			return nil, err
		}
		args = append(args, v)
		if p.take(')') {
			return args, nil
		}
		if err := p.want(','); err != nil {
			return nil, err
		}
	}
}

// literal is text in single quotes, in which two are one.
func (p *parser) literal() (any, error) {
	var b strings.Builder
	for p.at++; p.at < len(p.text); p.at++ {
		if p.text[p.at] != '\'' {
			b.WriteByte(p.text[p.at])
			continue
		}
		if p.at++; p.at >= len(p.text) || p.text[p.at] != '\'' {
			return b.String(), nil
		}
		b.WriteByte('\'')
	}
	return nil, errors.New("a text does not end")
}

func (p *parser) number() (any, error) {
	start := p.at
	for p.at++; p.at < len(p.text) && p.text[p.at] >= '0' && p.text[p.at] <= '9'; p.at++ {
	}
	if _, err := strconv.ParseInt(p.text[start:p.at], 10, 64); err != nil {
		return nil, fmt.Errorf("want a whole number at column %d", start+2)
	}
	return json.Number(p.text[start:p.at]), nil
}

func (p *parser) word() string {
	p.space()
	start := p.at
	for p.at < len(p.text) {
		c := p.text[p.at]
		if c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' || c >= '0' && c <= '9' && p.at > start {
			p.at++
			continue
		}
		break
	}
	return p.text[start:p.at]
}

func property(v any, name string) (any, error) {
	o, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("there is no %q in what is not an object", name)
	}
	for k, value := range o {
		if strings.EqualFold(k, name) {
			return value, nil
		}
	}
	return nil, fmt.Errorf("there is no %q", name)
}

func index(v, key any) (any, error) {
	if name, ok := key.(string); ok {
		return property(v, name)
	}
	list, isList := v.([]any)
	i, isNumber := integer(key)
	if !isList || !isNumber || i < 0 || i >= int64(len(list)) {
		return nil, fmt.Errorf("there is no [%v]", key)
	}
	return list[i], nil
}

func integer(v any) (int64, bool) {
	n, ok := v.(json.Number)
	if !ok {
		return 0, false
	}
	i, err := n.Int64()
	return i, err == nil
}
