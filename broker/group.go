package broker

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"gridmq/mqtt"
	"gridmq/session"
	"gridmq/store"
	"gridmq/store/queue"
)

// A group is a shared subscription: a pseudo-session with a queue of its own.
// A message is given to a member when that member has room in its window
// (section 4.8.2). A group with a durable member is durable: its queue is in
// the store, and its messages wait when every member is away.
type group struct {
	ns       *namespace
	key      string // "name/filter"
	filter   string
	index    *subscription // its place in the index
	delivery *session.Delivery
	durable  atomic.Bool
	id       queue.ID

	mu      sync.Mutex
	q       session.Queue
	next    uint64 // nothing before it waits for a member
	members []*subscription
	joining int // subscriptions that are about to become members
	ended   bool
}

// joinGroup finds or makes the group of a shared subscription; batch takes
// what must become durable with it.
func (ns *namespace) joinGroup(name, filter string, x *mailbox, batch *store.Batch) (*group, error) {
	key := name + "/" + filter
	ns.mu.Lock()
	defer ns.mu.Unlock()
	g := ns.shared[key]
	if g == nil {
		l := ns.limits.Load()
		if l.SharedGroups > 0 && len(ns.shared) >= l.SharedGroups {
			return nil, protocolError("subscribe", mqtt.QuotaExceeded, "the namespace has its maximum of shared groups")
		}
		g = ns.newGroup(key, filter)
	}
	g.mu.Lock()
	g.joining++
	g.mu.Unlock()
	if x.durable && !g.durable.Load() {
		id, err := ns.newID(true)
		if err != nil {
			return g, err
		}
		g.mu.Lock()
		if g.q.Len() == 0 { // else those in memory go first; the next member tries again
			g.id, g.q, g.next = id, session.NewQueue(1), 1
			ns.byQueue[id] = g
			g.durable.Store(true)
			batch.Put(ns.keys.group(key), encode(&groupDoc{Queue: id}))
		}
		g.mu.Unlock()
	}
	return g, nil
}

// newGroup makes a group and puts it into the index. ns.mu is held.
func (ns *namespace) newGroup(key, filter string) *group {
	g := &group{ns: ns, key: key, filter: filter, q: session.NewQueue(1), next: 1}
	g.index = &subscription{g: g, filter: filter}
	g.delivery = &session.Delivery{QoS: 2, RetainAsPublished: true, Slots: []uint32{0}}
	ns.shared[key] = g
	ns.index.Add(filter, g.index)
	return g
}

// join adds or replaces a member that joinGroup has announced.
func (g *group) join(sub *subscription) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.joining--
	for i, m := range g.members {
		if m.x == sub.x {
			g.members[i] = sub
			return
		}
	}
	g.members = append(g.members, sub)
}

// abandon takes back the announcement of a member that did not come.
func (ns *namespace) abandon(g *group) {
	if g == nil {
		return
	}
	g.mu.Lock()
	g.joining--
	g.mu.Unlock()
	ns.leaveGroup(&subscription{g: g})
}

// leaveGroup removes a member; the last one ends the group.
func (ns *namespace) leaveGroup(sub *subscription) {
	g := sub.g
	ns.mu.Lock()
	g.mu.Lock()
	for i, m := range g.members {
		if m.x == sub.x {
			g.members = append(g.members[:i:i], g.members[i+1:]...)
			break
		}
	}
	last := len(g.members) == 0 && g.joining == 0 && !g.ended
	var positions []store.Position
	if last {
		g.ended = true
		delete(ns.shared, g.key)
		delete(ns.byQueue, g.id)
		positions = g.positions()
	}
	g.mu.Unlock()
	ns.mu.Unlock()
	if !last {
		g.dispatch()
		return
	}
	ns.index.Remove(g.filter, g.index)
	if g.durable.Load() {
		var b store.Batch
		b.Delete(ns.keys.group(g.key))
		if _, _, err := ns.b.store.Submit(&b); err != nil {
			ns.b.log.Warn("ended shared group not removed from the store", "namespace", ns.name, "err", err)
		}
		ns.queues.Ended(g.id, positions)
	}
}

