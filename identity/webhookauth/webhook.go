package webhookauth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"gridmq/identity"
	"gridmq/internal/outbound"
)

// Config describes a webhook. Endpoint is needed.
type Config struct {
	// Endpoint is where the broker calls, https.
	Endpoint string
	// Web says whom to trust there, and our certificate. Its Connections are set
	// from Concurrency.
	Web outbound.Options
	// Credential is how the broker proves who it is. Default: by Web's certificate
	// or not at all.
	Credential Credential
	// Timeout bounds a call, with its second attempt. Default 5 s; 1 to 30 s.
	Timeout time.Duration
	// Concurrency bounds the calls under way. Default 256.
	Concurrency int
	// Queue bounds the clients that wait for a call to start; more are refused as
	// Overloaded. Default 10,000.
	Queue int
	// QueueTime bounds that wait. Default 10 s.
	QueueTime time.Duration
	// Breaker says when the webhook counts as down.
	Breaker Breaker
	// Cache is how long an allowing answer may be used again for a CONNECT that is
	// the same in every forwarded field; never longer than its expiration. Default:
	// never, since credentials may be good only once. At most 10 min.
	Cache time.Duration
	// CacheEntries bounds the answers kept. Default 10,000.
	CacheEntries int
	// Logger receives the room's events. Default: none.
	Logger *slog.Logger
}

// Bounds of settings.
const (
	minTimeout     = time.Second
	maxTimeout     = 30 * time.Second
	maxCache       = 10 * time.Minute
	maxConcurrency = 10_000
	maxQueue       = 1_000_000
)

