package namespace

import (
	"slices"

	"gridmq/identity"
	"gridmq/route/lifecycle"
)

// LifecycleField is the member that names the topic of life-cycle events.
const LifecycleField = "properties.gridmq.lifecycleEvents.topic"

// A Lifecycle says what becomes of the life-cycle events of a namespace's clients.
type Lifecycle struct {
	// Topic is the name of the topic that gets them, of the same namespace.
	Topic string
	// Kinds are those that are wanted, in the order of package lifecycle; nil: all.
	Kinds []lifecycle.Kind
	// EventGrid puts the older Event Grid schema into the data of each event.
	EventGrid bool
}

// Wants says whether a kind of event is asked for.
func (l *Lifecycle) Wants(k lifecycle.Kind) bool {
	return l.Kinds == nil || slices.Contains(l.Kinds, k)
}

var (
	lifecycleKinds = []lifecycle.Kind{lifecycle.SessionConnected, lifecycle.SessionDisconnected, lifecycle.ClientCreatedOrUpdated, lifecycle.ClientDeleted}
	eventSchemas   = []string{"CloudEvents", "EventGrid"}
)

// lifecycle reads gridmq.lifecycleEvents.
func (r *reader) lifecycle(p *identity.Properties) {
	o, given := p.Object("lifecycleEvents")
	if !given {
		return
	}
	r.only(o, "topic", "schema", "includedEventTypes")
	l := &Lifecycle{Topic: required(o, "topic")}
	if l.Topic != "" && identity.CheckName(l.Topic) != nil {
		o.Fail("topic", "want the name of a topic of this namespace")
	}
	if at, given := o.Enum("schema", eventSchemas...); given {
		l.EventGrid = at == 1
	}
	if names, given := o.Texts("includedEventTypes", 2*len(lifecycleKinds)); given {
		l.Kinds = []lifecycle.Kind{}
		for _, name := range names {
			at := slices.IndexFunc(lifecycleKinds, func(k lifecycle.Kind) bool { return k.String() == name })
			if at < 0 {
				o.Fail("includedEventTypes", "want types such as "+lifecycle.SessionConnected.String())
				break
			}
			if !slices.Contains(l.Kinds, lifecycleKinds[at]) {
				l.Kinds = append(l.Kinds, lifecycleKinds[at])
			}
		}
		slices.Sort(l.Kinds)
		if len(names) == 0 {
			o.Fail("includedEventTypes", "is empty: leave it out for all types, or lifecycleEvents for none")
		}
	}
	r.n.GridMQ.Lifecycle = l
}

func (l *Lifecycle) json() map[string]any {
	m := map[string]any{"topic": l.Topic, "schema": eventSchemas[0]}
	if l.EventGrid {
		m["schema"] = eventSchemas[1]
	}
	if l.Kinds != nil {
		names := make([]string, len(l.Kinds))
		for i, k := range l.Kinds {
			names[i] = k.String()
		}
		m["includedEventTypes"] = names
	}
	return m
}
