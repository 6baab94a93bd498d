package control

import (
	"context"
	"net/http"
	"strings"
	"time"
)

// What there is to look at besides resources: metrics, counts of topics, addresses.

// A MetricReader knows what the metrics of the process are now.
type MetricReader interface {
	// Metrics returns those whose names begin with a prefix, by name.
	Metrics(ctx context.Context, prefix string) ([]Metric, error)
}

// A Metric is one as Prometheus knows it.
type Metric struct {
	Name    string   `json:"name"`
	Type    string   `json:"type"` // counter, gauge, histogram
	Samples []Sample `json:"samples"`
}

// A Sample is a value of a metric. Of a histogram it is the sum, and Count says of
// how many.
type Sample struct {
	Labels map[string]string `json:"labels,omitempty"`
	Value  float64           `json:"value"`
	Count  uint64            `json:"count,omitempty"`
}

// An EventCounter counts what happens in the topics of namespaces.
type EventCounter interface {
	// EventCounts lists topics in the order of their names, from after (exclusive) on.
	// next is the after of what follows; empty: the end.
	EventCounts(ctx context.Context, namespace, after string, limit int) (page []TopicCounts, next string, err error)
}

// TopicCounts are events since the start of the server, and what is held now.
type TopicCounts struct {
	Name          string               `json:"name"`
	Published     uint64               `json:"published"`
	Discarded     uint64               `json:"discarded"` // nobody subscribed
	Refused       uint64               `json:"refused"`   // no room
	Bytes         int64                `json:"bytes"`     // held now, roughly
	Subscriptions []SubscriptionCounts `json:"eventSubscriptions"`
}

// SubscriptionCounts are those of an event subscription: events since the start of
// the server, but for the last three, which are what waits now.
type SubscriptionCounts struct {
	Name           string `json:"name"`
	Mode           string `json:"deliveryMode"` // Queue, Push
	Matched        uint64 `json:"matched"`
	Unmatched      uint64 `json:"unmatched"`
	Delivered      uint64 `json:"delivered"` // given out, or pushed with success
	Failed         uint64 `json:"failed"`    // attempts to push that failed
	Acknowledged   uint64 `json:"acknowledged"`
	Released       uint64 `json:"released"`
	Rejected       uint64 `json:"rejected"`
	DeadLettered   uint64 `json:"deadLettered"`
	Dropped        uint64 `json:"dropped"`        // lost: no destination, or it did not take them in time
	Unread         uint64 `json:"unread"`         // of the topic, not looked at yet; the filter may leave some out
	Outstanding    int    `json:"outstanding"`    // locked, delayed or given back
	DeadLettersDue int    `json:"deadLettersDue"` // to be written
}

// An AddressBook knows where clients reach a namespace.
type AddressBook interface {
	Addresses(ctx context.Context, namespace string) ([]Address, error)
}

// An Address is where clients reach a namespace.
type Address struct {
	Listener  string `json:"listener"`
	Transport string `json:"transport"` // tcp, tls, ws, wss
	URL       string `json:"url"`       // as mqtts://broker.example:8883, wss://broker.example:8443/mqtt
}

// listMetrics needs a right above all namespaces: most metrics are of all together.
func (c *call) listMetrics() error {
	if err := c.may("gridmq/metrics/read", "/gridmq/metrics"); err != nil {
		return err
	}
	list, err := c.plane.o.Metrics.Metrics(c.r.Context(), c.query["prefix"])
	if err != nil {
		return err
	}
	if list == nil {
		list = []Metric{}
	}
	c.answer(http.StatusOK, struct {
		Time  time.Time `json:"time"`
		Value []Metric  `json:"value"`
	}{c.plane.o.Now(), list})
	return nil
}

func (c *call) listEventCounts(ns string) error {
	r, err := c.about(ns, "eventCounts/read")
	if err != nil {
		return err
	}
	g, err := c.pager()
	if err != nil {
		return err
	}
	page, next, err := c.plane.o.Events.EventCounts(c.r.Context(), r.Namespace, strings.ToLower(g.after), g.top)
	if err != nil {
		return err
	}
	for _, one := range page {
		g.value = append(g.value, one)
	}
	g.next = next
	return c.respond(g)
}

func (c *call) listAddresses(ns string) error {
	r, err := c.about(ns, "addresses/read")
	if err != nil {
		return err
	}
	g, err := c.pager()
	if err != nil {
		return err
	}
	list, err := c.plane.o.Addresses.Addresses(c.r.Context(), r.Namespace)
	if err != nil {
		return err
	}
	for _, one := range list {
		g.value = append(g.value, one)
	}
	return c.respond(g)
}
