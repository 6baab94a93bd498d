package tenants

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"slices"
	"testing"

	"gridmq/broker"
	"gridmq/control/namespace"
	"gridmq/control/resource"
	"gridmq/identity"
	"gridmq/internal/authority"
	"gridmq/mqtt"
)

// A bench is one tenant, whose resources are changed step by step: a client of the
// broker may come between any two of the steps.
type bench struct {
	*testing.T
	*tenant
	kinds map[string]*resource.Kind
	ca    *authority.Authority
}

func newBench(t *testing.T) *bench {
	t.Helper()
	ca, err := authority.NewCA(authority.CAOptions{})
	if err != nil {
		t.Fatal(err)
	}
	all := New(Options{Limits: func(*namespace.Namespace) broker.Limits { return broker.Limits{} }})
	b := &bench{T: t, tenant: newTenant(all, "plant"), kinds: map[string]*resource.Kind{}, ca: ca}
	for _, k := range resource.Kinds(resource.Rules{}) {
		b.kinds[k.Name] = k
	}
	t.Cleanup(all.Close)
	b.configure(b.decode(resource.Namespaces, "plant", map[string]any{"topicSpacesConfiguration": map[string]any{"state": "Enabled",
		"clientAuthentication": map[string]any{"alternativeAuthenticationNameSources": []string{"ClientCertificateSubject"}}}}))
	b.put("caCertificates", "plant-ca", map[string]any{"encodedCertificate": string(ca.CertificatePEM())})
	b.put("clientGroups", "presses", map[string]any{"query": "attributes.kind = 'press'"})
	b.put("topicSpaces", "inbound", map[string]any{"topicTemplates": []string{"in/${client.attributes.hall}"}})
	b.put("topicSpaces", "outbound", map[string]any{"topicTemplates": []string{"out/${client.attributes.hall}"}})
	b.bind("presses", "Subscriber", "inbound")
	b.bind("presses", "Publisher", "outbound")
	b.press(4)
	b.settle()
	return b
}

func (b *bench) decode(kind, name string, properties map[string]any) *resource.Resource {
	b.Helper()
	body, err := json.Marshal(map[string]any{"location": "local", "properties": properties})
	if err != nil {
		b.Fatal(err)
	}
	noun, err := b.kinds[kind].Decode(name, body)
	if err != nil {
		b.Fatalf("%s %s: %v", kind, name, err)
	}
	return &resource.Resource{Subscription: "s", Group: "g", Name: name, Noun: noun}
}

// put applies a change, and does not settle.
func (b *bench) put(kind, name string, properties map[string]any) {
	b.Helper()
	b.apply(resource.Change{Namespace: b.name, Kind: kind, Name: name, New: b.decode(kind, name, properties)})
}

func (b *bench) remove(kind, name string) {
	b.apply(resource.Change{Namespace: b.name, Kind: kind, Name: name})
}

func (b *bench) bind(group, permission, space string) {
	b.Helper()
	b.put("permissionBindings", permission, map[string]any{"clientGroupName": group, "permission": permission, "topicSpaceName": space})
}

// press puts the client into the registry.
func (b *bench) press(hall int) {
	b.Helper()
	b.put("clients", "press-1", map[string]any{"attributes": map[string]any{"kind": "press", "hall": hall}})
}

// login is a CONNECT of the client.
func (b *bench) login() broker.Login {
	b.Helper()
	badge, err := b.ca.NewClient(authority.LeafOptions{Name: "press-1"})
	if err != nil {
		b.Fatal(err)
	}
	return broker.Login{Namespace: b.name, Connect: &mqtt.Connect{Version: mqtt.V5, ClientID: "press-1"},
		Peer: broker.Peer{TLS: &tls.ConnectionState{PeerCertificates: []*x509.Certificate{badge.Certificate}}}}
}

func (b *bench) enter() (*broker.Identity, broker.Peer) {
	b.Helper()
	l := b.login()
	id, err := b.Authenticate(b.Context(), l)
	if err != nil {
		b.Fatalf("not let in: %v", err)
	}
	return id, l.Peer
}

func (b *bench) may(v broker.Verdict, want bool, what string) {
	b.Helper()
	if (v.Code == mqtt.Success) != want {
		b.Errorf("%s: %v %q, want allowed: %t", what, v.Code, v.Reason, want)
	}
}

// TestReviewAfterUse: a client that publishes between a change and the review of it
// has had its rights compiled again. The review must see the change all the same.
func TestReviewAfterUse(t *testing.T) {
	for name, change := range map[string]func(*bench){
		"binding": func(b *bench) { b.remove("permissionBindings", "Subscriber") },
		"group":   func(b *bench) { b.put("clientGroups", "presses", map[string]any{"query": "attributes.kind = 'oven'"}) },
		"space": func(b *bench) {
			b.put("topicSpaces", "inbound", map[string]any{"topicTemplates": []string{"in/${client.attributes.hall}/x"}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			id, peer := b.enter()
			b.may(b.Subscribe(id, "in/4"), true, "subscribe before")
			change(b)
			b.settle()
			b.Publish(id, "out/4") // compiles again
			b.may(b.Subscribe(id, "in/4"), false, "subscribe after")
			j := b.Review("", peer, id)
			if j.End != mqtt.Success || !j.Changed {
				t.Errorf("judgement: %+v, want a change", j)
			}
			if again := b.Review("", peer, j.Identity); again.Changed {
				t.Error("a second review sees the change again")
			}
		})
	}
}

// TestRightsOfToday: a will is judged by what its client is now.
func TestRightsOfToday(t *testing.T) {
	b := newBench(t)
	id, _ := b.enter()
	sender := func() *broker.Identity { return &broker.Identity{Name: id.Name, Principal: id.Principal} }
	b.may(b.Publish(sender(), "out/4"), true, "in hall 4")
	b.press(5)
	b.may(b.Publish(sender(), "out/4"), false, "of hall 4, in hall 5")
	b.may(b.Publish(sender(), "out/5"), true, "in hall 5")
	b.remove("clients", "press-1")
	b.may(b.Publish(sender(), "out/5"), false, "deleted")
	b.put("clients", "press-1", map[string]any{"authenticationName": "another", "attributes": map[string]any{"kind": "press", "hall": 4}})
	b.may(b.Publish(sender(), "out/4"), false, "another client of that name")
}

// TestRightsInCopy: a dry run knows of the clients that do not change only what their
// connections know.
func TestRightsInCopy(t *testing.T) {
	b := newBench(t)
	id, _ := b.enter()
	next := b.forecast([]resource.Change{{Namespace: b.name, Kind: "permissionBindings", Name: "Publisher"}}).next
	who := next.identity(id.Principal)
	b.may(next.Subscribe(who, "in/4"), true, "what is kept")
	b.may(next.Publish(who, "out/4"), false, "what would be taken away")
	b.may(b.Publish(id, "out/4"), true, "now")
}

// TestConfigureKeepsCAs: whoever connects while the namespace is being changed finds
// the CAs.
func TestConfigureKeepsCAs(t *testing.T) {
	b := newBench(t)
	b.configure(b.resource.Load()) // and is not settled yet
	id, _ := b.enter()
	if !slices.Equal([]string{id.Name, id.Principal.Client}, []string{"press-1", "press-1"}) || id.Principal.Method != identity.Certificate {
		t.Errorf("let in as %+v", id.Principal)
	}
}
