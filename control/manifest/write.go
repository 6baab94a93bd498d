package manifest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// Shown reads a resource that the server has shown, for writing it into a file: what
// only the server sets is left out.
func Shown(raw []byte) (*Resource, error) {
	docs, faults := jsonDocuments("answer", raw)
	if len(faults) > 0 || len(docs) != 1 {
		return nil, fmt.Errorf("the answer is no resource: %w", faults.err())
	}
	set := new(Set)
	d := &documentReader{reader: reader{source: docs[0].source}, options: &Options{}, set: set}
	v, err := d.value(docs[0].node, 0)
	o, ok := v.(map[string]any)
	if err == nil && ok {
		d.shown(docs[0].node, o)
	}
	if len(d.faults) > 0 || len(set.Resources) != 1 {
		return nil, fmt.Errorf("the answer is no resource: %w", d.faults.err())
	}
	r := set.Resources[0]
	r.node = nil
	r.clean()
	return r, nil
}

// clean leaves out what only the server sets.
func (r *Resource) clean() {
	clean(r.Body)
	if identity, ok := r.Body["identity"].(map[string]any); ok {
		delete(identity, "principalId")
		delete(identity, "tenantId")
	}
	if p, ok := r.Body["properties"].(map[string]any); ok {
		for _, name := range map[*Kind][]string{RoleAssignment: {"scope"}, CustomTopic: {"endpoint", "metricResourceId"}, CustomTopicSubscription: {"topic"}}[r.Kind] {
			delete(p, name)
		}
	}
}

// serverSets are members that only the server sets, wherever they are.
var serverSets = map[string]bool{"provisioningState": true, "privateEndpointConnections": true, "hostname": true, "issueTimeInUtc": true,
	"expiryTimeInUtc": true, "hasPassword": true, "hasSecret": true, "expectedTxtRecordName": true, "expectedTxtRecordValue": true,
	"validationState": true, "endpointBaseUrl": true}

func clean(v any) {
	switch v := v.(type) {
	case map[string]any:
		for name, one := range v {
			if serverSets[name] {
				delete(v, name)
				continue
			}
			if name != "attributes" && name != "tags" { // names of the user's own
				clean(one)
			}
		}
		for name, one := range v {
			if o, ok := one.(map[string]any); ok && len(o) == 0 && name == "gridmq" {
				delete(v, name)
			}
		}
	case []any:
		for _, one := range v {
			clean(one)
		}
	}
}

// A pair is a member of an object that keeps its place.
type pair struct {
	name  string
	value any
}

// members are those of the document, in the order in which people read them. Place
// is given where it is not the server's own.
func (r *Resource) members() (list []pair) {
	add := func(name string, v any, there bool) {
		if there {
			list = append(list, pair{name, v})
		}
	}
	add("kind", r.Kind.Name, true)
	add("namespace", r.Namespace, r.Kind != Namespace && r.Namespace != "")
	add("name", r.Name, true)
	add("subscription", r.Subscription, (r.Kind == Namespace || r.Kind.Apart) && r.Subscription != "" && r.Subscription != DefaultSubscription)
	add("resourceGroup", r.Group, (r.Kind == Namespace || r.Kind.Apart) && r.Group != "" && r.Group != DefaultGroup)
	add("scope", r.Scope, r.Scope != "")
	add("scope", strings.Join(r.Below, "/"), len(r.Below) > 0)
	for _, name := range []string{"location", "tags", "sku", "identity", "properties"} {
		add(name, r.Body[name], r.Body[name] != nil)
	}
	return list
}

// WriteYAML writes documents that Read reads.
func WriteYAML(w io.Writer, list []*Resource) error {
	for i, r := range list {
		if i > 0 {
			if _, err := io.WriteString(w, "---\n"); err != nil {
				return err
			}
		}
		n := &yaml.Node{Kind: yaml.MappingNode}
		for _, p := range r.members() {
			n.Content = append(n.Content, scalar("!!str", p.name), yamlOf(p.value))
		}
		if err := encodeYAML(w, n); err != nil {
			return err
		}
	}
	return nil
}

func encodeYAML(w io.Writer, n *yaml.Node) error {
	e := yaml.NewEncoder(w)
	e.SetIndent(2)
	if err := e.Encode(n); err != nil {
		return err
	}
	return e.Close()
}

