package load

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// What becomes of the messages of a turn: their event topic has a subscription that
// nobody pulls from, or a webhook in this state. They are names of topics and of
// webhooks in Events too, and of phases.
const (
	TurnNone    = "none"
	TurnHealthy = "healthy"
	TurnSlow    = "slow"
	TurnDead    = "dead"
)

// Turns are all of them, in order. Messages below PREFIX/w/i are to be routed to the
// topic Turns()[i].
func Turns() []string { return []string{TurnNone, TurnHealthy, TurnSlow, TurnDead} }

const (
	slowAnswer = 2 * time.Second
	// leadIn is how long messages go to the next topic before they count.
	leadIn = 250 * time.Millisecond
)

// webhooks has the same publishers at the same pace go on without a break, and turns
// their messages to one topic after the other, many times: to one whose webhook is
// healthy, slow, dead. What their publishers and an MQTT subscriber see of each turn is
// told by itself. In the end all webhooks are healthy, and everything must have come.
func (r *run) webhooks(ctx context.Context) error {
	names := Turns()
	if r.Events == nil {
		return errNoEvents
	}
	if r.Publishers == 0 || r.Subscribers == 0 || r.Rate == 0 {
		return fmt.Errorf("%w, and a rate", errNoLoad)
	}
	for _, name := range names[1:] {
		if r.Events.Hooks[name] == nil {
			return errNoHook
		}
	}
	w := &turning{r: r, stop: make(chan struct{})}
	for _, name := range names {
		c := newCensus(r.meter.run, r.Publishers)
		w.censuses = append(w.censuses, c)
		if h := r.Events.Hooks[name]; h != nil {
			h.count(c)
		}
	}
	r.Events.Hooks[TurnSlow].Slow(slowAnswer)
	r.Events.Hooks[TurnDead].Kill()
	return w.run(ctx)
}

// turning is a run of the scenario webhooks.
type turning struct {
	r        *run
	stop     chan struct{}
	pubs     []*publisher
	sub      *receiver
	sent     [][]uint64 // by turn and publisher; a publisher's own until it has ended
	censuses []*census  // by turn
	now      atomic.Int32
	came     atomic.Uint64 // MQTT deliveries

	mu    sync.Mutex
	turns []turn
}

// A turn is a while in which all messages were routed to one topic. Those stamped from
// from to to count.
type turn struct {
	which            int
	from, to         int64 // on the clock of the run
	acks, deliveries Histogram
}

func (w *turning) run(ctx context.Context) error {
	r := w.r
	if err := w.open(ctx); err != nil {
		return err
	}
	work, crew := newCrew(ctx)
	defer crew.wg.Wait()
	defer crew.cancel(nil)
	crew.start(func() error { return w.sub.run(work) })
	var busy atomic.Int64
	busy.Store(int64(len(w.pubs)))
	for _, p := range w.pubs {
		crew.start(func() error { defer busy.Add(-1); return p.run(work) })
	}
	err := w.takeTurns(work)
	close(w.stop)
	if err == nil {
		_, err = r.settle(work, func() bool { return busy.Load() == 0 && w.came.Load() >= r.meter.acked.Load() })
	}
	w.sub.leave(false)
	crew.cancel(nil)
	crew.wg.Wait()
	r.result.refusals(w.pubs)
	if err == nil && r.result.Refused > 0 {
		err = fmt.Errorf("%d messages refused, the last with %s", r.result.Refused, r.result.Refusal)
	}
	if err != nil {
		return err
	}
	w.tell()
	err = w.recover(ctx)
	for i, c := range w.censuses {
		c.into(&r.result, w.sent[i])
	}
	return err
}

// open connects everybody: publishers, and one subscriber of all of them.
func (w *turning) open(ctx context.Context) error {
	r := w.r
	base := r.Prefix + "/w/"
	w.sent = make([][]uint64, len(w.censuses))
	for i := range w.sent {
		w.sent[i] = make([]uint64, r.Publishers)
	}
	conns, err := r.openAll(ctx, 1, func(i int) login { return r.login("sub", 0, 0) }, func(_ int, c *conn) error {
		return c.subscribe([]string{base + "#"}, r.QoS.Level())
	})
	if err != nil {
		return err
	}
	w.sub = &receiver{conn: conns[0], meter: &r.meter, see: w.delivered}
	interval := time.Duration(float64(r.Publishers) / r.Rate * float64(time.Second))
	for i := range r.Publishers {
		p := r.newPublisher(i, fmt.Sprintf("%s0/%d", base, i), false)
		p.stop, p.tally, p.acks = w.stop, &r.meter.acked, w.acknowledged
		p.pace = &schedule{interval: interval, offset: interval * time.Duration(i) / time.Duration(r.Publishers)}
		p.aim = func(_ uint64, topic []byte) (seq uint64) {
			which := w.now.Load()
			topic[len(base)] = '0' + byte(which)
			n := &w.sent[which][i]
			*n++
			return *n - 1
		}
		w.pubs = append(w.pubs, p)
	}
	r.mu.Lock()
	r.pubs = w.pubs
	r.mu.Unlock()
	return r.openPublishers(ctx, w.pubs)
}

