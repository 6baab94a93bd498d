package commit

import (
	"context"

	"gridmq/store"
)

// Front is what a Committer does of a store.Store. An engine embeds it, and so
// shows nothing else of its Committer.
type Front interface {
	Submit(b *store.Batch) (first store.Position, t store.Ticket, err error)
	Commit(ctx context.Context, b *store.Batch) (first store.Position, err error)
	Notify(t store.Ticket, w store.Waiter)
	Durable() store.Ticket
	Sync(ctx context.Context) error
	Bounds(log store.LogID) (first, last store.Position)
	Truncate(log store.LogID, from, to store.Position) error
	DropNamespace(namespace string) error
	Watch(ctx context.Context, prefix []byte, visit func(store.Document))
	Full() bool
	Failed() <-chan struct{}
}

// Truncate is store.Store.Truncate. It is accepted when the disk is full.
func (c *Committer) Truncate(id store.LogID, from, to store.Position) error {
	c.mu.Lock()
	if c.err != nil {
		defer c.mu.Unlock()
		return c.err
	}
	c.truncate(c.find(id), Span{max(from, 1), to})
	c.unlockAndWake()
	return nil
}

// DropNamespace is store.Store.DropNamespace. Positions of a log that comes back
// under the same name go on where they were, so that an old one names nothing new.
func (c *Committer) DropNamespace(namespace string) error {
	c.mu.Lock()
	if c.err != nil {
		defer c.mu.Unlock()
		return c.err
	}
	c.logsMu.RLock()
	for id, log := range c.logs {
		if id.Namespace == namespace {
			c.truncate(log, Span{1, log.last + 1})
		}
	}
	c.logsMu.RUnlock()
	c.unlockAndWake()
	return nil
}

// truncate queues the freeing of s. c.mu is held.
func (c *Committer) truncate(log *Log, s Span) {
	if log == nil {
		return
	}
	s.To = min(s.To, log.last+1)
	if s.From >= s.To {
		return
	}
	g := c.begin()
	if n := len(g.truncate); n > 0 && g.truncate[n-1].log == log && g.truncate[n-1].span.To == s.From {
		g.truncate[n-1].span.To = s.To
		return
	}
	g.truncate = append(g.truncate, truncation{log, s})
}

// Bounds is store.Store.Bounds.
func (c *Committer) Bounds(id store.LogID) (first, last store.Position) {
	log := c.find(id)
	if log == nil {
		return 1, 0
	}
	c.mu.Lock()
	last = log.last
	c.mu.Unlock()
	return log.first(), last
}

// Move queues the setting aside of a damaged record.
func (c *Committer) Move(m Move) {
	c.mu.Lock()
	if !c.over {
		g := c.begin()
		g.Moves = append(g.Moves, m)
	}
	c.unlockAndWake()
}

// Watch is store.Store.Watch. It returns at once.
func (c *Committer) Watch(ctx context.Context, prefix []byte, visit func(store.Document)) {
	c.watch.add(ctx, prefix, visit)
}

// Full is store.Store.Full.
func (c *Committer) Full() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stats.Full
}

// Stats are the counts that the committer keeps.
func (c *Committer) Stats() store.Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stats
}
