package tenants

import (
	"os"
	"path/filepath"
	"testing"

	"gridmq/control/resource"
	"gridmq/internal/authority"
)

// TestMethodsGoOn: a namespace that is written again keeps the authenticators whose
// settings are as they were, with all that they remember, and gets others for the rest.
func TestMethodsGoOn(t *testing.T) {
	b := newBench(t)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	put := func(name string) {
		t.Helper()
		other, err := authority.NewCA(authority.CAOptions{Name: name})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(ca, other.CertificatePEM(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("first")
	issuer := func(name string) map[string]any {
		return map[string]any{"issuers": []any{map[string]any{"issuer": "https://" + name, "jwksUrl": "https://" + name + "/keys", "caFile": ca}}}
	}
	configure := func(custom, directory, hook string) *methods {
		t.Helper()
		b.configure(b.decode(resource.Namespaces, "plant", map[string]any{
			"topicSpacesConfiguration": map[string]any{"state": "Enabled", "clientAuthentication": map[string]any{
				"webhookAuthentication": map[string]any{"endpointUrl": "https://" + hook}}},
			"gridmq": map[string]any{"passwords": map[string]any{"enabled": true}, "customJwtAuthentication": issuer(custom), "directoryAuthentication": issuer(directory),
				"webhookAuthentication": map[string]any{"credential": map[string]any{"type": "None"}}}}))
		m := b.methods.Load()
		if m.broken != nil || m.custom == nil || m.directory == nil || m.webhook == nil || m.passwords == nil {
			t.Fatalf("methods %+v", m)
		}
		return m
	}
	type kept struct{ custom, directory, webhook, passwords bool }
	steps := []struct {
		what                    string
		custom, directory, hook string
		want                    kept
	}{
		{"nothing changes", "a.example", "b.example", "c.example/", kept{true, true, true, true}},
		{"the custom tokens' issuer", "a2.example", "b.example", "c.example/", kept{false, true, true, true}},
		{"the directory's issuer", "a2.example", "b2.example", "c.example/", kept{true, false, true, true}},
		{"the webhook", "a2.example", "b2.example", "c2.example/", kept{true, true, false, true}},
		{"a file", "a2.example", "b2.example", "c2.example/", kept{false, false, true, true}},
	}
	before := configure("a.example", "b.example", "c.example/")
	for _, s := range steps {
		if s.what == "a file" {
			put("another name")
		}
		now := configure(s.custom, s.directory, s.hook)
		got := kept{now.custom == before.custom, now.directory == before.directory, now.webhook == before.webhook, now.passwords == before.passwords}
		if got != s.want {
			t.Errorf("%s: kept %+v, want %+v", s.what, got, s.want)
		}
		before = now
	}
	b.methods.Swap(&methods{}).close()
}
