package broker

import (
	"slices"
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
	id       queue.ID // set before durable
	retrying atomic.Bool

	mu      sync.Mutex
	q       session.Queue
	next    uint64          // nothing before it waits for a member
	old     session.Queue   // what members had when the group became durable
	back    []*mqtt.Message // of those, what came back; to be stored
	members []*subscription
	joining []*mailbox        // they are about to become members
	lasting int               // members that are durable
	giving  map[uint64]uint64 // stored messages on their way to a member: number and place
	ended   bool
}

// joinGroup finds or makes the group of a shared subscription, and announces a
// member: join or abandon must follow.
func (ns *namespace) joinGroup(name, filter string, x *mailbox) (*group, error) {
	key := name + "/" + filter
	ns.mu.Lock()
	g := ns.shared[key]
	if g == nil {
		l := ns.limits.Load()
		if l.SharedGroups > 0 && len(ns.shared) >= l.SharedGroups {
			ns.mu.Unlock()
			return nil, protocolError("subscribe", mqtt.QuotaExceeded, "the namespace has its maximum of shared groups")
		}
		g = ns.newGroup(key, filter)
	}
	full := !g.announce(x, ns.limits.Load().SharedMembers)
	ns.mu.Unlock()
	if full {
		return nil, protocolError("subscribe", mqtt.QuotaExceeded, "the shared subscription has its maximum of sessions")
	}
	if x.durable {
		return g, g.makeDurable()
	}
	return g, nil
}

// announce keeps the group from ending before a member is there, unless it would be one
// more than most (0: no limit). Who is a member already takes no place.
func (g *group) announce(x *mailbox, most int) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if most > 0 && !g.has(x) {
		n := len(g.members)
		for _, other := range g.joining {
			if !g.has(other) {
				n++
			}
		}
		if n >= most {
			return false
		}
	}
	g.joining = append(g.joining, x)
	return true
}

// has says whether x is a member. g.mu is held.
func (g *group) has(x *mailbox) bool {
	return slices.ContainsFunc(g.members, func(m *subscription) bool { return m.x == x })
}

// joined takes back one announcement of x. g.mu is held.
func (g *group) joined(x *mailbox) {
	if i := slices.Index(g.joining, x); i >= 0 {
		g.joining = slices.Delete(g.joining, i, i+1)
	}
}

// newGroup makes a group and puts it into the index. ns.mu is held.
func (ns *namespace) newGroup(key, filter string) *group {
	g := &group{ns: ns, key: key, filter: filter, q: session.NewQueue(volatileSeq), next: volatileSeq}
	g.index = &subscription{g: g, filter: filter}
	g.delivery = &session.Delivery{QoS: 2, RetainAsPublished: true, Slots: []uint32{0}}
	ns.shared[key] = g
	ns.index.Add(filter, g.index)
	return g
}

// volatileSeq is the first number in the queue of a group that is not durable;
// a durable one starts at 1, as recovery counts.
const volatileSeq = 1 << 63

// of is the queue that has the message numbered seq. g.mu is held.
func (g *group) of(seq uint64) *session.Queue {
	if seq >= volatileSeq && g.durable.Load() {
		return &g.old
	}
	return &g.q
}

// makeDurable gives the group a queue in the store, and stores what waits. It
// must be called without locks.
func (g *group) makeDurable() error {
	if g.durable.Load() {
		return nil
	}
	waiting, err := g.becomeDurable()
	g.store(waiting)
	return err
}

// store puts messages into the queue of a durable group that were not stored,
// because there were only volatile members when they came.
func (g *group) store(list []*mqtt.Message) {
	for i, m := range list {
		var p publication
		p.start(g.ns, m, nowMillis())
		p.keepFor(nil, g, g.delivery)
		if _, err := p.commit(); err != nil {
			g.ns.b.log.Warn("messages of a shared group not stored", "namespace", g.ns.name, "messages", len(list)-i, "err", err)
			for range list[i:] {
				g.ns.traffic.drop(session.Overflow)
			}
			return
		}
	}
}

// becomeDurable starts a new queue and returns what waited in the old one. What
// members have stays there until they are done.
func (g *group) becomeDurable() (waiting []*mqtt.Message, err error) {
	ns := g.ns
	ns.mu.Lock()
	defer ns.mu.Unlock()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ended || g.durable.Load() {
		return nil, nil
	}
	id, err := ns.newID(true)
	if err != nil {
		return nil, err
	}
	var b store.Batch
	b.Put(ns.keys.group(g.key), encode(&groupDoc{Queue: id}))
	if _, _, err := ns.b.store.Submit(&b); err != nil { // before any message for it
		return nil, err
	}
	for seq, it := g.q.Waiting(0); it != nil; seq, it = g.q.Waiting(seq) {
		waiting = append(waiting, it.Msg)
		g.q.Finish(seq)
	}
	g.id, g.old, g.q, g.next = id, g.q, session.NewQueue(1), 1
	ns.byQueue[id] = g
	g.durable.Store(true)
	return waiting, nil
}

// join adds or replaces a member that joinGroup has announced.
func (g *group) join(sub *subscription) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.joined(sub.x)
	members := make([]*subscription, 0, len(g.members)+1) // a new slice: deliverZero reads the old one
	for _, m := range g.members {
		if m.x != sub.x {
			members = append(members, m)
		}
	}
	if len(members) == len(g.members) && sub.x.durable {
		g.lasting++
	}
	g.members = append(members, sub)
}

// count is the number of members.
func (g *group) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.members)
}

