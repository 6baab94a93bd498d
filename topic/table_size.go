package topic

import "sync/atomic"

// This file changes the size of a table. Readers may still be in a segment or a
// directory that was replaced; it keeps what it held then.

// split replaces the segment of hash by two.
func (t *table[V]) split(hash uint64) {
	old := t.dir.Load().at(hash).Load()
	if old.depth == t.dir.Load().depth {
		t.double()
	}
	halves := [2]*segment[V]{{depth: old.depth + 1}, {depth: old.depth + 1}}
	for r := range old.all {
		halves[r.hash>>(63-old.depth)&1].put(r)
	}
	d := t.dir.Load()
	entries := d.entries(hash, old.depth)
	for i := range entries {
		entries[i].Store(halves[2*i/len(entries)])
	}
	if old.depth+1 == d.depth {
		t.full += 2
	}
}

// merge replaces the segment of hash and its other half by one if they are
// nearly empty.
func (t *table[V]) merge(hash uint64) {
	for {
		d := t.dir.Load()
		s := d.at(hash).Load()
		if s.depth == 0 {
			if s.used == 0 {
				t.dir.Store(nil)
			}
			return
		}
		other := d.at(hash ^ 1<<(64-s.depth)).Load()
		if other.depth != s.depth || s.used+other.used > lowSeg {
			return
		}
		both := &segment[V]{depth: s.depth - 1}
		for r := range s.all {
			both.put(r)
		}
		for r := range other.all {
			both.put(r)
		}
		entries := d.entries(hash, both.depth)
		for i := range entries {
			entries[i].Store(both)
		}
		if s.depth == d.depth {
			if t.full -= 2; t.full == 0 {
				t.halve()
			}
		}
	}
}

// entries are those of the directory whose hash begins with the first depth bits
// of hash.
func (d *directory[V]) entries(hash uint64, depth uint) []atomic.Pointer[segment[V]] {
	n := 1 << (d.depth - depth)
	first := int(hash>>(64-d.depth)) &^ (n - 1)
	return d.segments[first : first+n]
}

// double gives every segment twice as many entries in the directory.
func (t *table[V]) double() {
	old := t.dir.Load()
	d := &directory[V]{depth: old.depth + 1, segments: make([]atomic.Pointer[segment[V]], 2*len(old.segments))}
	for i := range d.segments {
		d.segments[i].Store(old.segments[i/2].Load())
	}
	t.full = 0
	t.dir.Store(d)
}

// halve is the reverse of double, possible when no segment has one entry only.
func (t *table[V]) halve() {
	old := t.dir.Load()
	d := &directory[V]{depth: old.depth - 1, segments: make([]atomic.Pointer[segment[V]], len(old.segments)/2)}
	t.full = 0
	for i := range d.segments {
		s := old.segments[2*i].Load()
		d.segments[i].Store(s)
		if s.depth == d.depth {
			t.full++
		}
	}
	t.dir.Store(d)
}

// all yields the runs of s.
func (s *segment[V]) all(yield func(*run[V]) bool) {
	for b := range s.buckets {
		for i := range s.buckets[b].runs {
			if r := s.buckets[b].runs[i].Load(); r != nil && !yield(r) {
				return
			}
		}
	}
}
