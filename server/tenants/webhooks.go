package tenants

import (
	"errors"
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

	Kinds webhookauth.Failures // of those
}

func (s *WebhookStats) fail(err error) {
	s.Failed.Add(1)
	f, _ := webhookauth.FailureOf(err)
	s.Kinds.Add(f)
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
