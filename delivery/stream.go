package delivery

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"gridmq/event"
	"gridmq/store"
)

// A Stream is a topic: a log of events that its queues read.
type Stream struct {
	plane      *Plane
	namespace  string // folded
	name       string // in its first spelling
	number     uint16
	generation [8]byte // of event ids
	log        store.LogID
	told       atomic.Bool // control has said that it exists, since the start
	retention  atomic.Int64

	subscribers atomic.Int32 // subscriptions, those included that were not told again
	interest    atomic.Int32 // receivers that wait and queues that are parked
	newest      atomic.Uint64
	last        atomic.Uint64 // position of the newest event, durable or not
	notified    atomic.Uint64 // the ticket of the newest Notify

	published, discarded, refused atomic.Uint64
	damage                        sync.Once // to log the first

	mu      sync.Mutex // the order of the log
	batch   store.Batch
	scratch []byte
	ends    []int
	marks   marks
	closed  bool

	journal journal

	deadline  deadline // of tick
	pending   atomic.Bool
	truncated store.Position // of the log; of the plane's goroutine, and Close after it
	snapshots int            // bytes of the last checkpoint; as truncated

	lists   sync.RWMutex
	queues  map[string]*Queue // by folded name; guarded by lists
	parts   atomic.Pointer[[]*Queue]
	numbers atomic.Uint64  // the newest number of a subscription
	began   store.Position // of the journal: what is before is another topic's
}

// keepBytes bounds the memory that a stream keeps for writing.
const keepBytes = 256 << 10

// Name is the topic's name in its first spelling.
func (s *Stream) Name() string { return s.name }

// Append stores a record that the Renderer will make an event of. It never waits and
// copies record; the event is accepted when the ticket is durable. Ticket 0: nobody
// subscribes, nothing is kept. Errors: ErrBacklog, ErrGone, those of store.Submit;
// then nothing was stored.
func (s *Stream) Append(record []byte) (store.Ticket, error) {
	if s.subscribers.Load() == 0 {
		s.discarded.Add(1)
		return 0, nil
	}
	at := millis(time.Now())
	s.mu.Lock()
	s.scratch = append(appendRecordHeader(s.scratch[:0], routed, at), record...)
	s.batch.Entries = append(s.batch.Entries[:0], s.scratch)
	t, err := s.submit()
	s.mu.Unlock()
	return s.tell(1, t, err)
}

// Publish stores events, which must be valid: all of them, durable when it returns, or
// none. After an error of ctx they may have been stored. Errors: as of Append.
func (s *Stream) Publish(ctx context.Context, events []event.Event) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	t, err := s.Post(events)
	if err != nil {
		return err
	}
	return s.plane.durable(ctx, t)
}

// Post is Publish that never waits: the events are accepted when the ticket is durable,
// which is 0 when nobody subscribes and nothing was kept. They come in the order of the
// calls. Errors: as of Append.
func (s *Stream) Post(events []event.Event) (store.Ticket, error) {
	if s.subscribers.Load() == 0 {
		s.discarded.Add(uint64(len(events)))
		return 0, nil
	}
	at := millis(time.Now())
	s.mu.Lock()
	b := s.scratch[:0]
	s.ends = s.ends[:0]
	for i := range events {
		b = events[i].AppendJSON(appendRecordHeader(b, published, at))
		s.ends = append(s.ends, len(b))
	}
	s.scratch = b
	s.batch.Entries = appendParts(s.batch.Entries[:0], b, s.ends)
	t, err := s.submit()
	s.mu.Unlock()
	return s.tell(len(events), t, err)
}

// appendParts appends the parts of b that end at ends.
func appendParts(parts [][]byte, b []byte, ends []int) [][]byte {
	from := 0
	for _, end := range ends {
		parts = append(parts, b[from:end:end])
		from = end
	}
	return parts
}

