package broker

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"

	"gridmq/identity"
	"gridmq/mqtt"
	"gridmq/session"
	"gridmq/store"
	"gridmq/store/queue"
	"gridmq/topic"
)

// openNamespace recovers a namespace: documents first, then the queues.
func (b *Broker) openNamespace(c NamespaceConfig, progress func(string, int, int)) (*namespace, error) {
	if err := validName(c.Name); err != nil {
		return nil, err
	}
	ns := &namespace{
		b: b, name: c.Name, keys: newKeys(c.Name), authenticator: c.Authenticator, authorizer: c.Authorizer, router: c.Router, exempt: c.Exempt,
		log:      store.LogID{Namespace: c.Name},
		sessions: make(map[string]*mailbox), byID: make(map[queue.ID]*mailbox), perName: make(map[string]int),
		shared: make(map[string]*group), byQueue: make(map[queue.ID]*group),
		routes: routeCache{seed: maphash.MakeSeed()},
	}
	if ns.authenticator == nil {
		ns.authenticator = DenyAll{}
	}
	if ns.authorizer == nil {
		ns.authorizer = DenyAll{}
	}
	l := c.Limits
	ns.limits.Store(&l)
	ns.remember.Store(c.RememberConnections)
	if err := ns.loadDocuments(); err != nil {
		return nil, err
	}
	o := queue.Options{QuotaBytes: l.StoredBytes, Logger: b.log.With("namespace", c.Name)}
	if l.StoredDropOldest {
		o.Quota = queue.DropOldest
	}
	if progress != nil {
		o.Progress = func(done, total uint64) { progress(c.Name, int(done), int(total)) }
	}
	var err error
	if ns.queues, err = queue.Open(b.store, ns.log, o, (*recovery)(ns)); err != nil {
		return nil, err
	}
	ns.nextID = max(1, ns.idsUpTo, ns.seen+1) // numbers reserved and not used are given up
	return ns, nil
}

func (ns *namespace) loadDocuments() error {
	d, err := ns.b.store.Get(ns.keys.ids())
	switch {
	case err == nil && len(d.Value) == 8:
		ns.idsUpTo = queue.ID(binary.BigEndian.Uint64(d.Value))
	case err == nil || errors.Is(err, store.ErrDamaged): // what is in use is seen below
		ns.b.log.Error("session numbers damaged, going on above those in use", "namespace", ns.name, "err", err)
	case !errors.Is(err, store.ErrNotFound):
		return fmt.Errorf("read session numbers: %w", err)
	default: // right when nothing was ever stored
		if first, last := ns.b.store.Bounds(ns.log); last > 0 && first <= last {
			ns.b.log.Error("session numbers are missing, going on above those in use", "namespace", ns.name)
			ns.partial = true
		}
	}
	for _, load := range []struct {
		what   string
		prefix []byte
		one    func(key, value []byte) error
	}{
		{"sessions", ns.keys.sessions(), ns.loadSession},
		{"groups", ns.keys.groups(), ns.loadGroup},
		{"subscriptions", ns.keys.subscriptions(), ns.loadSubscription},
		{"retained messages", ns.keys.retained(), ns.loadRetainedDoc},
	} {
		err := ns.b.store.List(load.prefix, nil, func(d store.Document) bool {
			if err := load.one(d.Key[len(load.prefix):], d.Value); err != nil {
				ns.b.log.Error("document not understood", "namespace", ns.name, "what", load.what, "err", err)
				ns.partial = true
			}
			return true
		})
		if errors.Is(err, store.ErrDamaged) {
			ns.b.log.Error("documents damaged and set aside", "namespace", ns.name, "what", load.what, "err", err)
			ns.partial = true
		} else if err != nil {
			return fmt.Errorf("read %s: %w", load.what, err)
		}
	}
	return nil
}

func idOf(key []byte) (queue.ID, error) {
	if len(key) < 8 {
		return 0, fmt.Errorf("key of %d bytes", len(key))
	}
	return queue.ID(binary.BigEndian.Uint64(key)), nil
}

func (ns *namespace) loadSession(key, value []byte) error {
	id, err := idOf(key)
	if err != nil {
		return err
	}
	var doc sessionDoc
	if err := json.Unmarshal(value, &doc); err != nil {
		return err
	}
	x := ns.newMailbox(id, doc.ClientID, doc.Owner, uint64(id)&volatileIDs == 0)
	x.doc, x.stored = doc, true
	ns.sawEpoch(doc.Epoch)
	for _, slot := range doc.Retired {
		x.slot = max(x.slot, slot+1)
	}
	ns.saw(id)
	if !x.durable {
		ns.volatile.Store(max(ns.volatile.Load(), uint64(id)&^volatileIDs))
	}
	old := ns.sessions[x.clientID]
	if old != nil && old.durable && !x.durable { // numbers of the two kinds do not compare
		ns.left.Delete(ns.keys.session(id))
		return nil
	}
	if old != nil { // keys ascend: it is older, and was about to be removed
		delete(ns.byID, old.id)
		ns.perName[identity.Fold(old.owner)]--
		ns.left.Delete(ns.keys.session(old.id))
		ns.left.DeletePrefix(ns.keys.subscriptionsOf(old.id))
	}
	ns.adopt(x)
	return nil
}

