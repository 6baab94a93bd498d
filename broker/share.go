package broker

import (
	"math/rand/v2"
	"slices"

	"gridmq/mqtt"
	"gridmq/session"
	"gridmq/store"
	"gridmq/store/queue"
)

// How messages go from a shared group to its members, and back.

// deliverZero gives a QoS 0 message to a member that is there.
func (g *group) deliverZero(m *mqtt.Message, now int64) *mailbox {
	g.mu.Lock()
	members := g.members
	g.mu.Unlock()
	for i, n := 0, rand.IntN(max(1, len(members))); i < len(members); i++ {
		sub := members[(n+i)%len(members)]
		x := sub.x
		x.mu.Lock()
		if x.conn != nil && x.s.Online() {
			x.s.DeliverZero(m, sub.delivery, false, now)
			x.mu.Unlock()
			return x
		}
		x.mu.Unlock()
	}
	return nil
}

// An outcome of giving a message to a member.
type outcome uint8

const (
	given    outcome = iota
	assigned         // the member's queue in the store has it, the group's no more
	refused          // the member cannot take it after all
	later            // it cannot be had now; whoever knows when dispatches again
)

// dispatch hands out what waits, while members have room. It must be called
// without locks held.
func (g *group) dispatch() {
	g.mu.Lock()
	back := g.back
	g.back = nil
	volatile := g.lasting > 0 && !g.durable.Load() // it could not be stored so far
	g.mu.Unlock()
	g.store(back)
	if volatile {
		if err := g.makeDurable(); err != nil {
			g.ns.b.log.Warn("shared group not stored", "namespace", g.ns.name, "err", err)
		}
	}
	for {
		g.mu.Lock()
		seq, it := g.q.Waiting(g.next)
		if it == nil {
			g.next = g.q.End()
			g.mu.Unlock()
			return
		}
		g.next = seq
		sub := g.pick()
		if sub == nil {
			g.mu.Unlock()
			return
		}
		it.Hand()
		if it.Pos != 0 {
			if g.giving == nil {
				g.giving = make(map[uint64]uint64)
			}
			g.giving[seq] = it.Pos
		}
		copied := *it
		g.mu.Unlock()
		result := g.give(seq, copied, sub)
		g.gave(seq, result)
		switch result {
		case later:
			return
		case given, assigned:
			g.ns.b.flushers.add(sub.x)
		}
	}
}

// gave notes what became of a message that was on its way to a member.
func (g *group) gave(seq uint64, result outcome) {
	g.mu.Lock()
	pos := g.giving[seq]
	delete(g.giving, seq)
	if result == refused || result == later {
		g.takeBack(seq)
	}
	orphan := g.ended && pos != 0 && result != assigned
	g.mu.Unlock()
	if orphan { // the group has ended meanwhile, without this one
		g.ns.queues.Ended(g.id, []store.Position{store.Position(pos)})
	}
}

// pick chooses a member that is there and has room: at random, so that no
// order is promised that could not be kept. g.mu is held.
func (g *group) pick() *subscription {
	for i, n := 0, rand.IntN(max(1, len(g.members))); i < len(g.members); i++ {
		sub := g.members[(n+i)%len(g.members)]
		sub.x.mu.Lock()
		ok := sub.x.conn != nil && !sub.x.over && sub.x.s.Credit() > 0
		sub.x.mu.Unlock()
		if ok {
			return sub
		}
	}
	return nil
}

