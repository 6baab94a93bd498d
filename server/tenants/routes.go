package tenants

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"gridmq/broker"
	"gridmq/delivery"
	"gridmq/identity"
	"gridmq/mqtt"
	"gridmq/route"
	"gridmq/store"
	"gridmq/tracing"
)

// RoutingStats count messages on their way to topics, of all namespaces, since the start.
type RoutingStats struct {
	Routed  atomic.Uint64 // to a topic; a message may go to several
	NoTopic atomic.Uint64 // TopicNotFoundError: dropped
	Refused atomic.Uint64 // ServiceError: no room; the message was refused
	Damaged atomic.Uint64 // could not be held against an event filter: dropped there
}

// Routing counts what became of the messages that are routed (spec/routing.md, section 5).
func (t *Tenants) Routing() *RoutingStats { return &t.routing }

// A router makes events of the messages of one namespace, as it is configured. It does
// not change but for what it remembers.
type router struct {
	namespace string
	table     *route.Table
	plane     EventPlane
	custom    func(id string) *delivery.Stream
	stats     *RoutingStats

	log     *slog.Logger
	warned  atomic.Int64 // when it was logged that a topic is full, in Unix seconds
	mu      sync.Mutex   // of who replaces streams
	streams atomic.Pointer[map[route.Destination]*delivery.Stream]
}

// work is the memory for one message.
type work struct {
	record       []byte
	destinations []route.Destination
}

var works = sync.Pool{New: func() any { return new(work) }}

// keepRecord is the largest record whose memory is kept.
const keepRecord = 64 << 10

// openRouter compiles what the namespace says about routing; nil: nothing is routed.
func (n *tenant) openRouter() *router {
	noun := n.noun()
	if n.t.o.Events == nil {
		return nil
	}
	c, err := route.Read(route.Documents{Namespace: n.spelled(), Topic: noun.Routing.Topic, Enrichments: noun.Routing.Enrichments, Routes: noun.Routing.Routes})
	if err == nil && c.Topic == (route.Destination{}) && len(c.Routes) == 0 {
		return nil
	}
	r := &router{namespace: n.spelled(), plane: n.t.o.Events, custom: n.t.o.CustomTopic, stats: &n.t.routing, log: n.t.log}
	r.streams.Store(&map[route.Destination]*delivery.Stream{})
	if err == nil {
		r.table, err = route.Compile(n.spelled(), c)
	}
	if err != nil { // the plane has checked it, perhaps an older one
		n.t.log.Error("routing not understood: no message of the namespace becomes an event", "namespace", n.name, "err", err)
		return nil
	}
	return r
}

// Route implements broker.Router.
func (n *tenant) Route(m *mqtt.Message, by *broker.Identity, span *tracing.Span) (store.Ticket, error) {
	r := n.router.Load()
	if r == nil {
		return 0, nil
	}
	return r.route(m, by, span)
}

func (r *router) route(m *mqtt.Message, by *broker.Identity, span *tracing.Span) (store.Ticket, error) {
	d := r.table.Decide(m.Topic)
	if !d.Routed() {
		return 0, nil
	}
	if span != nil {
		return r.routeTraced(d, m, by, span)
	}
	return r.keep(d, m, by, nil)
}

// routeTraced is keep in a span of its own.
func (r *router) routeTraced(d *route.Decision, m *mqtt.Message, by *broker.Identity, of *tracing.Span) (store.Ticket, error) {
	span := of.Child("route", tracing.Internal).Text("gridmq.namespace", r.namespace)
	t, err := r.keep(d, m, by, span)
	span.Truth("gridmq.kept", t != 0)
	switch {
	case errors.Is(err, store.ErrFull):
		span.Fail("no_room", err.Error())
	case err != nil:
		span.Fail("store", "")
	}
	span.End()
	return t, err
}

