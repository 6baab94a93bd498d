package gateway

import (
	"net/http"
	"testing"

	"gridmq/event"
	"gridmq/mqtt"
	"gridmq/tracing"
	"gridmq/tracing/tracetest"
)

const requestParent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

var fromTrace = []func(*http.Request){header("traceparent", requestParent), header("tracestate", "a=b")}

func structured(r *http.Request) { r.Header.Set("Content-Type", "application/cloudevents+json") }

// TestContextOfRequest: what is published goes on with the context of the request, unless
// it has one itself.
func TestContextOfRequest(t *testing.T) {
	const doc = `{"specversion":"1.0","id":"1","source":"/s","type":"t"`
	h := newHouse(t)
	for _, more := range []string{`}`, `,"traceparent":"own"}`} {
		if a := h.do(h.ask("/topics/orders:publish?"+version, doc+more, append(fromTrace, structured)...)); a.status != 200 {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	if a := h.do(h.ask("/topics/orders:publish?"+version, doc+`}`, header("traceparent", "nonsense"), structured)); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	for i, want := range []struct{ parent, state string }{{requestParent, "a=b"}, {"own", ""}, {"", ""}} {
		e := &h.topic.events[i]
		parent, _ := e.Extension("traceparent")
		state, _ := e.Extension("tracestate")
		if parent != event.String(want.parent) || state != event.String(want.state) {
			t.Errorf("event %d has %v, %v; want %+v", i, parent, state, want)
		}
	}
}

// TestContextOfMessage: a message by HTTP has its context where MQTT 5 has it.
func TestContextOfMessage(t *testing.T) {
	b := new(broker)
	h := newHouse(t, withBroker(b))
	own := header("mqtt-user-properties", `[{"traceparent":"own"}]`)
	for _, change := range [][]func(*http.Request){append(fromTrace, ann), append(fromTrace, ann, own), {ann}} {
		if a := h.do(h.ask(messagePath+"a", "x", change...)); a.status != 204 {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	for i, want := range [][]mqtt.UserProperty{{{Name: "traceparent", Value: requestParent}, {Name: "tracestate", Value: "a=b"}}, {{Name: "traceparent", Value: "own"}}, nil} {
		got := b.published[i].Properties
		if len(got.UserProperties) != len(want) || got.Has(mqtt.PropUserProperty) != (want != nil) {
			t.Errorf("message %d has %v, want %v", i, got.UserProperties, want)
			continue
		}
		for j := range want {
			if got.UserProperties[j] != want[j] {
				t.Errorf("message %d has %v, want %v", i, got.UserProperties, want)
			}
		}
	}
}

// TestRequestTraced: a request has a span below that of its caller, once it has been let
// in, and what it publishes goes on with that.
func TestRequestTraced(t *testing.T) {
	r := tracetest.New(0)
	h := newHouse(t, func(h *house) { h.o.Tracer = r.Tracer })
	const doc = `{"specversion":"1.0","id":"1","source":"/s","type":"t"}`
	h.do(h.ask("/topics/orders:publish?"+version, doc, append(fromTrace, structured)...))
	h.do(h.ask("/topics/orders:publish?"+version, "{", append(fromTrace, structured)...))
	h.do(h.ask("/topics/orders:publish?"+version, doc, append(fromTrace, structured, header("Authorization", "SharedAccessKey no"), header("aeg-sas-key", ""))...))
	h.do(h.ask("/topics/orders:publish?"+version, doc, structured))
	all := r.Spans()
	if len(all) != 2 {
		t.Fatalf("spans %+v", all)
	}
	s := all[0]
	if s.Name != "POST publish" || s.Kind != tracing.Server || s.Trace != requestParent[3:35] || s.Parent != requestParent[36:52] || s.State != "a=b" || s.Failed ||
		s.Attributes["http.response.status_code"] != "200" || s.Attributes["gridmq.topic"] != "Orders" {
		t.Errorf("span %+v", s)
	}
	if parent, _ := h.topic.events[0].Extension("traceparent"); parent != event.String("00-"+s.Trace+"-"+s.ID+"-01") {
		t.Errorf("the event has %v", parent)
	}
	if bad := all[1]; !bad.Failed || bad.Attributes["http.response.status_code"] != "400" || bad.Attributes["error.type"] != "BadRequest" {
		t.Errorf("what was refused: %+v", bad)
	}
}
