package broker

import (
	"fmt"
	"slices"

	"gridmq/mqtt"
	"gridmq/session"
	"gridmq/store"
)

// What happens to clients when the configuration changes: they are looked at
// again, and what they may not have any more is taken away, from those who are
// there at once and from the others when they come.

// Reexamine looks again at the live clients of a namespace that concerned says
// may be affected (nil: all). The configuration and the Authorizer's Revision must
// have changed before: a CONNECT on its way sees either the change or itself here.
func (b *Broker) Reexamine(namespace string, concerned func(*Identity) bool) {
	ns := b.namespace(namespace)
	if ns == nil {
		return
	}
	for _, x := range ns.live() {
		if c := x.connection(); c != nil && (concerned == nil || concerned(c.id.Load())) {
			ns.review(c)
		}
	}
}

// review decides about one connection.
func (ns *namespace) review(c *conn) {
	r, ok := ns.authenticator.(Reviewer)
	if !ok {
		return
	}
	id := c.id.Load()
	j := r.Review(c.client, c.peer, id)
	if j.Identity != nil && j.End == mqtt.Success {
		if !c.id.CompareAndSwap(id, j.Identity) { // it has authenticated again meanwhile
			ns.review(c)
			return
		}
		id = j.Identity
	}
	switch {
	case j.End != mqtt.Success:
		why := causeIdentity
		if j.Address {
			why = causeAddress
		}
		c.endSaying(j.End, why, j.Reason)
	case j.Changed:
		if denied := ns.enforce(c.x, id); len(denied) > 0 {
			c.endSaying(mqtt.NotAuthorized, causeRights, lostGrant(denied))
		}
	}
}

func lostGrant(filters []string) string {
	if len(filters) == 1 {
		return fmt.Sprintf("the subscription to %q is not permitted any more", filters[0])
	}
	return fmt.Sprintf("%d subscriptions are not permitted any more, as %q", len(filters), filters[0])
}

// enforce removes the subscriptions of x that id may not have, and what waits
// because of them. It returns their filters.
func (ns *namespace) enforce(x *mailbox, id *Identity) (denied []string) {
	x.changes.Lock()
	defer x.changes.Unlock()
	x.mu.Lock()
	subs := make([]*subscription, 0, len(x.subs))
	for _, sub := range x.subs {
		subs = append(subs, sub)
	}
	if x.ended {
		subs = nil
	}
	x.mu.Unlock()
	gone := subs[:0]
	for _, sub := range subs {
		if ns.maySubscribe(id, sub.filter).Code != mqtt.Success {
			gone = append(gone, sub)
			denied = append(denied, sub.full)
		}
	}
	if len(gone) > 0 {
		ns.giveUp(x, gone)
		ns.retire(x, gone)
		ns.b.log.Info("subscriptions lost their grant", "namespace", ns.name, "client", x.clientID, "filters", denied)
	}
	ns.withdraw(x) // also what a crash has brought back
	return denied
}

// giveUp gives what x has from shared groups back to those whose subscription is
// about to go, if they have other members. x.changes is held.
func (ns *namespace) giveUp(x *mailbox, gone []*subscription) {
	groups := map[*group]bool{}
	for _, sub := range gone {
		if sub.g != nil && sub.g.count() > 1 {
			groups[sub.g] = true
		}
	}
	if len(groups) == 0 {
		return
	}
	x.mu.Lock()
	list := x.sharedItems()
	x.mu.Unlock()
	ns.giveBack(x, slices.DeleteFunc(list, func(e shared) bool { return !groups[e.g] }))
}

// retire takes subscriptions out of the session, the index and the store, and
// remembers their slots: messages that are on their way with an older route, or
// come back after a crash, must not be sent. x.changes is held.
func (ns *namespace) retire(x *mailbox, subs []*subscription) {
	for _, sub := range subs {
		ns.unsubscribe(x, sub.full)
		ns.b.metrics.unsubscribed()
	}
	x.mu.Lock()
	if n, _ := x.s.Waiting(); n == 0 {
		x.doc.Retired = nil // nothing is left that could have come by them
	}
	for _, sub := range subs {
		x.doc.Retired = append(x.doc.Retired, sub.slot)
	}
	x.mu.Unlock()
	remove := func() (store.Ticket, error) {
		x.mu.Lock()
		b := store.Batch{Frees: true}
		if x.stored && !x.ended {
			b.Put(ns.keys.session(x.id), encode(&x.doc)) // as it is by then
			for _, sub := range subs {
				b.Delete(ns.keys.subscription(x.id, sub.slot))
			}
		}
		x.mu.Unlock()
		return ns.submit(&b)
	}
	_, err := remove()
	ns.insist(err, "withdrawn subscription not removed from the store", x, remove)
}

// withdraw drops what waits in x only because of retired subscriptions.
func (ns *namespace) withdraw(x *mailbox) {
	x.mu.Lock()
	if len(x.doc.Retired) > 0 && !x.ended {
		x.s.WithdrawIf(x.retired)
	}
	settled := x.takeFreed()
	x.mu.Unlock()
	ns.settleShared(settled)
}

// retired says whether all subscriptions that a message is for have lost their
// grant. x.mu is held.
func (x *mailbox) retired(d *session.Delivery) bool {
	for _, slot := range d.Slots {
		if !slices.Contains(x.doc.Retired, slot) {
			return false
		}
	}
	return len(d.Slots) > 0
}