func (c Config) withDefaults() Config {
	if c.Timeout == 0 {
		c.Timeout = 5 * time.Second
	}
	if c.Concurrency == 0 {
		c.Concurrency = 256
	}
	if c.Queue == 0 {
		c.Queue = 10_000
	}
	if c.QueueTime == 0 {
		c.QueueTime = 10 * time.Second
	}
	if c.CacheEntries == 0 {
		c.CacheEntries = 10_000
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	c.Breaker = c.Breaker.withDefaults()
	c.Web.Connections = c.Concurrency
	c.Web.Connect = c.Timeout
	return c
}

func (c Config) check() error {
	switch reason := outbound.CheckURL(c.Endpoint, c.Web.LoopbackHTTP); {
	case reason != "":
		return errors.New("webhookauth: endpoint: " + reason)
	case c.Timeout < minTimeout || c.Timeout > maxTimeout:
		return fmt.Errorf("webhookauth: time-out %v, want %v to %v", c.Timeout, minTimeout, maxTimeout)
	case c.Concurrency < 1 || c.Concurrency > maxConcurrency || c.Queue < 0 || c.Queue > maxQueue:
		return errors.New("webhookauth: concurrency or queue is out of bounds")
	case c.Cache < 0 || c.Cache > maxCache || c.CacheEntries < 1:
		return fmt.Errorf("webhookauth: cache of %v, want at most %v", c.Cache, maxCache)
	}
	return nil
}

// A Webhook authenticates clients. It may be used concurrently.
type Webhook struct {
	c       Config
	client  *http.Client
	gate    *gate
	breaker *breaker
	cache   *cache // nil: none
	stats   stats
}

// New returns an authenticator. It calls nobody yet. It owns the credential.
func New(c Config) (*Webhook, error) {
	c = c.withDefaults()
	if err := c.check(); err != nil {
		return nil, err
	}
	client, err := outbound.NewClient(c.Web)
	if err != nil {
		return nil, fmt.Errorf("webhookauth: %w", err)
	}
	w := &Webhook{c: c, client: client, gate: newGate(c.Concurrency, c.Queue), breaker: newBreaker(c.Breaker, c.Logger)}
	if c.Cache > 0 {
		w.cache = newCache(c.Cache, c.CacheEntries)
	}
	return w, nil
}

// Close closes the connections. Calls under way end by their own context.
func (w *Webhook) Close() {
	w.client.CloseIdleConnections()
	if w.c.Credential != nil {
		w.c.Credential.Close()
	}
}

// Authenticate asks who is behind a CONNECT. The error is an *identity.Error.
func (w *Webhook) Authenticate(ctx context.Context, cr *identity.Credentials) (*identity.Principal, error) {
	body, err := encodeRequest(cr)
	if err != nil {
		return nil, &identity.Error{Kind: identity.NotAuthorized, Reason: err.Error()}
	}
	if p := w.cache.get(body, time.Now()); p != nil {
		w.stats.cached.Add(1)
		return p, nil
	}
	p, err := w.decide(ctx, body, cr)
	if err == nil {
		w.cache.put(body, p, time.Now())
	}
	return p, err
}

// Renew asks again for an AUTH of a connected client, never the cache, and wants
// the same name. Source: spec/identity.md, section 5.
func (w *Webhook) Renew(ctx context.Context, cr *identity.Credentials, old *identity.Principal) (*identity.Principal, error) {
	body, err := encodeRequest(cr)
	if err != nil {
		return nil, &identity.Error{Kind: identity.NotAuthorized, Reason: err.Error()}
	}
	p, err := w.decide(ctx, body, cr)
	if err != nil {
		return nil, err
	}
	if old.Method != identity.Webhook || p.Name != old.Name {
		return nil, &identity.Error{Kind: identity.NotAuthorized,
			Reason: fmt.Sprintf("the webhook says %q now, and the client connected as %q", p.Name, old.Name)}
	}
	return p, nil
}

// decide makes one call and counts what comes of it.
func (w *Webhook) decide(ctx context.Context, body []byte, cr *identity.Credentials) (*identity.Principal, error) {
	answer, err := w.guarded(ctx, body)
	if err != nil {
		return nil, w.failure(err)
	}
	if answer.Deny {
		w.stats.denied.Add(1)
		return nil, &identity.Error{Kind: identity.NotAuthorized, Reason: "the webhook denied: " + orNone(answer.Reason)}
	}
	w.stats.allowed.Add(1)
	if !answer.Expires.IsZero() && !time.Now().Before(answer.Expires) {
		return nil, &identity.Error{Kind: identity.NotAuthorized,
			Reason: "the webhook allowed until " + answer.Expires.UTC().Format(time.RFC3339) + ", which is over: look at the clocks"}
	}
	return &identity.Principal{Name: answer.Name, Method: identity.Webhook, Attributes: answer.Attributes,
		Expires: answer.Expires, Thumbprint: thumbprint(cr)}, nil
}

func orNone(s string) string {
	if s == "" {
		return "no reason given"
	}
	return s
}

// guarded waits for a place and makes the call, unless the webhook counts as down.
func (w *Webhook) guarded(ctx context.Context, body []byte) (*decision, error) {
	if !w.breaker.mayQueue(time.Now()) {
		return nil, &failure{class: "CircuitOpen", err: errDown}
	}
	if err := w.gate.enter(ctx, w.c.QueueTime); err != nil {
		return nil, err
	}
	defer w.gate.leave()
	probe, ok := w.breaker.enter(time.Now()) // it may have opened while we waited
	if !ok {
		return nil, &failure{class: "CircuitOpen", err: errDown}
	}
	d, err := w.call(ctx, body)
	w.breaker.leave(probe, verdictOf(ctx, err), time.Now())
	return d, err
}

// failure makes an *identity.Error and counts.
func (w *Webhook) failure(err error) error {
	f, ok := errors.AsType[*failure](err)
	if !ok {
		f = &failure{class: "Internal", err: err}
	}
	w.stats.fail(f.status, f.class)
	kind, reason := identity.Unavailable, "the webhook gave no decision"
	if f.class == "QueueFull" || f.class == "QueueTimeout" {
		kind, reason = identity.Overloaded, "too many clients wait for the webhook"
	}
	return &identity.Error{Kind: kind, Reason: reason, Err: f}
}
