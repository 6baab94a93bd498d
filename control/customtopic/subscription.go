package customtopic

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"gridmq/control/subscription"
	"gridmq/control/tree"
	"gridmq/delivery"
	"gridmq/identity"
)

// Bounds and defaults of retryPolicy.
const (
	MaxAttempts = delivery.MaxTopicAttempts
	maxMinutes  = 24 * 60
)

// A Subscription is not changed once it is stored.
type Subscription struct {
	subscription.Subscription
	said map[string]any // filter, retryPolicy and the like as they came
}

// kept are the members that are given back as they came: what they mean is in
// Subscription.
var kept = []string{"filter", "retryPolicy", "deadLetterDestination", "deadLetterWithResourceIdentity", "labels", "expirationTimeUtc"}

// ReadSubscription reads the whole resource as a request brings it.
func ReadSubscription(name string, body []byte, rules subscription.Rules) (*Subscription, error) {
	return readSubscription(name, body, rules, subscription.Read)
}

// LoadSubscription reads what EncodeStored wrote.
func LoadSubscription(name string, body []byte, rules subscription.Rules) (*Subscription, error) {
	return readSubscription(name, body, rules, subscription.Load)
}

func readSubscription(name string, body []byte, rules subscription.Rules,
	read func(string, []byte, subscription.Rules) (*subscription.Subscription, error)) (*Subscription, error) {
	whole := identity.ReadProperties(body)
	raw, _ := whole.Raw("properties")
	w := &words{identity.ReadProperties(raw), map[string]any{}, 0}
	s := &Subscription{said: map[string]any{}}
	inner := w.inner(s.said)
	attempts, minutes := w.retryPolicy()
	if err := errors.Join(whole.Err(), w.Err()); err != nil {
		return nil, err
	}
	found, err := read(name, tree.Encode(inner), rules)
	if err != nil {
		return nil, w.faults(err)
	}
	s.Subscription = *found
	s.Schedule, s.MaxDeliveryCount = delivery.TopicSchedule, attempts
	s.TimeToLive = time.Duration(minutes) * time.Minute
	return s, nil
}

// words reads what differs from an event subscription below a namespace.
type words struct {
	*identity.Properties // the object properties
	filters              map[string]any
	advanced             int // how many advancedFilters there are
}

// value is a member as a tree; false: it is not given.
func (w *words) value(name string) (any, bool) {
	raw, given := w.Raw(name)
	if !given || string(raw) == "null" {
		return nil, false
	}
	v, err := tree.Parse(raw)
	if err != nil {
		w.Fail(name, "cannot be read: "+err.Error())
		return nil, false
	}
	return v, true
}

// inner is the document of an event subscription below a namespace that means the same.
// What is given back as it came goes to said.
func (w *words) inner(said map[string]any) map[string]any {
	push := map[string]any{}
	p := map[string]any{"deliveryConfiguration": map[string]any{"deliveryMode": "Push", "push": push}}
	for _, name := range kept {
		if v, given := w.value(name); given {
			said[name] = v
		}
	}
	for _, name := range []string{destination, withIdentity} {
		if v, given := w.value(name); given {
			push[name] = v
		}
	}
	if at, _ := w.Enum("eventDeliverySchema", schemas[0], schemas[1], "CustomInputSchema"); at != 0 {
		w.Fail("eventDeliverySchema", "want CloudEventSchemaV1_0: events are delivered as CloudEvents, whatever schema they are published in")
	}
	for name, to := range map[string]map[string]any{"expirationTimeUtc": p, "gridmq": p} {
		if v, given := w.value(name); given {
			to[name] = v
		}
	}
	if letters := w.deadLetters(said); letters != nil {
		push[lettersMember] = letters
	}
	w.labels()
	if w.filter(); len(w.filters) > 0 {
		p["filtersConfiguration"] = w.filters
	}
	return map[string]any{"properties": p}
}

const (
	destination   = "destination"
	withIdentity  = "deliveryWithResourceIdentity"
	lettersMember = "deadLetterDestinationWithResourceIdentity"
)

func (w *words) deadLetters(said map[string]any) any {
	plain, isPlain := said["deadLetterDestination"]
	with, isWith := said["deadLetterWithResourceIdentity"]
	switch {
	case isPlain && isWith:
		w.Fail("deadLetterWithResourceIdentity", "cannot stand beside deadLetterDestination; leave one of them out")
	case isPlain:
		return map[string]any{"deadLetterDestination": plain}
	case isWith:
		return with
	}
	return nil
}

// labels are texts for people.
func (w *words) labels() { w.Texts("labels", 100) }

