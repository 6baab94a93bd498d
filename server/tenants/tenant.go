package tenants

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"gridmq/access"
	"gridmq/broker"
	"gridmq/control"
	"gridmq/control/ban"
	"gridmq/control/eventtopic"
	"gridmq/control/namespace"
	"gridmq/control/resource"
	"gridmq/control/role"
	"gridmq/gateway"
	"gridmq/identity"
	"gridmq/identity/x509auth"
)

// A tenant is one namespace: its resources as they are now, and what was made of
// them. It is the Authenticator and the Authorizer of the namespace.
type tenant struct {
	t        *Tenants
	name     string // in lower case
	registry *identity.Registry
	partial  bool                              // the registry has some of the clients only: see copy
	resource atomic.Pointer[resource.Resource] // of the namespace
	methods  atomic.Pointer[methods]
	watch    *x509auth.Watch // of what the CAs say about revocation; survives the methods
	policy   atomic.Pointer[access.Policy]
	bans     atomic.Pointer[[]*ban.Ban]
	router   atomic.Pointer[router]            // nil: no message becomes an event
	view     atomic.Pointer[gateway.Namespace] // of resource
	revision atomic.Uint64                     // grows with every change

	mu       sync.Mutex // guards what follows; Apply changes it
	groups   map[string]*identity.Group
	spaces   map[string]*access.TopicSpace
	bindings map[string]*access.Binding
	roles    map[string]*access.RoleAssignment
	cas      map[string]*x509auth.CA
	banned   map[string]*ban.Ban
	topics   map[string]*eventtopic.Topic
	stale    stale
}

// stale says what has to be made again.
type stale struct{ groups, policy, cas, bans bool }

func newTenant(t *Tenants, name string) *tenant {
	n := &tenant{t: t, name: name, registry: identity.NewRegistry(),
		groups: map[string]*identity.Group{}, spaces: map[string]*access.TopicSpace{}, bindings: map[string]*access.Binding{},
		roles: map[string]*access.RoleAssignment{}, cas: map[string]*x509auth.CA{}, banned: map[string]*ban.Ban{},
		topics: map[string]*eventtopic.Topic{}}
	n.watch = x509auth.NewWatch(n.revoked, t.log.With("namespace", name))
	n.methods.Store(&methods{})
	n.policy.Store(access.NewPolicy("", nil, nil, nil))
	n.bans.Store(new([]*ban.Ban))
	n.stale = stale{true, true, true, true}
	return n
}

func (n *tenant) noun() *namespace.Namespace { return n.resource.Load().Noun.(*namespace.Namespace) }

// id is the resource id that scopes of role assignments speak of.
func (n *tenant) id() string { return control.NamespaceID(n.resource.Load()) }

// hosts are the names that lead here, in lower case.
func (n *tenant) hosts() (list []string) {
	if d := n.t.o.Domain; d != "" {
		list = append(list, n.name+"."+strings.ToLower(d))
	}
	noun := n.noun()
	list = append(list, noun.GridMQ.Hosts...)
	for _, domains := range [][]namespace.Domain{noun.MQTTDomains, noun.HTTPDomains} {
		for _, d := range domains {
			if d.State == namespace.Approved {
				list = append(list, d.Name)
			}
		}
	}
	return list
}

// configure takes over a new version of the namespace. The new methods know the CAs
// before anybody asks them: who comes meanwhile must not be refused.
func (n *tenant) configure(r *resource.Resource) {
	n.resource.Store(r)
	n.view.Store(n.newView())
	n.router.Store(n.openRouter())
	m := n.openMethods(n.methods.Load())
	n.mu.Lock()
	if m.certificates != nil {
		m.certificates.SetCAs(slices.Collect(maps.Values(n.cas)))
	}
	old := n.methods.Swap(m)
	n.stale.policy = true // the id is in scopes
	n.mu.Unlock()
	old.closeFor(m)
}

// apply follows a change below the namespace. It returns who is concerned, of the
// clients that are connected; nil: nobody.
func (n *tenant) apply(c resource.Change) (concerned func(*broker.Identity) bool) {
	everybody := func(*broker.Identity) bool { return true }
	n.mu.Lock()
	defer n.mu.Unlock()
	switch c.Kind {
	case clientKind:
		return n.applyClient(c)
	case "clientGroups":
		set(n.groups, c)
		n.stale.groups, n.stale.policy = true, true
	case "topicSpaces":
		set(n.spaces, c)
		n.stale.policy = true
	case "permissionBindings":
		set(n.bindings, c)
		n.stale.policy = true
	case resource.RoleAssignments:
		return n.applyRole(c)
	case "caCertificates":
		set(n.cas, c)
		n.stale.cas = true
		return withCertificate
	case resource.Bans:
		set(n.banned, c)
		n.stale.bans = true
	default:
		return nil
	}
	return everybody
}

// set keeps the newest noun of a kind under its name.
func set[T any](m map[string]T, c resource.Change) {
	key := strings.ToLower(c.Name)
	if c.New == nil {
		delete(m, key)
		return
	}
	m[key] = c.New.Noun.(T)
}

func (n *tenant) applyClient(c resource.Change) func(*broker.Identity) bool {
	if c.New == nil {
		n.registry.Delete(c.Name)
	} else if _, err := n.registry.Put(c.New.Noun.(*identity.Client)); err != nil { // the plane has checked that
		n.t.log.Error("client not taken over", "namespace", n.name, "client", c.Name, "err", err)
	}
	return func(id *broker.Identity) bool { return id.Principal.Client == c.Name }
}

func (n *tenant) applyRole(c resource.Change) func(*broker.Identity) bool {
	key := strings.ToLower(c.Name)
	delete(n.roles, key)
	if c.New != nil {
		if a := assignment(c.New); a != nil {
			n.roles[key] = a
		}
	}
	n.stale.policy = true
	return func(id *broker.Identity) bool { return id.Principal.Method == identity.DirectoryToken }
}

// assignment is what a role assignment of the management plane gives over MQTT.
func assignment(r *resource.Resource) *access.RoleAssignment {
	a, err := r.Noun.(*role.Assignment).Access(r.Scope)
	if err != nil { // it is for operators only
		return nil
	}
	return a
}

// revoked looks again at the clients with certificates, after a revocation list has
// changed. The watch calls it.
func (n *tenant) revoked() {
	if b := n.t.serving(); b != nil {
		n.revision.Add(1)
		b.Reexamine(n.name, withCertificate)
	}
}

func withCertificate(id *broker.Identity) bool {
	return id.Principal != nil && id.Principal.Method == identity.Certificate
}

// settle makes again what is stale. What CAs say of revocation is read first, and
// without the lock: nobody may be let in by a CA before.
func (n *tenant) settle() {
	n.mu.Lock()
	read, cas := n.stale.cas && !n.partial, slices.Collect(maps.Values(n.cas))
	n.mu.Unlock()
	if read {
		n.watch.Set(cas)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.stale.groups {
		n.registry.SetGroups(slices.Collect(maps.Values(n.groups)))
	}
	if n.stale.policy {
		n.policy.Store(access.NewPolicy(n.id(), slices.Collect(maps.Values(n.spaces)), slices.Collect(maps.Values(n.bindings)),
			slices.Collect(maps.Values(n.roles))))
	}
	if certificates := n.methods.Load().certificates; n.stale.cas && certificates != nil {
		certificates.SetCAs(slices.Collect(maps.Values(n.cas)))
	}
	if n.stale.bans {
		list := slices.Collect(maps.Values(n.banned))
		n.bans.Store(&list)
	}
	n.stale = stale{}
}
