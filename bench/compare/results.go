//go:build linux

package main

import (
	"math"
	"slices"
	"time"
)

// results are all samples, by row and broker.
type results struct {
	setup   *setup
	samples map[key][]sample
	began   time.Time
	others  others
}

type key struct {
	workload string
	row      int
	broker   string
}

func newResults(s *setup) *results {
	return &results{setup: s, samples: make(map[key][]sample), began: time.Now()}
}

func (r *results) add(w workload, row int, b broker, s sample) {
	k := key{w.name, row, b.name()}
	r.samples[k] = append(r.samples[k], s)
}

// A summary is the median of the rounds, number by number.
type summary struct {
	rounds                 int // that gave a result
	failed                 int // that did not
	rate, perMillion       float64
	calls                  float64 // system calls per unit; NaN: not known
	rssPerUnit, peak, took float64 // KiB, KiB, seconds
	p50, p99, p999         float64 // seconds; NaN: not measured
	lost, duplicates       uint64  // the worst round
	outOfOrder             uint64
	err                    error // of the last round that failed
}

func (r *results) summary(w workload, row int, broker string) summary {
	var s summary
	var rate, cpu, calls, rss, peak, took, p50, p99, p999 []float64
	for _, x := range r.samples[key{w.name, row, broker}] {
		if x.err != nil {
			s.err = x.err
			s.failed++
			continue
		}
		s.rounds++
		if x.seconds > 0 {
			rate = append(rate, x.rate())
		}
		cpu, peak, took = append(cpu, x.perMillion()), append(peak, x.peak), append(took, x.seconds)
		if x.units > 0 {
			rss = append(rss, x.each())
		}
		if x.units > 0 && x.calls > 0 {
			calls = append(calls, float64(x.calls)/float64(x.units))
		}
		for _, l := range x.phase.Acks {
			if l != nil {
				p50, p99, p999 = append(p50, l.P50), append(p99, l.P99), append(p999, l.P999)
			}
		}
		if l := x.res.Latency; l != nil {
			p50, p99, p999 = append(p50, l.P50), append(p99, l.P99), append(p999, l.P999)
		}
		s.lost, s.duplicates = max(s.lost, x.res.Lost), max(s.duplicates, x.res.Duplicates)
		s.outOfOrder = max(s.outOfOrder, x.res.OutOfOrder)
	}
	s.rate, s.perMillion, s.rssPerUnit, s.peak, s.took = median(rate), median(cpu), median(rss), median(peak), median(took)
	s.calls = median(calls)
	s.p50, s.p99, s.p999 = median(p50), median(p99), median(p999)
	return s
}

// median of no values is NaN.
func median(v []float64) float64 {
	if len(v) == 0 {
		return math.NaN()
	}
	slices.Sort(v)
	n := len(v)
	return (v[(n-1)/2] + v[n/2]) / 2
}

// rival is the cheaper mosquitto in a row.
func (r *results) rival(w workload, row int) (name string, s summary, ok bool) {
	for _, b := range r.setup.brokers {
		if b.name() == self || b.name() == "base" {
			continue
		}
		if x := r.summary(w, row, b.name()); x.rounds > 0 && x.perMillion > 0 && (!ok || x.perMillion < s.perMillion) {
			name, s, ok = b.name(), x, true
		}
	}
	return name, s, ok
}

// ratio is GridMQ's CPU against the rival's; NaN without one of them.
func (r *results) ratio(w workload, row int) float64 {
	_, rival, ok := r.rival(w, row)
	ours := r.summary(w, row, self)
	if !ok || ours.rounds == 0 {
		return math.NaN()
	}
	return ours.perMillion / rival.perMillion
}
