package tenants

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"gridmq/delivery"
	"gridmq/event"
	"gridmq/route/lifecycle"
)

// A notice is something to be told.
type notice struct {
	n       *tenant
	kind    lifecycle.Kind
	session lifecycle.Session
	reason  lifecycle.Reason
	change  *lifecycle.Change // of a client resource: kind and session mean nothing
	at      time.Time         // when it was noticed
}

// mostNotices bounds what waits for the herald: tens of megabytes. More is dropped,
// counted and logged; nobody waits.
const mostNotices = 200_000

// keepNotices is how much room is kept for those that wait.
const keepNotices = 4096

// farewell is how long close waits for the herald.
const farewell = 10 * time.Second

// A herald appends life-cycle events to topics: one goroutine for the process, which
// begins with the first notice and ends with close. It never waits for the disk.
// Notices are told in the order of add, so that those of a session keep theirs.
type herald struct {
	t     *Tenants
	stats LifecycleStats
	wake  chan struct{} // holds one
	done  chan struct{} // closed when the goroutine has ended

	mu      sync.Mutex // guards what follows
	waiting []notice
	running bool
	closed  bool

	changes lifecycle.Coalescer // the goroutine's
	warned  atomic.Int64        // when it was last logged that events are lost, in Unix seconds
}

// LifecycleStats count life-cycle events of all namespaces, since the start.
type LifecycleStats struct {
	Told    [4]atomic.Uint64 // by lifecycle.Kind
	Dropped atomic.Uint64    // more than mostNotices waited
	NoTopic atomic.Uint64    // the topic is being removed
	Refused atomic.Uint64    // the topic or the disk is full
}

// Lifecycle counts what became of life-cycle events.
func (t *Tenants) Lifecycle() *LifecycleStats { return &t.herald.stats }

func (h *herald) open(t *Tenants) {
	h.t, h.wake, h.done = t, make(chan struct{}, 1), make(chan struct{})
}

// add hands over a notice. It never blocks.
func (h *herald) add(o notice) {
	h.mu.Lock()
	full := h.closed || len(h.waiting) >= mostNotices
	if !full {
		h.waiting = append(h.waiting, o)
		if !h.running {
			h.running = true
			go h.run()
		}
	}
	h.mu.Unlock()
	if full {
		h.stats.Dropped.Add(1)
		h.warn("life-cycle events were dropped: more came than could be written", o.n, "")
		return
	}
	h.rouse()
}

func (h *herald) rouse() {
	select {
	case h.wake <- struct{}{}:
	default: // it is awake
	}
}

// close has everything told that waits, and ends the goroutine.
func (h *herald) close() {
	h.mu.Lock()
	running := h.running
	h.closed = true
	h.mu.Unlock()
	if !running {
		return
	}
	h.rouse()
	select {
	case <-h.done:
	case <-time.After(farewell):
		h.t.log.Error("life-cycle events were not all written", "waited", farewell.String())
	}
}

func (h *herald) run() {
	defer close(h.done)
	timer := time.NewTimer(0)
	defer timer.Stop()
	var batch []notice
	for closed := false; !closed; {
		select {
		case <-h.wake:
		case <-timer.C:
		}
		h.mu.Lock()
		batch, h.waiting, closed = h.waiting, batch[:0], h.closed
		h.mu.Unlock()
		for i := range batch {
			h.handle(&batch[i])
		}
		clear(batch)
		if cap(batch) > keepNotices {
			batch = nil
		}
		h.tellChanges(closed)
		if at, any := h.changes.Next(); any {
			timer.Reset(time.Until(at))
		}
	}
}

// handle tells of a session at once; changes of a client wait for others.
func (h *herald) handle(o *notice) {
	if o.change == nil {
		h.tell(o)
		return
	}
	if early, full := h.changes.Note(o.at, *o.change); full {
		h.tellChange(early)
	}
}

// tellChanges tells of the changes whose window has ended, or of all.
func (h *herald) tellChanges(all bool) {
	for next := h.due; ; {
		if all {
			next = h.changes.Flush
		}
		change, any := next()
		if !any {
			return
		}
		h.tellChange(change)
	}
}

func (h *herald) due() (lifecycle.Change, bool) { return h.changes.Due(time.Now()) }

func (h *herald) tellChange(c lifecycle.Change) {
	name, _, _ := strings.Cut(c.Key, "/")
	n := h.t.tenant(name)
	if n == nil {
		return // it is gone, with its topics
	}
	o := notice{n: n, kind: lifecycle.ClientCreatedOrUpdated, change: &c, at: c.Noticed}
	if c.Deleted {
		o.kind = lifecycle.ClientDeleted
	}
	h.tell(&o)
}

// tell appends the event of a notice to the topic that its namespace names now. Anybody
// may call it.
func (h *herald) tell(o *notice) {
	l := o.n.eventsOf(o.kind)
	if l == nil || h.t.o.Events == nil {
		return
	}
	from := lifecycle.Namespace{Name: o.n.spelled(), ResourceID: o.n.id()}
	s := h.t.o.Events.Stream(from.Name, l.Topic)
	if s == nil {
		h.stats.NoTopic.Add(1)
		return
	}
	e := o.event(from)
	c := e.CloudEvent()
	if l.EventGrid {
		c.Data = e.AppendEventGrid(nil)
	}
	switch _, err := s.Post([]event.Event{c}); {
	case errors.Is(err, delivery.ErrGone):
		h.stats.NoTopic.Add(1)
	case err != nil:
		h.stats.Refused.Add(1)
		h.warn("life-cycle events were not kept. Receive what waits in the event subscriptions of their topic, or raise events.topic_bytes", o.n, l.Topic, "err", err)
	default:
		h.stats.Told[o.kind].Add(1)
	}
}

func (o *notice) event(from lifecycle.Namespace) lifecycle.Event {
	n := lifecycle.Notice{ID: delivery.NewGUID(), Time: o.at}
	switch o.kind {
	case lifecycle.SessionConnected:
		return lifecycle.Connected(from, n, o.session)
	case lifecycle.SessionDisconnected:
		return lifecycle.Disconnected(from, n, o.session, o.reason)
	case lifecycle.ClientDeleted:
		return lifecycle.Deleted(from, n, o.change.Client)
	}
	return lifecycle.CreatedOrUpdated(from, n, o.change.Client)
}

// warn logs that events are lost, once a minute.
func (h *herald) warn(text string, n *tenant, topic string, more ...any) {
	now, last := time.Now().Unix(), h.warned.Load()
	if now-last >= 60 && h.warned.CompareAndSwap(last, now) {
		h.t.log.Warn(text, append([]any{"namespace", n.name, "topic", topic}, more...)...)
	}
}
