package broker

import (
	"context"
	"fmt"

	"gridmq/mqtt"
)

// Retained messages for readers that are no subscribers. Source:
// spec/retain-and-http-publish.md, section 2.

// Retained returns the retained message of a topic; nil: there is none. It must not be
// changed. Errors: ErrDisabled, and those of the store.
func (b *Broker) Retained(namespace, topic string) (*mqtt.Message, error) {
	ns, err := b.reading(namespace)
	if err != nil {
		return nil, err
	}
	e, ok := ns.retained.names.Get(topic)
	if !ok {
		return nil, nil
	}
	return ns.readLive(e)
}

// RetainedList returns up to limit (at least 1) retained messages whose topics filter
// matches and that come after a topic ("": from the first), and whether there are more.
// Their order is that of the levels of their topics, each in the order of its bytes, so
// that no page costs a look at all of them. They must not be changed. Errors: ErrDisabled,
// that of ctx, and those of the store.
func (b *Broker) RetainedList(ctx context.Context, namespace, filter, after string, limit int) (list []*mqtt.Message, more bool, err error) {
	ns, err := b.reading(namespace)
	if err != nil {
		return nil, false, err
	}
	for left := true; left; {
		if err := ctx.Err(); err != nil {
			return nil, false, err
		}
		var found []*retained
		after, left = ns.retained.names.Walk(filter, after, limit+1-len(list), func(_ string, e *retained) { found = append(found, e) })
		for _, e := range found {
			m, err := ns.readLive(e)
			switch {
			case err != nil:
				return nil, false, err
			case m == nil: // gone meanwhile, or expired
			case len(list) == limit:
				return list, true, nil
			default:
				list = append(list, m)
			}
		}
	}
	return list, false, nil
}

func (b *Broker) reading(name string) (*namespace, error) {
	ns := b.namespace(name)
	if ns == nil || ns.disabled.Load() {
		return nil, ErrDisabled
	}
	return ns, nil
}

// readLive is the message of e, unless it is gone or has expired. It expires when it goes.
func (ns *namespace) readLive(e *retained) (*mqtt.Message, error) {
	m, err := ns.readRetained(e)
	if err != nil {
		return nil, fmt.Errorf("read a retained message: %w", err)
	}
	if m == nil || e.over(nowMillis()) {
		return nil, nil
	}
	if m.Expires != e.expires {
		m = new(*m)
		m.Expires = e.expires
	}
	return m, nil
}
