// Package commit is what engines of the store have in common: batches gather in
// a group, positions are given at once, one goroutine writes group after group
// and tells who waits. An engine brings the writing of one group, and reading.
//
// There are two groups: one gathers while the other is written. The committer
// takes the gathering one as soon as it has written the last.
//
// Goroutines: one, started by Start and ended by Close or by a failure.
// Locks: Committer.mu is held for the copying of one batch and never during
// I/O. Log.mu and watchers.mu are taken alone or inside it.
// Errors: those of package store.
// Source: design.md sections 3 and 4.
package commit

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"gridmq/store"
)

// An Engine writes groups. Only the committer's goroutine calls it.
type Engine interface {
	// Write makes g durable, all of it or nothing, and calls g.Publish in the
	// moment in which its documents become visible. An error ends the store.
	Write(g *Group) error
	// Revision is that of a document; 0 when there is none.
	Revision(key []byte) (uint64, error)
	// Keys visits the keys of all documents under prefix.
	Keys(prefix []byte, visit func(key []byte)) error
	// Space is how many bytes may be submitted from now on. Below zero nothing
	// is accepted but what makes room, down to -slack.
	Space() (n, slack int64)
}

// Options tunes a Committer. The zero value works.
type Options struct {
	// Pending bounds the bytes that wait for the disk; more is refused with
	// store.ErrFull. Default 256 MiB.
	Pending int64
	// Recheck is how often Space is asked while there is work, or while there
	// is none. Default 100 ms.
	Recheck time.Duration
	// Revision is the newest revision of the table.
	Revision uint64
	// Logs are the logs that exist.
	Logs []Found
}

// Found is a log as it was found on start.
type Found struct {
	ID    store.LogID
	Last  store.Position
	Holes []Span // sorted, apart from each other
}

var errFences = errors.New("store: a batch with fences needs Commit")

// A Committer gathers batches and has them written.
type Committer struct {
	engine  Engine
	options Options
	durable atomic.Uint64
	watch   watchers
	wake    chan struct{} // capacity 1
	done    chan struct{} // closed when the committer has ended
	failed  chan struct{} // closed when the engine has failed
	checked time.Time     // Space was asked; the committer's own

	mu       sync.Mutex
	building *Group
	writing  *Group // nil when the committer is idle
	spare    *Group
	fenced   []*fenced
	last     *Log // of the last batch, the most likely one of the next
	revision uint64
	budget   int64 // bytes that may be submitted before Space is asked again
	granted  int64 // what Space gave last
	slack    int64 // how far below zero the budget may go for what makes room
	idle     bool
	closing  bool  // Close was called
	over     bool  // the committer has ended, or is telling everybody why
	err      error // why nothing is accepted any more
	cause    error // the engine's failure
	stats    store.Stats

	logsMu sync.RWMutex
	logs   map[store.LogID]*Log
}

// Start starts the committer of an engine.
func Start(e Engine, o Options) *Committer {
	o.Pending = min(cmp.Or(o.Pending, 256<<20), math.MaxUint32/2)
	o.Recheck = cmp.Or(o.Recheck, 100*time.Millisecond)
	c := &Committer{
		engine: e, options: o, revision: o.Revision,
		wake: make(chan struct{}, 1), done: make(chan struct{}), failed: make(chan struct{}),
		building: &Group{Ticket: 1}, spare: &Group{},
		logs: make(map[store.LogID]*Log, len(o.Logs)),
	}
	for _, f := range o.Logs {
		l := &Log{ID: f.ID, last: f.Last, holes: f.Holes}
		l.durable.Store(uint64(f.Last))
		c.logs[f.ID] = l
	}
	c.space()
	go c.run()
	return c
}

// run writes groups until Close or a failure.
func (c *Committer) run() {
	defer close(c.done)
	for {
		g, err := c.take()
		if g == nil && err == nil {
			return
		}
		var changed []store.Document
		watching := c.watch.list()
		if err == nil {
			changed, err = c.changes(g, watching)
		}
		if err == nil {
			err = c.engine.Write(g)
		}
		if err != nil {
			c.Fail(err)
			return
		}
		if c.isOver() { // Fail came from elsewhere and has told everybody
			return
		}
		for _, d := range changed {
			for _, w := range watching {
				w.tell(d)
			}
		}
		c.finish(g)
	}
}

// take waits for work and returns the next group; nil when closed.
func (c *Committer) take() (*Group, error) {
	for {
		c.space()
		c.mu.Lock()
		if c.over {
			c.mu.Unlock()
			return nil, nil
		}
		waiting := c.fenced[:len(c.fenced):len(c.fenced)]
		if c.building.empty() && len(waiting) == 0 {
			if c.closing {
				c.mu.Unlock()
				c.end(nil)
				return nil, nil
			}
			c.idle = true
			full := c.budget <= 0
			c.mu.Unlock()
			c.sleep(full)
			continue
		}
		c.mu.Unlock()

		var known map[string]uint64
		if len(waiting) > 0 {
			var err error
			if known, err = c.revisions(waiting); err != nil {
				return nil, err
			}
		}

		c.mu.Lock()
		if c.over {
			c.mu.Unlock()
			return nil, nil
		}
		g := c.begin()
		refused := c.decide(g, waiting, known)
		c.fenced = c.fenced[len(waiting):]
		if len(c.fenced) == 0 {
			c.fenced = nil
		}
		some := !g.empty()
		if some {
			c.seal(g)
		}
		c.mu.Unlock()
		for _, f := range refused {
			f.done <- store.ErrConflict
		}
		if some {
			c.plan(g)
			return g, nil
		}
	}
}

