package tenants

import (
	"errors"
	"testing"

	"gridmq/identity"
	"gridmq/identity/webhookauth"
)

// TestHooked: answers are counted by what they were, failures by their kind.
func TestHooked(t *testing.T) {
	all := New(Options{})
	for _, err := range []error{nil, &identity.Error{Kind: identity.NotAuthorized}, &identity.Error{Kind: identity.Unavailable}, errors.New("what")} {
		if _, got := all.hooked(nil, err); got != err {
			t.Errorf("%v became %v", err, got)
		}
	}
	w := all.Webhooks()
	if w.Allowed.Load() != 1 || w.Denied.Load() != 1 || w.Failed.Load() != 2 || w.Kinds.Counts()[webhookauth.Failure{}] != 2 {
		t.Errorf("allowed %d, denied %d, failed %d: %v", w.Allowed.Load(), w.Denied.Load(), w.Failed.Load(), w.Kinds.Counts())
	}
}
