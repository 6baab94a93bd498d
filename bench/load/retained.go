package load

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"gridmq/mqtt"
)

// retained stores one retained message on each of Messages topics, and times how
// long a new subscriber of all waits for the last of them.
func (r *run) retained(ctx context.Context) error {
	if r.Publishers == 0 || r.Messages < r.Publishers {
		return errNoLoad
	}
	r.Subscribers, r.result.Subscribers = 1, 1
	per := uint64(r.Messages / r.Publishers)
	if err := r.storeRetained(ctx, per, r.Size); err != nil {
		return err
	}
	if err := r.deliverRetained(ctx, per); err != nil {
		return err
	}
	if r.Keep {
		return nil
	}
	r.current.Store(phaseCleanup)
	return r.storeRetained(ctx, per, 0) // an empty payload removes [MQTT-3.3.1-6]
}

// storeRetained publishes per messages from each publisher, at QoS 1 at least so
// that we know when they are stored. Size 0 removes them, and is not measured.
func (r *run) storeRetained(ctx context.Context, per uint64, size int) error {
	pubs := make([]*publisher, r.Publishers)
	for i := range pubs {
		p := r.newPublisher(i, r.Prefix+"/r/0000000", true)
		p.qos = max(1, p.qos)
		p.tmpl = newTemplate(r.Version, r.Prefix+"/r/0000000", p.qos, true, r.meter.run, uint32(i), size)
		p.limit, p.tally = per, &r.meter.acked
		p.aim = func(n uint64, topic []byte) uint64 {
			putDigits(topic[len(topic)-7:], uint64(i)*per+n)
			return n
		}
		pubs[i] = p
	}
	r.mu.Lock()
	r.pubs = pubs
	r.mu.Unlock()
	if err := r.openPublishers(ctx, pubs); err != nil {
		return err
	}
	before := r.meter.acked.Load()
	if size > 0 {
		r.begin(phaseStore)
	}
	work, crew := newCrew(ctx)
	defer crew.wg.Wait()
	defer crew.cancel(nil)
	var busy atomic.Int64
	busy.Store(int64(len(pubs)))
	for _, p := range pubs {
		crew.start(func() error { defer busy.Add(-1); return p.run(work) })
	}
	took, err := r.settle(work, func() bool { return busy.Load() == 0 })
	if n := busy.Load(); n > 0 && err == nil {
		err = fmt.Errorf("%d publishers wait for acknowledgements that do not come", n)
	}
	if size > 0 {
		r.endAfter(phaseStore, r.meter.acked.Load()-before, "messages", took)
		r.result.refusals(pubs)
	}
	return err
}

// deliverRetained subscribes and reads until all topics have been seen.
func (r *run) deliverRetained(ctx context.Context, per uint64) error {
	c, err := r.open(ctx, r.login("all", 0, 0))
	if err != nil {
		return err
	}
	var seen bitset
	var distinct atomic.Uint64
	s := &receiver{conn: c, meter: &r.meter}
	s.see = func(h head) {
		n := uint64(h.publisher)*per + h.seq
		if seen.has(n) {
			r.result.Duplicates++
			return
		}
		seen.set(n)
		distinct.Add(1)
	}
	work, crew := newCrew(ctx)
	defer crew.wg.Wait()
	defer crew.cancel(nil)
	expected := per * uint64(r.Publishers)
	r.begin("deliver")
	sub := mqtt.Subscribe{PacketID: 1, Subscriptions: []mqtt.Subscription{{Filter: r.Filter, QoS: r.QoS.Level()}}}
	c.nc.SetWriteDeadline(time.Now().Add(handshakeTimeout))
	if _, err := c.nc.Write(sub.Append(nil, c.v)); err != nil {
		return err
	}
	c.nc.SetWriteDeadline(time.Time{})
	crew.start(func() error { return s.run(work) })
	took, err := r.settle(work, func() bool { return distinct.Load() >= expected })
	if err == nil {
		err = r.untilQuiet(work)
	}
	r.endAfter("deliver", distinct.Load(), "deliveries", took)
	s.leave(true)
	crew.wg.Wait()
	r.result.Expected, r.result.Delivered = expected, distinct.Load()
	r.result.Lost = expected - distinct.Load()
	return err
}
