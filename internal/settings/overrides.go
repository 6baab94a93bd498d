package settings

import (
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Overrides are some leaves of a struct T (structs in structs, no maps), to be
// laid over a base that is chosen later: a profile's limits, say. The zero value
// overrides nothing.
type Overrides[T any] struct {
	values T
	set    map[string]bool
}

// Apply returns base with what was overridden.
func (o *Overrides[T]) Apply(base T) T {
	to, from := reflect.ValueOf(&base).Elem(), o.target()
	for path := range o.set {
		leaf(to, path).Set(leaf(from, path))
	}
	return base
}

// Keys lists the paths of what is overridden, sorted.
func (o *Overrides[T]) Keys() []string { return slices.Sorted(maps.Keys(o.set)) }

func (o *Overrides[T]) target() reflect.Value { return reflect.ValueOf(&o.values).Elem() }

// mark copies on write: a Config is copied by value before it is changed.
func (o *Overrides[T]) mark(path string) {
	set := maps.Clone(o.set)
	if set == nil {
		set = map[string]bool{}
	}
	set[path] = true
	o.set = set
}

type overrides interface {
	Keys() []string
	target() reflect.Value
	mark(path string)
}

func overridesOf(v reflect.Value) (overrides, bool) {
	if !v.CanAddr() {
		return nil, false
	}
	o, ok := v.Addr().Interface().(overrides)
	return o, ok
}

// leaf finds a leaf of a struct by its path, which exists.
func leaf(v reflect.Value, path string) reflect.Value {
	for key := range strings.SplitSeq(path, ".") {
		v, _ = field(v, key)
	}
	return v
}
