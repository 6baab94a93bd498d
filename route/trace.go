package route

import (
	"gridmq/event"
	"gridmq/tracing"
)

// The trace context of an event is its extensions traceparent and tracestate, of
// CloudEvents' Distributed Tracing. The broker makes the event of a message, so the context
// is that of the step in which it does, if that is recorded, else the publisher's. An event
// that came as one, with a context, has begun elsewhere: it keeps it.

// fieldsOf is how many enrichments appendTrace writes.
func fieldsOf(c tracing.Context) (n uint64) {
	if c.Valid() {
		n++
		if c.State != "" {
			n++
		}
	}
	return n
}

// appendTrace writes a context as enrichments that are captured, before those of the
// operator, which win.
func appendTrace(dst []byte, c tracing.Context) []byte {
	if !c.Valid() {
		return dst
	}
	dst = Text(c.Parent()).append(dst, tracing.ParentField)
	if c.State != "" {
		dst = Text(c.State).append(dst, tracing.StateField)
	}
	return dst
}

func isTrace(key string) bool { return key == tracing.ParentField || key == tracing.StateField }

func hasTrace(e *event.Event) bool {
	_, ok := e.Extension(tracing.ParentField)
	return ok
}

// carryTrace takes the publisher's context from its user properties, as it is said there;
// one that is none is left out.
func (r *record) carryTrace(e *event.Event) {
	if len(r.properties.UserProperties) == 0 {
		return
	}
	parent, state := r.firstProperty(tracing.ParentField), r.firstProperty(tracing.StateField)
	c, ok := tracing.Parse(parent, state)
	if !ok {
		return
	}
	e.SetExtension(tracing.ParentField, event.String(parent))
	if c.State != "" {
		e.SetExtension(tracing.StateField, event.String(c.State))
	}
}

func (r *record) firstProperty(name string) string {
	for i := range r.properties.UserProperties {
		if p := &r.properties.UserProperties[i]; p.Name == name {
			return p.Value
		}
	}
	return ""
}
