package broker

import (
	"errors"
	"fmt"
	"time"

	"gridmq/mqtt"
	"gridmq/session"
	"gridmq/store"
	"gridmq/store/queue"
)

// A namespace owns the queues of its sessions and groups: queue.Owner.

func (ns *namespace) find(id queue.ID) (*mailbox, *group) {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	return ns.byID[id], ns.byQueue[id]
}

// AppendState implements queue.Owner.
func (ns *namespace) AppendState(b []byte, id queue.ID) ([]byte, bool) {
	x, g := ns.find(id)
	switch {
	case x != nil:
		x.mu.Lock()
		defer x.mu.Unlock()
		if x.ended {
			return b, false
		}
		return x.s.AppendState(b), true
	case g != nil:
		g.mu.Lock()
		defer g.mu.Unlock()
		return g.q.AppendState(b), !g.ended
	}
	return b, false
}

// Holds implements queue.Owner.
func (ns *namespace) Holds(id queue.ID, pos store.Position) bool {
	x, g := ns.find(id)
	switch {
	case x != nil:
		x.mu.Lock()
		defer x.mu.Unlock()
		return x.s.Holds(uint64(pos))
	case g != nil:
		g.mu.Lock()
		defer g.mu.Unlock()
		_, ok := g.q.Find(uint64(pos))
		return ok
	}
	return false
}

// Moved implements queue.Owner.
func (ns *namespace) Moved(id queue.ID, from, to store.Position) bool {
	x, g := ns.find(id)
	switch {
	case x != nil:
		x.mu.Lock()
		defer x.mu.Unlock()
		return x.s.Move(uint64(from), uint64(to))
	case g != nil:
		g.mu.Lock()
		defer g.mu.Unlock()
		seq, ok := g.q.Find(uint64(from))
		if ok {
			g.q.At(seq).Pos = uint64(to)
		}
		return ok
	}
	return false
}

// Dropped implements queue.Owner.
func (ns *namespace) Dropped(id queue.ID, pos store.Position, why error) {
	x, g := ns.find(id)
	switch {
	case x != nil:
		x.mu.Lock()
		defer x.mu.Unlock()
		x.s.Withdraw(uint64(pos))
	case g != nil:
		g.mu.Lock()
		defer g.mu.Unlock()
		if seq, ok := g.q.Find(uint64(pos)); ok {
			g.finish(seq)
		}
		ns.traffic.drop(session.Withdrawn)
	}
	if !errors.Is(why, queue.ErrQuota) {
		ns.b.log.Warn("message removed from the store", "namespace", ns.name, "queue", uint64(id), "err", why)
	}
}

// errNotYet says that a message is not durable yet and so cannot be read.
var errNotYet = errors.New("not durable yet")

// lost says whether a message that could not be read never will be.
func lost(err error) bool {
	return errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrDamaged)
}

// loadMessage reads a message of the log.
func (ns *namespace) loadMessage(pos store.Position) (*mqtt.Message, error) {
	behind := ns.lastTicket() > ns.b.store.Durable() // asked first: it may catch up while we look
	b, err := ns.queues.Load(pos)
	if errors.Is(err, store.ErrNotFound) && behind {
		return nil, errNotYet
	}
	if err != nil {
		return nil, err
	}
	m, err := mqtt.ReadMessage(b)
	if err != nil {
		return nil, fmt.Errorf("%w: record at %d: %w", store.ErrDamaged, pos, err)
	}
	return &m, nil
}

func nowMillis() int64 { return time.Now().UnixMilli() }
