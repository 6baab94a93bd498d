package control

import (
	"net/http"
	"slices"
	"strings"

	"gridmq/control/resource"
)

const eventGrid = "Microsoft.EventGrid"

// route finds what a path means; nil is nothing. What is found checks the caller's
// rights before it tells whether anything exists.
func (c *call) route(p path) func() error {
	switch {
	case p.is("gridmq"):
		return c.routeExtension(p[1:])
	case !p.plain():
		return nil
	case p.is("metadata", "endpoints") && len(p) == 2:
		return c.get(c.metadata)
	case p.is("tenants") && len(p) == 1:
		return c.arm(c.get(c.listTenants))
	case len(p) >= 3 && p[len(p)-3:].is("providers", authorization, "roleAssignments"):
		return c.arm(c.get(func() error { return c.listAssignments(p[:len(p)-3]) }))
	case len(p) >= 4 && p[len(p)-4:].is("providers", authorization, "roleAssignments"):
		return c.arm(func() error { return c.assignment(p[:len(p)-4], p[len(p)-1]) })
	case len(p) >= 3 && p[len(p)-3:].is("providers", authorization, "roleDefinitions"):
		return c.arm(c.get(c.listDefinitions))
	case len(p) >= 4 && p[len(p)-4:].is("providers", authorization, "roleDefinitions"):
		return c.arm(c.get(func() error { return c.getDefinition(p[len(p)-1]) }))
	case p.is("providers", eventGrid, "operations") && len(p) == 3:
		return c.armOurs(c.get(c.listOperations))
	case p.is("subscriptions"):
		return c.routeSubscription(p[1:])
	}
	return nil
}

func (c *call) routeSubscription(p path) func() error {
	if len(p) == 0 {
		return c.arm(c.get(c.listSubscriptions))
	}
	sub := p[0]
	switch rest := p[1:]; {
	case len(rest) == 0:
		return c.arm(c.get(func() error { return c.getSubscription(sub) }))
	case rest.is("resourcegroups"):
		return c.routeGroup(sub, rest[1:])
	case rest.is("providers", eventGrid, "namespaces") && len(rest) == 3:
		return c.armOurs(c.get(func() error { return c.listNamespaces(sub, "") }))
	case rest.is("providers", eventGrid, "topics") && len(rest) == 3:
		return c.armOurs(c.get(func() error { return c.listCustomTopics(sub, "") }))
	case rest.is("providers", eventGrid, "locations") && len(rest) == 6:
		return c.armOurs(c.get(func() error { return notFound(c.r.URL.Path) })) // no operation is long-running
	case rest.is("resources") && len(rest) == 1:
		return c.arm(c.get(func() error { return c.listResources(sub, "") }))
	case rest.is("providers") && len(rest) == 1:
		return c.arm(c.get(func() error { return c.listProviders(sub) }))
	case rest.is("providers") && len(rest) == 2:
		return c.arm(c.get(func() error { return c.getProvider(sub, rest[1]) }))
	case rest.is("providers", eventGrid, "register") && len(rest) == 3:
		return c.arm(c.post(func() error { return c.getProvider(sub, eventGrid) }))
	}
	return nil
}

func (c *call) routeGroup(sub string, p path) func() error {
	if len(p) == 0 {
		return c.arm(c.get(func() error { return c.listGroups(sub) }))
	}
	group := p[0]
	switch rest := p[1:]; {
	case len(rest) == 0:
		return c.arm(func() error { return c.group(sub, group) })
	case rest.is("resources") && len(rest) == 1:
		return c.arm(c.get(func() error { return c.listResources(sub, group) }))
	case rest.is("providers", "Microsoft.Resources", "deployments"):
		return c.routeDeployment(sub, group, rest[3:])
	case rest.is("providers", eventGrid, "namespaces"):
		if len(rest) == 3 {
			return c.armOurs(c.get(func() error { return c.listNamespaces(sub, group) }))
		}
		return c.routeNamespace(place{sub, group, rest[3]}, rest[4:])
	case rest.is("providers", eventGrid, "topics"):
		return c.routeCustomTopic(sub, group, rest[3:])
	}
	return nil
}

