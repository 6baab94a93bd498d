package pebble

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"

	"gridmq/store"
	"gridmq/store/storetest"
)

// onDisk is a store whose tables are only those that a test flushes.
func onDisk(t testing.TB) Options {
	return Options{Dir: filepath.Join(t.TempDir(), "data"), MemTableBytes: 8 << 20}
}

// closeFlushed closes s with all there is in tables.
func closeFlushed(t testing.TB, s *Store) {
	t.Helper()
	if err := errors.Join(s.Sync(context.Background()), s.Close()); err != nil {
		t.Fatalf("flush and close: %v", err)
	}
}

// blockOf is where the last byte of the block with key is in a table, if it has it.
func blockOf(t testing.TB, path string, key []byte) (at uint64, ok bool) {
	t.Helper()
	f, err := vfs.Default.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	readable, err := sstable.NewSimpleReadable(f)
	if err != nil {
		t.Fatal(err)
	}
	s := &Store{options: Options{}.withDefaults(), disk: &disk{}}
	o := s.pebbleOptions()
	o.EnsureDefaults()
	r, err := sstable.NewReader(t.Context(), readable, o.MakeReaderOptions())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	it, err := r.NewIter(sstable.NoTransforms, nil, nil, sstable.AssertNoBlobHandles)
	if err != nil {
		t.Fatal(err)
	}
	defer it.Close()
	if kv := seek(it.SeekGE, key); kv == nil || !bytes.Equal(kv.K.UserKey, key) {
		return 0, false
	}
	n, err := r.EstimateDiskUsage([]byte{0}, key, sstable.NoReadEnv)
	if err != nil {
		t.Fatal(err)
	}
	return n - 5 - 1, true // behind it come its kind and checksum
}

// spoilBlocks flips a bit of the block that holds key, in every table that has it.
func spoilBlocks(t testing.TB, o Options, key []byte) {
	t.Helper()
	if n := spoilIn(t, tablesOf(t, o), key); n == 0 {
		t.Fatalf("no table has %q", key)
	}
}

func tablesOf(t testing.TB, o Options) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(o.Dir, "*.sst"))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func spoilIn(t testing.TB, tables []string, key []byte) (n int) {
	t.Helper()
	for _, path := range tables {
		if at, ok := blockOf(t, path, key); ok {
			flip(t, path, int64(at))
			n++
		}
	}
	return n
}

// flip flips a bit of a file; at counts from the end when it is negative.
func flip(t testing.TB, path string, at int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if at < 0 {
		info, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		at += info.Size()
	}
	b := make([]byte, 1)
	if _, err := f.ReadAt(b, at); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 4
	if _, err := f.WriteAt(b, at); err != nil {
		t.Fatal(err)
	}
}

const documents = 1500

func documentKey(kind string, i int) []byte { return fmt.Appendf(nil, "n/x/%s/%06d", kind, i) }

// manyDocuments is a closed store with two kinds of documents in its tables.
func manyDocuments(t testing.TB) Options {
	o := onDisk(t)
	s := mustOpen(t, o)
	for i := range documents {
		var b store.Batch
		b.Put(documentKey("s", i), payloadOf(i))
		b.Put(documentKey("u", i), payloadOf(i)[:20])
		if _, _, err := s.Submit(&b); err != nil {
			t.Fatalf("Submit: %v", err)
		}
	}
	closeFlushed(t, s)
	return o
}

// listOf lists the numbers of the documents of a kind.
func listOf(s *Store, kind string) (numbers []int, err error) {
	err = s.List([]byte("n/x/"+kind+"/"), nil, func(d store.Document) bool {
		var i int
		_, _ = fmt.Sscanf(string(d.Key[len("n/x/s/"):]), "%d", &i)
		numbers = append(numbers, i)
		return true
	})
	return numbers, err
}

// absent lists which of the numbers below n are not in list.
func absent(list []int, n int) (missing []int) {
	for i := range n {
		if _, ok := slices.BinarySearch(list, i); !ok {
			missing = append(missing, i)
		}
	}
	return missing
}

// aBlock says whether numbers are what one block holds, with i among them.
func aBlock(numbers []int, i int) bool {
	n := len(numbers)
	return n > 0 && n < 100 && numbers[n-1]-numbers[0] == n-1 && slices.Contains(numbers, i)
}

