package bridge

import (
	"fmt"
	"strings"

	"gridmq/mqtt"
	"gridmq/topic"
)

// A Direction is which way a map carries messages.
type Direction string

// The directions, seen from our own broker.
const (
	Out  Direction = "out"
	In   Direction = "in"
	Both Direction = "both"
)

// MaximumQoS is the highest QoS at which messages cross. Exactly once would need the
// packet identifiers of both sides to survive a crash together.
const MaximumQoS = 1

// A Map says which messages cross. A topic is a prefix, of the side it is on, and
// behind it what Filter matches: the prefix is taken off, and the other's put on.
type Map struct {
	Name         string // for people, and for errors
	Filter       string
	Direction    Direction
	QoS          byte // at most; 0 or 1
	LocalPrefix  string
	RemotePrefix string
}

// Local and Remote are the filters on the two sides.
func (m *Map) Local() string { return m.LocalPrefix + m.Filter }

// Remote is the filter of the other side.
func (m *Map) Remote() string { return m.RemotePrefix + m.Filter }

func (m *Map) out() bool { return m.Direction != In }
func (m *Map) in() bool  { return m.Direction != Out }

// Check says what is wrong with the map.
func (m *Map) Check() error {
	switch {
	case m.Direction != In && m.Direction != Out && m.Direction != Both:
		return fmt.Errorf("direction: want in, out or both, have %q", m.Direction)
	case m.QoS > MaximumQoS:
		return fmt.Errorf("qos: want 0 or 1, have %d: messages of QoS 2 cross as QoS 1", m.QoS)
	}
	for _, side := range []struct{ name, prefix, filter string }{{"local", m.LocalPrefix, m.Local()}, {"remote", m.RemotePrefix, m.Remote()}} {
		switch {
		case strings.ContainsAny(side.prefix, "+#"):
			return fmt.Errorf("%s_prefix: want a prefix without wildcards, have %q", side.name, side.prefix)
		case strings.HasPrefix(side.filter, "$share/"):
			return fmt.Errorf("filter: a shared subscription cannot be bridged, have %q", side.filter)
		}
		if err := topic.ValidFilter(side.filter); err != nil {
			return fmt.Errorf("filter: the %s filter %q: %w", side.name, side.filter, err)
		}
	}
	if m.in() && strings.HasPrefix(m.Local(), "$") {
		return fmt.Errorf("local_prefix: messages cannot come in below $, as %q; give them a local prefix", m.Local())
	}
	return nil
}

// across is what a topic of one side is called on the other; false when the map does
// not carry it.
func across(name, fromPrefix, fromFilter, toPrefix, toFilter string) (string, bool) {
	if !topic.Match(fromFilter, name) {
		return "", false
	}
	rest, ok := strings.CutPrefix(name, fromPrefix)
	other := toPrefix + rest
	if !ok { // a/# matches a as well, section 4.7.1.2
		other = strings.TrimSuffix(toPrefix, "/")
	}
	// It may have lost its place: what begins with $ does not match a wildcard.
	if topic.ValidName(other) != nil || !topic.Match(toFilter, other) {
		return "", false
	}
	return other, true
}

// Maps are those of one bridge.
type Maps []Map

// A Crossing is one topic at which a message arrives on the other side.
type Crossing struct {
	Topic string
	QoS   byte // at most
}

// ToRemote is where a message of our own broker goes, each topic once. Empty: nowhere.
func (ms Maps) ToRemote(name string) (list []Crossing) {
	for i := range ms {
		if m := &ms[i]; m.out() {
			if to, ok := across(name, m.LocalPrefix, m.Local(), m.RemotePrefix, m.Remote()); ok {
				list = add(list, Crossing{to, m.QoS})
			}
		}
	}
	return list
}

// ToLocal is where a message of the other broker goes.
func (ms Maps) ToLocal(name string) (list []Crossing) {
	for i := range ms {
		if m := &ms[i]; m.in() {
			if to, ok := across(name, m.RemotePrefix, m.Remote(), m.LocalPrefix, m.Local()); ok {
				list = add(list, Crossing{to, m.QoS})
			}
		}
	}
	return list
}

func add(list []Crossing, c Crossing) []Crossing {
	for i := range list {
		if list[i].Topic == c.Topic {
			list[i].QoS = max(list[i].QoS, c.QoS)
			return list
		}
	}
	return append(list, c)
}

// LocalSubscriptions and RemoteSubscriptions are what has to be subscribed to, each
// filter once. Retain as published, as the flag has to be there on the other side; no
// local, as what came from there must not go back; retained messages once, as a link
// that comes back must not send all of them again.
func (ms Maps) LocalSubscriptions() []mqtt.Subscription {
	return ms.subscriptions((*Map).out, (*Map).Local)
}

// RemoteSubscriptions are those on the other broker.
func (ms Maps) RemoteSubscriptions() []mqtt.Subscription {
	return ms.subscriptions((*Map).in, (*Map).Remote)
}

func (ms Maps) subscriptions(wanted func(*Map) bool, filter func(*Map) string) (list []mqtt.Subscription) {
	at := map[string]int{}
	for i := range ms {
		m := &ms[i]
		if !wanted(m) {
			continue
		}
		f := filter(m)
		if j, there := at[f]; there {
			list[j].QoS = max(list[j].QoS, m.QoS)
			continue
		}
		at[f] = len(list)
		list = append(list, mqtt.Subscription{Filter: f, QoS: m.QoS, NoLocal: true, RetainAsPublished: true, RetainHandling: 1})
	}
	return list
}

// MayPublish says whether a message may come in at this topic of our own broker, and
// MaySubscribe whether a map takes its messages from this filter of it. They are the
// rights of the bridge there.
func (ms Maps) MayPublish(name string) bool {
	for i := range ms {
		if m := &ms[i]; m.in() && topic.Match(m.Local(), name) {
			return true
		}
	}
	return false
}

// MaySubscribe says whether some map goes out from filter.
func (ms Maps) MaySubscribe(filter string) bool {
	for i := range ms {
		if m := &ms[i]; m.out() && m.Local() == filter {
			return true
		}
	}
	return false
}
