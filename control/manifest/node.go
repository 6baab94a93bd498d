package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

const (
	maxFile  = 64 << 20  // bytes of one file
	maxDepth = 40        // levels of one document; the server takes 32 of a resource
	maxNodes = 4_000_000 // values of one document, aliases counted each time
)

// A document is one of a file, still as nodes with their places.
type document struct {
	source Source
	node   *yaml.Node
}

// documents splits a file. JSON is told from YAML by the name, else by how it begins.
func documents(file string, in io.Reader) (list []document, faults Faults) {
	b, err := io.ReadAll(io.LimitReader(in, maxFile+1))
	if err == nil && len(b) > maxFile {
		err = fmt.Errorf("has more than %d bytes", maxFile)
	}
	if err != nil {
		return nil, Faults{{Source: Source{File: file, Document: 1}, Message: err.Error()}}
	}
	b = bytes.TrimPrefix(b, []byte("\ufeff"))
	if isJSON(file, b) {
		return jsonDocuments(file, b)
	}
	return yamlDocuments(file, b)
}

func isJSON(file string, b []byte) bool {
	switch low := strings.ToLower(file); {
	case strings.HasSuffix(low, ".json"):
		return true
	case strings.HasSuffix(low, ".yaml"), strings.HasSuffix(low, ".yml"):
		return false
	}
	b = bytes.TrimLeft(b, " \t\r\n")
	return len(b) > 0 && (b[0] == '{' || b[0] == '[')
}

var yamlLine = regexp.MustCompile(`^yaml: (?:unmarshal errors:\n  )?line (\d+): `)

func yamlDocuments(file string, b []byte) (list []document, faults Faults) {
	d := yaml.NewDecoder(bytes.NewReader(b))
	for number := 1; ; number++ {
		var n yaml.Node
		err := d.Decode(&n)
		switch {
		case errors.Is(err, io.EOF):
			return list, faults
		case err != nil:
			at := Source{File: file, Document: number}
			if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
				at.Line, _ = strconv.Atoi(m[1])
				at.Column = 1
			}
			message := yamlLine.ReplaceAllString(err.Error(), "")
			return list, append(faults, &Fault{Source: at, Message: strings.TrimPrefix(message, "yaml: ")})
		}
		if root := n.Content[0]; root.ShortTag() != "!!null" { // nothing between two lines of ---
			list = append(list, document{Source{file, number, root.Line, root.Column}, root})
		}
	}
}

// A reader makes plain values of nodes.
type reader struct {
	source Source
	nodes  int
	faults Faults
}

func (r *reader) fail(n *yaml.Node, format string, args ...any) {
	at := r.source
	if n != nil { // nil: what should be there is not
		at.Line, at.Column = n.Line, n.Column
	}
	r.faults = append(r.faults, &Fault{Source: at, Message: fmt.Sprintf(format, args...)})
}

// errTooMuch ends the reading of a document.
var errTooMuch = errors.New("too much")

// value reads one node: maps, slices, strings, booleans, json.Number, nil.
func (r *reader) value(n *yaml.Node, depth int) (any, error) {
	if r.nodes++; r.nodes > maxNodes || depth > maxDepth {
		r.fail(n, "nested too deeply, or too much of it")
		return nil, errTooMuch
	}
	switch n.Kind {
	case yaml.AliasNode:
		return r.value(n.Alias, depth+1)
	case yaml.MappingNode:
		o := map[string]any{}
		return o, r.mapping(n, o, depth)
	case yaml.SequenceNode:
		list := make([]any, 0, len(n.Content))
		for _, one := range n.Content {
			v, err := r.value(one, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, nil
	}
	return r.scalar(n), nil
}

func (r *reader) mapping(n *yaml.Node, o map[string]any, depth int) error {
	var merged []*yaml.Node
	lines := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		switch {
		case key.Kind == yaml.ScalarNode && key.ShortTag() == "!!merge":
			merged = append(merged, value)
			continue
		case key.Kind != yaml.ScalarNode:
			r.fail(key, "want a name as key")
			continue
		case lines[key.Value] > 0:
			r.fail(key, "key %q is here twice, first in line %d", key.Value, lines[key.Value])
			continue
		}
		lines[key.Value] = key.Line
		v, err := r.value(value, depth+1)
		if err != nil {
			return err
		}
		o[key.Value] = v
	}
	for _, m := range merged {
		if err := r.merge(m, o, depth); err != nil {
			return err
		}
	}
	return nil
}

// merge is YAML's <<: what is there already wins.
func (r *reader) merge(n *yaml.Node, o map[string]any, depth int) error {
	v, err := r.value(n, depth+1)
	if err != nil {
		return err
	}
	list, isList := v.([]any)
	if !isList {
		list = []any{v}
	}
	for _, one := range list {
		from, ok := one.(map[string]any)
		if !ok {
			r.fail(n, "<< wants a mapping, or a list of them")
			return nil
		}
		for k, v := range from {
			if _, there := o[k]; !there {
				o[k] = v
			}
		}
	}
	return nil
}

func (r *reader) scalar(n *yaml.Node) any {
	switch n.ShortTag() {
	case "!!null":
		return nil
	case "!!str", "!!timestamp", "!!merge": // JSON has no time: it is text as written
		return n.Value
	case "!!bool":
		var b bool
		if n.Decode(&b) == nil {
			return b
		}
	case "!!int", "!!float":
		if number, ok := numberOf(n); ok {
			return number
		}
		r.fail(n, "the number %.40s cannot be written in JSON", n.Value)
		return nil
	}
	r.fail(n, "a value of the type %s is not possible here; quote it if it is meant as text", n.ShortTag())
	return nil
}

// plainNumber is a number as JSON writes it.
var plainNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

func numberOf(n *yaml.Node) (json.Number, bool) {
	if plainNumber.MatchString(n.Value) {
		return json.Number(n.Value), true
	}
	var i int64
	if n.ShortTag() == "!!int" && n.Decode(&i) == nil { // 0x1F, 0o17, 1_000
		return json.Number(strconv.FormatInt(i, 10)), true
	}
	var f float64
	if n.ShortTag() == "!!float" && n.Decode(&f) == nil && !math.IsNaN(f) && !math.IsInf(f, 0) {
		return json.Number(strconv.FormatFloat(f, 'g', -1, 64)), true
	}
	return "", false
}

// lookUp follows a path as "properties.topicTemplates[0]" as far as it exists.
func lookUp(n *yaml.Node, path string) *yaml.Node {
	for _, step := range steps(path) {
		next := below(n, step)
		if next == nil {
			break
		}
		n = next
	}
	return n
}

// steps splits a path at dots and brackets.
func steps(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == '.' || r == '[' || r == ']' })
}

func below(n *yaml.Node, step string) *yaml.Node {
	for hops := 0; n != nil && n.Kind == yaml.AliasNode && hops < maxDepth; hops++ {
		n = n.Alias
	}
	switch {
	case n == nil:
	case n.Kind == yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			if strings.EqualFold(n.Content[i].Value, step) {
				return n.Content[i+1]
			}
		}
	case n.Kind == yaml.SequenceNode:
		if i, err := strconv.Atoi(step); err == nil && i >= 0 && i < len(n.Content) {
			return n.Content[i]
		}
	}
	return nil
}
