//go:build linux

package main

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"gridmq/bench/load"
)

// trial is the results of one workload, told sample by sample.
type trial struct {
	*results
	w workload
}

func newTrial(w workload) *trial {
	return &trial{w: w, results: newResults(&setup{
		options: options{workloads: []workload{w}, rounds: 3, duration: time.Second},
		brokers: []broker{gridMQ{label: self}, mosquittoBroker{}, mosquittoBroker{noDelay: true}},
	})}
}

// took adds a round in which a million units cost seconds of CPU time.
func (r *trial) took(broker string, cpuSeconds float64, change ...func(*sample)) {
	s := sample{units: 1_000_000, seconds: 2, cpu: time.Duration(cpuSeconds * 1e9), peak: 2048, res: &load.Result{Expected: 1_000_000, Delivered: 1_000_000}}
	for _, c := range change {
		c(&s)
	}
	r.samples[key{r.w.name, 0, broker}] = append(r.samples[key{r.w.name, 0, broker}], s)
}

func lost(n uint64) func(*sample) { return func(s *sample) { s.res.Lost = n } }
func failed(s *sample)            { *s = sample{err: errors.New("broken\npipe")} }
func p99(v float64) func(*sample) {
	return func(s *sample) { s.res.Latency = &load.Latency{P50: v / 2, P99: v, P999: 2 * v} }
}
func memoryOf(v float64) func(*sample) { return func(s *sample) { s.rss = v * float64(s.units) } }

func TestMedian(t *testing.T) {
	for want, values := range map[float64][]float64{2: {3, 1, 2}, 2.5: {4, 1, 3, 2}, 7: {7}} {
		if got := median(values); got != want {
			t.Errorf("median of %v is %v, want %v", values, got, want)
		}
	}
	if got := median(nil); !math.IsNaN(got) {
		t.Errorf("median of nothing is %v", got)
	}
}

func TestSummary(t *testing.T) {
	r := newTrial(workload{name: "w", rows: steady(0)})
	r.took(self, 3, p99(0.1))
	r.took(self, 1, p99(0.3), lost(7))
	r.took(self, 0, failed)
	r.took(self, 2, p99(0.2))
	s := r.summary(r.w, 0, self)
	if s.rounds != 3 || s.failed != 1 || s.err == nil {
		t.Errorf("%d rounds, %d failed with %v, want 3, and 1 with an error", s.rounds, s.failed, s.err)
	}
	if s.perMillion != 2 || s.p99 != 0.2 || s.rate != 500_000 {
		t.Errorf("medians: %v CPU-s/M, p99 %v, %v/s, want 2, 0.2 and 500,000", s.perMillion, s.p99, s.rate)
	}
	if s.lost != 7 {
		t.Errorf("%d lost, want those of the worst round, 7", s.lost)
	}
}

// TestRatio: GridMQ is compared with the cheaper mosquitto, which has delivered
// something.
func TestRatio(t *testing.T) {
	r := newTrial(workload{name: "w", rows: steady(0)})
	r.took(self, 2)
	if got := r.ratio(r.w, 0); !math.IsNaN(got) {
		t.Errorf("ratio to nobody is %v", got)
	}
	r.took("mosquitto", 10)
	r.took("mosquitto-nodelay", 8)
	if name, _, _ := r.rival(r.w, 0); name != "mosquitto-nodelay" || r.ratio(r.w, 0) != 0.25 {
		t.Errorf("ratio %v to %s, want 0.25 to mosquitto-nodelay", r.ratio(r.w, 0), name)
	}
	r = newTrial(r.w)
	r.took(self, 2)
	r.took("mosquitto", 10)
	r.took("mosquitto-nodelay", 0, func(s *sample) { s.units = 0 })
	if name, _, _ := r.rival(r.w, 0); name != "mosquitto" {
		t.Errorf("compared with %s, which has delivered nothing", name)
	}
}