// takeTurns takes all of them Rounds times, each time in another order, so that none
// always follows the same.
func (w *turning) takeTurns(ctx context.Context) error {
	w.r.current.Store("warm-up")
	if err := sleep(ctx, w.r.Warmup); err != nil {
		return err
	}
	names := Turns()
	for round := range w.r.Rounds {
		for i := range names {
			which := turnOf(round, i)
			if err := w.take(ctx, which, names[which]); err != nil {
				return err
			}
		}
	}
	return nil
}

// turnOf is which turn comes at place i of a round: forwards, then backwards, then from
// the next one on.
func turnOf(round, i int) int {
	n := len(Turns())
	if round%2 == 1 {
		i = n - 1 - i
	}
	return (i + round/2) % n
}

// take is one turn. It is a phase.
func (w *turning) take(ctx context.Context, which int, name string) error {
	r := w.r
	w.now.Store(int32(which))
	if err := sleep(ctx, leadIn); err != nil {
		return err
	}
	before := r.meter.acked.Load()
	r.begin(name)
	w.mu.Lock()
	w.turns = append(w.turns, turn{which: which, from: int64(time.Since(r.meter.clock)), to: never})
	w.mu.Unlock()
	err := sleep(ctx, r.Duration)
	w.mu.Lock()
	w.turns[len(w.turns)-1].to = int64(time.Since(r.meter.clock))
	w.mu.Unlock()
	r.end(name, r.meter.acked.Load()-before, "messages")
	return err
}

// acknowledged and delivered are told every message by its stamp.
func (w *turning) acknowledged(stamp int64) {
	w.note(stamp, func(t *turn) *Histogram { return &t.acks })
}

func (w *turning) delivered(h head) {
	w.came.Add(1)
	w.note(h.stamp, func(t *turn) *Histogram { return &t.deliveries })
}

func (w *turning) note(stamp int64, of func(*turn) *Histogram) {
	took := time.Since(w.r.meter.clock) - time.Duration(stamp)
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := len(w.turns) - 1; i >= 0; i-- {
		t := &w.turns[i]
		if stamp >= t.to {
			return // between turns
		}
		if stamp >= t.from {
			of(t).Add(took, 1)
			return
		}
	}
}

// tell notes in the phases what their turns were like.
func (w *turning) tell() {
	for i := range w.r.result.Phases {
		p := &w.r.result.Phases[i]
		which := slices.Index(Turns(), p.Name)
		for k := range w.turns {
			if t := &w.turns[k]; t.which == which {
				p.Acks = append(p.Acks, latencyOf("acknowledgement", &t.acks))
				p.Deliveries = append(p.Deliveries, latencyOf("delivery", &t.deliveries))
			}
		}
	}
}

// recover heals the webhooks and waits until all events have come, or nothing does.
func (w *turning) recover(ctx context.Context) error {
	r := w.r
	r.current.Store("recover")
	r.Patience = max(r.Patience, recoverPatience)
	r.Events.Hooks[TurnSlow].Slow(0)
	if err := r.Events.Hooks[TurnDead].Revive(); err != nil {
		return err
	}
	for i, name := range Turns() {
		var all uint64
		for _, n := range w.sent[i] {
			all += n
		}
		var err error
		if i == 0 {
			err = r.pull(ctx, phasePull, subscriptionPath(name, PullSub), w.censuses[i], all)
		} else {
			_, err = r.settleOn(ctx, w.censuses[i].received, func() bool { return w.censuses[i].received() >= all })
		}
		if err != nil {
			return err
		}
	}
	return sleep(ctx, quiet)
}

// recoverPatience covers the pause of an endpoint that has failed, 33 seconds, and the
// next attempt of an event that was tried four times, five minutes after the first.
const recoverPatience = 6 * time.Minute
