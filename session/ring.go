package session

import "math/bits"

// A ring is a queue in a slice of a power of two that grows. Large ones are given
// back when they have emptied, and trim gives back what is too much for a session
// that is quiet: it must not keep the memory of its busiest hour.
type ring[T any] struct {
	buf  []T
	head int
	n    int
}

// keepRing is the size up to which an empty ring keeps its slice, keepQuiet the same
// in a session that is quiet.
const (
	keepRing  = 4096
	keepQuiet = 4
)

func (r *ring[T]) trim() {
	if r.n == 0 && len(r.buf) > keepQuiet {
		r.buf, r.head = nil, 0
	}
}

func (r *ring[T]) len() int { return r.n }

func (r *ring[T]) at(i int) *T { return &r.buf[(r.head+i)&(len(r.buf)-1)] }

func (r *ring[T]) push(v T) *T {
	if r.n == len(r.buf) {
		r.grow()
	}
	r.n++
	p := r.at(r.n - 1)
	*p = v
	return p
}

func (r *ring[T]) pop() {
	var none T
	r.buf[r.head] = none
	r.head = (r.head + 1) & (len(r.buf) - 1)
	r.n--
	if r.n == 0 && len(r.buf) > keepRing {
		r.buf, r.head = nil, 0
	}
}

func (r *ring[T]) clear() { *r = ring[T]{} }

func (r *ring[T]) grow() { r.resize(max(4, 2*len(r.buf))) }

// reserve makes room for n items in all.
func (r *ring[T]) reserve(n int) {
	if n > len(r.buf) {
		r.resize(1 << bits.Len(uint(n-1)))
	}
}

func (r *ring[T]) resize(size int) {
	bigger := make([]T, size)
	n := copy(bigger, r.buf[r.head:])
	copy(bigger[n:], r.buf[:r.head])
	r.buf, r.head = bigger, 0
}
