package broker

import (
	"sync"
	"sync/atomic"

	"gridmq/mqtt"
	"gridmq/session"
	"gridmq/store"
	"gridmq/store/queue"
	"gridmq/tap"
)

// A mailbox is a session in the house: its state machine, the lock around it,
// and its connection while there is one.
type mailbox struct {
	ns       *namespace
	id       queue.ID // never used again, so it stands for this session only
	clientID string
	owner    string // authentication name
	durable  bool
	taps     atomic.Pointer[tap.Taps] // nil: nobody watches the client

	queuedForFlush atomic.Bool // in the flushers' list
	above          atomic.Bool // over the high-water mark: the gate is closed

	// changes is held by whoever changes what others rely on for longer than mu
	// can be held: subscriptions, the document in the store, the end.
	changes sync.Mutex

	mu      sync.Mutex
	s       *session.Session
	exempt  *Exemption // nil: the namespace's limits hold
	conn    *conn      // nil while offline
	ended   bool
	ending  bool    // about to be; changes is held for as long
	lent    *buffer // whose memory the session has, from lend to the next flush
	touched bool    // a reader has it on its list and will flush it
	doc     sessionDoc
	subs    map[string]*subscription
	slots   map[uint32]*subscription
	slot    uint32                // the next one
	theWill *session.Will         // of the connection, or while that is lost and the will not yet due
	stored  bool                  // it has a document
	replays []*replay             // retained messages on their way
	retry   bool                  // the store had no room for them; a deadline is set
	waiting map[*mailbox]struct{} // publishers whose acknowledgement waits for the gate
	opened  chan struct{}         // closed with the gate's opening, for callers without a session; see outside.go
	since   int64                 // when the mark was passed
	freed   []freed               // shared messages to settle once mu is free
	spread  int                   // shared subscriptions it has
	expiry  *deadline
	will    *deadline
	over    bool        // to be terminated: its queue is full
	doomed  bool        // its connection is lost and it ends with that
	late    lateMessage // the one that load waits for
}

// freed is a message of a shared group that its member is done with.
type freed struct {
	g    *group
	seq  uint64
	back bool // not acknowledged: another member may have it
}

func (ns *namespace) newMailbox(id queue.ID, clientID, owner string, durable bool) *mailbox {
	x := &mailbox{ns: ns, id: id, clientID: clientID, owner: owner, durable: durable}
	x.exempt = ns.exemption(clientID)
	x.s = session.New(x, x.limits().Queue, durable)
	return x
}

// awaitChanges returns when nobody is at changing x any more.
func (x *mailbox) awaitChanges() {
	x.changes.Lock()
	defer x.changes.Unlock()
}

// Done implements session.Keeper. x.mu is held.
func (x *mailbox) Done(seq uint64, it *session.Item, why session.Reason) {
	if it.Pos != 0 && why != session.Ended { // Queues.Ended is told of those together
		x.ns.queues.Done(x.id, seq, store.Position(it.Pos))
	}
	if it.Delivery != nil && it.Delivery.Tag != nil && it.Ref != 0 {
		back := why == session.Ended && (it.QoS == 1 || !it.Started()) // [MQTT-4.8.2-5]
		x.freed = append(x.freed, freed{it.Delivery.Tag.(*group), it.Ref, back})
	}
	if why != session.Acknowledged {
		if s := x.taps.Load(); s != nil {
			tapDropped(s, seq, it, why)
		}
		x.tellLost(it, why)
		x.lost(why)
	}
}

// Sent implements session.Keeper.
func (x *mailbox) Sent(qos byte, n int) { x.ns.traffic.sent(qos, n) }

// Dropped implements session.Keeper.
func (x *mailbox) Dropped(why session.Reason) {
	if s := x.taps.Load(); s != nil {
		tapDropped(s, 0, nil, why)
	}
	x.tellLost(nil, why)
	x.lost(why)
}

// Closed implements session.Gate for the publishers that feed this mailbox.
func (x *mailbox) Closed() bool { return x.above.Load() }