// abandon takes back the announcement of a member that did not come.
func (ns *namespace) abandon(g *group, x *mailbox) {
	if g == nil {
		return
	}
	g.mu.Lock()
	g.joined(x)
	g.mu.Unlock()
	ns.leaveGroup(&subscription{g: g})
}

// leaveGroup removes a member; the last one ends the group.
func (ns *namespace) leaveGroup(sub *subscription) {
	g := sub.g
	ns.mu.Lock()
	g.mu.Lock()
	g.remove(sub.x)
	last := len(g.members) == 0 && len(g.joining) == 0 && !g.ended
	var positions []store.Position
	if last {
		positions = g.end()
	}
	g.mu.Unlock()
	ns.mu.Unlock()
	if !last {
		ns.b.flushers.later(g)
		return
	}
	ns.index.Remove(g.filter, g.index)
	if g.durable.Load() {
		ns.queues.Ended(g.id, positions)
	}
}

// remove takes a member out. g.mu is held.
func (g *group) remove(x *mailbox) {
	for i, m := range g.members {
		if m.x == x {
			g.members = append(g.members[:i:i], g.members[i+1:]...)
			if x.durable {
				g.lasting--
			}
			return
		}
	}
}

// end ends the group and returns the places in the store that it had, but for
// those of messages on their way to a member: dispatch sees to them. ns.mu and
// g.mu are held, so that a new group of the same name writes its document after
// this one's is removed.
func (g *group) end() (positions []store.Position) {
	g.ended = true
	delete(g.ns.shared, g.key)
	delete(g.ns.byQueue, g.id)
	g.q.Each(func(seq uint64, it *session.Item) {
		if _, giving := g.giving[seq]; giving {
			g.giving[seq] = it.Pos // it may have been copied forward
		} else if it.Pos != 0 {
			positions = append(positions, store.Position(it.Pos))
		}
	})
	g.q, g.old, g.back = session.NewQueue(g.q.End()), session.Queue{}, nil
	if g.durable.Load() {
		var b store.Batch
		b.Delete(g.ns.keys.group(g.key))
		if _, _, err := g.ns.b.store.Submit(&b); err != nil {
			g.ns.b.log.Warn("ended shared group not removed from the store", "namespace", g.ns.name, "err", err)
		}
	}
	return positions
}

// groupCache is how much of a durable group's queue is kept in memory as well.
const groupCache = 1 << 20

// push queues a message for the group. It returns false, and does nothing, when
// the message must be stored first because the group has become durable.
func (g *group) push(m *mqtt.Message, p session.Place) bool {
	it := session.Item{Pos: p.Pos, QoS: m.QoS, Retain: m.Retain, Size: int32(len(m.Topic) + len(m.Payload) + len(m.Props))}
	g.mu.Lock()
	defer g.mu.Unlock()
	if p.Pos == 0 && g.durable.Load() && !g.ended {
		return false
	}
	if p.Pos == 0 || g.q.Size() < groupCache {
		it.Msg = m.Own()
	}
	g.add(it)
	return true
}

// add appends an item, at the cost of the oldest when too much waits. g.mu is
// held.
func (g *group) add(it session.Item) {
	if g.ended {
		if it.Pos != 0 {
			g.ns.queues.Done(g.id, 0, store.Position(it.Pos))
		}
		return
	}
	b := &g.ns.limits.Load().Queue
	for b.Messages > 0 && g.q.Len() >= hardFactor*b.Messages ||
		b.Bytes > 0 && g.q.Len() > 0 && g.q.Size()+int(it.Size) > hardFactor*b.Bytes {
		if !g.shed() {
			break // the members have the rest; their windows bound it
		}
	}
	g.q.Push(it)
}

// shed gives up the oldest message that no member has. g.mu is held.
func (g *group) shed() bool {
	seq, it := g.q.Waiting(g.next)
	if it == nil {
		return false
	}
	g.next = seq + 1
	g.finish(seq)
	g.ns.traffic.drop(session.Overflow)
	return true
}

// finish takes a message out of the queue. g.mu is held.
func (g *group) finish(seq uint64) {
	q := g.of(seq)
	it := q.At(seq)
	if it == nil || it.Gone() {
		return
	}
	if it.Pos != 0 {
		g.ns.queues.Done(g.id, seq, store.Position(it.Pos))
	}
	q.Finish(seq)
}

// takeBack makes a message available again that a member had. g.mu is held.
func (g *group) takeBack(seq uint64) {
	q := g.of(seq)
	it := q.At(seq)
	switch {
	case it == nil || it.Gone():
	case q == &g.old:
		g.back = append(g.back, it.Msg)
		q.Finish(seq)
	default:
		it.TakeBack()
		g.next = min(g.next, seq)
	}
}

// groupWaiter dispatches a group when what it waited for is durable.
type groupWaiter struct{ g *group }

// Committed implements store.Waiter.
func (w groupWaiter) Committed(store.Ticket, error) {
	w.g.ns.b.flushers.later(w.g)
}

// settleShared takes back or finishes what members are done with.
func (ns *namespace) settleShared(list []freed) {
	for i, f := range list {
		f.g.mu.Lock()
		if f.back {
			f.g.takeBack(f.seq) // [MQTT-4.8.2-5]: only QoS 2 that has started stays
		} else {
			f.g.finish(f.seq)
		}
		f.g.mu.Unlock()
		if i == len(list)-1 || list[i+1].g != f.g {
			f.g.dispatch()
		}
	}
}

// dispatchShared hands out what waits in the groups of a member that has come,
// or has gone and left it to the others.
func (ns *namespace) dispatchShared(x *mailbox) {
	for _, g := range x.groupsOf() {
		g.dispatch()
	}
}

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
