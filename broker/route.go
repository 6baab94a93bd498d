package broker

import (
	"hash/maphash"
	"slices"
	"sync"

	"gridmq/session"
)

// A subscription is one topic filter of a session, or a shared group's place
// in the index.
type subscription struct {
	x        *mailbox // nil for a group
	g        *group   // nil for an ordinary subscription
	filter   string   // without $share/group/
	full     string   // as the client wrote it
	slot     uint32
	id       uint32 // subscription identifier; 0: none
	qos      byte
	noLocal  bool
	asPub    bool // retain as published
	delivery *session.Delivery
}

// A route is what the index says about one topic, merged so that each session
// is there once however many of its filters match [MQTT-3.3.5-1]. It is not
// changed after it was made.
type route struct {
	topic   string
	gen     uint64
	targets []target
	groups  []*group
}

type target struct {
	x     *mailbox
	d     *session.Delivery
	local *session.Delivery // for the session's own messages, where No Local leaves something
	own   bool              // local counts: some filter has No Local
}

// deliveryFor is what the session gets of a message; nil is nothing [MQTT-3.8.3-3].
func (t *target) deliveryFor(origin uint64) *session.Delivery {
	if t.own && uint64(t.x.id) == origin {
		return t.local
	}
	return t.d
}

// routeCache keeps the routes of the topics in use. An entry is good while the
// index has the same generation.
type routeCache struct {
	seed   maphash.Seed
	shards [16]routeShard
}

type routeShard struct {
	mu   sync.RWMutex
	m    map[string]*route
	cost int // bytes of m, roughly
}

// routeBytes bounds the routes of a shard; one that is full starts again.
// Clients choose the topics, and how many of them.
const routeBytes = 4 << 20

// cost is about how many bytes r takes.
func (r *route) cost() int { return 256 + len(r.topic) + 40*len(r.targets) + 8*len(r.groups) }

func (ns *namespace) route(name []byte) *route {
	gen := ns.index.Generation()
	s := &ns.routes.shards[maphash.Bytes(ns.routes.seed, name)%16]
	s.mu.RLock()
	r := s.m[string(name)]
	s.mu.RUnlock()
	if r != nil && r.gen == gen {
		return r
	}
	topic := string(name)
	if r != nil {
		topic = r.topic
	}
	r = ns.buildRoute(topic, gen)
	s.put(r)
	return r
}

// put keeps r, unless it is so large that it would push out everything else.
func (s *routeShard) put(r *route) {
	cost := r.cost()
	if cost > routeBytes/2 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.m[r.topic]; old != nil {
		s.cost -= old.cost()
	}
	if s.m == nil || s.cost+cost > routeBytes {
		s.m, s.cost = make(map[string]*route), 0
	}
	s.m[r.topic] = r
	s.cost += cost
}

// buildRoute asks the index. gen was read before, so a change that comes in
// between makes the route old, not wrong.
func (ns *namespace) buildRoute(topic string, gen uint64) *route {
	r := &route{topic: topic, gen: gen}
	found := ns.index.AppendMatches(nil, topic)
	var at map[*mailbox]int
	if len(found) > 16 {
		at = make(map[*mailbox]int, len(found))
	}
	for _, sub := range found {
		if sub.g != nil {
			r.groups = append(r.groups, sub.g)
			continue
		}
		i, seen := 0, false
		if at != nil {
			i, seen = at[sub.x]
		} else if i = slices.IndexFunc(r.targets, func(t target) bool { return t.x == sub.x }); i >= 0 {
			seen = true
		}
		if seen {
			r.targets[i].merge(sub)
			continue
		}
		if at != nil {
			at[sub.x] = len(r.targets)
		}
		t := target{x: sub.x, d: sub.delivery, own: sub.noLocal}
		if !sub.noLocal {
			t.local = sub.delivery
		}
		r.targets = append(r.targets, t)
	}
	return r
}

// merge adds a further subscription of the same session.
func (t *target) merge(sub *subscription) {
	t.d = mergeDelivery(t.d, sub)
	t.own = t.own || sub.noLocal
	if !sub.noLocal {
		t.local = mergeDelivery(t.local, sub)
	}
}

func mergeDelivery(d *session.Delivery, sub *subscription) *session.Delivery {
	if d == nil {
		return sub.delivery
	}
	return &session.Delivery{
		QoS:               max(d.QoS, sub.qos),
		RetainAsPublished: d.RetainAsPublished || sub.asPub,
		SubIDs:            append(slices.Clone(d.SubIDs), sub.delivery.SubIDs...),
		Slots:             append(slices.Clone(d.Slots), sub.slot),
	}
}

// newDelivery is the delivery of one subscription alone.
func (sub *subscription) newDelivery() {
	sub.delivery = &session.Delivery{QoS: sub.qos, RetainAsPublished: sub.asPub, Slots: []uint32{sub.slot}}
	if sub.id != 0 {
		sub.delivery.SubIDs = []uint32{sub.id}
	}
	if sub.g != nil {
		sub.delivery.Tag = sub.g
	}
}

// recoveredDelivery is deliveryOf for a message that waited in the store. Its
// slots are not given to other subscriptions, even if theirs is gone.
func (x *mailbox) recoveredDelivery(slots []uint32) *session.Delivery {
	for _, slot := range slots {
		if slot < 1<<32-1 {
			x.slot = max(x.slot, slot+1)
		}
	}
	return x.deliveryOf(slots)
}

// deliveryOf finds the delivery of a set of slots: for messages read from the
// store. x.mu is held, or nobody else has x yet.
func (x *mailbox) deliveryOf(slots []uint32) *session.Delivery {
	if len(slots) == 1 {
		if sub := x.slots[slots[0]]; sub != nil {
			return sub.delivery
		}
	}
	d := &session.Delivery{QoS: 2, Slots: slices.Clone(slots)}
	for _, slot := range slots {
		if sub := x.slots[slot]; sub != nil && sub.id != 0 {
			d.SubIDs = append(d.SubIDs, sub.id)
		}
	}
	return d
}
