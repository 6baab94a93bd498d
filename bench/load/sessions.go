package load

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"
)

// The phases of the sessions scenario.
const (
	phaseSetup   = "setup"
	phaseStore   = "store"
	phaseDrain   = "drain"
	phaseCleanup = "cleanup"
)

// quiet is how long nothing must arrive after everything has, before we believe
// that there are no duplicates.
const quiet = 300 * time.Millisecond

// A depot is the layout of the sessions scenario: message n of publisher p goes
// to session (n + an offset of p) mod sessions, so that each session gets
// messages from every publisher, and each publisher hits all in turn.
type depot struct {
	r          *run
	publishers uint64
	sessions   uint64
	each       uint64   // messages of one publisher
	acked      []bitset // by publisher: the numbers the broker is answerable for
}

func (d *depot) offset(p uint64) uint64 { return p * d.sessions / d.publishers }

// place is the session of message n of publisher p, and its number there.
func (d *depot) place(p, n uint64) (session, seq uint64) {
	return (n + d.offset(p)) % d.sessions, n / d.sessions
}

// sessions stores messages for offline sessions and drains them.
func (r *run) sessions(ctx context.Context) error {
	if r.Publishers == 0 || r.Subscribers == 0 {
		return errNoLoad
	}
	if r.QoS == QoS0 {
		return fmt.Errorf("nothing is kept for offline sessions at QoS 0: use 1 or 2")
	}
	r.result.Persistent = true
	d := &depot{r: r, publishers: uint64(r.Publishers), sessions: uint64(r.Subscribers), each: uint64(r.Messages / r.Publishers)}
	steps := []struct {
		name string
		do   func(context.Context) error
	}{
		{phaseSetup, d.setup}, {phaseStore, d.store}, {phaseDrain, d.drain}, {phaseCleanup, d.cleanup},
	}
	for _, s := range steps {
		if !slices.Contains(r.Phases, s.name) {
			continue
		}
		r.current.Store(s.name)
		if err := s.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		if s.name == phaseStore && r.Between != nil {
			if err := r.Between(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *depot) topic(s int) string { return fmt.Sprintf("%s/s/%06d", d.r.Prefix, s) }

// setup makes the sessions, empty, with their subscription, and leaves them.
func (d *depot) setup(ctx context.Context) error {
	r := d.r
	return each(ctx, r.Subscribers, r.Connecting, func(ctx context.Context, i int) error {
		l := login{index: i, id: r.clientID("session", i)}
		c, err := r.open(ctx, l)
		if err != nil {
			return err
		}
		c.leave(true) // whatever was there is gone; 3.1.1 cannot ask for "clean" and "kept" at once
		l.resume, l.expiry = true, sessionKept
		if c, err = r.open(ctx, l); err != nil {
			return err
		}
		defer c.leave(false)
		return c.subscribe([]string{d.topic(i)}, r.QoS.Level())
	})
}

// store publishes everything and waits for the acknowledgements.
func (d *depot) store(ctx context.Context) error {
	r := d.r
	pubs := make([]*publisher, r.Publishers)
	for i := range pubs {
		p := r.newPublisher(i, d.topic(0), false)
		p.limit, p.record, p.tally = d.each, true, &r.meter.acked
		p.aim = func(n uint64, topic []byte) uint64 {
			s, seq := d.place(uint64(i), n)
			putDigits(topic[len(topic)-6:], s)
			return seq
		}
		pubs[i] = p
	}
	r.mu.Lock()
	r.pubs = pubs
	r.mu.Unlock()
	if err := r.openPublishers(ctx, pubs); err != nil {
		return err
	}
	r.begin(phaseStore)
	took, err := d.publish(ctx, pubs)
	r.endAfter(phaseStore, r.meter.acked.Load(), "messages", took)
	r.result.refusals(pubs)
	for _, p := range pubs {
		d.acked = append(d.acked, p.acked)
	}
	return err
}

// publish runs the publishers to their end. When the broker is to be killed in
// the middle, their ends are not errors.
func (d *depot) publish(ctx context.Context, pubs []*publisher) (time.Duration, error) {
	r := d.r
	work, crew := newCrew(ctx)
	defer crew.wg.Wait()
	defer crew.cancel(nil)
	var busy atomic.Int64
	busy.Store(int64(len(pubs)))
	for _, p := range pubs {
		crew.start(func() error {
			defer busy.Add(-1)
			err := p.run(work)
			if r.During != nil {
				return nil
			}
			return err
		})
	}
	if r.During != nil {
		half := uint64(r.Messages) / 2
		if _, err := r.settle(work, func() bool { return r.meter.acked.Load() >= half }); err != nil {
			return 0, err
		}
		if err := r.During(work); err != nil {
			return 0, err
		}
	}
	took, err := r.settle(work, func() bool { return busy.Load() == 0 })
	if n := busy.Load(); n > 0 && err == nil {
		err = fmt.Errorf("%d publishers wait for acknowledgements that do not come", n)
	}
	return took, err
}

// drain brings the sessions back and reads what was kept for them.
func (d *depot) drain(ctx context.Context) error {
	r := d.r
	work, crew := newCrew(ctx)
	defer crew.wg.Wait()
	defer crew.cancel(nil)
	subs := make([]*receiver, r.Subscribers)
	r.begin(phaseDrain)
	before, expected := r.meter.got.Load(), d.expected()
	_, err := r.openAll(work, len(subs),
		func(i int) login {
			return login{index: i, id: r.clientID("session", i), resume: true, expiry: sessionKept}
		},
		func(i int, c *conn) error {
			subs[i] = &receiver{conn: c, meter: &r.meter, streams: make([]stream, r.Publishers)}
			crew.start(func() error { return subs[i].run(work) })
			return nil
		})
	if err != nil {
		return err
	}
	took, err := r.settle(work, func() bool { return r.meter.got.Load()-before >= expected })
	if err == nil {
		err = r.untilQuiet(work)
	}
	r.endAfter(phaseDrain, r.meter.got.Load()-before, "deliveries", took)
	for _, s := range subs {
		s.leave(false)
	}
	crew.cancel(nil)
	crew.wg.Wait()
	d.tally(subs)
	return err
}

// untilQuiet waits until nothing has arrived for a moment.
func (r *run) untilQuiet(ctx context.Context) error {
	for {
		got := r.meter.got.Load()
		if err := sleep(ctx, quiet); err != nil {
			return err
		}
		if r.meter.got.Load() == got {
			return nil
		}
	}
}

// answerable says whether message n of publisher p has to arrive. A process that
// only drains goes by what the storing one must have been told.
func (d *depot) answerable(p, n uint64) bool {
	return d.acked == nil || d.acked[p].has(n)
}

func (d *depot) expected() (sum uint64) {
	for p := range d.publishers {
		for n := range d.each {
			if d.answerable(p, n) {
				sum++
			}
		}
	}
	return sum
}

func (d *depot) tally(subs []*receiver) {
	res := &d.r.result
	for p := range d.publishers {
		for n := range d.each {
			if !d.answerable(p, n) {
				continue
			}
			res.Expected++
			if s, seq := d.place(p, n); subs[s].streams[p].has(seq) {
				res.Delivered++
			}
		}
	}
	res.Lost = res.Expected - res.Delivered
	for _, s := range subs {
		if !s.sessionPresent {
			res.SessionsLost++
		}
		for i := range s.streams {
			res.Duplicates += s.streams[i].dups
			res.OutOfOrder += s.streams[i].late
		}
	}
}

// cleanup leaves no session behind.
func (d *depot) cleanup(ctx context.Context) error {
	ids := make([]string, d.sessions)
	for i := range ids {
		ids[i] = d.r.clientID("session", i)
	}
	return d.r.forget(ctx, ids)
}

// putDigits writes v in decimal into all of b, with leading zeros.
func putDigits(b []byte, v uint64) {
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = '0' + byte(v%10)
		v /= 10
	}
}
