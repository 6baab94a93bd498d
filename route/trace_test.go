package route

import (
	"testing"

	"gridmq/event"
	"gridmq/mqtt"
	"gridmq/tracing"
)

const (
	publishers = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	ours       = "00-4bf92f3577b34da6a3ce929d0e0e4736-0102030405060708-01"
)

// TestTrace: which trace context an event has.
func TestTrace(t *testing.T) {
	props := func(pairs ...string) (list []mqtt.UserProperty) {
		for i := 0; i < len(pairs); i += 2 {
			list = append(list, mqtt.UserProperty{Name: pairs[i], Value: pairs[i+1]})
		}
		return list
	}
	binary := func(more ...string) []mqtt.UserProperty {
		return props(append([]string{"specversion", "1.0", "id", "1", "source", "/s", "type", "t"}, more...)...)
	}
	tests := map[string]struct {
		user          []mqtt.UserProperty
		contentType   string
		payload       string
		span          string // of our route; empty: not traced
		enrichment    string // of the operator, for traceparent
		parent, state string
	}{
		"nothing":                            {},
		"of the publisher":                   {user: props("traceparent", publishers, "tracestate", "a=b"), parent: publishers, state: "a=b"},
		"of the publisher, traced":           {user: props("traceparent", publishers, "tracestate", "a=b"), span: ours, parent: ours, state: "a=b"},
		"begun here":                         {span: ours, parent: ours},
		"none that it is":                    {user: props("traceparent", "00-zz", "tracestate", "a=b")},
		"a state alone":                      {user: props("tracestate", "a=b")},
		"twice: the first":                   {user: props("traceparent", publishers, "traceparent", ours), parent: publishers},
		"of an event in binary mode":         {user: binary("traceparent", publishers), parent: publishers},
		"of an event in binary mode, traced": {user: binary("traceparent", publishers), span: ours, parent: publishers},
		"an event without one, traced":       {user: binary(), span: ours, parent: ours},
		"of a structured event, traced":      {contentType: "application/cloudevents+json", payload: `{"specversion":"1.0","id":"1","source":"/s","type":"t","traceparent":"` + publishers + `"}`, span: ours, parent: publishers},
		"a structured event without, traced": {contentType: "application/cloudevents+json", payload: `{"specversion":"1.0","id":"1","source":"/s","type":"t"}`, span: ours, parent: ours},
		"the operator's":                     {user: props("traceparent", publishers), span: ours, enrichment: "mine", parent: "mine"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var c Config
			if c.Topic = to("a")[0]; test.enrichment != "" {
				c.Static = []Enrichment{{"traceparent", test.enrichment}}
			}
			p := mqtt.Properties{UserProperties: test.user, ContentType: test.contentType}
			if len(test.user) > 0 {
				p.Mark(mqtt.PropUserProperty)
			}
			if test.contentType != "" {
				p.Mark(mqtt.PropContentType)
			}
			m := &mqtt.Message{Topic: "a", Payload: []byte(test.payload), Props: p.Forward(nil)}
			span, _ := tracing.Parse(test.span, test.state)
			e, err := Render(compile(t, c).AppendTraced(nil, m, Publisher{}, span), goldenID)
			if err != nil {
				t.Fatal(err)
			}
			for name, want := range map[string]string{"traceparent": test.parent, "tracestate": test.state} {
				if got, there := e.Extension(name); got != event.String(want) || there != (want != "") {
					t.Errorf("%s is %v, want %q", name, got, want)
				}
			}
			if err := e.Validate(); err != nil {
				t.Errorf("the event is not valid: %v", err)
			}
		})
	}
}
