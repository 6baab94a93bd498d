package manifest

import (
	"errors"
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"
)

// A Resource is one that a file describes.
type Resource struct {
	Kind *Kind
	// Subscription and Group are where its namespace is. Empty: where it is already,
	// or the server's defaults.
	Subscription, Group string
	Namespace           string // of a Namespace its own name
	Name                string
	// Below is what a role assignment is about within its namespace, as "topicSpaces",
	// "telemetry"; empty: the namespace itself.
	Below []string
	// Scope is what a role assignment is about that is not about a namespace, a
	// resource id.
	Scope string
	// Body is what is sent: properties, and of a namespace location, tags, sku and
	// identity. Numbers are json.Number.
	Body   map[string]any
	Source Source

	node     *yaml.Node // what was read; nil for what was not read from a file
	answered bool       // it has an id: Resource Manager has answered it
	routes   bool       // a namespace that comes again, with its routes: see Stages
}

// String is how messages name it, as "Client plant/press-07".
func (r *Resource) String() string {
	name := r.Name
	if r.Kind != Namespace && r.Namespace != "" {
		name = r.Namespace + "/" + name
	}
	return r.Kind.Name + " " + name
}

// Key is the same for two descriptions of one resource.
func (r *Resource) Key() string {
	name := r.Name
	if !r.Kind.CaseSensitive {
		name = strings.ToLower(name)
	}
	where := strings.ToLower(strings.Join(append([]string{r.Namespace, r.Scope}, r.Below...), "/"))
	return r.Kind.Name + "\x00" + where + "\x00" + name
}

// Path are the segments behind the namespace's in its resource id.
func (r *Resource) Path() []string {
	switch r.Kind {
	case Namespace:
		return nil
	case RoleAssignment:
		return append(append([]string{}, r.Below...), "providers", "Microsoft.Authorization", "roleAssignments", r.Name)
	}
	if above, name, nested := strings.Cut(r.Name, "/"); nested {
		return []string{r.Kind.Parent.Collection, above, r.Kind.Collection, name}
	}
	return []string{r.Kind.Collection, r.Name}
}

// checkName says what is wrong with the form of a name; the server knows the rest.
func checkName(kind *Kind, name string) error {
	above, below, nested := strings.Cut(name, "/")
	switch {
	case kind.Parent != nil && (!nested || above == "" || below == "" || strings.ContainsAny(below, "/")):
		return fmt.Errorf("want the name of the %s before its own, as orders/billing", kind.Parent.Name)
	case kind.Parent == nil && nested:
		return errors.New("may not have a slash")
	case strings.Contains(name, "\x00"):
		return errors.New("is no name of a resource")
	}
	return nil
}

// At is where a field of it was written, as exactly as it can be found; field is as
// "properties.topicTemplates[0]".
func (r *Resource) At(field string) Source {
	s := r.Source
	if n := lookUp(r.node, field); n != nil {
		s.Line, s.Column = n.Line, n.Column
	}
	return s
}

// Fault is something wrong with a field of it.
func (r *Resource) Fault(field, message string) *Fault {
	return &Fault{r.At(field), r.String(), field, message}
}

// needs are the keys of resources that have to be there before it.
func (r *Resource) needs() (keys []string) {
	if r.Kind == Namespace {
		return nil
	}
	need := func(k *Kind, name string) {
		keys = append(keys, (&Resource{Kind: k, Namespace: r.Namespace, Name: name}).Key())
	}
	if r.Namespace != "" {
		need(Namespace, r.Namespace)
	}
	if above, _, nested := strings.Cut(r.Name, "/"); nested {
		need(r.Kind.Parent, above)
	}
	properties, _ := member(r.Body, "properties").(map[string]any)
	switch r.Kind {
	case PermissionBinding:
		if name := text(properties, "clientGroupName"); name != "" {
			need(ClientGroup, name)
		}
		if name := text(properties, "topicSpaceName"); name != "" {
			need(TopicSpace, name)
		}
	case RoleAssignment:
		if len(r.Below) == 2 {
			if k := KindNamed(r.Below[0]); k != nil {
				need(k, r.Below[1])
			}
		}
	}
	return keys
}

// An Index finds resources by their keys.
type Index map[string]*Resource

// NewIndex makes one.
func NewIndex(list []*Resource) Index {
	ix := make(Index, len(list))
	for _, r := range list {
		ix[r.Key()] = r
	}
	return ix
}

// Needs are the resources in ix that have to be there before r.
func (r *Resource) Needs(ix Index) (list []*Resource) {
	for _, key := range r.needs() {
		if one := ix[key]; one != nil {
			list = append(list, one)
		}
	}
	if r.routes {
		list = append(list, r.Routed(ix)...)
	}
	return list
}

// member finds a member ignoring case; nil if there is none.
func member(o map[string]any, name string) any {
	if v, ok := o[name]; ok {
		return v
	}
	for k, v := range o {
		if strings.EqualFold(k, name) {
			return v
		}
	}
	return nil
}

func text(o map[string]any, name string) string {
	s, _ := member(o, name).(string)
	return s
}

// Named is a resource of which only the name is known. scope is that of a role
// assignment; empty: the namespace.
func Named(kind *Kind, namespace, name, scope string) (*Resource, error) {
	r := &Resource{Kind: kind, Namespace: namespace, Name: name, Body: map[string]any{}, Source: Source{File: "command line"}}
	if kind == Namespace {
		r.Namespace = name
	}
	if scope != "" {
		if kind != RoleAssignment {
			return nil, errors.New("only a RoleAssignment has a scope")
		}
		if err := r.about(scope); err != nil {
			return nil, err
		}
	}
	if name == "" {
		return nil, errors.New("a resource has a name")
	}
	if err := checkName(kind, name); err != nil {
		return nil, fmt.Errorf("%q is no name of a %s: %w", name, kind.Name, err)
	}
	return r, nil
}
