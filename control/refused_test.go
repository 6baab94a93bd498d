package control_test

import (
	"context"
	"testing"

	"gridmq/control"
)

// refusedBy has one refusal in each namespace, named after it.
type refusedBy struct{}

func (refusedBy) Refusals(_ context.Context, namespace string, _ int) ([]control.Refusal, error) {
	return []control.Refusal{{ClientID: "of " + namespace}}, nil
}

// Refusals of a namespace are for who may read it; those of no namespace for who may
// read what belongs to nobody.
func TestRefused(t *testing.T) {
	b := newBench(t, func(o *control.Options) { o.Refusals = refusedBy{} })
	b.furnish()
	const one, none = "GET /gridmq/namespaces/PLANT/refused", "GET /gridmq/refused"
	for _, tt := range []struct {
		request, token string
		status         int
		want           string
	}{
		{one, "owner-token", 200, "of plant"}, {one, "plantreader-token", 200, "of plant"},
		{none, "owner-token", 200, "of "}, {none, "reader-token", 200, "of "}, {none, "plantreader-token", 403, ""},
	} {
		a := b.do(tt.request, "", "Authorization", "Bearer "+tt.token)
		list, _ := a.at("value").([]any)
		if a.status != tt.status || tt.status == 200 && (len(list) != 1 || list[0].(map[string]any)["clientId"] != tt.want) {
			t.Errorf("%s as %s: %d %s, want %d and %q", tt.request, tt.token, a.status, a.text, tt.status, tt.want)
		}
	}
}
