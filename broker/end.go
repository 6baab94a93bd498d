package broker

import (
	"gridmq/identity"
	"gridmq/mqtt"
	"gridmq/session"
	"gridmq/store"
	"gridmq/tap"
)

// end ends a session: it, its subscriptions and its queue are gone. still, when
// not nil, is asked under x.mu whether that is wanted at all. It must not be
// called with locks held; when it returns, somebody has ended the session or
// still has said no. What the store refuses to remove is removed later.
func (ns *namespace) end(x *mailbox, why string, still func() bool) {
	_, _ = ns.endSession(x, why, still, false)
}

// tryEnd is end, but the session goes on when the store refuses to remove it.
// It has ended for good once the ticket is durable.
func (ns *namespace) tryEnd(x *mailbox, why string, still func() bool) (store.Ticket, error) {
	return ns.endSession(x, why, still, true)
}

func (ns *namespace) endSession(x *mailbox, why string, still func() bool, strict bool) (store.Ticket, error) {
	x.changes.Lock()
	defer x.changes.Unlock()
	x.mu.Lock()
	if x.ended || still != nil && !still() {
		x.mu.Unlock()
		return 0, nil
	}
	x.ending = true
	will := x.theWill // due at the latest when the session ends [MQTT-3.1.3-9]
	x.theWill = nil   // its deadline finds that it has been taken
	if x.conn != nil && x.conn.goodbye {
		will = nil
	}
	back := x.sharedItems()
	x.mu.Unlock()
	ns.giveBack(x, back)
	t, err := ns.removeSession(x, will, strict)
	if err != nil {
		ns.goOn(x, will)
		return 0, err
	}
	ns.clear(x)
	ns.b.metrics.sessionEnded(why)
	x.taps.Load().Note(tap.Event{Kind: tap.Over, Reason: why})
	return t, nil
}

// goOn takes back that a session without a connection ends, with its will.
func (ns *namespace) goOn(x *mailbox, will *session.Will) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.ending = false
	if x.theWill = will; will != nil {
		ns.armWill(x, x.doc.Epoch, will.DueAt(x.doc.Closed, session.EndsAt(x.doc.Closed, x.doc.Expiry)))
	}
}

// removeSession takes a session out of the store and publishes its will, in one
// commit. x.changes is held.
func (ns *namespace) removeSession(x *mailbox, will *session.Will, strict bool) (store.Ticket, error) {
	var b store.Batch
	if x.stored {
		b.Delete(ns.keys.session(x.id))
		b.DeletePrefix(ns.keys.subscriptionsOf(x.id))
	}
	remove := func() (store.Ticket, error) {
		if will != nil {
			return ns.sendWill(x, will, &b)
		}
		return ns.submit(&b)
	}
	t, err := remove()
	if !strict {
		ns.insist(err, "ended session not removed from the store", x, remove)
		err = nil
	}
	return t, err
}

// clear empties a session that is not in the store any more. x.changes is held.
func (ns *namespace) clear(x *mailbox) {
	x.mu.Lock()
	x.ended, x.ending = true, false
	c := x.conn
	x.conn, x.theWill = nil, nil
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
		c.retract(causeEnded, nil) // before another session has the name
	}
	for _, sub := range subs {
		ns.unindex(sub)
	}
	ns.settleShared(settled)
	for _, p := range woken {
		ns.b.flushers.add(p)
	}
	if x.durable {
		ns.queues.Ended(x.id, positions)
	}
	ns.forget(x)
}

// forget takes a session off the maps.
func (ns *namespace) forget(x *mailbox) {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	delete(ns.sessions, x.clientID)
	name := identity.Fold(x.owner)
	if ns.perName[name]--; ns.perName[name] <= 0 {
		delete(ns.perName, name)
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
