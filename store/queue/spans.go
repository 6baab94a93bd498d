package queue

import (
	"slices"
	"sort"

	"gridmq/store"
)

// A span is a range of the log: space is given back by whole spans.
type span struct {
	first, end store.Position // [first, end)
	live       int64          // pointers into it
	bytes      int64          // of its entries
	tried      int64          // live when copying it forward was not worth it; 0 never tried
}

// spans are the ranges of a log that were not given back, in order; the last
// one is open. Gaps between them are gone. It counts, and decides nothing.
type spans struct {
	list     []span
	maxCount store.Position // positions of a span
	maxBytes int64
	live     int64 // of all spans
	held     int64 // bytes of the spans with live pointers
	negative int64 // pointers ended that were never counted: a bug of the owner
	sealed   bool  // the next entry starts a span
}

// append counts an entry at pos, which is beyond all others.
func (s *spans) append(pos store.Position, size, live int64) {
	n := len(s.list)
	if n == 0 || s.list[n-1].end != pos || s.full(&s.list[n-1]) || s.sealed {
		s.list = append(s.list, span{first: pos, end: pos})
		n, s.sealed = len(s.list), false
	}
	sp := &s.list[n-1]
	sp.end = pos + 1
	sp.bytes += size
	if sp.live > 0 {
		s.held += size
	}
	s.add(sp, live)
}

// join appends sp to the span before it, if that touches it and has room.
// Every round ends a span, so that an idle log would collect tiny ones.
func (s *spans) join(sp span) {
	if n := len(s.list); n > 0 {
		last := &s.list[n-1]
		if last.end == sp.first && sp.end-last.first <= s.maxCount && last.bytes+sp.bytes <= s.maxBytes {
			last.end, last.bytes = sp.end, last.bytes+sp.bytes
			return
		}
	}
	s.list = append(s.list, sp)
}

func (s *spans) full(sp *span) bool {
	return sp.end-sp.first >= s.maxCount || sp.bytes >= s.maxBytes
}

// find returns the span of pos, nil when it is gone.
func (s *spans) find(pos store.Position) *span {
	// Most calls are about recent messages.
	n := len(s.list)
	if n > 0 && pos >= s.list[n-1].first {
		if pos < s.list[n-1].end {
			return &s.list[n-1]
		}
		return nil
	}
	i := sort.Search(n, func(i int) bool { return s.list[i].end > pos })
	if i == n || s.list[i].first > pos {
		return nil
	}
	return &s.list[i]
}

// count adds n pointers to pos (n may be negative); false when pos is gone.
func (s *spans) count(pos store.Position, n int64) bool {
	sp := s.find(pos)
	if sp != nil {
		s.add(sp, n)
	}
	return sp != nil
}

func (s *spans) add(sp *span, n int64) {
	if sp.live+n < 0 {
		s.negative -= sp.live + n
		n = -sp.live
	}
	was := sp.live
	sp.live += n
	s.live += n
	switch {
	case was == 0 && sp.live > 0:
		s.held += sp.bytes
	case was > 0 && sp.live == 0:
		s.held -= sp.bytes
	}
}

// drop takes a span away, whatever is live in it.
func (s *spans) drop(first store.Position) {
	i := slices.IndexFunc(s.list, func(sp span) bool { return sp.first == first })
	if i >= 0 {
		s.add(&s.list[i], -s.list[i].live)
		s.list = slices.Delete(s.list, i, i+1)
	}
}

// takeEmpty takes away the spans without live pointers that end at or before
// mark and calls gone for each gap that grew by it: the whole of it, [from, to),
// since records that lie across its parts can go only with both.
func (s *spans) takeEmpty(mark store.Position, gone func(from, to store.Position)) (n store.Position) {
	kept := s.list[:0]
	from := store.Position(1) // end of the last span that is kept
	grew := false
	for _, sp := range s.list {
		if sp.live == 0 && sp.end <= mark {
			n += sp.end - sp.first
			grew = true
			continue
		}
		if grew {
			gone(from, sp.first)
			grew = false
		}
		kept = append(kept, sp)
		from = sp.end
	}
	if grew {
		gone(from, mark)
	}
	clear(s.list[len(kept):])
	s.list = kept
	return n
}
