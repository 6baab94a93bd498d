package tenants

import (
	"cmp"
	"container/list"
	"context"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"gridmq/broker"
	"gridmq/control"
	"gridmq/mqtt"
)

// Bounds of what is remembered of each namespace. Those who were only ever refused have
// a share of their own, so that whoever tries names pushes out nobody who was here; and
// of one client refusals have a share, so that whoever uses its name does not push out
// what it did itself.
const (
	historyKept   = 10_000 // events of clients that were connected
	strangersKept = 1_000  // events of those that were not
	clientKept    = 50     // events of one client identifier
	refusalsOfOne = 10     // of those, refusals
)

// histories is who came, went and was refused, by namespace.
type histories struct {
	mu     sync.Mutex
	spaces map[string]*history
}

func newHistories() *histories { return &histories{spaces: map[string]*history{}} }

func (h *histories) open(namespace string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.spaces[namespace] == nil {
		h.spaces[namespace] = &history{clients: map[string]*visitor{}}
	}
}

func (h *histories) forget(namespace string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.spaces, namespace)
}

func (h *histories) of(namespace string) *history {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.spaces[namespace]
}

// A history is that of one namespace. It is told in the goroutines of connections, so
// texts are made when somebody asks.
type history struct {
	mu      sync.Mutex
	clients map[string]*visitor
	shelves [2]shelf // strangers, and those who were connected
	serial  uint64
}

// A shelf is clients with a bound of events together. The one that has done nothing for
// longest goes first.
type shelf struct {
	order  list.List // of *visitor
	events int
}

// A visitor is a client identifier.
type visitor struct {
	id       string
	events   []happening // oldest first
	refused  int         // of those
	known    bool        // it was connected
	position *list.Element
}

// A happening is one thing that happened.
type happening struct {
	serial  uint64 // order in the namespace
	at      time.Time
	what    control.HistoryKind
	name    string // authentication name
	address netip.Addr
	via     string // transport
	version mqtt.Version
	code    string
	reason  string
	count   int
}

func shelfOf(known bool) int {
	if known {
		return 1
	}
	return 0
}

// add notes an event.
func (h *history) add(id string, e happening) {
	h.mu.Lock()
	defer h.mu.Unlock()
	v := h.clients[id]
	if v == nil {
		v = &visitor{id: id}
		h.clients[id] = v
		v.position = h.shelves[0].order.PushBack(v)
	}
	if !v.known && e.what != control.WasRefused {
		h.leave(v)
		v.known = true
		h.shelves[1].events += len(v.events)
		v.position = h.shelves[1].order.PushBack(v)
	}
	s := &h.shelves[shelfOf(v.known)]
	s.order.MoveToBack(v.position)
	h.serial++
	e.serial, e.count = h.serial, 1
	s.events += v.note(e)
	h.trim()
}

// leave takes a visitor off its shelf.
func (h *history) leave(v *visitor) {
	s := &h.shelves[shelfOf(v.known)]
	s.order.Remove(v.position)
	s.events -= len(v.events)
}

// note adds an event, and returns by how many there are more. A refusal that comes again
// counts up.
func (v *visitor) note(e happening) (more int) {
	before := len(v.events)
	refused := e.what == control.WasRefused
	if refused {
		for i := range v.events {
			if old := &v.events[i]; old.what == e.what && old.reason == e.reason && old.address == e.address {
				e.count = old.count + 1
				v.remove(i)
				break
			}
		}
		if v.refused >= refusalsOfOne {
			v.remove(slices.IndexFunc(v.events, func(x happening) bool { return x.what == control.WasRefused }))
		}
		v.refused++
	}
	if len(v.events) >= clientKept {
		v.remove(0)
	}
	v.events = append(v.events, e)
	return len(v.events) - before
}

func (v *visitor) remove(i int) {
	if v.events[i].what == control.WasRefused {
		v.refused--
	}
	v.events = slices.Delete(v.events, i, i+1)
}

// trim keeps the bounds: whole visitors go, those who did nothing for longest first.
func (h *history) trim() {
	for i, most := range [...]int{strangersKept, historyKept} {
		for s := &h.shelves[i]; s.events > most && s.order.Len() > 1; {
			v := s.order.Front().Value.(*visitor)
			h.leave(v)
			delete(h.clients, v.id)
		}
	}
}

// list is what is known of a client, newest first: by its identifier, or by its
// authentication name, ignoring case. Empty: of all.
func (h *history) list(client string, limit int) (all []control.HistoryEvent) {
	h.mu.Lock()
	defer h.mu.Unlock()
	type found struct {
		id string
		e  happening
	}
	var list []found
	collect := func(v *visitor, all bool) {
		for _, e := range v.events {
			if all || strings.EqualFold(e.name, client) {
				list = append(list, found{v.id, e})
			}
		}
	}
	for id, v := range h.clients {
		collect(v, client == "" || id == client)
	}
	slices.SortFunc(list, func(a, b found) int { return cmp.Compare(b.e.serial, a.e.serial) })
	for _, f := range list[:min(len(list), limit)] {
		all = append(all, f.e.shown(f.id))
	}
	return all
}

func (e *happening) shown(id string) control.HistoryEvent {
	x := control.HistoryEvent{Time: e.at.UTC(), Event: e.what, ClientID: id, AuthenticationName: e.name, Code: e.code, Reason: e.reason,
		Count: e.count}
	if e.address.IsValid() {
		x.Remote = e.address.String()
	}
	if e.version != 0 {
		x.Protocol = protocol(broker.SessionInfo{Version: e.version, Transport: e.via})
	}
	return x
}

func (t *Tenants) remember(v broker.Visit, e happening) {
	h := t.histories.of(v.Namespace)
	if h == nil || v.ClientID == "" && e.what == control.WasRefused {
		return // of no namespace, or of nobody: Refusals has it
	}
	e.at, e.address, e.via, e.version, e.name = time.Now(), v.Address, v.Transport, v.Version, shown(v.Username)
	if v.Identity != nil {
		e.name = v.Identity.Name
	}
	h.add(shown(v.ClientID), e)
}

// rememberEnd notes that a connection has ended.
func (t *Tenants) rememberEnd(v broker.Visit, why string, err error) {
	e := happening{what: control.WasDisconnected, reason: why}
	if err != nil {
		if e.code = codeOf(err); e.code != "" { // a refused packet, or what an operator said; else the network's words, which say less than why
			e.reason = why + ": " + reasonOf(err)
		}
	}
	t.remember(v, e)
}

// History implements control.HistoryLog.
func (t *Tenants) History(_ context.Context, namespace, client string, limit int) ([]control.HistoryEvent, error) {
	h := t.histories.of(strings.ToLower(namespace))
	if h == nil {
		return nil, nil
	}
	return h.list(client, limit), nil
}
