package delivery

import (
	"fmt"
	"time"

	"gridmq/event/filter"
)

// CustomTopics is the namespace of topics that belong to none. No namespace can be
// called so: names have no underscore.
const CustomTopics = "custom_topics"

// A Topic is what an operator says of a namespace topic.
type Topic struct {
	Name      string        // in its first spelling; found ignoring case
	Retention time.Duration // 1 to 7 days: how long an event can wait (section 7)
}

// Bounds of Topic and Subscription (sections 7, 9.4 and 14).
const (
	MinRetention = 24 * time.Hour
	MaxRetention = 7 * 24 * time.Hour

	MinTimeToLive = time.Minute

	MinDeliveryCount = 1
	MaxDeliveryCount = 10
	MaxTopicAttempts = 30 // with TopicSchedule

	MinLock = 60 * time.Second
	MaxLock = 300 * time.Second
)

// Validate returns what is wrong with t as *FieldError, joined.
func (t *Topic) Validate() error {
	if t.Retention < MinRetention || t.Retention > MaxRetention || t.Retention%MinRetention != 0 {
		return &FieldError{"eventRetentionInDays", "must be a whole number of days from 1 to 7"}
	}
	return nil
}

// A Mode is who moves: the consumer or the broker.
type Mode uint8

const (
	Pull Mode = iota // deliveryMode Queue
	Push             // deliveryMode Push
)

// A Schedule says how long a push delivery waits after failures.
type Schedule uint8

const (
	NamespaceSchedule Schedule = iota // minutes: section 12.1
	TopicSchedule                     // up to half a day, as the subscriptions of custom topics: spec/routing.md, section 5
)

// A Subscription is what an operator says of an event subscription.
type Subscription struct {
	Name string // in its first spelling; found ignoring case
	// Created tells two subscriptions of one name apart: the revision of the
	// resource when it was made. Another value starts anew, with no events.
	Created uint64
	Mode    Mode

	Filter           filter.Config
	TimeToLive       time.Duration // from the event's publish time; 0: the topic's retention
	MaxDeliveryCount int           // deliveries that may happen
	Schedule         Schedule      // of Push
	Lock             time.Duration // of a pull delivery
	Expires          time.Time     // the end of the subscription; zero: none

	Destination *Destination // of Push
	DeadLetters *DeadLetters // nil: what cannot be delivered is dropped and counted
}

// A Destination is where push delivery goes: one of the two.
type Destination struct {
	WebHook  *WebHook
	EventHub *EventHub
	Headers  []Header // deliveryAttributeMappings
}

// A WebHook is an endpoint that takes events by POST (section 10.2).
type WebHook struct {
	URL            string // a secret: its query often holds a key
	MaxEvents      int    // in one request, 1 to 5,000
	PreferredBytes int    // of a batch, 1 KiB to 1 MiB
	// Forward: the endpoint is where another broker takes the events of publishers. It
	// is not asked whether it wants them, since it has no answer to that.
	Forward     bool
	Tenant      string // azureActiveDirectoryTenantId
	Application string // azureActiveDirectoryApplicationIdOrUri; empty: no token
}

// An EventHub is an Event Hub or another Kafka topic, named by a resource id
// that the configuration maps to an address (section 10.4).
type EventHub struct{ ResourceID string }

// A Header is a custom header of a delivery (section 10.5).
type Header struct {
	Name        string
	Value       string // of a static one
	Secret      bool   // Value is shown to nobody
	SourceField string // of a dynamic one: a path into the event
}

// DeadLetters is where events go that were not delivered (section 13.2).
type DeadLetters struct {
	ResourceID string // of a storage account
	Container  string
}

// Lifetime is how long an event of t can wait in s.
func (s *Subscription) Lifetime(t *Topic) time.Duration {
	if s.TimeToLive == 0 {
		return t.Retention
	}
	return min(s.TimeToLive, t.Retention)
}

// A FieldError says what is wrong with a setting. Field is its path below
// `properties`.
type FieldError struct{ Field, Text string }

func (e *FieldError) Error() string { return fmt.Sprintf("%s %s", e.Field, e.Text) }
