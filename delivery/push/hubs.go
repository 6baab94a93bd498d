package push

import (
	"context"
	"time"

	"gridmq/delivery"
	"gridmq/tracing"
)

// Hubs send events to what a delivery.EventHub names: Event Hubs, and Kafka in general.
// delivery/kafka has one.
type Hubs interface {
	// Send makes one attempt for each event of s and says what came of them, in their
	// order. It returns soon after ctx has ended, with whatever is not known by then as
	// TimedOut, or Canceled if ctx was. Many goroutines call it.
	Send(ctx context.Context, s *Shipment) []Verdict
	// ValidateHub says why events cannot be sent to d now, in half a minute at most. Its
	// errors are for whoever makes the subscription.
	ValidateHub(ctx context.Context, d *delivery.Destination) error
	// Close ends connections and goroutines. Nothing is sent afterwards.
	Close()
}

// A Shipment is events on their way to one hub, in the order of their topic but for
// those that failed before.
type Shipment struct {
	Subscription string
	Destination  *delivery.Destination
	Attempts     []delivery.Attempt
	// Traces are the contexts that the events go on with, zero for those that have none;
	// nil: none has.
	Traces []tracing.Context
}

// A Verdict is what an attempt came to.
type Verdict struct {
	Outcome delivery.Outcome
	Final   bool          // not tried again
	Delay   time.Duration // until the next attempt, at least
	Pause   time.Duration // of the destination as a whole
	Err     error         // nil with Succeeded; it shows no secrets
}

// What is taken at once for a hub: whoever sends it makes batches of it as the hub
// likes them.
const (
	hubEvents = 1000
	hubBytes  = 1 << 20
)

// roundHub takes events and sends them to a hub. There is one worker for a subscription,
// so that events arrive in their order unless they fail.
func (x *pusher) roundHub(sub *delivery.Subscription) (more bool) {
	p := x.pool
	list, more, err := x.box.Take(x.ctx, x.hubEvents(), hubBytes)
	if err != nil {
		x.notTaken(err)
		return false
	}
	if len(list) == 0 {
		return false
	}
	m := &message{attempts: list}
	if !x.extend([]*message{m}, time.Now()) {
		return true
	}
	ctx, cancel := context.WithTimeout(x.ctx, p.o.Timeout)
	defer cancel()
	start := time.Now()
	trail := x.trail(m.attempts, "send", tracing.Producer)
	trail.sent.Text("messaging.system", "kafka")
	verdicts := p.o.Hubs.Send(ctx, &Shipment{Subscription: x.box.Subscription(), Destination: sub.Destination, Attempts: m.attempts, Traces: trail.contexts})
	trail.endEach(verdicts)
	all := sorted(m.attempts, verdicts)
	for _, one := range all {
		more = more || one.answer.outcome == delivery.Canceled // it can be taken again, and nobody is woken for it
		p.o.Observe(x.box.Namespace(), one.answer.outcome, len(one.attempts), time.Since(start))
		x.settle(sub.Schedule, &message{attempts: one.attempts}, one.answer)
	}
	x.learn(ofHub(all))
	return more
}

// hubEvents is how many events a hub is tried with: a single one while it fails, as
// failures are counted.
func (x *pusher) hubEvents() int {
	x.pool.mu.Lock()
	defer x.pool.mu.Unlock()
	if x.shaky {
		return 1
	}
	return hubEvents
}

// A result is an answer, and those that have it.
type result struct {
	answer   answer
	attempts []delivery.Attempt
}

// sorted are the results of a shipment, each with all attempts that came to it.
func sorted(list []delivery.Attempt, verdicts []Verdict) (all []result) {
	type key struct {
		outcome      delivery.Outcome
		final        bool
		delay, pause time.Duration
	}
	place := map[key]int{}
	for i, v := range verdicts {
		k := key{v.Outcome, v.Final, v.Delay, v.Pause}
		at, seen := place[k]
		if !seen {
			at = len(all)
			place[k] = at
			all = append(all, result{answer: answer{outcome: v.Outcome, final: v.Final, delay: v.Delay, pause: v.Pause, err: v.Err}})
		}
		all[at].attempts = append(all[at].attempts, list[i])
	}
	return all
}

// ofHub is what the results of one shipment tell of the hub as a whole: one that has
// taken an event works, else it is as bad as the worst of them.
func ofHub(all []result) (worst answer) {
	for _, one := range all {
		if one.answer.outcome == delivery.Succeeded {
			return one.answer
		}
		if worst.outcome == 0 || one.answer.pause > worst.pause {
			worst = one.answer
		}
	}
	return worst
}
