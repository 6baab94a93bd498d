package broker

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"gridmq/mqtt"
	"gridmq/session"
	"gridmq/store"
	"gridmq/store/queue"
	"gridmq/topic"
)

// A namespace is one tenant: its sessions, subscriptions, retained messages and
// queues never meet those of another.
type namespace struct {
	b             *Broker
	name          string
	keys          keys
	limits        atomic.Pointer[Limits]
	authenticator Authenticator
	authorizer    Authorizer
	queues        *queue.Queues
	log           store.LogID
	newest        atomic.Uint64 // newest ticket that concerned a queue

	index    topic.Index[*subscription]
	routes   routeCache
	retained retainedMessages

	mu       sync.Mutex // guards what follows; held for look-ups only
	sessions map[string]*mailbox
	byID     map[queue.ID]*mailbox
	perName  map[string]int
	shared   map[string]*group
	byQueue  map[queue.ID]*group
	nextID   queue.ID
	idsUpTo  queue.ID // numbers below are reserved in the store

	volatile atomic.Uint64 // numbers of sessions that are not stored
	online   atomic.Int64
}

// volatileIDs marks the numbers of sessions that are not in the store.
const volatileIDs = 1 << 63

// reserveIDs is how many session numbers are reserved by one write.
const reserveIDs = 1024

// newID hands out a session number that was never used. ns.mu is held.
func (ns *namespace) newID(durable bool) (queue.ID, error) {
	if !durable {
		return queue.ID(volatileIDs | ns.volatile.Add(1)), nil
	}
	if ns.nextID >= ns.idsUpTo {
		var b store.Batch
		upTo := ns.nextID + reserveIDs
		b.Put(ns.keys.ids(), binary.BigEndian.AppendUint64(nil, uint64(upTo)))
		if _, _, err := ns.b.store.Submit(&b); err != nil { // before whatever uses the numbers
			return 0, err
		}
		ns.idsUpTo = upTo
	}
	id := ns.nextID
	ns.nextID++
	return id, nil
}

func (ns *namespace) lastTicket() store.Ticket { return store.Ticket(ns.newest.Load()) }

// noteTicket keeps the newest ticket.
func (ns *namespace) noteTicket(t store.Ticket) {
	for {
		old := ns.newest.Load()
		if uint64(t) <= old || ns.newest.CompareAndSwap(old, uint64(t)) {
			return
		}
	}
}

// sessionExpiry reduces what a client asks for to what is allowed.
func (ns *namespace) sessionExpiry(asked uint32) uint32 {
	if most := ns.limits.Load().SessionExpiryMaximum; most > 0 && asked > most {
		return most
	}
	return asked
}

// attach finds or makes the session of a CONNECT and connects c to it. What
// was there before is taken over [MQTT-3.1.4-3], in this order: old will, end
// of the old connection, then the new one. present is for the CONNACK.
func (ns *namespace) attach(c *conn, p *mqtt.Connect, will *session.Will) (present bool, err error) {
	c.expiry = ns.askedExpiry(p)
	for {
		ns.mu.Lock()
		x := ns.sessions[p.ClientID]
		if x == nil {
			x, err = ns.create(c, p)
			ns.mu.Unlock()
			if err != nil {
				return false, storeRefusal("connect", err)
			}
			return false, ns.record(c, x, p, will)
		}
		x.mu.Lock()
		if x.owner != c.id.Name {
			x.mu.Unlock()
			ns.mu.Unlock()
			return false, protocolError("connect", mqtt.NotAuthorized, "the client identifier belongs to another client's session")
		}
		if x.conn == nil && !x.ended && !p.CleanStart && x.durable {
			x.conn = c
			c.belongTo(x)
			x.mu.Unlock()
			ns.mu.Unlock()
			return true, ns.record(c, x, p, will)
		}
		old := x.conn
		x.mu.Unlock()
		ns.mu.Unlock()
		over := p.CleanStart || !x.durable // [MQTT-3.1.2-4]
		if old != nil {
			over = over || old.expiry == 0 // it ends with its connection
			ns.takeOver(x, old, over)
		}
		if over {
			ns.end(x, "clean_start")
		}
	}
}

func (ns *namespace) askedExpiry(p *mqtt.Connect) uint32 {
	switch {
	case p.Version == mqtt.V5:
		return ns.sessionExpiry(p.Properties.SessionExpiryInterval)
	case p.CleanStart:
		return 0
	default: // section 3: always the maximum of the namespace
		if most := ns.limits.Load().SessionExpiryMaximum; most > 0 {
			return most
		}
		return session.Never
	}
}

