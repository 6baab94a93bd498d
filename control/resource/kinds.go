package resource

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"gridmq/access"
	"gridmq/control/ban"
	"gridmq/control/namespace"
	"gridmq/control/operator"
	"gridmq/control/role"
	"gridmq/control/subscription"
	"gridmq/delivery"
	"gridmq/identity"
	"gridmq/identity/x509auth"
)

// Rules are what the kinds need to know of their surroundings. The zero value works.
type Rules struct {
	Namespace     namespace.Rules
	Subscriptions subscription.Rules
	// Endpoint asks the endpoint of a push subscription whether it wants events of a
	// namespace, before one is created or gets another endpoint. Default: it does.
	Endpoint func(ctx context.Context, namespace string, d *delivery.Destination) error
	// Now is the clock. Default time.Now.
	Now func() time.Time
	// CustomTopic says why messages cannot be routed to the topic with a resource id
	// that is not one of a namespace's own; empty: they can. Default: there is none.
	CustomTopic func(id string) (wrong string)
	// Ownership looks for the proof that custom domains belong to whoever names
	// them, and sets their states in n. old is nil for a new namespace. Default:
	// they stay Pending.
	Ownership func(ctx context.Context, n, old *namespace.Namespace)
}

// Kinds are all that there are.
func Kinds(rules Rules) []*Kind {
	clients := child("clients", 40, identity.DecodeClient)
	clients.CaseSensitive, clients.Compact, clients.Limit = true, true, 10_000_000
	clients.Stored = func(n any) []byte { return wrap(n.(*identity.Client).EncodeStored()) }
	clients.Claims = claimName

	groups := child("clientGroups", 20, identity.DecodeGroup)
	groups.Referred, groups.Limit = true, 10_000

	spaces := child("topicSpaces", 30, access.DecodeTopicSpace)
	spaces.Referred, spaces.Limit = true, 10_000

	bindings := child("permissionBindings", 60, access.DecodeBinding)
	bindings.References, bindings.Limit = bindingReferences, 100_000

	certificates := child("caCertificates", 10, x509auth.DecodeCA)
	certificates.Claims, certificates.Limit = claimCertificate, 1000
	certificates.Prepare = func(_ context.Context, n, _ any) error { return n.(*x509auth.CA).CheckFiles() }

	bans := child(Bans, 70, ban.Decode)
	bans.Type, bans.Extension, bans.Limit = "gridmq/namespaces/bans", true, 100_000

	assignments := child(RoleAssignments, 80, role.Decode)
	assignments.Type, assignments.Frozen, assignments.Limit = "Microsoft.Authorization/roleAssignments", true, 100_000

	operators := child(Operators, 2, operator.Decode)
	operators.Type, operators.Extension, operators.Limit = "gridmq/operators", true, 1000
	operators.Stored = func(n any) []byte { return wrap(n.(*operator.Operator).EncodeStored()) }

	return []*Kind{groupKind(), operators, namespaceKind(rules), certificates, groups, spaces, clients, bindings,
		topicKind(), subscriptionKind(rules), customTopicKind(rules), customSubscriptionKind(rules), bans, assignments}
}

// claimName: an authentication name is one client's in every spelling.
func claimName(ns string, n any) []Claim {
	return []Claim{{
		Scope: ns, Value: "authenticationName/" + identity.Fold(n.(*identity.Client).AuthenticationName), Reason: Conflict,
		Field: "properties.authenticationName", Message: "this name, which ignores case, belongs already to",
	}}
}

// claimCertificate: section 4.7, the same certificate twice.
func claimCertificate(ns string, n any) []Claim {
	sum := sha256.Sum256(n.(*x509auth.CA).Certificate.Raw)
	return []Claim{{
		Scope: ns, Value: "certificate/" + hex.EncodeToString(sum[:]), Reason: Invalid,
		Field: "properties.encodedCertificate", Message: "this certificate is already that of",
	}}
}

func bindingReferences(n any) []Reference {
	b := n.(*access.Binding)
	refs := []Reference{{"topicSpaces", b.TopicSpace, "properties.topicSpaceName"}}
	if b.ClientGroup != access.AllClients {
		refs = append(refs, Reference{"clientGroups", b.ClientGroup, "properties.clientGroupName"})
	}
	return refs
}

