package manifest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gridmq/internal/authority"
)

// list shows resources as "Client plant/a {body}".
func list(set *Set) (all []string) {
	for _, r := range set.Resources {
		where := ""
		if r.Scope != "" || len(r.Below) > 0 {
			where = " at " + r.Scope + strings.Join(r.Below, "/")
		}
		all = append(all, r.String()+where+" "+strings.TrimSpace(string(r.JSON())))
	}
	return all
}

func TestRead(t *testing.T) {
	tests := map[string]struct {
		file, text string
		want       []string
	}{
		"documents": {"a.yaml", `
kind: Namespace
name: plant
location: local
tags: {site: 4}
---
# nothing
---
kind: client
namespace: plant
name: press:07.a
properties:
  attributes: {floor: 1, hex: 0x1F, ratio: 1.50, since: 2026-01-02, yes: yes, on: true, none: }
`, []string{
			`Namespace plant {"location":"local","tags":{"site":4}}`,
			`Client plant/press:07.a {"properties":{"attributes":{"floor":1,"hex":31,"none":null,"on":true,"ratio":1.50,"since":"2026-01-02","yes":"yes"}}}`,
		}},
		"default namespace": {"a.yaml", "{kind: topicspaces, name: all, properties: {topicTemplates: ['#']}}",
			[]string{`TopicSpace dft/all {"properties":{"topicTemplates":["#"]}}`}},
		"anchors": {"a.yml", `
- {kind: Client, name: a, properties: &p {attributes: {k: v}}}
- {kind: Client, name: b, properties: {<<: *p, description: d}}
- kind: Client
  name: c
  properties: *p
`, []string{`Client dft/a {"properties":{"attributes":{"k":"v"}}}`, `Client dft/b {"properties":{"attributes":{"k":"v"},"description":"d"}}`,
			`Client dft/c {"properties":{"attributes":{"k":"v"}}}`}},
		"json, several, comments, tabs": {"a.json", "// first\n{\"kind\":\"Client\",\t\"name\":\"a\"}\n\t{\"kind\":\"Client\",\"name\":\"\\ud83d\\ude00b\" /* \" */,\n\"properties\":{\"description\":\"//\"}}",
			[]string{`Client dft/a {}`, `Client dft/😀b {"properties":{"description":"//"}}`}},
		"json by its look": {"standard input", ` [{"kind":"ClientGroup","name":"g","properties":{"query":"a = 1e2"}}]`,
			[]string{`ClientGroup dft/g {"properties":{"query":"a = 1e2"}}`}},
		"shown": {"a.json", `{"id":"/subscriptions/S/resourceGroups/G/providers/Microsoft.EventGrid/namespaces/plant/clients/a","name":"a",
			"type":"Microsoft.EventGrid/namespaces/clients","properties":{"description":"[concat('x')]"},"systemData":{}}`,
			[]string{`Client plant/a {"properties":{"description":"[concat('x')]"}}`}},
		"list of shown": {"a.json", `{"value":[{"id":"/subscriptions/S/resourceGroups/G/providers/microsoft.eventgrid/namespaces/plant",
			"type":"microsoft.eventgrid/namespaces","location":"local","properties":{}}]}`,
			[]string{`Namespace plant {"location":"local","properties":{}}`}},
		"roles": {"a.yaml", `
- {kind: RoleAssignment, namespace: plant, name: r1, properties: {principalId: x}}
- {kind: RoleAssignment, namespace: plant, name: r2, scope: topicspaces/telemetry}
- {kind: RoleAssignment, name: r3, scope: /subscriptions/S}
- {kind: RoleAssignment, name: r4, scope: /subscriptions/S/resourceGroups/G/providers/Microsoft.EventGrid/namespaces/plant/topicSpaces/t}
`, []string{`RoleAssignment plant/r1 {"properties":{"principalId":"x"}}`, `RoleAssignment plant/r2 at topicSpaces/telemetry {}`,
			`RoleAssignment r3 at /subscriptions/S {}`, `RoleAssignment plant/r4 at topicSpaces/t {}`}},
		"byte order mark": {"a.json", "\ufeff{\"kind\":\"Client\",\"name\":\"a\"}", []string{`Client dft/a {}`}},
		"empty":           {"a.yaml", "---\n---\n", nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			set, err := Read(tt.file, strings.NewReader(tt.text), Options{Namespace: "dft"})
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, list(set)); d != "" {
				t.Errorf("read (-want +got):\n%s", d)
			}
		})
	}
}

