package control

import (
	"fmt"
	"net/http"
	"strings"

	"gridmq/control/customtopic"
	"gridmq/control/resource"
	"gridmq/control/tree"
)

// Custom topics lie in resource groups, beside namespaces, and their event subscriptions
// below them. Tools name those in two ways, of which the first is the id:
//
//	.../topics/{topic}/providers/Microsoft.EventGrid/eventSubscriptions/{name}
//	.../topics/{topic}/eventSubscriptions/{name}

const (
	customTopicType = eventGrid + "/topics"
	nestedType      = customTopicType + "/eventSubscriptions"
)

func customTopicID(sub, group, topic string) string {
	return groupID(sub, group) + "/providers/" + customTopicType + "/" + topic
}

const belowTopic = "/providers/" + eventGrid + "/eventSubscriptions/"

func (p *Plane) customTopicKind() *resource.Kind { return p.set.Kind(resource.CustomTopics) }

func (p *Plane) customSubscriptionKind() *resource.Kind {
	return p.set.Kind(resource.CustomSubscriptions)
}

// customTopic is a topic by its name; nil: there is none.
func (p *Plane) customTopic(name string) *resource.Resource {
	return p.set.Get(resource.NewKey(resource.Process, p.customTopicKind(), name))
}

// customTopicIDOf is the id of a topic by its name; while it is being removed, its name.
func (p *Plane) customTopicIDOf(name string) string {
	if r := p.customTopic(name); r != nil {
		return CustomTopicID(r)
	}
	return name
}

// CustomTopicID is the resource id of a custom topic.
func CustomTopicID(r *resource.Resource) string {
	return customTopicID(r.Subscription, r.Group, r.Name)
}

// CustomTopic is the custom topic with a resource id; nil: there is none.
func (p *Plane) CustomTopic(id string) *resource.Resource {
	r := p.customTopic(id[strings.LastIndexByte(id, '/')+1:])
	if r == nil || !strings.EqualFold(CustomTopicID(r), id) {
		return nil
	}
	return r
}

// routable says why messages cannot be routed to a topic that is not of the namespace's
// own; empty: they can.
func (p *Plane) routable(id string) (wrong string) {
	r := p.CustomTopic(id)
	switch {
	case r == nil:
		return "there is no topic with this resource id"
	case r.Noun.(*customtopic.Topic).Schema != customtopic.CloudEvents:
		return "the topic has the inputSchema EventGridSchema; messages become events of CloudEventSchemaV1_0"
	}
	return ""
}

// routeCustomTopic finds what p means below .../resourceGroups/{group}/providers/
// Microsoft.EventGrid/topics.
func (c *call) routeCustomTopic(sub, group string, p path) func() error {
	if len(p) == 0 {
		return c.armOurs(c.get(func() error { return c.listCustomTopics(sub, group) }))
	}
	topic, rest := p[0], p[1:]
	switch {
	case len(rest) == 0:
		return c.armOurs(func() error { return c.customTopic(c.customTopicThing(sub, group, topic)) })
	case len(rest) == 1 && actionOf(c.plane.customTopicKind(), rest[0]) != "":
		return c.action(c.customTopicThing(sub, group, topic), rest[0])
	}
	nested := rest.is("eventSubscriptions")
	switch {
	case nested:
		rest = rest[1:]
	case rest.is("providers", eventGrid, "eventSubscriptions"):
		rest = rest[3:]
	default:
		return nil
	}
	if len(rest) == 0 {
		return c.armOurs(c.get(func() error { return c.listCustomSubscriptions(c.customTopicThing(sub, group, topic), nested) }))
	}
	t := c.customSubscriptionThing(c.customTopicThing(sub, group, topic), rest[0], nested)
	switch {
	case len(rest) == 1:
		return c.armOurs(func() error { return c.customSubscription(t) })
	case len(rest) == 2 && actionOf(t.kind, rest[1]) != "":
		return c.action(t, rest[1])
	}
	return nil
}

// customTopicThing is a custom topic in its place; in another one it does not exist.
func (c *call) customTopicThing(sub, group, name string) *thing {
	t := &thing{kind: c.plane.customTopicKind(), namespace: resource.Process, name: name, id: customTopicID(sub, group, name),
		action: customTopicType, sub: sub, group: group, basic: c.r.Method != http.MethodPatch}
	if r := c.plane.customTopic(name); r != nil && strings.EqualFold(r.Subscription, sub) && strings.EqualFold(r.Group, group) {
		t.existing, t.sub, t.group = r, r.Subscription, r.Group
	}
	return t
}

