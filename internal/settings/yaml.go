package settings

import (
	"errors"
	"io"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// Bounds for aliases that contain themselves or one another many times.
const (
	maxDepth = 32
	maxNodes = 100_000
)

// YAML lays one document over the struct. name is what problems call it.
func (l *Loader) YAML(name string, r io.Reader) {
	d := yaml.NewDecoder(r)
	var doc yaml.Node
	if err := d.Decode(&doc); errors.Is(err, io.EOF) {
		return // an empty file sets nothing
	} else if err != nil {
		l.syntax(name, err)
		return
	}
	var second yaml.Node
	if err := d.Decode(&second); err == nil {
		l.add(Place{name, second.Line, second.Column}, "", "more than one document")
		return
	} else if !errors.Is(err, io.EOF) {
		l.syntax(name, err)
		return
	}
	y := &yamlReader{l: l, name: name}
	y.node(doc.Content[0], l.into, "", 0)
}

var lineInError = regexp.MustCompile(`^yaml: line (\d+): `)

func (l *Loader) syntax(name string, err error) {
	at, text := Place{Source: name}, strings.TrimPrefix(err.Error(), "yaml: ")
	if m := lineInError.FindStringSubmatch(err.Error()); m != nil {
		at.Line, _ = strconv.Atoi(m[1])
		at.Column = 1
		text = strings.TrimPrefix(err.Error(), m[0])
	}
	l.add(at, "", "%s", text)
}

type yamlReader struct {
	l     *Loader
	name  string
	nodes int               // visited
	onSet func(path string) // inside Overrides: a leaf has been set
}

func (y *yamlReader) at(n *yaml.Node) Place { return Place{y.name, n.Line, n.Column} }

func (y *yamlReader) node(n *yaml.Node, v reflect.Value, path string, depth int) {
	if y.nodes++; depth > maxDepth || y.nodes > maxNodes {
		if y.nodes <= maxNodes+1 { // say the latter once
			y.l.add(y.at(n), path, "nested too deeply, or too much of it")
		}
		return
	}
	if n.Kind == yaml.AliasNode {
		y.node(n.Alias, v, path, depth+1)
		return
	}
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return // a key with nothing behind it keeps its default
	}
	if o, ok := overridesOf(v); ok {
		y.onSet = func(leaf string) { o.mark(strings.TrimPrefix(leaf, path+".")) }
		y.node(n, o.target(), path, depth+1)
		y.onSet = nil
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		y.mapping(n, path, Keys(v.Type()), func(key string, value *yaml.Node) {
			f, _ := field(v, key)
			y.node(value, f, join(path, key), depth+1)
		})
	case reflect.Map:
		y.mapping(n, path, nil, func(key string, value *yaml.Node) {
			elem := element(v, key)
			y.node(value, elem, join(path, key), depth+1)
			setElement(v, key, elem)
		})
	default:
		y.leaf(n, v, path)
	}
}

// mapping visits the pairs of n; known lists the keys allowed, nil for any name.
func (y *yamlReader) mapping(n *yaml.Node, path string, known []string, visit func(string, *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		y.l.add(y.at(n), path, "want keys with values here, have %s", kindOf(n))
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		switch at := y.at(key); {
		case key.Kind != yaml.ScalarNode:
			y.l.add(at, path, "want a name as key, have %s", kindOf(key))
		case seen[key.Value] > 0:
			y.l.add(at, path, "key %q is here twice, first in line %d", key.Value, seen[key.Value])
		case known != nil && !slices.Contains(known, key.Value):
			y.l.add(at, path, "unknown key %q%s", key.Value, suggest(key.Value, known))
		case known == nil && !ValidName(key.Value):
			y.l.add(at, path, "name %q: want 1 to 50 lower-case letters, digits and hyphens", key.Value)
		default:
			y.l.places[join(path, key.Value)] = at
			visit(key.Value, n.Content[i+1])
		}
		seen[key.Value] = key.Line
	}
}

// leaf sets one value. YAML's own idea of its type has to fit: yes and 8883 are
// not text unless they are quoted.
func (y *yamlReader) leaf(n *yaml.Node, v reflect.Value, path string) {
	y.l.places[path] = y.at(n)
	if v.Type() == reflect.TypeFor[[]string]() {
		y.list(n, v, path)
		return
	}
	if want, ok := fits(n, v); !ok {
		y.l.add(y.at(n), path, "want %s, have %s", want, kindOf(n))
		return
	}
	if err := parse(v, lastKey(path), n.Value); err != nil {
		y.l.add(y.at(n), path, "%v", err)
		return
	}
	if y.onSet != nil {
		y.onSet(path)
	}
}

func (y *yamlReader) list(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.SequenceNode {
		y.l.add(y.at(n), path, "want a list of texts, have %s", kindOf(n))
		return
	}
	list := []string{}
	for _, one := range n.Content {
		if one.Kind != yaml.ScalarNode || one.Tag != "!!str" {
			y.l.add(y.at(one), path, "want text, have %s", kindOf(one))
			continue
		}
		list = append(list, one.Value)
	}
	v.Set(reflect.ValueOf(list))
}

func fits(n *yaml.Node, v reflect.Value) (want string, ok bool) {
	scalar := n.Kind == yaml.ScalarNode
	switch {
	case v.Type() == reflect.TypeFor[time.Duration]():
		return "a duration such as 30s", scalar && (n.Tag == "!!str" || n.Value == "0")
	case v.Kind() == reflect.Bool:
		return "true or false", scalar && n.Tag == "!!bool"
	case v.Kind() == reflect.String:
		return "text", scalar && n.Tag == "!!str"
	case v.CanInt(), v.CanUint():
		return "a whole number", scalar && (n.Tag == "!!int" || n.Tag == "!!str")
	case v.CanFloat():
		return "a number", scalar && (n.Tag == "!!int" || n.Tag == "!!float")
	}
	return "a single value", scalar
}

func kindOf(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "keys with values"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Tag == "!!null":
		return "nothing"
	case n.Tag == "!!bool":
		return "the boolean " + n.Value + " (quote it if it is meant as text)"
	case n.Tag == "!!int", n.Tag == "!!float":
		return "the number " + n.Value + " (quote it if it is meant as text)"
	}
	return strconv.Quote(n.Value)
}
