//go:build linux

package main

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// A finding is a number of GridMQ's, held against what was to be reached.
type finding struct {
	what, measured string
	goal, aim      string // "": none
	result         result // of the goal
	aimed          bool
}

type result string

const (
	met         result = "met"
	missed      result = "MISSED"
	notMeasured result = "not measured" // for want of something to compare with
	noGoal      result = ""             // only an aim
)

// findings hold GridMQ's results in a row against its goals.
func (r *results) findings(w workload, i int) (fs []finding) {
	s := r.summary(w, i, self)
	if s.rounds+s.failed == 0 {
		return nil
	}
	if s.failed > 0 {
		fs = append(fs, finding{what: "failed rounds", measured: fmt.Sprint(s.failed), goal: "0", result: missed})
	}
	if s.rounds == 0 {
		return fs
	}
	for _, g := range w.rows[i].goals {
		fs = append(fs, r.hold(g, w, i))
	}
	if !w.rows[i].delivers {
		return fs
	}
	none := func(what string, n uint64) {
		f := finding{what: what, measured: fmt.Sprint(n), goal: "0", result: met}
		if n > 0 {
			f.result = missed
		}
		fs = append(fs, f)
	}
	none("lost", s.lost)
	if w.events != nil { // nothing failed, nothing was restarted
		none("duplicates", s.duplicates)
	}
	if w.is("sessions") {
		none("out of order", s.outOfOrder)
		if !w.kill && !w.crash { // after a crash what was not acknowledged in time comes again
			none("duplicates", s.duplicates)
		}
	}
	return fs
}

// hold compares what was measured with a goal.
func (r *results) hold(g goal, w workload, i int) finding {
	v, what, format := r.value(g, w, i)
	f := finding{what: what, measured: fmt.Sprintf(format, v)}
	if g.limit > 0 || g.measure == p99Rounds { // which has no limit but 0
		f.goal, f.result = fmt.Sprintf("%.4g", g.limit), missed
		if v <= g.limit {
			f.result = met
		}
	}
	if g.aim > 0 {
		f.aim, f.aimed = fmt.Sprintf("%.4g", g.aim), v <= g.aim
	}
	if math.IsNaN(v) {
		f.measured, f.aim, f.result = "", "", notMeasured
	}
	return f
}

// value is what was measured for a goal (NaN: nothing), its name, and how to
// print it.
func (r *results) value(g goal, w workload, i int) (v float64, what, format string) {
	s := r.summary(w, i, self)
	switch g.measure {
	case cpuRatio:
		return r.ratio(w, i), "CPU against mosquitto", "%.2f"
	case cpuEach:
		return s.perMillion, "CPU-s per million", "%.2f"
	case cpuAgainst:
		base := r.summary(workload{name: g.base}, 0, self)
		return s.perMillion / base.perMillion, "CPU against " + g.base, "%.2f"
	case cpuBeyond:
		base := r.summary(workload{name: g.base}, 0, self)
		return s.perMillion - base.perMillion, "CPU-s per million above " + g.base, "%.2f"
	case acksAgainst:
		return r.against(w, i, g.base, acks), "p99 until PUBACK against " + g.base, "%.2f"
	case deliveriesAgainst:
		return r.against(w, i, g.base, deliveries), "p99 of a subscriber against " + g.base, "%.2f"
	case memory:
		return s.rssPerUnit, "KiB a connection", "%.1f"
	case seconds:
		return s.took, "seconds", "%.2f"
	case p99Rounds:
		worse, rounds := r.p99Rounds(w, i)
		if rounds == 0 {
			return math.NaN(), "rounds with a p99 above mosquitto's", ""
		}
		return float64(worse), fmt.Sprintf("rounds of %d with a p99 above mosquitto's", rounds), "%.0f"
	}
	panic("unknown measure")
}

// p99Rounds counts the rounds in which our p99 was worse than that of the
// cheaper mosquitto.
func (r *results) p99Rounds(w workload, i int) (worse, rounds int) {
	name, _, ok := r.rival(w, i)
	if !ok {
		return 0, 0
	}
	ours, theirs := r.samples[key{w.name, i, self}], r.samples[key{w.name, i, name}]
	for k := range min(len(ours), len(theirs)) {
		if ours[k].err != nil || theirs[k].err != nil || ours[k].res.Latency == nil || theirs[k].res.Latency == nil {
			continue
		}
		rounds++
		if ours[k].res.Latency.P99 > theirs[k].res.Latency.P99 {
			worse++
		}
	}
	return worse, rounds
}

// goals counts the goals that were reached, and names those that were not.
func (r *results) goals() (reached int, missing []string) {
	r.eachRow(func(w workload, i int) {
		for _, f := range r.findings(w, i) {
			switch f.result {
			case met:
				reached++
			case missed:
				missing = append(missing, fmt.Sprintf("%s: %s %s, goal %s", w.title(i), f.measured, f.what, f.goal))
			}
		}
	})
	return reached, missing
}

// eachRow visits all rows in their order.
func (r *results) eachRow(visit func(w workload, i int)) {
	for _, w := range r.setup.workloads {
		for i := range w.rows {
			visit(w, i)
		}
	}
}

// title is the name of a row.
func (w *workload) title(i int) string {
	if len(w.rows) > 1 {
		return w.name + " " + w.rows[i].phase
	}
	return w.name
}

func oneLineOf(err error) string { return strings.ReplaceAll(err.Error(), "\n", " ") }

// verdict is an error when GridMQ failed or lost something: that is never a
// matter of speed.
func (r *results) verdict() error {
	var bad []string
	r.eachRow(func(w workload, i int) {
		s := r.summary(w, i, self)
		if s.err != nil {
			bad = append(bad, fmt.Sprintf("%s failed: %s", w.name, oneLineOf(s.err)))
		}
		if s.lost > 0 {
			bad = append(bad, fmt.Sprintf("%s lost %d", w.name, s.lost))
		}
	})
	if len(bad) == 0 {
		return nil
	}
	return errors.New("gridmq: " + strings.Join(slices.Compact(bad), "; "))
}
