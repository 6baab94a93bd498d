package broker

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"gridmq/mqtt"
	"gridmq/session"
	"gridmq/store"
	"gridmq/topic"
)

// retainedMessages is the index of retained messages. Payloads lie in the
// store; those of the newest stay in memory within a bound.
type retainedMessages struct {
	names topic.Names[*retained]
	bytes atomic.Int64 // of all

	// writes is held over the change of a document and of the index, so that a
	// removal because of expiry cannot hit a newer message. It comes before the
	// order lock.
	writes sync.Mutex

	mu     sync.Mutex // guards the cache
	cached int64
	order  []*retained // in the cache, oldest first
}

// retainedCache is how many bytes of retained messages a namespace keeps in memory.
const retainedCache = 128 << 20

// A retained message. msg is nil when it must be read from the store.
type retained struct {
	topic   string
	size    int64
	expires int64
	ticket  store.Ticket
	msg     atomic.Pointer[mqtt.Message]
	timer   *deadline
}

var errRetainedFull = errors.New("the namespace has its maximum of retained messages")

// setRetained prepares step 4: the change of the document, which is in the
// same commit as the message; an empty payload removes it [MQTT-3.3.1-6].
func (p *publication) setRetained() {
	m := p.m
	key := p.ns.keys.topic(m.Topic)
	if len(m.Payload) == 0 {
		p.retain = &retained{topic: m.Topic}
		p.msg.Ops = append(p.msg.Ops, store.Op{Key: key, Delete: true})
		return
	}
	own := m.Own()
	p.retain = &retained{topic: m.Topic, size: int64(len(m.Topic) + len(m.Payload) + len(m.Props)), expires: p.ns.limits.Load().retainedUntil(m)}
	p.retain.msg.Store(own)
	p.msg.Ops = append(p.msg.Ops, store.Op{Key: key, Value: mqtt.AppendMessage(nil, own)})
}

// retainedUntil is when a retained message goes, as its publisher or the limits say;
// 0: never. Those who are sent it are told the publisher's expiry, if it gave one.
func (l *Limits) retainedUntil(m *mqtt.Message) int64 {
	if l.RetainedExpiryMaximum == 0 {
		return m.Expires
	}
	end := m.Published + int64(l.RetainedExpiryMaximum)*1000
	if m.Expires == 0 {
		return end
	}
	return min(m.Expires, end)
}

// retainedRoom says whether another retained message of a size is allowed.
func (ns *namespace) retainedRoom(name string, size int) error {
	l := ns.limits.Load()
	old, had := ns.retained.names.Get(name)
	if l.RetainedMessages > 0 && !had && ns.retained.names.Len() >= l.RetainedMessages {
		return errRetainedFull
	}
	bytes := ns.retained.bytes.Load() + int64(size)
	if had {
		bytes -= old.size
	}
	if l.RetainedTotalBytes > 0 && bytes > l.RetainedTotalBytes {
		return errRetainedFull
	}
	return nil
}

// set puts a retained message into the index, or takes one out. It is called
// under the order lock, so that memory and store agree on which is the last.
func (r *retainedMessages) set(ns *namespace, name string, e *retained, t store.Ticket) {
	e.ticket = t
	var old *retained
	var had bool
	if e.msg.Load() == nil {
		old, had = r.names.Delete(name)
	} else {
		old, had = r.names.Put(name, e)
		r.bytes.Add(e.size)
		r.keep(ns, e)
		e.arm(ns)
	}
	if had {
		r.bytes.Add(-old.size)
		ns.b.deadlines.remove(old.timer)
		old.forget(r)
	}
}

// keep puts a message into the cache, at the cost of the oldest that are durable.
func (r *retainedMessages) keep(ns *namespace, e *retained) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cached += e.size
	r.order = append(r.order, e)
	durable := ns.b.store.Durable()
	for r.cached > retainedCache && len(r.order) > 1 && r.order[0].ticket <= durable {
		if r.order[0].msg.Swap(nil) != nil {
			r.cached -= r.order[0].size
		}
		r.order = r.order[1:]
	}
	if len(r.order) > 64 && len(r.order) > 4*r.names.Len() { // replaced ones pile up
		r.order = compact(r.order)
	}
}

func compact(order []*retained) []*retained {
	kept := make([]*retained, 0, len(order)/2)
	for _, e := range order {
		if e.msg.Load() != nil {
			kept = append(kept, e)
		}
	}
	return kept
}

// forget drops a replaced message from the cache. Whoever is sending it has
// its own pointer.
func (e *retained) forget(r *retainedMessages) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e.msg.Swap(nil) != nil {
		r.cached -= e.size
	}
}

// arm makes an expiry interval remove the message (section 3.3.2.3.3).
func (e *retained) arm(ns *namespace) {
	if e.expires == 0 {
		return
	}
	e.timer = ns.b.deadlines.add(e.expires, func(now int64) int64 {
		if err := ns.expireRetained(e, now); err != nil && !errors.Is(err, store.ErrClosed) {
			return now + 60_000
		}
		return 0
	})
}

