//go:build linux

package main

import (
	"math"
	"strings"
	"testing"
	"time"

	"gridmq/bench/load"
)

const wantTables = `
| scenario | broker            |   msg/s | lost | CPU-s/M | ratio | calls | peak RSS |   p50 |    p99 |  p99.9 |
| -------- | ----------------- | ------: | ---: | ------: | ----: | ----: | -------: | ----: | -----: | -----: |
| w        | gridmq            | 500,000 |    0 |    2.00 |  0.20 |  0.25 |    2 MiB | 50 ms | 100 ms | 200 ms |
| w        | mosquitto         | 500,000 |    4 |   10.00 |       |       |    2 MiB |       |        |        |
| w        | mosquitto-nodelay |  failed |      |         |       |       |          |       |        |        |

| scenario | number                | measured | goal | result |  aim | aim reached |
| -------- | --------------------- | -------: | ---: | -----: | ---: | ----------: |
| w        | CPU against mosquitto |     0.20 |  0.5 |    met | 0.25 |         yes |
| w        | lost                  |        0 |    0 |    met |      |             |

* w: mosquitto-nodelay failed: broken pipe

Goals: 2 met, 0 missed
`

func tableTrial() *trial {
	r := newTrial(workload{name: "w", what: "what it does", rows: steady(0)})
	r.took(self, 2, p99(0.1), func(s *sample) { s.calls = 250_000 })
	r.took("mosquitto", 10, lost(4))
	r.took("mosquitto-nodelay", 0, failed)
	return r
}

func TestTables(t *testing.T) {
	var b strings.Builder
	tableTrial().print(&b)
	if b.String() != wantTables {
		t.Errorf("printed%s\nwant%s", b.String(), wantTables)
	}
}

func TestReport(t *testing.T) {
	r := tableTrial()
	r.setup.note = "on a quiet evening"
	r.setup.settings = []string{"store.durability=relaxed"}
	got := r.report()
	for _, want := range []string{
		"# Measured: GridMQ and mosquitto\n", "To reproduce: `make bench`", "Medians of 3 rounds", "* on a quiet evening\n",
		"* gridmq was run with store.durability=relaxed\n", "All 2 goals were met.", "| w        | gridmq ", "* w: what it does\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the report does not say %q:\n%s", want, got)
		}
	}
	r.took(self, 2, lost(1))
	if got := r.report(); !strings.Contains(got, "Of 2 goals, 1 were missed:\n\n* w: 1 lost, goal 0\n") {
		t.Errorf("the report does not tell what was missed:\n%s", got)
	}
}

func TestOneLine(t *testing.T) {
	message := sample{units: 1_000_000, seconds: 2, cpu: 3 * time.Second, res: &load.Result{Expected: 1_000_000, Lost: 1000, Latency: &load.Latency{P99: 0.002}}}
	connection := sample{units: 1000, seconds: 2, cpu: 100 * time.Millisecond, rss: 4000, res: &load.Result{}}
	tests := map[string]struct {
		w    workload
		s    sample
		want string
	}{
		"messages":    {workload{rows: steady(0)}, message, "traffic 500,000/s, 3.00 CPU-s/M; 1,000 lost"},
		"paced":       {workload{scenario: "latency", rows: paced()}, message, "traffic 500,000/s, 3.00 CPU-s/M; p99 2 ms; 1,000 lost"},
		"connections": {workload{rows: idle(6, 4)}, connection, "connect 500/s, 100 µs CPU and 4.0 KiB each"},
		"failed":      {workload{rows: steady(0)}, sample{err: errNotYet}, "failed: not ready yet"},
	}
	for name, test := range tests {
		if got := oneLine(test.w, []sample{test.s}); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

func TestNumbers(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", math.NaN(): ""} {
		if got := thousands(v); got != want {
			t.Errorf("thousands(%v) is %q, want %q", v, got, want)
		}
	}
	for v, want := range map[float64]string{1.5: "1.50 s", 0.0123: "12.3 ms", 0.000456: "456 µs", math.NaN(): ""} {
		if got := short(v); got != want {
			t.Errorf("short(%v) is %q, want %q", v, got, want)
		}
	}
	for v, want := range map[time.Duration]string{7 * time.Second: "7 s", 89 * time.Second: "89 s", 100 * time.Second: "2 min", 25 * time.Minute: "25 min"} {
		if got := about(v); got != want {
			t.Errorf("about(%v) is %q, want %q", v, got, want)
		}
	}
}

func TestEstimate(t *testing.T) {
	e := estimate{total: 100 * time.Second, began: time.Now()}
	if got := e.left(e.began); got != 100*time.Second {
		t.Errorf("at the start %v are left, want what the weights say", got)
	}
	e.done = 25 * time.Second
	if got := e.left(e.began.Add(50 * time.Second)); got != 150*time.Second {
		t.Errorf("after a quarter in 50 s %v are left, want 150 s", got)
	}
}

// TestStatus: a log holds a line a run, and more only for one that lasts.
func TestStatus(t *testing.T) {
	var b strings.Builder
	s := &status{w: &b}
	s.begin("[1/2] fast")
	s.progress("1 s")
	s.end("done")
	s.begin("[2/2] slow")
	s.told = s.told.Add(-logEvery)
	s.progress("10 s")
	s.progress("11 s")
	s.end("done")
	if want := "[1/2] fast: done\n[2/2] slow: \n  10 s\n  done\n"; b.String() != want {
		t.Errorf("logged %q, want %q", b.String(), want)
	}
	b.Reset()
	s = &status{w: &b, terminal: true}
	s.begin("[1/1] step")
	s.progress(strings.Repeat("long", 50))
	s.end("done")
	lines := strings.Split(b.String(), "\r\x1b[K")
	if len(lines) != 4 || lines[1] != "[1/1] step" || len(lines[2]) != 79 || lines[3] != "[1/1] step: done\n" {
		t.Errorf("on a terminal: %q", lines)
	}
}
