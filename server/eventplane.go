package server

import (
	"errors"
	"maps"
	"slices"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"gridmq/control/namespace"
	"gridmq/delivery"
	"gridmq/gateway"
	"gridmq/route"
	"gridmq/route/lifecycle"
	"gridmq/store"
)

// openEvents opens the topics that the store holds. The management plane tells which of
// them there are.
func (s *Server) openEvents(st store.Store) (err error) {
	if s.push, err = s.newPush(); err != nil {
		return err
	}
	letters, err := s.newDeadLetters()
	if err != nil {
		return err
	}
	s.events, err = delivery.Open(st, delivery.Options{Render: route.Renderer{}, Log: s.log, Pushers: s.push,
		Limits:      delivery.Limits{TopicBytes: int64(s.cfg.Events.TopicBytes)},
		DeadLetters: letters})
	s.letters = letters
	return err
}

// openGateway makes the HTTP data plane. Listeners serve it.
func (s *Server) openGateway() {
	g := gateway.New(gateway.Options{
		Namespaces: spaces{s, httpNamespace(s.cfg.Listeners)}, Events: topics{s.events}, CustomTopics: s.custom, Bearer: bearers{s.tenants, s.custom}, Messages: s.tenants, Retained: s.tenants.Retained(),
		Busy:    func(err error) bool { return errors.Is(err, store.ErrFull) || errors.Is(err, store.ErrClosed) },
		Observe: s.observeHTTP(), Tracer: s.tracer, Log: s.log,
	})
	registerRouting(s.registry, s)
	registerLifecycle(s.registry, s)
	registerWebhooks(s.registry, s)
	s.registry.MustRegister(eventCollector{s.events}, capacityCollector{s}, hookCollector{s})
	s.registry.MustRegister(s.bridges.collector())
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gateway = g
}

// observeHTTP takes each request: into metrics, and into the resource log if there is one.
func (s *Server) observeHTTP() func(gateway.Observation) {
	count := newHTTPMetrics(s.registry).observe
	if s.resources == nil {
		return count
	}
	return func(o gateway.Observation) {
		count(o)
		s.request(o)
	}
}

// follow takes over a namespace as it is now; nil: it is gone.
func (s *Server) follow(name string, n *namespace.Namespace) {
	s.domains.follow(name, n)
	s.mu.Lock()
	g := s.gateway
	s.mu.Unlock()
	if n == nil && g != nil {
		g.Forget(name)
	}
}

func registerRouting(reg prometheus.Registerer, s *Server) {
	f, r := promauto.With(reg), s.tenants.Routing()
	f.NewCounterFunc(prometheus.CounterOpts{Name: "gridmq_messages_routed_total", Help: "MQTT messages that became an event of a topic."},
		func() float64 { return float64(r.Routed.Load()) })
	for reason, n := range map[string]interface{ Load() uint64 }{"topic_not_found": &r.NoTopic, "no_room": &r.Refused, "not_readable": &r.Damaged} {
		f.NewCounterFunc(prometheus.CounterOpts{Name: "gridmq_messages_not_routed_total", Help: "MQTT messages that were to become an event and did not, by reason.",
			ConstLabels: prometheus.Labels{"reason": reason}}, func() float64 { return float64(n.Load()) })
	}
}

// registerWebhooks shows what webhooks that authenticate clients have said.
func registerWebhooks(reg prometheus.Registerer, s *Server) {
	f, w := promauto.With(reg), s.tenants.Webhooks()
	for result, n := range map[string]interface{ Load() uint64 }{"allowed": &w.Allowed, "denied": &w.Denied, "failed": &w.Failed} {
		f.NewCounterFunc(prometheus.CounterOpts{Name: "gridmq_webhook_authentications_total", Help: "Answers of webhooks about who a client is.",
			ConstLabels: prometheus.Labels{"result": result}}, func() float64 { return float64(n.Load()) })
	}
}

// hookCollector shows why webhooks failed, when asked.
type hookCollector struct{ s *Server }

var hookDesc = prometheus.NewDesc("gridmq_webhook_authentication_failures_total", "Questions about who a client is that webhooks gave no decision to, by the status of the answer (0: none) and the error.", []string{"status", "error"}, nil)

// Describe implements prometheus.Collector.
func (c hookCollector) Describe(ch chan<- *prometheus.Desc) { ch <- hookDesc }

// Collect implements prometheus.Collector.
func (c hookCollector) Collect(ch chan<- prometheus.Metric) {
	for f, n := range c.s.tenants.Webhooks().Kinds.Counts() {
		ch <- prometheus.MustNewConstMetric(hookDesc, prometheus.CounterValue, float64(n), strconv.Itoa(f.Status), f.Error)
	}
}

func registerLifecycle(reg prometheus.Registerer, s *Server) {
	f, l := promauto.With(reg), s.tenants.Lifecycle()
	for kind := range l.Told {
		f.NewCounterFunc(prometheus.CounterOpts{Name: "gridmq_lifecycle_events_total", Help: "Life-cycle events that were given to a topic, by type.",
			ConstLabels: prometheus.Labels{"type": lifecycle.Kind(kind).String()}}, func() float64 { return float64(l.Told[kind].Load()) })
	}
	for reason, n := range map[string]interface{ Load() uint64 }{"topic_not_found": &l.NoTopic, "no_room": &l.Refused, "queue_full": &l.Dropped} {
		f.NewCounterFunc(prometheus.CounterOpts{Name: "gridmq_lifecycle_events_lost_total", Help: "Life-cycle events that were not kept, by reason.",
			ConstLabels: prometheus.Labels{"reason": reason}}, func() float64 { return float64(n.Load()) })
	}
}

// topics are the event plane as the gateway wants it.
type topics struct{ plane *delivery.Plane }

// Topic implements gateway.Events.
func (t topics) Topic(namespace, topic string) gateway.Topic {
	if s := t.plane.Stream(namespace, topic); s != nil {
		return stream{s}
	}
	return nil
}

type stream struct{ *delivery.Stream }

// Queue implements gateway.Topic.
func (s stream) Queue(name string) gateway.Queue {
	if q := s.Stream.Queue(name); q != nil {
		return q
	}
	return nil
}

// spaces finds the namespace of an HTTP request as of a connection.
type spaces struct {
	s        *Server
	listener string // the namespace of connections whose host name belongs to none
}

// ByHost implements gateway.Namespaces.
func (f spaces) ByHost(host string) *gateway.Namespace {
	name := f.s.hosts.named(host, f.s.tenants.ByHost)
	if name == "" {
		return nil
	}
	return f.s.tenants.View(name)
}

// ByName implements gateway.Namespaces.
func (f spaces) ByName(name string) *gateway.Namespace { return f.s.tenants.View(name) }

// Default is the namespace that the listener leads to, and where that does not exist the
// only one.
func (f spaces) Default() *gateway.Namespace {
	if ns := f.s.tenants.View(f.listener); ns != nil {
		return ns
	}
	return f.s.tenants.View(f.s.tenants.Only())
}

// httpNamespace is the namespace of the first listener that serves HTTP.
func httpNamespace(all map[string]Listener) string {
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if one := all[name]; one.Enabled && one.websocket() {
			return one.Namespace
		}
	}
	return DefaultNamespace
}
