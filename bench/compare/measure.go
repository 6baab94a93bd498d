//go:build linux

package main

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"os"
	"runtime/debug"
	"time"

	"gridmq/bench/load"
)

// A sample is what one run of a workload on a broker gave for a row.
type sample struct {
	units   uint64
	seconds float64
	cpu     time.Duration // of the phase
	phase   load.Phase
	calls   uint64  // reads and writes of the phase; 0: not known
	rss     float64 // KiB gained since the load began
	peak    float64 // KiB, of the whole run
	res     *load.Result
	err     error
}

// perMillion is CPU-seconds per million units.
func (s *sample) perMillion() float64 {
	if s.units == 0 {
		return 0
	}
	return s.cpu.Seconds() / float64(s.units) * 1e6
}

// rate is units a second; NaN when it took no time.
func (s *sample) rate() float64 {
	if s.seconds == 0 {
		return math.NaN()
	}
	return float64(s.units) / s.seconds
}

// each is the memory that a unit has taken, in KiB; NaN without units.
func (s *sample) each() float64 {
	if s.units == 0 {
		return math.NaN()
	}
	return s.rss / float64(s.units)
}

// measureAll runs everything: each workload with all its rounds before the next,
// the brokers in turn within a round, and another first in each round.
func (s *setup) measureAll(ctx context.Context) *results {
	res := newResults(s)
	before := takeAccount()
	defer func() { res.others = before.until(takeAccount()) }()
	total, n := 0, 0
	left := estimate{began: time.Now()}
	for _, w := range s.workloads {
		runs := s.roundsOf(w) * len(s.brokersFor(w))
		total, left.total = total+runs, left.total+time.Duration(runs)*w.lasts(s.duration)
	}
	fmt.Fprintf(os.Stderr, "%d to run, about %s; data folders in %s\n", total, about(left.total), s.dir)
	for _, w := range s.workloads {
		brokers := s.brokersFor(w)
		for round := range s.roundsOf(w) {
			for i := range brokers {
				b := brokers[(i+round)%len(brokers)]
				if ctx.Err() != nil {
					return res
				}
				n++
				step := fmt.Sprintf("[%d/%d, %s left] %s, round %d, %s", n, total, about(left.left(time.Now())), w.name, round+1, b.name())
				s.status.begin(step)
				samples := s.measure(ctx, w, b)
				if ctx.Err() != nil {
					s.status.end("interrupted")
					return res
				}
				for i := range w.rows {
					res.add(w, i, b, samples[i])
				}
				s.status.end(oneLine(w, samples))
				left.done += w.lasts(s.duration)
			}
		}
	}
	return res
}

func (s *setup) roundsOf(w workload) int { return cmp.Or(w.runs, s.rounds) }

// brokersFor are the brokers that run w: of mosquitto one is enough where the two
// do not differ.
func (s *setup) brokersFor(w workload) (bs []broker) {
	mosquitto := false
	for _, b := range s.brokers {
		_, is := b.(mosquittoBroker)
		if is && w.events != nil {
			continue
		}
		if w.once && is && mosquitto {
			continue
		}
		bs, mosquitto = append(bs, b), mosquitto || is
	}
	return bs
}

// lasts is about how long a run of w takes, from start to end.
func (w *workload) lasts(duration time.Duration) time.Duration {
	switch w.scenario {
	case "sessions", "retained", "idle":
		return 9 * time.Second // their size is given, not their time; the slower broker's counts
	case "publish", "routed", "posted", "pushed":
		return 15 * time.Second // likewise
	case "webhooks":
		return 2 * time.Minute
	case "latency":
		duration *= latencyFactor
	}
	return duration + 3*time.Second // start, warm-up, the rest of the queue
}

