package behaviour

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestAccessHistory changes clients, groups, topic spaces and bindings at random.
// After each change what clients may do has to be what a slow model says, and what
// the broker explains; and who has a subscription that it may not have any more is
// cut off, and nobody else.
func TestAccessHistory(t *testing.T) {
	secured(t, func(f *fleet) {
		seed := uint64(time.Now().UnixNano())
		f.Logf("seed %d", seed)
		h := &history{fleet: f, rand: rand.New(rand.NewPCG(seed, 0)), holders: map[string]*holder{},
			clients: map[string]object{}, groups: map[string]int{}, spaces: map[string][]int{}, bindings: map[string]binding{}}
		for _, name := range historyClients {
			h.editClient(name)
			h.holders[name] = &holder{}
		}
		for _, name := range []string{"group-1", "group-2"} {
			h.editGroup(name)
		}
		for _, name := range []string{"space-1", "space-2", "space-3"} {
			h.editSpace(name)
		}
		for range 30 {
			what := h.step()
			h.check(what)
			if f.Failed() {
				return
			}
		}
	})
}

var historyClients = []string{"ann", "bob", "Cid"}

type history struct {
	*fleet
	rand     *rand.Rand
	holders  map[string]*holder
	clients  map[string]object // attributes
	groups   map[string]int    // of queries
	spaces   map[string][]int  // of templates
	bindings map[string]binding
}

type binding struct{ group, permission, space string }

// A holder is a client that stays connected, with subscriptions.
type holder struct {
	c       *client
	filters []string
}

// The queries, and what they mean.
var queries = []struct {
	text  string
	holds func(name string, a object) bool
}{
	{"attributes.kind = 'a'", func(_ string, a object) bool { return a["kind"] == "a" }},
	{"attributes.kind <> 'a'", func(_ string, a object) bool { return a["kind"] != nil && a["kind"] != "a" }},
	{"attributes.hall IN ['1','3'] or authenticationName = 'ann'", func(name string, a object) bool {
		return name == "ann" || slices.Contains(halls(a), "1") || slices.Contains(halls(a), "3")
	}},
	{"attributes.level >= 2 and (attributes.kind = 'a' or attributes.kind = 'b')", func(_ string, a object) bool {
		level, _ := a["level"].(int)
		return level >= 2 && a["kind"] != nil
	}},
}

func halls(a object) []string {
	list, _ := a["hall"].([]string)
	return list
}

var templates = []string{
	"x/1", "x/+", "x/#", "y/${client.authenticationName}", "y/${client.authenticationName|.z}/#", "h/${client.attributes.hall}/+",
	"h/${client.attributes.hall}", "+/1", "k-${client.attributes.kind}/1",
}

var (
	historyNames   = []string{"x", "x/1", "x/2", "x/1/2", "y/ann", "y/bob", "y/Cid", "y/cid", "y/ann.z", "y/bob.z/1", "h/1", "h/1/x", "h/2/x", "h/3", "k-a/1", "k-b/1", "z/1", "$SYS/1", "$x/1"}
	historyFilters = append([]string{"#", "+", "x/+", "x/#", "+/1", "x/+/2", "y/+", "y/#", "y/ann.z/#", "h/+/x", "h/1/#", "h/1/+", "h/2", "+/+"}, historyNames...)
)

func (h *history) pick(n int) int { return h.rand.IntN(n) }

func (h *history) editClient(name string) {
	a := object{}
	if n := h.pick(3); n < 2 {
		a["kind"] = []string{"a", "b"}[n]
	}
	if n := h.pick(4); n > 0 {
		a["level"] = n
	}
	if list := [][]string{nil, {"1"}, {"2"}, {"1", "2"}, {"3", "2"}}[h.pick(5)]; list != nil {
		a["hall"] = list
	}
	h.clients[name] = a
	h.client(name, a)
}

func (h *history) editGroup(name string) {
	h.groups[name] = h.pick(len(queries))
	h.clientGroup(name, queries[h.groups[name]].text)
}

func (h *history) editSpace(name string) {
	list := h.rand.Perm(len(templates))[:1+h.pick(3)]
	h.spaces[name] = list
	var texts []string
	for _, i := range list {
		texts = append(texts, templates[i])
	}
	h.topicSpace(name, texts...)
}

