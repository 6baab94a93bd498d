package console

import (
	"testing"

	"gridmq/server"
)

// TestSignIn has people sign in at an OpenID provider; the steps are in signin.mjs.
func TestSignIn(t *testing.T) {
	node, chromium := need(t)
	p, data := newProvider(t), t.TempDir()
	s := serve(t, data, server.Assignment{Path: "management.oidc.issuer", Value: p.URL}, server.Assignment{Path: "management.oidc.audience", Value: "gridmq"},
		server.Assignment{Path: "management.oidc.ca_file", Value: p.caFile}, server.Assignment{Path: "management.oidc.sign_in.client_id", Value: clientID})
	browse(t, node, chromium, "signin.mjs", s, data, "PROVIDER="+p.URL)
	if renewed, revoked := p.counts(); renewed != 2 || revoked != 2 { // anna, twice
		t.Errorf("tokens were renewed %d times and given back %d times, want 2 and 2", renewed, revoked)
	}
}
