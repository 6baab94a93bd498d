package pebble

import (
	"cmp"

	"gridmq/store"
	"gridmq/store/internal/commit"
)

// unreadable reports what Pebble cannot read: the key of the record that holds
// pos is not known then, nor how many records are concerned. All positions that
// cannot be read are listed as one record, which ends at until.
func (s *Store) unreadable(log *commit.Log, pos store.Position, cause error) (until store.Position, err error) {
	s.probing.Lock() // two reports of one damage are one
	defer s.probing.Unlock()
	span, known := s.damage.lostAt(log.ID, pos)
	if !known {
		span = s.extent(log, pos)
	}
	key := appendRecord(nil, log.ID, span.From, int(span.To-span.From))
	return span.To, s.damaged(key, store.Damage{Reason: cause.Error()})
}

// extent is the span around pos that cannot be read. Pebble takes 100 ms to
// refuse a block, since it looks for the bit that flipped, so there are few tries
// among what may be unreadable: strides find the other side, and from there
// readable records lead back.
func (s *Store) extent(log *commit.Log, pos store.Position) commit.Span {
	end := log.Durable() + 1
	bad, to := pos, pos+1
	for step := store.Position(1); to < end && !s.readable(log.ID, to); to = min(to+step, end) {
		bad, step = to, stride(step, to-pos)
	}
	for to > bad+1 {
		first, _, err := s.probe(log.ID, to-1)
		if err != nil {
			break
		}
		to = first
	}
	bad, from := pos, pos // from is behind the next try
	for step := store.Position(1); from > 1 && !s.readable(log.ID, from-1); from -= min(step, from-1) {
		bad, step = from-1, stride(step, pos-from)
	}
	for from < bad {
		_, end, err := s.probe(log.ID, from)
		if err != nil {
			break
		}
		from = end
	}
	return commit.Span{From: from, To: to}
}

// stride is the next step after one, at a distance: it doubles up to 64, which
// passes over no whole record but small ones, and then grows with the distance.
func stride(step, distance store.Position) store.Position {
	return max(min(2*step, 64), distance/8)
}

// probe looks at the record that holds pos. When there is none, it is as if there
// were one of its own.
func (s *Store) probe(id store.LogID, pos store.Position) (first, end store.Position, err error) {
	it, err := s.db.NewIter(logBounds(id))
	if err != nil {
		return pos, pos + 1, nil // not the place's fault
	}
	first, end = pos, pos+1
	if it.SeekGE(appendPosition(nil, logSpace, id, pos)) {
		if f, n := parsePlace(it.Key()); f <= pos {
			first, end = f, f+store.Position(n)
		}
		_, err = it.ValueAndErr()
	}
	return first, end, cmp.Or(err, it.Close())
}

func (s *Store) readable(id store.LogID, pos store.Position) bool {
	_, _, err := s.probe(id, pos)
	return err == nil
}
