package tenants

import (
	"errors"
	"maps"
	"sync"
	"sync/atomic"

	"gridmq/identity"
	"gridmq/identity/webhookauth"
)

// WebhookStats count what the webhooks that authenticate clients have said, of all
// namespaces, since the start.
type WebhookStats struct {
	Allowed atomic.Uint64
	Denied  atomic.Uint64
	Failed  atomic.Uint64 // they gave no answer, or none that could be understood

	mu    sync.Mutex
	kinds map[webhookauth.Failure]uint64 // of those
}

// maxFailures bounds the kinds of failures: webhooks choose the status. Those beyond have
// status 0.
const maxFailures = 64

func (s *WebhookStats) fail(err error) {
	s.Failed.Add(1)
	f, _ := webhookauth.FailureOf(err)
	s.count(f)
}

func (s *WebhookStats) count(f webhookauth.Failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kinds == nil {
		s.kinds = map[webhookauth.Failure]uint64{}
	}
	if s.kinds[f] == 0 && len(s.kinds) >= maxFailures {
		f.Status = 0
	}
	s.kinds[f]++
}

// Failures counts failures by their kind.
func (s *WebhookStats) Failures() map[webhookauth.Failure]uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.kinds)
}

// Webhooks are those counts.
func (t *Tenants) Webhooks() *WebhookStats { return &t.webhooks }

// hooked counts an answer.
func (t *Tenants) hooked(p *identity.Principal, err error) (*identity.Principal, error) {
	refusal, ok := errors.AsType[*identity.Error](err)
	switch {
	case err == nil:
		t.webhooks.Allowed.Add(1)
	case ok && refusal.Kind == identity.NotAuthorized:
		t.webhooks.Denied.Add(1)
	default:
		t.webhooks.fail(err)
	}
	return p, err
}
