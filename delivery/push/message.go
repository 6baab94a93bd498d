package push

import (
	"strings"

	"gridmq/delivery"
	"gridmq/event"
	"gridmq/tracing"
)

// A message is one request: its events, what they have in common, and its body.
type message struct {
	attempts   []delivery.Attempt
	properties []delivery.Property
	body       []byte
	trace      tracing.Context // of the request, of which there may be several
}

// pack makes messages of what was taken for d: one event each, or batches of events
// with the same custom headers (section 10.5), none larger than preferred unless it is
// one event (section 10.3). Events with the same headers keep their order.
func pack(d *delivery.Destination, list []delivery.Attempt) (all []*message) {
	if d.WebHook.MaxEvents <= 1 {
		for i := range list {
			a := &list[i]
			all = append(all, &message{attempts: list[i : i+1 : i+1], properties: d.AppendProperties(nil, &a.Event, true), body: a.Event.AppendJSON(nil)})
		}
		return all
	}
	open := map[string]*message{} // by their headers: what the next event may join
	dynamic := d.Dynamic()
	var encoded []byte
	for i := range list {
		a := &list[i]
		encoded = a.Event.AppendJSON(encoded[:0])
		var properties []delivery.Property
		key := ""
		if dynamic || i == 0 {
			properties = d.AppendProperties(nil, &a.Event, true)
		}
		if dynamic {
			key = keyOf(properties)
		}
		m := open[key]
		if m == nil || len(m.attempts) >= d.WebHook.MaxEvents || len(m.body)+len(encoded)+2 > d.WebHook.PreferredBytes {
			if m != nil {
				properties = m.properties
			}
			m = &message{properties: properties}
			open[key] = m
			all = append(all, m)
		}
		m.add(*a, encoded)
	}
	for _, m := range all {
		m.body = append(m.body, ']')
	}
	return all
}

func (m *message) add(a delivery.Attempt, encoded []byte) {
	separator := byte(',')
	if len(m.attempts) == 0 {
		separator = '['
	}
	m.attempts = append(m.attempts, a)
	m.body = append(append(m.body, separator), encoded...)
}

func keyOf(properties []delivery.Property) string {
	var b strings.Builder
	for _, p := range properties {
		b.WriteString(p.Name)
		b.WriteByte(0) // in no name and no value
		b.WriteString(p.Value)
		b.WriteByte(0)
	}
	return b.String()
}

// halves are two messages that together are m, which has more than one event.
func (m *message) halves() []*message {
	k := len(m.attempts) / 2
	return []*message{m.part(m.attempts[:k]), m.part(m.attempts[k:])}
}

func (m *message) part(list []delivery.Attempt) *message {
	events := make([]event.Event, len(list))
	for i := range list {
		events[i] = list[i].Event
	}
	return &message{attempts: list, properties: m.properties, body: event.AppendBatch(nil, events)}
}

// attemptsOf are those of all messages.
func attemptsOf(all []*message) (list []delivery.Attempt) {
	for _, m := range all {
		list = append(list, m.attempts...)
	}
	return list
}
