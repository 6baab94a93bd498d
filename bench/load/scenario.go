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

// EventScenarios are those of the event plane, which need Options.Events.
func EventScenarios() []Scenario {
	return []Scenario{
		{"publish", "messages for nobody: what routing is held against",
			Options{Publishers: 20, Messages: 800_000, QoS: QoS1}, (*run).toNobody},
		{"routed", "messages become events, which are received and acknowledged",
			Options{Publishers: 20, Subscribers: 8, Messages: 400_000, QoS: QoS1}, (*run).routedToPull},
		{"posted", "events published over HTTP, received and acknowledged",
			Options{Publishers: 8, Subscribers: 8, Messages: 400_000}, (*run).posted},
		{"pushed", "messages become events, which are pushed to a webhook",
			Options{Publishers: 20, Messages: 200_000, QoS: QoS1}, (*run).routedToPush},
		{"webhooks", "messages become events whose webhook is healthy, slow, dead, in turn",
			Options{Publishers: 20, Subscribers: 8, Rate: 2000, Rounds: 15, Duration: time.Second, QoS: QoS1}, (*run).webhooks},
	}
}

// EventNames are the names of EventScenarios.
func EventNames() (names []string) {
	for _, s := range EventScenarios() {
		names = append(names, s.Name)
	}
	return names
}

// find finds a scenario of either kind.
func find(name string) (Scenario, bool) {
	for _, s := range append(Scenarios(), EventScenarios()...) {
		if s.Name == name {
			return s, true
		}
	}
	return Scenario{}, false
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
