//go:build linux

package main

import (
	"fmt"
	"strings"
	"time"
)

// report is bench/RESULTS.md.
func (r *results) report() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Measured: GridMQ and mosquitto\n\n")
	fmt.Fprintf(&b, "Written by `make bench` on %s; it took %s. To reproduce: `make bench` on a fresh clone, on a machine\n"+
		"that does nothing else. Some rows only: `make bench SCENARIOS=fanin-q0,pairs-q1 ROUNDS=1`.\n\n",
		r.began.UTC().Format("2006-01-02 15:04 UTC"), about(time.Since(r.began)))
	for _, fact := range append(machine(), r.others.String()) {
		fmt.Fprintf(&b, "* %s\n", fact)
	}
	for _, broker := range r.setup.brokers {
		if broker.name() != "mosquitto-nodelay" {
			fmt.Fprintf(&b, "* %s\n", broker.version())
		}
	}
	for _, setting := range r.setup.settings {
		fmt.Fprintf(&b, "* gridmq was run with %s\n", setting)
	}
	if r.setup.note != "" {
		fmt.Fprintf(&b, "* %s\n", r.setup.note)
	}
	rounds := fmt.Sprintf("Medians of %d rounds", r.setup.rounds)
	if r.setup.rounds == 1 {
		rounds = "One round only"
	}
	fmt.Fprintf(&b, "\n%s, brokers in turn, %v of steady traffic after 1 s of warm-up, MQTT 5, 200-byte payloads.\n", rounds, r.setup.duration)
	b.WriteString(howToRead)
	b.WriteString(r.goalsText())
	b.WriteString(r.tables())
	b.WriteString("\n## Scenarios\n\n")
	for _, w := range r.setup.workloads {
		fmt.Fprintf(&b, "* %s: %s\n", w.name, w.what)
	}
	return b.String()
}

func (r *results) goalsText() string {
	reached, missing := r.goals()
	switch {
	case reached+len(missing) == 0:
		return ""
	case len(missing) == 0:
		return fmt.Sprintf("All %d goals were met.\n\n", reached)
	}
	return fmt.Sprintf("Of %d goals, %d were missed:\n\n* ", reached+len(missing), len(missing)) + strings.Join(missing, "\n* ") + "\n\n"
}

const howToRead = "CPU is what the system has accounted to the broker's process, per million delivered messages\n" +
	"(store: stored messages). `ratio` is GridMQ's against the cheaper mosquitto, which runs with and without\n" +
	"`set_tcp_nodelay` (once where that changes nothing), with no limit on queued messages and an in-flight window\n" +
	"of 1,024. GridMQ runs with its defaults, but for what is said above: what it acknowledges is on disk. mosquitto\n" +
	"writes its database when it ends and every half hour, so a SIGKILL costs it everything. Where the generator is\n" +
	"not paced (all but latency), latency is the length of the queue that the windows allow, and says little. `calls`\n" +
	"are system calls of the read and write family per message. Rows that begin with events are of the event plane,\n" +
	"which mosquitto has not: per million events. More in README.md.\n\n"
