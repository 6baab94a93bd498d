package control

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"time"

	"gridmq/control/audit"
	"gridmq/control/namespace"
	"gridmq/control/operator"
	"gridmq/control/resource"
	"gridmq/control/role"
	"gridmq/control/subscription"
	"gridmq/store"
)

// Options of a Plane. Store is needed; the zero value of everything else works.
type Options struct {
	Store store.Store
	// Apply is told of every change in order: see resource.Options.
	Apply func(resource.Change)
	// Impact says whom changes would concern, for dry runs. Default: nobody.
	Impact func([]resource.Change) resource.Impact

	// Subscription, Group and Tenant are what people get who name none.
	// Defaults: a UUID of zeros, "gridmq", the same UUID.
	Subscription, Group, Tenant string
	// Subscriptions are all that there are. Default: any text is one.
	Subscriptions []string
	// Locations are what tools may write as a location; the first is the default.
	// Default "local". Those that namespaces have are added.
	Locations []string
	// StrictVersions refuses api-versions that are not known, StrictGroups a
	// namespace in a resource group that was not made before.
	StrictVersions, StrictGroups bool

	// Domain is that of the built-in host names, <namespace>.<Domain>. Default:
	// namespaces have none.
	Domain string
	// Rules are those of namespaces. Location, Domain and Routing are filled in.
	Rules namespace.Rules
	// EventSubscriptions are the rules of those.
	EventSubscriptions subscription.Rules
	// Endpoints are asked before events are pushed to them. Default: they agree.
	Endpoints EndpointValidator
	// Quota is how many resources of a kind a namespace may have. Default: in
	// profile azure the documented numbers, else those of the kinds.
	Quota func(namespace *resource.Resource, kind *resource.Kind) int
	// TopicEndpoint is the URL at which a custom topic takes events. Default: none is
	// shown.
	TopicEndpoint func(topic string) string
	// Resolver looks for proofs of ownership. Default: net.DefaultResolver.
	Resolver Resolver
	// SkipOwnership approves custom domains without a proof.
	SkipOwnership bool

	// Operators are those of the configuration; Verifier checks other tokens.
	Operators []operator.Operator
	Verifier  operator.TokenVerifier

	// What the server plugs in; a path without its provider answers 404.
	Sessions    SessionDirectory
	Refusals    RefusalLog
	Explain     Explainer
	Backup      Backuper
	History     HistoryLog
	Slow        SlowDirectory
	Trace       Tracer
	Metrics     MetricReader
	Events      EventCounter
	Addresses   AddressBook
	Retained    RetainedStore
	DeadLetters DeadLetterOffice

	// BaseURL is the public one, as "https://manage.plant.example". Default: as
	// the client used it.
	BaseURL string
	// Proxies may say with X-Forwarded-Proto and -Host what the client used.
	Proxies []netip.Prefix
	// LoginEndpoint and Audiences are told to tools that register us as a cloud.
	// Default: BaseURL with /adfs, and BaseURL.
	LoginEndpoint string
	Audiences     []string

	// AuditEntries are kept at most. Default 50,000.
	AuditEntries int
	// Concurrent requests at most. Default 256.
	Concurrent int
	// Now is the clock. Default time.Now.
	Now func() time.Time
	// Logger receives the room's events. Default: none.
	Logger *slog.Logger
}

const noUUID = "00000000-0000-0000-0000-000000000000"

func (o Options) withDefaults() Options {
	o.Subscription = cmp.Or(o.Subscription, noUUID)
	o.Group = cmp.Or(o.Group, "gridmq")
	o.Tenant = cmp.Or(o.Tenant, noUUID)
	if len(o.Locations) == 0 {
		o.Locations = []string{"local"}
	}
	o.Rules.Location = cmp.Or(o.Rules.Location, o.Locations[0])
	o.Rules.Domain = cmp.Or(o.Rules.Domain, o.Domain)
	if o.Rules.Routing == nil {
		o.Rules.Routing = resource.ReadRouting
	}
	o.Concurrent = cmp.Or(o.Concurrent, 256)
	o.Logger = cmp.Or(o.Logger, slog.New(slog.DiscardHandler))
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Apply == nil {
		o.Apply = func(resource.Change) {}
	}
	if o.Quota == nil {
		o.Quota = Quota
	}
	return o
}

// A Plane is the management plane of one store.
type Plane struct {
	o     Options
	log   *slog.Logger
	set   *resource.Set
	audit *audit.Log
	door  *operator.Door
	owner *ownership
	slots chan struct{} // one for each request that is being served
	saves chan struct{} // one, for a backup that is being made

	deployments deployments

	mu     sync.RWMutex
	grants map[string]map[string]operator.Grant // object id in lower case -> assignment -> grant
}

// Open replays the resources into Options.Apply and returns a plane that serves
// them. ctx bounds the opening only; Close ends its goroutine.
func Open(ctx context.Context, o Options) (*Plane, error) {
	o = o.withDefaults()
	p := &Plane{o: o, log: o.Logger, slots: make(chan struct{}, o.Concurrent), saves: make(chan struct{}, 1), grants: map[string]map[string]operator.Grant{}}
	p.owner = newOwnership(o.Resolver, o.SkipOwnership)
	var err error
	if p.audit, err = audit.Open(o.Store, audit.Options{Entries: o.AuditEntries, Now: o.Now, Logger: o.Logger}); err != nil {
		return nil, err
	}
	p.door = operator.NewDoor(operator.Options{Local: o.Operators, Verifier: o.Verifier, Assigned: p.assigned, Now: o.Now})
	rules := resource.Rules{Namespace: o.Rules, Subscriptions: o.EventSubscriptions, CustomTopic: p.routable, Ownership: p.owner.check, Now: o.Now}
	if o.Endpoints != nil {
		rules.Endpoint = o.Endpoints.ValidateEndpoint
	}
	p.set, err = resource.Open(ctx, resource.Options{
		Store: o.Store, Apply: p.apply, Impact: o.Impact, Quota: o.Quota, Audit: p.audit, Now: o.Now, Logger: o.Logger,
		Kinds: resource.Kinds(rules),
	})
	if err != nil {
		return nil, fmt.Errorf("management plane: %w", err)
	}
	return p, nil
}

