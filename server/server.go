package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gridmq/broker"
	"gridmq/control"
	"gridmq/delivery"
	"gridmq/delivery/push"
	"gridmq/gateway"
	"gridmq/listener"
	"gridmq/server/customtopics"
	"gridmq/server/resourcelog"
	"gridmq/server/tenants"
	"gridmq/store"
	"gridmq/tracing"
)

// Options are what a Config cannot hold. The zero value is ready to use.
type Options struct {
	// Logger receives the events of all rooms. Default: none.
	Logger *slog.Logger
	// Level is what Logger obeys, so that a reload can change it. Default: none.
	Level *slog.LevelVar
	// Program is how the user called it, for commands to paste. Default "gridmq".
	Program string
	// Out gets the one line that says that the server is ready. Default: none.
	Out io.Writer
	// Version is what the build calls itself.
	Version string
	// Load reads the configuration again, for Reload. Default: cannot reload.
	Load func() (Config, error)
	// Store takes the place of the configured engine; the caller closes it.
	Store store.Store
	// Resolver looks for the proofs of who owns custom domains. Default: the system's.
	Resolver control.Resolver
}

func (o Options) withDefaults() Options {
	o.Logger = cmp.Or(o.Logger, slog.New(slog.DiscardHandler))
	o.Level = cmp.Or(o.Level, new(slog.LevelVar))
	o.Version = cmp.Or(o.Version, "unknown")
	if o.Out == nil {
		o.Out = io.Discard
	}
	return o
}

// A Server is one node. Run it once.
type Server struct {
	opts     Options
	log      *slog.Logger
	registry *prometheus.Registry
	metrics  *metrics
	hosts    hosts
	penalty  *listener.Penalty // nil: nobody is kept away
	budget   *listener.Budget  // of connections; nil: no limit
	ready    chan struct{}     // closed when ready
	phase    atomic.Pointer[phase]
	disk     atomic.Pointer[store.Store] // nil before it is open
	began    time.Time

	mu        sync.Mutex // guards what follows; held for a whole reload
	cfg       Config
	broker    *broker.Broker                       // nil before it has recovered
	certs     *listener.Certificates               // the pointer does not change
	loaded    bool                                 // certs have those of the configuration
	localCA   string                               // its certificate, when the server made its own
	spaces    atomic.Pointer[map[string]Namespace] // of the configuration
	tenants   *tenants.Tenants
	custom    *customtopics.Topics
	plane     *control.Plane
	domains   *domains
	events    *delivery.Plane
	letters   *deadLetters
	push      *push.Pool
	tracer    *tracing.Tracer  // nil: off
	resources *resourcelog.Log // nil: off
	directory *directory       // nil: there is no token endpoint
	gateway   *gateway.Gateway
	acme      *acme // nil: off
	bridges   *bridges
	listeners []*listener.Listener
	addresses map[string]Address
}

// New checks the configuration. Nothing is opened before Run.
func New(cfg Config, o Options) (*Server, error) {
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	s := &Server{opts: o.withDefaults(), cfg: cfg, hosts: newHosts(&cfg),
		registry: prometheus.NewRegistry(), ready: make(chan struct{}), addresses: map[string]Address{}}
	s.log = s.opts.Logger
	s.certs = new(listener.Certificates)
	s.domains = newDomains(s.log, s.certs)
	s.bridges = newBridges(s)
	s.spaces.Store(&cfg.Namespaces)
	s.budget = connectionBudget()
	if r := cfg.Refusals; r.PerSecond > 0 {
		s.penalty = listener.NewPenalty(r.PerSecond, max(r.Burst, r.PerSecond))
	}
	s.metrics = newMetrics(s.registry, s.opts.Version)
	s.phase.Store(&starting)
	return s, nil
}

// Ready is closed when the listeners accept.
func (s *Server) Ready() <-chan struct{} { return s.ready }

