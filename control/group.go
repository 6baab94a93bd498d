package control

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"gridmq/control/customtopic"
	"gridmq/control/namespace"
	"gridmq/control/resource"
)

const groupAction = "Microsoft.Resources/subscriptions/resourceGroups"

func groupID(sub, group string) string { return "/subscriptions/" + sub + "/resourceGroups/" + group }

func noGroup(group string) *Error {
	return refuse(http.StatusNotFound, "ResourceGroupNotFound", "The resource group %q was not found.", group)
}

func (p *Plane) groupKind() *resource.Kind { return p.set.Kind(resource.ResourceGroups) }

func (p *Plane) findGroup(sub, group string) *resource.Resource {
	return p.set.Get(resource.NewKey(resource.Process, p.groupKind(), resource.GroupName(sub, group)))
}

// ensureGroup makes a resource group that a namespace is put into.
func (p *Plane) ensureGroup(ctx context.Context, by resource.Actor, sub, group string) error {
	if p.findGroup(sub, group) != nil {
		return nil
	}
	location, _ := json.Marshal(p.o.Rules.Location)
	_, err := p.set.Put(ctx, resource.Put{
		Request: resource.Request{Kind: p.groupKind(), Namespace: resource.Process, Name: resource.GroupName(sub, group),
			Actor: by, ID: groupID(sub, group), Operation: groupAction + "/write"},
		Body: []byte(`{"location":` + string(location) + `}`), Subscription: sub, Group: group})
	return err
}

// group is GET, HEAD, PUT, PATCH and DELETE of a resource group.
func (c *call) group(sub, group string) error {
	t := &thing{kind: c.plane.groupKind(), namespace: resource.Process, name: resource.GroupName(sub, group),
		id: groupID(sub, group), action: groupAction, existing: c.plane.findGroup(sub, group), sub: sub, group: group}
	if err := c.childAllowed(t); err != nil {
		return err
	}
	if err := c.known(sub); err != nil {
		return err
	}
	switch c.r.Method {
	case http.MethodGet, http.MethodHead:
		switch {
		case t.existing == nil:
			return noGroup(group)
		case c.r.Method == http.MethodHead:
			c.answer(http.StatusNoContent, nil)
			return nil
		}
	case http.MethodDelete:
		return c.deleteGroup(t)
	}
	return c.serveThing(t)
}

// deleteGroup removes the namespaces and custom topics inside, then the group.
func (c *call) deleteGroup(t *thing) error {
	if t.existing == nil {
		return noGroup(t.group)
	}
	var inside []*resource.Resource
	c.plane.set.EachNamespace("", func(r *resource.Resource) bool {
		if strings.EqualFold(r.Subscription, t.sub) && strings.EqualFold(r.Group, t.group) {
			inside = append(inside, r)
		}
		return true
	})
	c.plane.eachCustomTopic(func(r *resource.Resource) {
		if strings.EqualFold(r.Subscription, t.sub) && strings.EqualFold(r.Group, t.group) {
			inside = append(inside, r) // behind namespaces, which may route to it
		}
	})
	var all resource.Outcome
	for _, one := range inside {
		id, action := c.plane.id(one), one.Kind.Type+"/delete"
		if err := c.may(action, id); err != nil {
			return err
		}
		q, err := c.request(&thing{kind: one.Kind, namespace: one.Namespace, name: one.Name, id: id}, action)
		if err != nil {
			return err
		}
		out, err := c.plane.set.Delete(c.r.Context(), q)
		if err != nil {
			return err
		}
		all.Changes = append(all.Changes, out.Changes...)
		all.Impact.Join(out.Impact)
	}
	if !c.dryRun() {
		return c.deleteThing(t)
	}
	all.Old = t.existing
	all.Changes = append(all.Changes, resource.Change{Old: t.existing})
	return c.answerDryRun(t, &all)
}

// listGroups lists the resource groups of a subscription.
func (c *call) listGroups(sub string) error {
	if err := c.mayList(groupAction+"/read", "/subscriptions/"+sub); err != nil {
		return err
	}
	if err := c.known(sub); err != nil {
		return err
	}
	return c.listKind(resource.Process, c.plane.groupKind(), strings.ToLower(sub)+"/", groupAction+"/read")
}

// listResources lists what is in a group, or with "" in a subscription, as tools show it.
func (c *call) listResources(sub, group string) error {
	where, bad := resourcesWanted(c.query["$filter"])
	if bad != nil {
		return bad
	}
	at := "/subscriptions/" + sub
	if group != "" {
		at = groupID(sub, group)
		where["resourcegroup"] = group
	}
	if err := c.mayList(eventGrid+"/namespaces/read", at); err != nil {
		return err
	}
	if group != "" && c.plane.findGroup(sub, group) == nil {
		return noGroup(group)
	}
	value := []any{}
	add := func(r *resource.Resource, location string) {
		for name, has := range map[string]string{"resourcegroup": r.Group, "name": r.Name, "resourcetype": r.Kind.Type, "location": location} {
			if want, asked := where[name]; asked && !strings.EqualFold(want, has) {
				return
			}
		}
		if !strings.EqualFold(r.Subscription, sub) || !c.caller.May(r.Kind.Type+"/read", c.plane.id(r)) {
			return
		}
		all := c.plane.shown(r)
		one := map[string]any{}
		for _, name := range []string{"id", "name", "type", "location", "tags"} {
			if v, ok := all[name]; ok {
				one[name] = v
			}
		}
		value = append(value, one)
	}
	c.plane.set.EachNamespace("", func(r *resource.Resource) bool {
		add(r, r.Noun.(*namespace.Namespace).Location)
		return true
	})
	c.plane.eachCustomTopic(func(r *resource.Resource) { add(r, r.Noun.(*customtopic.Topic).Location) })
	c.answer(http.StatusOK, map[string]any{"value": value})
	return nil
}

// resourcesWanted reads the $filter of such a list: what has to be equal, by name in
// lower case. Tools join with "and", and ask for nothing else.
func resourcesWanted(filter string) (map[string]string, error) {
	where := map[string]string{}
	if filter == "" {
		return where, nil
	}
	for term := range strings.SplitSeq(filter, " and ") {
		name, value, isEqual := strings.Cut(strings.TrimSpace(term), " eq ")
		name, value = strings.ToLower(name), strings.TrimSpace(value)
		known := name == "resourcegroup" || name == "resourcetype" || name == "name" || name == "location"
		if !isEqual || !known || len(value) < 2 || value[0] != '\'' || value[len(value)-1] != '\'' {
			return nil, refuse(http.StatusBadRequest, codeInvalid,
				"$filter cannot be read: want resourceGroup, resourceType, name or location eq 'value', joined by and.").at("$filter")
		}
		where[name] = strings.ReplaceAll(value[1:len(value)-1], "''", "'")
	}
	return where, nil
}
