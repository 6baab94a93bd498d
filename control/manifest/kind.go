package manifest

import (
	"slices"
	"strings"
)

// A Kind is one sort of resource.
type Kind struct {
	Name       string // in documents, as "ClientGroup"
	Collection string // in resource ids, as "clientGroups"
	Type       string // of Resource Manager
	Short      []string
	// Order is where it comes in an apply: after everything that it may refer to.
	Order int
	// CaseSensitive is whether names differ by case.
	CaseSensitive bool
	// Parent is the kind below which it lies; nil: a namespace, or nothing. Its names
	// are then "<parent's name>/<name>".
	Parent *Kind
	// Apart is whether it lies in a resource group, beside namespaces, or below what does.
	Apart bool
}

const (
	provider       = "Microsoft.EventGrid/"
	namespaceType  = provider + "namespaces"
	assignmentType = "Microsoft.Authorization/roleAssignments"
)

func child(name, collection string, order int, short ...string) *Kind {
	return &Kind{Name: name, Collection: collection, Type: namespaceType + "/" + collection, Order: order, Short: short}
}

// The kinds. Source: spec/control-plane.md, sections 1 and 8.
var (
	Namespace         = &Kind{Name: "Namespace", Collection: "namespaces", Type: namespaceType, Order: 0, Short: []string{"ns"}}
	CACertificate     = child("CACertificate", "caCertificates", 1, "ca", "cas")
	ClientGroup       = child("ClientGroup", "clientGroups", 1, "group", "groups")
	TopicSpace        = child("TopicSpace", "topicSpaces", 1, "space", "spaces")
	Client            = child("Client", "clients", 1)
	Topic             = child("Topic", "topics", 1)
	PermissionBinding = child("PermissionBinding", "permissionBindings", 2, "binding", "bindings")
	EventSubscription = &Kind{Name: "EventSubscription", Collection: "eventSubscriptions", Type: namespaceType + "/topics/eventSubscriptions", Order: 3,
		Short: []string{"subscription", "subscriptions"}, Parent: Topic}
	// Namespaces may route to them, so they come first.
	CustomTopic             = &Kind{Name: "CustomTopic", Collection: "topics", Type: provider + "topics", Order: -1, Apart: true}
	CustomTopicSubscription = &Kind{Name: "CustomTopicSubscription", Collection: "eventSubscriptions", Type: provider + "topics/eventSubscriptions", Order: 3,
		Parent: CustomTopic, Apart: true}
	RoleAssignment = &Kind{Name: "RoleAssignment", Collection: "roleAssignments", Type: assignmentType, Order: 4, Short: []string{"role", "roles"}}
)

// routingOrder is that of a namespace which routes to topics of its own: they come first.
const routingOrder = 2

// Kinds are all. What a word means that two have in common, the first of them is.
var Kinds = []*Kind{Namespace, CACertificate, ClientGroup, TopicSpace, Client, PermissionBinding, Topic, EventSubscription, CustomTopic, CustomTopicSubscription, RoleAssignment}

func init() { Client.CaseSensitive = true }

// KindNamed finds a kind by its name, singular or plural, its collection, its type, or
// a short name, all ignoring case; nil if there is none.
func KindNamed(name string) *Kind {
	for _, k := range Kinds {
		if strings.EqualFold(name, k.Name) || strings.EqualFold(name, k.Name+"s") || strings.EqualFold(name, k.Collection) ||
			strings.EqualFold(name, k.Type) || slices.Contains(k.Short, strings.ToLower(name)) {
			return k
		}
	}
	return nil
}

// KindNames are for messages.
func KindNames() (names []string) {
	for _, k := range Kinds {
		names = append(names, k.Name)
	}
	return names
}

func kindOfType(t string) *Kind {
	for _, k := range Kinds {
		if strings.EqualFold(t, k.Type) {
			return k
		}
	}
	return nil
}
