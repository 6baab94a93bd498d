package pebble

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sort"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/sstable"
)

// A stretch is the keys in [from, to), which cannot be read, since Pebble refuses
// a block, or all of a table. Of these keys little more is known than that they
// may have been there.
type stretch struct {
	from, to []byte
	cause    error
	// What is cut out is [front, end): the last key in front and the first one
	// behind as well, where the table has some (cut).
	front, end []byte
}

// touches says whether any of the keys in [from, to) may be lost with x. to is nil
// for the end of all keys.
func (x stretch) touches(from, to []byte) bool {
	return bytes.Compare(x.to, from) > 0 && (to == nil || bytes.Compare(x.from, to) < 0)
}

func (x stretch) has(key []byte) bool {
	return bytes.Compare(x.from, key) <= 0 && bytes.Compare(key, x.to) < 0
}

func (x stretch) covers(y stretch) bool {
	return bytes.Compare(x.from, y.from) <= 0 && bytes.Compare(y.to, x.to) <= 0
}

func (x stretch) reason() string { return fmt.Sprintf("unreadable up to %q: %v", x.to, x.cause) }

// note is the key under which x is set aside until somebody has found out what was
// lost with it. Its value ends with x.to.
func (x stretch) note() []byte { return append([]byte{quarantineSpace, 0}, x.from...) }

// untold is the key for the documents of x, until readers have been told.
func (x stretch) untold() []byte { return append([]byte{quarantineSpace, 1}, x.from...) }

// documents is the part of x that is in the table of documents, if any.
func (x stretch) documents() (stretch, bool) {
	if table := []byte{tableSpace}; bytes.Compare(x.from, table) < 0 {
		x.from = table
	}
	return x, bytes.Compare(x.from, x.to) < 0
}

// behind is the first key after key.
func behind(key []byte) []byte { return append(bytes.Clone(key), 0) }

// A table is one of Pebble's tables, read past Pebble and its caches: Pebble can
// tell that a block is bad, but not which keys were in it.
type table struct {
	reader       *sstable.Reader // nil when it cannot be opened
	cause        error           // why
	small, large []byte          // its first and last key
}

// tables opens the tables that keep returns true for, without regard to levels.
func (s *Store) tables(keep func(pebble.SSTableInfo) bool) (list []*table, err error) {
	levels, err := s.db.SSTables()
	if err != nil {
		return nil, err
	}
	for _, info := range slices.Concat(levels...) {
		if !keep(info) {
			continue
		}
		t, err := s.openTable(info)
		switch {
		case errors.Is(err, fs.ErrNotExist): // compacted meanwhile
		case err != nil:
			closeTables(list)
			return nil, err
		default:
			list = append(list, t)
		}
	}
	return list, nil
}

func closeTables(list []*table) {
	for _, t := range list {
		if t.reader != nil {
			_ = t.reader.Close() // was only read
		}
	}
}

// tablePath is the name of the file that a table is in; several may share one.
func (s *Store) tablePath(info pebble.SSTableInfo) string {
	return s.options.FS.PathJoin(s.options.Dir, info.BackingSSTNum.String()+".sst")
}

func (s *Store) openTable(info pebble.SSTableInfo) (*table, error) {
	t := &table{small: info.Smallest.UserKey, large: info.Largest.UserKey}
	f, err := s.options.FS.Open(s.tablePath(info))
	if err != nil {
		return nil, err
	}
	readable, err := sstable.NewSimpleReadable(f)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	o := s.pebbleOptions()
	o.EnsureDefaults()
	ro := o.MakeReaderOptions()
	ro.CacheOpts.FileNum = info.BackingSSTNum // for errors: there is no cache
	r, err := sstable.NewReader(context.Background(), readable, ro)
	if err != nil {
		_ = readable.Close() // was only read
		return t.failed(err)
	}
	deletions, err := r.NewRawRangeDelIter(context.Background(), sstable.NoFragmentTransforms, sstable.NoReadEnv)
	if err != nil { // nothing of the table is of use without
		_ = r.Close()
		return t.failed(err)
	}
	if deletions != nil {
		deletions.Close()
	}
	t.reader = r
	return t, nil
}

func (t *table) failed(err error) (*table, error) {
	if !pebble.IsCorruptionError(err) {
		return nil, err
	}
	t.cause = err
	return t, nil
}

