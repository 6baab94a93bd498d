package broker

import (
	"errors"
	"strings"

	"gridmq/identity"
	"gridmq/mqtt"
	"gridmq/session"
	"gridmq/store"
)

// attach finds or makes the session of a CONNECT and connects c to it. What
// was there before is taken over [MQTT-3.1.4-3], in this order: old will, end
// of the old connection, then the new one. present is for the CONNACK.
func (ns *namespace) attach(c *conn, p *mqtt.Connect, will *session.Will) (present bool, err error) {
	c.expiry = c.askedExpiry(p)
	var owed store.Ticket // the end of the session before
	for {
		ns.mu.Lock()
		x := ns.sessions[p.ClientID]
		if x == nil {
			x, err = ns.create(c, p)
			ns.mu.Unlock()
			if err != nil {
				return false, storeRefusal("connect", err)
			}
			return false, ns.record(c, x, p, will, owed, true)
		}
		x.mu.Lock()
		if !strings.EqualFold(x.owner, c.id.Load().Name) { // spec/identity.md 6.5
			x.mu.Unlock()
			ns.mu.Unlock()
			return false, &mqtt.Error{Op: "connect", Code: mqtt.NotAuthorized, Err: discreet{"not authorized",
				errors.New("the client identifier belongs to another client's session")}}
		}
		if x.ending { // nobody resumes what may be gone in a moment
			x.mu.Unlock()
			ns.mu.Unlock()
			x.awaitChanges()
			continue
		}
		old := x.conn
		// It ends when a clean start says so [MQTT-3.1.2-4], or with its connection.
		over := p.CleanStart || !x.durable || x.doomed || x.over || x.ended || old != nil && old.expiry == 0
		if w, epoch := x.overdueWill(old), x.doc.Epoch; w != nil {
			x.mu.Unlock()
			ns.mu.Unlock()
			if err := ns.publishWill(x, w, epoch); err != nil {
				return false, storeRefusal("connect", err)
			}
			continue
		}
		if old == nil && !over {
			ns.connectTo(x, c)
			x.mu.Unlock()
			ns.mu.Unlock()
			return true, ns.record(c, x, p, will, owed, false)
		}
		x.mu.Unlock()
		ns.mu.Unlock()
		if old != nil {
			ns.takeOver(old, over)
		}
		if over { // unless a third connection was quicker: then that is taken over
			t, err := ns.tryEnd(x, "clean_start", func() bool { return x.conn == nil })
			if err != nil {
				return false, storeRefusal("connect", err)
			}
			owed = max(owed, t)
		}
	}
}

// connectTo gives x its connection, which part takes back. x.mu is held, or
// nobody else has x yet.
func (ns *namespace) connectTo(x *mailbox, c *conn) {
	x.conn = c
	ns.online.Add(1)
	c.belongTo(x)
}

