package control

import (
	"net/http"
	"strings"

	"gridmq/control/audit"
	"gridmq/control/customtopic"
	"gridmq/control/eventtopic"
	"gridmq/control/namespace"
	"gridmq/control/resource"
	"gridmq/control/subscription"
	"gridmq/control/tree"
	"gridmq/delivery/sharedkey"
)

// act does what a POST to a resource asks for. Who may show secrets is a right of its
// own, and whoever did is in the audit log.
func (c *call) act(t *thing, action string) error {
	operation := t.action + "/" + action + "/action"
	if err := c.may(operation, t.id); err != nil {
		return err
	}
	switch {
	case t.above != nil:
		return t.above
	case t.existing == nil:
		return notFound(t.id)
	}
	switch action {
	case resource.RegenerateKey:
		return c.regenerateKey(t, operation)
	case resource.ValidateDomains:
		return c.validateDomains(t, operation)
	}
	c.plane.audit.Record(c.r.Context(), audit.Entry{Operator: c.caller.Name, From: c.fromText(), Operation: operation, Resource: t.id,
		Result: audit.Succeeded, Request: c.id})
	switch action {
	case resource.FullURL:
		return c.fullURL(t)
	case resource.Attributes:
		c.answer(http.StatusOK, map[string]any{"value": subscriptionOf(t).Headers()})
		return nil
	}
	return c.answerKeys(t.existing)
}

// subscriptionOf is the event subscription that t is.
func subscriptionOf(t *thing) *subscription.Subscription {
	if s, ok := t.existing.Noun.(*customtopic.Subscription); ok {
		return &s.Subscription
	}
	return t.existing.Noun.(*subscription.Subscription)
}

// fullURL shows the URL of a webhook with its query.
func (c *call) fullURL(t *thing) error {
	d := subscriptionOf(t).Destination
	if d == nil || d.WebHook == nil {
		return refuse(http.StatusBadRequest, codeInvalid, "The event subscription does not deliver to a webhook: it has no URL.")
	}
	c.answer(http.StatusOK, map[string]string{"endpointUrl": d.WebHook.URL})
	return nil
}

func (c *call) answerKeys(r *resource.Resource) error {
	var keys sharedkey.Keys
	switch n := r.Noun.(type) {
	case *namespace.Namespace:
		keys = n.Keys
	case *eventtopic.Topic:
		keys = n.Keys
	case *customtopic.Topic:
		keys = n.Keys
	}
	c.answer(http.StatusOK, map[string]string{"key1": keys[0], "key2": keys[1]})
	return nil
}

func (c *call) regenerateKey(t *thing, operation string) error {
	if err := c.read(); err != nil {
		return err
	}
	body, err := tree.Parse(c.body)
	if err != nil {
		return refuse(http.StatusBadRequest, codeContent, "The body cannot be read: %v.", err)
	}
	name, _ := tree.Get(body, "keyName")
	text, _ := name.(string)
	which := map[string]int{"key1": 0, "key2": 1}
	at, ok := which[strings.ToLower(text)]
	if !ok {
		return refuse(http.StatusBadRequest, codeInvalid, "keyName must be key1 or key2.").at("keyName")
	}
	out, err := c.modify(t, operation, func(noun any) (any, error) {
		switch n := noun.(type) {
		case *eventtopic.Topic:
			return n.WithNewKey(at), nil
		case *customtopic.Topic:
			return n.WithNewKey(at), nil
		}
		return noun.(*namespace.Namespace).WithNewKey(at), nil
	})
	if err != nil {
		return err
	}
	return c.answerKeys(out.New)
}

func (c *call) modify(t *thing, operation string, change func(any) (any, error)) (*resource.Outcome, error) {
	q, err := c.request(t, operation)
	if err != nil {
		return nil, err
	}
	q.DryRun = false
	return c.plane.set.Modify(c.r.Context(), q, change)
}
