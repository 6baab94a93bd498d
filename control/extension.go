package control

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"gridmq/control/audit"
	"gridmq/control/ban"
	"gridmq/control/operator"
	"gridmq/control/resource"
	"gridmq/control/role"
)

// routeExtension finds what lies below /gridmq. It needs no api-version.
func (c *call) routeExtension(p path) func() error {
	switch {
	case p.is("audit") && len(p) == 1:
		return c.get(c.listAudit)
	case p.is("whoami") && len(p) == 1:
		return c.get(c.whoAmI)
	case p.is("refused") && len(p) == 1 && c.plane.o.Refusals != nil:
		return c.get(c.listLost)
	case p.is("backup") && len(p) == 1 && c.plane.o.Backup != nil:
		return c.post(c.backup)
	case p.is("metrics") && len(p) == 1 && c.plane.o.Metrics != nil:
		return c.get(c.listMetrics)
	case p.is("openapi.json") && len(p) == 1:
		return c.get(c.openAPI)
	case p.is("operators"):
		return c.routeOperators(p[1:])
	case p.is("namespaces") && len(p) >= 3:
		return c.routeTools(p[1], p[2:])
	}
	return nil
}

func (c *call) routeOperators(p path) func() error {
	kind := c.plane.set.Kind(resource.Operators)
	switch {
	case !p.plain():
		return nil
	case len(p) == 0:
		return c.get(func() error {
			if err := c.may("gridmq/operators/read", "/gridmq/operators"); err != nil {
				return err
			}
			return c.listKind(resource.Process, kind, "", "gridmq/operators/read")
		})
	case len(p) > 2 || len(p) == 2 && !p[1:].is("newToken"):
		return nil
	}
	t := &thing{kind: kind, namespace: resource.Process, name: p[0], id: "/gridmq/operators/" + p[0], action: "gridmq/operators",
		existing: c.plane.set.Get(resource.NewKey(resource.Process, kind, p[0]))}
	if len(p) == 1 {
		return func() error { return c.serveThing(t) }
	}
	return c.post(func() error { return c.newToken(t) })
}

// newToken gives an operator another token, which is shown only now.
func (c *call) newToken(t *thing) error {
	const operation = "gridmq/operators/newToken/action"
	if err := c.may(operation, t.id); err != nil {
		return err
	}
	if t.existing == nil {
		return notFound(t.id)
	}
	token, hash := operator.NewToken()
	if _, err := c.modify(t, operation, func(noun any) (any, error) { return noun.(*operator.Operator).WithToken(hash), nil }); err != nil {
		return err
	}
	c.answer(http.StatusOK, map[string]string{"token": string(token)})
	return nil
}

func (c *call) whoAmI() error {
	if err := c.enter(); err != nil {
		return err
	}
	grants := []any{}
	for _, g := range c.caller.Grants {
		grants = append(grants, map[string]string{"role": g.Role.Name, "scope": g.Scope})
	}
	c.answer(http.StatusOK, map[string]any{"name": c.caller.Name, "type": c.caller.Type, "grants": grants})
	return nil
}

// listAudit lists who changed what, newest first. Parameters besides $top and
// $skipToken: resource (an id, with everything below it), operator, result.
func (c *call) listAudit() error {
	if err := c.may("gridmq/audit/read", "/gridmq/audit"); err != nil {
		return err
	}
	g, err := c.pager()
	if err != nil {
		return err
	}
	page, next, err := c.plane.audit.List(g.token, g.top, func(e *audit.Entry) bool {
		return role.Covers(c.query["resource"], e.Resource) &&
			(c.query["operator"] == "" || strings.EqualFold(c.query["operator"], e.Operator)) &&
			(c.query["result"] == "" || strings.EqualFold(c.query["result"], e.Result))
	})
	if err != nil {
		return err
	}
	for _, e := range page {
		g.value = append(g.value, e)
	}
	g.next = string(next)
	return c.respond(g)
}

