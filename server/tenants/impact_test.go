package tenants

import (
	"testing"

	"gridmq/control/resource"
)

// TestReached: a change reaches its namespace, and a role assignment above them all.
func TestReached(t *testing.T) {
	b := newBench(t)
	for _, name := range []string{"plant", "yard"} {
		b.t.all[name] = newTenant(b.t, name)
	}
	tests := map[string]struct {
		change resource.Change
		want   int
	}{
		"its own":      {resource.Change{Namespace: "plant", Kind: "topicSpaces"}, 1},
		"a namespace":  {resource.Change{Namespace: "yard", Kind: resource.Namespaces}, 1},
		"a role above": {resource.Change{Namespace: resource.Process, Kind: resource.RoleAssignments}, 2},
		"an operator":  {resource.Change{Namespace: resource.Process, Kind: resource.Operators}, 0},
		"a new one":    {resource.Change{Namespace: "other", Kind: resource.Namespaces}, 0},
	}
	for name, tt := range tests {
		if got := len(b.t.reached(tt.change)); got != tt.want {
			t.Errorf("%s reaches %d namespaces, want %d", name, got, tt.want)
		}
	}
}

// TestForecastOpensNothing: what a namespace would have to ask or to read for is not
// touched by a dry run, and what is in force stays.
func TestForecastOpensNothing(t *testing.T) {
	b := newBench(t)
	before := b.methods.Load()
	next := b.decode(resource.Namespaces, "plant", map[string]any{
		"topicSpacesConfiguration": map[string]any{"state": "Enabled", "clientAuthentication": map[string]any{
			"webhookAuthentication": map[string]any{"endpointUrl": "https://hook.example/"}}},
		"gridmq": map[string]any{"passwords": map[string]any{"enabled": true},
			"webhookAuthentication":   map[string]any{"caFile": "/none/ca.pem"},
			"customJwtAuthentication": map[string]any{"issuers": []any{map[string]any{"issuer": "https://i.example", "jwksUrl": "https://i.example/keys", "caFile": "/none/ca.pem"}}}},
	})
	f := b.forecast([]resource.Change{{Namespace: b.name, Kind: resource.Namespaces, Name: "plant", Old: b.resource.Load(), New: next}})
	m := f.next.methods.Load()
	if m.webhook == nil || m.custom == nil || m.passwords == nil || m.certificates == nil || m.directory != nil {
		t.Errorf("methods %+v", m)
	}
	if b.methods.Load() != before || b.resource.Load() == next {
		t.Error("a forecast changes what is in force")
	}
}
