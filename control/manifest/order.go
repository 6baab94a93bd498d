package manifest

import (
	"cmp"
	"slices"
)

// Levels are the resources in steps: what is in one refers to earlier ones only.
// Within a step they keep the order of their files. Empty steps are left out.
func Levels(list []*Resource) (levels [][]*Resource) {
	sorted := slices.Clone(list)
	slices.SortStableFunc(sorted, func(a, b *Resource) int { return cmp.Compare(a.order(), b.order()) })
	for _, r := range sorted {
		if n := len(levels); n > 0 && levels[n-1][0].order() == r.order() {
			levels[n-1] = append(levels[n-1], r)
			continue
		}
		levels = append(levels, []*Resource{r})
	}
	return levels
}

// Backwards is an order for deleting: what refers to others comes before them.
// Topics that a namespace of the list routes to come behind it, which takes them along.
func Backwards(list []*Resource) (all []*Resource) {
	routed := map[string]bool{}
	for _, r := range list {
		for _, topic := range r.Routed(NewIndex(list)) {
			routed[topic.Key()] = true
		}
	}
	var last []*Resource
	for _, level := range slices.Backward(Levels(list)) {
		for _, r := range level {
			if routed[r.Key()] {
				last = append(last, r)
			} else {
				all = append(all, r)
			}
		}
	}
	return append(all, last...)
}
