package mosquitto

import (
	"fmt"
	"strconv"

	"gopkg.in/yaml.v3"

	"gridmq/control/manifest"
	"gridmq/topic"
)

// What rules of the dynamic security plugin are about.
const (
	dynSend      = "publishClientSend"
	dynReceive   = "publishClientReceive"
	dynLiteral   = "subscribeLiteral"
	dynPattern   = "subscribePattern"
	dynUnLiteral = "unsubscribeLiteral"
	dynUnPattern = "unsubscribePattern"
)

// A dynRule is one ACL of a role.
type dynRule struct {
	kind, filter string
	allow        bool
	priority     int
	at           manifest.Source
}

func (r *dynRule) text() string {
	verb := "deny"
	if r.allow {
		verb = "allow"
	}
	return fmt.Sprintf("%s %s %s", r.kind, printable(r.filter), verb)
}

type dynRole struct {
	name  string
	rules []*dynRule
	at    manifest.Source
}

// A dynRef names a role, a group or a client, with a priority.
type dynRef struct {
	name     string
	priority int
}

type dynClient struct {
	account
	clientID string
	roles    []dynRef
	groups   []dynRef // where the groups name it
}

type dynGroup struct {
	name    string
	roles   []dynRef
	clients []dynRef
	at      manifest.Source
}

// A dynFile is the file of the plugin.
type dynFile struct {
	clients   []*dynClient
	groups    map[string]*dynGroup
	roles     map[string]*dynRole
	defaults  map[string]bool // publishClientSend, publishClientReceive, subscribe, unsubscribe
	anonymous string          // the group of clients without a user name
	at        map[string]manifest.Source
}

// A dynReader reads one, and remembers what is wrong with it.
type dynReader struct {
	file   string
	faults manifest.Faults
}

func readDynamic(file string, text []byte) (*dynFile, manifest.Faults) {
	root, err := manifest.JSONNode(file, text)
	if err != nil {
		wrong, _ := err.(manifest.Faults)
		return nil, wrong
	}
	r := &dynReader{file: file}
	f := &dynFile{groups: map[string]*dynGroup{}, roles: map[string]*dynRole{}, defaults: map[string]bool{}, at: map[string]manifest.Source{}}
	if root.Kind != yaml.MappingNode {
		r.fail(root, "want an object, as the plugin writes it")
		return nil, r.faults
	}
	f.anonymous = r.text(root, "anonymousGroup")
	f.at["anonymousGroup"] = r.source(root)
	if d := field(root, "defaultACLAccess"); d != nil {
		for _, name := range []string{dynSend, dynReceive, "subscribe", "unsubscribe"} {
			f.defaults[name] = r.yes(d, name)
			f.at[name] = r.source(d)
		}
	}
	for _, n := range r.list(root, "roles") {
		r.role(f, n)
	}
	for _, n := range r.list(root, "groups") {
		r.group(f, n)
	}
	known := map[string]bool{}
	for _, n := range r.list(root, "clients") {
		if c := r.client(n); known[c.name] {
			r.fail(n, "client %s is there twice", quoted(c.name))
		} else if c.name != "" {
			known[c.name] = true
			f.clients = append(f.clients, c)
		}
	}
	f.join()
	return f, r.faults
}

// join tells clients which groups they are in.
func (f *dynFile) join() {
	in := map[string][]dynRef{}
	for _, name := range sortedKeys(f.groups) {
		for _, c := range f.groups[name].clients {
			in[c.name] = append(in[c.name], dynRef{name, c.priority})
		}
	}
	for _, c := range f.clients {
		c.groups = in[c.name]
	}
}

