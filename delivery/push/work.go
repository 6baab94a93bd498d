package push

import (
	"errors"
	"net/http"
	"time"

	"gridmq/delivery"
	"gridmq/tracing"
)

// storePause is how long a subscription waits that the store has refused.
const storePause = time.Second

// lockMargin is what has to be left of a lock behind the time-out of an attempt.
const lockMargin = 5 * time.Second

// work takes and sends until nothing is left to take.
func (x *pusher) work() {
	more, seen := true, uint64(0)
	for rounds := 0; ; rounds++ {
		var yes bool
		if seen, yes = x.pool.goesOn(x, rounds, seen, more); !yes {
			return
		}
		more = x.round()
	}
}

// round takes one message's events, more or less, and sends them. more says that there
// may be others.
func (x *pusher) round() (more bool) {
	p := x.pool
	sub := x.box.Config()
	switch d := sub.Destination; {
	case d != nil && d.WebHook != nil:
	case d != nil && d.EventHub != nil && p.o.Hubs != nil:
		return x.roundHub(&sub)
	default:
		x.refuse()
		return false
	}
	hook := sub.Destination.WebHook
	list, more, err := x.box.Take(x.ctx, hook.MaxEvents, hook.PreferredBytes)
	if err != nil {
		x.notTaken(err)
		return false
	}
	if len(list) == 0 { // although there may be more: as many are out as may be
		return false
	}
	if more {
		p.another(x)
	}
	t := &target{subscription: x.box.Subscription(), origin: p.o.Origin(x.box.Namespace()), hook: hook, schedule: sub.Schedule}
	if hook.Forward {
		t.schedule = delivery.TopicSchedule // what is far away may be away for long
		if list = x.hop(list); len(list) == 0 {
			return more
		}
	}
	again := x.sendAll(t, pack(sub.Destination, list))
	return again || more
}

// refuse says that nothing can be sent to a destination of this kind.
func (x *pusher) refuse() {
	x.pool.mu.Lock()
	x.deaf = true
	x.pool.mu.Unlock()
	x.pool.o.Log.Error("events wait, their destination is none that they can be pushed to: change the event subscription",
		"namespace", x.box.Namespace(), "topic", x.box.Topic(), "subscription", x.box.Subscription())
}

func (x *pusher) notTaken(err error) {
	if errors.Is(err, delivery.ErrGone) || errors.Is(err, delivery.ErrClosed) || x.ctx.Err() != nil {
		return // Stop comes, or has come
	}
	x.pool.o.Log.Warn("events not taken, it is tried again", "namespace", x.box.Namespace(), "topic", x.box.Topic(),
		"subscription", x.box.Subscription(), "err", err)
	x.pool.mu.Lock()
	defer x.pool.mu.Unlock()
	x.putAside(storePause)
}

// sendAll sends messages one after the other. When the destination is put aside
// meanwhile, or the pusher stopped, the others go back as if they had not been taken.
// again says that some can be taken again at once.
func (x *pusher) sendAll(t *target, all []*message) (again bool) {
	for len(all) > 0 {
		if !x.mayGoOn() {
			x.note(x.box.Return(attemptsOf(all)))
			return true
		}
		if !x.extend(all, time.Now()) {
			return true
		}
		m := all[0]
		all = all[1:]
		a := x.attempt(t, m)
		if len(m.attempts) > 1 && (a.status == http.StatusRequestEntityTooLarge || hookRefusesOne(t.hook, a)) { // smaller ones may pass
			all = append(m.halves(), all...)
			continue
		}
		x.settle(t.schedule, m, a)
		x.learn(a)
	}
	return false
}

func (x *pusher) mayGoOn() bool {
	x.pool.mu.Lock()
	defer x.pool.mu.Unlock()
	return x.may()
}

// extend sees to it that the locks of all outlive the next attempt; they were taken
// together. False: some are lost, the others were given back.
func (x *pusher) extend(all []*message, now time.Time) bool {
	if all[0].attempts[0].Until.Sub(now) >= x.pool.o.Timeout+lockMargin {
		return true
	}
	list := attemptsOf(all)
	kept, err := x.box.Extend(list)
	if x.note(err); err != nil {
		return false
	}
	if len(kept) < len(list) { // bodies have more: whoever has the lost ones sends them
		x.note(x.box.Return(kept))
		return false
	}
	for _, m := range all {
		n := len(m.attempts)
		m.attempts, kept = kept[:n:n], kept[n:]
	}
	return true
}

func (x *pusher) attempt(t *target, m *message) answer {
	p := x.pool
	start := time.Now()
	trail := x.trail(m.attempts, "POST", tracing.Client)
	trail.toHost(t.hook.URL)
	m.trace = trail.header()
	a := p.send(x.ctx, t, m)
	trail.end(a)
	p.o.Observe(x.box.Namespace(), a.outcome, len(m.attempts), time.Since(start))
	return a
}

// settle says what became of m.
func (x *pusher) settle(s delivery.Schedule, m *message, a answer) {
	switch a.outcome {
	case delivery.Succeeded:
		x.note(x.box.Delivered(m.attempts))
		return
	case delivery.Canceled:
		x.note(x.box.Return(m.attempts))
		return
	}
	now := time.Now()
	list := make([]delivery.Retry, len(m.attempts))
	for i, one := range m.attempts {
		list[i].Attempt = one
		if !a.final {
			list[i].Next = nextBy(s, one.Began, one.Count, now, a.delay)
		}
	}
	x.note(x.box.Failed(list, a.outcome))
}

// note logs what could not be written: the events come again when their lock is over.
func (x *pusher) note(err error) {
	if err != nil && !errors.Is(err, delivery.ErrGone) {
		x.pool.o.Log.Warn("outcome of a delivery not written, it is tried again", "namespace", x.box.Namespace(),
			"topic", x.box.Topic(), "subscription", x.box.Subscription(), "err", err)
	}
}