// create makes a session. ns.mu is held.
func (ns *namespace) create(c *conn, p *mqtt.Connect) (*mailbox, error) {
	l := ns.limits.Load()
	if l.Sessions > 0 && len(ns.sessions) >= l.Sessions {
		return nil, protocolError("connect", mqtt.QuotaExceeded, "the namespace has its maximum of sessions")
	}
	if l.SessionsPerName > 0 && c.id.Name != "" && ns.perName[c.id.Name] >= l.SessionsPerName {
		return nil, protocolError("connect", mqtt.QuotaExceeded, "the client has its maximum of sessions")
	}
	durable := c.expiry > 0
	id, err := ns.newID(durable)
	if err != nil {
		return nil, err
	}
	x := ns.newMailbox(id, p.ClientID, c.id.Name, durable)
	x.conn = c
	c.belongTo(x)
	ns.adopt(x)
	return x, nil
}

// adopt puts a session on the maps. ns.mu is held.
func (ns *namespace) adopt(x *mailbox) {
	ns.sessions[x.clientID] = x
	ns.byID[x.id] = x
	ns.perName[x.owner]++
}

// record makes a connection durable before its CONNACK: the session with a new
// epoch, and the will. Sessions that end with their connection are only
// written when they have a will, which must survive a crash of ours.
func (ns *namespace) record(c *conn, x *mailbox, p *mqtt.Connect, will *session.Will) error {
	x.mu.Lock()
	ns.b.deadlines.remove(x.expiry)
	ns.b.deadlines.remove(x.will) // a return in time cancels it [MQTT-3.1.3-9]
	x.doc.ClientID, x.doc.Owner, x.doc.Version = x.clientID, x.owner, p.Version
	x.doc.Epoch++
	x.doc.Expiry, x.doc.Online, x.doc.Closed = c.expiry, true, 0
	x.doc.setWill(will)
	x.theWill = will
	x.stored = x.durable || will != nil
	var b store.Batch
	if x.stored {
		b.Put(ns.keys.session(x.id), encode(&x.doc))
	}
	x.mu.Unlock()
	ns.online.Add(1)
	if len(b.Ops) == 0 {
		return nil
	}
	_, t, err := ns.b.store.Submit(&b)
	if err == nil {
		err = ns.b.wait(t)
	}
	if err != nil {
		c.goodbye = true
		ns.detach(c)
		return storeRefusal("connect", err)
	}
	return nil
}

// takeOver ends a connection in favour of a new one. over says that the session
// ends as well.
func (ns *namespace) takeOver(x *mailbox, old *conn, over bool) {
	ns.part(old, func() (publishWill bool) {
		// Section 3.1.4: sent unless the session goes on and the will has a delay.
		return over || x.theWill != nil && x.theWill.Delay == 0
	}, true)
	old.end(mqtt.SessionTakenOver, causeTakenOver)
}

// detach ends the connection's part of its session.
func (ns *namespace) detach(c *conn) {
	ns.part(c, nil, false)
}

// part separates a connection from its session, once. willNow decides whether
// the will goes out although the session may go on; nil: by its delay. stays
// keeps a session whose expiry is 0 for the caller to end or to hand over.
func (ns *namespace) part(c *conn, willNow func() bool, stays bool) {
	x := c.x
	if x == nil {
		return
	}
	now := time.Now().UnixMilli()
	x.mu.Lock()
	if x.conn != c {
		x.mu.Unlock()
		return
	}
	ns.online.Add(-1)
	x.conn = nil
	x.s.Disconnect()
	x.replays = nil
	c.relieve()
	ns.b.deadlines.remove(c.held)
	woken := x.relax()
	will := x.theWill
	x.theWill = nil
	if c.goodbye {
		will = nil
	}
	ends := session.EndsAt(now, c.expiry)
	var due int64
	if will != nil {
		due = will.DueAt(now, ends)
		if willNow != nil && willNow() {
			due = now
		} else if willNow != nil {
			will = nil
		}
	}
	x.doc.Expiry, x.doc.Online, x.doc.Closed = c.expiry, false, now
	x.doc.setWill(will)
	over := c.expiry == 0 || x.over
	x.mu.Unlock()

	for _, p := range woken {
		ns.b.flushers.add(p)
	}
	ns.returnShared(x)
	if will != nil && due <= now {
		ns.publishWill(x, will)
	} else if !over || stays {
		ns.save(x)
	}
	switch {
	case over && !stays:
		ns.end(x, "transient")
	case !over:
		ns.sleep(x, will, due, ends)
	}
}

// sleep arms what will happen to a session while its client is away.
func (ns *namespace) sleep(x *mailbox, will *session.Will, due, ends int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.conn != nil || x.ended {
		return
	}
	epoch := x.doc.Epoch
	asleep := func() bool {
		x.mu.Lock()
		defer x.mu.Unlock()
		return x.conn == nil && !x.ended && x.doc.Epoch == epoch
	}
	if will != nil && due > time.Now().UnixMilli() {
		x.will = ns.b.deadlines.add(due, func(int64) int64 {
			if asleep() {
				ns.publishWill(x, will)
			}
			return 0
		})
	}
	if ends != 0 {
		x.expiry = ns.b.deadlines.add(ends+1, func(int64) int64 { // after a will due at the same time
			if asleep() {
				ns.end(x, "expiry")
			}
			return 0
		})
	}
}

