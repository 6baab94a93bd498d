package load

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
)

// The phases of the scenarios that publish first, and deliver then.
const (
	phasePublish = "publish"
	phasePull    = "pull"
	phasePush    = "push"
)

// Names of what has to be there, in Events.
const (
	EventTopic = "telemetry"
	PullSub    = "pull" // of EventTopic, a queue
	PushSub    = "push" // of EventTopic, and its webhook in Events.Hooks
)

var errNoEvents = errors.New("needs a namespace with topics: Options.Events")

// toNobody publishes messages that are neither routed nor subscribed: what routing is
// held against.
func (r *run) toNobody(ctx context.Context) error {
	pubs, err := r.publishAll(ctx)
	for _, p := range pubs {
		r.result.Expected += p.sent.Load()
	}
	r.result.Delivered = r.meter.acked.Load()
	r.result.Lost = r.result.Expected - r.result.Delivered
	return err
}

// routedToPull publishes messages that become events, then receives and acknowledges
// them.
func (r *run) routedToPull(ctx context.Context) error {
	if r.Events == nil {
		return errNoEvents
	}
	if r.Subscribers == 0 {
		return errNoLoad
	}
	pubs, err := r.publishAll(ctx)
	if err != nil {
		return err
	}
	c, sent, all := newCensus(r.meter.run, len(pubs)), sentBy(pubs), r.meter.acked.Load()
	err = r.pull(ctx, phasePull, subscriptionPath(EventTopic, PullSub), c, all)
	c.into(&r.result, sent)
	return err
}

// routedToPush publishes messages that become events while the webhook answers nothing,
// and then has it answer.
func (r *run) routedToPush(ctx context.Context) error {
	if r.Events == nil || r.Events.Hooks[PushSub] == nil {
		return errNoHook
	}
	h, c := r.Events.Hooks[PushSub], newCensus(r.meter.run, r.Publishers)
	h.count(c)
	h.Hold()
	defer h.Release()
	pubs, err := r.publishAll(ctx)
	if err != nil {
		return err
	}
	err = r.pushed(ctx, phasePush, h, c, r.meter.acked.Load())
	c.into(&r.result, sentBy(pubs))
	return err
}

func subscriptionPath(topic, name string) string {
	return "topics/" + topic + "/eventsubscriptions/" + name
}

func sentBy(pubs []*publisher) (n []uint64) {
	for _, p := range pubs {
		n = append(n, p.sent.Load())
	}
	return n
}

// warmShare: before what is measured comes a quarter as much.
const warmShare = 4

// publishAll publishes Messages, and before them as many as it takes to warm up. A
// message that is refused ends it: it would be counted as lost.
func (r *run) publishAll(ctx context.Context) ([]*publisher, error) {
	if r.Publishers == 0 || r.QoS == QoS0 {
		return nil, fmt.Errorf("needs publishers, and QoS 1 or 2: what is not acknowledged need not have been kept")
	}
	warm := uint64(r.Messages / warmShare)
	pubs := make([]*publisher, r.Publishers)
	for i := range pubs {
		pubs[i] = r.newPublisher(i, fmt.Sprintf("%s/in/%d", r.Prefix, i), false)
		pubs[i].limit, pubs[i].tally = (uint64(r.Messages)+warm)/uint64(r.Publishers), &r.meter.acked
	}
	r.mu.Lock()
	r.pubs = pubs
	r.mu.Unlock()
	if err := r.openPublishers(ctx, pubs); err != nil {
		return pubs, err
	}
	work, crew := newCrew(ctx)
	defer crew.wg.Wait()
	defer crew.cancel(nil)
	var busy atomic.Int64
	busy.Store(int64(len(pubs)))
	for _, p := range pubs {
		crew.start(func() error { defer busy.Add(-1); return p.run(work) })
	}
	err := r.afterWarmUp(work, warm, func() bool { return busy.Load() == 0 })
	crew.cancel(nil)
	crew.wg.Wait()
	r.result.refusals(pubs)
	if err == nil && r.result.Refused > 0 {
		err = fmt.Errorf("%d messages refused, the last with %s", r.result.Refused, r.result.Refusal)
	}
	return pubs, err
}

// afterWarmUp is the phase publish, from when so many are acknowledged until done.
func (r *run) afterWarmUp(ctx context.Context, warm uint64, done func() bool) error {
	r.current.Store("warm-up")
	if _, err := r.settle(ctx, func() bool { return r.meter.acked.Load() >= warm || done() }); err != nil {
		return err
	}
	before := r.meter.acked.Load()
	r.begin(phasePublish)
	took, err := r.settle(ctx, done)
	r.endAfter(phasePublish, r.meter.acked.Load()-before, "messages", took)
	return err
}
