package webhookauth

import (
	"errors"
	"maps"
	"sync"
	"sync/atomic"
)

// Stats are counters since New, and what is under way. A denial is a successful
// request. Source: spec/identity.md, section 7.5.
type Stats struct {
	// Allowed and Denied are SuccessfulWebhookAuthenticationRequests by Decision.
	Allowed, Denied uint64
	// Failed is FailedWebhookAuthenticationRequests by StatusCode and Error.
	Failed map[Failure]uint64
	// Cached clients needed no request. Retried are second attempts.
	Cached, Retried uint64
	// Calling and Waiting are clients now. Open says that the webhook counts as down.
	Calling, Waiting int
	Open             bool
}

// A Failure is the status of the answer, 0 without one, and its class: Timeout,
// Connection, Certificate, Status, TooLarge, InvalidResponse, Credential, Canceled,
// CircuitOpen, QueueFull, QueueTimeout or Internal.
type Failure struct {
	Status int
	Error  string
}

// FailureOf is the failure behind an error of Authenticate or Renew; ok is false for a
// denial, and what is no error of this package.
func FailureOf(err error) (f Failure, ok bool) {
	failed, ok := errors.AsType[*failure](err)
	if !ok {
		return f, false
	}
	return Failure{failed.status, failed.class}, true
}

// maxFailures bounds the kinds of failures counted apart: the webhook chooses the
// status. Those beyond have status 0.
const maxFailures = 64

type stats struct {
	allowed, denied, cached, retried atomic.Uint64

	mu     sync.Mutex
	failed map[Failure]uint64
}

func (s *stats) fail(status int, class string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed == nil {
		s.failed = map[Failure]uint64{}
	}
	f := Failure{status, class}
	if s.failed[f] == 0 && len(s.failed) >= maxFailures {
		f.Status = 0
	}
	s.failed[f]++
}

// Stats returns the counters.
func (w *Webhook) Stats() Stats {
	w.stats.mu.Lock()
	failed := maps.Clone(w.stats.failed)
	w.stats.mu.Unlock()
	return Stats{
		Allowed: w.stats.allowed.Load(), Denied: w.stats.denied.Load(), Failed: failed,
		Cached: w.stats.cached.Load(), Retried: w.stats.retried.Load(),
		Calling: len(w.gate.places), Waiting: int(w.gate.waiting.Load()), Open: w.breaker.isOpen(),
	}
}