// submit appends s.batch. s.mu is held.
func (s *Stream) submit() (store.Ticket, error) {
	n := len(s.batch.Entries)
	if s.closed {
		return 0, ErrGone
	}
	if n == 0 {
		return 0, nil
	}
	if !s.hasRoom(len(s.scratch)) {
		return 0, ErrBacklog
	}
	first, t, err := s.plane.store.Submit(&s.batch)
	if err != nil {
		return 0, fmt.Errorf("append to topic %q: %w", s.name, err)
	}
	last := first + store.Position(n) - 1
	s.marks.add(last, int64(len(s.scratch)))
	if s.marks.unsaved() {
		s.plane.deadlines.advance(&s.deadline, millis(time.Now()))
	}
	s.newest.Store(uint64(t))
	s.last.Store(uint64(last))
	clear(s.batch.Entries)
	if cap(s.scratch) > keepBytes {
		s.scratch = nil
	}
	return t, nil
}

// HasRoom says whether a record of so many bytes could be appended now. What is refused
// for want of room is counted as by Append.
func (s *Stream) HasRoom(size int) bool {
	if s.subscribers.Load() == 0 {
		return true // nothing is kept
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hasRoom(recordHeader + size) {
		return true
	}
	s.refused.Add(1)
	return false
}

// hasRoom looks for events that may go, if there is none. s.mu is held.
func (s *Stream) hasRoom(size int) bool {
	if s.marks.held()+int64(size) <= s.plane.options.Limits.TopicBytes {
		return true
	}
	s.plane.deadlines.advance(&s.deadline, millis(time.Now()))
	return false
}

// tell has those told who wait for events, when what was appended can be read.
func (s *Stream) tell(n int, t store.Ticket, err error) (store.Ticket, error) {
	if err != nil {
		s.refused.Add(uint64(n))
		return 0, err
	}
	s.published.Add(uint64(n))
	if s.interest.Load() > 0 && s.notified.Swap(uint64(t)) != uint64(t) {
		s.plane.store.Notify(t, s)
	}
	return t, nil
}

// tellOf has those told who wait for events from pos on, if any were appended. Whoever
// calls it has raised s.interest before: an event is seen here or in tell.
func (s *Stream) tellOf(pos store.Position) {
	if s.last.Load() >= uint64(pos) {
		s.plane.store.Notify(store.Ticket(s.newest.Load()), s)
	}
}

// Committed is store.Waiter: something new can be read. It neither blocks nor calls
// the store. After a failure of the store receivers learn of it when they look.
func (s *Stream) Committed(store.Ticket, error) {
	now := int64(0)
	for _, q := range *s.parts.Load() {
		if q.wanted() {
			q.poke()
		}
		if q.parked.CompareAndSwap(true, false) {
			if now == 0 {
				now = millis(time.Now())
			}
			s.interest.Add(-1)
			at := now + q.lifetime.Load()
			q.cursorDue.Store(at)
			s.plane.deadlines.advance(&q.deadline, at)
		}
	}
}

// Queue returns a subscription; nil if there is none or it has expired. Names ignore
// case.
func (s *Stream) Queue(subscription string) *Queue {
	s.lists.RLock()
	q := s.queues[fold(subscription)]
	s.lists.RUnlock()
	if q == nil || !q.told.Load() || q.expired(time.Now()) {
		return nil
	}
	return q
}

// Queues are the subscriptions of the topic, without order.
func (s *Stream) Queues() (list []*Queue) {
	for _, q := range *s.parts.Load() {
		if q.told.Load() {
			list = append(list, q)
		}
	}
	return list
}

// enlist changes the queues of s.
func (s *Stream) enlist(change func(map[string]*Queue)) {
	s.lists.Lock()
	defer s.lists.Unlock()
	change(s.queues)
	list := slices.Collect(maps.Values(s.queues))
	s.parts.Store(&list)
	s.subscribers.Store(int32(len(list)))
}

// damaged counts an event of q that cannot be read; the first of a topic is logged.
func (s *Stream) damaged(q *Queue, pos store.Position, err error) {
	q.counters.damaged.Add(1)
	s.damage.Do(func() {
		s.plane.log.Error("event passed over, it cannot be read; more of this topic are only counted",
			"namespace", s.namespace, "topic", s.name, "position", pos, "err", err)
	})
}
