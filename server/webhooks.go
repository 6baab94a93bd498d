package server

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"gridmq/delivery"
	"gridmq/delivery/push"
	"gridmq/internal/outbound"
	"gridmq/internal/settings"
)

func checkWebhooks(w *Webhooks, l *settings.Loader) {
	if (w.CertificateFile == "") != (w.KeyFile == "") {
		l.Problem("webhooks.certificate_file", "want both certificate_file and key_file, or neither")
	}
	if w.Requests < 1 {
		l.Problem("webhooks.requests", "want at least 1")
	}
	if w.Timeout <= 0 || w.Timeout > 30*time.Second {
		l.Problem("webhooks.timeout", "want a duration above zero, and 30s at most: event subscriptions count on it")
	}
	for name, list := range map[string][]string{"allow": w.Allow, "deny": w.Deny} {
		if _, err := parsePrefixes(list); err != nil {
			l.Problem("webhooks."+name, "want addresses or networks such as 10.0.0.0/8: %v", err)
		}
	}
}

func parsePrefixes(list []string) (all []netip.Prefix, err error) {
	for _, one := range list {
		p, err := parsePrefix(one)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

// newPush makes what pushes events to webhooks and Kafka. Tenants, and the token endpoint, come
// later; nothing is pushed before there are event subscriptions, which come last.
func (s *Server) newPush() (*push.Pool, error) {
	w := &s.cfg.Webhooks
	web := outbound.Options{CAFile: w.CAFile, CertificateFile: w.CertificateFile, KeyFile: w.KeyFile}
	if s.secure() { // endpoints may have a certificate of our own CA
		if _, err := s.certificates(); err != nil {
			return nil, err
		}
		web.AlsoTrust = s.localCA
	}
	allow, err := parsePrefixes(w.Allow)
	if err != nil {
		return nil, err
	}
	deny, err := parsePrefixes(w.Deny)
	if err != nil {
		return nil, err
	}
	hubs, err := s.newKafka()
	if err != nil {
		return nil, err
	}
	p, err := push.New(push.Options{Origin: s.origin, Tokens: s.endpointToken, Hubs: hubs, Web: web, PlainHTTP: w.PlainHTTP,
		Allow: allow, Deny: deny, Workers: w.Requests, Timeout: w.Timeout, Observe: newPushMetrics(s.registry).observe, Tracer: s.tracer, Log: s.log})
	if err != nil {
		return nil, fmt.Errorf("webhooks: %w", err)
	}
	promauto.With(s.registry).NewGaugeFunc(prometheus.GaugeOpts{Name: "gridmq_push_requests", Help: "Requests to webhooks and batches for Kafka that are under way."},
		func() float64 { return float64(p.Busy()) })
	return p, nil
}

// secure says whether anybody connects by TLS.
func (s *Server) secure() bool {
	for _, one := range s.cfg.Listeners {
		if one.Enabled && one.secure() {
			return true
		}
	}
	return s.cfg.Management.Enabled
}

// origin is what endpoints are told that events of a namespace come from
// (spec/namespace-topics.md, section 11).
func (s *Server) origin(namespace string) string {
	if o := s.cfg.Webhooks.Origin; o != "" {
		return o
	}
	if namespace == delivery.CustomTopics {
		return customOrigin
	}
	if v := s.tenants.View(namespace); v != nil && len(v.Hosts) > 0 {
		return v.Hosts[0]
	}
	return namespace
}

// endpointToken makes a token that an application takes from the broker.
func (s *Server) endpointToken(ctx context.Context, _, application string) (string, time.Time, error) {
	if s.directory == nil {
		return "", time.Time{}, errors.New("the management plane is off, and its token endpoint with it")
	}
	return s.directory.issuer.Issue(ctx, brokerApp, application)
}

// pushMetrics count requests to webhooks, and batches for Kafka.
type pushMetrics struct {
	requests, events *prometheus.CounterVec
	seconds          prometheus.Histogram
}

func newPushMetrics(reg prometheus.Registerer) *pushMetrics {
	f := promauto.With(reg)
	return &pushMetrics{
		requests: f.NewCounterVec(prometheus.CounterOpts{Name: "gridmq_push_requests_total", Help: "Requests to webhooks, and batches for Kafka, by outcome: once for each that their events have had."}, []string{"outcome"}),
		events:   f.NewCounterVec(prometheus.CounterOpts{Name: "gridmq_push_events_total", Help: "Events of those requests, by outcome."}, []string{"outcome"}),
		seconds: f.NewHistogram(prometheus.HistogramOpts{Name: "gridmq_push_seconds", Help: "Time that endpoints took to answer, or not to.",
			Buckets: []float64{.001, .005, .025, .1, .5, 2.5, 10, 30}}),
	}
}

// observe takes one request. It is for push.Options.Observe.
func (m *pushMetrics) observe(_ string, outcome delivery.Outcome, events int, took time.Duration) {
	label := outcome.String()
	m.requests.WithLabelValues(label).Inc()
	m.events.WithLabelValues(label).Add(float64(events))
	m.seconds.Observe(took.Seconds())
}
