package load

import (
	"context"
	"time"
)

// A Scenario is a kind of load.
type Scenario struct {
	Name    string
	Summary string
	// Defaults are the counts and rates it has when Options does not say.
	Defaults Options
	run      func(*run, context.Context) error
}

// Scenarios are all that Run knows, in the order of their telling.
func Scenarios() []Scenario {
	return []Scenario{
		{"pairs", "each publisher has its own subscriber",
			Options{Publishers: 100, Subscribers: 100}, (*run).traffic},
		{"fanin", "many publishers, one subscriber of them all",
			Options{Publishers: 50, Subscribers: 1}, (*run).traffic},
		{"fanout", "one publisher, many subscribers of its topic",
			Options{Publishers: 1, Subscribers: 500}, (*run).traffic},
		{"wildcard", "many distinct wildcard subscriptions, each message matches one",
			Options{Publishers: 10, Subscribers: 1000, Filters: 100_000}, (*run).traffic},
		{"latency", "pairs at a steady rate, one message to a write",
			Options{Publishers: 50, Subscribers: 50, Rate: 5000, QoS: QoS1}, (*run).traffic},
		{"idle", "connections that do nothing",
			Options{Publishers: 0, Subscribers: 10_000, KeepAlive: 300 * time.Second}, (*run).idle},
		{"sessions", "messages stored for offline sessions, which come back and drain them",
			Options{Publishers: 20, Subscribers: 200, Messages: 200_000, QoS: QoS1}, (*run).sessions},
		{"retained", "retained messages stored, then one subscriber of them all",
			Options{Publishers: 10, Subscribers: 1, Messages: 100_000, QoS: QoS1}, (*run).retained},
	}
}

// Lookup finds a scenario by its name.
func Lookup(name string) (Scenario, bool) {
	for _, s := range Scenarios() {
		if s.Name == name {
			return s, true
		}
	}
	return Scenario{}, false
}

// Names are the names of all scenarios.
func Names() []string {
	var names []string
	for _, s := range Scenarios() {
		names = append(names, s.Name)
	}
	return names
}
