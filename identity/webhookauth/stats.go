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

// Failures counts failures by their kind. The zero value has none.
type Failures struct {
	mu    sync.Mutex
	kinds map[Failure]uint64
}

// Add counts one.
func (s *Failures) Add(f Failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kinds == nil {
		s.kinds = map[Failure]uint64{}
	}
	if s.kinds[f] == 0 && len(s.kinds) >= maxFailures {
		f.Status = 0
	}
	s.kinds[f]++
}

// Counts are those of all kinds.
func (s *Failures) Counts() map[Failure]uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.kinds)
}

type stats struct {
	allowed, denied, cached, retried atomic.Uint64
	failed                           Failures
}

func (s *stats) fail(status int, class string) { s.failed.Add(Failure{status, class}) }

// Stats returns the counters.
func (w *Webhook) Stats() Stats {
	return Stats{
		Allowed: w.stats.allowed.Load(), Denied: w.stats.denied.Load(), Failed: w.stats.failed.Counts(),
		Cached: w.stats.cached.Load(), Retried: w.stats.retried.Load(),
		Calling: len(w.gate.places), Waiting: int(w.gate.waiting.Load()), Open: w.breaker.isOpen(),
	}
}
