package broker

import (
	"errors"
	"gridmq/session"
	"gridmq/store"
)

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

// armWill makes the will of a session without a connection come at a time,
// unless the client returns or the session ends. x.mu is held.
func (ns *namespace) armWill(x *mailbox, epoch uint64, at int64) {
	w := x.theWill
	ns.b.deadlines.remove(x.will)
	x.will = ns.b.deadlines.add(at, func(int64) int64 {
		x.mu.Lock()
		mine := x.conn == nil && !x.ended && x.doc.Epoch == epoch && x.theWill == w
		if mine {
			x.theWill = nil
		}
		x.mu.Unlock()
		if mine {
			_ = ns.publishWill(x, w, epoch)
		}
		return 0
	})
}

// publishWill publishes the will of the connection that was x's epoch. With an
// error the store has no room for it, and it is tried again later.
func (ns *namespace) publishWill(x *mailbox, w *session.Will, epoch uint64) error {
	x.changes.Lock()
	defer x.changes.Unlock()
	return ns.publishWillNow(x, w, epoch)
}

// publishWillNow is publishWill for those who hold x.changes.
func (ns *namespace) publishWillNow(x *mailbox, w *session.Will, epoch uint64) error {
	b := store.Batch{Frees: true} // when the will is given up
	x.mu.Lock()
	mine := x.doc.Epoch == epoch && !x.ended // else its document is not there any more
	if mine && x.stored {
		doc := x.doc
		doc.setWill(nil)
		b.Put(ns.keys.session(x.id), encode(&doc))
	}
	x.mu.Unlock()
	_, err := ns.sendWill(x, w, &b)
	x.mu.Lock()
	defer x.mu.Unlock()
	switch {
	case err == nil:
		if mine {
			x.doc.setWill(nil)
		}
	case mine && x.conn == nil:
		x.theWill = w // who returns meanwhile is refused for the same reason
		ns.armWill(x, epoch, nowMillis()+storeRetry)
	default:
		ns.insist(err, "will not published yet", x, func() (store.Ticket, error) {
			return ns.sendWill(x, w, &store.Batch{})
		})
	}
	return err
}

// sendWill publishes a will and takes it out of the store (b) in the same
// commit, so that a crash does not send it twice. The error is store.ErrFull or
// one that will not pass; with others the will is given up.
func (ns *namespace) sendWill(x *mailbox, w *session.Will, b *store.Batch) (store.Ticket, error) {
	now := nowMillis()
	m := w.Message
	if w.Expiry > 0 {
		m.Expires = now + int64(w.Expiry)*1000
	}
	m.Published, m.Origin = now, uint64(x.id)
	by := x.sender()
	if v := ns.mayPublish(by, m.Topic); v.Code.IsError() {
		ns.b.metrics.willRefused()
		return ns.submit(b)
	}
	t, err := ns.publishDetached(&m, by, b.Ops)
	if err == nil || errors.Is(err, store.ErrFull) || errors.Is(err, store.ErrClosed) {
		return t, err
	}
	ns.b.log.Warn("will not published", "namespace", ns.name, "client", x.clientID, "err", err)
	return ns.submit(b)
}

// sender is who a will is from, as far as is known.
func (x *mailbox) sender() *Identity {
	x.mu.Lock()
	defer x.mu.Unlock()
	return &Identity{Name: x.owner, Principal: x.doc.Principal}
}