// TestListPassesOverBlock is about an unreadable block in the midst of documents:
// all others are listed.
func TestListPassesOverBlock(t *testing.T) {
	o := manyDocuments(t)
	spoilBlocks(t, o, appendDocument(nil, documentKey("s", 700)))
	s := mustOpen(t, o)
	defer func() { s.Close() }()

	got, err := listOf(s, "s")
	lost := absent(got, documents)
	if !errors.Is(err, store.ErrDamaged) || !aBlock(lost, 700) {
		t.Fatalf("List: %v, without %v, want ErrDamaged, without a block around 700", err, lost)
	}
	listed := func(when string, told error) {
		t.Helper()
		d := s.Damaged()
		if len(d) != 1 || s.Stats().Damaged != 1 || d[0].Key[0] != tableSpace || d[0].Reason == "" {
			t.Errorf("%s, Damaged = %+v, %d counted, want the block", when, d, s.Stats().Damaged)
		}
		if now, err := listOf(s, "s"); !errors.Is(err, told) || !slices.Equal(absent(now, documents), lost) {
			t.Errorf("%s, List: %v, without %v, want %v and the same", when, err, absent(now, documents), told)
		}
		if now, err := listOf(s, "u"); err != nil || len(now) != documents {
			t.Errorf("%s, List of others: %v, %d of %d", when, err, len(now), documents)
		}
	}
	listed("when found", nil)
	for range 2 { // nobody writes
		s = reopen(t, s).(*Store)
		listed("after a restart", store.ErrDamaged)
		if _, err := s.Get(documentKey("s", 700)); !errors.Is(err, store.ErrDamaged) {
			t.Errorf("Get of what is lost: %v, want ErrDamaged", err)
		}
		if _, err := s.Get([]byte("none")); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Get of what never was: %v, want ErrNotFound", err)
		}
	}
	syncAll(t, s)
	s = reopen(t, s).(*Store)
	listed("after another restart", nil)
	if err := s.db.Compact(t.Context(), []byte("a"), []byte("z"), false); err != nil {
		t.Errorf("Compact: %v", err)
	}
	listed("after a compaction", nil)
	if _, err := s.Get(documentKey("s", 700)); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Get of what is lost: %v, want ErrNotFound", err)
	}
}

// TestGetUnreadable is about who wants just one document of an unreadable block:
// it can be written anew.
func TestGetUnreadable(t *testing.T) {
	o := manyDocuments(t)
	spoilBlocks(t, o, appendDocument(nil, documentKey("s", 700)))
	s := mustOpen(t, o)
	defer func() { s.Close() }()
	if _, err := s.Get(documentKey("s", 700)); !errors.Is(err, store.ErrDamaged) {
		t.Errorf("Get: %v, want ErrDamaged", err)
	}
	b := store.Batch{Fences: []store.Fence{{Key: documentKey("s", 700)}}}
	b.Put(documentKey("s", 700), []byte("new"))
	if _, err := s.Commit(t.Context(), &b); err != nil {
		t.Fatalf("Commit of it anew: %v", err)
	}
	for round, told := range []error{nil, store.ErrDamaged} {
		when := []string{"at once", "after a restart"}[round]
		if d, err := s.Get(documentKey("s", 700)); err != nil || string(d.Value) != "new" {
			t.Errorf("%s, Get: %q, %v", when, d.Value, err)
		}
		got, err := listOf(s, "s")
		lost := absent(got, documents)
		if !errors.Is(err, told) || len(lost) == 0 || len(lost) > 100 || slices.Contains(lost, 700) {
			t.Errorf("%s, List: %v, without %v", when, err, lost)
		}
		if d := s.Damaged(); len(d) != 1 {
			t.Errorf("%s, Damaged = %+v, want one", when, d)
		}
		s = reopen(t, s).(*Store)
	}
}

// TestFenceOnUnreadable commits with a fence on a document that cannot be read, and
// watches the removal of others around it: the committer must not end by that.
func TestFenceOnUnreadable(t *testing.T) {
	o := manyDocuments(t)
	spoilBlocks(t, o, appendDocument(nil, documentKey("s", 700)))
	s := mustOpen(t, o)
	defer s.Close()
	s.Watch(t.Context(), []byte("n/"), func(store.Document) {})
	b := store.Batch{Fences: []store.Fence{{Key: documentKey("s", 700), Revision: 1400}}}
	b.Put(documentKey("s", 700), []byte("new"))
	if _, err := s.Commit(t.Context(), &b); !errors.Is(err, store.ErrConflict) {
		t.Errorf("Commit: %v, want ErrConflict", err)
	}
	b.Reset()
	b.DeletePrefix([]byte("n/x/s/"))
	if _, err := s.Commit(t.Context(), &b); err != nil {
		t.Errorf("Commit of a removal: %v", err)
	}
	if got, err := listOf(s, "s"); err != nil || len(got) > 0 {
		t.Errorf("List: %v, %v, want none", got, err)
	}
}

