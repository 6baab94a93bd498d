package resource

import (
	"context"
	"time"

	"gridmq/control/customtopic"
	"gridmq/delivery"
)

// customTopicKind: topics beside namespaces. Their names are unique in the process, as
// those of namespaces, since they are parts of host names.
func customTopicKind(rules Rules) *Kind {
	return &Kind{
		Name: CustomTopics, Type: "Microsoft.EventGrid/topics", Order: 66, Patchable: true, Apart: true, Limit: 10_000, whole: true,
		Actions: []string{ListKeys, RegenerateKey},
		Decode:  func(name string, body []byte) (any, error) { return orNil(customtopic.Read(name, body)) },
		Load:    func(name string, body []byte) (any, error) { return orNil(customtopic.Load(name, body)) },
		Shown:   func(n any) []byte { return n.(*customtopic.Topic).Encode() },
		Stored:  func(n any) []byte { return n.(*customtopic.Topic).EncodeStored() },
		Replaces: func(n, old any) error {
			was, _ := old.(*customtopic.Topic)
			return n.(*customtopic.Topic).Replaces(was, rules.Namespace.Location)
		},
	}
}

func customSubscriptionKind(rules Rules) *Kind {
	now := rules.Now
	if now == nil {
		now = time.Now
	}
	return &Kind{
		Name: CustomSubscriptions, Type: "Microsoft.EventGrid/eventSubscriptions", Parent: CustomTopics, Order: 67, Patchable: true, Apart: true,
		Limit:   500, // of a topic
		Actions: []string{FullURL, Attributes},
		Decode: func(name string, body []byte) (any, error) {
			return orNil(customtopic.ReadSubscription(name, body, rules.Subscriptions))
		},
		Load: func(name string, body []byte) (any, error) {
			return orNil(customtopic.LoadSubscription(name, body, rules.Subscriptions))
		},
		Shown:  func(n any) []byte { return n.(*customtopic.Subscription).Encode() },
		Stored: func(n any) []byte { return n.(*customtopic.Subscription).EncodeStored() },
		Fill:   customtopic.Fill,
		Replaces: func(n, old any) error {
			was, _ := old.(*customtopic.Subscription)
			return n.(*customtopic.Subscription).Replaces(was, now())
		},
		Asks: func(n, old any) string {
			s := n.(*customtopic.Subscription)
			if was, _ := old.(*customtopic.Subscription); was != nil {
				return rules.asks(&s.Subscription, &was.Subscription)
			}
			return rules.asks(&s.Subscription, nil)
		},
		Ask: func(ctx context.Context, _ string, n any) error {
			s := n.(*customtopic.Subscription)
			return rules.ask(ctx, delivery.CustomTopics, &s.Subscription, s.EndpointField())
		},
	}
}
