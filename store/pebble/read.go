package pebble

import (
	"bytes"
	"encoding/binary"
	"errors"

	"github.com/cockroachdb/pebble/v2"

	"gridmq/store"
	"gridmq/store/internal/commit"
)

func positionOf(b []byte) store.Position { return store.Position(binary.BigEndian.Uint64(b)) }

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

// load reads the record that holds pos.
func (s *Store) load(log *commit.Log, pos store.Position) (record, error) {
	if err := s.enter(); err != nil {
		return record{}, err
	}
	defer s.gate.leave()
	s.loads.Add(1)
	it, err := s.db.NewIter(logBounds(log.ID))
	if err != nil {
		return record{}, s.fail(err)
	}
	key, value, err := seek(it, log.ID, pos)
	key, value = bytes.Clone(key), bytes.Clone(value)
	if e := it.Close(); err == nil {
		err = e
	}
	switch {
	case pebble.IsCorruptionError(err):
		if key == nil {
			key = appendPosition(nil, logSpace, log.ID, pos)
		}
		return record{}, s.damaged(key, store.Damage{Log: log.ID, First: pos, Reason: err.Error()})
	case err != nil:
		return record{}, s.fail(err)
	case key == nil:
		if held, _ := log.Held(pos); !held { // truncated meanwhile
			return record{}, store.ErrNotFound
		}
		return record{}, s.missing(log, pos, pos+1)
	}
	r, err := decode(key, value)
	if err != nil {
		return record{}, s.damaged(key, store.Damage{Reason: err.Error()})
	}
	return r, nil
}

// seek puts it on the record that holds pos. key is nil when there is none.
func seek(it *pebble.Iterator, id store.LogID, pos store.Position) (key, value []byte, err error) {
	if !it.SeekLT(appendPosition(nil, logSpace, id, pos+1)) {
		return nil, nil, it.Error()
	}
	if first, count := parsePlace(it.Key()); pos >= first+store.Position(count) {
		return nil, nil, nil
	}
	value, err = it.ValueAndErr()
	return it.Key(), value, err
}

// Read is store.Store.Read. It goes past the cache.
func (s *Store) Read(id store.LogID, from store.Position, visit func(store.Position, []byte) bool) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.gate.leave()
	log := s.commits.Load().Log(id)
	if log == nil {
		return nil
	}
	w := walk{s: s, log: log, at: max(from, 1), end: log.Durable() + 1, visit: visit}
	it, err := s.db.NewIter(logBounds(id))
	if err != nil {
		return s.fail(err)
	}
	ok := it.SeekLT(appendPosition(nil, logSpace, id, w.at+1)) || it.First()
	for ; ok && w.at < w.end && !w.done && w.err == nil; ok = it.Next() {
		w.record(it)
	}
	err = errors.Join(w.err, it.Error())
	if !w.done && err == nil {
		w.gap(w.end)
	}
	switch err := errors.Join(err, it.Close()); {
	case pebble.IsCorruptionError(err):
		return s.damaged(appendPosition(nil, logSpace, id, w.at), store.Damage{Log: id, First: w.at, Reason: err.Error()})
	case err != nil:
		return s.fail(err)
	}
	return w.bad
}

// A walk goes through a log in order.
type walk struct {
	s     *Store
	log   *commit.Log
	at    store.Position // next to be visited
	end   store.Position // exclusive
	visit func(store.Position, []byte) bool
	done  bool  // visit has had enough
	bad   error // damage met
	err   error // of the database
}

// record visits the entries of the record under it, and accounts for what is
// missing in front of it.
func (w *walk) record(it *pebble.Iterator) {
	first, count := parsePlace(it.Key())
	end := min(first+store.Position(count), w.end)
	w.gap(min(first, w.end))
	if w.at >= end {
		return
	}
	if held, until := w.log.Held(w.at); !held && until >= end {
		w.at = end
		return
	}
	value, err := it.ValueAndErr()
	if err != nil {
		w.err = err
		return
	}
	r, err := decode(it.Key(), value)
	if err != nil {
		w.bad = w.s.damaged(bytes.Clone(it.Key()), store.Damage{Reason: err.Error()})
		w.at = end
		return
	}
	for w.at < end {
		held, until := w.log.Held(w.at)
		if until = min(until, end); !held {
			w.at = until
			continue
		}
		for ; w.at < until; w.at++ {
			if !w.visit(w.at, r.entry(w.at)) {
				w.done = true
				return
			}
		}
	}
}

// gap moves on to pos, where the next record begins, and reports the positions
// that are neither there nor truncated.
func (w *walk) gap(pos store.Position) {
	for w.at < pos {
		held, until := w.log.Held(w.at)
		until = min(until, pos)
		if held {
			w.bad = w.s.missing(w.log, w.at, until)
		}
		w.at = until
	}
}
