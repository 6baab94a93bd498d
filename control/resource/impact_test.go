package resource_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"gridmq/control/resource"
)

// However many effects there are, and in whatever order they come, the first hundred
// by name are told, and how many more there are.
func TestImpactIsBounded(t *testing.T) {
	const all = 3*resource.MaxEffects + 7
	var parts [2]resource.Impact
	for _, i := range rand.Perm(all) {
		parts[i%2].Add(resource.Effect{Namespace: "plant", Client: fmt.Sprintf("c-%04d", i), Loses: "connection"})
	}
	parts[0].Join(parts[1])
	got := parts[0]
	if len(got.Effects) != resource.MaxEffects || got.More != all-resource.MaxEffects {
		t.Errorf("%d effects and %d more, want %d and %d", len(got.Effects), got.More, resource.MaxEffects, all-resource.MaxEffects)
	}
	for i, e := range got.Effects {
		if want := fmt.Sprintf("c-%04d", i); e.Client != want {
			t.Fatalf("effect %d is of %s, want %s", i, e.Client, want)
		}
	}
	few := resource.Impact{}
	few.Add(resource.Effect{Client: "b"})
	few.Add(resource.Effect{Client: "a"})
	if !slices.Equal(few.Effects, []resource.Effect{{Client: "a"}, {Client: "b"}}) || few.More != 0 {
		t.Errorf("%+v", few)
	}
}
