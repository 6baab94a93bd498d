package broker

import (
	"context"
	"slices"
	"testing"

	"gridmq/mqtt"
	"gridmq/tracing"
	"gridmq/tracing/tracetest"
)

const someParent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

// traced is routed with a tracer.
func traced(t *testing.T, ratio float64, f func(t *testing.T, h *house, g *gazette)) (spans []tracetest.Span) {
	t.Helper()
	routed(t, func(t *testing.T, h *house, g *gazette) {
		r := tracetest.New(ratio)
		h.b.tracer = r.Tracer
		f(t, h, g)
		spans = r.Spans()
	})
	return spans
}

// userProps are encoded user properties: names and values by turns.
func userProps(pairs ...string) string {
	var p mqtt.Properties
	for i := 0; i < len(pairs); i += 2 {
		p.UserProperties = append(p.UserProperties, mqtt.UserProperty{Name: pairs[i], Value: pairs[i+1]})
	}
	p.Mark(mqtt.PropUserProperty)
	return string(p.Forward(nil))
}

// TestTraced: a PUBLISH has a span if its trace is recorded, below the publisher's, and the
// Router has it; one that is refused says why.
func TestTraced(t *testing.T) {
	all := traced(t, 0, func(t *testing.T, h *house, g *gazette) {
		pub := h.connect("p", clean)
		pub.publish(text{topic: "a", payload: "12345", qos: 1, props: userProps("x", "y", tracing.ParentField, someParent, tracing.StateField, "a=b")})
		pub.publish(text{topic: "a", payload: "1", qos: 1})
		pub.publish(text{topic: "a", payload: "1", qos: 1, props: userProps(tracing.ParentField, someParent[:54]+"0")})
		g.mu.Lock()
		if g.full = true; !slices.Equal(g.traced, []bool{true, false, false}) {
			t.Errorf("the router was told of spans: %v", g.traced)
		}
		g.mu.Unlock()
		pub.publish(text{topic: "a", payload: "1", qos: 1, props: userProps(tracing.ParentField, someParent)})
	})
	if len(all) != 2 {
		t.Fatalf("spans %+v", all)
	}
	s := all[0]
	if s.Name != "receive PUBLISH" || s.Trace != someParent[3:35] || s.Parent != someParent[36:52] || s.State != "a=b" || s.Kind != tracing.Consumer || s.Failed {
		t.Errorf("span %+v", s)
	}
	for key, want := range map[string]string{"messaging.system": "mqtt", "messaging.destination.name": "a", "messaging.client.id": "p",
		"messaging.message.body.size": "5", "mqtt.qos": "1", "mqtt.retain": "false", "gridmq.namespace": "test"} {
		if s.Attributes[key] != want {
			t.Errorf("%s is %q, want %q", key, s.Attributes[key], want)
		}
	}
	if refused := all[1]; !refused.Failed || refused.Attributes["error.type"] == "" {
		t.Errorf("what was refused: %+v", refused)
	}
}

// TestTracesBegin: with a ratio of 1 each PUBLISH begins a trace.
func TestTracesBegin(t *testing.T) {
	all := traced(t, 1, func(t *testing.T, h *house, _ *gazette) {
		pub := h.connect("p", clean)
		pub.publish(text{topic: "a", payload: "1", qos: 1})
		pub.publish(text{topic: "a", payload: "2", qos: 1})
	})
	if len(all) != 2 || all[0].Trace == all[1].Trace || all[0].Parent != "" {
		t.Errorf("spans %+v", all)
	}
}

// TestUntracedIsFree: looking for a context costs no memory.
func TestUntracedIsFree(t *testing.T) {
	props := []byte(userProps("x", "y", tracing.ParentField, someParent[:54]+"0"))
	tr := tracetest.New(0)
	defer tr.Spans()
	if n := testing.AllocsPerRun(100, func() {
		if tr.Start("s", tracing.Consumer, contextOf(props)) != nil || tr.Start("s", tracing.Consumer, contextOf(nil)) != nil {
			t.Fatal("there is a span")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestOutsideTraced: the span of a caller without a session comes to the Router, and says
// what was published.
func TestOutsideTraced(t *testing.T) {
	all := traced(t, 1, func(t *testing.T, h *house, g *gazette) {
		span := h.b.tracer.Start("POST", tracing.Server, tracing.Context{})
		if _, err := h.b.Publish(tracing.With(context.Background(), span), "test", caller, &Post{Topic: "a", QoS: 1, Payload: []byte("12")}); err != nil {
			t.Fatal(err)
		}
		if h.post(Post{Topic: "a", QoS: 1}); !slices.Equal(g.traced, []bool{true, false}) {
			t.Errorf("the router was told of spans: %v", g.traced)
		}
		span.End()
	})
	if len(all) != 1 || all[0].Attributes["messaging.destination.name"] != "a" || all[0].Attributes["messaging.message.body.size"] != "2" {
		t.Errorf("spans %+v", all)
	}
}