func (ns *namespace) loadGroup(key, value []byte) error {
	var doc groupDoc
	if err := json.Unmarshal(value, &doc); err != nil {
		return err
	}
	name, filter, shared, err := topic.ParseShare("$share/" + string(key))
	if err != nil || !shared {
		return fmt.Errorf("shared group %q", key)
	}
	g := ns.newGroup(name+"/"+filter, filter)
	g.id, g.q, g.next = doc.Queue, session.NewQueue(1), 1
	g.durable.Store(true)
	ns.byQueue[g.id] = g
	ns.saw(g.id)
	return nil
}

func (ns *namespace) loadSubscription(key, value []byte) error {
	id, err := idOf(key)
	if err != nil {
		return err
	}
	x := ns.byID[id]
	if x == nil || len(key) != 12 { // of a session that is gone
		ns.left.Delete(slices.Concat(ns.keys.subscriptions(), key))
		return nil
	}
	var doc subscriptionDoc
	if err := json.Unmarshal(value, &doc); err != nil {
		return err
	}
	name, filter, shared, err := topic.ParseShare(doc.Filter)
	if err != nil {
		return err
	}
	sub := &subscription{
		x: x, filter: filter, full: doc.Filter, id: doc.ID, qos: doc.QoS,
		noLocal: doc.NoLocal, asPub: doc.RetainAsPublished, slot: binary.BigEndian.Uint32(key[8:]),
	}
	if shared {
		if sub.g = ns.shared[name+"/"+filter]; sub.g == nil {
			sub.g = ns.newGroup(name+"/"+filter, filter)
		}
		sub.g.announce(x, 0)
		sub.g.join(sub)
		x.spread++
	} else {
		ns.index.Add(filter, sub)
	}
	sub.newDelivery()
	if x.subs == nil {
		x.subs = make(map[string]*subscription)
		x.slots = make(map[uint32]*subscription)
	}
	x.subs[sub.full], x.slots[sub.slot] = sub, sub
	x.slot = max(x.slot, sub.slot+1)
	return nil
}

func (ns *namespace) loadRetainedDoc(key, value []byte) error {
	m, err := mqtt.ReadMessage(value)
	if err != nil {
		return err
	}
	e := &retained{topic: string(key), size: int64(len(m.Topic) + len(m.Payload) + len(m.Props)), expires: ns.limits.Load().retainedUntil(&m)}
	if ns.retained.cached+e.size <= retainedCache {
		e.msg.Store(m.Own())
		ns.retained.cached += e.size
		ns.retained.order = append(ns.retained.order, e)
	}
	ns.retained.names.Put(e.topic, e)
	ns.retained.bytes.Add(e.size)
	e.arm(ns)
	return nil
}

// resume starts what goes on after a restart: every client counts as gone
// since the last heartbeat; wills and expiries follow, paced.
func (ns *namespace) resume() error {
	now := nowMillis()
	alive := int64(0)
	d, err := ns.b.store.Get(ns.keys.beat())
	if err != nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrDamaged) {
		return fmt.Errorf("read the last heartbeat: %w", err)
	}
	clean := false
	if err == nil && len(d.Value) >= 8 {
		alive = int64(binary.BigEndian.Uint64(d.Value))
		clean = len(d.Value) > 8
	}
	if clean {
		ns.writeBeat(alive, false)
	}
	if now < alive { // the clock has gone back: epochs must not, and there were some after the last beat
		ns.sawEpoch(uint64(alive + 2*beatEvery.Milliseconds()))
	}
	ns.clearLeft()
	ns.mu.Lock()
	all := slices.Collect(maps.Values(ns.sessions))
	groups := slices.Collect(maps.Values(ns.shared))
	ns.mu.Unlock()
	wills := 0
	gone := store.Batch{Frees: true} // sessions that were connected are not any more
	for _, x := range all {
		if !clean {
			x.s.MayHaveSent()
		}
		was := x.doc.Online
		if was {
			x.crashed()
		}
		if ns.wake(x, now, alive, wills) {
			wills++
		}
		if was {
			gone.Put(ns.keys.session(x.id), encode(&x.doc))
		}
		if len(gone.Ops) >= wakeAtOnce {
			ns.saveGone(&gone)
		}
	}
	ns.saveGone(&gone)
	for _, g := range groups {
		g.mu.Lock()
		g.q.Each(func(seq uint64, _ *session.Item) { g.takeBack(seq) }) // whoever had it is gone
		g.mu.Unlock()
		g.announce(nil, 0)
		ns.abandon(g, nil) // ends it when it has no member
	}
	for _, x := range all {
		x.changes.Lock()
		ns.leaveToOthers(x)
		x.changes.Unlock()
	}
	return nil
}

// wakeAtOnce is how many sessions are written at a time.
const wakeAtOnce = 512

