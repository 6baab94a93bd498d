package broker

import (
	"errors"

	"gridmq/mqtt"
	"gridmq/tracing"
)

// Spans of messages that are traced. Others cost what contextOf does, and without a
// tracer nothing but the question whether there is one.

// publishTraced is publishChecked in a span, if the message's trace is recorded.
func (c *conn) publishTraced() error {
	in := &c.in
	s := c.b.tracer.Start("receive PUBLISH", tracing.Consumer, contextOf(in.Props))
	if s == nil {
		return c.publishChecked()
	}
	version := "5.0"
	if !c.v5 {
		version = "3.1.1"
	}
	describe(s, c.ns, string(in.Topic), in.QoS, in.Retain, len(in.Payload))
	s.Text("messaging.client.id", c.client).Text("network.protocol.version", version).Text("network.transport", "tcp")
	c.span = s
	err := c.publishChecked()
	if e, ok := errors.AsType[*mqtt.Error](err); ok {
		s.Fail(e.Code.String(), "")
	}
	c.span = nil
	s.End()
	return err
}

// contextOf is the trace that a PUBLISH is of; zero if it does not say so. The bytes may be
// those of a read buffer. It allocates only where there is a tracestate.
func contextOf(props []byte) (c tracing.Context) {
	if len(props) == 0 {
		return c
	}
	parent := mqtt.FindUserProperty(props, tracing.ParentField)
	if parent == nil {
		return c
	}
	c, _ = tracing.Parse(parent, mqtt.FindUserProperty(props, tracing.StateField))
	return c
}

// describe notes what the span of every message has: OpenTelemetry's conventions for
// messaging. The topic is no part of the span's name, as there are too many.
func describe(s *tracing.Span, ns *namespace, topic string, qos byte, retain bool, size int) {
	s.Text("messaging.system", "mqtt").Text("messaging.operation.type", "receive").Text("messaging.operation.name", "publish").
		Text("messaging.destination.name", topic).Text("gridmq.namespace", ns.name).Number("messaging.message.body.size", size).
		Number("mqtt.qos", int(qos)).Truth("mqtt.retain", retain)
}
