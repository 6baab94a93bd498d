package manifest

import (
	"maps"
	"strings"
)

// A namespace may route to a topic that lies below it. Neither can come first as it is
// described, so such a namespace is made without its routes and completed when its
// topics are there.

// routingMembers are what names topics, and what makes no sense without it: below
// properties, the object and the member.
var routingMembers = [][2]string{{"topicSpacesConfiguration", "routeTopicResourceId"}, {"gridmq", "routes"}, {"gridmq", "lifecycleEvents"}}

// Routed are the topics in ix that a namespace routes to, or sends its life-cycle events
// to.
func (r *Resource) Routed(ix Index) (list []*Resource) {
	if r.Kind != Namespace {
		return nil
	}
	properties, _ := member(r.Body, "properties").(map[string]any)
	spaces, _ := member(properties, "topicSpacesConfiguration").(map[string]any)
	own, _ := member(properties, "gridmq").(map[string]any)
	names := []any{member(spaces, "routeTopicResourceId")}
	routes, _ := member(own, "routes").([]any)
	for _, one := range routes {
		route, _ := one.(map[string]any)
		names = append(names, member(route, "destination"))
	}
	events, _ := member(own, "lifecycleEvents").(map[string]any)
	names = append(names, member(events, "topic"))
	for _, v := range names {
		id, _ := v.(string)
		name, ok := topicOf(id, r.Name)
		if topic := ix[(&Resource{Kind: Topic, Namespace: r.Name, Name: name}).Key()]; ok && topic != nil {
			list = append(list, topic)
		}
	}
	return list
}

// topicOf is the topic of a namespace that a name or a resource id leads to.
func topicOf(id, namespace string) (name string, ok bool) {
	if !strings.Contains(id, "/") {
		return id, id != ""
	}
	p := strings.Split(strings.Trim(id, "/"), "/")
	n := len(p)
	if n < 6 || !strings.EqualFold(p[n-2], Topic.Collection) || !strings.EqualFold(p[n-3], namespace) || !strings.EqualFold(p[n-4], "namespaces") {
		return "", false
	}
	return p[n-1], true
}

// Stages is list with each namespace that routes to topics of the list in two: without
// its routes, unless exists says that it is there already, and as it is, behind them.
func Stages(list []*Resource, exists func(namespace string) bool) (all []*Resource) {
	ix := NewIndex(list)
	for _, r := range list {
		if len(r.Routed(ix)) == 0 {
			all = append(all, r)
			continue
		}
		if !exists(r.Name) {
			all = append(all, r.withoutRoutes())
		}
		late := *r
		late.routes = true
		all = append(all, &late)
	}
	return all
}

func (r *Resource) withoutRoutes() *Resource {
	first := *r
	first.Body = maps.Clone(r.Body)
	properties, _ := member(r.Body, "properties").(map[string]any)
	properties = maps.Clone(properties)
	for _, m := range routingMembers {
		for name, v := range properties {
			inside, isObject := v.(map[string]any)
			if !isObject || !strings.EqualFold(name, m[0]) {
				continue
			}
			inside = maps.Clone(inside)
			maps.DeleteFunc(inside, func(k string, _ any) bool { return strings.EqualFold(k, m[1]) })
			properties[name] = inside
		}
	}
	for name := range first.Body {
		if strings.EqualFold(name, "properties") {
			first.Body[name] = properties
		}
	}
	return &first
}

// order is where r comes in an apply.
func (r *Resource) order() int {
	if r.routes {
		return routingOrder
	}
	return r.Kind.Order
}
