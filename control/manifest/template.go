package manifest

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// template reads the resources of a template of Resource Manager. Those of newer
// templates have symbolic names: an object instead of a list.
func (d *documentReader) template(n *yaml.Node, o map[string]any) *environment {
	e := newEnvironment(d.options, o)
	d.set.Withheld = append(d.set.Withheld, withheldIn(o)...)
	at := below(n, "resources")
	switch list := member(o, "resources").(type) {
	case []any:
		for i, one := range list {
			d.entry(e, below(at, strconv.Itoa(i)), one, "", "")
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(list)) {
			d.entry(e, below(at, name), list[name], "", "")
		}
	default:
		d.fail(at, "resources: want a list")
	}
	return e
}

// entry is one resource of a template, below another of a type and a name, or none.
func (d *documentReader) entry(e *environment, n *yaml.Node, v any, kind, name string) {
	o, ok := v.(map[string]any)
	if !ok {
		d.fail(n, "want a resource, with type, name and properties")
		return
	}
	loop, isLoop := member(o, "copy").(map[string]any)
	if !isLoop {
		d.instance(e, n, o, kind, name)
		return
	}
	word := strings.ToLower(text(loop, "name"))
	times, err := e.resolve(member(loop, "count"))
	count, isNumber := integer(times)
	if err != nil || !isNumber || count < 0 || count > maxCopies || word == "" {
		d.fail(n, "copy: want a name, and a count of at most %d", maxCopies)
		return
	}
	outer := e.loop
	defer func() { e.loop = outer; delete(e.loops, word) }()
	for i := range count {
		e.loop, e.loops[word] = word, i
		before := len(d.faults)
		d.instance(e, n, o, kind, name)
		if len(d.faults) > before {
			return // the others are alike
		}
	}
}

// instance is one resource, and those that are nested in it.
func (d *documentReader) instance(e *environment, n *yaml.Node, o map[string]any, kind, name string) {
	fault := d.faultAt(n, "resource "+text(o, "name"))
	if existing, _ := member(o, "existing").(bool); existing {
		return
	}
	if condition := member(o, "condition"); condition != nil {
		v, err := e.resolve(condition)
		holds, isBool := v.(bool)
		if err != nil || !isBool {
			fault("condition", cmp.Or(err, errWantBoolean))
			return
		}
		if !holds {
			return
		}
	}
	resolved := map[string]any{}
	for _, field := range append([]string{"type", "name", "scope"}, bodyMembers...) {
		v, err := e.resolve(member(o, field))
		if err != nil {
			fault(field, err)
			return
		}
		if v != nil {
			resolved[field] = v
		}
	}
	ownType, ownName := text(resolved, "type"), text(resolved, "name")
	if kind != "" && !strings.Contains(ownType, ".") { // nested: relative to what it is in
		ownType, ownName = kind+"/"+ownType, name+"/"+ownName
	}
	resolved["type"], resolved["name"] = ownType, ownName
	d.arm(n, resolved, d.faultAt(n, ownType+" "+ownName))
	d.nested(e, n, o, ownType, ownName)
}

// faultAt is how faults of a resource of a template are told, before it is one.
func (d *documentReader) faultAt(n *yaml.Node, label string) func(string, error) {
	return func(field string, err error) {
		if f, ok := errors.AsType[*fieldError](err); ok {
			field, err = strings.TrimSuffix(field+"."+f.field, "."), f.err
			field = strings.ReplaceAll(field, ".[", "[")
		}
		r := new(Resource)
		d.place(r, n)
		d.faults = append(d.faults, &Fault{Source: r.At(field), Resource: strings.TrimSpace(label), Field: field, Message: err.Error()})
	}
}

func (d *documentReader) nested(e *environment, n *yaml.Node, o map[string]any, kind, name string) {
	list, _ := member(o, "resources").([]any)
	for i, one := range list {
		d.entry(e, below(below(n, "resources"), strconv.Itoa(i)), one, kind, name)
	}
}

// arm makes a resource of one with a type and a name of Resource Manager, as
// "Microsoft.EventGrid/namespaces/clients" and "plant/press-07".
func (d *documentReader) arm(n *yaml.Node, o map[string]any, fault func(string, error)) {
	r := &Resource{Body: map[string]any{}}
	d.place(r, n)
	kind, names, scope := text(o, "type"), strings.Split(text(o, "name"), "/"), text(o, "scope")
	if above, extends := cutProvider(kind); extends { // the older form of what lies at another resource
		if len(names) < 3 || !strings.EqualFold(names[len(names)-2], "Microsoft.Authorization") {
			fault("name", errors.New("want the names of the scope, Microsoft.Authorization and a name"))
			return
		}
		tail, err := idTail(above, names[:len(names)-2])
		if err != nil {
			fault("name", err)
			return
		}
		kind, scope, names = assignmentType, strings.TrimPrefix(tail, "/providers/"), names[len(names)-1:]
	}
	if r.Kind = kindOfType(kind); r.Kind == nil {
		d.unsupported(r, kind, strings.Join(names, "/"), fault)
		return
	}
	r.Name = names[len(names)-1]
	if want := strings.Count(r.Kind.Type, "/"); len(names) != want {
		fault("name", fmt.Errorf("%q has %d parts: %s wants %d", text(o, "name"), len(names), r.Kind.Type, want))
		return
	}
	switch {
	case r.Kind.Apart:
		r.Name = strings.Join(names, "/")
	case r.Kind != Namespace && r.Kind != RoleAssignment:
		r.Namespace, r.Name = names[0], strings.Join(names[1:], "/")
	}
	d.body(r, o)
	d.finish(r, scope)
}