func TestFindings(t *testing.T) {
	tests := map[string]struct {
		w    workload
		fill func(*trial)
		want []string
	}{
		"met and not yet": {workload{rows: steady(1.5)}, func(r *trial) { r.took(self, 2); r.took("mosquitto", 5) },
			[]string{"CPU against mosquitto 0.40 goal 0.5: met; aim 0.25: false", "CPU-s per million 2.00 aim 1.5: false", "lost 0 goal 0: met"}},
		"missed, and lost": {workload{rows: steady(0)}, func(r *trial) { r.took(self, 3, lost(1)); r.took("mosquitto", 5) },
			[]string{"CPU against mosquitto 0.60 goal 0.5: MISSED; aim 0.25: false", "lost 1 goal 0: MISSED"}},
		"nothing to compare with": {workload{rows: steady(0)}, func(r *trial) { r.took(self, 3) },
			[]string{"CPU against mosquitto  goal 0.5: not measured", "lost 0 goal 0: met"}},
		"not run":    {workload{rows: steady(0)}, func(r *trial) { r.took("mosquitto", 3) }, nil},
		"all failed": {workload{rows: steady(0)}, func(r *trial) { r.took(self, 0, failed) }, []string{"failed rounds 1 goal 0: MISSED"}},
		"one failed": {workload{rows: online("absent")}, func(r *trial) { r.took(self, 0, failed); r.took(self, 1) },
			[]string{"failed rounds 1 goal 0: MISSED", "CPU against absent  goal 1.5: not measured", "lost 0 goal 0: met"}},
		"p99 in the same round": {workload{rows: paced()}, func(r *trial) {
			for _, v := range []float64{1, 2, 3} {
				r.took(self, 1, p99(v))
			}
			for _, v := range []float64{1, 1, 4} {
				r.took("mosquitto", 1, p99(v))
			}
		}, []string{"CPU against mosquitto 1.00 goal 1.5: met", "rounds of 3 with a p99 above mosquitto's 1 goal 0: MISSED", "lost 0 goal 0: met"}},
		"memory": {workload{scenario: "idle", rows: idle(6, 4)}, func(r *trial) { r.took(self, 1, memoryOf(5)) },
			[]string{"KiB a connection 5.0 goal 6: met; aim 4: false"}},
		"order and duplicates": {workload{scenario: "sessions", rows: durable()[1:]}, func(r *trial) {
			r.took(self, 4, func(s *sample) { s.res.Duplicates = 2 })
		}, []string{"CPU-s per million 4.00 goal 4: met", "lost 0 goal 0: met", "out of order 0 goal 0: met", "duplicates 2 goal 0: MISSED"}},
		"duplicates after a crash": {workload{scenario: "sessions", crash: true, rows: durable()[1:]}, func(r *trial) {
			r.took(self, 4, func(s *sample) { s.res.Duplicates = 2 })
		}, []string{"CPU-s per million 4.00 goal 4: met", "lost 0 goal 0: met", "out of order 0 goal 0: met"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			test.w.name = "w"
			r := newTrial(test.w)
			test.fill(r)
			var got []string
			for _, f := range r.findings(r.w, 0) {
				line := f.what + " " + f.measured
				if f.goal != "" {
					line += " goal " + f.goal + ": " + string(f.result)
				}
				if f.goal != "" && f.aim != "" {
					line += ";"
				}
				if f.aim != "" {
					line += " aim " + f.aim + map[bool]string{true: ": true", false: ": false"}[f.aimed]
				}
				got = append(got, line)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("found\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}

// TestGoals holds the workloads against the text of issues 3 and 5.
func TestGoals(t *testing.T) {
	want := map[string][]goal{ // by row; limits, and aims where they have one
		"fanin-q0": {{measure: cpuRatio, limit: 0.5, aim: 0.25}, {measure: cpuEach, aim: 1.1}}, "fanin-q1": {{measure: cpuRatio, limit: 0.5, aim: 0.25}, {measure: cpuEach, aim: 2.1}},
		"fanout-q0": {{measure: cpuRatio, limit: 0.5, aim: 0.25}, {measure: cpuEach, aim: 0.8}}, "fanout-q1": {{measure: cpuRatio, limit: 0.5, aim: 0.25}, {measure: cpuEach, aim: 1.2}},
		"pairs-q0": {{measure: cpuRatio, limit: 0.5, aim: 0.25}, {measure: cpuEach, aim: 1.7}}, "pairs-q1": {{measure: cpuRatio, limit: 0.5, aim: 0.25}, {measure: cpuEach, aim: 4.2}},
		"pairs-q2":     {{measure: cpuRatio, limit: 0.5, aim: 0.25}, {measure: cpuEach, aim: 5.9}},
		"pairs-tls-q0": {{measure: cpuRatio, limit: 0.5, aim: 0.25}, {measure: cpuEach, aim: 5}},
		"online-q1":    {{measure: cpuAgainst, limit: 1.5, base: "pairs-q1"}}, "online-q2": {{measure: cpuAgainst, limit: 1.5, base: "pairs-q2"}},
		"wildcard":   {{measure: cpuRatio, limit: 1}},
		"latency-q0": {{measure: cpuRatio, limit: 1.5}, {measure: p99Rounds}}, "latency-q1": {{measure: cpuRatio, limit: 1.5}, {measure: p99Rounds}},
		"sessions store": {{measure: cpuEach, limit: 4}}, "sessions drain": {{measure: cpuEach, limit: 4}},
		"sessions-kill drain": {{measure: cpuEach, limit: 4}},
		"retained deliver":    {{measure: seconds, limit: 1}},
		"idle":                {{measure: memory, limit: 6, aim: 4}}, "idle-tls": {{measure: memory, limit: 24}},
		"events-routed publish": {{measure: cpuBeyond, limit: 6, base: "events-plain"}},
		"events-webhooks slow":  {{measure: acksAgainst, limit: 1.1, base: "healthy"}, {measure: deliveriesAgainst, limit: 1.1, base: "healthy"}},
		"events-webhooks dead":  {{measure: acksAgainst, limit: 1.1, base: "healthy"}, {measure: deliveriesAgainst, limit: 1.1, base: "healthy"}},
	}
	for _, w := range workloads() {
		for i, row := range w.rows {
			if goals, ok := want[w.title(i)]; ok && !slices.Equal(row.goals, goals) {
				t.Errorf("%s: goals %v, want %v", w.title(i), row.goals, goals)
			}
			delete(want, w.title(i))
		}
	}
	for title := range want {
		t.Errorf("no row %q", title)
	}
}

func TestVerdict(t *testing.T) {
	tests := map[string]struct {
		broker string
		change []func(*sample)
		want   string
	}{
		"well":                {self, nil, ""},
		"lost":                {self, []func(*sample){lost(3)}, "gridmq: w lost 3"},
		"failed":              {self, []func(*sample){failed}, "gridmq: w failed: broken pipe"},
		"mosquitto has lost":  {"mosquitto", []func(*sample){lost(3)}, ""},
		"mosquitto has ended": {"mosquitto", []func(*sample){failed}, ""},
	}
	for name, test := range tests {
		r := newTrial(workload{name: "w", rows: steady(0)})
		r.took(test.broker, 1, test.change...)
		got := ""
		if err := r.verdict(); err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}
