//go:build linux

package main

import (
	"errors"
	"flag"
	"io"
	"slices"
	"strings"
	"testing"
)

func names(ws []workload) string {
	var all []string
	for _, w := range ws {
		all = append(all, w.name)
	}
	return strings.Join(all, " ")
}

func TestOptions(t *testing.T) {
	everything := names(workloads())
	tests := map[string]struct {
		args                    string
		scenarios, brokers, out string
	}{
		"everything":               {"", everything, "gridmq mosquitto mosquitto-nodelay", "bench/RESULTS.md"},
		"two rounds are no report": {"-rounds 2", everything, "gridmq mosquitto mosquitto-nodelay", ""},
		"nor another setting":      {"-set store.durability=relaxed", everything, "gridmq mosquitto mosquitto-nodelay", ""},
		"unless it is asked for":   {"-rounds 1 -out x.md", everything, "gridmq mosquitto mosquitto-nodelay", "x.md"},
		"a family":                 {"-scenarios fanin", "fanin-q0 fanin-q1 fanin-tls-q0", "gridmq mosquitto mosquitto-nodelay", ""},
		"an exact name is no family": {"-scenarios idle,sessions",
			"sessions idle", "gridmq mosquitto mosquitto-nodelay", ""},
		"twice is once, in the order of the table": {"-scenarios pairs-q1,fanin-q0,pairs-q1",
			"fanin-q0 pairs-q1", "gridmq mosquitto mosquitto-nodelay", ""},
		"some brokers":    {"-scenarios fanin-q0 -brokers mosquitto,gridmq", "fanin-q0", "gridmq mosquitto", ""},
		"a base of ours":  {"-scenarios fanin-q0 -base b -brokers base,gridmq", "fanin-q0", "gridmq base", ""},
		"a base and all":  {"-scenarios fanin-q0 -base b", "fanin-q0", "gridmq base mosquitto mosquitto-nodelay", ""},
		"dashes in names": {"-scenarios pairs-tls", "pairs-tls-q0 pairs-tls-q1", "gridmq mosquitto mosquitto-nodelay", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			o, err := parseOptions(strings.Fields(test.args), io.Discard)
			if err != nil {
				t.Fatal(err)
			}
			if got := names(o.workloads); got != test.scenarios {
				t.Errorf("scenarios: %s, want %s", got, test.scenarios)
			}
			if got := strings.Join(o.chosen, " "); got != test.brokers {
				t.Errorf("brokers: %s, want %s", got, test.brokers)
			}
			if o.out != test.out {
				t.Errorf("report: %q, want %q", o.out, test.out)
			}
		})
	}
}

func TestOptionsRefused(t *testing.T) {
	tests := map[string]struct{ args, want string }{
		"unknown scenario":  {"-scenarios fanin,nonsense", `unknown scenario "nonsense"`},
		"unknown broker":    {"-brokers gridmq,emqx", `unknown broker "emqx"`},
		"base without file": {"-brokers base", "needs -base"},
		"no rounds":         {"-rounds 0", "above 0"},
		"no time":           {"-duration 0s", "above 0"},
		"an argument":       {"fanin", "-scenarios fanin"},
		"half a setting":    {"-set relaxed", "want path=value"},
		"unknown flag":      {"-fast", "-fast"},
	}
	for name, test := range tests {
		if _, err := parseOptions(strings.Fields(test.args), io.Discard); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %s", name, err, test.want)
		}
	}
}

func TestHelp(t *testing.T) {
	var b strings.Builder
	if _, err := parseOptions([]string{"-h"}, &b); !errors.Is(err, flag.ErrHelp) {
		t.Fatalf("-h gave %v", err)
	}
	for _, want := range []string{"Usage:", "-scenarios pairs,idle -rounds 1", "-base file", "Exit codes"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("help does not say %q", want)
		}
	}
}

// TestWorkloads: names are those of scenarios that exist, once each, and bases of
// comparisons are there.
func TestWorkloads(t *testing.T) {
	all := workloads()
	seen := map[string]bool{}
	for _, w := range all {
		if seen[w.name] {
			t.Errorf("%s is there twice", w.name)
		}
		seen[w.name] = true
		delivers := 0
		for _, row := range w.rows {
			if row.delivers {
				delivers++
			}
			for _, g := range row.goals {
				if (g.measure == acksAgainst || g.measure == deliveriesAgainst) && w.row(g.base) < 0 {
					t.Errorf("%s is to be compared with its row %q, which there is not", w.name, g.base)
				}
				if (g.measure == cpuAgainst || g.measure == cpuBeyond) && !slices.ContainsFunc(all, func(b workload) bool { return b.name == g.base && len(b.rows) == 1 }) {
					t.Errorf("%s is to be compared with %q, which is no workload of one row", w.name, g.base)
				}
			}
		}
		if want := 1; delivers != want && !w.is("idle") {
			t.Errorf("%s tells its losses in %d rows, want %d", w.name, delivers, want)
		}
	}
}