// Close stops following changes. Requests that are being served fail.
func (p *Plane) Close() error { return p.set.Close() }

// Resources are what the plane serves.
func (p *Plane) Resources() *resource.Set { return p.set }

// apply keeps the door up to date before anybody else is told.
func (p *Plane) apply(c resource.Change) {
	switch c.Kind {
	case resource.Operators:
		var o *operator.Operator
		if c.New != nil {
			o = c.New.Noun.(*operator.Operator)
		}
		p.door.Set(c.Name, o)
	case resource.RoleAssignments:
		p.assign(c)
	}
	p.o.Apply(c)
}

// assign follows role assignments, by who they are for.
func (p *Plane) assign(c resource.Change) {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := c.Namespace + "/" + c.Name
	if c.Old != nil {
		object := strings.ToLower(c.Old.Noun.(*role.Assignment).PrincipalID)
		if delete(p.grants[object], key); len(p.grants[object]) == 0 {
			delete(p.grants, object)
		}
	}
	if c.New != nil {
		a := c.New.Noun.(*role.Assignment)
		object := strings.ToLower(a.PrincipalID)
		if p.grants[object] == nil {
			p.grants[object] = map[string]operator.Grant{}
		}
		p.grants[object][key] = operator.Grant{Role: a.Role, Scope: c.New.Scope}
	}
}

func (p *Plane) assigned(object string) (list []operator.Grant) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	for _, g := range p.grants[strings.ToLower(object)] {
		list = append(list, g)
	}
	return list
}

// azureQuotas are per namespace; clients and topics per throughput unit.
var azureQuotas = map[string]int{
	"caCertificates": 10, "clientGroups": 10, "topicSpaces": 10, "permissionBindings": 100, "clients": 10_000, resource.Topics: 100,
	resource.Subscriptions: 500, // of a topic
}

// Quota is the number of resources of a kind that a namespace may have by its
// profile. Source: spec/control-plane.md, section 4.11.
func Quota(ns *resource.Resource, kind *resource.Kind) int {
	if ns == nil {
		return 0
	}
	n := ns.Noun.(*namespace.Namespace)
	if n.Profile() != namespace.Azure {
		return 0
	}
	quota := azureQuotas[kind.Name]
	if kind.Name == "clients" || kind.Name == resource.Topics {
		quota *= n.Capacity
	}
	return quota
}

var configurationActor = resource.Actor{Name: "configuration", Type: "Application"}

// EnsureNamespace makes a namespace in the default group unless it exists. It is
// for namespaces that the configuration names.
func (p *Plane) EnsureNamespace(ctx context.Context, name string, body []byte) error {
	if n := p.set.Namespace(name); n != nil { // the group may be missing: it comes second
		return p.ensureGroup(ctx, configurationActor, n.Subscription, n.Group)
	}
	put := resource.Put{Body: body, Subscription: p.o.Subscription, Group: p.o.Group, Request: resource.Request{
		Kind: p.set.Kind(resource.Namespaces), Namespace: name, Name: name,
		Actor: configurationActor, Operation: "Microsoft.EventGrid/namespaces/write",
		ID: namespaceID(p.o.Subscription, p.o.Group, name),
	}}
	if _, err := p.set.Put(ctx, put); err != nil {
		return err
	}
	return p.ensureGroup(ctx, put.Actor, p.o.Subscription, p.o.Group)
}

// Create makes a resource below a namespace on behalf of somebody inside the
// process, who is named in the audit log. The error is a *resource.Error when there is one of
// that name already.
func (p *Plane) Create(ctx context.Context, who, ns, kind, name string, properties []byte) error {
	n := p.set.Namespace(ns)
	if n == nil {
		return fmt.Errorf("no namespace %q", ns)
	}
	k, below := p.set.Kind(kind), "/"+kind+"/"+name
	if parent, child, nested := strings.Cut(name, "/"); nested {
		below = "/" + k.Parent + "/" + parent + "/" + kind + "/" + child
	}
	_, err := p.set.Put(ctx, resource.Put{Body: []byte(`{"properties":` + string(properties) + `}`), Request: resource.Request{
		Kind: k, Namespace: ns, Name: name, ID: namespaceID(n.Subscription, n.Group, n.Name) + below,
		Match: resource.Match{New: true}, Actor: resource.Actor{Name: who, Type: "Application"}, Operation: k.Type + "/write"}})
	return err
}

// PatchNamespace merges properties into those of a namespace, as Create does it.
func (p *Plane) PatchNamespace(ctx context.Context, who, name string, properties []byte) error {
	n := p.set.Namespace(name)
	if n == nil {
		return fmt.Errorf("no namespace %q", name)
	}
	_, err := p.set.Put(ctx, resource.Put{Patch: true, Body: []byte(`{"properties":` + string(properties) + `}`),
		Subscription: n.Subscription, Group: n.Group, Request: resource.Request{
			Kind: p.set.Kind(resource.Namespaces), Namespace: name, Name: name, ID: NamespaceID(n),
			Actor: resource.Actor{Name: who, Type: "Application"}, Operation: "Microsoft.EventGrid/namespaces/write"}})
	return err
}

// NamespaceID is the resource id of a namespace.
func NamespaceID(r *resource.Resource) string { return namespaceID(r.Subscription, r.Group, r.Name) }
