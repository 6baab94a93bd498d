package pebble

import (
	"context"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"gridmq/store"
	"gridmq/store/internal/commit"
)

// mend has what Pebble could not read, as err says, cut out of its table and
// waits for that: who reads again then meets only what is left. When it returns an
// error nothing has changed.
func (s *Store) mend(err error) error {
	info := pebble.ExtractDataCorruptionInfo(err)
	if info == nil {
		return err
	}
	x, isNew := s.mends.begin(info.Path)
	if isNew {
		s.askMend(info.Path, x)
	}
	if err, over := s.mends.result(x); over {
		return err
	}
	if err := s.Sync(context.Background()); err != nil {
		return err
	}
	err, over := s.mends.result(x)
	if !over {
		return store.ErrClosed // the committer has ended without
	}
	return err
}

// mendSoon is mend for the committer, which cannot wait for itself.
func (s *Store) mendSoon(err error) {
	if info := pebble.ExtractDataCorruptionInfo(err); info != nil {
		if x, isNew := s.mends.begin(info.Path); isNew {
			s.askMend(info.Path, x)
		}
	}
}

func (s *Store) askMend(path string, x *mend) {
	s.ask(func(w *writer) { s.mends.finish(x, w.mend(path)) })
}

// ask has the committer do something as part of its next group.
func (s *Store) ask(do func(*writer)) {
	s.mends.mu.Lock()
	s.mends.asked = append(s.mends.asked, do)
	s.mends.mu.Unlock()
	s.commits.Load().Move(commit.Move{})
}

// mend cuts what cannot be read out of a table and accounts for it.
func (w *writer) mend(path string) error {
	s := (*Store)(w.e)
	cut, err := s.cutTable(path)
	for _, x := range cut {
		switch e := w.account(x); {
		case pebble.IsCorruptionError(e): // of another table, which prevents it: the next start does it
			err = errors.Join(err, e)
		case e != nil:
			w.note(e)
		}
	}
	if err != nil {
		s.log.Error("unreadable records were left in their table", "path", path, "err", err.Error())
	}
	return err
}

// account lists what was lost with x and writes again what this process knows.
// It ends with x not being noted as something unaccounted for. The group is not
// synced for that: the next start can do without (settle).
func (w *writer) account(x stretch) error {
	s := (*Store)(w.e)
	if err := errors.Join(s.loseOthers(w.b, x), untell(w.b, x), w.rewrite(x)); err != nil {
		return err
	}
	var err error
	s.commits.Load().Each(func(log *commit.Log) {
		if !x.touches([]byte{firstNameSpace}, []byte{quarantineSpace + 1}) {
			return
		}
		end := log.Durable() + 1
		lost, e := s.lostWith(x, log.ID, end, log.Held)
		err = errors.Join(err, e)
		for _, span := range lost {
			err = errors.Join(err, s.loseEntries(w.b, log.ID, span, x.cause.Error()))
		}
		err = errors.Join(err, w.rewriteLog(x, log))
	})
	if err != nil {
		return err
	}
	return w.b.Delete(x.note(), nil)
}

// lostWith lists the positions of a log in front of end that were lost with x,
// which has been cut out: those that are in no record there, and not truncated.
func (s *Store) lostWith(x stretch, id store.LogID, end store.Position, held func(store.Position) (bool, store.Position)) (lost []commit.Span, err error) {
	prefix := appendLog(nil, logSpace, id)
	if !x.touches(prefix, after(prefix)) {
		return nil, nil
	}
	it, err := s.db.NewIter(logBounds(id))
	if err != nil {
		return nil, err
	}
	at := store.Position(1)
	if it.SeekLT(x.from) {
		first, count := parsePlace(it.Key())
		at = max(at, first+store.Position(count))
	} else if it.Error() != nil {
		return nil, it.Close()
	}
	for ok := it.SeekGE(x.from); at < end; ok = it.Next() {
		next, recordEnd, isLast := end, end, true
		if it.Error() != nil {
			break // it.Close tells
		}
		if ok {
			first, count := parsePlace(it.Key())
			next, recordEnd = min(first, end), first+store.Position(count)
			isLast = !x.has(it.Key())
		}
		for at < next {
			is, until := held(at)
			if span, known := s.damage.lostAt(id, at); known {
				is, until = false, span.To
			}
			until = min(until, next)
			switch {
			case is && leapt(at, until): // what was in front of the leap, if anything
				lost = append(lost, commit.Span{From: at, To: at + 1})
			case is:
				lost = append(lost, commit.Span{From: at, To: until})
			}
			at = until
		}
		if isLast {
			break
		}
		at = max(at, recordEnd)
	}
	return lost, it.Close()
}

// rewrite writes again what was lost with x and is known by heart.
func (w *writer) rewrite(x stretch) (err error) {
	s := (*Store)(w.e)
	for _, n := range []struct {
		key   []byte
		value uint64
	}{{formatKey, format}, {startsKey, s.starts}, {revisionKey, w.g.Base}} {
		if x.has(n.key) {
			err = errors.Join(err, w.restore(n.key, number(n.key, n.value)))
		}
	}
	if !x.touches([]byte{quarantineSpace}, []byte{quarantineSpace + 1}) {
		return err
	}
	for _, d := range s.damage.list() {
		if q := append([]byte{quarantineSpace}, d.Key...); x.has(q) && d.Reason != errMissing.Error() {
			err = errors.Join(err, w.restore(q, quarantined(d.Reason, nil)))
		}
	}
	return err
}

// rewriteLog writes again of a log what start-up needs to know, so that its end is
// known whatever was lost.
func (w *writer) rewriteLog(x stretch, log *commit.Log) error {
	err := w.name(log.ID, log.Durable())
	prefix := appendLog(nil, holeSpace, log.ID)
	if !x.touches(prefix, after(prefix)) {
		return err
	}
	for pos := store.Position(1); pos <= log.Durable(); {
		held, until := log.Held(pos)
		if !held {
			key := appendPosition(nil, holeSpace, log.ID, pos)
			err = errors.Join(err, w.restore(key, number(key, uint64(until))))
		}
		pos = until
	}
	return err
}

// restore writes what is not there any more.
func (w *writer) restore(key, value []byte) error {
	_, closer, err := w.e.db.Get(key)
	if err == nil {
		return closer.Close()
	}
	return w.b.Set(key, value, nil)
}

// name writes down that there is a log, and that it reaches up to last at least.
func (w *writer) name(id store.LogID, last store.Position) error {
	for _, space := range names {
		w.key = appendLog(w.key[:0], space, id)
		if err := w.b.Set(w.key, number(w.key, uint64(last)), nil); err != nil {
			return err
		}
	}
	return nil
}

// unreadable is what a reader of documents is told who met what Pebble cannot read.
func unreadable(key []byte, err error) error {
	return fmt.Errorf("%w: %q cannot be read: %w", store.ErrDamaged, key, plain(err))
}

// plain is a corruption without what Pebble adds for its listener.
func plain(err error) error {
	if info := pebble.ExtractDataCorruptionInfo(err); info != nil {
		return info.Details
	}
	return err
}
