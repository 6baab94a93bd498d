package pebble

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"gridmq/store"
	"gridmq/store/internal/commit"
)

// Format is the version of the layout of keys: of the only stores that are opened.
const Format = format

const format = 2

// An opening is what a start reads, before it settles what has to be (settle).
type opening struct {
	s        *Store
	format   figure
	starts   figure
	revision figure
	used     bool // there is something in the store
	logs     map[store.LogID]*commit.Found
	named    map[store.LogID][]store.Position // the ends that were written down
	unsure   map[store.LogID]bool             // logs whose end is not known
	open     map[store.LogID][]store.Position
	lost     []stretch // cut out, and not accounted for
	untold   []stretch // accounted for, and readers are to be told
	flaws    []flawed
}

// A figure is a number of the meta space. Without flaw it is there or n is 0.
type figure struct {
	key  []byte
	n    uint64
	has  bool
	flaw error
}

// A flawed is a value that is not what was written, or has a key that is none.
type flawed struct {
	key, value []byte
	why        error
}

// find reads what a start needs to know: which logs there are, where they end and
// what is truncated. It reads keys, and no payload. What cannot be read is cut out,
// and it begins again.
func (s *Store) find() (found commit.Options, starts uint64, err error) {
	var o *opening
	for seen := map[string]bool{}; ; {
		s.damage.clear()
		o = &opening{
			s: s, logs: map[store.LogID]*commit.Found{}, named: map[store.LogID][]store.Position{},
			unsure: map[store.LogID]bool{}, open: map[store.LogID][]store.Position{},
		}
		if err = o.read(); err == nil {
			err = o.check()
		}
		if err == nil {
			err = o.settle()
		}
		info := pebble.ExtractDataCorruptionInfo(err)
		if info == nil || seen[info.Path] {
			break
		}
		seen[info.Path] = true
		x, _ := s.mends.begin(info.Path)
		_, e := s.cutTable(info.Path) // it leaves a note, which is settled
		s.mends.finish(x, e)
		if e != nil {
			return found, 0, fmt.Errorf("cut out what is unreadable of %s: %w", info.Path, e)
		}
	}
	if err != nil {
		return found, 0, err
	}
	for _, l := range o.logs {
		found.Logs = append(found.Logs, *l)
	}
	found.Revision, found.Pending = o.revision.n, s.options.PendingBytes
	return found, o.starts.n, nil
}

func (o *opening) read() (err error) {
	for _, f := range []struct {
		to  *figure
		key []byte
	}{{&o.format, formatKey}, {&o.starts, startsKey}, {&o.revision, revisionKey}} {
		if *f.to, err = o.figure(f.key); err != nil {
			return err
		}
	}
	for _, space := range []byte{firstNameSpace, holeSpace, logSpace, nameSpace, tableSpace} {
		first, err := o.first(space)
		if err != nil {
			return err
		}
		o.used = o.used || first != nil
	}
	return cmp.Or(o.findLogs(), o.findNames(), o.findHoles(), o.findDamage())
}

// figure reads a number.
func (o *opening) figure(key []byte) (f figure, err error) {
	f.key = key
	value, closer, err := o.s.db.Get(key)
	switch {
	case errors.Is(err, pebble.ErrNotFound):
		return f, nil
	case err != nil:
		return f, err
	}
	defer closer.Close()
	f.has = true
	if _, f.n, f.flaw = decodeDocument(key, value); f.flaw != nil {
		o.flaw(key, value, f.flaw)
	}
	return f, nil
}

func (o *opening) flaw(key, value []byte, why error) {
	o.flaws = append(o.flaws, flawed{bytes.Clone(key), bytes.Clone(value), why})
}

// first is the first key of a space; nil when there is none.
func (o *opening) first(space byte) (key []byte, err error) {
	err = o.s.walk(space, func(k, _ []byte) error {
		key = bytes.Clone(k)
		return errEnough
	})
	return key, err
}

// entry returns a log, at least up to last.
func (o *opening) entry(id store.LogID, last store.Position) *commit.Found {
	l := o.logs[id]
	if l == nil {
		l = &commit.Found{ID: id}
		o.logs[id] = l
	}
	l.Last = max(l.Last, last)
	return l
}

// findLogs jumps from log to log.
func (o *opening) findLogs() error {
	it, err := o.s.db.NewIter(&pebble.IterOptions{LowerBound: []byte{logSpace}, UpperBound: []byte{logSpace + 1}})
	if err != nil {
		return err
	}
	for ok := it.First(); ok; {
		id, _, _, isRecord := parseRecord(it.Key())
		if !isRecord {
			value, err := it.ValueAndErr()
			if err != nil {
				return errors.Join(err, it.Close())
			}
			o.flaw(it.Key(), value, errShape)
			ok = it.Next()
			continue
		}
		next := after(appendLog(nil, logSpace, id))
		for ok = it.SeekLT(next); ok; ok = it.Prev() {
			if last, first, count, isRecord := parseRecord(it.Key()); isRecord && last == id {
				o.entry(id, first+store.Position(count)-1)
				break
			}
		}
		if it.Error() != nil {
			break
		}
		ok = it.SeekGE(next)
	}
	return it.Close()
}