// step makes one change.
func (h *history) step() string {
	switch n := h.pick(10); {
	case n < 2:
		name := historyClients[h.pick(len(historyClients))]
		h.editClient(name)
		return fmt.Sprint("client ", name, " ", h.clients[name])
	case n < 3:
		name := slices.Sorted(maps.Keys(h.groups))[h.pick(len(h.groups))]
		h.editGroup(name)
		return fmt.Sprint("group ", name, " ", queries[h.groups[name]].text)
	case n < 5:
		name := slices.Sorted(maps.Keys(h.spaces))[h.pick(len(h.spaces))]
		h.editSpace(name)
		return fmt.Sprint("space ", name, " ", h.spaces[name])
	case n < 7 && len(h.bindings) > 2:
		name := slices.Sorted(maps.Keys(h.bindings))[h.pick(len(h.bindings))]
		delete(h.bindings, name)
		h.remove("permissionBindings", name)
		return "no binding " + name
	}
	b := binding{[]string{"$all", "group-1", "group-2"}[h.pick(3)], []string{"Publisher", "Subscriber"}[h.pick(2)],
		slices.Sorted(maps.Keys(h.spaces))[h.pick(len(h.spaces))]}
	name := bindingName(b.group, b.permission, b.space)
	h.bindings[name] = b
	h.bind(b.group, b.permission, b.space)
	return "binding " + name
}

// allowed is the model.
func (h *history) allowed(name, action, topic string) bool {
	a := h.clients[name]
	permission := map[string]string{publishes: "Publisher", subscribes: "Subscriber"}[action]
	for _, b := range h.bindings {
		if b.permission != permission || b.group != "$all" && !queries[h.groups[b.group]].holds(name, a) {
			continue
		}
		for _, i := range h.spaces[b.space] {
			for _, filter := range fillIn(templates[i], name, a) {
				if coversSlowly(strings.Split(filter, "/"), strings.Split(topic, "/")) && !(strings.HasPrefix(topic, "$") && !strings.HasPrefix(filter, "$")) {
					return true
				}
			}
		}
	}
	return false
}

// fillIn lists what a template stands for.
func fillIn(template, name string, a object) (filters []string) {
	text := strings.NewReplacer("${client.authenticationName|.z}", name+".z", "${client.authenticationName}", name).Replace(template)
	if strings.Contains(text, "${client.attributes.kind}") {
		kind, _ := a["kind"].(string)
		if kind == "" {
			return nil
		}
		text = strings.ReplaceAll(text, "${client.attributes.kind}", kind)
	}
	if !strings.Contains(text, "${client.attributes.hall}") {
		return []string{text}
	}
	for _, hall := range halls(a) {
		filters = append(filters, strings.ReplaceAll(text, "${client.attributes.hall}", hall))
	}
	return filters
}

// coversSlowly says whether a filter has all topics of another, or a topic name.
func coversSlowly(filter, topic []string) bool {
	switch {
	case len(filter) > 0 && filter[0] == "#":
		return true
	case len(filter) == 0 || len(topic) == 0:
		return len(filter) == len(topic)
	case topic[0] == "#":
		return false
	case filter[0] != "+" && filter[0] != topic[0]:
		return false
	}
	return coversSlowly(filter[1:], topic[1:])
}

// check looks at the holders, and asks a few questions.
func (h *history) check(after string) {
	h.Helper()
	for _, name := range historyClients {
		h.checkHolder(name, after)
	}
	for range 6 {
		name, action, topic := historyClients[h.pick(len(historyClients))], publishes, historyNames[h.pick(len(historyNames))]
		if h.pick(2) == 0 {
			action, topic = subscribes, historyFilters[h.pick(len(historyFilters))]
		}
		want := h.allowed(name, action, topic)
		if got := h.may(name, action, topic); got != want {
			h.Errorf("after %s: %s may %s %s: %t, want %t; attributes %v", after, name, action, topic, got, want, h.clients[name])
		}
		if e := h.explain(name, action, topic); e.Allowed != want {
			h.Errorf("after %s: %s may %s %s, explained: %t (%s), want %t; attributes %v", after, name, action, topic, e.Allowed, e.Reason, want, h.clients[name])
		}
	}
}

// checkHolder wants the connection of a holder to have ended if and only if it has
// lost a subscription; it then comes back, with other subscriptions.
func (h *history) checkHolder(name, after string) {
	h.Helper()
	one := h.holders[name]
	if one.c != nil {
		var lost []string
		for _, filter := range one.filters {
			if !h.allowed(name, subscribes, filter) {
				lost = append(lost, filter)
			}
		}
		if len(lost) > 0 {
			select {
			case <-one.c.down:
				one.c = nil
			case <-time.After(patience):
				h.Fatalf("after %s: %s may not subscribe to %q any more, and is connected", after, name, lost)
			}
		} else {
			select {
			case d := <-one.c.down:
				h.Fatalf("after %s: %s has lost nothing of %q, and its connection ended: %+v", after, name, one.filters, d)
			default:
				one.c.unsubscribe("nothing") // an answer: it is there
			}
		}
	}
	if one.c != nil && h.pick(4) > 0 {
		return
	}
	if one.c == nil {
		one.c, one.filters = h.enter(name, login{id: name + "-holder"}), nil
	}
	for range 4 {
		filter := historyFilters[h.pick(len(historyFilters))]
		if h.allowed(name, subscribes, filter) {
			one.c.subscribe(0, filter)
			one.filters = append(one.filters, filter)
		}
	}
}