// over says whether the message has expired: its removal may be on its way.
func (e *retained) over(now int64) bool { return e.expires != 0 && now >= e.expires }

// expireRetained removes a message that has expired if it is still there.
func (ns *namespace) expireRetained(e *retained, now int64) error {
	t, err := ns.removeRetained(e, now)
	if err == nil && t != 0 {
		ns.traffic.drop(session.Expired)
		ns.b.metrics.expired.Inc()
	}
	return err
}

// removeRetained removes a message if it is still there: ticket 0 says that it was not.
// Nobody is sent anything.
func (ns *namespace) removeRetained(e *retained, now int64) (store.Ticket, error) {
	p := publication{}
	p.start(ns, &mqtt.Message{Topic: e.topic, Retain: true}, now)
	p.setRetained()
	p.removed = e
	return p.commit()
}

// loadRetained returns the message, from the store if need be; nil when it is
// gone meanwhile.
func (ns *namespace) loadRetained(e *retained) *mqtt.Message {
	m, err := ns.readRetained(e)
	if err != nil {
		ns.b.log.Warn("retained message not read", "namespace", ns.name, "err", err)
	}
	return m
}

// readRetained is loadRetained for those who want to know why it failed.
func (ns *namespace) readRetained(e *retained) (*mqtt.Message, error) {
	if m := e.msg.Load(); m != nil {
		return m, nil
	}
	if now, ok := ns.retained.names.Get(e.topic); !ok || now != e {
		return nil, nil
	}
	d, err := ns.b.store.Get(ns.keys.topic(e.topic))
	if errors.Is(err, store.ErrNotFound) {
		if now, ok := ns.retained.names.Get(e.topic); !ok || now != e {
			return nil, nil // it went between the two looks
		}
	}
	if err != nil {
		return nil, err
	}
	m, err := mqtt.ReadMessage(d.Value)
	if err != nil {
		return nil, fmt.Errorf("damaged: %w", err)
	}
	return &m, nil
}

// A replay is the sending of retained messages for a new subscription: a
// cursor, pulled as the client takes them.
type replay struct {
	sub   *subscription
	after string
}

// replayChunk is how many retained messages are looked up at a time.
const replayChunk = 128

// replay starts sending the retained messages for a subscription, again if it
// was already at it.
func (c *conn) replay(sub *subscription) {
	x := c.x
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.conn != c {
		return
	}
	for _, r := range x.replays {
		if r.sub.full == sub.full {
			r.sub, r.after = sub, ""
			return
		}
	}
	x.replays = append(x.replays, &replay{sub: sub})
}

// pull takes the next retained messages for the client. x.mu is held, and
// given back while they are looked up. It returns false when the client's
// window is full: its acknowledgements will come back here.
func (x *mailbox) pull(now int64) bool {
	room := min(replayChunk, x.s.Credit())
	if room <= 0 || x.s.Unsent() > 0 || x.retry {
		return false
	}
	r := x.replays[0]
	sub, after, c := r.sub, r.after, x.conn
	x.mu.Unlock()
	found := make([]*retained, 0, room)
	last, more := x.ns.retained.names.Walk(sub.filter, after, room, func(_ string, e *retained) {
		found = append(found, e)
	})
	messages := make([]*mqtt.Message, 0, len(found))
	full := false
	for i, e := range found {
		m := x.ns.loadRetained(e)
		if m == nil || e.over(now) {
			continue
		}
		if x.durable && min(m.QoS, sub.qos) > 0 {
			if full = x.replayStored(sub, m, now) != nil; full {
				last, more = after, true
				if i > 0 {
					last = found[i-1].topic
				}
				break
			}
			continue
		}
		messages = append(messages, m)
	}
	x.mu.Lock()
	if x.conn != c {
		return true // refill sees it
	}
	for _, m := range messages {
		if min(m.QoS, sub.qos) == 0 {
			x.s.DeliverZero(m, sub.delivery, true, now)
		} else {
			x.deliver(m, sub.delivery, session.Place{Retained: true}, now)
		}
	}
	if r.sub == sub && r.after == after { // not started again meanwhile
		r.after = last
		if !more && len(x.replays) > 0 && x.replays[0] == r {
			x.replays = x.replays[1:]
		}
	}
	if full && !x.retry { // the rest comes when there is room
		x.retry = true
		x.ns.b.deadlines.add(now+storeRetry, func(int64) int64 {
			x.mu.Lock()
			x.retry = false
			x.mu.Unlock()
			x.ns.b.flushers.add(x)
			return 0
		})
	}
	return !full
}

// replayStored sends a message of QoS 1 or 2 to a durable session through the
// log, like any other.
func (x *mailbox) replayStored(sub *subscription, m *mqtt.Message, now int64) error {
	var p publication
	p.start(x.ns, m, now)
	p.keepFor(x, nil, sub.delivery)
	p.stored[0].retained = true
	p.msg.Targets[0].Flags |= targetRetain
	_, err := p.commit()
	return err
}
