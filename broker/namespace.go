package broker

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"

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

	left store.Batch // removes what loading found to belong to nobody; for resume

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
			return false, ns.record(c, x, p, will, true)
		}
		x.mu.Lock()
		if x.owner != c.id.Name {
			x.mu.Unlock()
			ns.mu.Unlock()
			return false, protocolError("connect", mqtt.NotAuthorized, "the client identifier belongs to another client's session")
		}
		old := x.conn
		// It ends when a clean start says so [MQTT-3.1.2-4], or with its connection.
		over := p.CleanStart || !x.durable || x.doomed || x.over || x.ended || old != nil && old.expiry == 0
		if w, epoch := x.overdueWill(old), x.doc.Epoch; w != nil {
			x.mu.Unlock()
			ns.mu.Unlock()
			ns.publishWill(x, w, epoch)
			continue
		}
		if old == nil && !over {
			ns.connectTo(x, c)
			x.mu.Unlock()
			ns.mu.Unlock()
			return true, ns.record(c, x, p, will, false)
		}
		x.mu.Unlock()
		ns.mu.Unlock()
		if old != nil {
			ns.takeOver(old, over)
		}
		if over { // unless a third connection was quicker: then that is taken over
			ns.end(x, "clean_start", func() bool { return x.conn == nil })
		}
	}
}

// overdueWill takes the will of a session without a connection whose time has
// passed, but which has not been published yet: after a restart wills are paced,
// and a client that returns meanwhile does not cancel what is due. x.mu is held.
func (x *mailbox) overdueWill(c *conn) *session.Will {
	w := x.theWill
	if c != nil || w == nil || w.DueAt(x.doc.Closed, session.EndsAt(x.doc.Closed, x.doc.Expiry)) > nowMillis() {
		return nil
	}
	x.theWill = nil
	x.ns.b.deadlines.remove(x.will)
	return w
}

