package pebble

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"gridmq/store"
	"gridmq/store/internal/commit"
)

// A walk goes through a log in order.
type walk struct {
	s     *Store
	log   *commit.Log
	at    store.Position // next to be visited
	end   store.Position // exclusive
	visit func(store.Position, []byte) bool
	done  bool           // visit has had enough
	bad   error          // damage met
	stuck store.Position // where Pebble could not read, once
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
	return w.all()
}

// all visits the records up to the end.
func (w *walk) all() error {
	for w.more() {
		err := w.run()
		switch {
		case pebble.IsCorruptionError(err):
			if err := w.skip(err); err != nil {
				return err
			}
		case err != nil:
			return w.s.fail(err)
		case w.more():
			w.gap(w.end)
		}
	}
	return w.bad
}

func (w *walk) more() bool { return w.at < w.end && !w.done }

// run visits records until there are no more, or Pebble cannot read on.
func (w *walk) run() error {
	it, err := w.s.db.NewIter(logBounds(w.log.ID))
	if err != nil {
		return err
	}
	for ok := it.SeekGE(appendPosition(nil, logSpace, w.log.ID, w.at)); ok && err == nil; ok = it.Next() {
		err = w.record(it)
		if !w.more() {
			break // and not into the next block
		}
	}
	return cmp.Or(err, it.Close())
}

// skip passes over what Pebble cannot read. Once it is cut out, the next run does
// so by itself.
func (w *walk) skip(err error) error {
	w.bad = fmt.Errorf("%w: position %d of %v: %w", store.ErrDamaged, w.at, w.log.ID, plain(err))
	e := w.s.mend(err)
	if errors.Is(e, store.ErrClosed) {
		return e
	}
	if e == nil && w.stuck != w.at {
		w.stuck = w.at
		return nil
	}
	until := w.end
	if to, ok := w.s.damage.round(appendPosition(nil, logSpace, w.log.ID, w.at)); ok {
		if id, rest, ok := parseLog(to); ok && id == w.log.ID && to[0] == logSpace && len(rest) >= 8 {
			until = min(positionOf(rest)+1, w.end)
		}
	}
	w.at = max(until, w.at+1)
	return nil
}

// record visits the entries of the record under it, and accounts for what is
// missing in front of it.
func (w *walk) record(it *pebble.Iterator) error {
	first, count := parsePlace(it.Key())
	if count == 0 { // not a record at all
		value, err := it.ValueAndErr()
		if err == nil {
			w.bad = w.s.damaged(it.Key(), value, errShape)
		}
		return err
	}
	end := min(first+store.Position(count), w.end)
	w.gap(min(first, w.end))
	if w.at >= end {
		return nil
	}
	if held, until := w.log.Held(w.at); !held && until >= end {
		w.at = end
		return nil
	}
	value, err := it.ValueAndErr()
	if err != nil {
		return err
	}
	r, err := decode(it.Key(), value)
	if err != nil {
		w.bad = w.s.damaged(it.Key(), value, err)
		w.at = end
		return nil
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
				return nil
			}
		}
	}
	return nil
}

// gap moves on to pos, where the next record begins, and reports the positions
// that are neither there nor truncated.
func (w *walk) gap(pos store.Position) {
	for w.at < pos {
		held, until := w.log.Held(w.at)
		until = min(until, pos)
		if held && !leapt(w.at, until) {
			w.bad = w.s.missing(w.log, w.at, until)
		}
		w.at = until
	}
}
