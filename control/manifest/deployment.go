package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// A Deployment is a template with what it is deployed with: the body that tools send to
// Microsoft.Resources/deployments (spec/control-plane.md, section 9.1).
type Deployment struct {
	Mode       string         // "Incremental" or "Complete"
	Parameters map[string]any // name -> {"value": ...}, as they were sent
	Set        *Set
	Outputs    map[string]any // name -> {"type", "value"}
}

// ReadDeployment reads a deployment in JSON. Members need no quotes: az writes template without.
// Members that name files on this machine are refused. The error is Faults.
func ReadDeployment(body []byte, o Options) (*Deployment, error) {
	o.noFiles = true
	if len(body) > maxFile {
		return nil, Faults{{Message: fmt.Sprintf("has more than %d bytes", maxFile)}}
	}
	docs, faults := jsonDocuments("", quoteMembers(bytes.TrimPrefix(body, []byte("\ufeff"))))
	if len(faults) > 0 {
		return nil, faults
	}
	if len(docs) != 1 {
		return nil, Faults{{Message: "want one object, with properties"}}
	}
	r := &documentReader{reader: reader{source: docs[0].source}, options: &o, dir: ".", set: new(Set)}
	v, err := r.value(docs[0].node, 0)
	if err != nil || len(r.faults) > 0 {
		return nil, r.faults
	}
	d := r.deployment(docs[0].node, v)
	return d, append(r.faults, r.set.checkTwice()...).err()
}

func (d *documentReader) deployment(n *yaml.Node, v any) *Deployment {
	o, _ := v.(map[string]any)
	properties, _ := member(o, "properties").(map[string]any)
	template, ok := member(properties, "template").(map[string]any)
	at := below(n, "properties")
	switch {
	case !ok && member(properties, "templateLink") != nil:
		d.fail(below(at, "templateLink"), "templates are not fetched: send properties.template")
		return nil
	case !ok:
		d.fail(at, "want properties.template, a template of Resource Manager")
		return nil
	}
	x := &Deployment{Mode: firstText(text(properties, "mode"), "Incremental"), Set: d.set}
	x.Parameters, _ = member(properties, "parameters").(map[string]any)
	d.options.Parameters = map[string]any{}
	for name, one := range x.Parameters {
		given, isObject := one.(map[string]any)
		if !isObject || member(given, "value") == nil {
			d.fail(below(below(at, "parameters"), name), "parameter %q: want a value; references to vaults are not followed", name)
			continue
		}
		d.options.Parameters[name] = member(given, "value")
	}
	if len(d.faults) > 0 {
		return nil
	}
	e := d.template(below(at, "template"), template)
	outputs, _ := member(template, "outputs").(map[string]any)
	x.Outputs = map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(outputs)) {
		one, _ := outputs[name].(map[string]any)
		value, err := e.resolve(member(one, "value"))
		if err != nil {
			d.fail(below(below(below(at, "template"), "outputs"), name), "output %q: %v", name, err)
			continue
		}
		if kind := text(one, "type"); !strings.HasPrefix(strings.ToLower(kind), "secure") {
			x.Outputs[name] = map[string]any{"type": kind, "value": value}
		}
	}
	return x
}

var errNoFiles = errors.New("files of the server are not read: write the certificate itself into encodedCertificate")

// quoteMembers puts the quotes around names of members that have none. What is no JSON
// otherwise stays what it is.
func quoteMembers(b []byte) []byte {
	out := make([]byte, 0, len(b)+16)
	opened := false // behind a brace or a comma
	for i := 0; i < len(b); {
		switch c := b[i]; {
		case c == '"':
			n := len(quoted(b[i:]))
			out = append(out, b[i:i+n]...)
			i += n
			opened = false
		case opened && isNameByte(c):
			n := 1
			for i+n < len(b) && isNameByte(b[i+n]) {
				n++
			}
			name := b[i : i+n]
			if i += n; i < len(b) && b[i] == ':' {
				out = append(append(append(out, '"'), name...), '"')
			} else {
				out = append(out, name...)
			}
			opened = false
		default:
			out = append(out, c)
			i++
			switch c {
			case '{', ',':
				opened = true
			case ' ', '\t', '\r', '\n':
			default:
				opened = false
			}
		}
	}
	return out
}

// quoted is the string in JSON that b begins with, or all of b if it does not end.
func quoted(b []byte) []byte {
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return b[:i+1]
		}
	}
	return b
}

func isNameByte(c byte) bool {
	return c == '_' || c == '$' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}
