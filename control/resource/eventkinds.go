package resource

import (
	"context"
	"errors"
	"net/url"
	"time"

	"gridmq/control/eventtopic"
	"gridmq/control/namespace"
	"gridmq/control/subscription"
	"gridmq/identity"
)

// topicKind: a namespace may refer to topics, and event subscriptions lie below them.
func topicKind() *Kind {
	return &Kind{
		Name: Topics, Type: "Microsoft.EventGrid/namespaces/topics", Order: 64, Patchable: true, Referred: true, Limit: 10_000,
		Actions: []string{ListKeys, RegenerateKey},
		Decode:  func(name string, body []byte) (any, error) { return orNil(eventtopic.Read(name, body)) },
		Load:    func(name string, body []byte) (any, error) { return orNil(eventtopic.Load(name, body)) },
		Shown:   func(n any) []byte { return n.(*eventtopic.Topic).Encode() },
		Stored:  func(n any) []byte { return n.(*eventtopic.Topic).EncodeStored() },
		Replaces: func(n, old any) error {
			was, _ := old.(*eventtopic.Topic)
			return n.(*eventtopic.Topic).Replaces(was)
		},
		Holds: func(n, below any) error { return below.(*subscription.Subscription).Holds(n.(*eventtopic.Topic)) },
	}
}

func subscriptionKind(rules Rules) *Kind {
	now := rules.Now
	if now == nil {
		now = time.Now
	}
	return &Kind{
		Name: Subscriptions, Type: "Microsoft.EventGrid/namespaces/topics/eventsubscriptions", Parent: Topics, Order: 65,
		Patchable: true, Limit: 500, // of a topic
		Actions: []string{FullURL, Attributes},
		Decode: func(name string, body []byte) (any, error) {
			return orNil(subscription.Read(name, body, rules.Subscriptions))
		},
		Load: func(name string, body []byte) (any, error) {
			return orNil(subscription.Load(name, body, rules.Subscriptions))
		},
		Shown:  func(n any) []byte { return n.(*subscription.Subscription).Encode() },
		Stored: func(n any) []byte { return n.(*subscription.Subscription).EncodeStored() },
		Fill:   subscription.Fill,
		Replaces: func(n, old any) error {
			was, _ := old.(*subscription.Subscription)
			return n.(*subscription.Subscription).Replaces(was, now())
		},
		Fits: func(n, parent, ns any) error {
			return n.(*subscription.Subscription).Fits(parent.(*eventtopic.Topic), ns.(*namespace.Namespace))
		},
		Asks: func(n, old any) string {
			was, _ := old.(*subscription.Subscription)
			return rules.asks(n.(*subscription.Subscription), was)
		},
		Ask: func(ctx context.Context, ns string, n any) error {
			s := n.(*subscription.Subscription)
			return rules.ask(ctx, ns, s, s.EndpointField())
		},
	}
}

// asks is the endpoint that has to agree before s takes the place of old, which may be
// nil; empty: none has to.
func (r *Rules) asks(s, old *subscription.Subscription) string {
	if r.Endpoint == nil || old != nil && old.Endpoint() == s.Endpoint() {
		return ""
	}
	return s.Endpoint()
}

// ask asks the endpoint of s, which is what a field names.
func (r *Rules) ask(ctx context.Context, ns string, s *subscription.Subscription, field string) error {
	err := r.Endpoint(ctx, ns, s.Destination)
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err // what it says before is the whole URL, which may hold a key
	}
	return &identity.FieldError{Field: field, Reason: "the attempt to validate the endpoint failed: " + err.Error()}
}
