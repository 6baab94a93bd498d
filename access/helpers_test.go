package access

import (
	"testing"

	"gridmq/identity"
	"gridmq/topic"
)

const plant = "/subscriptions/s1/resourceGroups/g1/providers/Microsoft.EventGrid/namespaces/plant"

// space makes a topic space of valid templates.
func space(t testing.TB, name string, templates ...string) *TopicSpace {
	t.Helper()
	s := &TopicSpace{Name: name}
	for _, text := range templates {
		tmpl, err := topic.ParseTemplate(text)
		if err != nil {
			t.Fatalf("template %q: %v", text, err)
		}
		s.Templates = append(s.Templates, tmpl)
	}
	return s
}

func bind(name, group, space string, p Permission) *Binding {
	return &Binding{Name: name, ClientGroup: group, TopicSpace: space, Permission: p}
}

// policyOf makes the policy of plant.
func policyOf(spaces []*TopicSpace, bindings ...*Binding) *Policy {
	return NewPolicy(plant, spaces, bindings, nil)
}

// registered is a client of the registry.
func registered(name string, attributes identity.Attributes) *identity.Principal {
	return &identity.Principal{Name: name, Method: identity.Certificate, Client: "c", Attributes: attributes}
}

// open makes the grants of a client that everything in these templates is open to, in
// both directions.
func open(t testing.TB, who *identity.Principal, templates ...string) *Grants {
	t.Helper()
	return policyOf([]*TopicSpace{space(t, "all", templates...)},
		bind("pub", AllClients, "all", Publisher), bind("sub", AllClients, "all", Subscriber)).Compile(who, nil)
}

// A try is something asked of grants, and the answer wanted.
type asking struct {
	op   Operation
	what string
	want bool
}

func may(op Operation, what string) asking    { return asking{op, what, true} }
func mayNot(op Operation, what string) asking { return asking{op, what, false} }

func check(t *testing.T, g *Grants, all ...asking) {
	t.Helper()
	for _, a := range all {
		d := g.Publish(a.what)
		if a.op == Subscribe {
			d = g.Subscribe(a.what)
		}
		if d.Allowed != a.want || (d.Rule != nil) != a.want {
			t.Errorf("%v %q: allowed %v by %+v, want %v", a.op, a.what, d.Allowed, d.Rule, a.want)
		}
		if a.op == Publish && a.want && !g.Subscribe(a.what).Allowed && g.MayReceive(a.what) {
			t.Errorf("MayReceive(%q) without a right to subscribe to it", a.what)
		}
	}
}
