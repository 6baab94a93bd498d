package tenants

import (
	"errors"
	"fmt"

	"gridmq/access"
	"gridmq/broker"
	"gridmq/control"
	"gridmq/tap"
	"gridmq/topic"
)

// Trace implements control.Tracer.
func (t *Tenants) Trace(namespace, clientID string, to *tap.Tap) (stop func(), err error) {
	b := t.serving()
	if b == nil {
		return nil, errors.New("the broker is starting")
	}
	stop, err = b.Trace(namespace, clientID, to)
	if errors.Is(err, broker.ErrTooManyTraces) {
		return nil, control.ErrTooManyTraces
	}
	return stop, err
}

// Why implements control.Tracer, by the rules of now and with what was known of the client
// when it was decided about: it may be gone.
func (t *Tenants) Why(namespace string, who any, action, about string) string {
	n := t.tenant(namespace)
	id, _ := who.(*broker.Identity)
	if n == nil || id == nil || id.Principal == nil {
		return ""
	}
	op := access.Publish
	if action == "subscribe" {
		op = access.Subscribe
		if _, filter, _, err := topic.ParseShare(about); err == nil {
			about = filter
		}
	}
	p := n.today(id.Principal)
	if p == nil {
		return "the client is disabled, or not in the registry any more"
	}
	return because(n.policy.Load().Explain(p, n.registry.GroupsOf(p), op, about))
}

// because is an explanation in one line: what allows it, or what comes nearest to that.
func because(e *access.Explanation) string {
	switch {
	case e.Rule != nil && e.Rule.Binding == "":
		return fmt.Sprintf("%s on topic space %s: topic template %s", source(*e.Rule), e.Rule.Space, e.Rule.Template)
	case e.Rule != nil:
		return fmt.Sprintf("client group %s, %s on topic space %s: topic template %s", e.Rule.Group, source(*e.Rule), e.Rule.Space, e.Rule.Template)
	case e.Allowed:
		return ""
	case len(e.Misses) > 0:
		return fmt.Sprintf("nothing gives it; nearest is topic template %s of topic space %s: %s", e.Misses[0].Template, e.Misses[0].Space, e.Misses[0].Text)
	}
	return "nothing gives it: no permission binding or role assignment is about it"
}
