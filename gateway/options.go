package gateway

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"gridmq/tracing"
)

// Options are what a gateway works with. Namespaces is required.
type Options struct {
	Namespaces Namespaces
	// Events are the namespace topics; nil: there are none.
	Events Events
	// CustomTopics are topics that belong to no namespace; nil: there are none. Their
	// events are in Events as well.
	CustomTopics CustomTopics
	// Bearer judges bearer tokens; nil: all are refused.
	Bearer Bearer
	// Messages takes MQTT messages, Retained has the retained ones; nil: 404.
	Messages Publisher
	Retained Retained

	// Proxies are believed about the address of a client (X-Forwarded-For).
	Proxies []netip.Prefix
	// Private says whether a request came by a listener for private endpoints, where
	// network rules do not count. Default: none did.
	Private func(*http.Request) bool
	// Busy says whether an error of the event plane or the broker means "not now":
	// the store is full or closed. Default: none does.
	Busy func(error) bool
	// Observe is told of every request when it was answered, for metrics and access
	// logs. It must not wait. Default: nobody.
	Observe func(Observation)
	// Tracer makes spans of requests. nil: none; trace contexts go on nevertheless.
	Tracer *tracing.Tracer
	// Log receives failures of ours (Error) and, at Debug, refusals. Default: none.
	Log *slog.Logger

	// BodyTimeout is the time to send a body, and that to take an answer.
	// Default 30 seconds.
	BodyTimeout time.Duration
	// Requests bounds what one namespace has in hand at once, after authentication;
	// Receives its receives that wait. More are told 429. Defaults 1,000 and 10,000.
	Requests, Receives int
}

func (o Options) withDefaults() Options {
	o.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	o.BodyTimeout = cmp.Or(o.BodyTimeout, 30*time.Second)
	o.Requests = cmp.Or(o.Requests, 1000)
	o.Receives = cmp.Or(o.Receives, 10_000)
	if o.Private == nil {
		o.Private = func(*http.Request) bool { return false }
	}
	if o.Busy == nil {
		o.Busy = func(error) bool { return false }
	}
	if o.Observe == nil {
		o.Observe = func(Observation) {}
	}
	return o
}

// A Gateway serves the HTTP data plane. It implements http.Handler.
type Gateway struct {
	o       Options
	log     *slog.Logger
	closing context.Context // ends with Close; kept, since it is the gateway's own life
	close   context.CancelFunc

	mu      sync.Mutex
	tenants map[string]*tenant // by name in lower case
}

// New makes a gateway.
func New(o Options) *Gateway {
	g := &Gateway{o: o.withDefaults(), tenants: map[string]*tenant{}}
	g.log = g.o.Log
	g.closing, g.close = context.WithCancel(context.Background())
	return g
}

// Close ends receives that wait; they and later requests are told 503.
func (g *Gateway) Close() { g.close() }
