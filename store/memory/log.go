package memory

import (
	"slices"
	"sort"

	"gridmq/store"
	"gridmq/store/internal/commit"
)

// records are the records of one log in order. The slice is replaced or
// appended to; what a reader has seen of it never changes.
type records struct{ all []record }

// A record is what one group brought to a log. It never changes.
type record struct {
	first store.Position
	ends  []uint32
	data  []byte
}

func (r *record) end() store.Position { return r.first + store.Position(len(r.ends)) }

func (r *record) entry(pos store.Position) []byte {
	i, from := int(pos-r.first), uint32(0)
	if i > 0 {
		from = r.ends[i-1]
	}
	return r.data[from:r.ends[i]:r.ends[i]]
}

// from are the records that hold pos or come after it.
func (rs *records) from(pos store.Position) []record {
	i := sort.Search(len(rs.all), func(i int) bool { return rs.all[i].end() > pos })
	return rs.all[i:]
}

// cut removes the records that lie in the span, wholly, and returns their bytes.
func (rs *records) cut(s commit.Span) (freed int64) {
	i := sort.Search(len(rs.all), func(i int) bool { return rs.all[i].first >= s.From })
	j := max(i, sort.Search(len(rs.all), func(j int) bool { return rs.all[j].end() > s.To }))
	for _, r := range rs.all[i:j] {
		freed += int64(len(r.data) + 4*len(r.ends))
	}
	if i == 0 { // the usual case; the next growing leaves the dead ones behind
		rs.all = rs.all[j:]
	} else if i < j {
		rs.all = slices.Concat(rs.all[:i], rs.all[j:])
	}
	return freed
}

func (s *Store) recordsFrom(log *commit.Log, pos store.Position) ([]record, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return nil, store.ErrClosed
	}
	if log == nil || s.logs[log] == nil {
		return nil, nil
	}
	return s.logs[log].from(pos), nil
}

// Read is store.Store.Read.
func (s *Store) Read(id store.LogID, from store.Position, visit func(store.Position, []byte) bool) error {
	log := s.commits.Log(id)
	rs, err := s.recordsFrom(log, from)
	if err != nil || log == nil {
		return err
	}
	end := log.Durable() + 1
	for _, r := range rs {
		for pos := max(from, r.first); pos < min(r.end(), end); {
			held, until := log.Held(pos)
			if !held {
				pos = until
				continue
			}
			for ; pos < min(until, r.end(), end); pos++ {
				if !visit(pos, r.entry(pos)) {
					return nil
				}
			}
		}
	}
	return nil
}

// ReadAt is store.Store.ReadAt.
func (s *Store) ReadAt(id store.LogID, pos store.Position) ([]byte, error) {
	log := s.commits.Log(id)
	rs, err := s.recordsFrom(log, pos)
	if err != nil {
		return nil, err
	}
	if len(rs) == 0 || pos < rs[0].first || pos > log.Durable() {
		return nil, store.ErrNotFound
	}
	if held, _ := log.Held(pos); !held {
		return nil, store.ErrNotFound
	}
	return rs[0].entry(pos), nil
}
