package broker

import (
	"time"

	"gridmq/store"
)

// A Backlog says how old the oldest message is that waits for a client, of QoS 1 or 2.
// What lies in memory has a time; of what is only in the store the position is known,
// which grows with time, and Broker.PublishedAt looks. The zero value: nothing waits.
type Backlog struct {
	Published time.Time
	Position  store.Position
}

// oldest is the backlog of a session; x.mu is held.
func (x *mailbox) oldest() Backlog {
	it, ok := x.s.Oldest()
	switch {
	case !ok:
		return Backlog{}
	case it.Msg != nil:
		return Backlog{Published: time.UnixMilli(it.Msg.Published), Position: store.Position(it.Pos)}
	}
	return Backlog{Position: store.Position(it.Pos)}
}

// PublishedAt reads from the store when the oldest message of a backlog was published.
// ErrNotFound of package store: it has gone meanwhile.
func (b *Broker) PublishedAt(namespace string, l Backlog) (time.Time, error) {
	if !l.Published.IsZero() {
		return l.Published, nil
	}
	ns := b.namespace(namespace)
	if ns == nil || l.Position == 0 {
		return time.Time{}, store.ErrNotFound
	}
	m, err := ns.loadMessage(l.Position)
	if err != nil {
		return time.Time{}, err
	}
	return time.UnixMilli(m.Published), nil
}
