package topic

import (
	"math/bits"
	"sync/atomic"
)

// A table finds runs by where they begin and their levels. Readers take no lock.
//
// It is an extendible hash: a directory, indexed by the first bits of the hash,
// of segments of 512 bytes. A full segment is split in two, so that no insertion
// ever moves more than one segment's runs; two nearly empty halves are merged. A
// segment is seven buckets of one cache line: seven runs and their tags, which
// are eight bits of the hash, zero where there is no run. A run that finds its
// bucket full moves to the next, and is counted in those it passed.
type table[V comparable] struct {
	dir  atomic.Pointer[directory[V]] // nil while empty
	full int                          // segments that have one entry only in the directory
}

type directory[V comparable] struct {
	depth    uint // number of hash bits that count
	segments []atomic.Pointer[segment[V]]
}

type segment[V comparable] struct {
	buckets [nBuckets]bucket[V]
	depth   uint // hash bits that its runs have in common
	used    int
	_       [6]uint64 // a size of 512 keeps buckets on cache lines
}

type bucket[V comparable] struct {
	tags atomic.Uint64 // seven tags; the highest byte counts the runs that passed
	runs [nSlots]atomic.Pointer[run[V]]
}

const (
	nBuckets = 7
	nSlots   = 7
	fullSeg  = 42 // of 49: above, the ways get long
	lowSeg   = 18 // two segments together with no more than this are merged

	lowBytes  = 0x0001010101010101
	highBits  = 0x0080808080808080
	passedOne = 1 << 56
)

func tagOf(hash uint64) uint64 { return max(1, hash>>32&0xff) }

func bucketOf(hash uint64) int { return int(hash & 0xffffffff * nBuckets >> 32) }

func next(bucket int) int {
	if bucket == nBuckets-1 {
		return 0
	}
	return bucket + 1
}

// at is the entry of the directory that is responsible for hash.
func (d *directory[V]) at(hash uint64) *atomic.Pointer[segment[V]] {
	return &d.segments[hash>>(64-d.depth)]
}

func (t *table[V]) find(hash uint64, from *fork[V], levels string) *run[V] {
	d := t.dir.Load()
	if d == nil {
		return nil
	}
	s, b, tag := d.at(hash).Load(), bucketOf(hash), tagOf(hash)*lowBytes
	for range nBuckets {
		tags := s.buckets[b].tags.Load()
		differ := tags ^ tag
		// The high bit of every byte of differ that is zero, and seldom of another.
		for hits := (differ - lowBytes) &^ differ & highBits; hits != 0; hits &= hits - 1 {
			r := s.buckets[b].runs[bits.TrailingZeros64(hits)/8].Load()
			if r != nil && r.hash == hash && r.from == from && r.levels == levels {
				return r
			}
		}
		if tags < passedOne {
			return nil
		}
		b = next(b)
	}
	return nil
}

// insert adds r, which must not be there yet.
func (t *table[V]) insert(r *run[V]) {
	d := t.dir.Load()
	if d == nil {
		d = &directory[V]{segments: make([]atomic.Pointer[segment[V]], 1)}
		d.segments[0].Store(new(segment[V]))
		t.full = 1
		t.dir.Store(d)
	}
	for d.at(r.hash).Load().used >= fullSeg && d.depth < maxDepth {
		t.split(r.hash)
		d = t.dir.Load()
	}
	d.at(r.hash).Load().put(r)
}

// maxDepth bounds the directory, should the hash be out of luck: it leaves the
// bits alone that choose bucket and tag.
const maxDepth = 24

// put stores r, first the run and then its tag, so that readers find it whole.
func (s *segment[V]) put(r *run[V]) {
	s.used++
	for b := bucketOf(r.hash); ; b = next(b) {
		tags := s.buckets[b].tags.Load()
		for i := range nSlots {
			if tags>>(8*i)&0xff == 0 {
				s.buckets[b].runs[i].Store(r)
				s.buckets[b].tags.Store(tags | tagOf(r.hash)<<(8*i))
				return
			}
		}
		s.buckets[b].tags.Store(tags + passedOne)
	}
}

// delete takes r, which must be there.
func (t *table[V]) delete(r *run[V]) {
	s := t.dir.Load().at(r.hash).Load()
	s.used--
	for b := bucketOf(r.hash); ; b = next(b) {
		tags := s.buckets[b].tags.Load()
		for i := range nSlots {
			if s.buckets[b].runs[i].Load() == r {
				s.buckets[b].tags.Store(tags &^ (0xff << (8 * i)))
				s.buckets[b].runs[i].Store(nil)
				t.merge(r.hash)
				return
			}
		}
		s.buckets[b].tags.Store(tags - passedOne)
	}
}
