package load

import (
	"context"
	"sync/atomic"
	"time"
)

// traffic runs a plan: everybody connects, publishers send for Warmup and
// Duration, and what is on its way arrives.
func (r *run) traffic(ctx context.Context) error {
	if r.Publishers == 0 || r.Subscribers == 0 {
		return errNoLoad
	}
	if r.result.Scenario == "pairs" || r.result.Scenario == "latency" {
		r.Subscribers = r.Publishers
		r.result.Subscribers = r.Publishers
	}
	p := r.newPlan()
	stop := make(chan struct{})
	pubs := r.newPublishers(p, stop)
	subs, err := r.openSubscribers(ctx, p, pubs)
	if err != nil {
		return err
	}
	work, crew := newCrew(ctx)
	defer crew.wg.Wait()
	defer crew.cancel(nil)
	for _, s := range subs {
		crew.start(func() error { return s.run(work) })
	}
	if err := r.openPublishers(ctx, pubs); err != nil {
		return err
	}
	var busy atomic.Int64
	busy.Store(int64(len(pubs)))
	for _, p := range pubs {
		crew.start(func() error { defer busy.Add(-1); return p.run(work) })
	}
	err = r.measure(work, p, pubs, stop, &busy)
	for _, s := range subs {
		s.leave(r.Persistent)
	}
	crew.cancel(nil) // publishers that never got their acknowledgements
	crew.wg.Wait()
	r.tally(p, pubs, subs)
	if r.Persistent && err == nil {
		err = r.forgetSessions(ctx, pubs, subs)
	}
	return err
}

// measure waits out the warm-up, the time that counts, and the rest.
func (r *run) measure(ctx context.Context, p plan, pubs []*publisher, stop chan struct{}, busy *atomic.Int64) error {
	r.current.Store("warm-up")
	if err := sleep(ctx, r.Warmup); err != nil {
		return err
	}
	r.begin("traffic")
	before := r.meter.got.Load()
	r.meter.from.Store(int64(time.Since(r.meter.clock)))
	err := sleep(ctx, r.Duration)
	close(stop)
	if err != nil {
		return err
	}
	expected := func() (n uint64) {
		for _, pub := range pubs {
			n += pub.sent.Load() * uint64(p.fan)
		}
		return n
	}
	took, err := r.settle(ctx, func() bool { return busy.Load() == 0 && r.meter.got.Load() >= expected() })
	r.endAfter("traffic", r.meter.got.Load()-before, "deliveries", took)
	return err
}

func (r *run) newPublishers(p plan, stop chan struct{}) []*publisher {
	pubs := make([]*publisher, r.Publishers)
	for i := range pubs {
		pubs[i] = r.newPublisher(i, p.topic(i), false)
		pubs[i].fan = int64(p.fan)
		pubs[i].window.limit = r.inTransit(p) * int64(p.fan)
		pubs[i].aim = p.aim
		pubs[i].stop = stop
		pubs[i].forget = r.Persistent
		if r.Rate > 0 {
			interval := time.Duration(float64(r.Publishers) / r.Rate * float64(time.Second))
			// Spread over the first interval, and from when it starts.
			pubs[i].pace = &schedule{interval: interval, offset: interval * time.Duration(i) / time.Duration(r.Publishers)}
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pubs = pubs
	return pubs
}

// newPublisher makes one that sends to a topic as fast as Window allows.
func (r *run) newPublisher(i int, topic string, retain bool) *publisher {
	qos := r.QoS.Level()
	return &publisher{
		number:      uint32(i),
		clock:       r.meter.clock,
		window:      window{limit: never, bell: newBell()},
		fan:         1,
		tmpl:        newTemplate(r.Version, topic, qos, retain, r.meter.run, uint32(i), r.Size),
		qos:         qos,
		inflightMax: r.Window,
	}
}

func (r *run) openSubscribers(ctx context.Context, p plan, pubs []*publisher) ([]*receiver, error) {
	subs := make([]*receiver, r.Subscribers)
	_, err := r.openAll(ctx, len(subs), func(i int) login { return r.login("sub", i, i) }, func(i int, c *conn) error {
		mine := pubs[p.from(i):p.to(i)]
		subs[i] = &receiver{conn: c, meter: &r.meter, base: uint32(p.from(i)), pubs: mine, streams: make([]stream, len(mine))}
		return c.subscribe(p.filters(i), r.QoS.Level())
	})
	return subs, err
}

func (r *run) openPublishers(ctx context.Context, pubs []*publisher) error {
	_, err := r.openAll(ctx, len(pubs), func(i int) login { return r.login("pub", r.Subscribers+i, i) },
		func(i int, c *conn) error { pubs[i].conn = c; return nil })
	return err
}

// sessionKept is the session expiry that persistent sessions ask for, in seconds.
const sessionKept = 3600

func (r *run) login(kind string, index, i int) login {
	l := login{index: index, id: r.clientID(kind, i)}
	if r.Persistent {
		l.resume, l.expiry = true, sessionKept
	}
	return l
}

// tally fills in the result, when nothing moves any more.
func (r *run) tally(p plan, pubs []*publisher, subs []*receiver) {
	r.result.refusals(pubs)
	var all Histogram
	for i, s := range subs {
		for k := range s.streams {
			r.result.account(&s.streams[k], p.meantFor(i, pubs[p.from(i)+k].sent.Load()))
		}
		all.Merge(&s.hist)
	}
	r.result.Latency = latencyOf("latency", &all)
}

// forgetSessions ends the persistent sessions of a 3.1.1 run, where only a
// clean session takes an old one away. 5.0 has done it with DISCONNECT.
func (r *run) forgetSessions(ctx context.Context, pubs []*publisher, subs []*receiver) error {
	var ids []string
	for _, p := range pubs {
		ids = append(ids, p.id)
	}
	for _, s := range subs {
		ids = append(ids, s.id)
	}
	return r.forget(ctx, ids)
}

func (r *run) forget(ctx context.Context, ids []string) error {
	return each(ctx, len(ids), r.Connecting, func(ctx context.Context, i int) error {
		c, err := r.open(ctx, login{index: i, id: ids[i]})
		if err == nil {
			c.leave(true)
		}
		return err
	})
}
