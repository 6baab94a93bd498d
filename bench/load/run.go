package load

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"gridmq/mqtt"
)

// A run is one scenario under way.
type run struct {
	Options
	meter     meter
	result    Result
	connected atomic.Int64
	current   atomic.Value // string: the phase
	began     time.Time    // of the phase

	mu   sync.Mutex
	pubs []*publisher
}

// Run puts the load of a scenario on a broker and returns when all has arrived,
// or nothing more does. A Result comes with an error too, as far as it got.
func Run(ctx context.Context, scenario string, o Options) (*Result, error) {
	s, known := find(scenario)
	if !known {
		return nil, fmt.Errorf("unknown scenario %q: want one of %s", scenario, strings.Join(append(Names(), EventNames()...), ", "))
	}
	o = o.withDefaults(s)
	if err := o.check(); err != nil {
		return nil, err
	}
	r := &run{Options: o}
	r.meter.clock, r.meter.run = time.Now(), runID(o.Prefix)
	r.meter.from.Store(never)
	r.result = Result{
		Scenario: scenario, Version: versionName(o.Version), QoS: int(o.QoS.Level()), Size: o.Size,
		Publishers: o.Publishers, Subscribers: o.Subscribers, Persistent: o.Persistent, Rate: o.Rate,
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer r.report()()
	err := s.run(r, ctx)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return &r.result, err
}

// never is a stamp that no message reaches.
const never = int64(1) << 62

func versionName(v mqtt.Version) string {
	if v == mqtt.V5 {
		return "5.0"
	}
	return "3.1.1"
}

// begin and end enclose a phase. end notes what was done in it. The hook sees
// the broker just before and just after.
func (r *run) begin(phase string) {
	r.current.Store(phase)
	if r.Phase != nil {
		r.Phase(phase, true)
	}
	r.began = time.Now()
}

func (r *run) end(phase string, units uint64, unit string) {
	r.endAfter(phase, units, unit, time.Since(r.began))
}

// endAfter is end for a phase whose work was done before now.
func (r *run) endAfter(phase string, units uint64, unit string, took time.Duration) {
	r.result.phase(phase, unit).add(units, took)
	if r.Phase != nil {
		r.Phase(phase, false)
	}
}

// clientID names connection number i of a kind.
func (r *run) clientID(kind string, i int) string {
	return strings.ReplaceAll(r.Prefix, "/", "-") + "-" + kind + "-" + fmt.Sprint(i)
}

// openAll opens n connections, r.Connecting at a time; setUp is called with each
// (from several goroutines). Any failure ends it and closes what was opened.
func (r *run) openAll(ctx context.Context, n int, who func(i int) login, setUp func(i int, c *conn) error) ([]*conn, error) {
	conns := make([]*conn, n)
	err := each(ctx, n, r.Connecting, func(ctx context.Context, i int) error {
		c, err := r.open(ctx, who(i))
		if err != nil {
			return err
		}
		conns[i] = c
		r.connected.Add(1)
		return setUp(i, c)
	})
	if err != nil {
		for _, c := range conns {
			if c != nil {
				c.nc.Close()
			}
		}
	}
	return conns, err
}

// each calls f for 0 to n-1 from a few goroutines and returns the first error,
// after all have ended.
func each(ctx context.Context, n, workers int, f func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(workers, n) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				if err := f(ctx, i); err != nil {
					cancel(err)
				}
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// A crew is the goroutines of a run's connections. The first error ends all.
type crew struct {
	wg     sync.WaitGroup
	cancel context.CancelCauseFunc
}

// newCrew returns the context its members are to use.
func newCrew(ctx context.Context) (context.Context, *crew) {
	ctx, cancel := context.WithCancelCause(ctx)
	return ctx, &crew{cancel: cancel}
}

func (c *crew) start(f func() error) {
	c.wg.Go(func() {
		if err := f(); err != nil {
			c.cancel(err)
		}
	})
}

// settle waits until done says so, or nothing has arrived for r.Patience, or ctx
// ends. It returns how long the phase has taken: until now, or until the last
// arrival where patience ran out.
func (r *run) settle(ctx context.Context, done func() bool) (took time.Duration, err error) {
	return r.settleOn(ctx, r.meter.moved, done)
}

// settleOn is settle where moved is what changes whenever anything arrives.
func (r *run) settleOn(ctx context.Context, moved func() uint64, done func() bool) (took time.Duration, err error) {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	last, since := moved(), time.Now()
	for !done() {
		select {
		case <-ctx.Done():
			return since.Sub(r.began), context.Cause(ctx)
		case now := <-tick.C:
			if n := moved(); n != last {
				last, since = n, now
			} else if now.Sub(since) > r.Patience {
				return since.Sub(r.began), nil
			}
		}
	}
	return time.Since(r.began), nil
}

// sleep waits for d, or ctx.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}

// account adds what a receiver saw of the stream of one publisher, of which sent
// messages were meant for it.
func (r *Result) account(s *stream, sent uint64) {
	got := min(s.received(), sent)
	r.Expected += sent
	r.Delivered += got
	r.Lost += sent - got
	r.Duplicates += s.dups
	r.OutOfOrder += s.late
}

// refusals adds the acknowledgements with an error code.
func (r *Result) refusals(pubs []*publisher) {
	for _, p := range pubs {
		r.Sent += p.sent.Load()
		if p.refused > 0 {
			r.Refused += p.refused
			r.Refusal = p.refusal.String()
		}
	}
}

var errNoLoad = errors.New("needs at least one publisher and one subscriber")
