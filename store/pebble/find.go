package pebble

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"gridmq/store"
	"gridmq/store/internal/commit"
)

// format is the version of the layout of keys.
const format = 2

// find reads what a start needs to know: which logs there are, where they end
// and what is truncated. It reads keys, and no payload.
func (s *Store) find() (found commit.Options, starts uint64, err error) {
	if err := s.checkFormat(); err != nil {
		return found, 0, err
	}
	if starts, err = s.meta(startsKey); err != nil {
		return found, 0, err
	}
	starts++
	if err := s.db.Set(startsKey, number(startsKey, starts), pebble.NoSync); err != nil {
		return found, 0, err
	}
	if found.Revision, err = s.meta(revisionKey); err != nil {
		return found, 0, err
	}
	logs := map[store.LogID]*commit.Found{}
	err = cmp.Or(s.findLogs(logs), s.findHoles(logs), s.findDamage(logs))
	for _, l := range logs {
		found.Logs = append(found.Logs, *l)
	}
	found.Pending = s.options.PendingBytes
	return found, starts, err
}

func (s *Store) checkFormat() error {
	n, err := s.meta(formatKey)
	switch {
	case err != nil:
		return err
	case n == 0:
		return s.db.Set(formatKey, number(formatKey, format), pebble.Sync)
	case n != format:
		return fmt.Errorf("format %d, want %d", n, format)
	}
	return nil
}

// meta reads a number; 0 when there is none.
func (s *Store) meta(key []byte) (uint64, error) {
	value, closer, err := s.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer closer.Close()
	_, n, err := decodeDocument(key, value)
	if err != nil {
		return 0, fmt.Errorf("%w: %q: %w", store.ErrDamaged, key, err)
	}
	return n, nil
}

// log returns the entry of a log, at least up to last.
func entry(logs map[store.LogID]*commit.Found, id store.LogID, last store.Position) *commit.Found {
	l := logs[id]
	if l == nil {
		l = &commit.Found{ID: id}
		logs[id] = l
	}
	l.Last = max(l.Last, last)
	return l
}

// findLogs jumps from log to log.
func (s *Store) findLogs(logs map[store.LogID]*commit.Found) error {
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: []byte{logSpace}, UpperBound: []byte{logSpace + 1}})
	if err != nil {
		return err
	}
	for ok := it.First(); ok; {
		id, _, _, ok2 := parseRecord(it.Key())
		if !ok2 {
			return errors.Join(fmt.Errorf("%w: key %q", store.ErrDamaged, it.Key()), it.Close())
		}
		next := after(appendLog(nil, logSpace, id))
		if it.SeekLT(next) {
			first, count := parsePlace(it.Key())
			entry(logs, id, first+store.Position(count)-1)
		}
		ok = it.SeekGE(next)
	}
	return it.Close()
}

// findHoles reads the truncated spans. They also tell where a log ended of which
// nothing is left.
func (s *Store) findHoles(logs map[store.LogID]*commit.Found) error {
	return s.walk(holeSpace, func(key, value []byte) error {
		id, rest, ok := parseLog(key)
		_, to, err := decodeDocument(key, value)
		if !ok || len(rest) != 8 || err != nil {
			// What was truncated may be seen again; what is missing will be reported.
			s.log.Error("damaged span was passed over", "key", fmt.Sprintf("%q", key), "err", err)
			s.damage.add(key, store.Damage{Key: append([]byte(nil), key...), Log: id, Reason: cmp.Or(err, error(errShape)).Error()}, commit.Span{})
			return nil
		}
		span := commit.Span{From: positionOf(rest), To: store.Position(to)}
		l := entry(logs, id, span.To-1)
		l.Holes = append(l.Holes, span) // keys are in order
		return nil
	})
}

func (s *Store) findDamage(logs map[store.LogID]*commit.Found) error {
	return s.walk(quarantineSpace, func(key, value []byte) error {
		s.restoreDamage(key, value)
		if id, first, count, ok := parseRecord(key[1:]); ok && key[1] == logSpace {
			entry(logs, id, first+store.Position(count)-1)
		}
		return nil
	})
}

// walk visits all keys of a space.
func (s *Store) walk(space byte, visit func(key, value []byte) error) error {
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: []byte{space}, UpperBound: []byte{space + 1}})
	if err != nil {
		return err
	}
	for ok := it.First(); ok; ok = it.Next() {
		value, err := it.ValueAndErr()
		if err != nil {
			return errors.Join(err, it.Close())
		}
		if err := visit(it.Key(), value); err != nil {
			return errors.Join(err, it.Close())
		}
	}
	return it.Close()
}
