//go:build linux

package main

import (
	"fmt"
	"math"
	"slices"

	"gridmq/bench/load"
)

// Turns are the phases of a workload that come again and again, in turn: what was the
// p99 of each time is one value, and its median over all times is what is compared.

type span struct{ low, median, high float64 } // seconds; the quarters

// turns are the p99s of GridMQ in a row, of all its times.
func (r *results) turns(w workload, row int, of func(load.Phase) []*load.Latency) (p99s []float64) {
	for _, x := range r.samples[key{w.name, row, self}] {
		if x.err != nil {
			continue
		}
		for _, l := range of(x.phase) {
			if l != nil {
				p99s = append(p99s, l.P99)
			}
		}
	}
	return p99s
}

func acks(p load.Phase) []*load.Latency       { return p.Acks }
func deliveries(p load.Phase) []*load.Latency { return p.Deliveries }

// spanOf is NaN where there are no values.
func spanOf(v []float64) span {
	if len(v) == 0 {
		return span{math.NaN(), math.NaN(), math.NaN()}
	}
	v = slices.Sorted(slices.Values(v))
	return span{v[len(v)/4], median(v), v[len(v)-1-len(v)/4]}
}

// against is the median p99 of a row against that of another row of the workload.
func (r *results) against(w workload, row int, base string, of func(load.Phase) []*load.Latency) float64 {
	if i := w.row(base); i >= 0 {
		return spanOf(r.turns(w, row, of)).median / spanOf(r.turns(w, i, of)).median
	}
	return math.NaN()
}

var turnColumns = []string{"scenario", "seen by", "turns", "messages", "p99", "middle half of the turns", "to healthy", "to none"}

// turnLines are the rows with turns, as publishers and as subscribers see them.
func (r *results) turnLines() (lines [][]string) {
	for _, side := range []struct {
		who string
		of  func(load.Phase) []*load.Latency
	}{{"publishers (PUBACK)", acks}, {"subscriber", deliveries}} {
		r.eachRow(func(w workload, i int) {
			all := r.turns(w, i, side.of)
			if len(all) == 0 {
				return
			}
			var units uint64
			for _, x := range r.samples[key{w.name, i, self}] {
				units += x.units
			}
			s := spanOf(all)
			lines = append(lines, []string{w.title(i), side.who, fmt.Sprint(len(all)), thousands(float64(units)), short(s.median),
				short(s.low) + " to " + short(s.high), decimals(r.against(w, i, load.TurnHealthy, side.of)), decimals(r.against(w, i, load.TurnNone, side.of))})
		})
	}
	return lines
}
