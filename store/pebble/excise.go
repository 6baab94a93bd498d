package pebble

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/objstorage/objstorageprovider"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"

	"gridmq/store"
)

// cutTable cuts what cannot be read out of the table in the file path, and returns
// it. Left there, it would fail every compaction of the table, which Pebble tries
// again at once and for ever, and nothing near it would be reclaimed.
//
// Only one goroutine may write to the database meanwhile: the one that calls it.
// It takes the time to read a few tables, and 100 ms for each bad block, since
// Pebble looks for the bit that flipped.
func (s *Store) cutTable(path string) (done []stretch, err error) {
	list, err := s.tables(func(i pebble.SSTableInfo) bool { return s.tablePath(i) == path })
	if err != nil {
		return nil, err
	}
	defer closeTables(list)
	var bad []stretch
	for _, t := range list {
		more, e := t.scan(nil, nil, nil)
		bad, err = append(bad, more...), errors.Join(err, e)
	}
	for _, x := range bad {
		if slices.ContainsFunc(done, func(d stretch) bool { return d.covers(x) }) {
			continue // was cut out with another one
		}
		x, e := s.cut(x)
		if e != nil {
			s.damage.avoid(x)
			err = errors.Join(err, e)
			continue
		}
		s.damage.wasCut(x)
		done = append(done, x)
	}
	return done, err
}

// cut takes the keys of x out of the database. What can be read by its key all the
// same is kept: what lies in other tables, nearer to the writer. x comes back as it
// was cut out.
//
// Before that x is noted among what was set aside, as something that nobody has
// accounted for yet: after a power cut the next start knows that the ends of logs
// may have been in there (settle), and no position is given twice.
//
// What is left of a table in front of x must not end with a block, nor what is left
// behind begin with one, or Pebble looks into the next one, which is bad. So the
// keys next to x are cut out too, and kept.
func (s *Store) cut(x stretch) (_ stretch, err error) {
	if !s.roomy() {
		return x, fmt.Errorf("%w: nothing can be cut out", store.ErrFull)
	}
	if err := s.flush(); err != nil { // so that all there is is in tables
		return x, err
	}
	x, keys, err := s.surroundings(x)
	if err != nil {
		return x, err
	}
	note := x.note()
	if err = s.db.Set(note, quarantined(x.cause.Error(), x.to), pebble.Sync); err != nil {
		return x, err
	}
	if bytes.Compare(x.front, note) <= 0 && bytes.Compare(note, x.end) < 0 { // it is in the way
		if err = s.flush(); err != nil {
			return x, err
		}
		keys[string(note)] = true
	}
	defer func() {
		if err != nil { // nothing is lost so far
			_ = s.db.Delete(note, pebble.NoSync)
		}
	}()
	path := s.options.FS.PathJoin(s.options.Dir, "kept.sst")
	kept, err := s.keep(path, slices.Sorted(maps.Keys(keys)))
	if err != nil {
		return x, err
	}
	span := pebble.KeyRange{Start: x.front, End: x.end}
	if kept > 0 {
		_, err = s.db.IngestAndExcise(context.Background(), []string{path}, nil, nil, span)
	} else {
		err = s.db.Excise(context.Background(), span)
	}
	if err == nil {
		s.log.Warn("unreadable part of a table was cut out", "from", fmt.Sprintf("%q", x.from),
			"to", fmt.Sprintf("%q", x.to), "kept", kept, "err", x.cause.Error())
	}
	return x, err
}

// surroundings widens x until it can be cut out of all tables that are there, and
// lists the keys in it that some table tells.
func (s *Store) surroundings(x stretch) (_ stretch, keys map[string]bool, err error) {
	for {
		list, err := s.tables(func(i pebble.SSTableInfo) bool {
			return bytes.Compare(i.Smallest.UserKey, x.end) < 0 && bytes.Compare(x.front, i.Largest.UserKey) <= 0
		})
		if err != nil {
			return x, nil, err
		}
		wide := x
		keys = map[string]bool{}
		for _, t := range list {
			if err = wide.widen(t); err != nil {
				break
			}
			if _, err = t.scan(x.front, x.end, func(k []byte) { keys[string(k)] = true }); err != nil {
				break
			}
		}
		closeTables(list)
		if err != nil {
			return x, nil, err
		}
		if bytes.Equal(wide.front, x.front) && bytes.Equal(wide.end, x.end) {
			return wide, keys, nil
		}
		x = wide
	}
}