// Run starts the node and serves until ctx is done; then it drains and returns
// nil. Any other return is an error: a step of the start that failed, or a store
// that cannot go on.
func (s *Server) Run(ctx context.Context) (err error) {
	s.began = time.Now()
	lock, err := lockData(s.cfg.Data)
	if err != nil {
		return err
	}
	defer lock.release()
	if err := clearData(s.cfg.Data); err != nil {
		return err
	}

	ops, err := s.startOperations()
	if err != nil {
		return err
	}
	defer ops.stop()
	if err := s.openTracing(); err != nil {
		return err
	}
	defer s.closeTracing()
	if err := s.openResourceLog(); err != nil {
		return err
	}
	defer func() { s.resources.Close(farewellLogs) }()
	st, err := s.openStore()
	if err != nil {
		return err
	}
	s.disk.Store(&st)
	defer func() { err = errors.Join(err, s.closeStore(st)) }()
	if err := s.openEvents(st); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.events.Close()) }()
	if err := s.bridges.open(); err != nil {
		return err
	}
	m, err := s.openManagement(ctx, st)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.stop()) }()
	if err := s.events.Settled(); err != nil { // all resources have been told
		return fmt.Errorf("event plane: %w", err)
	}
	if err := s.startBroker(st); err != nil {
		return err
	}
	defer s.tenants.Close()
	s.openGateway()
	if err = s.openACME(); err == nil {
		err = s.bridges.start(ctx) // before clients may publish
	}
	if err == nil {
		err = s.startListeners(ctx)
	}
	if err == nil {
		err = m.serve(s)
	}
	if err != nil {
		return errors.Join(err, s.drain())
	}
	s.beginACME()
	if err := s.announce(); err != nil {
		return errors.Join(err, s.drain())
	}
	defer removeReadyFile(s.cfg.Data)

	select {
	case <-ctx.Done():
		return s.drain()
	case <-s.broker.Failed():
	case <-storeFailed(st):
	}
	s.phase.Store(&failed)
	return errors.Join(errors.New("the store has failed; nothing more can be promised"), s.drain())
}

// storeFailed is closed when an engine that can tell has failed, even while
// nobody writes.
func storeFailed(st store.Store) <-chan struct{} {
	if f, ok := st.(interface{ Failed() <-chan struct{} }); ok {
		return f.Failed()
	}
	return nil
}

func (s *Server) startBroker(st store.Store) error {
	spaces := s.tenants.Namespaces()
	if s.cfg.Dev.Enabled {
		dev := (*s.spaces.Load())[DevNamespace]
		spaces = append(spaces, s.bridges.guarded(broker.NamespaceConfig{Name: DevNamespace, Limits: dev.limits(),
			Authenticator: broker.AllowAll{}, Authorizer: broker.AllowAll{}}))
	}
	o := broker.Options{Store: st, Namespaces: spaces, Logger: s.log, Observer: s.tenants,
		Registerer: s.registry, Version: s.opts.Version, Progress: s.recovering, Tracer: s.tracer}
	if s.resources != nil {
		c := chronicler{s.tenants, s, s.resources}
		o.Observer, o.Witness = c, c
	}
	b, err := broker.New(o)
	if err != nil {
		return fmt.Errorf("start the broker: %w", err)
	}
	s.tenants.Serve(b)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broker = b
	return nil
}

// recovering tells of a recovery that takes long.
func (s *Server) recovering(namespace string, done, total int) {
	s.log.Info("recovering", "namespace", namespace, "done", done, "total", total)
}

// drain stops accepting, says 0x8B to every client, and flushes.
func (s *Server) drain() error {
	if s.phase.Load() != &failed {
		s.phase.Store(&draining)
	}
	s.log.Info("draining")
	begin := time.Now()
	s.acme.stop()     // before its port is free
	s.bridges.close() // what is under way is acknowledged first
	s.gateway.Close() // receives that wait would hold the listeners
	s.mu.Lock()
	listeners, timeout := s.listeners, s.cfg.Shutdown.Timeout
	s.mu.Unlock()
	for _, l := range listeners {
		_ = l.Close() // an address that is not closed cleanly is closed all the same
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	err := s.broker.Shutdown(ctx)
	for _, l := range listeners {
		l.Wait() // its connections have ended with the broker
	}
	s.log.Info("drained", "took", time.Since(begin).Round(time.Millisecond).String())
	return err
}
