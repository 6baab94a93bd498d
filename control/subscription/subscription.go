package subscription

import (
	"fmt"
	"time"

	"gridmq/control/eventtopic"
	"gridmq/control/namespace"
	"gridmq/delivery"
	"gridmq/event/filter"
	"gridmq/identity"
)

// A Subscription is not changed once it is stored.
type Subscription struct {
	// Subscription is what delivery goes by; Created is not set here.
	delivery.Subscription
	// TimeToLiveText is eventTimeToLive as it was given.
	TimeToLiveText string
	// MinimumTLS is what a webhook was asked to have, if anything was said.
	MinimumTLS string
	// Identity is that of deliveryWithResourceIdentity; nil: destination.
	Identity *Identity
	// DeadLetterIdentity is with whom dead letters are written; nil: nobody was named.
	DeadLetterIdentity *Identity
	Tags               map[string]string
}

// An Identity is one of the namespace's, in whose name something is done.
type Identity struct {
	namespace.IdentityUse
	FederatedClient string // federatedIdentityCredentialInfo.federatedClientId
}

// Rules are what reading needs to know besides the document. The zero value works.
type Rules struct {
	// PlainHTTP lets webhooks have http: URLs. For development.
	PlainHTTP bool
	// Filters bounds filters. Default: the documented limits.
	Filters filter.Limits
}

// settings is the object below deliveryConfiguration that holds what is asked for.
func (s *Subscription) settings() string {
	if s.Mode == delivery.Push {
		return "push"
	}
	return "queue"
}

func (s *Subscription) path(member string) string {
	return "deliveryConfiguration." + s.settings() + "." + member
}

// destination is the path of the push destination's object.
func (s *Subscription) destination() string {
	if s.Identity != nil {
		return s.path("deliveryWithResourceIdentity.destination")
	}
	return s.path("destination")
}

// EndpointField is the path of what names the endpoint of a push subscription.
func (s *Subscription) EndpointField() string {
	if s.Destination != nil && s.Destination.EventHub != nil {
		return s.destination() + ".properties.resourceId"
	}
	return s.destination() + ".properties.endpointUrl"
}

// Endpoint tells endpoints apart; empty: there is none. It is a secret.
func (s *Subscription) Endpoint() string {
	switch d := s.Destination; {
	case d == nil:
		return ""
	case s.forwards():
		return "forward " + d.WebHook.URL // once it is not any more, the endpoint has to agree
	case d.WebHook != nil:
		return d.WebHook.URL
	default:
		return d.EventHub.ResourceID
	}
}

// Replaces says whether s may take the place of old, which may be nil.
func (s *Subscription) Replaces(old *Subscription, now time.Time) error {
	p := identity.ReadProperties(nil)
	if old != nil && s.Mode != old.Mode {
		p.Fail("deliveryConfiguration.deliveryMode", "cannot change after creation; make another event subscription")
	}
	same := old != nil && s.Expires.Equal(old.Expires) // what is over may be written again as it is
	if !s.Expires.IsZero() && !s.Expires.After(now) && !same {
		p.Fail("expirationTimeUtc", "is over; want a time in the future")
	}
	return p.Err()
}

// Fits says whether s may lie below a topic of a namespace.
func (s *Subscription) Fits(t *eventtopic.Topic, n *namespace.Namespace) error {
	p := identity.ReadProperties(nil)
	if s.TimeToLive > t.Retention {
		p.Fail(s.path("eventTimeToLive"), fmt.Sprintf("is longer than the topic keeps events: its eventRetentionInDays is %d", days(t)))
	}
	const deadLetters = "deadLetterDestinationWithResourceIdentity"
	p.Join(s.Identity.within(n, s.path("deliveryWithResourceIdentity.identity")))
	p.Join(s.DeadLetterIdentity.within(n, s.path(deadLetters+".identity")))
	if s.DeadLetters != nil && s.DeadLetterIdentity == nil && n.Profile() == namespace.Azure {
		p.Fail(s.path(deadLetters+".identity"), "is required")
	}
	return p.Err()
}

// Holds says whether a topic may be as it is with s below it.
func (s *Subscription) Holds(t *eventtopic.Topic) error {
	if s.TimeToLive > t.Retention {
		return &identity.FieldError{Field: "eventRetentionInDays", Reason: fmt.Sprintf(
			"is shorter than the eventTimeToLive of the event subscription %q, %s; shorten that first", s.Name, s.TimeToLiveText)}
	}
	return nil
}

func days(t *eventtopic.Topic) int { return int(t.Retention / (24 * time.Hour)) }

func (i *Identity) within(n *namespace.Namespace, field string) error {
	if i == nil || n.Identity.Has(i.IdentityUse) {
		return nil
	}
	return &identity.FieldError{Field: field, Reason: "the namespace does not have this identity: see its own member identity"}
}
