package control

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"gridmq/control/resource"
	"gridmq/identity"
)

// A thing is a resource that a request names, whether it exists or not.
type thing struct {
	kind      *resource.Kind
	namespace string
	name      string // with its parent's
	id        string
	action    string // without its last part, as "Microsoft.EventGrid/namespaces/clients"
	existing  *resource.Resource
	above     error // that what it lies below is not there; nil: it is

	sub, group, scope string       // where a new one is
	after             func() error // done before a PUT is answered

	shownType string              // with id, how it is shown; empty: as it is
	rewrite   func([]byte) []byte // what a body is made into first; nil: nothing else
	basic     bool                // what was changed is answered 201, what was deleted 204: clients of the older API take nothing else
}

// methods that a thing has.
func (t *thing) methods() string {
	if t.kind.Patchable {
		return "GET, HEAD, PUT, PATCH, DELETE"
	}
	return "GET, HEAD, PUT, DELETE"
}

// serveThing is GET, PUT, PATCH and DELETE of any resource.
func (c *call) serveThing(t *thing) error {
	switch c.r.Method {
	case http.MethodGet, http.MethodHead:
		if err := c.may(t.action+"/read", t.id); err != nil {
			return err
		}
		if t.existing == nil {
			return notFound(t.id)
		}
		c.w.Header().Set("ETag", etag(t.existing))
		c.answer(http.StatusOK, c.show(t, t.existing))
		return nil
	case http.MethodPut:
		return c.putThing(t, false)
	case http.MethodPatch:
		if t.kind.Patchable {
			return c.putThing(t, true)
		}
	case http.MethodDelete:
		return c.deleteThing(t)
	}
	if err := c.enter(); err != nil {
		return err
	}
	return noMethod(t.methods())
}

func (c *call) request(t *thing, operation string) (resource.Request, error) {
	m, err := c.match()
	return resource.Request{Kind: t.kind, Namespace: t.namespace, Name: t.name, Match: m, DryRun: c.dryRun(),
		Actor: c.actor(), ID: t.id, Operation: operation, RequestID: c.id}, err
}

func (c *call) putThing(t *thing, patch bool) error {
	if err := c.may(t.action+"/write", t.id); err != nil {
		return err
	}
	if err := c.read(); err != nil {
		return err
	}
	name := t.name[strings.LastIndexByte(t.name, '/')+1:]
	if t.rewrite != nil {
		c.body = t.rewrite(c.body)
	}
	if err := checkIdentity(c.body, t.id, name, cmp.Or(t.shownType, t.kind.Type)); err != nil {
		return err
	}
	q, err := c.request(t, t.action+"/write")
	if err != nil {
		return err
	}
	out, err := c.plane.set.Put(c.r.Context(), resource.Put{Request: q, Body: c.body, Patch: patch, Version: c.version,
		Subscription: t.sub, Group: t.group, Scope: t.scope})
	if err != nil {
		return err
	}
	for _, w := range out.Warnings {
		c.w.Header().Add("gridmq-warning", w)
	}
	if q.DryRun {
		return c.answerDryRun(t, out)
	}
	if t.after != nil {
		if err := t.after(); err != nil {
			return err
		}
	}
	status := http.StatusOK
	if out.Created() || t.basic {
		status = http.StatusCreated
	}
	c.w.Header().Set("ETag", etag(out.New))
	c.answer(status, c.show(t, out.New))
	return nil
}

// show is the resource that t is, by the name that it was asked for.
func (c *call) show(t *thing, r *resource.Resource) map[string]any {
	shown := c.plane.shown(r)
	if t.shownType != "" {
		shown["id"], shown["type"] = t.id, t.shownType
	}
	return shown
}

func (c *call) deleteThing(t *thing) error {
	if err := c.may(t.action+"/delete", t.id); err != nil {
		return err
	}
	q, err := c.request(t, t.action+"/delete")
	if err != nil {
		return err
	}
	out, err := c.plane.set.Delete(c.r.Context(), q)
	switch {
	case err != nil:
		return err
	case q.DryRun:
		return c.answerDryRun(t, out)
	case out.Old == nil, t.basic:
		c.answer(http.StatusNoContent, nil)
	default:
		c.answer(http.StatusOK, nil)
	}
	return nil
}

// A dryRun says what would happen, and to whom.
type dryRun struct {
	DryRun    bool        `json:"dryRun"`
	Operation string      `json:"operation"` // create, update, delete, none
	ID        string      `json:"id"`
	Members   []string    `json:"members"`
	Changes   []dryChange `json:"changes"`
	// Effects are the first of them; MoreEffects says how many are left out.
	Effects     []resource.Effect `json:"effects"`
	MoreEffects int               `json:"moreEffects,omitempty"`
	Warnings    []string          `json:"warnings,omitempty"`
	Resource    map[string]any    `json:"resource,omitempty"`
}

type dryChange struct {
	ID        string `json:"id"`
	Operation string `json:"operation"`
}