// seal makes g the group that is written. c.mu is held.
func (c *Committer) seal(g *Group) {
	for _, p := range g.Parts {
		p.Log.part = nil
	}
	g.Base = c.revision
	c.revision += uint64(len(g.Ops))
	next := c.spare
	next.reset(g.Ticket + 1)
	c.writing, c.building, c.spare = g, next, nil
}

// plan turns the truncations of g into cuts.
func (c *Committer) plan(g *Group) {
	for _, t := range g.truncate {
		g.Cuts = append(g.Cuts, t.log.cut(t.span))
	}
}

// sleep waits for a Submit, or looks at the space again when there was none.
func (c *Committer) sleep(full bool) {
	if !full {
		<-c.wake
		return
	}
	timer := time.NewTimer(c.options.Recheck)
	defer timer.Stop()
	select {
	case <-c.wake:
	case <-timer.C:
	}
}

// space asks the engine for space when it is time, or when half of what it had
// given is used.
func (c *Committer) space() {
	c.mu.Lock()
	used := c.granted - c.budget
	due := time.Since(c.checked) >= c.options.Recheck || used > 0 && 2*used > c.granted
	c.mu.Unlock()
	if !due {
		return
	}
	n, slack := c.engine.Space()
	c.checked = time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	n -= c.building.Bytes
	for _, f := range c.fenced {
		n -= f.bytes
	}
	c.granted, c.budget, c.slack = n, n, slack
	c.stats.Full = n <= 0
}

// finish tells everybody that g is durable.
func (c *Committer) finish(g *Group) {
	c.mu.Lock()
	c.durable.Store(uint64(g.Ticket))
	waiters := g.waiters // Notify adds none any more
	c.writing = nil
	c.stats.Groups++
	c.stats.Entries += uint64(g.Entries)
	c.stats.Bytes += uint64(g.Bytes)
	c.waited(time.Since(g.started))
	c.mu.Unlock()
	for _, w := range waiters {
		w.Committed(g.Ticket, nil)
	}
	c.mu.Lock()
	c.spare = g
	c.mu.Unlock()
}

// waited counts what a group has waited, once for all that share it. c.mu is held.
func (c *Committer) waited(d time.Duration) {
	c.stats.CommitWait = d
	c.stats.WaitSum += d
	i := 0
	for i < len(store.WaitBounds) && d > store.WaitBounds[i] {
		i++
	}
	c.stats.Waits[i]++
}

// Fail ends the store because of cause: an engine calls it when it learns of a
// failure outside of Write. Only the first call counts.
func (c *Committer) Fail(cause error) { c.end(cause) }

// end tells everybody who still waits that nothing more will come. cause is the
// engine's failure, nil after Close.
func (c *Committer) end(cause error) {
	c.mu.Lock()
	if c.over {
		c.mu.Unlock()
		return
	}
	c.over, c.cause, c.err = true, cause, store.ErrClosed
	if cause != nil {
		c.err = fmt.Errorf("%w: %w", store.ErrClosed, cause)
	}
	err := c.err
	groups := []*Group{c.writing, c.building} // Notify adds none any more
	fenced := c.fenced
	c.fenced = nil
	c.unlockAndWake()
	for _, g := range groups {
		if g == nil {
			continue
		}
		for _, w := range g.waiters {
			w.Committed(g.Ticket, err)
		}
	}
	for _, f := range fenced {
		f.done <- err
	}
	if cause != nil {
		close(c.failed)
	}
}

// Close has everything written that was accepted, and ends the committer. It
// returns what made the engine fail, if it has; the committer may then hang in
// the engine for ever and is not waited for.
func (c *Committer) Close() error {
	c.mu.Lock()
	c.closing = true
	if c.err == nil {
		c.err = store.ErrClosed
	}
	c.unlockAndWake()
	select {
	case <-c.done:
	case <-c.failed:
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cause
}

// Failed is closed when the engine has failed: nothing can be stored any more.
func (c *Committer) Failed() <-chan struct{} { return c.failed }

func (c *Committer) isOver() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.over
}

// unlockAndWake releases c.mu and wakes the committer if it sleeps.
func (c *Committer) unlockAndWake() {
	wake := c.idle
	c.idle = false
	c.mu.Unlock()
	if wake {
		select {
		case c.wake <- struct{}{}:
		default:
		}
	}
}
