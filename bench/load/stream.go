package load

// A stream is what one receiver has seen of one publisher's sequence 0, 1, 2...
// The zero value is ready.
type stream struct {
	next      uint64              // one above the highest number seen
	missing   map[uint64]struct{} // below next and not seen; bounded by maxMissing
	forgotten uint64              // missing too, but not kept by number
	dups      uint64              // seen again
	late      uint64              // seen after a higher one
}

// maxMissing bounds the memory of one stream's gaps.
const maxMissing = 100_000

// see counts sequence number n. The usual case is small enough to be inlined.
func (s *stream) see(n uint64) {
	if n == s.next {
		s.next++
		return
	}
	s.seeOther(n)
}

func (s *stream) seeOther(n uint64) {
	if n < s.next {
		if _, was := s.missing[n]; was {
			delete(s.missing, n)
			s.late++
		} else {
			s.dups++
		}
		return
	}
	if s.missing == nil {
		s.missing = make(map[uint64]struct{})
	}
	gap := s.next
	for ; gap < n && len(s.missing) < maxMissing; gap++ {
		s.missing[gap] = struct{}{}
	}
	s.forgotten += n - gap
	s.next = n + 1
}

// has says whether n has been seen; numbers of a forgotten gap count as seen.
func (s *stream) has(n uint64) bool {
	_, gone := s.missing[n]
	return n < s.next && !gone
}

// received is the number of different messages seen.
func (s *stream) received() uint64 {
	return s.next - uint64(len(s.missing)) - s.forgotten
}