// WriteAnyYAML writes any value of JSON.
func WriteAnyYAML(w io.Writer, v any) error { return encodeYAML(w, yamlOf(v)) }

func scalar(tag, value string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: value}
}

func yamlOf(v any) *yaml.Node {
	switch v := v.(type) {
	case map[string]any:
		n := &yaml.Node{Kind: yaml.MappingNode}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			n.Content = append(n.Content, yamlText(name), yamlOf(v[name]))
		}
		return n
	case []any:
		n := &yaml.Node{Kind: yaml.SequenceNode}
		for _, one := range v {
			n.Content = append(n.Content, yamlOf(one))
		}
		return n
	case string:
		return yamlText(v)
	case json.Number:
		if strings.ContainsAny(string(v), ".eE") {
			return scalar("!!float", string(v))
		}
		return scalar("!!int", string(v))
	case bool:
		return scalar("!!bool", fmt.Sprint(v))
	}
	return scalar("!!null", "null")
}

// yamlText writes lines as lines where that is without loss in every reader.
func yamlText(s string) *yaml.Node {
	n := scalar("!!str", s)
	unusual := strings.ContainsFunc(s, func(r rune) bool { return r != '\n' && (r < ' ' || r > '~') })
	switch lines := strings.Contains(s, "\n"); {
	case unusual, s == "<<", lines && (strings.TrimSpace(s) != strings.TrimSuffix(s, "\n") || strings.TrimSpace(s) == "" || strings.Contains(s, " \n")):
		n.Style = yaml.DoubleQuotedStyle
	case lines:
		n.Style = yaml.LiteralStyle
	}
	return n
}

// WriteJSON writes a list of documents that Read reads.
func WriteJSON(w io.Writer, list []*Resource) error {
	all := make([]any, 0, len(list))
	for _, r := range list {
		o := map[string]any{}
		for _, p := range r.members() {
			o[p.name] = p.value
		}
		all = append(all, o)
	}
	return writeIndented(w, all)
}

func writeIndented(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// armVersion is the api-version of resources in templates.
const armVersion = "2025-11-15-preview"

// WriteARM writes a template of Resource Manager.
func WriteARM(w io.Writer, list []*Resource) error { return WriteARMWith(w, list, nil) }

// WriteARMWith also says what was withheld, where people and Read find it.
func WriteARMWith(w io.Writer, list []*Resource, withheld []string) error {
	resources := make([]any, 0, len(list))
	ix := NewIndex(list)
	for _, r := range list {
		resources = append(resources, r.arm(ix))
	}
	template := map[string]any{
		"$schema":        "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
		"contentVersion": "1.0.0.0",
		"resources":      resources,
	}
	if len(withheld) > 0 {
		template["metadata"] = map[string]any{"gridmq": map[string]any{"withheld": withheld}}
	}
	return writeIndented(w, template)
}

func (r *Resource) arm(ix Index) map[string]any {
	o := map[string]any{"type": r.Kind.Type, "name": r.armName(), "apiVersion": armVersion}
	for name, v := range r.Body {
		o[name] = literal(v)
	}
	if r.Kind == RoleAssignment {
		o["apiVersion"] = "2022-04-01"
		o["scope"] = firstText(r.Scope, strings.Join(append([]string{"Microsoft.EventGrid", "namespaces", r.Namespace}, r.Below...), "/"))
	}
	var needs []any
	for _, one := range r.Needs(ix) {
		var names strings.Builder
		for part := range strings.SplitSeq(one.armName(), "/") {
			names.WriteString(", '" + strings.ReplaceAll(part, "'", "''") + "'")
		}
		needs = append(needs, "[resourceId('"+one.Kind.Type+"'"+names.String()+")]")
	}
	if needs != nil {
		o["dependsOn"] = needs
	}
	return o
}

func (r *Resource) armName() string {
	if r.Kind == Namespace || r.Kind == RoleAssignment || r.Kind.Apart {
		return r.Name
	}
	return r.Namespace + "/" + r.Name
}

// JSON is the body to send.
func (r *Resource) JSON() []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(r.Body); err != nil {
		panic("manifest: a body is not JSON: " + err.Error()) // everything in it was read
	}
	return b.Bytes()
}
