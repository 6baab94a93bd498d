package delivery

import (
	"context"
	"time"

	"gridmq/delivery/internal/copies"
	"gridmq/event"
	"gridmq/store"
)

// A Delivery is an event that was given out and is locked.
type Delivery struct {
	Event     event.Event
	LockToken string
	Count     int // deliveries of this event so far, this one included
}

// Receive gives out up to limit events, at once if there are any, else it waits up to
// wait for the first. Fewer come when they are large (Limits.ReceiveBytes). None and
// no error: nothing came. The locks are durable when it returns. When ctx ends while
// it waits nothing is locked; when it ends later, the locks run out. Errors: ErrPush,
// ErrGone, ErrClosed, the cause of ctx, the store's.
func (q *Queue) Receive(ctx context.Context, limit int, wait time.Duration) ([]Delivery, error) {
	q.mu.Lock()
	mode, lock := q.sub.Mode, q.sub.Lock
	q.mu.Unlock()
	if mode == Push {
		return nil, ErrPush
	}
	list, err := q.take(ctx, limit, lock)
	if len(list) > 0 || err != nil || wait <= 0 {
		return list, err
	}
	return q.await(ctx, limit, lock, wait)
}

// await waits for events that are not there yet.
func (q *Queue) await(ctx context.Context, limit int, lock, wait time.Duration) ([]Delivery, error) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	q.waiting.Add(1)
	q.stream.interest.Add(1)
	defer func() {
		q.stream.interest.Add(-1)
		if q.waiting.Add(-1) > 0 {
			q.poke() // what woke this one may be enough for two
		}
	}()
	q.mu.Lock()
	from := q.book.Cursor()
	q.mu.Unlock()
	q.stream.tellOf(from) // appended since, and perhaps not durable when we looked
	for {
		if list, err := q.take(ctx, limit, lock); len(list) > 0 || err != nil {
			return list, err
		}
		select {
		case <-q.wake:
		case <-timer.C:
			return nil, nil
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-q.over:
			return nil, ErrGone
		case <-q.stream.plane.ctx.Done():
			return nil, ErrClosed
		}
	}
}

// take locks what is there, up to limit, for a consumer that pulls. It does not wait for
// events.
func (q *Queue) take(ctx context.Context, limit int, lockTime time.Duration) ([]Delivery, error) {
	if limit <= 0 {
		return nil, nil
	}
	if err := q.enter(ctx); err != nil {
		return nil, err
	}
	g, err := q.lockSome(ctx, limit, q.stream.plane.options.Limits.ReceiveBytes, lockTime)
	q.leave()
	if err != nil {
		q.counters.failed.Add(1)
		return nil, err
	}
	if err := q.stream.plane.durable(ctx, g.ticket); err != nil {
		return nil, err
	}
	q.counters.received.Add(uint64(len(g.list)))
	list := make([]Delivery, len(g.list))
	for i := range g.list {
		f := &g.list[i]
		list[i] = Delivery{f.event, q.tokens.make(lock{q.created, f.pos, f.count + 1}), f.count + 1}
	}
	return list, nil
}

// given is what was locked.
type given struct {
	list      []found // as they were before
	ticket    store.Ticket
	at, until int64
	more      bool // there may be others
}

// lockSome locks up to limit events of about most bytes. q.walk is held.
func (q *Queue) lockSome(ctx context.Context, limit, most int, lock time.Duration) (given, error) {
	for {
		if err := context.Cause(ctx); err != nil {
			return given{}, err
		}
		now := millis(time.Now())
		c, err := q.candidates(limit, most, now)
		if err != nil {
			return given{}, err
		}
		g, err := q.lockThem(ctx, c, now, lock)
		if len(g.list) > 0 || err != nil || c.walked.end || c.full {
			return g, err
		}
	}
}

// candidates are what can be given out.
type candidates struct {
	list   []found
	broken []copies.Item // cannot be read any more
	walked stretch
	full   bool // as many copies are out as may be
}

func (q *Queue) candidates(limit, most int, now int64) (c candidates, err error) {
	q.mu.Lock()
	if q.gone {
		q.mu.Unlock()
		return c, ErrGone
	}
	if err := q.lapse(now); err != nil {
		q.mu.Unlock()
		return c, err
	}
	ready := q.book.Ready(limit, now)
	room := q.stream.plane.options.Limits.Outstanding - q.book.Outstanding()
	cursor, h := q.book.Cursor(), q.history
	q.mu.Unlock()

	bytes := 0
	for _, x := range ready {
		if bytes >= most {
			break
		}
		f, err := q.load(x)
		if unreadable(err) {
			q.stream.damaged(q, x.Pos, err)
			c.broken = append(c.broken, copies.Item{Pos: x.Pos})
			continue
		}
		if err != nil {
			return c, err
		}
		bytes += size(&f.event)
		c.list = append(c.list, f)
	}
	c.walked = stretch{from: cursor, to: cursor}
	c.full = room <= 0
	if n := min(limit-len(c.list), room); n > 0 && bytes < most {
		if c.walked, err = q.read(cursor, h, goal{n, most - bytes}, now); err != nil {
			return c, err
		}
		if c.list == nil { // mostly: nothing came back
			c.list = c.walked.live
		} else {
			c.list = append(c.list, c.walked.live...)
		}
	}
	return c, nil
}

// lockThem locks what was found; or nothing, when ctx has ended or the store refuses.
func (q *Queue) lockThem(ctx context.Context, c candidates, now int64, lock time.Duration) (given, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if err := context.Cause(ctx); err != nil {
		return given{}, err
	}
	p := plan{now: now}
	q.pass(&p, &c.walked)
	p.add(&copies.Change{Op: copies.Done, Items: c.broken})
	x := &copies.Change{Op: copies.Lock, Until: now + inMillis(lock)}
	for i := range c.list {
		f := &c.list[i]
		x.Items = append(x.Items, copies.Item{Pos: f.pos, Published: f.published, Count: f.count + 1})
	}
	p.add(x)
	t, err := q.carry(&p, &c.walked)
	if err != nil {
		return given{}, err
	}
	if c.walked.end {
		q.park()
	}
	q.schedule()
	q.depositSoon()
	return given{list: c.list, ticket: t, at: now, until: x.Until, more: !c.walked.end}, nil
}

// Waiting is how many calls of Receive wait for events.
func (q *Queue) Waiting() int { return int(q.waiting.Load()) }