// keep writes the record of a message into the logs of its topics.
func (r *router) keep(d *route.Decision, m *mqtt.Message, by *broker.Identity, span *tracing.Span) (t store.Ticket, err error) {
	w := works.Get().(*work)
	defer w.put()
	w.record = r.table.AppendTraced(w.record[:0], m, publisher(by), span.Context())
	if w.destinations, err = d.AppendDestinations(w.destinations[:0], w.record); err != nil {
		r.stats.Damaged.Add(1)
	}
	if len(w.destinations) > 1 { // all or none
		if err := r.room(w.destinations, len(w.record)); err != nil {
			r.stats.Refused.Add(1)
			return 0, err
		}
	}
	if span != nil {
		names := make([]string, len(w.destinations))
		for i, to := range w.destinations {
			names[i] = cmp.Or(to.Topic, to.Custom)
		}
		span.Text("gridmq.topics", strings.Join(names, " "))
	}
	for _, to := range w.destinations {
		one, err := r.append(to, w.record)
		if err != nil {
			r.stats.Refused.Add(1)
			return 0, err
		}
		t = max(t, one)
	}
	return t, nil
}

func (w *work) put() {
	if cap(w.record) > keepRecord {
		w.record = nil
	}
	works.Put(w)
}

// append keeps the record in a topic. One that is not there any more loses the message.
func (r *router) append(to route.Destination, record []byte) (store.Ticket, error) {
	for range 2 {
		s := r.stream(to)
		if s == nil {
			break
		}
		t, err := s.Append(record)
		switch {
		case err == nil:
			r.stats.Routed.Add(1)
			return t, nil
		case errors.Is(err, delivery.ErrBacklog):
			return 0, r.full(s, err)
		case !errors.Is(err, delivery.ErrGone):
			return 0, err
		}
		r.remember(to, nil)
	}
	r.stats.NoTopic.Add(1)
	return 0, nil
}

// room says whether all topics can keep a record of so many bytes. Another message may
// still take the room before this one does.
func (r *router) room(all []route.Destination, size int) error {
	for _, to := range all {
		if s := r.stream(to); s != nil && !s.HasRoom(size) {
			return r.full(s, delivery.ErrBacklog)
		}
	}
	return nil
}

// full is why a message is refused.
func (r *router) full(s *delivery.Stream, err error) error {
	r.warn(s)
	return fmt.Errorf("%w: %w", store.ErrFull, err)
}

// warn says that messages are refused because a topic is full, once a minute.
func (r *router) warn(s *delivery.Stream) {
	now, last := time.Now().Unix(), r.warned.Load()
	if now-last >= 60 && r.warned.CompareAndSwap(last, now) {
		r.log.Warn("messages are refused: a topic that they are routed to is full. Receive what waits in its event subscriptions, or raise events.topic_bytes",
			"namespace", r.namespace, "topic", s.Name())
	}
}

func (r *router) stream(to route.Destination) *delivery.Stream {
	if s := (*r.streams.Load())[to]; s != nil {
		return s
	}
	var s *delivery.Stream
	switch {
	case to.Topic != "":
		s = r.plane.Stream(r.namespace, to.Topic)
	case to.Custom != "":
		s = r.custom(to.Custom)
	}
	if s != nil {
		r.remember(to, s)
	}
	return s
}

// remember keeps the stream of a destination; nil: not any more.
func (r *router) remember(to route.Destination, s *delivery.Stream) {
	r.mu.Lock()
	defer r.mu.Unlock()
	next := maps.Clone(*r.streams.Load())
	if delete(next, to); s != nil {
		next[to] = s
	}
	r.streams.Store(&next)
}

// publisher is who a message is from, in the words of package route.
func publisher(by *broker.Identity) route.Publisher {
	switch {
	case by == nil:
		return route.Publisher{}
	case by.Principal == nil:
		return route.Publisher{Name: by.Name}
	}
	return route.Publisher{Name: by.Principal.Name, Attributes: attributes(by.Principal.Attributes)}
}

// attributes are those of a client, in the words of package route.
type attributes identity.Attributes

// Attribute implements route.Attributes.
func (a attributes) Attribute(key string) route.Attribute {
	v, given := a[key]
	if !given {
		return route.Attribute{}
	}
	if n, ok := v.Integer(); ok {
		return route.Integer(n)
	}
	if list, ok := v.List(); ok {
		return route.List(list)
	}
	if b, ok := v.Boolean(); ok {
		return route.Boolean(b)
	}
	s, _ := v.Text()
	return route.Text(s)
}