// customTopic is GET, PUT, PATCH and DELETE of a custom topic.
func (c *call) customTopic(t *thing) error {
	if err := c.childAllowed(t); err != nil {
		return err
	}
	if err := c.known(t.sub); err != nil {
		return err
	}
	switch {
	case t.existing != nil:
	case c.r.Method == http.MethodDelete && !c.dryRun():
		c.answer(http.StatusNoContent, nil)
		return nil
	case c.r.Method == http.MethodDelete:
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

func (c *call) listCustomTopics(sub, group string) error {
	const action = customTopicType + "/read"
	id := "/subscriptions/" + sub
	if group != "" {
		id = groupID(sub, group)
	}
	if err := c.mayList(action, id); err != nil {
		return err
	}
	if err := c.known(sub); err != nil {
		return err
	}
	return c.listKindIf(resource.Process, c.plane.customTopicKind(), "", action, func(r *resource.Resource) bool {
		return strings.EqualFold(r.Subscription, sub) && (group == "" || strings.EqualFold(r.Group, group))
	}, nil)
}

// customSubscriptionThing is an event subscription of topic; nested is the second way to
// name it.
func (c *call) customSubscriptionThing(topic *thing, name string, nested bool) *thing {
	t := &thing{kind: c.plane.customSubscriptionKind(), namespace: resource.Process, name: topic.name + "/" + name,
		id: topic.id + belowTopic + name, action: eventGrid + "/eventSubscriptions", basic: c.r.Method != http.MethodDelete}
	if topic.existing == nil {
		t.above = refuse(http.StatusNotFound, codeNoParent, "The topic %q was not found.", topic.id)
	} else {
		t.name = topic.existing.Name + "/" + name // the first spelling stays
		t.existing = c.plane.set.Get(resource.NewKey(resource.Process, t.kind, t.name))
	}
	if nested {
		t.id, t.action, t.shownType = topic.id+"/eventSubscriptions/"+name, nestedType, nestedType
	}
	return t
}

// customSubscription is GET, PUT, PATCH and DELETE of an event subscription.
func (c *call) customSubscription(t *thing) error {
	if err := c.childAllowed(t); err != nil {
		return err
	}
	if c.r.Method == http.MethodPost {
		return noMethod(t.methods())
	}
	if t.above != nil {
		return t.above
	}
	if c.r.Method == http.MethodPatch {
		t.rewrite = flat
	}
	return c.serveThing(t)
}

func (c *call) listCustomSubscriptions(topic *thing, nested bool) error {
	t := c.customSubscriptionThing(topic, "", nested)
	if err := c.mayList(t.action+"/read", topic.id); err != nil {
		return err
	}
	if t.above != nil {
		return t.above
	}
	return c.listKindIf(resource.Process, t.kind, strings.ToLower(topic.existing.Name)+"/", t.action+"/read", nil, func(shown map[string]any) {
		if nested {
			shown["id"], shown["type"] = topic.id+"/eventSubscriptions/"+fmt.Sprint(shown["name"]), nestedType
		}
	})
}

// flat is the body of a PATCH of an event subscription: its members have no properties
// around them, but for those who write them.
func flat(body []byte) []byte {
	v, err := tree.Parse(body)
	o, isObject := v.(map[string]any)
	if _, _, wrapped := tree.Member(o, "properties"); err != nil || !isObject || wrapped {
		return body // what is wrong with it is found later
	}
	return tree.Encode(map[string]any{"properties": o})
}

// customTopicShown adds what follows from where a custom topic is.
func (p *Plane) customTopicShown(r *resource.Resource, properties map[string]any) {
	properties["privateEndpointConnections"] = []any{}
	properties["metricResourceId"] = fmt.Sprintf("%d", r.Created)
	if p.o.TopicEndpoint != nil {
		properties["endpoint"] = p.o.TopicEndpoint(r.Name)
	}
}

// eachCustomTopic visits all custom topics.
func (p *Plane) eachCustomTopic(visit func(*resource.Resource)) {
	p.set.List(resource.Process, p.customTopicKind(), "", "", everyName, func(r *resource.Resource) bool {
		visit(r)
		return true
	})
}
