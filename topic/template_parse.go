package topic

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// What one template may cost.
const (
	// MaxTemplate is the length in bytes that a template may have.
	MaxTemplate = 4096
	// MaxTemplateLevels is how many levels it may have.
	MaxTemplateLevels = 128
	// MaxTemplateVariables is how many different variables may be in it, and
	// twice as many uses of them.
	MaxTemplateVariables = 8
)

// A TemplateError says where a template is wrong, and what is wanted there.
type TemplateError struct {
	Column int // in characters, from 1
	Reason string
}

func (e *TemplateError) Error() string { return fmt.Sprintf("column %d: %s", e.Column, e.Reason) }

// ParseTemplate reads a template. Variables are ${client.authenticationName} and
// ${client.attributes.key}; ${principal.name} and ${principal.attributes.key} are
// synonyms. Inside the braces, pieces are separated by '|'; a piece that is no
// variable is literal text. The error is a *TemplateError.
func ParseTemplate(s string) (*Template, error) {
	p := templateParser{text: s}
	p.checkText()
	for p.at < len(s) && p.err == nil {
		p.step()
	}
	p.endLevel()
	if p.err != nil {
		return nil, p.err
	}
	return &Template{text: s, levels: p.levels, variables: p.variables}, nil
}

type templateParser struct {
	text      string
	at        int           // in bytes
	level     templateLevel // the one being read
	levels    []templateLevel
	variables []Variable
	uses      int
	err       *TemplateError // the first one
}

// fail reports a fault at a byte of the text.
func (p *templateParser) fail(at int, format string, args ...any) {
	if p.err == nil {
		p.err = &TemplateError{utf8.RuneCountInString(p.text[:at]) + 1, fmt.Sprintf(format, args...)}
	}
}

// checkText finds what is wrong with the text as a whole.
func (p *templateParser) checkText() {
	s := p.text
	switch {
	case s == "":
		p.fail(0, "a template cannot be empty")
	case len(s) > MaxTemplate:
		p.fail(0, "longer than %d bytes", MaxTemplate)
	case !utf8.ValidString(s):
		p.fail(strings.IndexFunc(s, func(r rune) bool { return r == utf8.RuneError }), "not UTF-8")
	case strings.IndexByte(s, 0) >= 0:
		p.fail(strings.IndexByte(s, 0), "U+0000 is not allowed")
	case s[0] == '$' && !strings.HasPrefix(s, "${") && !IsSystem(s):
		p.fail(0, "a template cannot begin with '$', but for $SYS/: topics that do belong to the broker")
	}
}

// step reads a variable in braces, a '/', a wildcard or literal text up to them.
func (p *templateParser) step() {
	rest := p.text[p.at:]
	switch {
	case strings.HasPrefix(rest, "${"):
		p.braces()
		return
	case rest[0] == '/':
		p.endLevel()
	case rest[0] == '+' && !p.isWhole():
		p.fail(p.at, "'+' must be a whole level, between '/' and '/'")
	case rest[0] == '#' && (!p.isWhole() || len(rest) > 1):
		p.fail(p.at, "'#' must be the whole last level, after a '/'")
	case rest[0] == '+' || rest[0] == '#':
		p.literal(rest[:1])
	default:
		p.literal(rest[:literalLength(rest)])
		p.at += literalLength(rest)
		return
	}
	p.at++
}

// literalLength is where the text that s begins with ends. A '$' without a brace is
// text like any other.
func literalLength(s string) int {
	n := 0
	for n < len(s) {
		i := strings.IndexAny(s[n:], "/+#$")
		if i < 0 {
			return len(s)
		}
		if n += i; s[n] != '$' || strings.HasPrefix(s[n:], "${") {
			return n
		}
		n++
	}
	return n
}

// isWhole says whether the character at p.at is alone in its level.
func (p *templateParser) isWhole() bool {
	before, after := p.at == 0 || p.text[p.at-1] == '/', p.at+1 == len(p.text) || p.text[p.at+1] == '/'
	return before && after
}

