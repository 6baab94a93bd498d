package push

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"gridmq/delivery"
	"gridmq/internal/outbound"
	"gridmq/tracing"
)

// Options are what a Pool works with. The zero value is ready to use.
type Options struct {
	// Origin is what endpoints are told in WebHook-Request-Origin, for a folded
	// namespace (section 11). Default: its name.
	Origin func(namespace string) string
	// Tokens makes bearer tokens for webhooks with an application. Default: none, and
	// such webhooks are refused.
	Tokens TokenSource
	// Hubs sends to Event Hubs and Kafka. The pool closes it. Default: none, and
	// subscriptions with such a destination are refused.
	Hubs Hubs
	// Web says whom to trust, and who we are: CAFile, CertificateFile and KeyFile, Pins,
	// Connect. Default: the system's roots, no certificate.
	Web outbound.Options
	// PlainHTTP allows http, for development.
	PlainHTTP bool
	// Allow and Deny are addresses that endpoints may have, and may not have. Allow wins.
	// Denied besides: link-local and multicast ones, and those where clouds tell
	// machines about themselves.
	Allow, Deny []netip.Prefix
	// PerSubscription is how many requests of one subscription are under way at once.
	// Default 8.
	PerSubscription int
	// Workers is how many requests are under way at all. Default 1024.
	Workers int
	// Timeout is what an endpoint has for its answer (section 10.2). Default, and
	// most, 30 s.
	Timeout time.Duration
	// Strict does not try again what the documentation of Azure lists as not tried
	// again, against its own schedule: time-outs and failed connections (section 12.2).
	Strict bool
	// Observe is told of every request. Default: nobody.
	Observe func(namespace string, outcome delivery.Outcome, events int, took time.Duration)
	// Tracer makes spans of attempts. nil: none; contexts of events go on nevertheless.
	Tracer *tracing.Tracer
	// Log receives the room's events. Default: none.
	Log *slog.Logger
	// Transport sends requests instead of one made of Web, Allow and Deny; for tests.
	Transport http.RoundTripper
}

// A TokenSource makes a bearer token for an application, as Entra does for
// azureActiveDirectoryTenantId and azureActiveDirectoryApplicationIdOrUri. expires is
// zero when it is not known. Errors do not show secrets. Many goroutines call it.
type TokenSource func(ctx context.Context, tenant, application string) (token string, expires time.Time, err error)

const mostTimeout = 30 * time.Second // delivery.PushLock is made for it

func (o Options) withDefaults() Options {
	if o.Origin == nil {
		o.Origin = func(namespace string) string { return namespace }
	}
	if o.Observe == nil {
		o.Observe = func(string, delivery.Outcome, int, time.Duration) {}
	}
	o.PerSubscription = cmp.Or(o.PerSubscription, 8)
	o.Workers = cmp.Or(o.Workers, 1024)
	o.Timeout = min(cmp.Or(o.Timeout, mostTimeout), mostTimeout)
	o.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	return o
}
