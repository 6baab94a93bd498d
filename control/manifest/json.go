package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sort"
	"strings"

	"gopkg.in/yaml.v3"
)

// jsonDocuments reads JSON values one after the other. Comments are allowed, as they
// are in templates. (YAML's reader does not do: it refuses tabs and surrogates.)
func jsonDocuments(file string, b []byte) (list []document, faults Faults) {
	b = blankComments(b)
	p := &jsonReader{text: b, d: json.NewDecoder(bytes.NewReader(b))}
	p.d.UseNumber()
	p.findLines()
	for number := 1; ; number++ {
		n, err := p.value(0)
		if errors.Is(err, io.EOF) && p.nothingLeft() {
			return list, faults
		}
		if err != nil {
			at := Source{File: file, Document: number}
			at.Line, at.Column = p.place(p.offset(err))
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				err = errors.New("ends in the middle of a value")
			}
			return list, append(faults, &Fault{Source: at, Message: err.Error()})
		}
		if n.Tag != "!!null" {
			list = append(list, document{Source{file, number, n.Line, n.Column}, n})
		}
		p.nodes = 0
	}
}

// JSONNode reads one JSON value into a node, which knows the lines of all that is in it.
// The error is Faults.
func JSONNode(file string, b []byte) (*yaml.Node, error) {
	docs, faults := jsonDocuments(file, b)
	if len(faults) == 0 && len(docs) != 1 {
		faults = Faults{{Source: Source{File: file}, Message: fmt.Sprintf("want one JSON value, not %d", len(docs))}}
	}
	if len(faults) > 0 {
		return nil, faults
	}
	return docs[0].node, nil
}

// A jsonReader makes nodes of JSON, so that both notations go on in the same way.
type jsonReader struct {
	text  []byte
	d     *json.Decoder
	lines []int // offset of the beginning of each
	nodes int
}

func (p *jsonReader) findLines() {
	p.lines = []int{0}
	for i, c := range p.text {
		if c == '\n' {
			p.lines = append(p.lines, i+1)
		}
	}
}

func (p *jsonReader) place(offset int) (line, column int) {
	line = sort.SearchInts(p.lines, offset+1)
	return line, offset - p.lines[line-1] + 1
}

// next is where the next token begins.
func (p *jsonReader) next() int {
	at := int(p.d.InputOffset())
	for at < len(p.text) && strings.IndexByte(" \t\r\n,:", p.text[at]) >= 0 {
		at++
	}
	return at
}

func (p *jsonReader) nothingLeft() bool { return p.next() >= len(p.text) }

func (p *jsonReader) offset(err error) int {
	at := p.next()
	if s, ok := errors.AsType[*json.SyntaxError](err); ok { // perhaps within the token
		at = max(at, int(s.Offset)-1)
	}
	return min(at, len(p.text))
}

func (p *jsonReader) value(depth int) (*yaml.Node, error) {
	if p.nodes++; depth > maxDepth || p.nodes > maxNodes {
		return nil, errors.New("nested too deeply, or too much of it")
	}
	n := &yaml.Node{Kind: yaml.ScalarNode}
	n.Line, n.Column = p.place(p.next())
	t, err := p.d.Token()
	if err != nil {
		return nil, err
	}
	switch t := t.(type) {
	case json.Delim:
		return n, p.inside(n, t, depth)
	case string:
		n.Tag, n.Value, n.Style = "!!str", t, yaml.DoubleQuotedStyle
	case json.Number:
		n.Tag, n.Value = "!!int", t.String()
		if strings.ContainsAny(n.Value, ".eE") {
			n.Tag = "!!float"
		}
	case bool:
		n.Tag, n.Value = "!!bool", fmt.Sprint(t)
	default:
		n.Tag, n.Value = "!!null", "null"
	}
	return n, nil
}

// inside reads the members of an object or an array up to its end.
func (p *jsonReader) inside(n *yaml.Node, open json.Delim, depth int) error {
	n.Kind, n.Tag = yaml.MappingNode, "!!map"
	if open == '[' {
		n.Kind, n.Tag = yaml.SequenceNode, "!!seq"
	}
	for p.d.More() {
		one, err := p.value(depth + 1) // a key too is a value here: the decoder sees to it that it is a string
		if err != nil {
			return wholeValue(err)
		}
		n.Content = append(n.Content, one)
	}
	_, err := p.d.Token() // its end
	return wholeValue(err)
}

func wholeValue(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// blankComments writes spaces over // and /* */, so that places stay what they are.
func blankComments(b []byte) []byte {
	if !bytes.Contains(b, []byte("//")) && !bytes.Contains(b, []byte("/*")) {
		return b
	}
	b = bytes.Clone(b)
	for i := 0; i < len(b); i++ {
		switch {
		case b[i] == '"':
			for i++; i < len(b) && b[i] != '"'; i++ {
				if b[i] == '\\' {
					i++
				}
			}
		case bytes.HasPrefix(b[i:], []byte("//")):
			for ; i < len(b) && b[i] != '\n'; i++ {
				b[i] = ' '
			}
		case bytes.HasPrefix(b[i:], []byte("/*")):
			end := bytes.Index(b[i+2:], []byte("*/"))
			if end < 0 {
				return b // the decoder will complain
			}
			for stop := i + end + 4; i < stop; i++ {
				if b[i] != '\n' {
					b[i] = ' '
				}
			}
			i--
		}
	}
	return b
}
