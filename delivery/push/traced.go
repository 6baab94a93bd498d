package push

import (
	"net/http"
	"net/url"
	"strconv"

	"gridmq/delivery"
	"gridmq/event"
	"gridmq/tracing"
)

// Trace contexts of events go on with them: as headers of the request, where it has one
// event or one that is recorded. Events that are recorded have a span for each attempt, and
// below the first of them one for what is sent, linked with the others.

// contextOf is the trace that an event is of; zero if it does not say so, or wrongly.
func contextOf(e *event.Event) (c tracing.Context) {
	if len(e.Extensions) == 0 {
		return c
	}
	parent, _ := e.Extension(tracing.ParentField)
	text, _ := parent.Text()
	if text == "" {
		return c
	}
	state, _ := e.Extension(tracing.StateField)
	c, _ = tracing.Parse(text, stateOf(state))
	return c
}

func stateOf(v event.Value) string {
	s, _ := v.Text()
	return s
}

// A trail is the spans of one request or shipment.
type trail struct {
	attempts []*tracing.Span // one for each event, nil for those that are not recorded; nil: none is
	sent     *tracing.Span
	contexts []tracing.Context // what each event goes on with
}

// trail begins the spans of events that are about to be sent by a step of that name.
func (x *pusher) trail(list []delivery.Attempt, step string, kind tracing.Kind) (t trail) {
	for i := range list {
		c := contextOf(&list[i].Event)
		if !c.Valid() {
			continue
		}
		if t.contexts == nil {
			t.contexts = make([]tracing.Context, len(list))
		}
		t.contexts[i] = c
		if x.pool.o.Tracer == nil || !c.Sampled() {
			continue
		}
		if t.attempts == nil {
			t.attempts = make([]*tracing.Span, len(list))
		}
		s := x.attemptSpan(&list[i], c)
		t.attempts[i], t.contexts[i] = s, s.Context()
		if t.sent == nil {
			t.sent = s.Child(step, kind).Number("messaging.batch.message_count", len(list))
		} else {
			t.sent.Link(s.Context())
		}
	}
	return t
}

func (x *pusher) attemptSpan(a *delivery.Attempt, c tracing.Context) *tracing.Span {
	return x.pool.o.Tracer.Start("deliver", tracing.Producer, c).Text("gridmq.namespace", x.box.Namespace()).
		Text("gridmq.topic", x.box.Topic()).Text("gridmq.subscription", x.box.Subscription()).Number("gridmq.attempt", a.Count).
		Text("cloudevents.event_id", a.Event.ID).Text("cloudevents.event_type", a.Event.Type).Text("messaging.operation.type", "send")
}

// header is the context that a request has: that of what is sent, else of its only event.
func (t *trail) header() tracing.Context {
	if t.sent != nil {
		return t.sent.Context()
	}
	if len(t.contexts) == 1 {
		return t.contexts[0]
	}
	return tracing.Context{}
}

// end ends the spans of a request, which had one answer for all its events.
func (t *trail) end(a answer) {
	for _, s := range t.attempts {
		finish(s, a)
	}
	if a.status != 0 {
		t.sent.Number("http.response.status_code", a.status)
	}
	finish(t.sent, a)
}

// endEach ends the spans of a shipment, whose events have verdicts of their own. It has
// failed if all of them have.
func (t *trail) endEach(verdicts []Verdict) {
	if t.attempts == nil {
		return
	}
	var all answer
	for i, s := range t.attempts {
		a := answer{outcome: verdicts[i].Outcome, err: verdicts[i].Err}
		if finish(s, a); i == 0 || a.outcome == delivery.Succeeded {
			all = a
		}
	}
	finish(t.sent, all)
}

// finish ends a span. Errors have no URL, and no secrets.
func finish(s *tracing.Span, a answer) {
	if s == nil {
		return
	}
	if a.outcome != delivery.Succeeded {
		why := ""
		if a.err != nil {
			why = a.err.Error()
		}
		s.Fail(a.outcome.String(), why)
	}
	s.End()
}

// toHost notes where a request goes: no path and no query, as a key may be there.
func (t *trail) toHost(raw string) {
	if t.sent == nil {
		return
	}
	t.sent.Text("http.request.method", http.MethodPost)
	u, err := url.Parse(raw)
	if err != nil {
		return
	}
	t.sent.Text("server.address", u.Hostname()).Text("url.scheme", u.Scheme)
	if port, err := strconv.Atoi(u.Port()); err == nil {
		t.sent.Number("server.port", port)
	}
}

// setTrace sets the headers of a context, unless the subscription has its own.
func setTrace(h http.Header, c tracing.Context) {
	if !c.Valid() || h.Get(tracing.ParentField) != "" {
		return
	}
	h.Set(tracing.ParentField, c.Parent())
	if c.State != "" {
		h.Set(tracing.StateField, c.State)
	}
}
