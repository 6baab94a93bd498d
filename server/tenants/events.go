package tenants

import (
	"errors"
	"strings"

	"gridmq/control/eventtopic"
	"gridmq/control/resource"
	"gridmq/control/subscription"
	"gridmq/delivery"
	"gridmq/delivery/sharedkey"
)

// An EventPlane keeps the events of topics; *delivery.Plane is one. It is told of every
// change in order, from one goroutine; at a start first of everything that is there,
// subscriptions after their topics. Names are in the spelling that people chose.
type EventPlane interface {
	SetTopic(namespace string, t delivery.Topic) error
	DeleteTopic(namespace, topic string) error
	SetSubscription(namespace, topic string, s delivery.Subscription) error
	DeleteSubscription(namespace, topic, name string) error
	DropNamespace(namespace string) error
	// Stream is a topic; nil: there is none.
	Stream(namespace, topic string) *delivery.Stream
}

// applyTopic follows a topic: its keys are here, its events in the event plane.
func (t *Tenants) applyTopic(c resource.Change) {
	n := t.tenant(c.Namespace)
	if n == nil {
		return
	}
	n.mu.Lock()
	set(n.topics, c)
	n.mu.Unlock()
	if t.o.Events == nil {
		return
	}
	if gone(c) {
		t.note(c, ignoreNoTopic(t.o.Events.DeleteTopic(n.spelled(), c.Name)))
	}
	if c.New != nil {
		t.note(c, t.o.Events.SetTopic(n.spelled(), c.New.Noun.(*eventtopic.Topic).Topic))
	}
}

func (t *Tenants) applySubscription(c resource.Change) {
	n := t.tenant(c.Namespace)
	if n == nil || t.o.Events == nil {
		return
	}
	topic, name, _ := strings.Cut(c.Name, "/")
	if c.New == nil {
		t.note(c, ignoreNoTopic(t.o.Events.DeleteSubscription(n.spelled(), topic, name)))
		return
	}
	s := c.New.Noun.(*subscription.Subscription).Subscription
	s.Created = c.New.Created // another one of that name starts anew
	t.note(c, t.o.Events.SetSubscription(n.spelled(), topic, s))
}

// gone says whether what was there is not there any more, although another one of
// its name may be.
func gone(c resource.Change) bool {
	return c.Old != nil && (c.New == nil || c.New.Created != c.Old.Created)
}

// ignoreNoTopic: a topic takes its subscriptions along, a namespace both, and each of
// them is told.
func ignoreNoTopic(err error) error {
	if errors.Is(err, delivery.ErrNoTopic) {
		return nil
	}
	return err
}

// note logs what the event plane could not do: the resource says what is wanted, and
// the next start tries again.
func (t *Tenants) note(c resource.Change, err error) {
	if err != nil {
		t.log.Error("event plane not changed", "namespace", c.Namespace, "kind", c.Kind, "name", c.Name, "err", err)
	}
}

func (t *Tenants) dropEvents(namespace string) {
	if t.o.Events == nil {
		return
	}
	if err := ignoreNoTopic(t.o.Events.DropNamespace(namespace)); err != nil {
		t.log.Error("events of a namespace not removed", "namespace", namespace, "err", err)
	}
}

// spelled is the name of the namespace as people chose it.
func (n *tenant) spelled() string { return n.resource.Load().Name }

// Keys are the access keys of a namespace, good for all of its topics; without a
// namespace they match nothing.
func (t *Tenants) Keys(namespace string) sharedkey.Keys {
	n := t.tenant(namespace)
	if n == nil {
		return sharedkey.Keys{}
	}
	return n.noun().Keys
}

// TopicKeys are those of a topic, good for it only; without a topic they match nothing.
func (t *Tenants) TopicKeys(namespace, topic string) sharedkey.Keys {
	n := t.tenant(namespace)
	if n == nil {
		return sharedkey.Keys{}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if found := n.topics[strings.ToLower(topic)]; found != nil {
		return found.Keys
	}
	return sharedkey.Keys{}
}