func (c *conn) askedExpiry(p *mqtt.Connect) uint32 {
	switch {
	case p.Version == mqtt.V5:
		return c.sessionExpiry(p.Properties.SessionExpiryInterval)
	case p.CleanStart:
		return 0
	default: // section 3: always the maximum of the namespace
		if most := c.limits.SessionExpiryMaximum; most > 0 {
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
	if l.SessionsPerName > 0 && c.id.Load().Name != "" && ns.perName[identity.Fold(c.id.Load().Name)] >= l.SessionsPerName {
		return nil, protocolError("connect", mqtt.QuotaExceeded, "the client has its maximum of sessions")
	}
	durable := c.expiry > 0
	id, err := ns.newID(durable)
	if err != nil {
		return nil, err
	}
	x := ns.newMailbox(id, p.ClientID, c.id.Load().Name, durable)
	ns.connectTo(x, c)
	ns.adopt(x)
	return x, nil
}

// adopt puts a session on the maps. ns.mu is held.
func (ns *namespace) adopt(x *mailbox) {
	ns.sessions[x.clientID] = x
	if s := ns.taps[x.clientID]; s != nil {
		x.taps.Store(s)
	}
	ns.byID[x.id] = x
	ns.perName[identity.Fold(x.owner)]++
}

// record makes a connection durable before its CONNACK: the end of the session
// before (owed), the session with a new epoch, and the will. Sessions that end
// with their connection are only written when they have a will, which must
// survive a crash of ours, or when it is to be told that a crash has ended them.
func (ns *namespace) record(c *conn, x *mailbox, p *mqtt.Connect, will *session.Will, owed store.Ticket, fresh bool) error {
	before, t, err := ns.submitRecord(c, x, p, will)
	if t = max(t, owed); err == nil && t != 0 {
		err = ns.b.wait(t)
	}
	if err == nil {
		return nil
	}
	if fresh { // nobody was told of it
		x.mu.Lock()
		c.goodbye = true
		x.mu.Unlock()
		ns.part(c, true, true)
		ns.end(x, "refused", func() bool { return x.conn == nil })
	} else {
		ns.undoRecord(c, before)
	}
	return storeRefusal("connect", err)
}

// A rest is what a session without a connection has for the time until the next.
type rest struct {
	doc  sessionDoc
	will *session.Will
}

func (ns *namespace) submitRecord(c *conn, x *mailbox, p *mqtt.Connect, will *session.Will) (before rest, t store.Ticket, err error) {
	x.changes.Lock()
	defer x.changes.Unlock()
	x.mu.Lock()
	if x.conn != c { // taken over before it began, as begin will find
		x.mu.Unlock()
		return before, 0, nil
	}
	before = rest{x.doc, x.theWill}
	ns.b.deadlines.remove(x.expiry)
	ns.b.deadlines.remove(x.will) // a return in time cancels it [MQTT-3.1.3-9]
	x.expiry, x.will = nil, nil
	x.doc.ClientID, x.doc.Owner, x.doc.Version = x.clientID, x.owner, p.Version
	if x.doc.Epoch == 0 {
		x.doc.Epoch = ns.firstEpoch()
	}
	x.doc.Epoch++
	c.epoch = x.doc.Epoch
	ns.sawEpoch(c.epoch)
	x.doc.Expiry, x.doc.Online, x.doc.Closed = c.expiry, true, nowMillis()
	x.doc.setWill(will)
	x.theWill = will
	if x.doc.Principal = nil; will != nil {
		x.doc.Principal = c.id.Load().Principal
	}
	b := store.Batch{Frees: x.stored} // who is back may take what waits
	x.stored = x.durable || will != nil || ns.remember.Load()
	if x.stored {
		b.Put(ns.keys.session(x.id), encode(&x.doc))
	}
	x.mu.Unlock()
	if len(b.Ops) > 0 {
		_, t, err = ns.b.store.Submit(&b)
	}
	return before, t, err
}

// undoRecord puts the session back to rest as if the CONNECT had not come: it is
// refused.
func (ns *namespace) undoRecord(c *conn, before rest) {
	x := c.x
	x.changes.Lock()
	defer x.changes.Unlock()
	x.mu.Lock()
	if x.conn != c {
		x.mu.Unlock()
		return
	}
	ns.online.Add(-1)
	x.conn, x.doc, x.theWill = nil, before.doc, before.will
	woken := x.relax()
	x.mu.Unlock()
	for _, p := range woken {
		ns.b.flushers.add(p)
	}
	ends := session.EndsAt(before.doc.Closed, before.doc.Expiry)
	due := int64(0)
	if before.will != nil {
		due = before.will.DueAt(before.doc.Closed, ends)
	}
	ns.sleep(x, before.doc.Epoch, due, ends)
}

// takeOver ends a connection in favour of a new one. over says that the session
// ends as well.
func (ns *namespace) takeOver(old *conn, over bool) {
	old.retract(causeTakenOver, nil)
	ns.part(old, true, over)
	old.end(mqtt.SessionTakenOver, causeTakenOver)
}
