package filter

import (
	"fmt"
	"slices"
	"sync"

	"gridmq/event"
)

// A Set is the filters of some subscriptions, compiled together. It does not change,
// and any number of goroutines may use it.
type Set struct {
	filters []compiled
	keys    []place
	nodes   []node // what is asked of data, nodes[0] being data itself
	views   sync.Pool
}

// compiled is one Config.
type compiled struct {
	types      map[string]bool // folded; nil: all
	conditions []condition     // those on attributes first
}

type condition struct {
	operator Operator
	key      int      // in Set.keys
	strings  [][]byte // folded, with a separator before and behind
	numbers  []float64
	ranges   [][2]float64
	truth    bool
}

// A place is where the value of a key is found.
type place struct {
	attribute string
	node      int // if attribute is ""
}

// typeKey is the place of the attribute type, which every Set looks at.
const typeKey = 0

// A node is a member of data that a key names, or that lies on the way to one.
type node struct {
	children map[string]int
}

// NewSet compiles configs, each of which must be valid: the error is one of Validate
// and says which. The numbers that Match gives are their places in the list.
func NewSet(configs ...Config) (*Set, error) {
	s := &Set{keys: []place{typeKey: {attribute: "type"}}, nodes: make([]node, 1)}
	places := map[string]int{"type": typeKey}
	for i := range configs {
		f, err := s.compile(&configs[i], places)
		if err != nil {
			return nil, fmt.Errorf("filters of subscription %d: %w", i, err)
		}
		s.filters = append(s.filters, f)
	}
	s.views.New = func() any {
		return &view{set: s, values: make([]value, len(s.keys)), members: make([][]byte, len(s.nodes))}
	}
	return s, nil
}

func (s *Set) compile(c *Config, places map[string]int) (f compiled, err error) {
	if len(c.IncludedEventTypes) > 0 {
		f.types = map[string]bool{}
	}
	for _, t := range c.IncludedEventTypes {
		f.types[string(appendFolded(nil, t))] = true
	}
	for i := range c.Filters {
		one := &c.Filters[i]
		if err := one.validate(fmt.Sprintf("filters[%d]", i), unlimited); err != nil {
			return f, err
		}
		k, _ := parseKey(one.Key) // validated
		into := condition{operator: one.Operator, key: s.place(k, places), numbers: one.Numbers, ranges: one.Ranges, truth: one.Bool}
		for _, v := range one.Strings {
			into.strings = append(into.strings, append(appendFolded([]byte{separator}, v), separator))
		}
		f.conditions = append(f.conditions, into)
	}
	slices.SortStableFunc(f.conditions, func(a, b condition) int {
		return s.cost(a) - s.cost(b)
	})
	return f, nil
}

// unlimited: limits may have been higher when the configuration was made.
var unlimited = Limits{Filters: 1 << 30, Values: 1 << 30, Characters: 1 << 30, EventTypes: 1 << 30}

// cost is 1 if a condition needs data to be read.
func (s *Set) cost(c condition) int {
	if s.keys[c.key].attribute == "" {
		return 1
	}
	return 0
}

// place finds or makes the place of a key. places has those made so far, by their
// attribute or, for data, the node's number in a form that no attribute has.
func (s *Set) place(k key, places map[string]int) int {
	at := place{attribute: k.attribute}
	name := k.attribute
	if name == "" {
		at.node = s.node(k.steps)
		name = fmt.Sprintf("data %d", at.node)
	}
	if i, made := places[name]; made {
		return i
	}
	s.keys = append(s.keys, at)
	places[name] = len(s.keys) - 1
	return places[name]
}

func (s *Set) node(steps []string) int {
	at := 0
	for _, name := range steps {
		next, made := s.nodes[at].children[name]
		if !made {
			next = len(s.nodes)
			s.nodes = append(s.nodes, node{})
			if s.nodes[at].children == nil {
				s.nodes[at].children = map[string]int{}
			}
			s.nodes[at].children[name] = next
		}
		at = next
	}
	return at
}

// Len is the number of filters.
func (s *Set) Len() int { return len(s.filters) }

// Match appends to dst the places of the filters that let e through, in order. e must
// be valid and is not kept.
func (s *Set) Match(e *event.Event, dst []int) []int {
	v := s.views.Get().(*view)
	v.event = e
	for i := range s.filters {
		if v.passes(&s.filters[i]) {
			dst = append(dst, i)
		}
	}
	v.forget()
	s.views.Put(v)
	return dst
}
