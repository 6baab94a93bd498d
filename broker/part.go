package broker

import (
	"gridmq/session"
	"gridmq/store"
)

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
	x.changes.Lock() // nobody resumes the session before its will, and what others may have, is where it belongs
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
	c.pace.stop()
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
	if publish {
		_ = ns.publishWillNow(x, will, epoch) // goes on trying
	} else if !over {
		ns.save(x)
	}
	x.changes.Unlock()

	for _, p := range woken {
		ns.b.flushers.add(p)
	}
	x.forgetAt(gates)
	ns.dispatchShared(x) // for the other members
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
	if x.theWill != nil {
		ns.armWill(x, epoch, due)
	}
	if ends != 0 {
		x.expiry = ns.b.deadlines.add(ends, func(int64) int64 {
			ns.end(x, "expiry", asleep)
			return 0
		})
	}
}

// save writes the session document; nobody waits for it. x.changes is held.
func (ns *namespace) save(x *mailbox) {
	x.mu.Lock()
	b := store.Batch{Frees: true} // written again
	if x.stored && !x.ended {
		b.Put(ns.keys.session(x.id), encode(&x.doc))
	}
	x.mu.Unlock()
	if _, err := ns.submit(&b); err != nil {
		ns.b.log.Warn("session not saved", "namespace", ns.name, "client", x.clientID, "err", err)
	}
}