// give moves a message to a member. A durable member gets it through the log,
// in one entry with the end of the group's claim on it; a volatile member holds
// it until it acknowledges, and the group keeps it until then.
func (g *group) give(seq uint64, it session.Item, sub *subscription) outcome {
	now := nowMillis()
	if it.Msg == nil {
		m, err := g.ns.loadMessage(store.Position(it.Pos))
		if err == errNotYet {
			g.ns.b.store.Notify(g.ns.lastTicket(), groupWaiter{g})
			return later
		}
		if err != nil && !lost(err) { // it may be read another time
			g.ns.b.log.Error("message not read from the store", "namespace", g.ns.name, "group", g.key, "position", it.Pos, "err", err)
			return g.again()
		}
		if err != nil {
			g.drop(seq, it.Pos, err)
			return given
		}
		it.Msg = m
	}
	m := *it.Msg
	m.Retain = it.Retain && sub.asPub
	x := sub.x
	switch {
	case min(m.QoS, sub.qos) == 0:
		x.mu.Lock()
		there := x.conn != nil && x.s.Online()
		if there {
			x.s.DeliverZero(&m, sub.delivery, false, now)
		}
		x.mu.Unlock()
		if !there {
			return refused
		}
		g.mu.Lock()
		g.finish(seq)
		g.mu.Unlock()
		return given
	case x.durable:
		return g.assign(seq, it.Pos, &m, sub, now)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.conn == nil || x.over {
		return refused
	}
	x.deliver(&m, sub.delivery, session.Place{Ref: seq}, now)
	return given
}

// again dispatches the group in a while: the store could not do something now.
func (g *group) again() outcome {
	if g.retrying.CompareAndSwap(false, true) {
		g.ns.b.deadlines.add(nowMillis()+storeRetry, func(int64) int64 {
			g.retrying.Store(false)
			g.ns.b.flushers.later(g)
			return 0
		})
	}
	return later
}

// drop gives up a message that cannot be read.
func (g *group) drop(seq, pos uint64, why error) {
	g.ns.b.log.Warn("message lost from the store", "namespace", g.ns.name, "group", g.key, "position", pos, "err", why)
	g.ns.traffic.drop(session.Withdrawn)
	g.mu.Lock()
	g.finish(seq)
	g.mu.Unlock()
}

// assign is give for a durable member.
func (g *group) assign(seq, pos uint64, m *mqtt.Message, sub *subscription, now int64) outcome {
	if pos == 0 { // the group is not durable yet: store the message for the member
		var p publication
		p.start(g.ns, m, now)
		p.keepFor(sub.x, nil, sub.delivery)
		if _, err := p.commit(); err != nil {
			return g.again()
		}
		g.mu.Lock()
		g.finish(seq)
		g.mu.Unlock()
		return given
	}
	to := queue.Target{Queue: sub.x.id, Flags: min(m.QoS, sub.qos), Slots: sub.delivery.Slots}
	if m.Retain {
		to.Flags |= targetRetain
	}
	a := &assignment{g: g, seq: seq, m: m, sub: sub, now: now}
	ticket, err := g.ns.queues.Assign(g.id, seq, store.Position(pos), to, a)
	if err != nil {
		return g.again()
	}
	if a.over {
		back := []shared{{x: sub.x, g: g, pos: uint64(a.pos), flags: to.Flags, size: int32(len(m.Topic) + len(m.Payload) + len(m.Props))}}
		g.ns.queues.Ended(sub.x.id, g.ns.giveBack(sub.x, back))
	} else if to.Flags&targetQoS == 2 {
		g.ns.b.store.Notify(ticket, sub.x)
	}
	return assigned
}

// An assignment is a message on its way from a group to a durable member.
type assignment struct {
	g    *group
	seq  uint64
	m    *mqtt.Message
	sub  *subscription
	now  int64
	pos  store.Position
	over bool // the member has ended
}

// Enqueue implements queue.Enqueuer. The claim on the record passes from the
// group to the member, so it is not given back here.
func (a *assignment) Enqueue(pos store.Position, t store.Ticket) {
	a.g.ns.noteTicket(t)
	a.pos = pos
	a.g.mu.Lock()
	a.g.q.Finish(a.seq)
	a.g.mu.Unlock()
	x := a.sub.x
	x.mu.Lock()
	defer x.mu.Unlock()
	if a.over = x.ended || x.ending || x.over; !a.over {
		x.deliver(a.m, a.sub.memberDelivery(), session.Place{Pos: uint64(pos), Ticket: uint64(t)}, a.now)
	}
}

// memberDelivery is the delivery of a durable member: what it does with the
// message concerns the group no more.
func (sub *subscription) memberDelivery() *session.Delivery {
	d := *sub.delivery
	d.Tag = nil
	return &d
}

// A shared message is one that a durable session had from a group and leaves to
// the other members.
type shared struct {
	x        *mailbox
	g        *group
	seq, pos uint64
	flags    uint8
	size     int32
}

// sharedItems lists what may go back to the groups: messages of QoS 2 that have
// started must not [MQTT-4.8.2-5]. x.mu is held.
func (x *mailbox) sharedItems() (list []shared) {
	if x.spread == 0 || !x.durable {
		return nil
	}
	x.s.Each(func(seq uint64, it *session.Item) {
		if it.Pos == 0 || it.Delivery == nil || len(it.Delivery.Slots) != 1 || it.QoS == 2 && it.Started() {
			return
		}
		sub := x.slots[it.Delivery.Slots[0]]
		if sub == nil || sub.g == nil || !sub.g.durable.Load() {
			return
		}
		e := shared{x: x, g: sub.g, seq: seq, pos: it.Pos, flags: it.QoS, size: it.Size}
		if it.Retain {
			e.flags |= targetRetain
		}
		list = append(list, e)
	})
	return list
}

// leaveToOthers moves what a session without a connection has from groups back
// to those that have other members; what cannot be moved stays. x.changes is
// held, so that nobody resumes or ends the session meanwhile; no other lock is.
func (ns *namespace) leaveToOthers(x *mailbox) {
	x.mu.Lock()
	list := x.sharedItems()
	x.mu.Unlock()
	others := map[*group]bool{}
	for _, e := range list {
		if _, known := others[e.g]; !known {
			others[e.g] = e.g.count() > 1
		}
	}
	list = slices.DeleteFunc(list, func(e shared) bool { return !others[e.g] })
	ns.giveBack(x, list)
}

// giveBack moves messages of a session to its groups. It returns the places of
// those that it could not move. It must be called without locks, but for
// x.changes.
func (ns *namespace) giveBack(x *mailbox, list []shared) (left []store.Position) {
	for i := range list {
		e := &list[i]
		to := queue.Target{Queue: e.g.id, Flags: e.flags, Slots: e.g.delivery.Slots}
		if _, err := ns.queues.Assign(x.id, e.seq, store.Position(e.pos), to, e); err != nil {
			left = append(left, store.Position(e.pos))
		}
		if i == len(list)-1 || list[i+1].g != e.g {
			ns.b.flushers.later(e.g)
		}
	}
	return left
}

// Enqueue implements queue.Enqueuer: the way back.
func (e *shared) Enqueue(pos store.Position, t store.Ticket) {
	e.g.ns.noteTicket(t)
	e.x.mu.Lock()
	e.x.s.Pass(e.seq)
	e.x.mu.Unlock()
	e.g.mu.Lock()
	e.g.add(session.Item{Pos: uint64(pos), QoS: e.flags & targetQoS, Retain: e.flags&targetRetain != 0, Size: e.size})
	e.g.mu.Unlock()
}