// retryPolicy says how often and how long an event is tried.
func (w *words) retryPolicy() (attempts, minutes int) {
	p, _ := w.Object("retryPolicy")
	attempts, minutes = MaxAttempts, maxMinutes
	if n, given := p.Integer("maxDeliveryAttempts", 1, MaxAttempts); given {
		attempts = int(n)
	}
	if n, given := p.Integer("eventTimeToLiveInMinutes", 1, maxMinutes); given {
		minutes = int(n)
	}
	return attempts, minutes
}

// Replaces says whether s may take the place of old, which may be nil.
func (s *Subscription) Replaces(old *Subscription, now time.Time) error {
	var was *subscription.Subscription
	if old != nil {
		was = &old.Subscription
	}
	return s.Subscription.Replaces(was, now)
}

// EndpointField is the path of what names the endpoint.
func (s *Subscription) EndpointField() string { return outer(s.Subscription.EndpointField(), 0) }

// Encode writes the resource as the management plane shows it, without secrets.
func (s *Subscription) Encode() []byte { return s.encode(s.Subscription.Encode()) }

// EncodeStored writes everything, for the store.
func (s *Subscription) EncodeStored() []byte { return s.encode(s.Subscription.EncodeStored()) }

func (s *Subscription) encode(inner []byte) []byte {
	v, err := tree.Parse(inner)
	if err != nil {
		panic("customtopic: not JSON: " + err.Error()) // we have written it
	}
	p := map[string]any{"eventDeliverySchema": schemas[0]}
	for name, v := range s.said {
		p[name] = v
	}
	policy, _ := p["retryPolicy"].(map[string]any)
	p["retryPolicy"] = tree.MergeFold(map[string]any{"maxDeliveryAttempts": json.Number(fmt.Sprint(s.MaxDeliveryCount)),
		"eventTimeToLiveInMinutes": json.Number(fmt.Sprint(int(s.TimeToLive / time.Minute)))}, policy)
	for name, path := range map[string]string{destination: pushPath + destination, withIdentity: pushPath + withIdentity, "gridmq": "properties.gridmq"} {
		if found, given := tree.Get(v, path); given {
			p[name] = found
		}
	}
	return tree.Encode(map[string]any{"properties": p})
}

const pushPath = "properties.deliveryConfiguration.push."

// Fill is subscription.Fill for the shape of this package: what the sender of a request
// has never seen, the URL of a webhook and the values of secret headers, stays.
func Fill(asked, request, stored any, patch bool) any {
	filled := subscription.Fill(inside(asked), inside(request), inside(stored), patch)
	for _, name := range []string{destination, withIdentity} {
		asked = tree.Without(asked, "properties."+name)
		if v, given := tree.Get(filled, pushPath+name); given {
			asked = tree.With(asked, "properties."+name, v)
		}
	}
	return asked
}

// inside is a tree with the destination where subscription.Fill looks for it.
func inside(v any) any {
	in := any(map[string]any{"properties": map[string]any{"deliveryConfiguration": map[string]any{"deliveryMode": "Push"}}})
	for _, name := range []string{destination, withIdentity} {
		if found, given := tree.Get(v, "properties."+name); given {
			in = tree.With(in, pushPath+name, found)
		}
	}
	return in
}

// faults gives the faults of the other shape the names of this one.
func (w *words) faults(err error) error {
	var all []error
	for _, f := range identity.FieldErrors(err) {
		all = append(all, &identity.FieldError{Field: outer(f.Field, w.advanced), Reason: f.Reason})
	}
	if len(all) == 0 {
		return err
	}
	return errors.Join(all...)
}

// renamed are beginnings of paths, the longer ones first.
var renamed = [][2]string{
	{"deliveryConfiguration.push." + lettersMember, "deadLetterWithResourceIdentity"},
	{"deliveryConfiguration.push.", ""},
	{"filtersConfiguration.includedEventTypes", "filter.includedEventTypes"},
	{"filtersConfiguration.filters", "filter.advancedFilters"},
	{"filtersConfiguration", "filter"},
}

// outer is the path here of one below a namespace; advanced is the number of
// advancedFilters, behind which come those made of subjects.
func outer(path string, advanced int) string {
	var at int
	if n, _ := fmt.Sscanf(path, "filtersConfiguration.filters[%d]", &at); n == 1 && at >= advanced {
		return "filter.subjectBeginsWith or subjectEndsWith"
	}
	for _, r := range renamed {
		if rest, found := strings.CutPrefix(path, r[0]); found {
			return r[1] + rest
		}
	}
	return path
}
