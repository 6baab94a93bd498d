package route

import (
	"errors"
	"fmt"
	"sync"

	"gridmq/event"
	"gridmq/event/filter"
	"gridmq/topic"
)

// A Table is a Config that is ready for use. It does not change, and any number of
// goroutines may use it. Nil routes nothing.
type Table struct {
	routes []Route
	always set                // routes without a topic filter
	index  topic.Index[uint8] // of the others, by their filters
	few    *Decision          // what always comes to, when there are no others
	head   []byte             // of a record, before the enrichments
	values uint64             // how many enrichments there are
	parts  []part             // of a record: the enrichments

	matches sync.Pool // of *[]uint8, for the index's answers

	mu        sync.RWMutex
	decisions map[set]*Decision // at most maxDecisions
}

// A set of routes: bit i is Table.routes[i].
type set uint64

// maxDecisions bounds what is kept of decisions: topic names lead to few sets of routes,
// but 50 filters can be written that lead to very many.
const maxDecisions = 1024

// A part is bytes that all records have, and then a value of the client.
type part struct {
	bytes    []byte
	key      string // of the enrichment
	variable variable
	captured bool
}

// Compile makes a Table for the namespace of that name, the source of its events. The
// error is one of Validate, or says that the name cannot be the source of an event.
func Compile(namespace string, c Config) (*Table, error) {
	if err := checkSource(namespace); err != nil {
		return nil, fmt.Errorf("routing of namespace %q: %w", namespace, err)
	}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	t := &Table{decisions: map[set]*Decision{}, parts: partsOf(c), values: uint64(len(c.Static) + len(c.Dynamic)),
		head: appendText([]byte{recordVersion}, namespace)}
	t.matches.New = func() any { return new([]uint8) }
	if c.Topic != (Destination{}) {
		t.routes = append(t.routes, Route{Destination: c.Topic})
	}
	t.routes = append(t.routes, c.Routes...)
	filters := 0
	for i := range t.routes {
		if f := t.routes[i].TopicFilter; f != "" {
			t.index.Add(f, uint8(i))
			filters++
			continue
		}
		t.always |= 1 << i
	}
	if _, err := t.decide(1<<len(t.routes) - 1); err != nil {
		return nil, err // of an event filter: then one that is possible does not fail
	}
	if filters == 0 {
		t.few = t.decision(t.always)
	}
	return t, nil
}

func checkSource(namespace string) error {
	probe := event.Event{ID: "-", Source: namespace, Type: "-"}
	return probe.Validate()
}

// partsOf writes what is known of enrichments before there is a message.
func partsOf(c Config) (parts []part) {
	var b []byte
	for _, e := range c.Static {
		b = Text(e.Value).append(b, e.Key)
	}
	for _, e := range c.Dynamic {
		v, _ := parseVariable(e.Value) // validated
		switch v.source {
		case authenticationName, clientAttribute:
			parts = append(parts, part{bytes: b, key: e.Key, variable: v, captured: true})
			b = nil
		case userProperty:
			b = appendText(appendText(append(b, byte(v.source)), e.Key), v.name)
		default:
			b = appendText(append(b, byte(v.source)), e.Key)
		}
	}
	return append(parts, part{bytes: b})
}

// Decide says where messages with that topic name go. The answer is true as long as the
// Table is used, and may be kept. It allocates nothing for sets of routes that have
// been asked for before, unless topic filters lead to more than 1,024 of them.
func (t *Table) Decide(name string) *Decision {
	if t == nil || len(t.routes) == 0 {
		return nil
	}
	if t.few != nil {
		return t.few
	}
	buf := t.matches.Get().(*[]uint8)
	*buf = t.index.AppendMatches((*buf)[:0], name)
	s := t.always
	for _, i := range *buf {
		s |= 1 << i
	}
	t.matches.Put(buf)
	return t.decision(s)
}

func (t *Table) decision(s set) *Decision {
	if s == 0 {
		return nil
	}
	t.mu.RLock()
	d := t.decisions[s]
	t.mu.RUnlock()
	if d != nil {
		return d
	}
	d, err := t.decide(s)
	if err != nil {
		panic("route: a filter that was compiled before: " + err.Error())
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.decisions) < maxDecisions {
		t.decisions[s] = d
	}
	return d
}

// decide makes the decision of a set of routes. Routes to one destination come
// together; one without an event filter makes the others needless.
func (t *Table) decide(s set) (*Decision, error) {
	d := &Decision{}
	sure := map[Destination]bool{}
	for i := range t.routes {
		if r := &t.routes[i]; s>>i&1 != 0 && unfiltered(r.Filter) && !sure[r.Destination.fold()] {
			sure[r.Destination.fold()] = true
			d.sure = append(d.sure, r.Destination)
		}
	}
	var filters []filter.Config
	for i := range t.routes {
		r := &t.routes[i]
		if s>>i&1 == 0 || sure[r.Destination.fold()] {
			continue
		}
		filters = append(filters, r.Filter)
		d.perhaps = append(d.perhaps, r.Destination)
	}
	if len(filters) == 0 {
		return d, nil
	}
	var err error
	if d.filters, err = filter.NewSet(filters...); err != nil {
		return nil, errors.Join(errors.New("compile event filters of routes"), err)
	}
	return d, nil
}

func unfiltered(c filter.Config) bool { return len(c.IncludedEventTypes) == 0 && len(c.Filters) == 0 }
