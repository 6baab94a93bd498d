//go:build linux

package main

import (
	"cmp"
	"slices"
	"time"

	"gridmq/bench/load"
)

// A workload is a scenario with its settings, and what is read off it.
type workload struct {
	name, what string
	scenario   string
	o          load.Options
	tls        bool // with client certificates; GridMQ checks each PUBLISH and SUBSCRIBE against bindings
	persistent bool // brokers that do not always keep things on disk are told to
	kill       bool // SIGKILL between store and drain
	crash      bool // SIGKILL while half is stored
	once       bool // mosquitto's no-delay option changes nothing that is measured
	runs       int  // however many rounds there are; 0: as many
	rows       []row

	events *eventPlane           // GridMQ only
	hooks  map[string]*load.Hook // of one run
}

// A row is a line of the table: a phase of a workload, with the numbers to reach.
type row struct {
	phase       string
	memory      string // the phase at whose end memory is looked at; default: phase
	connections bool   // units are connections, not messages
	delivers    bool   // what the run has lost is told here
	goals       []goal
}

// A goal of issue 3: at most limit, better aim. 0 is none.
type goal struct {
	measure    measure
	limit, aim float64
	base       string // the workload, or the row of this one, to compare with
}

type measure int

const (
	cpuRatio          measure = iota // CPU against the cheaper mosquitto
	cpuEach                          // CPU-seconds per million
	cpuAgainst                       // CPU against another workload of ours
	memory                           // KiB per connection
	seconds                          // the phase took
	cpuBeyond                        // CPU-seconds per million above another workload of ours
	acksAgainst                      // p99 until PUBACK against another row of the workload
	deliveriesAgainst                // p99 until an MQTT subscriber has it, likewise
	p99Rounds                        // rounds in which p99 was worse than the cheaper mosquitto's
)

// connections is how many a run opens at the most.
func (w *workload) connections() int {
	for _, s := range append(load.Scenarios(), load.EventScenarios()...) {
		if s.Name == w.scenario {
			return cmp.Or(w.o.Publishers, s.Defaults.Publishers) + cmp.Or(w.o.Subscribers, s.Defaults.Subscribers)
		}
	}
	return 0
}

func (w *workload) is(scenario string) bool { return w.scenario == scenario }

// row is the number of the row of a phase; -1: there is none.
func (w *workload) row(phase string) int {
	return slices.IndexFunc(w.rows, func(r row) bool { return r.phase == phase })
}

// steady is the row of traffic, with an aim in CPU-seconds per million (0: none).
func steady(aim float64, more ...goal) []row {
	goals := append([]goal{{measure: cpuRatio, limit: 0.5, aim: 0.25}}, more...)
	if aim > 0 {
		goals = append(goals, goal{measure: cpuEach, aim: aim})
	}
	return []row{{phase: "traffic", delivers: true, goals: goals}}
}

// online is the row of persistent sessions that are held against clean ones.
func online(base string) []row {
	return []row{{phase: "traffic", delivers: true, goals: []goal{{measure: cpuAgainst, limit: 1.5, base: base}}}}
}

func paced() []row {
	return []row{{phase: "traffic", delivers: true, goals: []goal{{measure: cpuRatio, limit: 1.5}, {measure: p99Rounds}}}}
}

func durable() []row {
	goals := []goal{{measure: cpuEach, limit: 4}}
	return []row{{phase: "store", goals: goals}, {phase: "drain", delivers: true, goals: goals}}
}

func idle(limit, aim float64) []row {
	return []row{{phase: "connect", memory: "hold", connections: true, goals: []goal{{measure: memory, limit: limit, aim: aim}}}}
}

// beside are the rows of webhooks: whatever an endpoint does, MQTT does not feel it.
func beside() (rows []row) {
	for _, name := range load.Turns() {
		r := row{phase: name, delivers: name == load.TurnHealthy}
		if name == load.TurnSlow || name == load.TurnDead {
			r.goals = []goal{{measure: acksAgainst, limit: 1.1, base: load.TurnHealthy}, {measure: deliveriesAgainst, limit: 1.1, base: load.TurnHealthy}}
		}
		rows = append(rows, r)
	}
	return rows
}

// ofEvents are the workloads of issue 5, with clients as those over TLS have.
func ofEvents() []workload {
	return []workload{
		{name: "events-plain", what: "20 publishers with 100 unacknowledged each, QoS 1, over TLS, with permission bindings; nobody subscribes, nothing is routed",
			scenario: "publish", tls: true, events: &eventPlane{noRoute: true}, rows: []row{{phase: "publish", delivers: true}}},
		{name: "events-routed", what: "the same routed to a topic, with two enrichments; then 8 consumers receive and acknowledge 100 events at a time over HTTPS",
			scenario: "routed", tls: true, events: pulled(), rows: []row{
				{phase: "publish", goals: []goal{{measure: cpuBeyond, limit: 6, base: "events-plain"}}}, {phase: "pull", delivers: true}}},
		{name: "events-http", what: "8 publishers post batches of 100 events over HTTPS; then they are received as above",
			scenario: "posted", tls: true, events: published(), rows: []row{{phase: "publish", delivers: true}}},
		{name: "events-push", what: "routed events pushed to a webhook, one to a request", scenario: "pushed", tls: true, events: pushedIn(1),
			o: load.Options{Messages: 40_000}, rows: []row{{phase: "push", delivers: true}}},
		{name: "events-push-batch", what: "the same, up to 100 to a request", scenario: "pushed", tls: true, events: pushedIn(100),
			rows: []row{{phase: "push", delivers: true}}},
		{name: "events-webhooks", what: "20 publishers and a subscriber at 2,000 messages/s, routed in turn to a topic without a webhook, and with one that is healthy, takes 2 s for an answer, or is dead; 15 times a second each, one broker; in the end all are healthy and every event must have come",
			scenario: "webhooks", tls: true, events: byTurns(), runs: 1, rows: beside()},
	}
}

