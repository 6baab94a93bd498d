package topic

import (
	"slices"
	"sync/atomic"
)

// values are those of one filter, without duplicates: one in place, a few in a
// slice, or many in chunks. A values is never changed, only replaced (what is
// inside many is changed, see there); readers take no lock.
type values[V comparable] struct {
	one  V
	more *more[V] // nil: there is only one; otherwise one is not used
}

type more[V comparable] struct {
	few  []V // 2 to maxFew values, never changed
	many *many[V]
}

// maxFew is the number of values up to which a change copies all of them.
const maxFew = 16

func appendValues[V comparable](dst []V, at *atomic.Pointer[values[V]]) []V {
	v := at.Load()
	switch {
	case v == nil:
		return dst
	case v.more == nil:
		return append(dst, v.one)
	case v.more.many == nil:
		return append(dst, v.more.few...)
	}
	return v.more.many.appendTo(dst)
}

// add puts v among the values at, and says whether that is new. One writer.
func add[V comparable](at *atomic.Pointer[values[V]], v V) bool {
	old := at.Load()
	switch {
	case old == nil:
		at.Store(&values[V]{one: v})
		return true
	case old.more == nil:
		if old.one == v {
			return false
		}
		at.Store(&values[V]{more: &more[V]{few: []V{old.one, v}}})
		return true
	case old.more.many != nil:
		return old.more.many.add(v)
	case slices.Contains(old.more.few, v):
		return false
	}
	few := make([]V, 0, len(old.more.few)+1)
	few = append(append(few, old.more.few...), v)
	if len(few) <= maxFew {
		at.Store(&values[V]{more: &more[V]{few: few}})
	} else {
		at.Store(&values[V]{more: &more[V]{many: newMany(few)}})
	}
	return true
}

// remove takes v from the values at, leaving nil when it was the last, and says
// whether it was there. One writer.
func remove[V comparable](at *atomic.Pointer[values[V]], v V) bool {
	old := at.Load()
	switch {
	case old == nil:
		return false
	case old.more == nil:
		if old.one != v {
			return false
		}
		at.Store(nil)
		return true
	case old.more.many != nil:
		return removeFromMany(at, v)
	}
	i := slices.Index(old.more.few, v)
	if i < 0 {
		return false
	}
	at.Store(valuesOf(slices.Concat(old.more.few[:i], old.more.few[i+1:])))
	return true
}

// removeFromMany is remove for many values, which it makes few or packs anew when
// they have become so.
func removeFromMany[V comparable](at *atomic.Pointer[values[V]], v V) bool {
	m := at.Load().more.many
	if !m.remove(v) {
		return false
	}
	switch {
	case len(m.where) <= maxFew/2: // not maxFew, lest one value coming and going copies each time
		at.Store(valuesOf(m.appendTo(make([]V, 0, len(m.where)))))
	case m.sparse():
		at.Store(&values[V]{more: &more[V]{many: newMany(m.appendTo(make([]V, 0, len(m.where))))}})
	}
	return true
}

// valuesOf makes a values of all, which are not empty, few, and not changed later.
func valuesOf[V comparable](all []V) *values[V] {
	if len(all) == 1 {
		return &values[V]{one: all[0]}
	}
	return &values[V]{more: &more[V]{few: all}}
}