func cutProvider(kind string) (above string, ok bool) {
	const suffix = "/providers/roleAssignments"
	if n := len(kind) - len(suffix); n > 0 && strings.EqualFold(kind[n:], suffix) {
		return kind[:n], true
	}
	return "", false
}

func (d *documentReader) unsupported(r *Resource, kind, name string, fault func(string, error)) {
	message := fmt.Sprintf("resources of the type %q are not known here", kind)
	if strings.HasPrefix(strings.ToLower(kind), "microsoft.resources/deployments") {
		message = "templates within templates are not read; write the resources into the outer one"
	}
	if d.options.SkipUnsupported {
		d.set.Skipped = append(d.set.Skipped, &Fault{Source: r.Source, Resource: strings.TrimSpace(kind + " " + name), Field: "type", Message: message + ": left out"})
		return
	}
	fault("type", errors.New(message+"; --skip-unsupported leaves them out"))
}

// shown reads a resource as Resource Manager answers it, with the id that says where
// it is. Nothing in it is an expression.
func (d *documentReader) shown(n *yaml.Node, o map[string]any) {
	fault := func(field string, err error) {
		r := new(Resource)
		d.place(r, n)
		d.faults = append(d.faults, &Fault{Source: r.At(field), Field: field, Message: err.Error()})
	}
	id := text(o, "id")
	if id == "" {
		d.arm(n, o, fault)
		return
	}
	place, names, scope, err := splitID(id)
	if err != nil {
		fault("id", err)
		return
	}
	copied := maps.Clone(o)
	for k := range copied {
		if strings.EqualFold(k, "name") || strings.EqualFold(k, "scope") {
			delete(copied, k)
		}
	}
	copied["name"], copied["scope"] = strings.Join(names, "/"), scope
	before := len(d.set.Resources)
	d.arm(n, copied, fault)
	for _, r := range d.set.Resources[before:] {
		r.answered = true
		if place[0] != "" {
			r.Subscription, r.Group = place[0], place[1]
		}
	}
}

// splitID takes a resource id apart. Of a role assignment the scope is what it lies
// at, and the name its last segment.
func splitID(id string) (place [2]string, names []string, scope string, err error) {
	bad := fmt.Errorf("%q is not the id of such a resource", id)
	if at := strings.LastIndex(strings.ToLower(id), "/providers/microsoft.authorization/roleassignments/"); at >= 0 {
		return place, []string{id[strings.LastIndexByte(id, '/')+1:]}, firstText(id[:at], "/"), nil
	}
	p := strings.Split(strings.Trim(id, "/"), "/")
	if len(p) < 8 || len(p)%2 != 0 || !strings.EqualFold(p[0], "subscriptions") || !strings.EqualFold(p[4], "providers") {
		return place, nil, "", bad
	}
	for i := 7; i < len(p); i += 2 {
		names = append(names, p[i])
	}
	return [2]string{p[1], p[3]}, names, "", nil
}

// about sets what a role assignment is about: a resource id, or below the namespace
// "topicSpaces/name", or "Microsoft.EventGrid/namespaces/..." as templates have it.
func (r *Resource) about(scope string) error {
	p := strings.Split(strings.Trim(scope, "/"), "/")
	if !strings.HasPrefix(scope, "/") && strings.EqualFold(p[0], "Microsoft.EventGrid") {
		p = append([]string{"subscriptions", "", "resourceGroups", "", "providers"}, p...)
		scope = "/"
	}
	if !strings.HasPrefix(scope, "/") {
		if len(p) != 2 || KindNamed(p[0]) == nil {
			return errors.New("want a resource id, or one below the namespace such as topicSpaces/telemetry")
		}
		r.Below = []string{KindNamed(p[0]).Collection, p[1]}
		return nil
	}
	if len(p) < 8 {
		r.Scope, r.Namespace = "/"+strings.Join(p, "/"), ""
		return nil
	}
	if !strings.EqualFold(p[6], "namespaces") || len(p) != 8 && len(p) != 10 {
		return errors.New("want the id of a namespace, of a resource in it, or of what lies above it")
	}
	r.Subscription, r.Group, r.Namespace = p[1], p[3], p[7]
	if len(p) == 10 {
		kind := KindNamed(p[8])
		if kind == nil {
			return fmt.Errorf("there is no kind %q", p[8])
		}
		r.Below = []string{kind.Collection, p[9]}
	}
	return nil
}