// positions lists the places in the store that the group still needs.
func (g *group) positions() (all []store.Position) {
	for seq := g.q.Base(); seq < g.q.End(); seq++ {
		if it := g.q.At(seq); !it.Gone() && it.Pos != 0 {
			all = append(all, store.Position(it.Pos))
		}
	}
	return all
}

// push queues a message for the group.
func (g *group) push(m *mqtt.Message, p session.Place) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ended {
		if p.Pos != 0 {
			g.ns.queues.Done(g.id, 0, store.Position(p.Pos))
		}
		return
	}
	bounds := &g.ns.limits.Load().Queue
	full := bounds.Messages > 0 && g.q.Len() >= hardFactor*bounds.Messages
	if full {
		g.shed()
	}
	it := session.Item{Pos: p.Pos, QoS: m.QoS, Retain: m.Retain, Size: int32(len(m.Topic) + len(m.Payload) + len(m.Props))}
	if p.Pos == 0 || g.q.Len() < 1024 {
		it.Msg = m.Own()
	}
	g.q.Push(it)
}

// shed gives up the oldest message that no member has.
func (g *group) shed() {
	for seq := max(g.next, g.q.Base()); seq < g.q.End(); seq++ {
		if it := g.q.At(seq); it.Queued() {
			g.finish(seq)
			g.ns.b.metrics.drop(session.Overflow)
			return
		}
	}
}

// finish takes a message out of the queue. g.mu is held.
func (g *group) finish(seq uint64) {
	it := g.q.At(seq)
	if it == nil || it.Gone() {
		return
	}
	if it.Pos != 0 {
		g.ns.queues.Done(g.id, seq, store.Position(it.Pos))
	}
	g.q.Finish(seq)
}

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

// dispatch hands out what waits, while members have room. It must be called
// without locks held.
func (g *group) dispatch() {
	var woken []*mailbox
	for {
		g.mu.Lock()
		seq := g.waiting()
		if seq == 0 {
			g.mu.Unlock()
			break
		}
		sub := g.pick()
		if sub == nil {
			g.mu.Unlock()
			break
		}
		it := *g.q.At(seq)
		g.q.At(seq).Hand()
		g.mu.Unlock()
		if !g.give(seq, it, sub) {
			g.mu.Lock()
			if back := g.q.At(seq); back != nil {
				back.TakeBack()
				g.next = min(g.next, seq)
			}
			g.mu.Unlock()
			break
		}
		woken = append(woken, sub.x)
	}
	for _, x := range woken {
		g.ns.b.flushers.add(x)
	}
}

// waiting finds the oldest message that no member has. g.mu is held.
func (g *group) waiting() uint64 {
	for g.next = max(g.next, g.q.Base()); g.next < g.q.End(); g.next++ {
		if it := g.q.At(g.next); it.Queued() {
			return g.next
		}
	}
	return 0
}

