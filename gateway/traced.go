package gateway

import (
	"slices"
	"strings"

	"gridmq/event"
	"gridmq/mqtt"
	"gridmq/tracing"
)

// A request's trace context is in its headers traceparent and tracestate. What is published
// goes on with it, or with that of our span if the trace is recorded: messages in user
// properties, which is where MQTT 5 has it, events in the extensions of CloudEvents. What
// says for itself what trace it is of keeps that.

// contextOfRequest is what the headers say; zero if they do not, or more than once.
func (c *call) contextOfRequest() (t tracing.Context) {
	parents := c.r.Header.Values(tracing.ParentField)
	if len(parents) != 1 {
		return t
	}
	t, _ = tracing.Parse(parents[0], strings.Join(c.r.Header.Values(tracing.StateField), ","))
	return t
}

// traced is operate in a span, if the trace is recorded. Whoever is not let in has none.
func (c *call) traced() error {
	c.trace = c.contextOfRequest()
	if c.g.o.Tracer == nil {
		return c.operate()
	}
	span := c.g.o.Tracer.Start(c.r.Method+" "+c.operation(), tracing.Server, c.trace)
	if span == nil {
		return c.operate()
	}
	span.Text("http.request.method", c.r.Method).Text("gridmq.operation", c.operation()).Text("gridmq.namespace", c.ns.Name)
	if c.topic != nil {
		span.Text("gridmq.topic", c.topic.Name())
	}
	if c.queue != nil {
		span.Text("gridmq.subscription", c.queue.Name())
	}
	c.trace = span.Context()
	c.r = c.r.WithContext(tracing.With(c.r.Context(), span))
	err := c.operate()
	status := c.status
	if err != nil {
		e := c.errorFor(err)
		status = e.Status
		span.Fail(e.Code, "")
	}
	span.Number("http.response.status_code", status).End()
	return err
}

// traceMessage has a message say what trace it is of.
func (c *call) traceMessage(p *mqtt.Properties) {
	said := func(u mqtt.UserProperty) bool { return u.Name == tracing.ParentField }
	if !c.trace.Valid() || slices.ContainsFunc(p.UserProperties, said) {
		return
	}
	p.UserProperties = append(p.UserProperties, mqtt.UserProperty{Name: tracing.ParentField, Value: c.trace.Parent()})
	if c.trace.State != "" {
		p.UserProperties = append(p.UserProperties, mqtt.UserProperty{Name: tracing.StateField, Value: c.trace.State})
	}
	p.Mark(mqtt.PropUserProperty)
}

// traceEvents has events say what trace they are of.
func (c *call) traceEvents(events []event.Event) {
	if !c.trace.Valid() {
		return
	}
	for i := range events {
		e := &events[i]
		if _, said := e.Extension(tracing.ParentField); said {
			continue
		}
		e.SetExtension(tracing.ParentField, event.String(c.trace.Parent()))
		if c.trace.State != "" {
			e.SetExtension(tracing.StateField, event.String(c.trace.State))
		}
	}
}