func TestFaults(t *testing.T) {
	tests := map[string]struct{ file, text, want string }{
		"kind":            {"a.yaml", "kind: Cleint\nname: x", `a.yaml:1:7: document 1: kind: there is no kind "Cleint" (did you mean "Client"?)`},
		"member":          {"a.yaml", "name: x\nkind: Client\nnamespace: n\npropertis: {}", `a.yaml:4:12: document 1, Client n/x: propertis: there is no such member (did you mean "properties"?)`},
		"second document": {"a.yaml", "kind: Namespace\nname: n\n---\nkind: Client\nname: c", "a.yaml:4:1: document 2, Client c: namespace: is needed"},
		"key twice":       {"a.yaml", "kind: Client\nkind: Client", `a.yaml:2:1: document 1: key "kind" is here twice, first in line 1`},
		"described twice": {"a.yaml", "{kind: ClientGroup, namespace: n, name: G}\n---\n{kind: clientgroup, namespace: N, name: g}", "a.yaml:3:1: document 2, ClientGroup N/g: is here twice, first at a.yaml:1:1"},
		"syntax, yaml":    {"a.yaml", "kind: [", "a.yaml:1:1: document 1: did not find expected node content"},
		"syntax, json":    {"a.json", "{\n \"a\": 1,\n}", "a.json:3:1: document 1: invalid character '}'"},
		"json ends":       {"a.json", "{\"a\": ", "document 1: ends in the middle of a value"},
		"not a number":    {"a.yaml", "{kind: Client, name: x, namespace: n, properties: {a: .inf}}", "a.yaml:1:55: document 1: the number .inf cannot be written in JSON"},
		"binary":          {"a.yaml", "a: !!binary aGk=", "a.yaml:1:4: document 1: a value of the type !!binary"},
		"no object":       {"a.yaml", "{kind: Client, name: x, namespace: n, properties: [1]}", "properties: want names with values"},
		"neither":         {"a.yaml", "name: x", "want a member kind (Namespace,"},
		"parameter file":  {"a.json", `{"$schema":"https://x/deploymentParameters.json#","parameters":{}}`, "--parameter-file"},
		"other type":      {"a.json", `{"resources":[{"type":"Microsoft.Storage/accounts","name":"x"}]}`, `a.json:1:23: document 1, Microsoft.Storage/accounts x: type: resources of the type "Microsoft.Storage/accounts" are not known here`},
		"scope":           {"a.yaml", "{kind: RoleAssignment, name: r, namespace: n, scope: x/y/z}", "scope: want a resource id"},
		"slash":           {"a.yaml", "{kind: Client, name: a/b, namespace: n}", "name: may not have a slash"},
		"deep":            {"a.yaml", strings.Repeat("[", 60) + strings.Repeat("]", 60), "nested too deeply"},
		"deep json":       {"a.json", strings.Repeat("[", 60000), "nested too deeply"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := Read(tt.file, strings.NewReader(tt.text), Options{})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %q, want %q in it", err, tt.want)
			}
		})
	}
}

// TestAliases: a few lines that would become billions of values end.
func TestAliases(t *testing.T) {
	text := "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
	for i := range 12 {
		text += strings.NewReplacer("N", string(rune('b'+i)), "P", string(rune('a'+i))).Replace("N0: &N0 [*P0, *P0, *P0, *P0, *P0, *P0, *P0, *P0, *P0]\n")
	}
	if _, err := Read("a.yaml", strings.NewReader(text), Options{}); err == nil || !strings.Contains(err.Error(), "too much of it") {
		t.Errorf("error %v, want that it is too much", err)
	}
}

func TestCertificateFile(t *testing.T) {
	dir := t.TempDir()
	ca, err := authority.NewCA(authority.CAOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := ca.Save(filepath.Join(dir, "ca"), false); err != nil {
		t.Fatal(err)
	}
	text := "kind: CACertificate\nnamespace: n\nname: ca-1\nproperties:\n  encodedCertificateFile: ca/FILE\n"
	path := filepath.Join(dir, "ca.yaml")
	for file, want := range map[string]string{"ca.pem": "", "ca-key.pem": "ca.yaml:5:27: document 1, CACertificate n/ca-1: properties.encodedCertificateFile: "} {
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(text, "FILE", file)), 0o600); err != nil {
			t.Fatal(err)
		}
		set, err := ReadFiles([]string{path}, Options{})
		switch {
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: error %v, want %q in it", file, err, want)
		case want == "" && (err != nil || !strings.Contains(string(set.Resources[0].JSON()), "BEGIN CERTIFICATE")):
			t.Errorf("%s: %v, want a certificate", file, err)
		}
	}
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"b.yaml", "a.json", "c.txt", ".hidden.yaml", "sub/d.yml", ".git/e.yaml"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := Files([]string{"-", dir, filepath.Join(dir, "c.txt")})
	if err != nil {
		t.Fatal(err)
	}
	for i := range got {
		got[i] = strings.TrimPrefix(got[i], dir+"/")
	}
	if want := []string{"-", "a.json", "b.yaml", "sub/d.yml", "c.txt"}; !slices.Equal(got, want) {
		t.Errorf("files %q, want %q", got, want)
	}
	if _, err := Files([]string{filepath.Join(dir, "nothing")}); err == nil {
		t.Error("a file that is not there is accepted")
	}
}

func TestLevels(t *testing.T) {
	set, err := Read("a.yaml", strings.NewReader(`
- {kind: RoleAssignment, name: r, scope: topicSpaces/s}
- {kind: PermissionBinding, name: b, properties: {clientGroupName: g, topicSpaceName: s}}
- {kind: Client, name: c}
- {kind: TopicSpace, name: s}
- {kind: Namespace, name: n}
- {kind: ClientGroup, name: g}
`), Options{Namespace: "n"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, level := range Levels(set.Resources) {
		var names []string
		for _, r := range level {
			names = append(names, r.Name)
		}
		got = append(got, strings.Join(names, " "))
	}
	if want := []string{"n", "c s g", "b", "r"}; !slices.Equal(got, want) {
		t.Errorf("levels %q, want %q", got, want)
	}
	var needs []string
	for _, r := range set.Resources[1].Needs(NewIndex(set.Resources)) {
		needs = append(needs, r.Name)
	}
	slices.Sort(needs)
	if want := []string{"g", "n", "s"}; !slices.Equal(needs, want) {
		t.Errorf("the binding needs %q, want %q", needs, want)
	}
}
