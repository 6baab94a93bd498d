package queue

import (
	"maps"
	"slices"
)

// An idSet is a set of queues: one bit each in words of 64 neighbours. Adding
// does not allocate once its map has grown. The zero value is empty.
type idSet struct {
	words map[ID]uint64 // by id / 64
	at    ID            // the word that was used last ...
	bits  uint64        // ... and what is in it, not in the map yet
	n     int
}

func (s *idSet) add(id ID) {
	if id>>6 != s.at {
		s.store()
		s.at, s.bits = id>>6, s.words[id>>6]
	}
	if bit := uint64(1) << (id & 63); s.bits&bit == 0 {
		s.bits |= bit
		s.n++
	}
}

// store puts the cached word into the map.
func (s *idSet) store() {
	if s.bits == 0 {
		return
	}
	if s.words == nil {
		s.words = make(map[ID]uint64)
	}
	s.words[s.at] = s.bits
}

// sorted empties s and returns what was in it, in ascending order.
func (s *idSet) sorted() []ID {
	s.store()
	ids := make([]ID, 0, s.n)
	for _, w := range slices.Sorted(maps.Keys(s.words)) {
		for b, bits := ID(0), s.words[w]; bits != 0; b, bits = b+1, bits>>1 {
			if bits&1 != 0 {
				ids = append(ids, w<<6|b)
			}
		}
	}
	clear(s.words)
	s.at, s.bits, s.n = 0, 0, 0
	return ids
}

func (s *idSet) len() int { return s.n }