// A place is where a namespace is.
type place struct{ sub, group, ns string }

func (l place) id() string { return namespaceID(l.sub, l.group, l.ns) }

func namespaceID(sub, group, ns string) string {
	return groupID(sub, group) + "/providers/" + eventGrid + "/namespaces/" + ns
}

// actionOf is an action of a kind in its spelling; empty: it has no such.
func actionOf(kind *resource.Kind, segment string) string {
	for _, a := range kind.Actions {
		if strings.EqualFold(a, segment) {
			return a
		}
	}
	return ""
}

func (c *call) routeNamespace(l place, p path) func() error {
	switch {
	case len(p) == 0:
		return c.armOurs(func() error { return c.namespace(l) })
	case len(p) == 1 && actionOf(c.plane.set.Kind(resource.Namespaces), p[0]) != "":
		return c.action(c.namespaceThing(l), p[0])
	case p.is("privateEndpointConnections"), p.is("privateLinkResources"):
		if len(p) > 2 {
			return nil
		}
		return c.armOurs(func() error { return c.private(l, p) })
	}
	kind := c.plane.set.Kind(p[0])
	if kind == nil || kind.Extension || kind.Apart || !strings.HasPrefix(kind.Type, eventGrid) || kind.Name == resource.Namespaces || kind.Parent != "" {
		return nil
	}
	switch len(p) {
	case 1:
		return c.armOurs(c.get(func() error { return c.listChildren(l, kind, "") }))
	case 2:
		return c.armOurs(func() error { return c.child(l, kind, p[1]) })
	}
	return c.routeBelow(l, kind, p[1], p[2:])
}

// action is what a POST does with a resource.
func (c *call) action(t *thing, segment string) func() error {
	return c.armOurs(c.post(func() error { return c.act(t, actionOf(t.kind, segment)) }))
}

// routeBelow is for what lies below a resource: its actions, and kinds of which it is
// the parent, as event subscriptions of a topic.
func (c *call) routeBelow(l place, parent *resource.Kind, name string, p path) func() error {
	if len(p) == 1 && actionOf(parent, p[0]) != "" {
		return c.action(c.childThing(l, parent, name), p[0])
	}
	kind := c.plane.set.Kind(p[0])
	if kind == nil || kind.Parent != parent.Name {
		return nil
	}
	switch len(p) {
	case 1:
		return c.armOurs(c.get(func() error { return c.listChildren(l, kind, name+"/") }))
	case 2:
		return c.armOurs(func() error { return c.child(l, kind, name+"/"+p[1]) })
	case 3:
		if actionOf(kind, p[2]) != "" {
			return c.action(c.childThing(l, kind, name+"/"+p[1]), p[2])
		}
	}
	return nil
}

// arm wants an api-version, of which only the form is looked at; armOurs one of ours.
func (c *call) arm(do func() error) func() error { return c.versioned(do, false) }

func (c *call) armOurs(do func() error) func() error { return c.versioned(do, true) }

func (c *call) versioned(do func() error, ours bool) func() error {
	return func() error {
		if err := c.enter(); err != nil {
			return err
		}
		if bad := c.checkVersion(ours); bad != nil {
			return bad
		}
		return do()
	}
}

// get and post let only one method through.
func (c *call) get(do func() error) func() error { return c.only(do, http.MethodGet, http.MethodHead) }

func (c *call) post(do func() error) func() error { return c.only(do, http.MethodPost) }

func (c *call) only(do func() error, methods ...string) func() error {
	if !slices.Contains(methods, c.r.Method) {
		return func() error {
			if err := c.enter(); err != nil {
				return err
			}
			return noMethod(strings.Join(methods, ", "))
		}
	}
	return do
}