// save writes the session document; nobody waits for it.
func (ns *namespace) save(x *mailbox) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.stored || x.ended {
		return
	}
	var b store.Batch
	b.Put(ns.keys.session(x.id), encode(&x.doc))
	if _, _, err := ns.b.store.Submit(&b); err != nil {
		ns.b.log.Warn("session not saved", "namespace", ns.name, "client", x.clientID, "err", err)
	}
}

// end ends a session: it, its subscriptions and its queue are gone. It must
// not be called with locks held.
func (ns *namespace) end(x *mailbox, why string) {
	x.mu.Lock()
	if x.ended {
		x.mu.Unlock()
		return
	}
	x.ended = true
	c := x.conn
	x.conn = nil
	var positions []store.Position
	x.s.Positions(func(pos uint64) { positions = append(positions, store.Position(pos)) })
	x.s.End()
	subs := x.subs
	x.subs, x.slots = nil, nil
	settled := x.takeFreed()
	woken := x.relax()
	ns.b.deadlines.remove(x.expiry)
	ns.b.deadlines.remove(x.will)
	x.mu.Unlock()

	if c != nil {
		ns.online.Add(-1)
		c.end(mqtt.AdministrativeAction, causeEnded)
	}
	for _, sub := range subs {
		ns.unindex(sub)
	}
	ns.mu.Lock()
	if ns.sessions[x.clientID] == x {
		delete(ns.sessions, x.clientID)
		if ns.perName[x.owner]--; ns.perName[x.owner] <= 0 {
			delete(ns.perName, x.owner)
		}
	}
	delete(ns.byID, x.id)
	ns.mu.Unlock()
	if x.stored {
		var b store.Batch
		b.Delete(ns.keys.session(x.id))
		b.DeletePrefix(ns.keys.subscriptionsOf(x.id))
		if _, _, err := ns.b.store.Submit(&b); err != nil {
			ns.b.log.Warn("ended session not removed from the store", "namespace", ns.name, "client", x.clientID, "err", err)
		}
	}
	if x.durable {
		ns.queues.Ended(x.id, positions)
	}
	for _, p := range woken {
		ns.b.flushers.add(p)
	}
	ns.settleShared(settled)
	ns.b.metrics.sessionEnded(why)
}

// terminate ends a session whose queue is full, and its connection with it.
func (ns *namespace) terminate(x *mailbox) {
	x.mu.Lock()
	c := x.conn
	x.mu.Unlock()
	if c != nil {
		c.end(mqtt.QuotaExceeded, causeOverflow)
	}
	ns.end(x, "overflow")
}

// beat writes that the node is alive, when somebody is connected.
func (ns *namespace) beat(now int64) {
	if ns.online.Load() == 0 {
		return
	}
	var b store.Batch
	b.Put(ns.keys.beat(), binary.BigEndian.AppendUint64(nil, uint64(now)))
	_, _, _ = ns.b.store.Submit(&b) // a full disk refuses it: the restart then counts from an older one
}

// publishWill publishes a will and takes it out of the document in the same
// commit, so that a crash does not send it twice.
func (ns *namespace) publishWill(x *mailbox, w *session.Will) {
	now := time.Now().UnixMilli()
	m := w.Message
	if w.Expiry > 0 {
		m.Expires = now + int64(w.Expiry)*1000
	}
	m.Published, m.Origin = now, uint64(x.id)
	x.mu.Lock()
	var ops []store.Op
	x.doc.setWill(nil)
	if x.stored && !x.ended {
		ops = []store.Op{{Key: ns.keys.session(x.id), Value: encode(&x.doc)}}
	}
	x.mu.Unlock()
	if v := ns.authorizer.Publish(&Identity{Name: x.owner}, m.Topic); v.Code.IsError() {
		ns.b.metrics.willRefused()
		return
	}
	if err := ns.publishDetached(&m, ops); err != nil {
		ns.b.log.Warn("will not published", "namespace", ns.name, "client", x.clientID, "err", err)
	}
}

// pace spreads what happens to many at once after a start.
func pace(i int) int64 { return int64(i/100)*10 + rand.Int64N(10) }

func storeRefusal(op string, err error) error {
	if e, ok := err.(*mqtt.Error); ok {
		return e
	}
	return &mqtt.Error{Op: op, Code: mqtt.QuotaExceeded, Err: fmt.Errorf("cannot store: %w", err)}
}