// findNames reads the lists of logs, which say of each how far it reached at some
// time. Logs are known by it of which nothing else is left.
func (o *opening) findNames() error {
	flawed := map[store.LogID]bool{}
	for _, space := range names {
		err := o.s.walk(space, func(key, value []byte) error {
			id, rest, ok := parseLog(key)
			if !ok || len(rest) > 0 {
				o.flaw(key, value, errShape)
				return nil
			}
			_, last, err := decodeDocument(key, value)
			if err != nil {
				o.flaw(key, value, err)
				flawed[id] = true
				o.entry(id, 0)
				return nil
			}
			o.named[id] = append(o.named[id], store.Position(last))
			o.entry(id, store.Position(last))
			return nil
		})
		if err != nil {
			return err
		}
	}
	for id := range flawed {
		o.unsure[id] = o.unsure[id] || o.named[id] == nil
	}
	return nil
}

// findHoles reads the truncated spans. They also tell where a log ended of which
// nothing is left.
func (o *opening) findHoles() error {
	return o.s.walk(holeSpace, func(key, value []byte) error {
		id, rest, ok := parseLog(key)
		if !ok || len(rest) != 8 {
			o.flaw(key, value, errShape)
			return nil
		}
		from := positionOf(rest)
		_, to, err := decodeDocument(key, value)
		if err == nil && store.Position(to) <= from {
			err = errShape
		}
		if err != nil {
			o.flaw(key, value, err)
			o.unsure[id] = true
			o.open[id] = append(o.open[id], from)
			o.entry(id, from-1)
			return nil
		}
		l := o.entry(id, store.Position(to)-1)
		l.Holes = append(l.Holes, commit.Span{From: from, To: store.Position(to)}) // keys are in order
		return nil
	})
}

func (o *opening) findDamage() error {
	return o.s.walk(quarantineSpace, func(key, value []byte) error {
		if len(key) > 1 && key[1] <= 1 {
			cause, to := parseQuarantined(value)
			x := stretch{from: bytes.Clone(key[2:]), to: bytes.Clone(to), cause: flaw(cause)}
			if key[1] == 0 {
				o.lost = append(o.lost, x)
			} else {
				o.untold = append(o.untold, x)
			}
			return nil
		}
		if id, first, count, ok := parseRecord(key[1:]); ok && key[1] == logSpace {
			o.entry(id, first+store.Position(count)-1)
		}
		return nil
	})
}

// check says whether the store can be opened at all.
func (o *opening) check() error {
	f := &o.format
	switch {
	case f.flaw == errVersion, f.flaw == nil && f.n > format:
		what := fmt.Sprintf("is in format %d", f.n)
		if f.flaw != nil {
			what = "is in a format whose very number is written differently"
		}
		return fmt.Errorf("%w: it %s, and this gridmq knows none above %d: use a newer gridmq", errFormat, what, format)
	case f.flaw == nil && f.has && f.n < format:
		return fmt.Errorf("%w: it is in format %d, and this gridmq knows none below %d: use the gridmq that wrote it", errFormat, f.n, format)
	case f.flaw == nil && f.has, f.flaw == nil && !o.used:
		return nil
	}
	// The number is damaged, or was cut out. What there is tells the format: keys
	// are part of the checksums.
	known, err := o.recognized()
	if err == nil && !known {
		err = fmt.Errorf("%w: the number of its format is damaged, and nothing in it is in format %d: restore it from a copy", errFormat, format)
	}
	return err
}

// errFormat refuses a store that is not ours to open.
var errFormat = errors.New("store cannot be used")

// errEnough ends a walk.
var errEnough = errors.New("enough")

// recognized says whether there is anything that was written in this format.
func (o *opening) recognized() (yes bool, err error) {
	for _, space := range []byte{logSpace, tableSpace, holeSpace, firstNameSpace, nameSpace} {
		left := 1000
		err := o.s.walk(space, func(key, value []byte) error {
			if yes = check(key, value) == nil; yes || left == 0 {
				return errEnough
			}
			left--
			return nil
		})
		if yes || err != nil {
			return yes, err
		}
	}
	return false, nil
}

// walk visits all keys of a space, until visit returns errEnough.
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
		switch err := visit(it.Key(), value); {
		case err == errEnough:
			_ = it.Close() // what comes later does not matter
			return nil
		case err != nil:
			return errors.Join(err, it.Close())
		}
	}
	return it.Close()
}

// lostKey says whether key may have been lost.
func (o *opening) lostKey(key []byte) bool {
	return slices.ContainsFunc(o.lost, func(x stretch) bool { return x.has(key) })
}
