package commit

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"gridmq/store"
)

// Submit is store.Store.Submit.
func (c *Committer) Submit(b *store.Batch) (store.Position, store.Ticket, error) {
	if len(b.Fences) > 0 {
		return 0, 0, errFences
	}
	n, frees := size(b), b.MakesRoom()
	c.mu.Lock()
	if err := c.refuse(n, frees); err != nil {
		c.mu.Unlock()
		return 0, 0, err
	}
	if n == 0 {
		defer c.mu.Unlock()
		return 0, c.newest(), nil
	}
	var log *Log
	if len(b.Entries) > 0 {
		log = c.logLocked(b.Log)
	}
	g := c.begin()
	first := g.add(log, b)
	g.Bytes += n
	c.budget -= n
	t := g.Ticket
	c.unlockAndWake()
	return first, t, nil
}

// refuse says why n bytes cannot be accepted. c.mu is held.
func (c *Committer) refuse(n int64, frees bool) error {
	if c.err != nil {
		return c.err
	}
	if n > c.budget && !(frees && c.fitsSlack(n)) {
		c.stats.Full = true
		c.lookAgain()
		return store.ErrFull
	}
	if c.building.Bytes+n > c.options.Pending {
		return fmt.Errorf("%w: the disk is %d bytes behind", store.ErrFull, c.building.Bytes)
	}
	return nil
}

// slackShare is what one batch may take of the slack that is left: the inverse.
// So large batches are refused first and cannot crowd out the small ones, which
// say that something was delivered.
const slackShare = 4

// fitsSlack says whether n bytes may be taken from the slack. What is left of it
// follows from the free space: nobody can use it up for good, but by storing
// what stays. c.mu is held.
func (c *Committer) fitsSlack(n int64) bool { return n <= (c.budget+c.slack)/slackShare }

// lookAgain makes an idle committer ask for space: it may be sleeping without a
// timer when a large batch meets a small budget. c.mu is held.
func (c *Committer) lookAgain() {
	if c.idle {
		select {
		case c.wake <- struct{}{}:
		default:
		}
	}
}

// begin is the group being built; its clock starts with the first use.
func (c *Committer) begin() *Group {
	if c.building.started.IsZero() {
		c.building.started = time.Now()
	}
	return c.building
}

// newest is the last group that holds anything. c.mu is held.
func (c *Committer) newest() store.Ticket {
	if c.building.empty() {
		return c.building.Ticket - 1
	}
	return c.building.Ticket
}

// logLocked returns a log, new if need be. c.mu is held.
func (c *Committer) logLocked(id store.LogID) *Log {
	if c.last != nil && c.last.ID == id {
		return c.last
	}
	log := c.find(id)
	if log == nil {
		log = &Log{ID: id}
		c.logsMu.Lock()
		c.logs[id] = log
		c.logsMu.Unlock()
	}
	c.last = log
	return log
}

func (c *Committer) find(id store.LogID) *Log {
	c.logsMu.RLock()
	defer c.logsMu.RUnlock()
	return c.logs[id]
}

// Log returns a log, or nil when it has never been written.
func (c *Committer) Log(id store.LogID) *Log { return c.find(id) }

// Each visits the logs there are.
func (c *Committer) Each(visit func(*Log)) {
	c.logsMu.RLock()
	list := slices.Collect(maps.Values(c.logs))
	c.logsMu.RUnlock()
	for _, log := range list {
		visit(log)
	}
}

// Count is the number of logs.
func (c *Committer) Count() int {
	c.logsMu.RLock()
	defer c.logsMu.RUnlock()
	return len(c.logs)
}

// Notify is store.Store.Notify.
func (c *Committer) Notify(t store.Ticket, w store.Waiter) {
	if t <= c.Durable() {
		w.Committed(t, nil)
		return
	}
	c.mu.Lock()
	switch {
	case t <= c.Durable():
		c.mu.Unlock()
		w.Committed(t, nil)
	case c.over:
		err := c.err
		c.mu.Unlock()
		w.Committed(t, err)
	case c.writing != nil && c.writing.Ticket == t:
		c.writing.waiters = append(c.writing.waiters, w)
		c.mu.Unlock()
	default:
		c.building.waiters = append(c.building.waiters, w)
		c.mu.Unlock()
	}
}

// Durable is store.Store.Durable.
func (c *Committer) Durable() store.Ticket { return store.Ticket(c.durable.Load()) }

// Sync is store.Store.Sync.
func (c *Committer) Sync(ctx context.Context) error {
	c.mu.Lock()
	t := c.newest()
	c.mu.Unlock()
	return c.wait(ctx, t)
}

type waiter chan error

func (w waiter) Committed(_ store.Ticket, err error) { w <- err }

func (c *Committer) wait(ctx context.Context, t store.Ticket) error {
	w := make(waiter, 1)
	c.Notify(t, w)
	select {
	case err := <-w:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
