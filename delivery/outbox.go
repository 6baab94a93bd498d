package delivery

import (
	"context"
	"time"

	"gridmq/delivery/internal/copies"
	"gridmq/event"
	"gridmq/store"
)

// Pushers take the events of push subscriptions to their destinations. A plane asks
// for one Pusher per subscription. delivery/push has one.
type Pushers interface {
	// Start returns the pusher of a subscription. It is called with locks held: it must
	// return at once and not call o. Wake follows.
	Start(o *Outbox) Pusher
	// Wait returns when no goroutine of a pusher that was stopped is left.
	Wait()
}

// A Pusher moves the events of one subscription. Its methods return at once and call
// neither the plane nor the store: they are called with locks held, Wake also by the
// store's committer.
type Pusher interface {
	// Wake says that there may be something to take.
	Wake()
	// Changed says that the subscription is another one: what was known of its
	// destination is not any more. Wake follows.
	Changed()
	// Stop says that the subscription is over: nothing more is taken, and what is under
	// way is cut off after grace.
	Stop(grace time.Duration)
}

// An Outbox is a push subscription as its pusher sees it: events are taken, tried, and
// settled. Whatever was taken is locked for [PushLock], with its count, before Take
// returns; what is not settled (a crash) is taken again when the lock is over.
type Outbox struct{ q *Queue }

// PushLock is how long what was taken is its pusher's: an attempt of 30 seconds and
// what is around it.
const PushLock = time.Minute

// An Attempt is one event on its way.
type Attempt struct {
	Event event.Event
	ID    EventID   // names the stored event, at every attempt the same
	Count int       // attempts, this one included
	Began time.Time // the first attempt
	Until time.Time // the end of the lock

	pos       store.Position
	published int64
}

// A Retry is a failed attempt with the time of the next one; zero: never.
type Retry struct {
	Attempt
	Next time.Time
}

// Namespace is folded; Topic and Subscription are in their first spelling.
func (o *Outbox) Namespace() string    { return o.q.stream.namespace }
func (o *Outbox) Topic() string        { return o.q.stream.name }
func (o *Outbox) Subscription() string { return o.q.Name() }

// Config is the subscription as it is now. What it points to does not change, and
// holds secrets.
func (o *Outbox) Config() Subscription {
	o.q.mu.Lock()
	defer o.q.mu.Unlock()
	return o.q.sub
}

// Take locks up to limit events of up to about bytes together, at least one if any is
// there. more says that there may be others. It waits for the disk, not for events.
// Errors: ErrGone, ErrClosed, the cause of ctx, the store's.
func (o *Outbox) Take(ctx context.Context, limit, bytes int) (list []Attempt, more bool, err error) {
	q := o.q
	if limit <= 0 {
		return nil, false, nil
	}
	if err := q.enter(ctx); err != nil {
		return nil, false, err
	}
	g, err := q.lockSome(ctx, limit, bytes, PushLock)
	q.leave()
	if err == nil {
		err = q.stream.plane.durable(ctx, g.ticket)
	}
	if err != nil {
		q.counters.failed.Add(1)
		return nil, false, err
	}
	list = make([]Attempt, len(g.list))
	for i := range g.list {
		f := &g.list[i]
		began := f.began
		if f.count == 0 {
			began = g.at
		}
		list[i] = Attempt{Event: f.event, ID: q.stream.eventID(f.pos), Count: f.count + 1,
			Began: timeOf(began), Until: timeOf(g.until), pos: f.pos, published: f.published}
	}
	return list, g.more, nil
}

// Extend lets the locks of list end one lock time from now. What is returned are those
// that are still its pusher's, in their order, with the new end.
func (o *Outbox) Extend(list []Attempt) ([]Attempt, error) {
	until := int64(0)
	kept, err := o.settle(list, func(p *plan, held []Attempt) {
		until = p.now + inMillis(PushLock)
		p.add(&copies.Change{Op: copies.Renew, Until: until, Items: itemsOfAttempts(held)})
	})
	for i := range kept {
		kept[i].Until = timeOf(until)
	}
	return kept, err
}

// Delivered says that the destination has taken them. As with all that follow: the
// change is durable before the next Take returns, and a lock that was lost is passed
// over. Errors: ErrGone, the store's; then they will be tried again.
func (o *Outbox) Delivered(list []Attempt) error {
	done, err := o.settle(list, func(p *plan, held []Attempt) {
		p.add(&copies.Change{Op: copies.Done, Items: itemsOfAttempts(held)})
	})
	o.q.counters.received.Add(uint64(len(done)))
	return err
}

// Failed says that the destination has not taken them: they are tried again when list
// says, or leave if it says never or their attempts are used up.
func (o *Outbox) Failed(list []Retry, outcome Outcome) error {
	next := make(map[store.Position]time.Time, len(list))
	attempts := make([]Attempt, len(list))
	for i := range list {
		attempts[i] = list[i].Attempt
		next[list[i].pos] = list[i].Next
	}
	failed, err := o.settle(attempts, func(p *plan, held []Attempt) {
		o.q.planFailed(p, held, next, uint8(outcome))
	})
	o.q.counters.undelivered.Add(uint64(len(failed)))
	return err
}

// planFailed plans what becomes of failed attempts. q.mu is held.
func (q *Queue) planFailed(p *plan, held []Attempt, next map[store.Position]time.Time, outcome uint8) {
	var over []copies.Item
	again := &copies.Change{Op: copies.Release, Outcome: outcome}
	for i := range held {
		a := &held[i]
		item := copies.Item{Pos: a.pos, Published: a.published, Count: a.Count}
		switch at := next[a.pos]; {
		case at.IsZero():
			item.Reason = copies.ClientError
			over = append(over, item)
		case a.Count >= q.book.MaxCount():
			item.Reason = copies.UsedUp
			over = append(over, item)
		default:
			until := max(p.now, millis(at))
			if again.Until != until { // those of one batch mostly have one time
				p.add(again)
				again = &copies.Change{Op: copies.Release, Until: until, Outcome: outcome}
			}
			again.Items = append(again.Items, item)
		}
	}
	p.add(again)
	q.depart(p, over, outcome)
}

// Return gives back what was not tried: it is not counted. It can be taken again at
// once, and nobody is woken for it.
func (o *Outbox) Return(list []Attempt) error {
	_, err := o.settle(list, func(p *plan, held []Attempt) {
		p.add(&copies.Change{Op: copies.Return, Until: p.now, Items: itemsOfAttempts(held)})
	})
	return err
}

// settle has decide plan what becomes of those of list whose lock still holds. The
// change is submitted, not awaited: a crash before it is durable repeats what was
// under way, and the next Take waits for it.
func (o *Outbox) settle(list []Attempt, decide func(*plan, []Attempt)) ([]Attempt, error) {
	q := o.q
	p := plan{now: millis(time.Now())}
	held := make([]Attempt, 0, len(list))
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.gone {
		return nil, ErrGone
	}
	for _, a := range list {
		if _, ok := q.book.Valid(a.pos, a.Count, p.now); ok {
			held = append(held, a)
		} else {
			q.counters.lostTokens.Add(1)
		}
	}
	if len(held) == 0 {
		return nil, nil
	}
	decide(&p, held)
	if _, err := q.carry(&p, nil); err != nil {
		q.counters.failed.Add(uint64(len(held)))
		return nil, err
	}
	q.schedule()
	q.depositSoon()
	return held, nil
}

func itemsOfAttempts(list []Attempt) []copies.Item {
	items := make([]copies.Item, len(list))
	for i := range list {
		items[i] = copies.Item{Pos: list[i].pos}
	}
	return items
}