// saveGone makes it last that sessions have no connection, so that their expiry
// does not begin anew with each restart.
func (ns *namespace) saveGone(b *store.Batch) {
	if _, err := ns.submit(b); err != nil {
		ns.b.log.Warn("sessions not saved", "namespace", ns.name, "sessions", len(b.Ops), "err", err)
	}
	b.Ops = b.Ops[:0]
}

// wake arms what is due for a session after a restart, the n-th will among it,
// and says whether it had one.
func (ns *namespace) wake(x *mailbox, now, alive int64, n int) (will bool) {
	x.mu.Lock()
	if x.doc.Online { // Closed is when it came
		x.doc.Online, x.doc.Closed = false, min(now, max(alive, x.doc.Closed))
	}
	w, err := x.doc.will()
	ends := session.EndsAt(x.doc.Closed, x.doc.Expiry)
	if !x.durable {
		ends = x.doc.Closed
	}
	x.theWill = w
	epoch := x.doc.Epoch
	x.mu.Unlock()
	if err != nil {
		ns.b.log.Error("will not understood", "namespace", ns.name, "client", x.clientID, "err", err)
	}
	due := int64(0)
	if w != nil {
		due = max(w.DueAt(x.doc.Closed, ends), now) + pace(n)
		if ends != 0 {
			ends = max(ends, due) // or the wills of all that have ended would go out at once
		}
	}
	ns.sleep(x, epoch, due, ends)
	return w != nil
}

// clearLeft removes the documents that loading found to belong to nobody, unless
// their owners may only have been unreadable.
func (ns *namespace) clearLeft() {
	b := ns.left
	ns.left = store.Batch{}
	if len(b.Ops) == 0 || ns.partial {
		return
	}
	if _, _, err := ns.b.store.Submit(&b); err != nil {
		ns.b.log.Warn("documents of sessions that are gone not removed", "namespace", ns.name, "err", err)
	}
}

// saw notes a session number that is or was in use.
func (ns *namespace) saw(id queue.ID) {
	if id&volatileIDs == 0 {
		ns.seen = max(ns.seen, id)
	}
}

// recovery is a namespace while queue.Open restores it.
type recovery namespace

// Restore implements queue.Recovery.
func (r *recovery) Restore(id queue.ID, state []byte) (bool, error) {
	(*namespace)(r).saw(id)
	if x := r.byID[id]; x != nil {
		return true, x.s.RestoreState(state, x.recoveredDelivery)
	}
	if g := r.byQueue[id]; g != nil {
		return true, g.q.RestoreState(state, func([]uint32) *session.Delivery { return nil })
	}
	return false, nil
}

// Known implements queue.Recovery.
func (r *recovery) Known(id queue.ID) bool {
	(*namespace)(r).saw(id)
	return r.byID[id] != nil || r.byQueue[id] != nil
}

// Message implements queue.Recovery.
func (r *recovery) Message(id queue.ID, pos store.Position, flags uint8, slots []uint32) {
	if x := r.byID[id]; x != nil {
		x.s.Restore(x.recoveredDelivery(slots), uint64(pos), flags&targetQoS, flags&targetRetain != 0, 0)
	} else if g := r.byQueue[id]; g != nil {
		g.q.Push(session.Item{Pos: uint64(pos), QoS: flags & targetQoS, Retain: flags&targetRetain != 0})
	}
}

// Done implements queue.Recovery.
func (r *recovery) Done(id queue.ID, seq uint64) {
	if x := r.byID[id]; x != nil {
		x.s.Finished(seq)
	} else if g := r.byQueue[id]; g != nil {
		g.q.Finish(seq)
	}
}

// Received implements queue.Recovery.
func (r *recovery) Received(id queue.ID, seq uint64) {
	if x := r.byID[id]; x != nil {
		x.s.Received(seq)
	}
}

// Claim implements queue.Recovery.
func (r *recovery) Claim(id queue.ID, packetID uint16) {
	if x := r.byID[id]; x != nil {
		x.s.Claim(packetID, 0)
	}
}

// Release implements queue.Recovery.
func (r *recovery) Release(id queue.ID, packetID uint16) {
	if x := r.byID[id]; x != nil {
		x.s.Unclaim(packetID)
	}
}

// Moved implements queue.Recovery.
func (r *recovery) Moved(id queue.ID, from, to store.Position) bool {
	return (*namespace)(r).Moved(id, from, to)
}

// Positions implements queue.Recovery.
func (r *recovery) Positions(id queue.ID, visit func(store.Position)) {
	if x := r.byID[id]; x != nil {
		x.s.Positions(func(pos uint64) { visit(store.Position(pos)) })
	} else if g := r.byQueue[id]; g != nil {
		g.q.Each(func(_ uint64, it *session.Item) {
			if it.Pos != 0 {
				visit(store.Position(it.Pos))
			}
		})
	}
}

// All implements queue.Recovery.
func (r *recovery) All(visit func(queue.ID)) {
	for id, x := range r.byID {
		if x.durable {
			visit(id)
		}
	}
	for id := range r.byQueue {
		visit(id)
	}
}