// literal adds text to the level.
func (p *templateParser) literal(s string) {
	if last := len(p.level) - 1; last >= 0 && p.level[last].variable == literal {
		p.level[last].text += s
		return
	}
	p.level = append(p.level, templatePiece{s, literal})
}

func (p *templateParser) endLevel() {
	if p.level == nil {
		p.level = templateLevel{{"", literal}}
	}
	if len(p.levels) == MaxTemplateLevels {
		p.fail(p.at, "more than %d levels", MaxTemplateLevels)
	}
	p.levels = append(p.levels, p.level)
	p.level = nil
}

// braces reads "${piece|piece}".
func (p *templateParser) braces() {
	from := p.at + len("${")
	n := strings.IndexByte(p.text[from:], '}')
	if n < 0 {
		p.fail(p.at, "the brace that opens here is not closed")
		return
	}
	before := p.uses
	for at, rest, more := from, p.text[from:from+n], true; more; {
		var piece string
		piece, rest, more = strings.Cut(rest, "|")
		p.piece(at, piece)
		at += len(piece) + 1
	}
	if p.uses == before {
		p.fail(from, "there is no variable between the braces; there are %s and ${%skey}", AuthenticationName, attributePrefix)
	}
	p.at = from + n + 1
}

// piece reads what stands between '{' or '|' and '|' or '}', at a byte of the text.
func (p *templateParser) piece(at int, piece string) {
	if v, ok := p.variable(at, piece); ok {
		p.use(at, v)
		return
	}
	bad := strings.IndexAny(piece, "/+#{")
	switch {
	case piece == "":
		p.fail(at, "a variable or text is missing between the braces")
	case bad >= 0 && piece[bad] == '{':
		p.fail(at+bad, "braces cannot be nested, or a '}' is missing before")
	case bad >= 0:
		p.fail(at+bad, "%q cannot stand between the braces: they are for a part of one level", piece[bad])
	case p.isFirst() && piece[0] == '$':
		p.fail(at, "a template cannot begin with '$': topics that do belong to the broker")
	default:
		p.literal(piece)
	}
}

// isFirst says whether nothing has been read yet.
func (p *templateParser) isFirst() bool { return len(p.levels) == 0 && len(p.level) == 0 }

// variable says which one a piece is. What merely looks like one is an error, since
// nobody means it as text.
func (p *templateParser) variable(at int, piece string) (v Variable, ok bool) {
	if piece == nameVariable || piece == "principal.name" {
		return AuthenticationName, true
	}
	for _, prefix := range []string{attributePrefix, "principal.attributes."} {
		if key, ok := strings.CutPrefix(piece, prefix); ok {
			if bad := notKey(key); bad >= 0 {
				p.fail(at+len(prefix)+bad, "an attribute's key is letters, digits and '_'")
			}
			return Variable(key), true
		}
	}
	if low := strings.ToLower(piece); strings.HasPrefix(low, "client.") || strings.HasPrefix(low, "principal.") {
		p.fail(at, "there is no such variable; there are %s and ${%skey}, in this spelling", AuthenticationName, attributePrefix)
	}
	return "", false
}

// notKey is where key stops being the key of an attribute; -1 if it is one.
func notKey(key string) int {
	for i := range len(key) {
		c := key[i]
		if c != '_' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return i
		}
	}
	if key == "" {
		return 0
	}
	return -1
}

// use adds a variable to the level.
func (p *templateParser) use(at int, v Variable) {
	if p.uses++; p.uses > 2*MaxTemplateVariables {
		p.fail(at, "more than %d uses of variables", 2*MaxTemplateVariables)
	}
	n := 0
	for n < len(p.variables) && p.variables[n] != v {
		n++
	}
	if n == len(p.variables) {
		p.variables = append(p.variables, v)
	}
	if n == MaxTemplateVariables {
		p.fail(at, "more than %d different variables", MaxTemplateVariables)
	}
	p.level = append(p.level, templatePiece{"", n})
}