func (c *call) answerDryRun(t *thing, out *resource.Outcome) error {
	d := dryRun{DryRun: true, ID: t.id, Operation: operationOf(out.Old, out.New, out.Unchanged), Members: out.Members,
		Changes: []dryChange{}, Effects: out.Impact.Effects, MoreEffects: out.Impact.More, Warnings: out.Warnings}
	for _, one := range out.Changes {
		r := one.New
		if r == nil {
			r = one.Old
		}
		d.Changes = append(d.Changes, dryChange{c.plane.id(r), operationOf(one.Old, one.New, out.Unchanged)})
	}
	if out.New != nil {
		d.Resource = c.plane.shown(out.New)
	}
	if d.Members == nil {
		d.Members = []string{}
	}
	if d.Effects == nil {
		d.Effects = []resource.Effect{}
	}
	c.answer(http.StatusOK, d)
	return nil
}

func operationOf(old, next *resource.Resource, unchanged bool) string {
	switch {
	case old == nil && next == nil, unchanged:
		return "none"
	case old == nil:
		return "create"
	case next == nil:
		return "delete"
	}
	return "update"
}

// find looks a namespace up in its place; in another one it does not exist.
func (c *call) find(l place) *resource.Resource {
	ns := c.plane.set.Namespace(l.ns)
	if ns == nil || !strings.EqualFold(ns.Subscription, l.sub) || !strings.EqualFold(ns.Group, l.group) {
		return nil
	}
	return ns
}

// known refuses a subscription that there is none of.
func (c *call) known(sub string) error {
	all := c.plane.o.Subscriptions
	if len(all) == 0 {
		return nil
	}
	for _, one := range all {
		if strings.EqualFold(one, sub) {
			return nil
		}
	}
	return refuse(http.StatusNotFound, "SubscriptionNotFound", "The subscription %q was not found.", sub)
}

// childThing is a resource below a namespace, or below one there.
func (c *call) childThing(l place, kind *resource.Kind, name string) *thing {
	parent, above := c.parent(l, kind, name)
	if parent != nil && kind.Parent != "" { // the first spelling stays
		name = parent.Name + name[strings.IndexByte(name, '/'):]
	}
	t := &thing{kind: kind, namespace: l.ns, name: name, above: above, action: eventGrid + "/namespaces/" + kind.Name}
	t.id = l.id() + "/" + kind.Name + "/" + name
	if kind.Parent != "" {
		above, below, _ := strings.Cut(name, "/")
		t.id = l.id() + "/" + kind.Parent + "/" + above + "/" + kind.Name + "/" + below
		t.action = eventGrid + "/namespaces/" + kind.Parent + "/" + kind.Name
	}
	if t.above == nil {
		t.existing = c.plane.set.Get(resource.NewKey(l.ns, kind, name))
	}
	return t
}

// parent is what name lies below. An error says that it is not there.
func (c *call) parent(l place, kind *resource.Kind, name string) (*resource.Resource, error) {
	r := c.find(l)
	if r == nil {
		return nil, refuse(http.StatusNotFound, codeNoParent, "The namespace %q was not found.", l.id())
	}
	if kind.Parent == "" {
		return r, nil
	}
	above, _, _ := strings.Cut(name, "/")
	if r = c.plane.set.Get(resource.NewKey(l.ns, c.plane.set.Kind(kind.Parent), above)); r == nil {
		return nil, refuse(http.StatusNotFound, codeNoParent, "%s %q was not found.", kind.Parent, above)
	}
	return r, nil
}

// child is GET, PUT, PATCH and DELETE of a resource below a namespace.
func (c *call) child(l place, kind *resource.Kind, name string) error {
	t := c.childThing(l, kind, name)
	if err := c.childAllowed(t); err != nil {
		return err
	}
	switch {
	case !slices.Contains(strings.Split(t.methods(), ", "), c.r.Method):
		return noMethod(t.methods())
	case t.above != nil:
		return t.above
	}
	if kind.Name == "clientGroups" && name == identity.AllClients {
		return c.everybody(t)
	}
	return c.serveThing(t)
}

// childAllowed asks for the right that the method needs, before anything is told.
func (c *call) childAllowed(t *thing) error {
	switch c.r.Method {
	case http.MethodGet, http.MethodHead:
		return c.may(t.action+"/read", t.id)
	case http.MethodPut, http.MethodPatch:
		return c.may(t.action+"/write", t.id)
	case http.MethodDelete:
		return c.may(t.action+"/delete", t.id)
	}
	return c.enter()
}

// everybody is the built-in group $all: section 4.6.
func (c *call) everybody(t *thing) error {
	switch c.r.Method {
	case http.MethodGet, http.MethodHead:
		c.answer(http.StatusOK, map[string]any{"id": t.id, "name": identity.AllClients, "type": t.kind.Type,
			"properties": map[string]any{"description": "All clients of the namespace.", "provisioningState": "Succeeded"}})
		return nil
	case http.MethodPut, http.MethodDelete:
		return refuse(http.StatusBadRequest, codeInvalid, "The group %s is built in and cannot be changed.", identity.AllClients).at("name")
	}
	return noMethod(t.methods())
}
