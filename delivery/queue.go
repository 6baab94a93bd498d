package delivery

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"gridmq/delivery/internal/copies"
	"gridmq/store"
)

// A Queue is an event subscription: what of a topic it is not done with.
type Queue struct {
	stream   *Stream
	number   uint64 // in the journal
	created  uint64
	tokens   *tokens
	told     atomic.Bool
	lifetime atomic.Int64 // of an event, ms
	expires  atomic.Int64 // ms; 0: never
	counters counters

	// walk is held (a value is in it) by whoever reads the topic's log for q or
	// changes its filter. Only the holder moves the cursor, and locks.
	walk chan struct{}

	pusher    atomic.Pointer[pusherOf] // of a push subscription
	waiting   atomic.Int32             // receivers
	wake      chan struct{}            // capacity 1: something may be there for one of them
	parked    atomic.Bool              // the cursor is at the end of the log
	cursorDue atomic.Int64             // when the event at the cursor may expire, or earlier; 0: parked
	deadline  deadline
	over      chan struct{} // closed when q is gone

	mu       sync.Mutex
	name     string // in its first spelling
	sub      Subscription
	book     *copies.Book
	history  history
	gone     bool
	unsaved  store.Position // the first journal entry since the last snapshot; 0: none
	upTo     store.Position // the newest journal entry
	carried  store.Ticket   // durable with it
	moved    bool           // the cursor, since the last snapshot
	writing  bool           // dead letters
	failures int            // of the sink, in a row
	retryAt  int64          // when the sink is asked again
}

func newQueue(s *Stream, name string, number, created uint64) *Queue {
	q := &Queue{
		stream: s, name: name, number: number, created: created,
		tokens: newTokens(s.plane.key, s.namespace, s.name, name),
		walk:   make(chan struct{}, 1), wake: make(chan struct{}, 1), over: make(chan struct{}),
	}
	q.deadline = deadline{index: -1, fire: q.tick}
	return q
}

// Mode is who moves.
func (q *Queue) Mode() Mode {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.sub.Mode
}

// DeadLetters is where what cannot be delivered goes; nil: nowhere.
func (q *Queue) DeadLetters() *DeadLetters {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.sub.DeadLetters
}

// Name is the subscription's name in its first spelling.
func (q *Queue) Name() string {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.name
}

func (q *Queue) expired(now time.Time) bool {
	at := q.expires.Load()
	return at != 0 && millis(now) >= at
}

// pusherOf holds a Pusher.
type pusherOf struct{ Pusher }

// wanted says whether somebody has to be told of events.
func (q *Queue) wanted() bool { return q.waiting.Load() > 0 || q.pusher.Load() != nil }

// poke wakes the pusher, or one receiver that waits. It has another one woken when it
// is done.
func (q *Queue) poke() {
	if p := q.pusher.Load(); p != nil {
		p.Wake()
		return
	}
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// enter waits until nobody else walks.
func (q *Queue) enter(ctx context.Context) error {
	select {
	case q.walk <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-q.over:
		return ErrGone
	case <-q.stream.plane.ctx.Done():
		return ErrClosed
	}
}

func (q *Queue) leave() { <-q.walk }

// apply makes the changes durable with the ticket, all or none: what the store has not
// taken did not happen. q.mu is held.
func (q *Queue) apply(changes []*copies.Change) (store.Ticket, error) {
	if len(changes) == 0 {
		return 0, nil
	}
	if q.gone {
		return 0, ErrGone
	}
	first, t, err := q.stream.journal.append(q.stream.plane.store, q.number, changes)
	if err != nil {
		return 0, err
	}
	if q.unsaved == 0 {
		q.unsaved = first
	}
	q.upTo, q.carried = first+store.Position(len(changes))-1, t
	for _, x := range changes {
		q.book.Apply(x)
	}
	q.stream.soon()
	return t, nil
}

// schedule sets when to look at q again. q.mu is held.
func (q *Queue) schedule() {
	at := earliest(q.book.Next(), q.expires.Load(), q.cursorDue.Load())
	if q.book.Leaving() > 0 && !q.writing {
		at = earliest(at, max(q.retryAt, 1))
	}
	d := &q.stream.plane.deadlines
	if q.gone || !q.told.Load() {
		d.set(&q.deadline, 0)
		return
	}
	d.set(&q.deadline, at)
	if due := q.cursorDue.Load(); due != 0 { // set meanwhile, see Committed
		d.advance(&q.deadline, due)
	}
}

// earliest is the first of the times that are not 0.
func earliest(times ...int64) (first int64) {
	for _, at := range times {
		if at != 0 && (first == 0 || at < first) {
			first = at
		}
	}
	return first
}

// park says that the cursor has come to the end of the log: the next event that is
// appended sets when it has to be looked at. q.mu is held.
func (q *Queue) park() {
	if q.cursorDue.Load() != 0 || q.parked.Load() || q.gone {
		return // will be looked at anyway
	}
	q.stream.interest.Add(1)
	q.parked.Store(true)
	q.stream.tellOf(q.book.Cursor())
}

// close ends q: nothing of it is left but in the journal, where nobody asks.
func (q *Queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.gone {
		return
	}
	q.gone = true
	close(q.over)
	if q.parked.CompareAndSwap(true, false) {
		q.stream.interest.Add(-1)
	}
	q.endPush(0)
	q.schedule()
}

// push lets the subscription have a pusher if it is to be pushed. q.mu is held.
func (q *Queue) push() {
	pushers := q.stream.plane.options.Pushers
	switch p := q.pusher.Load(); {
	case q.sub.Mode != Push || pushers == nil || q.gone:
		q.endPush(0)
		return
	case p != nil:
		p.Changed()
	default:
		q.stream.interest.Add(1)
		q.pusher.Store(&pusherOf{pushers.Start(&Outbox{q})})
	}
	q.poke()
	q.stream.tellOf(q.book.Cursor()) // appended, and perhaps not durable yet
}

// endPush stops the pusher. q.mu is held.
func (q *Queue) endPush(grace time.Duration) {
	if p := q.pusher.Swap(nil); p != nil {
		q.stream.interest.Add(-1)
		p.Stop(grace)
	}
}
