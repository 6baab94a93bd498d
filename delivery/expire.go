package delivery

import (
	"time"

	"gridmq/delivery/internal/copies"
)

const (
	// departAtOnce is how many copies leave in one journal entry.
	departAtOnce = 1000
	// retryStore is when something is tried again that the store has refused, in ms.
	retryStore = 1000
)

// tick looks at q when its deadline has come: locks and delays that are over, events
// that nobody asked for and whose time to live is over, dead letters to write again,
// its own end. It runs on the plane's goroutine.
func (q *Queue) tick() {
	if q.expired(time.Now()) {
		q.stream.plane.expire(q)
		return
	}
	if q.enter(q.stream.plane.ctx) != nil {
		return
	}
	defer q.leave()
	more := q.expire(millis(time.Now()))
	q.mu.Lock()
	defer q.mu.Unlock()
	q.schedule()
	if more { // the others have their turn meanwhile
		q.stream.plane.deadlines.advance(&q.deadline, 1)
	}
	q.depositSoon()
}

// expire does a bounded piece of work; more says that there is more. q.walk is held.
func (q *Queue) expire(now int64) (more bool) {
	q.mu.Lock()
	err := q.lapse(now)
	cursor, h, due := q.book.Cursor(), q.history, q.cursorDue.Load()
	if q.wanted() && len(q.book.Ready(1, now)) > 0 {
		q.poke()
	}
	q.mu.Unlock()
	if err != nil || due == 0 || due > now {
		return false
	}
	w, err := q.read(cursor, h, goal{}, now)
	q.mu.Lock()
	defer q.mu.Unlock()
	if err == nil {
		p := plan{now: now}
		q.pass(&p, &w)
		_, err = q.carry(&p, &w)
	}
	switch {
	case err != nil:
		q.counters.failed.Add(1)
		q.cursorDue.Store(now + retryStore)
	case w.end:
		q.cursorDue.Store(0)
		q.park()
	case w.due != 0:
		q.cursorDue.Store(w.due)
	default:
		return true
	}
	return false
}

// lapse ends locks and delays that are over at now: copies are available again, or
// leave. What could not be written is tried again in a second. q.mu and q.walk are held.
func (q *Queue) lapse(now int64) error {
	for {
		items := q.book.Expire(now, departAtOnce)
		if len(items) == 0 {
			return nil
		}
		p := plan{now: now}
		q.depart(&p, items, 0)
		if _, err := q.carry(&p, nil); err != nil {
			q.counters.failed.Add(uint64(len(items)))
			q.book.Postpone(items, now+retryStore)
			return err
		}
		lapsed := 0
		for _, i := range items {
			if i.Reason == copies.UsedUp {
				lapsed++
			}
		}
		q.counters.lapsed.Add(uint64(lapsed))
	}
}
