// Package tenants is who may what in each namespace: it follows the management
// plane, and answers the broker. A change is compiled beside what is in force and
// swapped in; then the clients that are connected and concerned are looked at again.
//
// Locks: mu of Tenants, then mu of a tenant. Neither is held while the broker or a
// client is asked anything.
//
// Source: design.md, sections 3, 4 and 6; spec/identity.md; spec/access-control.md.
package tenants

import (
	"context"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"gridmq/broker"
	"gridmq/control/namespace"
	"gridmq/control/resource"
	"gridmq/delivery"
	"gridmq/identity"
	"gridmq/identity/jwtauth"
	"gridmq/identity/webhookauth"
)

// Options makes Tenants. Limits is needed.
type Options struct {
	// Limits are those of a namespace's profile, with what replaces them.
	Limits func(*namespace.Namespace) broker.Limits
	// Domain is that of the built-in host names, <namespace>.<Domain>.
	Domain string
	// Hosts are the server's own names, which tokens may be made for as well.
	Hosts []string
	// Register puts a client that connects for the first time into the registry.
	Register func(ctx context.Context, namespace string, c *identity.Client) error
	// Issuer is the local token issuer, if there is one: its tokens are good for the
	// directory's method in every namespace.
	Issuer *jwtauth.Issuer
	// Tokens are made for webhooks by the local issuer. nil: there is none.
	Tokens webhookauth.TokenSource
	// Blame is told of addresses whose clients were refused because of who they are.
	Blame func(netip.Addr)
	// Follow is told of every namespace as it is after a change; nil: it is gone.
	Follow func(namespace string, n *namespace.Namespace)
	// Guard may stand before what decides about the clients of a namespace. nil: nobody
	// does.
	Guard func(broker.NamespaceConfig) broker.NamespaceConfig
	// Events is told of topics and event subscriptions. nil: there are none in force.
	Events EventPlane
	// CustomTopic is a topic that messages are routed to although it belongs to no
	// namespace, by its resource id; nil: there is none. Default: there are none.
	CustomTopic func(id string) *delivery.Stream
	// Logger receives the room's events. Default: none.
	Logger *slog.Logger
}

// Tenants are the namespaces of a server.
type Tenants struct {
	o         Options
	log       *slog.Logger
	refusals  *refusals
	histories *histories
	routing   RoutingStats
	webhooks  WebhookStats
	herald    herald

	mu     sync.Mutex
	all    map[string]*tenant
	roles  map[string]resource.Change // role assignments above namespaces
	broker *broker.Broker             // nil until Serve
	hosts  atomic.Pointer[map[string]string]
}

// New makes Tenants without namespaces; Apply brings them.
func New(o Options) *Tenants {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Blame == nil {
		o.Blame = func(netip.Addr) {}
	}
	if o.CustomTopic == nil {
		o.CustomTopic = func(string) *delivery.Stream { return nil }
	}
	if o.Follow == nil {
		o.Follow = func(string, *namespace.Namespace) {}
	}
	t := &Tenants{o: o, log: o.Logger, all: map[string]*tenant{}, roles: map[string]resource.Change{}, refusals: newRefusals(), histories: newHistories()}
	t.hosts.Store(&map[string]string{})
	t.herald.open(t)
	return t
}

// Namespaces are what the broker has to open, when all resources have been read.
func (t *Tenants) Namespaces() (list []broker.NamespaceConfig) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(t.all)) {
		n := t.all[name]
		n.settle()
		list = append(list, t.config(n))
	}
	return list
}

func (t *Tenants) config(n *tenant) broker.NamespaceConfig {
	c := broker.NamespaceConfig{Name: n.name, Limits: t.o.Limits(n.noun()), Authenticator: n, Authorizer: n, Router: n,
		RememberConnections: n.remembers()}
	if t.o.Guard != nil {
		c = t.o.Guard(c)
	}
	return c
}

// Serve begins to tell a broker of changes.
func (t *Tenants) Serve(b *broker.Broker) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.broker = b
	for _, n := range t.all {
		t.enable(n)
	}
}

// Close ends what the tenants' authenticators hold, and has the last life-cycle events
// written.
func (t *Tenants) Close() {
	t.herald.close()
	t.mu.Lock()
	all := slices.Collect(maps.Values(t.all))
	for _, n := range all {
		n.methods.Swap(&methods{}).close()
	}
	t.mu.Unlock()
	for _, n := range all { // without the lock: what they are doing may need it
		n.watch.Close()
	}
}

func (t *Tenants) tenant(name string) *tenant {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.all[strings.ToLower(name)]
}

// Apply follows one change of the management plane. They come in order, from one
// goroutine.
func (t *Tenants) Apply(c resource.Change) {
	switch c.Kind {
	case resource.Namespaces:
		t.applyNamespace(c)
		return
	case resource.Topics:
		t.applyTopic(c)
		return
	case resource.Subscriptions:
		t.applySubscription(c)
		return
	}
	for _, n := range t.concerned(c) {
		concerned := n.apply(c)
		b := t.serving()
		if b != nil && c.Kind == clientKind {
			t.herald.changed(n, c)
		}
		if b != nil && concerned != nil {
			n.settle()
			n.revision.Add(1)
			b.Reexamine(n.name, concerned)
		}
	}
}

