package pebble

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"gridmq/store"
	"gridmq/store/internal/commit"
)

// logBounds confines an iterator to the records of one log.
func logBounds(id store.LogID) *pebble.IterOptions {
	from := appendLog(nil, logSpace, id)
	return &pebble.IterOptions{LowerBound: from, UpperBound: after(from)}
}

// ReadAt is store.Store.ReadAt.
func (s *Store) ReadAt(id store.LogID, pos store.Position) ([]byte, error) {
	if s.ended.Load() {
		return nil, store.ErrClosed
	}
	log := s.commits.Load().Log(id)
	if log == nil || pos == 0 || pos > log.Durable() {
		return nil, store.ErrNotFound
	}
	if held, _ := log.Held(pos); !held {
		return nil, store.ErrNotFound
	}
	if r := s.cache.get(log, pos); r != nil {
		return r.entry(pos), nil
	}
	mu := s.cache.stripe(log, pos)
	mu.Lock()
	defer mu.Unlock()
	if r := s.cache.get(log, pos); r != nil { // a neighbour has loaded it meanwhile
		return r.entry(pos), nil
	}
	r, err := s.load(log, pos)
	if err != nil {
		return nil, err
	}
	return s.cache.put(log, r).entry(pos), nil
}

// errGap says that a position is in no record.
var errGap = errors.New("no record")

// load reads the record that holds pos, with those behind it if they are small.
func (s *Store) load(log *commit.Log, pos store.Position) (record, error) {
	if err := s.enter(); err != nil {
		return record{}, err
	}
	defer s.gate.leave()
	s.loads.Add(1)
	for mended := false; ; mended = true {
		if span, ok := s.damage.lostAt(log.ID, pos); ok {
			return record{}, s.missing(log, pos, span.To)
		}
		if s.damage.avoidsAt(log.ID, pos) {
			return record{}, fmt.Errorf("%w: position %d of %v is unreadable", store.ErrDamaged, pos, log.ID)
		}
		r, err := s.loadOnce(log, pos)
		switch {
		case err == nil:
			return r, nil
		case errors.Is(err, store.ErrDamaged):
			return record{}, err
		case errors.Is(err, errGap):
			if held, _ := log.Held(pos); !held || s.inLeap(log, pos) { // truncated meanwhile
				return record{}, store.ErrNotFound
			}
			return record{}, s.missing(log, pos, pos+1)
		case !pebble.IsCorruptionError(err):
			return record{}, s.fail(err)
		}
		if e := s.mend(err); errors.Is(e, store.ErrClosed) {
			return record{}, e
		} else if e != nil || mended {
			return record{}, fmt.Errorf("%w: position %d of %v: %w", store.ErrDamaged, pos, log.ID, plain(err))
		}
	}
}

// inLeap says whether nobody wrote pos, which is in no record.
func (s *Store) inLeap(log *commit.Log, pos store.Position) bool {
	it, err := s.db.NewIter(logBounds(log.ID))
	if err != nil {
		return false
	}
	defer it.Close()
	key := appendPosition(nil, logSpace, log.ID, pos)
	from, to := store.Position(1), log.Durable()+1
	if it.SeekLT(key) {
		first, count := parsePlace(it.Key())
		from = first + store.Position(count)
	}
	if it.SeekGE(key) {
		to, _ = parsePlace(it.Key())
	}
	return leapt(from, to)
}

func (s *Store) loadOnce(log *commit.Log, pos store.Position) (record, error) {
	it, err := s.db.NewIter(logBounds(log.ID))
	if err != nil {
		return record{}, err
	}
	r, err := s.seek(it, log, pos)
	if e := it.Close(); err == nil && !pebble.IsCorruptionError(e) { // which is a neighbour's
		err = e
	}
	return r, err
}

// seek reads the record that holds pos.
func (s *Store) seek(it *pebble.Iterator, log *commit.Log, pos store.Position) (record, error) {
	end := log.Durable() + 1
	if !it.SeekGE(appendPosition(nil, logSpace, log.ID, pos)) {
		return record{}, cmp.Or(it.Error(), errGap)
	}
	if first, _ := parsePlace(it.Key()); pos < first {
		return record{}, errGap
	}
	value, err := it.ValueAndErr()
	if err != nil {
		return record{}, err
	}
	r, err := decode(it.Key(), value)
	if err != nil {
		return record{}, s.damaged(it.Key(), value, err)
	}
	return own(it, r, end), nil
}

// own copies r out of Pebble's memory. To a small record it adds those behind
// it that are durable, so that neighbours are cheap when groups were small.
func own(it *pebble.Iterator, r record, end store.Position) record {
	r.ends, r.data = bytes.Clone(r.ends), bytes.Clone(r.data)
	for r.size() < maxRecord/2 && it.Next() {
		first, count := parsePlace(it.Key())
		if first != r.end() || first >= end || r.count+count > maxEntries {
			break
		}
		value, err := it.ValueAndErr()
		if err != nil {
			break
		}
		next, err := decode(it.Key(), value)
		if err != nil || r.size()+next.size() > maxRecord {
			break // what is damaged is told to those who want it
		}
		r.join(&next)
	}
	return r
}
