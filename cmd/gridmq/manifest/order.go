package manifest

import (
	"cmp"
	"slices"
)

// Levels are the resources in steps: what is in one refers to earlier ones only.
// Within a step they keep the order of their files. Empty steps are left out.
func Levels(list []*Resource) (levels [][]*Resource) {
	sorted := slices.Clone(list)
	slices.SortStableFunc(sorted, func(a, b *Resource) int { return cmp.Compare(a.Kind.Order, b.Kind.Order) })
	for _, r := range sorted {
		if n := len(levels); n > 0 && levels[n-1][0].Kind.Order == r.Kind.Order {
			levels[n-1] = append(levels[n-1], r)
			continue
		}
		levels = append(levels, []*Resource{r})
	}
	return levels
}

// Backwards is an order for deleting: what refers to others comes before them.
func Backwards(list []*Resource) (all []*Resource) {
	for _, level := range slices.Backward(Levels(list)) {
		all = append(all, level...)
	}
	return all
}
