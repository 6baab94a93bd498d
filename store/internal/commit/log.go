package commit

import (
	"math"
	"slices"
	"sort"
	"sync"
	"sync/atomic"

	"gridmq/store"
)

// A Log is what is known of one log without reading it.
type Log struct {
	ID store.LogID

	last store.Position // submitted; guarded by Committer.mu
	part *Part          // of the group being built; guarded by Committer.mu

	durable atomic.Uint64 // the newest position that may be read

	mu    sync.RWMutex
	holes []Span // truncated, sorted, apart from each other
}

// A Span is the positions in [From, To).
type Span struct{ From, To store.Position }

// Durable is the newest position that may be read.
func (l *Log) Durable() store.Position { return store.Position(l.durable.Load()) }

// Held says whether pos has not been truncated, and up to where (exclusive) the
// same is true of its neighbours.
func (l *Log) Held(pos store.Position) (held bool, until store.Position) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	i := holeAfter(l.holes, pos)
	switch {
	case i == len(l.holes):
		return true, math.MaxUint64
	case l.holes[i].From <= pos:
		return false, l.holes[i].To
	default:
		return true, l.holes[i].From
	}
}

// first is the first position that has not been truncated.
func (l *Log) first() store.Position {
	held, until := l.Held(1)
	if held {
		return 1
	}
	return until
}

// cut frees span and returns the widest free span around it, with those it
// replaces. It allocates only for joined spans.
func (l *Log) cut(s Span) Cut {
	l.mu.Lock()
	defer l.mu.Unlock()
	asked := s
	i := holeAfter(l.holes, s.From)
	if i > 0 && l.holes[i-1].To == s.From {
		i-- // touches the one before
	}
	j := i
	for j < len(l.holes) && l.holes[j].From <= s.To {
		s.From, s.To = min(s.From, l.holes[j].From), max(s.To, l.holes[j].To)
		j++
	}
	joined := slices.Clone(l.holes[i:j])
	l.holes = slices.Replace(l.holes, i, j, s)
	return Cut{Log: l, Asked: asked, Span: s, Joined: joined}
}

// holeAfter is the index of the first hole that ends after pos.
func holeAfter(holes []Span, pos store.Position) int {
	return sort.Search(len(holes), func(i int) bool { return holes[i].To > pos })
}