// TestNewerDocumentsAreKept damages a block of documents that were written again
// since: none of these is lost.
func TestNewerDocumentsAreKept(t *testing.T) {
	o := manyDocuments(t)
	s := mustOpen(t, o)
	if err := s.db.Compact(t.Context(), []byte("a"), []byte("z"), false); err != nil {
		t.Fatalf("Compact: %v", err)
	}
	var old []string
	levels, err := s.db.SSTables()
	if err != nil {
		t.Fatal(err)
	}
	for _, info := range slices.Concat(levels...) {
		old = append(old, s.tablePath(info))
	}
	b := store.Batch{}
	removed := func(i int) bool { return i == 699 || i == 703 || i == 713 } // few, or they are compacted
	for i := range documents {
		if i%2 == 0 {
			b.Put(documentKey("s", i), []byte("newer"))
		} else if removed(i) {
			b.Delete(documentKey("s", i))
		}
	}
	if _, err := s.Commit(t.Context(), &b); err != nil {
		t.Fatalf("Commit: %v", err)
	}
	closeFlushed(t, s)
	if spoilIn(t, old, appendDocument(nil, documentKey("s", 701))) == 0 {
		t.Fatal("no old table has the document")
	}
	s = mustOpen(t, o)
	defer s.Close()
	got, err := listOf(s, "s")
	if !errors.Is(err, store.ErrDamaged) {
		t.Errorf("List: %v, want ErrDamaged", err)
	}
	var lost []int
	for _, i := range absent(got, documents) {
		switch {
		case i%2 == 0:
			t.Errorf("%d is lost, which was written again", i)
		case !removed(i):
			lost = append(lost, i)
		}
	}
	if !slices.Contains(lost, 701) || len(lost) > 50 {
		t.Errorf("%v are lost, want what was in a block around 701", lost)
	}
	for _, i := range got {
		d, err := s.Get(documentKey("s", i))
		if err != nil || (i%2 == 0) != (string(d.Value) == "newer") || removed(i) {
			t.Errorf("Get(%d): %q, %v", i, d.Value, err)
		}
	}
}

// TestCompactionMends lets nobody read but a compaction.
func TestCompactionMends(t *testing.T) {
	o := manyDocuments(t)
	spoilBlocks(t, o, appendDocument(nil, documentKey("s", 700)))
	s := mustOpen(t, o)
	defer s.Close()
	storetest.Eventually(t, "a compaction gets through", func() bool {
		return s.db.Compact(t.Context(), []byte("a"), []byte("z"), false) == nil
	})
	if d := s.Damaged(); len(d) != 1 {
		t.Errorf("Damaged = %+v, want one", d)
	}
	if got, err := listOf(s, "s"); err != nil || !aBlock(absent(got, documents), 700) {
		t.Errorf("List: %v, without %v", err, absent(got, documents))
	}
}

// TestUnreadableTable is about tables that cannot be opened at all.
func TestUnreadableTable(t *testing.T) {
	o := manyDocuments(t)
	tables := tablesOf(t, o)
	for _, path := range tables {
		flip(t, path, -20) // the footer
	}
	s := mustOpen(t, o)
	defer func() { s.Close() }()
	if d := s.Damaged(); len(d) == 0 {
		t.Errorf("nothing is said to be damaged")
	}
	if got, err := listOf(s, "s"); err != nil && !errors.Is(err, store.ErrDamaged) || len(got) != 0 {
		t.Errorf("List: %d documents, %v", len(got), err)
	}
	var b store.Batch
	b.Put(documentKey("s", 1), []byte("new"))
	if _, err := s.Commit(t.Context(), &b); err != nil {
		t.Fatalf("Commit: %v", err)
	}
	s = reopen(t, s).(*Store)
	d, err := s.Get(documentKey("s", 1))
	if err != nil || d.Revision <= 2*documents {
		t.Errorf("Get: revision %d, %v; want one above %d", d.Revision, err, 2*documents)
	}
}