func namespaceKind(rules Rules) *Kind {
	const (
		spaces = "properties.topicSpacesConfiguration."
		auth   = spaces + "clientAuthentication"
	)
	return &Kind{
		Name: Namespaces, Type: "Microsoft.EventGrid/namespaces", Order: 5, Patchable: true, Limit: 10_000, whole: true,
		Actions: []string{ListKeys, RegenerateKey, ValidateDomains},
		Decode:  func(name string, body []byte) (any, error) { return orNil(namespace.Read(name, body, rules.Namespace)) },
		Load:    func(name string, body []byte) (any, error) { return orNil(namespace.Load(name, body, rules.Namespace)) },
		Shown:   func(n any) []byte { return n.(*namespace.Namespace).Encode() },
		Stored:  func(n any) []byte { return n.(*namespace.Namespace).EncodeStored() },
		Fill:    namespace.Fill,
		Replaces: func(n, old any) error {
			was, _ := old.(*namespace.Namespace)
			next := n.(*namespace.Namespace)
			if err := next.Replaces(was, rules.Namespace); err != nil {
				return err
			}
			return checkRoutes(next, rules)
		},
		Crowd: azureRegion, CrowdLimit: 50,
		Claims:     func(_ string, n any) []Claim { return claimHosts(n.(*namespace.Namespace)) },
		References: func(n any) []Reference { return routeReferences(n.(*namespace.Namespace)) },
		Prepare: func(ctx context.Context, n, old any) error {
			if rules.Ownership != nil {
				was, _ := old.(*namespace.Namespace)
				rules.Ownership(ctx, n.(*namespace.Namespace), was)
			}
			return nil
		},
		Keeps: []Versioned{
			{Path: spaces + "customDomains", Since: "2023-12-15-preview"},
			{Path: "properties.topicsConfiguration.customDomains", Since: "2023-12-15-preview"},
			{Path: auth, Since: "2023-06-01-preview", Lacks: "2025-02-15"},
			{Path: auth + ".customJwtAuthentication", Since: "2024-06-01-preview"},
			{Path: auth + ".customJwtAuthentication.encodedIssuerCertificates", Since: "2025-04-01-preview", Inside: true},
			{Path: auth + ".webhookAuthentication", Since: "2025-04-01-preview"},
			{Path: "properties.ipV6Enabled", Since: "2025-11-15-preview"},
		},
	}
}

// azureRegion is what the namespaces of profile azure are counted by: subscription and
// region. Source: spec/control-plane.md, section 4.11.
func azureRegion(r *Resource) string {
	n := r.Noun.(*namespace.Namespace)
	if n.Profile() != namespace.Azure {
		return ""
	}
	region := strings.ReplaceAll(strings.ToLower(n.Location), " ", "") // as it is compared
	return "profile azure in subscription " + strings.ToLower(r.Subscription) + ", region " + region
}

// orNil keeps a nil pointer from becoming a noun.
func orNil[T any](n *T, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return n, nil
}

// claimHosts: a host name belongs to one namespace of this process.
func claimHosts(n *namespace.Namespace) (list []Claim) {
	claim := func(host, field string) {
		list = append(list, Claim{Scope: Process, Value: "host/" + host, Reason: Conflict, Field: field,
			Message: "the host name " + host + " belongs already to"})
	}
	for _, d := range n.MQTTDomains {
		claim(d.Name, "properties.topicSpacesConfiguration.customDomains")
	}
	for _, d := range n.HTTPDomains {
		claim(d.Name, "properties.topicsConfiguration.customDomains")
	}
	for _, h := range n.GridMQ.Hosts {
		claim(h, "properties.gridmq.hosts")
	}
	return list
}

const (
	routeField  = "properties.topicSpacesConfiguration.routeTopicResourceId"
	routesField = "properties.gridmq.routes"
)

// routeReferences are the topics of the namespace's own that it routes to, or sends its
// life-cycle events to.
func routeReferences(n *namespace.Namespace) (list []Reference) {
	for _, id := range n.Topics {
		if topic := ownTopic(n, id); topic != "" {
			list = append(list, Reference{Topics, topic, fieldOf(n, id)})
		}
	}
	if l := n.GridMQ.Lifecycle; l != nil {
		list = append(list, Reference{Topics, l.Topic, namespace.LifecycleField})
	}
	return list
}

// ownTopic is the name of the topic with a resource id, if it is one of n's.
func ownTopic(n *namespace.Namespace, id string) string {
	if ns, topic := namespaceTopic(id); strings.EqualFold(ns, n.Name) {
		return topic
	}
	return ""
}

func fieldOf(n *namespace.Namespace, topic string) string {
	if topic == n.RouteTopic {
		return routeField
	}
	return routesField
}

// checkRoutes looks for any other topics. Those of other namespaces are none of ours.
func checkRoutes(n *namespace.Namespace, rules Rules) error {
	var faults []error
	for _, id := range n.Topics {
		if ownTopic(n, id) != "" {
			continue
		}
		wrong := "there is no topic with this resource id"
		if rules.CustomTopic != nil {
			wrong = rules.CustomTopic(id)
		}
		if wrong != "" {
			faults = append(faults, &identity.FieldError{Field: fieldOf(n, id), Reason: wrong})
		}
	}
	return errors.Join(faults...)
}

// namespaceTopic reads .../namespaces/{ns}/topics/{topic}.
func namespaceTopic(id string) (ns, topic string) {
	parts := strings.Split(strings.Trim(id, "/"), "/")
	if n := len(parts); n >= 6 && strings.EqualFold(parts[n-2], "topics") && strings.EqualFold(parts[n-4], "namespaces") &&
		strings.EqualFold(parts[n-5], "Microsoft.EventGrid") {
		return parts[n-3], parts[n-1]
	}
	return "", ""
}
