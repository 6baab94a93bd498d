// Package customtopics is the custom topics of a server as they are now: it follows the
// management plane, has the event plane keep their events, and tells the HTTP data plane
// who may publish.
//
// In the event plane all of them are topics of the namespace delivery.CustomTopics.
//
// Locks: mu, with which nothing is called. Errors: what the event plane could not do is
// logged; the resource says what is wanted, and the next start tries again.
// Source: spec/routing.md, section 1; spec/namespace-topics.md, sections 4 and 16.
package customtopics

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"

	"gridmq/access"
	"gridmq/control"
	"gridmq/control/customtopic"
	"gridmq/control/resource"
	"gridmq/control/role"
	"gridmq/delivery"
	"gridmq/gateway"
	"gridmq/identity"
)

// An EventPlane keeps the events of topics; *delivery.Plane is one.
type EventPlane interface {
	SetTopic(namespace string, t delivery.Topic) error
	DeleteTopic(namespace, topic string) error
	SetSubscription(namespace, topic string, s delivery.Subscription) error
	DeleteSubscription(namespace, topic, name string) error
	Stream(namespace, topic string) *delivery.Stream
}

// A Verifier says who a bearer token is of; *jwtauth.Directory is one.
type Verifier interface {
	Verify(ctx context.Context, token []byte) (*identity.Principal, error)
}

// Options makes Topics. Events is needed.
type Options struct {
	Events EventPlane
	// Domain is that of the built-in host names, <topic>.<Domain>. Default: none.
	Domain string
	// Tokens judges bearer tokens; nil: all are refused.
	Tokens Verifier
	// Log receives the room's events. Default: none.
	Log *slog.Logger
}

// Topics are the custom topics of a server.
type Topics struct {
	o   Options
	log *slog.Logger

	mu    sync.Mutex
	all   map[string]*gateway.CustomTopic   // by name in lower case
	ids   map[string]string                 // to names, by resource id in lower case
	roles map[string]*access.RoleAssignment // those that lie in no namespace
}

// New makes Topics without any; Apply brings them.
func New(o Options) *Topics {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Topics{o: o, log: o.Log, all: map[string]*gateway.CustomTopic{}, ids: map[string]string{}, roles: map[string]*access.RoleAssignment{}}
}

// Apply follows one change of the management plane, of which most are none of ours.
// They come in order, from one goroutine, at a start topics before their subscriptions.
func (t *Topics) Apply(c resource.Change) {
	switch c.Kind {
	case resource.CustomTopics:
		t.applyTopic(c)
	case resource.CustomSubscriptions:
		t.applySubscription(c)
	case resource.RoleAssignments:
		if c.Namespace == resource.Process {
			t.applyRole(c)
		}
	}
}

func (t *Topics) applyTopic(c resource.Change) {
	if gone := c.Old != nil && (c.New == nil || c.New.Created != c.Old.Created); gone {
		t.note(c, ignoreNoTopic(t.o.Events.DeleteTopic(delivery.CustomTopics, c.Name)))
	}
	if c.New != nil {
		t.note(c, t.o.Events.SetTopic(delivery.CustomTopics, delivery.Topic{Name: c.New.Name, Retention: delivery.MinRetention}))
	}
	key := strings.ToLower(c.Name)
	t.mu.Lock()
	defer t.mu.Unlock()
	if old := t.all[key]; old != nil {
		delete(t.ids, strings.ToLower(old.ID))
	}
	if delete(t.all, key); c.New != nil {
		view := t.view(c.New)
		t.all[key], t.ids[strings.ToLower(view.ID)] = view, c.New.Name
	}
}

// view is what the data plane must know of a topic.
func (t *Topics) view(r *resource.Resource) *gateway.CustomTopic {
	noun := r.Noun.(*customtopic.Topic)
	v := &gateway.CustomTopic{Topic: r.Name, EventGrid: noun.Schema == customtopic.EventGrid}
	v.Namespace = gateway.Namespace{Name: delivery.CustomTopics, ID: control.CustomTopicID(r), Keys: noun.Keys,
		NoKeys: noun.DisableLocalAuth, Network: noun.Network}
	if t.o.Domain != "" {
		v.Hosts = []string{strings.ToLower(r.Name + "." + t.o.Domain)}
	}
	return v
}

func (t *Topics) applySubscription(c resource.Change) {
	topic, name, _ := strings.Cut(c.Name, "/")
	if c.New == nil {
		t.note(c, ignoreNoTopic(t.o.Events.DeleteSubscription(delivery.CustomTopics, topic, name)))
		return
	}
	s := c.New.Noun.(*customtopic.Subscription).Subscription.Subscription
	s.Created = c.New.Created // another one of that name starts anew
	t.note(c, t.o.Events.SetSubscription(delivery.CustomTopics, topic, s))
}

func (t *Topics) applyRole(c resource.Change) {
	var a *access.RoleAssignment
	if c.New != nil {
		a, _ = c.New.Noun.(*role.Assignment).Access(c.New.Scope) // an error: it is for operators only
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if delete(t.roles, c.Name); a != nil {
		t.roles[c.Name] = a
	}
}

// ignoreNoTopic: a topic takes its subscriptions along, and each of them is told.
func ignoreNoTopic(err error) error {
	if errors.Is(err, delivery.ErrNoTopic) {
		return nil
	}
	return err
}

func (t *Topics) note(c resource.Change, err error) {
	if err != nil {
		t.log.Error("event plane not changed", "kind", c.Kind, "name", c.Name, "err", err)
	}
}

// ByHost implements gateway.CustomTopics.
func (t *Topics) ByHost(host string) *gateway.CustomTopic {
	name, ours := strings.CutSuffix(host, "."+strings.ToLower(t.o.Domain))
	if !ours || t.o.Domain == "" {
		return nil
	}
	return t.ByName(name)
}

// ByName implements gateway.CustomTopics.
func (t *Topics) ByName(name string) *gateway.CustomTopic {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.all[strings.ToLower(name)]
}

// Default is the topic if there is but one.
func (t *Topics) Default() *gateway.CustomTopic {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.all) == 1 {
		for _, one := range t.all {
			return one
		}
	}
	return nil
}

// Stream is the topic with a resource id, for those who route to it; nil: there is none,
// or its publishers send another schema than CloudEvents.
func (t *Topics) Stream(id string) *delivery.Stream {
	t.mu.Lock()
	name, found := t.ids[strings.ToLower(id)]
	usable := found && !t.all[strings.ToLower(name)].EventGrid
	t.mu.Unlock()
	if !usable {
		return nil
	}
	return t.o.Events.Stream(delivery.CustomTopics, name)
}

// Verify says who a bearer token is of: gateway.Bearer for custom topics.
func (t *Topics) Verify(ctx context.Context, token []byte) (*identity.Principal, error) {
	if t.o.Tokens == nil {
		return nil, &identity.Error{Kind: identity.NotAuthorized, Reason: "there is no issuer of bearer tokens for custom topics: use an access key"}
	}
	return t.o.Tokens.Verify(ctx, token)
}

// May says whether role assignments give a data action at a scope.
func (t *Topics) May(who *identity.Principal, action, scope string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, a := range t.roles {
		if a.Allows(who, action, scope) {
			return true
		}
	}
	return false
}