// TestSeveralBlocks damages blocks next to each other and apart, and finds them all
// exactly.
func TestSeveralBlocks(t *testing.T) {
	o := manyDocuments(t)
	for _, i := range []int{120, 300, 370, 430, 1000, documents - 1} {
		spoilBlocks(t, o, appendDocument(nil, documentKey("s", i)))
	}
	s := mustOpen(t, o)
	defer s.Close()
	var list []int
	err := s.List([]byte("n/x/s/"), documentKey("s", 340), func(d store.Document) bool {
		var i int
		_, _ = fmt.Sscanf(string(d.Key[len("n/x/s/"):]), "%d", &i)
		list = append(list, i)
		return i < 1100
	})
	if !errors.Is(err, store.ErrDamaged) {
		t.Errorf("List: %v", err)
	}
	got, err := listOf(s, "s")
	lost := absent(got, documents)
	for _, i := range []int{120, 300, 370, 430, 1000, documents - 1} {
		if !slices.Contains(lost, i) {
			t.Errorf("%d is not lost", i)
		}
	}
	if len(lost) > 6*100 || err != nil && !errors.Is(err, store.ErrDamaged) {
		t.Errorf("List: %v, without %d", err, len(lost))
	}
	for i := range 1100 {
		if i > 340 && slices.Contains(got, i) != slices.Contains(list, i) {
			t.Errorf("%d is listed later: %v", i, slices.Contains(got, i))
		}
	}
}

// TestUnreadableOnFullDisk leaves what is unreadable in its table, since there is no
// space to cut it out: readers go round it all the same.
func TestUnreadableOnFullDisk(t *testing.T) {
	o := onDisk(t)
	s := mustOpen(t, o)
	for i := range documents {
		b := store.Batch{Log: damagedLog, Entries: [][]byte{payloadOf(i)}}
		b.Put(documentKey("s", i), payloadOf(i))
		if _, _, err := s.Submit(&b); err != nil {
			t.Fatalf("Submit: %v", err)
		}
		if i%100 == 0 {
			_ = s.Sync(t.Context()) // a group
		}
	}
	closeFlushed(t, s)
	spoilBlocks(t, o, appendDocument(nil, documentKey("s", 700)))
	flipRecord(t, o, damagedLog)
	o.Reserve = 1 << 50
	s = mustOpen(t, o)
	for range 2 {
		got, err := listOf(s, "s")
		if !errors.Is(err, store.ErrDamaged) || !aBlock(absent(got, documents), 700) {
			t.Errorf("List: %v, without %v; want a block around 700", err, absent(got, documents))
		}
		visited, err := readAll(t, s, damagedLog)
		if n := documents - len(visited); !errors.Is(err, store.ErrDamaged) || n == 0 || n > 150 {
			t.Errorf("Read: %v, without %d entries", err, n)
		}
		for pos := store.Position(1); pos <= documents; pos++ {
			_, err := s.ReadAt(damagedLog, pos)
			if slices.Contains(visited, pos) != (err == nil) || err != nil && !errors.Is(err, store.ErrDamaged) {
				t.Fatalf("ReadAt(%d): %v; Read visits it: %v", pos, err, slices.Contains(visited, pos))
			}
		}
		if d := s.Damaged(); len(d) != 2 {
			t.Errorf("Damaged = %+v, want two", d)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	o.Reserve = 0
	s = mustOpen(t, o) // there is space again
	defer s.Close()
	for range 2 {
		_, _ = listOf(s, "s")
		_, _ = readAll(t, s, damagedLog)
	}
	if got, err := listOf(s, "s"); err != nil || !aBlock(absent(got, documents), 700) {
		t.Errorf("with space, List: %v, without %v", err, absent(got, documents))
	}
	if d := s.Damaged(); len(d) != 2 {
		t.Errorf("with space, Damaged = %+v, want two", d)
	}
}

// flipRecord spoils a block in the midst of the records of a log.
func flipRecord(t testing.TB, o Options, id store.LogID) {
	t.Helper()
	s := mustOpen(t, o)
	it, err := s.db.NewIter(logBounds(id))
	if err != nil {
		t.Fatal(err)
	}
	it.SeekGE(appendPosition(nil, logSpace, id, documents/2))
	key := bytes.Clone(it.Key())
	if err := errors.Join(it.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	spoilBlocks(t, o, key)
}
