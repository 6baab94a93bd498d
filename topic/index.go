package topic

import (
	"hash/maphash"
	"strings"
	"sync"
	"sync/atomic"
)

// An Index holds values under topic filters and finds those whose filter matches
// a name. The zero value is ready to use; it must not be copied after that.
//
// Readers take no lock and do not wait for writers; writers take turns. A call
// of AppendMatches sees every value that was there from its beginning to its
// end, and may or may not see those that came or went meanwhile.
//
// The filters form a tree whose edges are of two kinds: a '+', and a run, which
// is all levels up to the next wildcard. So "site/7/+/lamp" is the run "site/7",
// a '+' and the run "lamp", and a filter without wildcards is one single run,
// however deep. The runs of all places live in one hash table (see table.go);
// a place knows which lengths of runs leave it, and a reader asks for those only.
type Index[V comparable] struct {
	root  fork[V]
	table table[V]
	gen   atomic.Uint64
	len   atomic.Int64

	mu sync.Mutex // held by writers; above all fields that are not atomic
}

// A spot is a place in the tree of filters, reached by a run or a '+'.
type spot[V comparable] struct {
	here atomic.Pointer[values[V]] // of the filter that ends here
	deep atomic.Pointer[values[V]] // of the filter that ends here with "/#"
	plus atomic.Pointer[fork[V]]   // the filters that go on with "/+"
}

func (s *spot[V]) empty() bool {
	return s.here.Load() == nil && s.deep.Load() == nil && s.plus.Load() == nil
}

// A run is the spot after one or more levels without a wildcard.
type run[V comparable] struct {
	spot[V]
	hash   uint64   // of all levels from the root to here
	from   *fork[V] // where it begins
	levels string   // "site/7"
}

// A fork is the spot after a '+', or the root. Only from here do runs begin.
type fork[V comparable] struct {
	spot[V]
	hash  uint64
	byLen *[longRun + 1]uint32 // runs by length; nil while all have the same length
	lens  atomic.Uint32        // bit n: there may be runs of n levels; bit longRun: of that many or more
	nRuns uint32
}

// longRun is the number of levels from which runs are no longer told apart by
// their length.
const longRun = 31

var seed = maphash.MakeSeed()

// extend makes the hash of a path from the hash of its beginning and one level.
func extend(hash uint64, level string) uint64 { return mix(hash ^ maphash.String(seed, level)) }

// extendPlus is extend for the level '+'. The constant is odd and arbitrary.
func extendPlus(hash uint64) uint64 { return mix(hash ^ 0x9fb21c651e98df25) }

func mix(x uint64) uint64 {
	x *= 0x9e3779b97f4a7c15
	return x ^ x>>32
}

// Len is the number of pairs of filter and value.
func (ix *Index[V]) Len() int { return int(ix.len.Load()) }

// Generation is a number that changes with every Add and Remove that changed
// something, after the change is visible. What AppendMatches found stays true as
// long as Generation says what it said before that call.
func (ix *Index[V]) Generation() uint64 { return ix.gen.Load() }

// Add puts v under filter. A value is under a filter once; adding it again
// changes nothing. The index may keep filter alive.
func (ix *Index[V]) Add(filter string, v V) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	if add(ix.grow(filter), v) {
		ix.len.Add(1)
		ix.gen.Add(1)
	}
}

// Remove takes v from filter and says whether it was there.
func (ix *Index[V]) Remove(filter string, v V) bool {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	var buf [8]step[V]
	at, path := ix.find(filter, buf[:0])
	if at == nil || !remove(at, v) {
		return false
	}
	if at.Load() == nil {
		ix.prune(path)
	}
	ix.len.Add(-1)
	ix.gen.Add(1)
	return true
}

// AppendMatches appends to dst the values of every filter that matches name. A
// value that is under several of them comes several times, in no special order.
func (ix *Index[V]) AppendMatches(dst []V, name string) []V {
	if !isDollar(name) { // [MQTT-4.7.2-1]
		dst = appendValues(dst, &ix.root.deep)
		if p := ix.root.plus.Load(); p != nil {
			dst = ix.appendPlus(dst, p, name)
		}
	}
	return ix.appendRuns(dst, &ix.root, name)
}

// appendPlus appends what matches rest, whose first level is taken by the '+'
// that leads to p.
func (ix *Index[V]) appendPlus(dst []V, p *fork[V], rest string) []V {
	i := strings.IndexByte(rest, '/')
	if i < 0 {
		return appendEnd(dst, &p.spot)
	}
	dst = ix.appendOn(dst, &p.spot, rest[i+1:])
	return ix.appendRuns(dst, p, rest[i+1:])
}

// appendRuns appends what matches rest by a run from f.
func (ix *Index[V]) appendRuns(dst []V, f *fork[V], rest string) []V {
	lens, hash, start := f.lens.Load(), f.hash, 0
	for n := 1; lens != 0; n++ {
		end, last := len(rest), true
		if i := strings.IndexByte(rest[start:], '/'); i >= 0 {
			end, last = start+i, false
		}
		hash = extend(hash, rest[start:end])
		if bit := lenBit(n); lens&bit != 0 {
			r := ix.table.find(hash, f, rest[:end])
			switch {
			case r == nil:
			case last:
				dst = appendEnd(dst, &r.spot)
			default:
				dst = ix.appendOn(dst, &r.spot, rest[end+1:])
			}
			if n < longRun {
				lens &^= bit
			}
		}
		if last {
			break
		}
		start = end + 1
	}
	return dst
}

// appendOn appends what matches at s with rest still to come, but for runs.
func (ix *Index[V]) appendOn(dst []V, s *spot[V], rest string) []V {
	dst = appendValues(dst, &s.deep)
	if p := s.plus.Load(); p != nil {
		dst = ix.appendPlus(dst, p, rest)
	}
	return dst
}

// appendEnd appends what matches a name that ends at s. "a/#" is among it: it
// matches its parent, section 4.7.1.2.
func appendEnd[V comparable](dst []V, s *spot[V]) []V {
	return appendValues(appendValues(dst, &s.deep), &s.here)
}
