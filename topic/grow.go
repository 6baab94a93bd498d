package topic

import (
	"math/bits"
	"strings"
	"sync/atomic"
)

// This file is the writers' side of Index: the way to a filter, made, found and
// taken back. All of it runs with Index.mu held.

// A step is one edge of the way to a filter: a run, or the fork after a '+'.
type step[V comparable] struct {
	before *spot[V]
	run    *run[V]
	plus   *fork[V]
}

// grow makes the way to filter where it is missing and returns the place of its
// values.
func (ix *Index[V]) grow(filter string) *atomic.Pointer[values[V]] {
	f, s, hash := &ix.root, &ix.root.spot, ix.root.hash
	for rest := filter; ; {
		level, tail, more := cut(rest)
		switch {
		case level == "#" && !more:
			return &s.deep
		case level == "+":
			f = s.plus.Load()
			if f == nil {
				f = &fork[V]{hash: extendPlus(hash)}
				s.plus.Store(f)
			}
			s, hash = &f.spot, f.hash
		default:
			var levels string
			var n int
			levels, n, hash, tail, more = cutRun(rest, hash)
			r := ix.table.find(hash, f, levels)
			if r == nil {
				r = &run[V]{hash: hash, from: f, levels: keep(levels, filter)}
				ix.table.insert(r)
				f.count(n)
			}
			s = &r.spot
		}
		if !more {
			return &s.here
		}
		rest = tail
	}
}

// find returns the place of the values of filter, nil if there is none, and the
// way to it, appended to path.
func (ix *Index[V]) find(filter string, path []step[V]) (*atomic.Pointer[values[V]], []step[V]) {
	f, s, hash := &ix.root, &ix.root.spot, ix.root.hash
	for rest := filter; ; {
		level, tail, more := cut(rest)
		switch {
		case level == "#" && !more:
			return &s.deep, path
		case level == "+":
			f = s.plus.Load()
			if f == nil {
				return nil, path
			}
			path = append(path, step[V]{before: s, plus: f})
			s, hash = &f.spot, f.hash
		default:
			var levels string
			levels, _, hash, tail, more = cutRun(rest, hash)
			r := ix.table.find(hash, f, levels)
			if r == nil {
				return nil, path
			}
			path = append(path, step[V]{before: s, run: r})
			s = &r.spot
		}
		if !more {
			return &s.here, path
		}
		rest = tail
	}
}

// prune frees the places at the end of path that lead nowhere any more.
func (ix *Index[V]) prune(path []step[V]) {
	for i := len(path) - 1; i >= 0; i-- {
		at := path[i]
		if at.run != nil {
			if !at.run.empty() {
				return
			}
			ix.table.delete(at.run)
			at.run.from.uncount(Levels(at.run.levels))
		} else {
			if at.plus.nRuns > 0 || !at.plus.empty() {
				return
			}
			at.before.plus.Store(nil)
		}
	}
}

// cutRun cuts the levels up to the next wildcard off s, and extends hash by
// them. The first level is taken to be none. rest and more are as in cut.
func cutRun(s string, from uint64) (levels string, n int, hash uint64, rest string, more bool) {
	hash = from
	for start := 0; ; {
		level, tail, more := cut(s[start:])
		if n > 0 && isWildcard(level, more) {
			return s[:start-1], n, hash, s[start:], true
		}
		n++
		hash = extend(hash, level)
		if !more {
			return s, n, hash, "", false
		}
		start = len(s) - len(tail)
	}
}

// keep returns part, which is part of whole, so that little more than it is kept
// alive: otherwise short runs could pin filters of 64 KiB that are long gone.
func keep(part, whole string) string {
	if 2*len(part) < len(whole) {
		return strings.Clone(part)
	}
	return part
}

// lenBit is the bit of fork.lens that stands for runs of n levels.
func lenBit(n int) uint32 { return 1 << min(n, longRun) }

// count notes a new run of n levels.
func (f *fork[V]) count(n int) {
	old, bit := f.lens.Load(), lenBit(n)
	if f.byLen == nil && old&^bit != 0 { // the first of another length
		f.byLen = new([longRun + 1]uint32)
		f.byLen[bits.TrailingZeros32(old)] = f.nRuns
	}
	if f.byLen != nil {
		f.byLen[min(n, longRun)]++
	}
	f.nRuns++
	f.lens.Store(old | bit)
}

// uncount notes that a run of n levels is gone.
func (f *fork[V]) uncount(n int) {
	f.nRuns--
	if f.byLen != nil {
		if f.byLen[min(n, longRun)]--; f.byLen[min(n, longRun)] == 0 {
			f.lens.Store(f.lens.Load() &^ lenBit(n))
		}
	}
	if f.nRuns == 0 {
		f.byLen = nil
		f.lens.Store(0)
	}
}