// concerned are the namespaces that a change is about: its own, or all when it is
// a role assignment above them.
func (t *Tenants) concerned(c resource.Change) []*tenant {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n := t.all[strings.ToLower(c.Namespace)]; n != nil {
		return []*tenant{n}
	}
	if c.Kind != resource.RoleAssignments || c.Namespace != resource.Process {
		return nil
	}
	if delete(t.roles, c.Name); c.New != nil {
		t.roles[c.Name] = c
	}
	return slices.Collect(maps.Values(t.all))
}

func (t *Tenants) serving() *broker.Broker {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.broker
}

// removal bounds how long the end of a namespace may take.
const removal = 5 * time.Minute

func (t *Tenants) applyNamespace(c resource.Change) {
	name := strings.ToLower(c.Name)
	b := t.serving()
	if c.New == nil || c.New.Deleting { // at once: what is in it goes one by one
		t.dropEvents(c.Name)
	}
	if c.New == nil {
		t.forget(name)
		t.o.Follow(name, nil)
		if b == nil {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), removal)
		defer cancel()
		if err := b.Remove(ctx, name); err != nil {
			t.log.Error("namespace not removed", "namespace", name, "err", err)
		}
		return
	}
	n, fresh := t.tenant(name), false
	if n == nil {
		n, fresh = newTenant(t, name), true
	}
	n.configure(c.New)
	t.o.Follow(name, n.noun()) // certificates first, then the names lead here
	t.mu.Lock()
	if fresh {
		for _, above := range t.roles {
			n.apply(above)
		}
	}
	t.all[name] = n
	t.rebuildHosts()
	t.mu.Unlock()
	t.refusals.open(name)
	t.histories.open(name)
	if b == nil {
		return
	}
	n.settle()
	n.revision.Add(1)
	if fresh {
		if err := b.Open(t.config(n)); err != nil {
			t.log.Error("namespace not opened", "namespace", name, "err", err)
			return
		}
	}
	if err := b.SetLimits(name, t.o.Limits(n.noun())); err != nil {
		t.log.Error("limits not set", "namespace", name, "err", err)
	}
	if err := b.RememberConnections(name, n.remembers()); err != nil {
		t.log.Error("life-cycle events not set", "namespace", name, "err", err)
	}
	t.mu.Lock()
	t.enable(n)
	t.mu.Unlock()
	b.Reexamine(name, nil)
}

// Empty says whether a namespace knows no clients and no other way to log in.
func (t *Tenants) Empty(namespace string) bool {
	n := t.tenant(namespace)
	if n == nil {
		return true
	}
	n.mu.Lock()
	roles := len(n.roles) // who has a token, too, needs one
	n.mu.Unlock()
	m := n.methods.Load()
	return n.registry.Len() == 0 && roles == 0 && m.custom == nil && m.webhook == nil && n.noun().GridMQ.Enrolment == nil
}

// Relimit sets the limits of all namespaces again.
func (t *Tenants) Relimit() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for name, n := range t.all {
		if err := t.broker.SetLimits(name, t.o.Limits(n.noun())); err != nil {
			t.log.Error("limits not set", "namespace", name, "err", err)
		}
	}
}

// enable tells the broker whether a namespace serves MQTT. t.mu is held.
func (t *Tenants) enable(n *tenant) {
	r := n.resource.Load()
	if err := t.broker.SetEnabled(n.name, n.noun().MQTTEnabled && !r.Deleting); err != nil {
		t.log.Error("state not set", "namespace", n.name, "err", err)
	}
}

func (t *Tenants) forget(name string) {
	t.mu.Lock()
	n := t.all[name]
	if n != nil {
		delete(t.all, name)
		n.methods.Swap(&methods{}).close()
		t.rebuildHosts()
	}
	t.mu.Unlock()
	t.refusals.forget(name)
	t.histories.forget(name)
	if n != nil {
		n.watch.Close() // without the lock: what it is doing may need it
	}
}

// rebuildHosts makes the table of host names again. t.mu is held.
func (t *Tenants) rebuildHosts() {
	hosts := map[string]string{}
	for name, n := range t.all {
		for _, h := range n.hosts() {
			hosts[h] = name
		}
	}
	t.hosts.Store(&hosts)
}

// HostsOf are the host names that lead to a namespace.
func (t *Tenants) HostsOf(namespace string) []string {
	if n := t.tenant(namespace); n != nil {
		return n.hosts()
	}
	return nil
}

// ByHost is the namespace that a host name, in lower case, leads to.
func (t *Tenants) ByHost(host string) (namespace string, ok bool) {
	namespace, ok = (*t.hosts.Load())[host]
	return namespace, ok
}