func (r *dynReader) role(f *dynFile, n *yaml.Node) {
	role := &dynRole{name: r.name(n, "rolename"), at: r.source(n)}
	if f.roles[role.name] != nil {
		r.fail(n, "role %s is there twice", quoted(role.name))
	}
	f.roles[role.name] = role
	for _, one := range r.list(n, "acls") {
		a := &dynRule{kind: r.text(one, "acltype"), filter: r.text(one, "topic"), allow: r.yes(one, "allow"),
			priority: r.number(one, "priority", 0), at: r.source(one)}
		switch a.kind {
		case dynSend, dynReceive, dynLiteral, dynPattern, dynUnLiteral, dynUnPattern:
		default:
			r.fail(one, "acltype %q is not known", printable(a.kind))
			continue
		}
		if err := topic.ValidFilter(a.filter); err != nil {
			r.fail(one, "topic %q is no topic filter", printable(a.filter))
			continue
		}
		role.rules = append(role.rules, a)
	}
}

func (r *dynReader) group(f *dynFile, n *yaml.Node) {
	g := &dynGroup{name: r.name(n, "groupname"), at: r.source(n), roles: r.refs(n, "roles", "rolename"), clients: r.refs(n, "clients", "username")}
	if f.groups[g.name] != nil {
		r.fail(n, "group %s is there twice", quoted(g.name))
	}
	f.groups[g.name] = g
}

func (r *dynReader) client(n *yaml.Node) *dynClient {
	c := &dynClient{clientID: r.text(n, "clientid"), roles: r.refs(n, "roles", "rolename")}
	c.name, c.at, c.disabled = r.name(n, "username"), r.source(n), r.yes(n, "disabled")
	c.description = r.text(n, "textdescription")
	if c.description == "" {
		if c.description = r.text(n, "textname"); c.description == "" {
			c.description = r.text(n, "textName") // as mosquitto_ctrl init writes it
		}
	}
	if c.hash = r.text(n, "encoded_password"); c.hash == "" && field(n, "password") != nil {
		c.hash = "$7$" + strconv.Itoa(r.number(n, "iterations", -1)) + "$" + r.text(n, "salt") + "$" + r.text(n, "password")
	}
	return c
}

func (r *dynReader) refs(n *yaml.Node, list, name string) (all []dynRef) {
	for _, one := range r.list(n, list) {
		all = append(all, dynRef{r.name(one, name), r.number(one, "priority", -1)})
	}
	return all
}

func (r *dynReader) source(n *yaml.Node) manifest.Source {
	return manifest.Source{File: r.file, Line: n.Line, Column: n.Column}
}

func (r *dynReader) fail(n *yaml.Node, format string, args ...any) {
	r.faults = append(r.faults, &manifest.Fault{Source: r.source(n), Message: fmt.Sprintf(format, args...)})
}

// field is a member of an object; nil if there is none.
func field(n *yaml.Node, name string) *yaml.Node {
	if n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return n.Content[i+1]
		}
	}
	return nil
}

func (r *dynReader) list(n *yaml.Node, name string) []*yaml.Node {
	v := field(n, name)
	if v == nil {
		return nil
	}
	if v.Kind != yaml.SequenceNode {
		r.fail(v, "%s: want a list", name)
		return nil
	}
	for _, one := range v.Content {
		if one.Kind != yaml.MappingNode {
			r.fail(one, "%s: want a list of objects", name)
			return nil
		}
	}
	return v.Content
}

func (r *dynReader) scalar(n *yaml.Node, name, tag, want string) string {
	v := field(n, name)
	if v == nil || v.Tag == "!!null" {
		return ""
	}
	if v.Kind != yaml.ScalarNode || v.Tag != tag {
		r.fail(v, "%s: want %s", name, want)
		return ""
	}
	return v.Value
}

func (r *dynReader) text(n *yaml.Node, name string) string {
	return r.scalar(n, name, "!!str", "a string")
}

// name is a string that has to be there.
func (r *dynReader) name(n *yaml.Node, name string) string {
	s := r.text(n, name)
	if s == "" {
		r.fail(n, "%s is missing", name)
	}
	return s
}

func (r *dynReader) yes(n *yaml.Node, name string) bool {
	return r.scalar(n, name, "!!bool", "true or false") == "true"
}

func (r *dynReader) number(n *yaml.Node, name string, otherwise int) int {
	v := field(n, name)
	if v == nil {
		return otherwise
	}
	i, err := strconv.Atoi(v.Value)
	if err != nil {
		r.fail(v, "%s: want an integer", name)
	}
	return i
}