// widen lets x take in what stands in the way of cutting it out of t.
func (x *stretch) widen(t *table) error {
	bad, err := t.scan(nil, nil, nil)
	if err != nil || len(bad) == 0 {
		return err
	}
	before, after := t.edges(x.front, x.end)
	was := *x
	for _, b := range slices.Backward(bad) {
		overlaps := bytes.Compare(b.front, x.end) < 0 && bytes.Compare(x.front, b.end) < 0
		if overlaps || before != nil && bytes.Compare(b.end, x.front) <= 0 {
			x.join(b)
			before = nil
		}
	}
	for _, b := range bad {
		if after != nil && bytes.Compare(b.end, x.end) > 0 {
			x.join(b)
			after = nil
		}
	}
	if bytes.Equal(was.front, x.front) && bytes.Equal(was.end, x.end) {
		return errors.Join(before, after)
	}
	return nil // there will be another look
}

func (x *stretch) join(b stretch) {
	if bytes.Compare(b.front, x.front) < 0 {
		x.front = b.front
	}
	if bytes.Compare(b.from, x.from) < 0 {
		x.from = b.from
	}
	if bytes.Compare(b.to, x.to) > 0 {
		x.to = b.to
	}
	if bytes.Compare(b.end, x.end) > 0 {
		x.end = b.end
	}
}

// keep writes those of keys that can be read to a table at path.
func (s *Store) keep(path string, keys []string) (n int, err error) {
	defer func() {
		if n == 0 || err != nil {
			_ = s.options.FS.Remove(path) // the next one takes its place
		}
	}()
	o := s.pebbleOptions()
	o.EnsureDefaults()
	f, err := s.disk.guard(s.options.FS).Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return 0, err
	}
	w := sstable.NewWriter(objstorageprovider.NewFileWritable(f), o.MakeWriterOptions(0, s.db.FormatMajorVersion().MaxTableFormat()))
	for _, k := range keys {
		value, closer, err := s.db.Get([]byte(k))
		switch {
		case err == nil:
			err = errors.Join(w.Set([]byte(k), value), closer.Close())
			n++
		case errors.Is(err, pebble.ErrNotFound), pebble.IsCorruptionError(err):
			err = nil
		}
		if err != nil {
			return 0, errors.Join(err, w.Close())
		}
	}
	return n, w.Close()
}

// flush waits until what was written is in tables.
func (s *Store) flush() error {
	done, err := s.db.AsyncFlush()
	if err != nil {
		return err
	}
	select {
	case <-done:
		return nil
	case err := <-s.broken: // Pebble failed meanwhile
		s.broken <- err
		return err
	}
}

// emptyLogWithin bounds what a stop waits for a slow disk.
const emptyLogWithin = 30 * time.Second

// emptyLog leaves nothing in Pebble's write-ahead log when the store is closed: bits that
// rot there, near its end, look like a write that a crash has cut off, and what follows
// is lost without a word; in tables they are found. What does not come to that, for want
// of space or time, stays in the log and is as durable.
func (s *Store) emptyLog() {
	if !s.roomy() {
		return
	}
	defer func() {
		if r := recover(); r != nil { // no log can be made
			s.log.Warn("the log was not emptied", "err", r)
		}
	}()
	done, err := s.db.AsyncFlush()
	if err != nil {
		s.log.Warn("the log was not emptied", "err", err)
		return
	}
	late := time.NewTimer(emptyLogWithin)
	defer late.Stop()
	select {
	case <-done:
	case <-late.C:
		s.log.Warn("the log was not emptied", "err", "the disk is too slow", "waited", emptyLogWithin)
	}
}

// roomy says whether there is space for a flush: without, Pebble would wait for it.
func (s *Store) roomy() bool {
	if !s.disk.opened.Load() { // whatever there is may be used
		return s.disk.look() >= s.disk.reserve/4
	}
	return s.disk.look() >= s.disk.reserve
}
