//go:build linux

package main

import (
	"strings"
	"testing"
	"time"

	"gridmq/bench/load"
)

// TestEventManifest: the namespace routes to every topic by its id, and what pushes goes
// to its webhook.
func TestEventManifest(t *testing.T) {
	p := byTurns()
	hooks, err := p.hooks()
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll(hooks)
	if len(hooks) != 3 || hooks[load.TurnNone] != nil {
		t.Errorf("%d webhooks, want those of healthy, slow and dead", len(hooks))
	}
	w := workload{scenario: "webhooks", events: p, hooks: hooks}
	got := securedManifest("/ca.pem", w)
	for _, want := range []string{
		"routes: [{destination: " + namespaceID + "/topics/none, topicFilter: 'bench/+/w/0/#'}, ",
		"{destination: " + namespaceID + "/topics/dead, topicFilter: 'bench/+/w/3/#'}]",
		"{kind: Topic, namespace: bench, name: slow}\n",
		"name: none/pull, properties: {deliveryConfiguration: {deliveryMode: Queue}}}",
		"name: slow/push, properties: {deliveryConfiguration: {deliveryMode: Push, ",
		`endpointUrl: "` + hooks[load.TurnSlow].URL() + `", maxEventsPerBatch: 100`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the manifest does not say %q:\n%s", want, got)
		}
	}
	if got := securedManifest("/ca.pem", workload{scenario: "fanin"}); strings.Contains(got, "kind: Topic,") || !strings.Contains(got, "routes: []") {
		t.Errorf("without events:\n%s", got)
	}
}

// TestEventsAreOurs: what mosquitto does not have is not asked of it, and what has rounds
// of its own is run once.
func TestEventsAreOurs(t *testing.T) {
	s := &setup{options: options{rounds: 3}, brokers: []broker{gridMQ{label: self}, mosquittoBroker{}, mosquittoBroker{noDelay: true}}}
	for _, w := range ofEvents() {
		if b := s.brokersFor(w); len(b) != 1 || b[0].name() != self {
			t.Errorf("%s is run by %d brokers, want gridmq", w.name, len(b))
		}
		want := 3
		if w.name == "events-webhooks" {
			want = 1
		}
		if got := s.roundsOf(w); got != want {
			t.Errorf("%s is run %d times, want %d", w.name, got, want)
		}
	}
}

// tookTurns adds a run of events-webhooks in which the turns had these p99s.
func (r *trial) tookTurns(row int, acks, deliveries []float64) {
	latencies := func(p99s []float64) (all []*load.Latency) {
		for _, v := range p99s {
			all = append(all, &load.Latency{P50: v / 2, P99: v, P999: 2 * v})
		}
		return all
	}
	k := key{r.w.name, row, self}
	r.samples[k] = append(r.samples[k], sample{units: 1000, seconds: 1, cpu: time.Second, res: &load.Result{},
		phase: load.Phase{Acks: latencies(acks), Deliveries: latencies(deliveries)}})
}

// TestTurns: p99s are compared by the medians over all turns.
func TestTurns(t *testing.T) {
	r := newTrial(workload{name: "w", rows: beside(), events: byTurns()})
	r.tookTurns(0, []float64{0.001, 0.002, 0.004}, []float64{0.001})
	r.tookTurns(1, []float64{0.002, 0.009, 0.001}, []float64{0.001, 0.003})
	r.tookTurns(2, []float64{0.002, 0.001, 0.003}, []float64{0.002})
	r.tookTurns(3, []float64{0.003, 0.001, 0.003}, []float64{0.003})
	var got []string
	for i := range r.w.rows {
		for _, f := range r.findings(r.w, i) {
			got = append(got, r.w.rows[i].phase+" "+f.what+" "+f.measured+" "+string(f.result))
		}
	}
	want := "healthy lost 0 met\nhealthy duplicates 0 met\n" +
		"slow p99 until PUBACK against healthy 1.00 met\nslow p99 of a subscriber against healthy 1.00 met\n" +
		"dead p99 until PUBACK against healthy 1.50 MISSED\ndead p99 of a subscriber against healthy 1.50 MISSED"
	if g := strings.Join(got, "\n"); g != want {
		t.Errorf("found\n%s\nwant\n%s", g, want)
	}
	lines := r.turnLines()
	if len(lines) != 8 || strings.Join(lines[1], "|") != "w healthy|publishers (PUBACK)|3|1,000|2 ms|1 ms to 9 ms|1|1" {
		t.Errorf("%d lines, the second is %v", len(lines), lines[1])
	}
}

// TestBeyond: what routing costs is what is above the same load without it.
func TestBeyond(t *testing.T) {
	all := ofEvents()
	r := newTrial(all[1])
	r.samples[key{all[0].name, 0, self}] = []sample{{units: 1_000_000, seconds: 1, cpu: 700 * time.Millisecond, res: &load.Result{}}}
	r.took(self, 6.9)
	if f := r.findings(r.w, 0); len(f) != 1 || f[0].measured != "6.20" || f[0].result != missed {
		t.Errorf("found %+v, want 6.20 missed", f)
	}
}
