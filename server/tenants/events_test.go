package tenants

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"gridmq/broker"
	"gridmq/control/namespace"
	"gridmq/control/resource"
	"gridmq/delivery"
	"gridmq/delivery/sharedkey"
)

// What it is for.
var _ EventPlane = (*delivery.Plane)(nil)

// A planeLog writes down what it is told.
type planeLog struct {
	told []string
	err  error // of what is deleted
}

func (p *planeLog) add(format string, args ...any) {
	p.told = append(p.told, fmt.Sprintf(format, args...))
}

func (p *planeLog) SetTopic(namespace string, t delivery.Topic) error {
	p.add("set %s/%s %v", namespace, t.Name, t.Retention)
	return nil
}

func (p *planeLog) DeleteTopic(namespace, topic string) error {
	p.add("delete %s/%s", namespace, topic)
	return p.err
}

func (p *planeLog) SetSubscription(namespace, topic string, s delivery.Subscription) error {
	p.add("set %s/%s/%s made at %d, %d deliveries", namespace, topic, s.Name, s.Created, s.MaxDeliveryCount)
	return nil
}

func (p *planeLog) DeleteSubscription(namespace, topic, name string) error {
	p.add("delete %s/%s/%s", namespace, topic, name)
	return p.err
}

func (p *planeLog) Stream(string, string) *delivery.Stream { return nil }

func (p *planeLog) DropNamespace(namespace string) error {
	p.add("drop %s", namespace)
	return p.err
}

func TestEvents(t *testing.T) {
	plane := &planeLog{}
	var log strings.Builder
	all := New(Options{Limits: func(*namespace.Namespace) broker.Limits { return broker.Limits{} }, Events: plane, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	t.Cleanup(all.Close)
	kinds := map[string]*resource.Kind{}
	for _, k := range resource.Kinds(resource.Rules{}) {
		kinds[k.Name] = k
	}
	last := map[string]*resource.Resource{}
	change := func(kind, name, body string, created uint64) {
		t.Helper()
		c := resource.Change{Namespace: "plant", Kind: kind, Name: name, Old: last[kind+name]}
		if body != "" {
			noun, err := kinds[kind].Decode(name[strings.LastIndexByte(name, '/')+1:], []byte(body))
			if err == nil && kinds[kind].Replaces != nil && c.Old == nil {
				err = kinds[kind].Replaces(noun, nil)
			}
			if err != nil {
				t.Fatal(err)
			}
			c.New = &resource.Resource{Kind: kinds[kind], Namespace: "plant", Name: name, Noun: noun, Created: created}
		}
		last[kind+name] = c.New
		all.Apply(c)
	}
	change(resource.Topics, "lost", `{}`, 1) // of no namespace
	change(resource.Namespaces, "Plant", `{}`, 2)
	if all.Keys("PLANT") == (sharedkey.Keys{}) || all.Keys("other") != (sharedkey.Keys{}) {
		t.Error("want the keys of the namespace, and of no other")
	}
	change(resource.Topics, "Orders", `{"properties":{"eventRetentionInDays":2}}`, 3)
	keys := all.TopicKeys("plant", "ORDERS")
	if keys == (sharedkey.Keys{}) || all.TopicKeys("plant", "none").Matches("") {
		t.Error("want the keys of the topic, and that no topic matches nothing")
	}
	change(resource.Subscriptions, "Orders/Billing", `{}`, 4)
	change(resource.Subscriptions, "Orders/Billing", `{"properties":{"deliveryConfiguration":{"queue":{"maxDeliveryCount":3}}}}`, 4)
	change(resource.Topics, "Orders", `{}`, 9) // another one, and nobody has seen the end of the first
	plane.err = delivery.ErrNoTopic
	change(resource.Topics, "Orders", "", 0)
	change(resource.Subscriptions, "Orders/Billing", "", 0)
	if all.TopicKeys("plant", "orders") != (sharedkey.Keys{}) {
		t.Error("a topic that is gone still has keys")
	}
	change(resource.Namespaces, "Plant", "", 0)
	want := []string{"set Plant/Orders 48h0m0s", "set Plant/Orders/Billing made at 4, 10 deliveries", "set Plant/Orders/Billing made at 4, 3 deliveries",
		"delete Plant/Orders", "set Plant/Orders 24h0m0s", "delete Plant/Orders", "delete Plant/Orders/Billing", "drop Plant"}
	if !slices.Equal(plane.told, want) {
		t.Errorf("told %q\nwant %q", plane.told, want)
	}
	if log.Len() > 0 {
		t.Errorf("that a topic takes its subscriptions along was logged as a fault: %s", log.String())
	}
	change(resource.Namespaces, "Plant", `{}`, 10)
	change(resource.Topics, "Orders", `{}`, 11)
	plane.err = errors.New("disk full")
	change(resource.Topics, "Orders", "", 0)
	if !strings.Contains(log.String(), "disk full") {
		t.Error("what the event plane could not do was not logged")
	}
}

// A namespace that is being deleted keeps no events from then on.
func TestEventsOfANamespaceThatGoes(t *testing.T) {
	plane := &planeLog{}
	all := New(Options{Limits: func(*namespace.Namespace) broker.Limits { return broker.Limits{} }, Events: plane})
	t.Cleanup(all.Close)
	for _, k := range resource.Kinds(resource.Rules{}) {
		if k.Name != resource.Namespaces {
			continue
		}
		noun, err := k.Decode("plant", []byte(`{}`))
		if err != nil {
			t.Fatal(err)
		}
		all.Apply(resource.Change{Namespace: "plant", Kind: k.Name, Name: "plant",
			New: &resource.Resource{Kind: k, Namespace: "plant", Name: "plant", Noun: noun, Deleting: true}})
	}
	if !slices.Equal(plane.told, []string{"drop plant"}) {
		t.Errorf("told %q", plane.told)
	}
}