// routeTools finds what there is about a namespace besides its resources.
func (c *call) routeTools(ns string, p path) func() error {
	o := &c.plane.o
	switch {
	case strings.Contains(ns, "/"):
		return nil
	case p.is("sessions") && o.Sessions != nil:
		return c.routeSessions(ns, p[1:])
	case p.is("trace") && len(p) == 2 && o.Trace != nil:
		return c.post(func() error { return c.trace(ns, p[1]) })
	case p.is("slow") && len(p) == 1 && o.Slow != nil:
		return c.get(func() error { return c.listSlow(ns) })
	case p.is("refused") && len(p) == 1 && o.Refusals != nil:
		return c.get(func() error { return c.listRefused(ns) })
	case p.is("history") && len(p) == 1 && o.History != nil:
		return c.get(func() error { return c.listHistory(ns) })
	case p.is("addresses") && len(p) == 1 && o.Addresses != nil:
		return c.get(func() error { return c.listAddresses(ns) })
	case p.is("eventCounts") && len(p) == 1 && o.Events != nil:
		return c.get(func() error { return c.listEventCounts(ns) })
	case p.is("retained") && o.Retained != nil:
		return c.routeRetained(ns, p[1:])
	case p.is("deadLetters") && o.DeadLetters != nil:
		return c.routeDeadLetters(ns, p[1:])
	case p.is("explain") && len(p) == 1 && o.Explain != nil:
		return c.post(func() error { return c.explain(ns) })
	case p.is("bans") && len(p) == 1:
		return c.get(func() error { return c.listBans(ns) })
	case p.is("bans") && len(p) == 2 && p.plain():
		return func() error { return c.ban(ns, p[1]) }
	}
	return nil
}

// about checks the right to do something about a namespace, and that it exists.
func (c *call) about(ns, action string) (*resource.Resource, error) {
	r := c.plane.set.Namespace(ns)
	id := "/gridmq/namespaces/" + ns // of one that is not there: only who may everything is told
	if r != nil {
		id = c.plane.id(r)
	}
	if err := c.may("gridmq/namespaces/"+action, id); err != nil {
		return nil, err
	}
	if r == nil {
		return nil, refuse(http.StatusNotFound, codeNoParent, "The namespace %q was not found.", ns)
	}
	return r, nil
}

func (c *call) listRefused(ns string) error {
	r, err := c.about(ns, "refused/read")
	if err != nil {
		return err
	}
	g, err := c.pager()
	if err != nil {
		return err
	}
	return c.refusals(g, r.Namespace)
}

// listLost lists who was refused before a namespace was found.
func (c *call) listLost() error {
	if err := c.may("gridmq/refused/read", "/gridmq/refused"); err != nil {
		return err
	}
	g, err := c.pager()
	if err != nil {
		return err
	}
	return c.refusals(g, "")
}

func (c *call) refusals(g *pager, namespace string) error {
	list, err := c.plane.o.Refusals.Refusals(c.r.Context(), namespace, g.top)
	if err != nil {
		return err
	}
	for _, one := range list {
		g.value = append(g.value, one)
	}
	return c.respond(g)
}

// listHistory lists what happened with clients lately. Parameter besides $top: client,
// a client identifier or an authentication name.
func (c *call) listHistory(ns string) error {
	r, err := c.about(ns, "history/read")
	if err != nil {
		return err
	}
	g, err := c.pager()
	if err != nil {
		return err
	}
	list, err := c.plane.o.History.History(c.r.Context(), r.Namespace, c.query["client"], g.top)
	if err != nil {
		return err
	}
	for _, one := range list {
		g.value = append(g.value, one)
	}
	return c.respond(g)
}

var questions = []string{"connect", "publish", "subscribe"}

