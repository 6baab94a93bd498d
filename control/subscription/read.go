package subscription

import (
	"errors"
	"fmt"
	"net/url"
	"time"

	"gridmq/control/namespace"
	"gridmq/delivery"
	"gridmq/event/filter"
	"gridmq/identity"
)

const (
	eventSchema = "CloudEventSchemaV1_0"
	maxText     = 2048 // characters of a URL or an id

	defaultLock       = 60 // seconds
	defaultBatchBytes = 64 // KiB
)

// modes are deliveryMode in the order of delivery.Mode.
var modes = []string{delivery.Pull: "Queue", delivery.Push: "Push"}

// A reader reads one document.
type reader struct {
	*identity.Properties // the object properties
	s                    *Subscription
	rules                Rules
	stored               bool
	forward              bool // properties.gridmq.forward
}

// Read reads the whole resource as a request brings it.
func Read(name string, body []byte, rules Rules) (*Subscription, error) {
	return read(name, body, rules, false)
}

// Load reads what EncodeStored wrote. Switches that were turned since do not matter.
func Load(name string, body []byte, rules Rules) (*Subscription, error) {
	const any = 1 << 20
	rules.PlainHTTP, rules.Filters = true, filter.Limits{Filters: any, Values: any, Characters: any, EventTypes: any}
	return read(name, body, rules, true)
}

func read(name string, body []byte, rules Rules, stored bool) (*Subscription, error) {
	whole := identity.ReadProperties(body)
	raw, _ := whole.Raw("properties")
	r := &reader{Properties: identity.ReadProperties(raw), s: &Subscription{}, rules: rules, stored: stored}
	r.s.Name = name
	r.Join(identity.CheckName(name))
	r.Enum("eventDeliverySchema", eventSchema)
	r.forwarding()
	r.delivery()
	r.checkForward()
	r.filters()
	r.expiry()
	r.s.Tags = namespace.ReadTags(r.Properties)
	if err := errors.Join(whole.Err(), r.Err()); err != nil {
		return nil, err
	}
	if err := r.s.Validate(); err != nil && !stored {
		return nil, asFields(err)
	}
	return r.s, nil
}

// asFields gives the faults that delivery found in the form of ours.
func asFields(err error) error {
	var all []error
	switch e := err.(type) {
	case *delivery.FieldError:
		return &identity.FieldError{Field: e.Field, Reason: e.Text}
	case interface{ Unwrap() []error }:
		for _, one := range e.Unwrap() {
			all = append(all, asFields(one))
		}
		return errors.Join(all...)
	}
	return &identity.FieldError{Reason: err.Error()}
}

func (r *reader) delivery() {
	d, _ := r.Object("deliveryConfiguration")
	at, given := d.Enum("deliveryMode", modes...)
	if _, wrong := d.Raw("deliveryMode"); wrong && !given {
		return // what belongs to it cannot be said
	}
	r.s.Mode = delivery.Mode(at)
	queue, hasQueue := d.Object("queue")
	push, hasPush := d.Object("push")
	if r.s.Mode == delivery.Pull {
		if hasPush {
			d.Fail("push", "does not belong to deliveryMode Queue, which is what an event subscription has that does not say Push")
		}
		r.common(queue)
		r.s.Lock = time.Duration(integer(queue, "receiveLockDurationInSeconds", int64(delivery.MinLock/time.Second),
			int64(delivery.MaxLock/time.Second), defaultLock)) * time.Second
		return
	}
	if hasQueue {
		d.Fail("queue", "does not belong to deliveryMode Push")
	}
	r.common(push)
	r.push(push)
}

func integer(p *identity.Properties, name string, low, high, otherwise int64) int64 {
	if v, given := p.Integer(name, low, high); given {
		return v
	}
	return otherwise
}

// common reads what queue and push both have.
func (r *reader) common(p *identity.Properties) {
	s := r.s
	s.MaxDeliveryCount = int(integer(p, "maxDeliveryCount", delivery.MinDeliveryCount, delivery.MaxDeliveryCount, delivery.MaxDeliveryCount))
	if text, given := p.Text("eventTimeToLive", maxDuration); given && text != "" {
		d, err := parseDuration(text)
		switch {
		case err != nil:
			p.Fail("eventTimeToLive", err.Error())
		case d < delivery.MinTimeToLive || d > delivery.MaxRetention:
			p.Fail("eventTimeToLive", "want a minute to 7 days, PT1M to P7D")
		default:
			s.TimeToLive, s.TimeToLiveText = d, text
		}
	}
	r.deadLetters(p)
}

func (r *reader) filters() {
	raw, _ := r.Raw("filtersConfiguration")
	var err error
	r.s.Filter, err = filter.Parse(raw, r.rules.Filters)
	r.filterFaults(err)
}

func (r *reader) filterFaults(err error) {
	switch e := err.(type) {
	case nil:
	case *filter.FieldError:
		field := "filtersConfiguration"
		if e.Field != "" {
			field += "." + e.Field
		}
		r.Fail(field, e.Reason)
	case interface{ Unwrap() []error }:
		for _, one := range e.Unwrap() {
			r.filterFaults(one)
		}
	default:
		r.Fail("filtersConfiguration", err.Error())
	}
}

func (r *reader) expiry() {
	text, given := r.Text("expirationTimeUtc", maxDuration)
	if !given || text == "" {
		return
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil || at.Year() < 1 || at.Year() > 9999 || at.IsZero() {
		r.Fail("expirationTimeUtc", "want a time of RFC 3339 such as 2030-06-15T18:00:00Z")
		return
	}
	r.s.Expires = at.UTC()
}

// readIdentity reads who of the namespace does something.
func readIdentity(p *identity.Properties) *Identity {
	types := []string{"SystemAssigned", "UserAssigned"}
	at, given := p.Enum("type", types...)
	if !given {
		if _, wrong := p.Raw("type"); !wrong {
			p.Fail("type", "is required: SystemAssigned or UserAssigned")
		}
		return nil
	}
	id := &Identity{IdentityUse: namespace.IdentityUse{Type: types[at]}}
	if at == 1 {
		id.User = required(p, "userAssignedIdentity")
	}
	federated, _ := p.Object("federatedIdentityCredentialInfo")
	id.FederatedClient, _ = federated.Text("federatedClientId", maxText)
	return id
}

// required reads a text that must be there and not empty.
func required(p *identity.Properties, name string) string {
	s, given := p.Text(name, maxText)
	if _, wrong := p.Raw(name); s == "" && (given || !wrong) {
		p.Fail(name, "is required")
	}
	return s
}

// webhookURL says what is wrong with the URL of a webhook.
func (r *reader) webhookURL(text string) (reason string) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "" || u.Opaque != "":
		return "want a URL such as https://orders.example/events" // err has the URL in it, which may hold a key
	case u.Scheme != "https" && !(u.Scheme == "http" && r.rules.PlainHTTP):
		return fmt.Sprintf("want a URL of https, not %.20q", u.Scheme)
	case u.User != nil:
		return "cannot have a user and password; use a delivery attribute Authorization"
	case u.Fragment != "":
		return "cannot have a fragment (#), which is never sent"
	}
	return ""
}
