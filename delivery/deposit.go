package delivery

import (
	"context"
	"errors"
	"time"

	"gridmq/delivery/internal/copies"
)

const (
	// lettersAtOnce is how many dead letters one call of the sink gets.
	lettersAtOnce = 100
	// sinkWait bounds one call of the sink.
	sinkWait = 30 * time.Second
	// depositFor is how long a dead letter is tried (section 13.5), in ms.
	depositFor = int64(48 * time.Hour / time.Millisecond)
)

// retryDeposit is when a sink that refused n times in a row is asked again, in ms
// (section 13.5).
func retryDeposit(n int) int64 {
	steps := [...]int64{10_000, 60_000, 300_000}
	return steps[min(n, len(steps))-1]
}

// depositSoon starts the writing of dead letters if there are any, nobody does it, and
// the sink is not to be left alone. q.mu is held.
func (q *Queue) depositSoon() {
	if q.book.Leaving() == 0 || q.writing || q.gone || !q.told.Load() || millis(time.Now()) < q.retryAt {
		return
	}
	p := q.stream.plane
	p.mu.RLock()
	defer p.mu.RUnlock()
	if p.closed {
		return
	}
	q.writing = true
	p.letters.Add(1)
	go q.deposit()
}

// deposit hands dead letters to the sink until there are none, or it refuses. A copy
// is done when the sink has it.
func (q *Queue) deposit() {
	p := q.stream.plane
	defer p.letters.Done()
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
	case <-p.ctx.Done():
	}
	for q.depositSome() {
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.writing = false
	q.schedule()
}

// depositSome hands over some letters; more says that it is worth going on.
func (q *Queue) depositSome() (more bool) {
	p := q.stream.plane
	if p.ctx.Err() != nil {
		return false
	}
	q.mu.Lock()
	list := q.book.Departures(lettersAtOnce)
	d := DeadLetter{Namespace: q.stream.namespace, Topic: q.stream.name, Subscription: q.name}
	gone, to, pushed, since := q.gone, q.sub.DeadLetters, q.sub.Destination, q.carried
	q.mu.Unlock()
	if len(list) == 0 || gone {
		return false
	}
	// A letter of an event that a crash brings back would say what is not true.
	err := p.durable(p.ctx, since)
	if err != nil {
		q.mu.Lock()
		q.retryAt = millis(time.Now()) + retryStore
		q.mu.Unlock()
		return false
	}
	nowhere := to == nil || p.options.DeadLetters == nil // since they left
	if !nowhere {
		d.To = *to
		if err = q.compose(&d, list, pushed); err == nil && len(d.Letters) > 0 {
			err = q.write(d)
		}
	}
	if p.ctx.Err() != nil && err != nil {
		return false
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if err != nil {
		return q.refused(list, err)
	}
	return q.deposited(list, len(d.Letters), nowhere)
}

func (q *Queue) write(d DeadLetter) error {
	p := q.stream.plane
	ctx, cancel := context.WithTimeout(p.ctx, sinkWait)
	defer cancel()
	err := p.options.DeadLetters.Write(ctx, d)
	if err == nil {
		return nil
	}
	q.counters.deadLetterFailures.Add(1)
	p.log.Warn("dead letters not written, they are tried again", "namespace", d.Namespace, "topic", d.Topic,
		"subscription", d.Subscription, "letters", len(d.Letters), "err", err)
	return err
}

// compose reads the events of list; those that cannot be read are left out.
func (q *Queue) compose(d *DeadLetter, list []copies.Copy, pushed *Destination) error {
	for _, c := range list {
		f, err := q.load(c)
		switch {
		case unreadable(err):
			q.stream.damaged(q, c.Pos, err)
		case err != nil:
			return err
		default:
			d.Letters = append(d.Letters, letterOf(c, f.event, pushed))
		}
	}
	return nil
}

// deposited says that the copies of list are done. q.mu is held.
func (q *Queue) deposited(list []copies.Copy, written int, nowhere bool) (more bool) {
	p := plan{now: millis(time.Now())}
	p.add(&copies.Change{Op: copies.Done, Items: itemsOf(list)})
	if nowhere {
		p.dropped = len(list)
	}
	if _, err := q.carry(&p, nil); err != nil { // they will be written twice
		q.counters.failed.Add(uint64(len(list)))
		q.retryAt = p.now + retryStore
		return false
	}
	q.counters.deadLettered.Add(uint64(written))
	q.failures, q.retryAt = 0, 0
	return true
}

// refused says when to try again, and gives up what was tried for two days. q.mu is
// held.
func (q *Queue) refused(list []copies.Copy, err error) (more bool) {
	p := plan{now: millis(time.Now())}
	var over []copies.Copy
	for _, c := range list {
		if p.now-c.Until >= depositFor {
			over = append(over, c)
		}
	}
	p.add(&copies.Change{Op: copies.Done, Items: itemsOf(over)})
	p.dropped = len(over)
	if _, e := q.carry(&p, nil); e != nil {
		err = errors.Join(err, e)
		over = nil
	}
	if len(over) > 0 {
		q.stream.plane.log.Error("dead letters dropped, they could not be written for two days",
			"namespace", q.stream.namespace, "topic", q.stream.name, "subscription", q.name, "letters", len(over), "err", err)
	}
	q.failures++
	q.retryAt = p.now + retryDeposit(q.failures)
	if len(over) == len(list) { // the next ones may be as old
		q.failures--
		return true
	}
	return false
}

func itemsOf(list []copies.Copy) (items []copies.Item) {
	for _, c := range list {
		items = append(items, copies.Item{Pos: c.Pos})
	}
	return items
}