func (c *call) explain(ns string) error {
	r, err := c.about(ns, "explain/read")
	if err != nil {
		return err
	}
	if err := c.read(); err != nil {
		return err
	}
	var q Question
	if err := json.Unmarshal(c.body, &q); err != nil {
		return refuse(http.StatusBadRequest, codeContent, "The body cannot be read: %v.", err)
	}
	q.Action = strings.ToLower(q.Action)
	switch {
	case !slices.Contains(questions, q.Action):
		return refuse(http.StatusBadRequest, codeInvalid, "action must be %s.", strings.Join(questions, ", ")).at("action")
	case q.Client == "":
		return refuse(http.StatusBadRequest, codeInvalid, "client is needed: a name of the registry, or an authentication name.").at("client")
	case q.Topic == "" && q.Action != "connect":
		return refuse(http.StatusBadRequest, codeInvalid, "topic is needed with %s.", q.Action).at("topic")
	}
	if q.Changes, err = c.assumed(r, q.Assume); err != nil {
		return err
	}
	answer, err := c.plane.o.Explain.Explain(c.r.Context(), r.Namespace, q)
	if err != nil {
		return err
	}
	c.answer(http.StatusOK, answer)
	return nil
}

// A list of bans leaves out those that are over. They are removed when a new one
// is made.
func (c *call) listBans(ns string) error {
	r, err := c.about(ns, "bans/read")
	if err != nil {
		return err
	}
	g, err := c.pager()
	if err != nil {
		return err
	}
	last, now := "", c.plane.o.Now()
	c.plane.set.List(r.Namespace, c.plane.set.Kind(resource.Bans), "", g.after, g.filter.Match, func(one *resource.Resource) bool {
		if over(one, now) {
			return true
		}
		if g.full(last) {
			return false
		}
		last = one.Key().Name
		g.value = append(g.value, c.plane.shown(one))
		return true
	})
	return c.respond(g)
}

func over(r *resource.Resource, now time.Time) bool {
	b := r.Noun.(*ban.Ban)
	return !b.Expires.IsZero() && !now.Before(b.Expires)
}

// ban is GET, PUT and DELETE of a ban.
func (c *call) ban(ns, name string) error {
	verb := map[string]string{http.MethodGet: "read", http.MethodHead: "read", http.MethodDelete: "delete"}[c.r.Method]
	if verb == "" {
		verb = "write"
	}
	r, err := c.about(ns, "bans/"+verb)
	if err != nil {
		return err
	}
	kind := c.plane.set.Kind(resource.Bans)
	t := &thing{kind: kind, namespace: r.Namespace, name: name, id: "/gridmq/namespaces/" + r.Name + "/bans/" + name,
		action: "gridmq/namespaces/bans", existing: c.plane.set.Get(resource.NewKey(r.Namespace, kind, name))}
	if t.existing != nil && verb == "read" && over(t.existing, c.plane.o.Now()) {
		t.existing = nil
	}
	if c.r.Method == http.MethodPut && !c.dryRun() {
		c.sweepBans(r.Namespace)
	}
	c.rights = c.plane.id(r)
	return c.serveThing(t)
}

// sweepBans removes some that are over.
func (c *call) sweepBans(ns string) {
	const most = 20
	var names []string
	now := c.plane.o.Now()
	kind := c.plane.set.Kind(resource.Bans)
	c.plane.set.List(ns, kind, "", "", everyName, func(r *resource.Resource) bool {
		if over(r, now) {
			names = append(names, r.Name)
		}
		return len(names) < most
	})
	for _, name := range names {
		q := resource.Request{Kind: kind, Namespace: ns, Name: name, Actor: resource.Actor{Name: "expiry", Type: "Application"},
			Operation: "gridmq/namespaces/bans/delete", ID: "/gridmq/namespaces/" + ns + "/bans/" + name, RequestID: c.id}
		if _, err := c.plane.set.Delete(c.r.Context(), q); err != nil {
			c.plane.log.Warn("a ban that is over could not be removed", "namespace", ns, "ban", name, "err", err)
		}
	}
}

// boolParameter reads an optional parameter.
func (c *call) boolParameter(name string) (*bool, error) {
	text := c.query[name]
	if text == "" {
		return nil, nil
	}
	b, err := strconv.ParseBool(text)
	if err != nil {
		return nil, refuse(http.StatusBadRequest, codeInvalid, "%s must be true or false.", name).at(name)
	}
	return &b, nil
}