// connectTo gives x its connection, which part takes back. x.mu is held, or
// nobody else has x yet.
func (ns *namespace) connectTo(x *mailbox, c *conn) {
	x.conn = c
	ns.online.Add(1)
	c.belongTo(x)
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
	ns.connectTo(x, c)
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
func (ns *namespace) record(c *conn, x *mailbox, p *mqtt.Connect, will *session.Will, fresh bool) error {
	t, err := ns.submitRecord(c, x, p, will)
	if err == nil && t != 0 {
		err = ns.b.wait(t)
	}
	if err == nil {
		return nil
	}
	x.mu.Lock()
	c.goodbye = true
	x.mu.Unlock()
	ns.part(c, fresh, fresh)
	if fresh { // nobody was told of it
		ns.end(x, "refused", func() bool { return x.conn == nil })
	}
	return storeRefusal("connect", err)
}

func (ns *namespace) submitRecord(c *conn, x *mailbox, p *mqtt.Connect, will *session.Will) (store.Ticket, error) {
	x.changes.Lock()
	defer x.changes.Unlock()
	x.mu.Lock()
	if x.conn != c { // taken over before it began, as begin will find
		x.mu.Unlock()
		return 0, nil
	}
	ns.b.deadlines.remove(x.expiry)
	ns.b.deadlines.remove(x.will) // a return in time cancels it [MQTT-3.1.3-9]
	x.expiry, x.will = nil, nil
	x.doc.ClientID, x.doc.Owner, x.doc.Version = x.clientID, x.owner, p.Version
	x.doc.Epoch++
	x.doc.Expiry, x.doc.Online, x.doc.Closed = c.expiry, true, nowMillis()
	x.doc.setWill(will)
	x.theWill = will
	x.stored = x.durable || will != nil
	var b store.Batch
	if x.stored {
		b.Put(ns.keys.session(x.id), encode(&x.doc))
	}
	x.mu.Unlock()
	if len(b.Ops) == 0 {
		return 0, nil
	}
	_, t, err := ns.b.store.Submit(&b)
	return t, err
}

// takeOver ends a connection in favour of a new one. over says that the session
// ends as well.
func (ns *namespace) takeOver(old *conn, over bool) {
	ns.part(old, true, over)
	old.end(mqtt.SessionTakenOver, causeTakenOver)
}

// detach ends the connection's part of its session.
func (ns *namespace) detach(c *conn) { ns.part(c, false, false) }

// part separates a connection from its session, once. taken says that a new
// connection takes the session over; it then ends the session itself if that is
// over. Otherwise the session ends here if it does not outlive its connection.
func (ns *namespace) part(c *conn, taken, over bool) {
	x := c.x
	if x == nil {
		return
	}
	now := nowMillis()
	x.changes.Lock() // nobody resumes the session before it has left to others what they may have
	x.mu.Lock()
	if x.conn != c {
		x.mu.Unlock()
		x.changes.Unlock()
		return
	}
	ns.online.Add(-1)
	x.conn = nil
	x.s.Disconnect()
	x.replays = nil
	c.relieve()
	ns.b.deadlines.remove(c.held)
	gates := c.gates
	c.gates = nil
	woken := x.relax()
	if !taken {
		over = c.expiry == 0 || x.over
		x.doomed = over
	}
	ends := session.EndsAt(now, c.expiry)
	if over {
		ends = now
	}
	will, due := c.lastWill(taken, now, ends)
	x.doc.Expiry, x.doc.Online, x.doc.Closed = c.expiry, false, now
	x.doc.setWill(will)
	epoch := x.doc.Epoch
	publish := will != nil && due <= now
	if x.theWill = will; publish {
		x.theWill = nil
	}
	x.mu.Unlock()
	if !taken && !over {
		ns.leaveToOthers(x)
	}
	x.changes.Unlock()

	for _, p := range woken {
		ns.b.flushers.add(p)
	}
	x.forgetAt(gates)
	ns.dispatchShared(x) // for the other members
	if publish {
		ns.publishWill(x, will, epoch)
	} else if !over {
		ns.save(x)
	}
	switch {
	case !over:
		ns.sleep(x, epoch, due, ends)
	case !taken:
		ns.end(x, "transient", nil)
	}
}

// lastWill returns the will of a connection that is lost, and when it is due.
// x.mu is held.
func (c *conn) lastWill(taken bool, now, ends int64) (*session.Will, int64) {
	w := c.x.theWill
	switch {
	case w == nil || c.goodbye:
		return nil, 0
	case taken && ends != now && w.Delay > 0: // a return in time cancels it [MQTT-3.1.3-9]
		return nil, 0
	case taken: // section 3.1.4
		return w, now
	}
	return w, w.DueAt(now, ends)
}

// sleep arms what will happen to a session while its client is away: its will,
// if one is left, and its end (0: never).
func (ns *namespace) sleep(x *mailbox, epoch uint64, due, ends int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	asleep := func() bool { return x.conn == nil && !x.ended && x.doc.Epoch == epoch }
	if !asleep() {
		return
	}
	if will := x.theWill; will != nil {
		x.will = ns.b.deadlines.add(due, func(int64) int64 {
			x.mu.Lock()
			mine := asleep() && x.theWill == will
			if mine {
				x.theWill = nil
			}
			x.mu.Unlock()
			if mine {
				ns.publishWill(x, will, epoch)
			}
			return 0
		})
	}
	if ends != 0 {
		x.expiry = ns.b.deadlines.add(ends, func(int64) int64 {
			ns.end(x, "expiry", asleep)
			return 0
		})
	}
}

// save writes the session document; nobody waits for it.
func (ns *namespace) save(x *mailbox) {
	x.changes.Lock()
	defer x.changes.Unlock()
	x.mu.Lock()
	var b store.Batch
	if x.stored && !x.ended {
		b.Put(ns.keys.session(x.id), encode(&x.doc))
	}
	x.mu.Unlock()
	ns.submit(&b, "session not saved", x)
}

// submit stores what nobody waits for.
func (ns *namespace) submit(b *store.Batch, otherwise string, x *mailbox) {
	if len(b.Ops) == 0 {
		return
	}
	if _, _, err := ns.b.store.Submit(b); err != nil {
		ns.b.log.Warn(otherwise, "namespace", ns.name, "client", x.clientID, "err", err)
	}
}

// end ends a session: it, its subscriptions and its queue are gone. still, when
// not nil, is asked under x.mu whether that is wanted at all. It must not be
// called with locks held; when it returns, somebody has ended the session or
// still has said no.
func (ns *namespace) end(x *mailbox, why string, still func() bool) {
	x.changes.Lock()
	defer x.changes.Unlock()
	x.mu.Lock()
	if x.ended || still != nil && !still() {
		x.mu.Unlock()
		return
	}
	x.ended = true
	c, will := x.conn, x.theWill
	if c != nil && c.goodbye {
		will = nil
	}
	x.conn, x.theWill = nil, nil
	back := x.takeShared()
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
	positions = append(positions, ns.giveBack(x, back)...)
	for _, sub := range subs {
		ns.unindex(sub)
	}
	ns.settleShared(settled)
	for _, p := range woken {
		ns.b.flushers.add(p)
	}
	var b store.Batch
	if x.stored {
		b.Delete(ns.keys.session(x.id))
		b.DeletePrefix(ns.keys.subscriptionsOf(x.id))
	}
	if will == nil {
		ns.submit(&b, "ended session not removed from the store", x)
	} else { // due at the latest when the session ends [MQTT-3.1.3-9]
		ns.sendWill(x, will, &b)
	}
	if x.durable {
		ns.queues.Ended(x.id, positions)
	}
	ns.forget(x)
	ns.b.metrics.sessionEnded(why)
}

// forget takes a session off the maps.
func (ns *namespace) forget(x *mailbox) {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	delete(ns.sessions, x.clientID)
	if ns.perName[x.owner]--; ns.perName[x.owner] <= 0 {
		delete(ns.perName, x.owner)
	}
	delete(ns.byID, x.id)
}

// terminate ends a session whose queue is full, and its connection with it.
func (ns *namespace) terminate(x *mailbox) {
	x.mu.Lock()
	c := x.conn
	x.mu.Unlock()
	if c != nil {
		c.end(mqtt.QuotaExceeded, causeOverflow)
	}
	ns.end(x, "overflow", nil)
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

// publishWill publishes the will of the connection that was x's epoch.
func (ns *namespace) publishWill(x *mailbox, w *session.Will, epoch uint64) {
	x.changes.Lock()
	defer x.changes.Unlock()
	var b store.Batch
	x.mu.Lock()
	if x.doc.Epoch == epoch && !x.ended { // else its document is not there any more
		x.doc.setWill(nil)
		if x.stored {
			b.Put(ns.keys.session(x.id), encode(&x.doc))
		}
	}
	x.mu.Unlock()
	ns.sendWill(x, w, &b)
}

// sendWill publishes a will and takes it out of the store (b) in the same
// commit, so that a crash does not send it twice. x.changes is held.
func (ns *namespace) sendWill(x *mailbox, w *session.Will, b *store.Batch) {
	now := nowMillis()
	m := w.Message
	if w.Expiry > 0 {
		m.Expires = now + int64(w.Expiry)*1000
	}
	m.Published, m.Origin = now, uint64(x.id)
	if v := ns.authorizer.Publish(&Identity{Name: x.owner}, m.Topic); v.Code.IsError() {
		ns.b.metrics.willRefused()
	} else if err := ns.publishDetached(&m, b.Ops); err != nil {
		ns.b.log.Warn("will not published", "namespace", ns.name, "client", x.clientID, "err", err)
	} else {
		return
	}
	ns.submit(b, "will not removed from the store", x)
}

// pace spreads what happens to many at once after a start.
func pace(i int) int64 { return int64(i/100)*10 + rand.Int64N(10) }

func storeRefusal(op string, err error) error {
	if e, ok := err.(*mqtt.Error); ok {
		return e
	}
	return &mqtt.Error{Op: op, Code: mqtt.QuotaExceeded, Err: fmt.Errorf("cannot store: %w", err)}
}