// workloads are those of issue 3, part 2, and of issue 5.
func workloads() []workload {
	at := func(q load.QoS) load.Options { return load.Options{QoS: q} }
	kept := func(q load.QoS) load.Options { return load.Options{QoS: q, Persistent: true} }
	return append([]workload{
		{name: "fanin-q0", what: "50 publishers to 1 subscriber", scenario: "fanin", o: at(load.QoS0), rows: steady(1.1)},
		{name: "fanin-q1", what: "50 publishers to 1 subscriber, QoS 1", scenario: "fanin", o: at(load.QoS1), rows: steady(2.1)},
		{name: "fanout-q0", what: "1 publisher to 500 subscribers", scenario: "fanout", o: at(load.QoS0), rows: steady(0.8)},
		{name: "fanout-q1", what: "1 publisher to 500 subscribers, QoS 1", scenario: "fanout", o: at(load.QoS1), rows: steady(1.2)},
		{name: "pairs-q0", what: "100 pairs", scenario: "pairs", o: at(load.QoS0), rows: steady(1.7)},
		{name: "pairs-q1", what: "100 pairs, QoS 1", scenario: "pairs", o: at(load.QoS1), rows: steady(4.2)},
		{name: "pairs-q2", what: "100 pairs, QoS 2", scenario: "pairs", o: at(load.QoS2), rows: steady(5.9)},
		{name: "fanin-tls-q0", what: "50 publishers to 1 subscriber over TLS, clients with certificates and permission bindings", scenario: "fanin", tls: true, o: at(load.QoS0), rows: steady(0)},
		{name: "fanout-tls-q0", what: "1 publisher to 500 subscribers, likewise", scenario: "fanout", tls: true, o: at(load.QoS0), rows: steady(0)},
		{name: "pairs-tls-q0", what: "100 pairs, likewise", scenario: "pairs", tls: true, o: at(load.QoS0), rows: steady(5.0)},
		{name: "pairs-tls-q1", what: "100 pairs, likewise, QoS 1", scenario: "pairs", tls: true, o: at(load.QoS1), rows: steady(5.0)},
		{name: "online-q1", what: "100 pairs, persistent sessions at both ends, QoS 1", scenario: "pairs", persistent: true, o: kept(load.QoS1), rows: online("pairs-q1")},
		{name: "online-q2", what: "100 pairs, persistent sessions at both ends, QoS 2", scenario: "pairs", persistent: true, o: kept(load.QoS2), rows: online("pairs-q2")},
		{name: "wildcard", what: "100,000 wildcard subscriptions over 1,000 clients, 10 publishers", scenario: "wildcard",
			rows: []row{{phase: "traffic", delivers: true, goals: []goal{{measure: cpuRatio, limit: 1}}}}},
		{name: "latency-q0", what: "50 pairs at 5,000 messages/s, one to a write", scenario: "latency", o: at(load.QoS0), rows: paced()},
		{name: "latency-q1", what: "50 pairs at 5,000 messages/s, one to a write, QoS 1", scenario: "latency", o: at(load.QoS1), rows: paced()},
	}, append(stored(), ofEvents()...)...)
}

// stored are the workloads that are not steady traffic.
func stored() []workload {
	return []workload{
		{name: "sessions", what: "200 offline sessions: 200,000 QoS 1 messages stored by 20 publishers with 100 unacknowledged each, then drained",
			scenario: "sessions", persistent: true, rows: durable()},
		{name: "sessions-kill", what: "the same with SIGKILL between", scenario: "sessions", persistent: true, kill: true, once: true, rows: durable()},
		{name: "sessions-crash", what: "the same with SIGKILL when half is stored; what was acknowledged is expected", scenario: "sessions",
			persistent: true, crash: true, once: true, rows: []row{{phase: "drain", delivers: true}}},
		{name: "retained", what: "100,000 retained messages stored by 10 publishers at QoS 1, then one subscriber of #", scenario: "retained", persistent: true,
			o: load.Options{Filter: "#", Keep: true}, rows: []row{{phase: "store"},
				{phase: "deliver", delivers: true, goals: []goal{{measure: seconds, limit: 1}}}}},
		{name: "idle", what: "10,000 idle connections; memory is seen 25 seconds after the last of them has come", scenario: "idle", once: true,
			o: load.Options{Subscribers: 10_000, Duration: 25 * time.Second}, rows: idle(6, 4)},
		{name: "idle-tls", what: "2,000 idle connections over TLS with client certificates; memory likewise", scenario: "idle", tls: true, once: true,
			o: load.Options{Subscribers: 2_000, Duration: 25 * time.Second}, rows: idle(24, 0)},
	}
}
