package delivery

import (
	"context"
	"errors"
	"time"

	"gridmq/delivery/internal/copies"
	"gridmq/event"
	"gridmq/store"
)

// A Waiting is an event that a queue is not done with.
type Waiting struct {
	At        uint64 // its place in the topic, for as long as it is there
	Published time.Time
	Event     event.Event
}

var errEnough = errors.New("delivery: whoever is told has enough")

// Browse tells the events that q is not done with, in their order, those that are locked
// too. Nothing changes, and nobody is held up. tell returns false when it has enough.
// Errors: ErrGone, ErrClosed, the cause of ctx, the store's.
func (q *Queue) Browse(ctx context.Context, tell func(Waiting) bool) error {
	q.mu.Lock()
	if q.gone {
		q.mu.Unlock()
		return ErrGone
	}
	seen, cursor, h := q.book.Positions(), q.book.Cursor(), q.history
	q.mu.Unlock()
	for _, pos := range seen {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		w, ok, err := q.waitingAt(pos)
		if err != nil {
			return err
		}
		if ok && !tell(w) {
			return nil
		}
	}
	for from := cursor; ; {
		next, err := q.browseFrom(ctx, from, h, tell)
		switch {
		case errors.Is(err, errEnough):
			return nil
		case err != nil || next == from:
			return err
		}
		from = next
	}
}

// browseFrom tells some of what nobody has looked at, and returns where to go on; from
// itself at the end.
func (q *Queue) browseFrom(ctx context.Context, from store.Position, h history, tell func(Waiting) bool) (next store.Position, err error) {
	next = from
	now, lifetime := millis(time.Now()), q.lifetime.Load()
	enough := false
	err = q.stream.plane.store.Read(q.stream.log, from, func(pos store.Position, entry []byte) bool {
		if pos >= from+walkEvents {
			return false
		}
		next = pos + 1
		r, err := readRecord(entry)
		if err != nil || now >= r.published+lifetime {
			return true // whoever receives is told of what is damaged
		}
		e, err := q.stream.render(pos, r)
		if err == nil && h.lets(pos, &e) {
			enough = !tell(Waiting{uint64(pos), time.UnixMilli(r.published), own(e)})
		}
		return !enough
	})
	switch {
	case enough:
		return next, errEnough
	case errors.Is(err, store.ErrDamaged) && next > from:
		err = nil // goes on behind it
	}
	return next, errors.Join(err, context.Cause(ctx))
}

// Look returns one of the events that Browse tells; false: q is done with it.
func (q *Queue) Look(at uint64) (w Waiting, ok bool, err error) {
	pos := store.Position(at)
	q.mu.Lock()
	ahead, gone := pos >= q.book.Cursor(), q.gone
	c, there := q.book.Copy(pos)
	q.mu.Unlock()
	switch {
	case gone:
		return w, false, ErrGone
	case !ahead && (!there || c.State == copies.Leaving):
		return w, false, nil
	}
	return q.waitingAt(pos)
}

// waitingAt reads an event; false: it cannot be read, or its time to live is over.
func (q *Queue) waitingAt(pos store.Position) (w Waiting, ok bool, err error) {
	entry, err := q.stream.plane.store.ReadAt(q.stream.log, pos)
	if unreadable(err) {
		return w, false, nil
	}
	if err != nil {
		return w, false, err
	}
	r, err := readRecord(entry)
	if err != nil || millis(time.Now()) >= r.published+q.lifetime.Load() {
		return w, false, nil
	}
	e, err := q.stream.render(pos, r)
	return Waiting{uint64(pos), time.UnixMilli(r.published), own(e)}, err == nil, nil
}

// errCrowded: before an event others would have to be looked at that do not fit.
var errCrowded = errors.New("delivery: too many events before it are out or wait")

// Finish ends an event that Browse tells, whoever has it locked: q is done with it, as
// after an acknowledgement. It is durable when it returns. That q is done with it
// already is no error. Errors: ErrPush, ErrGone, ErrClosed, the store's; and when more
// than Limits.Outstanding are before it that nobody has received yet.
func (q *Queue) Finish(ctx context.Context, at uint64) error {
	if err := q.enter(ctx); err != nil {
		return err
	}
	t, err := q.finish(ctx, store.Position(at))
	q.leave()
	if err == nil {
		err = q.stream.plane.durable(ctx, t)
	}
	if err == nil {
		q.counters.acknowledged.Add(1)
	}
	return err
}

// finish walks until the event is behind the cursor, and forgets it. q.walk is held.
func (q *Queue) finish(ctx context.Context, pos store.Position) (store.Ticket, error) {
	for {
		if err := context.Cause(ctx); err != nil {
			return 0, err
		}
		q.mu.Lock()
		cursor, h, mode, gone := q.book.Cursor(), q.history, q.sub.Mode, q.gone
		room := q.stream.plane.options.Limits.Outstanding - q.book.Outstanding()
		q.mu.Unlock()
		now := millis(time.Now())
		switch {
		case gone:
			return 0, ErrGone
		case mode == Push:
			return 0, ErrPush
		case pos < cursor:
			return q.forget(now, pos)
		case room <= 0:
			return 0, errCrowded
		}
		w, err := q.read(cursor, h, goal{min(room, walkEvents), q.stream.plane.options.Limits.ReceiveBytes}, now)
		if err != nil {
			return 0, err
		}
		if w.to == cursor {
			return 0, nil // it is not there: nobody has it to finish
		}
		if err := q.unlocked(now, &w); err != nil {
			return 0, err
		}
	}
}

// unlocked passes a stretch of the log: its events are available, as if each delivery had
// been taken back.
func (q *Queue) unlocked(now int64, w *stretch) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	p := plan{now: now}
	q.pass(&p, w)
	out := &copies.Change{Op: copies.Lock, Until: now}
	for i := range w.live {
		f := &w.live[i]
		out.Items = append(out.Items, copies.Item{Pos: f.pos, Published: f.published, Count: 1})
	}
	p.add(out)
	p.add(&copies.Change{Op: copies.Return, Until: now, Items: out.Items})
	_, err := q.carry(&p, w)
	if err == nil {
		q.schedule()
		q.depositSoon()
	}
	return err
}

// forget ends a copy, if there is one.
func (q *Queue) forget(now int64, pos store.Position) (store.Ticket, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	c, there := q.book.Copy(pos)
	if !there || c.State == copies.Leaving {
		return 0, nil
	}
	p := plan{now: now}
	p.add(&copies.Change{Op: copies.Done, Items: []copies.Item{{Pos: pos}}})
	t, err := q.carry(&p, nil)
	if err == nil {
		q.schedule()
		if q.wanted() {
			q.poke() // there is room, or what became available on the way
		}
	}
	return t, err
}
