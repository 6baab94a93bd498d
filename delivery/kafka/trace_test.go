package kafka

import (
	"slices"
	"testing"
	"time"

	"gridmq/delivery"
	"gridmq/event"
	"gridmq/tracing"
)

// TestTraceHeaders: a record has the trace context of its event as headers, in both modes.
func TestTraceHeaders(t *testing.T) {
	const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	inWorld(t, func(t *testing.T, w *world) {
		c := w.cluster("orders")
		w.open(destination("json", c, func(d *Destination) { d.Topic = "orders" }),
			destination("binary", c, func(d *Destination) { d.Topic, d.Binary = "orders", true }))
		w.tell(to("json"), to("binary", func(s *delivery.Subscription) {
			s.Destination.Headers = []delivery.Header{{Name: "x", Value: "y"}}
		}))
		e, none := newEvent("1"), newEvent("2")
		e.SetExtension(tracing.ParentField, event.String(parent))
		e.SetExtension(tracing.StateField, event.String("a=b"))
		w.publishEvents(e, none)
		after(time.Second)
		var got []string
		for _, r := range w.records(c, "orders") {
			said := ""
			for _, h := range r.Headers {
				if h.Key == tracing.ParentField || h.Key == tracing.StateField {
					said += string(h.Value) + " "
				}
			}
			got = append(got, said)
		}
		slices.Sort(got)
		if want := []string{"", "", parent + " a=b ", parent + " a=b "}; !slices.Equal(got, want) {
			t.Errorf("headers %q, want %q", got, want)
		}
	})
}
