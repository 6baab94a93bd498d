package gateway

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"gridmq/event"
)

// callTimeout bounds what the event plane may take for a request, waiting for events
// aside.
const callTimeout = 30 * time.Second

// publish takes one event or a batch: all or nothing (section 6).
func (c *call) publish() error {
	body, err := c.readBody(cmp.Or(c.ns.Event.RequestBytes, 1<<20))
	if err != nil {
		return err
	}
	events, err := event.ReadHTTP(c.r.Header, body, c.ns.Event)
	if err != nil {
		return err
	}
	if err := c.store(events, len(body)); err != nil {
		return err
	}
	c.answer(http.StatusOK, []byte("{}"))
	return nil
}

// store publishes the events of a body of so many bytes: all or none, durable when it
// returns.
func (c *call) store(events []event.Event, bytes int) error {
	c.failed = len(events)
	if !c.tenant.take(&c.tenant.ingress, len(events), bytes) {
		return throttled()
	}
	c.traceEvents(events)
	ctx, cancel := context.WithTimeout(c.r.Context(), callTimeout)
	defer cancel()
	if err := c.topic.Publish(ctx, events); err != nil {
		return err
	}
	c.succeeded, c.failed = len(events), 0
	return nil
}

func throttled() *Error {
	return Refuse(http.StatusTooManyRequests, "The namespace has more traffic than its throughput limit.")
}