// Committed implements store.Waiter: something of this mailbox has become durable.
func (x *mailbox) Committed(_ store.Ticket, err error) {
	if err != nil {
		x.ns.b.storeFailed(err)
		return
	}
	x.ns.b.flushers.add(x)
}

// deliver queues a message of QoS 1 or 2 under x.mu and applies the bounds.
func (x *mailbox) deliver(m *mqtt.Message, d *session.Delivery, p session.Place, now int64) {
	if x.ended || x.over {
		if p.Pos != 0 { // stored for a session that ended meanwhile, or is about to
			x.ns.queues.Done(x.id, 0, store.Position(p.Pos))
		}
		return
	}
	bounds := &x.limits().Queue
	size := len(m.Topic) + len(m.Payload) + len(m.Props)
	var newest bool
	if x.s.Full(size) && x.mustShed(now) {
		switch bounds.Policy {
		case session.DropOldest:
			for !newest && x.s.Full(size) {
				newest = !x.s.MakeRoom()
			}
		case session.DropNewest:
			newest = true
		case session.Terminate:
			x.over = true
			x.ns.b.flushers.add(x) // ends it
		}
	}
	seq := x.s.Deliver(m, d, p, now)
	if s := x.taps.Load(); s != nil && (x.conn == nil || x.s.Unsent() > 0) {
		x.tapQueued(s, m, seq, min(m.QoS, d.QoS))
	}
	if newest && x.s.Unsent() > 0 {
		x.s.Shed(seq)
	}
	if x.conn != nil && !x.above.Load() {
		n, bytes := x.s.Waiting()
		if bounds.Messages > 0 && n > bounds.Messages/2 || bounds.Bytes > 0 && bytes > bounds.Bytes/2 {
			x.since = now
			x.above.Store(true)
		}
	}
}

// hardFactor is how far over its bounds a queue may grow while acknowledgements
// are held back: what publishers had under way is bounded by their windows.
const hardFactor = 4

// mustShed says whether the queue policy applies to a full queue: at once when
// the client is away; when it is there, once holding publishers back has not
// helped for long enough.
func (x *mailbox) mustShed(now int64) bool {
	if x.conn == nil {
		return true
	}
	l := x.limits()
	n, bytes := x.s.Waiting()
	return x.since != 0 && now-x.since > l.HoldAcknowledgements.Milliseconds() ||
		l.Queue.Messages > 0 && n > hardFactor*l.Queue.Messages || l.Queue.Bytes > 0 && bytes > hardFactor*l.Queue.Bytes
}

// relax opens the gate when enough has gone, and returns the publishers to
// wake. x.mu is held.
func (x *mailbox) relax() []*mailbox {
	if !x.above.Load() {
		return nil
	}
	bounds := &x.limits().Queue
	n, bytes := x.s.Waiting()
	if x.conn != nil && (bounds.Messages > 0 && n > bounds.Messages/4 || bounds.Bytes > 0 && bytes > bounds.Bytes/4) {
		return nil
	}
	x.above.Store(false)
	x.since = 0
	if x.opened != nil {
		close(x.opened)
		x.opened = nil
	}
	woken := make([]*mailbox, 0, len(x.waiting))
	for p := range x.waiting {
		woken = append(woken, p)
	}
	x.waiting = nil
	return woken
}

// await puts a publisher on the list of those to wake; false when the gate is
// open already.
func (x *mailbox) await(publisher *mailbox) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.above.Load() {
		return false
	}
	if x.waiting == nil {
		x.waiting = make(map[*mailbox]struct{})
	}
	x.waiting[publisher] = struct{}{}
	return true
}

// forgetAt takes a publisher off the lists of gates that it waits at no more, so
// that a gate that stays shut does not collect those who come and go.
func (x *mailbox) forgetAt(gates map[*mailbox]struct{}) {
	for gate := range gates {
		gate.mu.Lock()
		delete(gate.waiting, x)
		gate.mu.Unlock()
	}
}

// takeFreed hands over the shared messages to settle. x.mu is held.
func (x *mailbox) takeFreed() []freed {
	f := x.freed
	x.freed = nil
	return f
}