// measure runs a workload once on a fresh broker.
func (s *setup) measure(ctx context.Context, w workload, b broker) []sample {
	samples := make([]sample, len(w.rows))
	failed := func(err error) []sample {
		for i := range samples {
			samples[i].err = err
		}
		return samples
	}
	debug.FreeOSMemory() // what the run before has left is not to disturb this one
	dir, err := os.MkdirTemp(s.dir, b.name()+"-")
	if err != nil {
		return failed(err)
	}
	defer os.RemoveAll(dir)
	if w.hooks, err = w.events.hooks(); err != nil {
		return failed(err)
	}
	defer closeAll(w.hooks)
	l, err := b.command(dir, w)
	if err != nil {
		return failed(err)
	}
	p, err := start(ctx, l, s.verbose)
	if err != nil {
		return failed(err)
	}
	defer p.kill()
	time.Sleep(300 * time.Millisecond) // what a broker does after it is ready is not the load's
	o, err := s.loadFor(w, p)
	if err != nil {
		return failed(err)
	}
	phases := p.watch(&o)
	r, err := load.Run(ctx, w.scenario, o)
	_, peak := p.memory()
	if err != nil {
		if log := p.log.String(); log != "" {
			err = fmt.Errorf("%w; the broker says: %s", err, log)
		}
		return failed(err)
	}
	for i, row := range w.rows {
		ph, cost := r.Phase(row.phase), phases[row.phase]
		if row.memory != "" {
			cost.rss = phases[row.memory].rss
		}
		samples[i] = sample{phase: ph, units: ph.Units, seconds: ph.Seconds, cpu: cost.cpu, calls: cost.calls, rss: cost.rss, peak: max(peak, cost.peak), res: r, err: cost.err}
	}
	return samples
}

// latencyFactor prolongs the paced scenarios: they have fewer messages a second,
// and it is the tail that counts.
const latencyFactor = 2

// loadFor is the load of w on the broker p.
func (s *setup) loadFor(w workload, p *process) (load.Options, error) {
	o := w.o
	o.URL, o.Events = p.url, p.launch.events
	if !w.is("webhooks") {
		o.Duration = cmp.Or(o.Duration, s.duration)
	}
	if w.is("latency") {
		o.Duration *= latencyFactor
	}
	if need := o.Subscribers + 500; need > openFiles() {
		return o, fmt.Errorf("needs %d open files, the limit is %d (ulimit -n)", need, openFiles())
	}
	if w.tls {
		devices, err := s.devices(w)
		if err != nil {
			return o, err
		}
		o.TLSFor = devices
	}
	switch {
	case w.kill:
		o.Between = p.restart
	case w.crash:
		o.During = p.restart
	}
	o.Progress = func(p load.Progress) { s.status.progress(brief(p)) }
	return o, nil
}

// brief is a progress that leaves room on the line for what is being done.
func brief(p load.Progress) string {
	what := thousands(max(p.SentRate, p.DeliveredRate)) + "/s"
	if p.Sent == 0 && p.Delivered == 0 {
		what = thousands(float64(p.Connected)) + " connections"
	}
	return fmt.Sprintf("%.0f s, %s %s", p.Elapsed.Seconds(), p.Phase, what)
}

// A cost is what a broker spent in a phase.
type cost struct {
	cpu       time.Duration
	calls     uint64
	rss, peak float64
	err       error
}

// watch hooks into the phases of a run. The map is filled as they end.
func (p *process) watch(o *load.Options) map[string]cost {
	costs := make(map[string]cost)
	before, _ := p.memory()
	var cpu time.Duration
	var calls uint64
	var pid int
	o.Phase = func(phase string, begin bool) {
		now, err := p.cpu()
		memory, peak := p.memory()
		if begin {
			cpu, calls, pid = now, p.calls(), p.cmd.Process.Pid
			return
		}
		c := cost{cpu: now - cpu, rss: memory - before, peak: peak, err: err}
		if p.cmd.Process.Pid == pid { // else a part of them has gone with a predecessor
			c.calls = p.calls() - calls
		}
		if was, again := costs[phase]; again { // a phase that comes several times
			c.cpu, c.calls = c.cpu+was.cpu, c.calls+was.calls
		}
		costs[phase] = c
	}
	return costs
}
