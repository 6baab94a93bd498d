package tenants

import (
	"crypto/x509"
	"fmt"
	"maps"

	"gridmq/broker"
	"gridmq/control/resource"
	"gridmq/identity"
	"gridmq/identity/jwtauth"
	"gridmq/identity/passwordauth"
	"gridmq/identity/webhookauth"
	"gridmq/identity/x509auth"
)

// A forecast is a tenant beside what it would be after changes.
type forecast struct {
	now, next *tenant
	concerned []func(*broker.Identity) bool
	end       string                     // why nobody stays connected; empty: they do
	admission bool                       // who may come in at all may be another matter
	clients   map[string]resource.Change // those that change, by name
	cas       []changedCA
	lists     *x509auth.Watch // of revocation lists that would be new; nil: there are none
}

// A changedCA is a CA certificate that would not be there any more, or revoke others.
type changedCA struct {
	certificate *x509.Certificate
	why         string
}

// forecast applies changes to a copy of the tenant.
func (n *tenant) forecast(changes []resource.Change) *forecast {
	f := &forecast{now: n, next: n.copy(), clients: map[string]resource.Change{}}
	for _, c := range changes {
		if c.Kind == resource.Namespaces {
			f.namespace(c)
			continue
		}
		if c.Kind == "clients" && c.Old == nil {
			f.next.apply(c) // takes nothing from anybody, so nobody is concerned
			f.clients[c.Name] = c
			continue
		}
		if is := f.next.apply(c); is != nil {
			f.concerned = append(f.concerned, is)
		}
		switch c.Kind {
		case "clients":
			f.clients[c.Name] = c
		case "caCertificates":
			f.ca(c)
		case resource.Bans:
			f.admission = true
		}
	}
	f.next.methods.Store(f.methods())
	f.next.settle()
	return f
}

func (f *forecast) namespace(c resource.Change) {
	f.admission = true
	f.concerned = append(f.concerned, func(*broker.Identity) bool { return true })
	if c.New == nil {
		f.end = "the namespace is deleted"
		return
	}
	f.next.resource.Store(c.New)
	if c.New.Deleting || !f.next.noun().MQTTEnabled {
		f.end = "the namespace's MQTT broker is disabled (topicSpacesConfiguration.state)"
	}
}

func (f *forecast) ca(c resource.Change) {
	if c.Old == nil {
		return
	}
	g := changedCA{certificate: certificateOf(c.Old), why: fmt.Sprintf("CA certificate %q is deleted", c.Name)}
	switch {
	case c.New == nil:
	case !certificateOf(c.New).Equal(g.certificate):
		g.why = fmt.Sprintf("CA certificate %q is replaced", c.Name)
	case !f.revokes(c):
		return
	default:
		g.why = fmt.Sprintf("the revocation list of CA certificate %q is changed", c.Name)
	}
	f.cas = append(f.cas, g)
}

// revokes takes over a revocation list that comes with a CA certificate as text, and
// says whether it is another one. Lists in files are told by themselves.
func (f *forecast) revokes(c resource.Change) bool {
	text := c.New.Noun.(*x509auth.CA).Revocation.CRL.PEM
	if text == "" || text == c.Old.Noun.(*x509auth.CA).Revocation.CRL.PEM {
		return false
	}
	only := *c.New.Noun.(*x509auth.CA)
	only.Revocation = x509auth.Revocation{}
	only.Revocation.CRL.PEM = text
	if f.lists == nil {
		f.lists = x509auth.NewWatch(nil, f.now.t.log)
	}
	f.lists.Set([]*x509auth.CA{&only}) // reads no file: each change is judged by itself
	return true
}

// copy is the tenant to try changes on. Clients that do not change are not in its
// registry: nobody needs those that are not connected.
func (n *tenant) copy() *tenant {
	next := newTenant(n.t, n.name)
	next.partial = true
	next.resource.Store(n.resource.Load())
	n.mu.Lock()
	defer n.mu.Unlock()
	maps.Copy(next.groups, n.groups)
	maps.Copy(next.spaces, n.spaces)
	maps.Copy(next.bindings, n.bindings)
	maps.Copy(next.roles, n.roles)
	maps.Copy(next.cas, n.cas)
	maps.Copy(next.banned, n.banned)
	return next
}

// methods are the ways to log in that the namespace would have, as far as a forecast
// needs them: certificates can be judged, of the others it is known that they are
// there. Nothing is opened: no file is read and nobody is asked.
func (f *forecast) methods() *methods {
	noun := f.next.noun()
	m := &methods{certificates: x509auth.New(futureClients{f}, x509auth.Options{Watch: f.lists})} // nobody is registered by it
	if noun.GridMQ.Passwords {
		m.passwords = new(passwordauth.Authenticator)
	}
	if len(noun.Tokens.Issuers) > 0 {
		m.custom = new(jwtauth.Custom)
	}
	if len(noun.Directory.Issuers) > 0 || f.now.t.o.Issuer != nil {
		m.directory = new(jwtauth.Directory)
	}
	if noun.Hook.Configured {
		m.webhook = new(webhookauth.Webhook)
	}
	return m
}

// offers says whether there is a way to log in.
func (n *tenant) offers(by identity.Method) bool {
	m := n.methods.Load()
	switch by {
	case identity.Certificate:
		return m.certificates != nil
	case identity.Password:
		return m.passwords != nil
	case identity.CustomToken:
		return m.custom != nil
	case identity.DirectoryToken:
		return m.directory != nil
	case identity.Webhook:
		return m.webhook != nil
	}
	return true
}

// futureClients are the registry as it would be: those that change, and the others.
type futureClients struct{ f *forecast }

// ByName implements x509auth.Directory.
func (c futureClients) ByName(name string) *identity.Client {
	if _, changes := c.f.clients[name]; changes {
		return c.f.next.registry.ByName(name)
	}
	return c.f.now.registry.ByName(name)
}

// ByAuthenticationName implements x509auth.Directory.
func (c futureClients) ByAuthenticationName(name string) *identity.Client {
	if next := c.f.next.registry.ByAuthenticationName(name); next != nil {
		return next
	}
	now := c.f.now.registry.ByAuthenticationName(name)
	if now == nil {
		return nil
	}
	if _, changes := c.f.clients[now.Name]; changes {
		return nil // it is deleted, or goes by another name
	}
	return now
}

func certificateOf(ca *resource.Resource) *x509.Certificate {
	return ca.Noun.(*x509auth.CA).Certificate
}