// scan calls visit, which may be nil, for the keys in [from, to), deletions
// included, and lists the stretches among them that cannot be read. Only blocks
// of keys are read: in our tables the values are in them.
func (t *table) scan(from, to []byte, visit func(key []byte)) (list []stretch, err error) {
	if bytes.Compare(from, t.small) < 0 {
		from = t.small
	}
	if end := behind(t.large); to == nil || bytes.Compare(to, end) > 0 {
		to = end
	}
	if t.reader == nil && bytes.Compare(from, to) < 0 {
		whole := stretch{from: t.small, to: behind(t.large), cause: t.cause}
		whole.front, whole.end = whole.from, whole.to
		return []stretch{whole}, nil
	}
	for bytes.Compare(from, to) < 0 {
		first, last, err := t.run(from, to, visit)
		n := len(list)
		if n > 0 && first != nil {
			list[n-1].end = behind(first)
		}
		switch {
		case err == nil:
			return list, nil
		case !pebble.IsCorruptionError(err):
			return list, err
		}
		x := stretch{front: from, from: from, cause: err}
		if last != nil {
			x.front, x.from = last, behind(last)
		} else if n > 0 { // the next block is bad as well
			x, list = list[n-1], list[:n-1]
		}
		if last != nil {
			from = x.from
		}
		from = behind(t.blockEnd(from))
		x.to, x.end = from, from
		list = append(list, x)
	}
	return list, nil
}

// run visits keys until to or the first one that cannot be read. It returns the
// first and the last one that it has visited.
func (t *table) run(from, to []byte, visit func(key []byte)) (first, last []byte, err error) {
	err = t.try(func(it sstable.Iterator) {
		for kv := seek(it.SeekGE, from); kv != nil && bytes.Compare(kv.K.UserKey, to) < 0; kv = it.Next() {
			last = append(last[:0], kv.K.UserKey...)
			if first == nil {
				first = bytes.Clone(last)
			}
			if visit != nil {
				visit(last)
			}
		}
	})
	return first, last, err
}

// seek seeks without flags, whose type is internal to Pebble.
func seek[F, KV any](to func([]byte, F) KV, key []byte) KV {
	var none F
	return to(key, none)
}

// edges says whether Pebble can find the last key in front of from and the first
// one at or behind to. It must, when it cuts out what is in between: it takes an
// error for the end of the table, and drops what is beyond.
func (t *table) edges(from, to []byte) (before, after error) {
	if bytes.Compare(t.small, from) < 0 {
		before = t.try(func(it sstable.Iterator) { seek(it.SeekLT, from) })
	}
	if bytes.Compare(to, t.large) <= 0 {
		after = t.try(func(it sstable.Iterator) { seek(it.SeekGE, to) })
	}
	return before, after
}

func (t *table) try(do func(sstable.Iterator)) error {
	if t.reader == nil {
		return t.cause
	}
	it, err := t.reader.NewIter(sstable.NoTransforms, nil, nil, sstable.AssertNoBlobHandles)
	if err != nil {
		return err
	}
	defer it.Close()
	do(it)
	return it.Error()
}

// blockEnd is the last key of the block that key is in. The index tells it, by way
// of the size of what is between two keys: see exact in pebble.go. When the index
// cannot be read either, it is the last key of the table.
func (t *table) blockEnd(key []byte) []byte {
	here, err := t.reader.EstimateDiskUsage(key, key, sstable.NoReadEnv)
	end := lastKey(t.large, func(k []byte) bool {
		if err != nil || bytes.Compare(k, key) <= 0 {
			return true
		}
		var n uint64
		n, err = t.reader.EstimateDiskUsage(key, k, sstable.NoReadEnv)
		return err != nil || n == here
	})
	if err != nil || here == 0 {
		return t.large
	}
	return end
}

// lastKey is the last of all possible keys up to limit for which in is true. It is
// so for all in front of one for which it is.
func lastKey(limit []byte, in func(key []byte) bool) (key []byte) {
	if in(limit) {
		return limit
	}
	for {
		n := sort.Search(256, func(b int) bool { return !in(append(key, byte(b))) })
		if n == 0 {
			return key
		}
		key = append(key, byte(n-1))
	}
}
