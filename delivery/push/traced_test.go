package push

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"gridmq/delivery"
	"gridmq/event"
	"gridmq/tracing"
	"gridmq/tracing/tracetest"
)

const (
	traceA  = "4bf92f3577b34da6a3ce929d0e0e4736"
	traceB  = "0af7651916cd43dd8448eb211c80319c"
	parentA = "00-" + traceA + "-00f067aa0ba902b7-01"
	parentB = "00-" + traceB + "-b7ad6b7169203331-01"
	quietA  = "00-" + traceA + "-00f067aa0ba902b7-00"
)

// publishTraced publishes events, of the traces that are told.
func (w *world) publishTraced(parents ...string) {
	w.t.Helper()
	var events []event.Event
	for i, p := range parents {
		e := newEvent(string(rune('1' + i)))
		if p != "" {
			e.SetExtension(tracing.ParentField, event.String(p))
			e.SetExtension(tracing.StateField, event.String("a=b"))
		}
		events = append(events, e)
	}
	if err := w.p.Stream(namespace, topicName).Publish(w.t.Context(), events); err != nil {
		w.t.Fatal(err)
	}
}

// parents are the trace contexts of the requests that a host has had.
func (e *endpoints) parents(host string) (list []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, c := range e.calls {
		if c.host == host {
			list = append(list, c.header.Get(tracing.ParentField))
		}
	}
	return list
}

// inTrace is inWorld with a tracer; f's spans are returned.
func inTrace(t *testing.T, f func(*testing.T, *world)) (spans []tracetest.Span) {
	t.Helper()
	inWorld(t, func(t *testing.T, w *world) {
		r := tracetest.New(1)
		w.reopen(func(o *Options) { o.Tracer = r.Tracer })
		f(t, w)
		spans = r.Spans()
	})
	return spans
}

// TestAttemptsTraced: each attempt has a span below the event's, and one below it for the
// request, which the endpoint can go on with. Events without a trace begin none.
func TestAttemptsTraced(t *testing.T) {
	var headers []string
	spans := inTrace(t, func(t *testing.T, w *world) {
		w.e.become("a", status(http.StatusInternalServerError))
		w.tell(to("a"))
		w.publishTraced(parentA)
		after(time.Second)
		w.e.become("a", nil)
		after(time.Minute)
		w.publishTraced("", quietA)
		after(time.Minute)
		headers = w.e.parents("a")
	})
	if len(spans) != 4 {
		t.Fatalf("spans %+v", spans)
	}
	for n := range 2 { // they end together: the attempt, then the request
		attempt, post := spans[2*n], spans[2*n+1]
		if attempt.Name != "deliver" || attempt.Trace != traceA || attempt.Parent != parentA[36:52] || attempt.State != "a=b" ||
			attempt.Attributes["gridmq.attempt"] != string(rune('1'+n)) || attempt.Attributes["gridmq.subscription"] != "a" || attempt.Attributes["cloudevents.event_id"] != "1" {
			t.Errorf("attempt %d: %+v", n+1, attempt)
		}
		if post.Name != "POST" || post.Trace != traceA || post.Parent != attempt.ID || post.Attributes["server.address"] != "a" || post.Kind != tracing.Client {
			t.Errorf("request %d: %+v", n+1, post)
		}
		if failed := n == 0; attempt.Failed != failed || post.Failed != failed {
			t.Errorf("attempt %d failed: %v, its request: %v", n+1, attempt.Failed, post.Failed)
		}
		if want := "00-" + traceA + "-" + post.ID + "-01"; headers[n] != want {
			t.Errorf("request %d has %q, want %q", n+1, headers[n], want)
		}
	}
	if rest := headers[2:]; !slices.Equal(rest, []string{"", quietA}) {
		t.Errorf("what is not recorded has %q", rest)
	}
}

// TestBatchTraced: a batch has one request: below the first of its events, linked with the
// others.
func TestBatchTraced(t *testing.T) {
	var headers []string
	spans := inTrace(t, func(t *testing.T, w *world) {
		w.tell(to("a", batch(10)))
		w.publishTraced("", parentA, quietA, parentB)
		after(time.Second)
		headers = w.e.parents("a")
	})
	if len(spans) != 3 || len(headers) != 1 {
		t.Fatalf("headers %q, spans %+v", headers, spans)
	}
	first, second, post := spans[0], spans[1], spans[2]
	if first.Trace != traceA || second.Trace != traceB || post.Parent != first.ID || !slices.Equal(post.Links, []string{second.ID}) ||
		post.Attributes["messaging.batch.message_count"] != "4" || headers[0] != "00-"+traceA+"-"+post.ID+"-01" {
		t.Errorf("header %q, spans %+v", headers[0], spans)
	}
}

// TestContextGoesOn: without a tracer an event's context is the header of its request; that
// of several is nobody's, and a subscription's own header stays.
func TestContextGoesOn(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.tell(to("one"), to("many", batch(2)), to("own", func(s *delivery.Subscription) {
			s.Destination.Headers = []delivery.Header{{Name: "Traceparent", Value: "mine"}}
		}))
		w.publishTraced(parentA, "00-nonsense")
		after(time.Minute)
		for host, want := range map[string]string{"one": parentA + " ", "many": "", "own": "mine mine"} {
			if got := strings.Join(w.e.parents(host), " "); got != want {
				t.Errorf("%s has %q, want %q", host, got, want)
			}
		}
	})
}

// TestHubTraced: a shipment has a span for each event that is recorded, with its own
// outcome, and the hub is told what each goes on with.
func TestHubTraced(t *testing.T) {
	h := &hubs{verdict: func(id string, _ int) Verdict {
		if id == "2" {
			return Verdict{Outcome: delivery.BadRequest, Final: true}
		}
		return Verdict{Outcome: delivery.Succeeded}
	}}
	var spans []tracetest.Span
	inHubWorld(t, h, func(t *testing.T, w *world) {
		r := tracetest.New(1)
		w.reopen(func(o *Options) { o.Tracer = r.Tracer })
		w.tell(to("a", func(s *delivery.Subscription) {
			s.Destination = &delivery.Destination{EventHub: &delivery.EventHub{ResourceID: "/h"}}
		}))
		w.publishTraced(parentA, parentB, "")
		after(time.Second)
		spans = r.Spans()
	})
	if len(spans) != 3 || len(h.traces) != 3 {
		t.Fatalf("contexts %v, spans %+v", h.traces, spans)
	}
	good, bad, sent := spans[0], spans[1], spans[2]
	if good.Failed || !bad.Failed || sent.Failed || sent.Name != "send" || sent.Parent != good.ID || !slices.Equal(sent.Links, []string{bad.ID}) || sent.Attributes["messaging.system"] != "kafka" {
		t.Errorf("spans %+v", spans)
	}
	if h.traces[0].Parent() != "00-"+traceA+"-"+good.ID+"-01" || h.traces[1].Parent() != "00-"+traceB+"-"+bad.ID+"-01" || h.traces[2].Valid() {
		t.Errorf("contexts %v", h.traces)
	}
}
