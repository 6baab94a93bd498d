package gateway

import (
	"cmp"
	"net/http"
	"strings"

	"gridmq/event"
	"gridmq/gateway/sas"
)

// Custom topics take events at
//
//	POST /api/events                   the host name says which
//	POST /topics/{topic}/api/events    where all have one host name
//
// as the publishers of Event Grid's basic tier send them (section 16).

// CustomTopics finds a custom topic, as Namespaces finds a namespace.
type CustomTopics interface {
	ByHost(host string) *CustomTopic
	ByName(name string) *CustomTopic
	Default() *CustomTopic
}

// A CustomTopic is what the gateway must know of one. Its ID is that of the topic, its
// Keys are good for it only, and its Name is the namespace in which Events has it.
type CustomTopic struct {
	Namespace
	Topic string // in its first spelling
	// EventGrid: publishers send the schema of Event Grid, not CloudEvents.
	EventGrid bool
}

// customVersion is the api-version of publishers; it may be left out.
const customVersion = "2018-01-01"

// findCustom finds the custom topic of a request.
func (c *call) findCustom() error {
	var found *CustomTopic
	if all := c.g.o.CustomTopics; all != nil {
		found = all.ByHost(sas.Host(c.r.Host))
		if found == nil && c.r.TLS != nil && c.r.TLS.ServerName != "" {
			found = all.ByHost(sas.Host(c.r.TLS.ServerName))
		}
		switch {
		case found != nil && c.target.prefixed && !strings.EqualFold(found.Topic, c.target.topic):
			found = nil // host and path contradict each other
		case found == nil && c.target.prefixed:
			found = all.ByName(c.target.topic)
		case found == nil:
			found = all.Default()
		}
	}
	if found == nil {
		return Refuse(http.StatusNotFound, "There is no such topic: use its host name, or the path /topics/<topic>/api/events.")
	}
	c.custom, c.ns, c.target.topic = found, &found.Namespace, found.Topic
	return nil
}

// publishEvents takes events into a custom topic: all or nothing. They are durable
// before the answer, which is empty.
func (c *call) publishEvents() error {
	body, err := c.readBody(cmp.Or(c.ns.Event.RequestBytes, 1<<20))
	if err != nil {
		return err
	}
	var events []event.Event
	if c.custom.EventGrid {
		events, err = event.ReadEventGrid(c.r.Header, body, c.custom.ID, c.ns.Event)
	} else {
		events, err = event.ReadHTTP(c.r.Header, body, c.ns.Event)
	}
	if err != nil {
		return err
	}
	if err := c.store(events, len(body)); err != nil {
		return err
	}
	c.write(http.StatusOK, nil)
	return nil
}