// pick chooses a member that is there and has room: at random, so that no
// order is promised that could not be kept. g.mu is held.
func (g *group) pick() *subscription {
	for i, n := 0, rand.IntN(max(1, len(g.members))); i < len(g.members); i++ {
		sub := g.members[(n+i)%len(g.members)]
		sub.x.mu.Lock()
		ok := sub.x.conn != nil && sub.x.s.Credit() > 0
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
func (g *group) give(seq uint64, it session.Item, sub *subscription) bool {
	now := nowMillis()
	if it.Msg == nil {
		m, err := g.ns.loadMessage(store.Position(it.Pos))
		if err == errNotYet {
			g.ns.b.store.Notify(g.ns.lastTicket(), groupWaiter{g})
			return false
		}
		if err != nil {
			g.mu.Lock()
			g.finish(seq)
			g.mu.Unlock()
			return true
		}
		it.Msg = m
	}
	m := *it.Msg
	m.Retain = it.Retain && sub.asPub
	if min(m.QoS, sub.qos) == 0 {
		sub.x.mu.Lock()
		sub.x.s.DeliverZero(&m, sub.delivery, false, now)
		sub.x.mu.Unlock()
		g.mu.Lock()
		g.finish(seq)
		g.mu.Unlock()
		return true
	}
	if sub.x.durable {
		return g.assign(seq, it.Pos, &m, sub, now)
	}
	sub.x.mu.Lock()
	defer sub.x.mu.Unlock()
	if sub.x.conn == nil {
		return false
	}
	sub.x.deliver(&m, sub.delivery, session.Place{Ref: seq}, now)
	return true
}

// assign is give for a durable member.
func (g *group) assign(seq, pos uint64, m *mqtt.Message, sub *subscription, now int64) bool {
	if pos == 0 { // the group was volatile when it came: store it for the member
		var p publication
		p.start(g.ns, m, now)
		p.keepFor(sub.x, nil, sub.delivery)
		if _, err := p.commit(); err != nil {
			return false
		}
		g.mu.Lock()
		g.finish(seq)
		g.mu.Unlock()
		return true
	}
	to := queue.Target{Queue: sub.x.id, Flags: min(m.QoS, sub.qos), Slots: sub.delivery.Slots}
	if m.Retain {
		to.Flags |= targetRetain
	}
	a := &assignment{g: g, seq: seq, pos: pos, m: m, sub: sub, now: now}
	ticket, err := g.ns.queues.Assign(g.id, seq, store.Position(pos), to, a)
	if err != nil {
		return false
	}
	g.ns.noteTicket(ticket)
	if to.Flags&targetQoS == 2 {
		g.ns.b.store.Notify(ticket, sub.x)
	}
	return true
}

// An assignment is a message on its way from a group to a durable member.
type assignment struct {
	g        *group
	seq, pos uint64
	m        *mqtt.Message
	sub      *subscription
	now      int64
}

// Enqueue implements queue.Enqueuer. The claim on the record passes from the
// group to the member, so it is not given back here.
func (a *assignment) Enqueue(_ store.Position, t store.Ticket) {
	a.g.mu.Lock()
	a.g.q.Finish(a.seq)
	a.g.mu.Unlock()
	x := a.sub.x
	x.mu.Lock()
	x.deliver(a.m, a.sub.memberDelivery(), session.Place{Pos: a.pos, Ticket: uint64(t)}, a.now)
	x.mu.Unlock()
}

// memberDelivery is the delivery of a durable member: what it does with the
// message concerns the group no more.
func (sub *subscription) memberDelivery() *session.Delivery {
	d := *sub.delivery
	d.Tag = nil
	return &d
}

// groupWaiter dispatches a group when what it waited for is durable.
type groupWaiter struct{ g *group }

// Committed implements store.Waiter. The members' flush dispatches.
func (w groupWaiter) Committed(store.Ticket, error) {
	w.g.ns.b.flushers.later(w.g)
}

// settleShared takes back or finishes what members are done with.
func (ns *namespace) settleShared(list []freed) {
	for i, f := range list {
		f.g.mu.Lock()
		if f.back {
			if it := f.g.q.At(f.seq); it != nil && !it.Gone() {
				it.TakeBack() // [MQTT-4.8.2-5]: only QoS 2 that has started stays
				f.g.next = min(f.g.next, f.seq)
			}
		} else {
			f.g.finish(f.seq)
		}
		f.g.mu.Unlock()
		if i == len(list)-1 || list[i+1].g != f.g {
			f.g.dispatch()
		}
	}
}

// dispatchShared gives a member that has just come what waits for its groups.
func (ns *namespace) dispatchShared(x *mailbox) {
	for _, g := range x.groupsOf() {
		g.dispatch()
	}
}

// returnShared dispatches for the others when a member has gone away.
func (ns *namespace) returnShared(x *mailbox) { ns.dispatchShared(x) }

// groupsOf lists the groups that x is a member of.
func (x *mailbox) groupsOf() (groups []*group) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.spread == 0 {
		return nil
	}
	for _, sub := range x.subs {
		if sub.g != nil {
			groups = append(groups, sub.g)
		}
	}
	return groups
}
