package control

import (
	"net/http"
	"strings"

	"gridmq/control/namespace"
	"gridmq/control/resource"
)

const namespaceType = eventGrid + "/namespaces"

func (c *call) namespaceThing(l place) *thing {
	return &thing{kind: c.plane.set.Kind(resource.Namespaces), namespace: l.ns, name: l.ns, id: l.id(), action: namespaceType,
		existing: c.find(l), sub: l.sub, group: l.group}
}

// namespace is GET, PUT, PATCH and DELETE of a namespace.
func (c *call) namespace(l place) error {
	t := c.namespaceThing(l)
	if err := c.childAllowed(t); err != nil {
		return err
	}
	if err := c.known(l.sub); err != nil {
		return err
	}
	switch {
	case t.existing != nil && c.r.Method == http.MethodPut:
		t.sub, t.group = t.existing.Subscription, t.existing.Group
		t.after = func() error { return c.plane.ensureGroup(c.r.Context(), c.actor(), t.sub, t.group) }
	case t.existing != nil:
		t.sub, t.group = t.existing.Subscription, t.existing.Group
	case c.r.Method == http.MethodDelete:
		if !c.dryRun() {
			c.answer(http.StatusNoContent, nil)
			return nil
		}
		return c.answerDryRun(t, &resource.Outcome{})
	case c.r.Method == http.MethodPatch:
		return notFound(t.id)
	case c.r.Method == http.MethodPut:
		if err := c.placeFor(t); err != nil {
			return err
		}
	}
	return c.serveThing(t)
}

// placeFor finds the resource group of a new namespace, or has it made as soon as
// the namespace is there: what is refused leaves nothing behind.
func (c *call) placeFor(t *thing) error {
	if g := c.plane.findGroup(t.sub, t.group); g != nil {
		t.sub, t.group = g.Subscription, g.Group
		return nil
	}
	if c.plane.o.StrictGroups {
		return noGroup(t.group)
	}
	t.after = func() error { return c.plane.ensureGroup(c.r.Context(), c.actor(), t.sub, t.group) }
	return nil
}

// validateDomains looks again for the proofs of domains that are not approved.
func (c *call) validateDomains(t *thing, operation string) error {
	out, err := c.modify(t, operation, func(noun any) (any, error) {
		n := noun.(*namespace.Namespace).Clone()
		c.plane.owner.check(c.r.Context(), n, n)
		return n, nil
	})
	if err != nil {
		return err
	}
	topics, spaces := out.New.Noun.(*namespace.Namespace).Domains()
	c.answer(http.StatusOK, map[string]any{
		"customDomainsForTopicsConfiguration": topics, "customDomainsForTopicSpacesConfiguration": spaces})
	return nil
}

// private is what there is of private end points: nothing, in the right shape.
// Source: section 3.5.
func (c *call) private(l place, p path) error {
	collection := "privateEndpointConnections"
	if p.is("privateLinkResources") {
		collection = "privateLinkResources"
	}
	id := l.id() + "/" + collection
	action := namespaceType + "/" + collection + "/read"
	write := c.r.Method == http.MethodPut && len(p) == 2 && collection == "privateEndpointConnections"
	if write {
		action = namespaceType + "/" + collection + "/write"
	}
	if err := c.may(action, id); err != nil {
		return err
	}
	switch {
	case write:
		return refuse(http.StatusBadRequest, codeInvalid, "There are no private end points here.")
	case c.r.Method == http.MethodDelete && len(p) == 2 && collection == "privateEndpointConnections":
		c.answer(http.StatusNoContent, nil)
		return nil
	case c.r.Method != http.MethodGet && c.r.Method != http.MethodHead:
		return noMethod("GET")
	case c.find(l) == nil:
		return refuse(http.StatusNotFound, codeNoParent, "The namespace %q was not found.", l.id())
	}
	value := []any{}
	if collection == "privateLinkResources" {
		for _, group := range []string{"topic", "topicspace"} {
			one := map[string]any{"id": id + "/" + group, "name": group, "type": namespaceType + "/privateLinkResources",
				"properties": map[string]any{"groupId": group, "displayName": group, "requiredMembers": []string{group}, "requiredZoneNames": []string{}}}
			if len(p) == 2 && strings.EqualFold(p[1], group) {
				c.answer(http.StatusOK, one)
				return nil
			}
			value = append(value, one)
		}
	}
	if len(p) == 2 {
		return notFound(id + "/" + p[1])
	}
	c.answer(http.StatusOK, map[string]any{"value": value})
	return nil
}
