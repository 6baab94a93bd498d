package pebble

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"gridmq/store"
	"gridmq/store/internal/commit"
	"gridmq/store/storetest"
)

var damagedLog = store.LogID{Namespace: "a", Partition: 3}

// threeRecords is a store with the entries 1 to 9 in three records.
func threeRecords(t *testing.T, fs vfs.FS) *Store {
	t.Helper()
	o := small
	o.FS = fs
	s := mustOpen(t, o)
	for i := range 3 {
		b := store.Batch{Log: damagedLog}
		for k := range 3 {
			b.Entries = append(b.Entries, fmt.Append(nil, 3*i+k+1))
		}
		b.Put(fmt.Appendf(nil, "doc/%d", i), []byte("value"))
		if _, err := s.Commit(t.Context(), &b); err != nil {
			t.Fatalf("Commit: %v", err)
		}
	}
	return s
}

// spoil changes a value behind the store's back.
func spoil(t *testing.T, s *Store, key []byte, change func(value []byte) []byte) {
	t.Helper()
	value, closer, err := s.db.Get(key)
	if err != nil {
		t.Fatalf("Get(%q): %v", key, err)
	}
	value = change(slices.Clone(value))
	closer.Close()
	if err := s.db.Set(key, value, pebble.Sync); err != nil {
		t.Fatalf("Set(%q): %v", key, err)
	}
}

// readable is what ReadAt says of the positions 1 to 9: an entry, or "-" for
// ErrDamaged.
func readable(t *testing.T, s *Store) (got []string) {
	t.Helper()
	for pos := range store.Position(9) {
		e, err := s.ReadAt(damagedLog, pos+1)
		switch {
		case errors.Is(err, store.ErrDamaged):
			got = append(got, "-")
		case err != nil:
			t.Fatalf("ReadAt(%d): %v", pos+1, err)
		default:
			got = append(got, string(e))
		}
	}
	return got
}

// TestDamagedRecord damages the middle one of three records, in all ways that a
// checksum or a version tells.
func TestDamagedRecord(t *testing.T) {
	key := appendRecord(nil, damagedLog, 4, 3)
	changes := map[string]func([]byte) []byte{
		"a bit":          func(v []byte) []byte { v[len(v)/2] ^= 1; return v },
		"cut short":      func(v []byte) []byte { return v[:len(v)-1] },
		"empty":          func([]byte) []byte { return nil },
		"another record": func([]byte) []byte { return encoded(7, "7", "8", "9") },
		"new version": func(v []byte) []byte {
			v[0]++
			seal(key, v)
			return v
		},
		"wrong ends": func(v []byte) []byte {
			v[recordHead] = 200
			seal(key, v)
			return v
		},
	}
	want := []string{"1", "2", "3", "-", "-", "-", "7", "8", "9"}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			fs := vfs.NewMem()
			s := threeRecords(t, fs)
			defer func() { s.Close() }()
			spoil(t, s, key, change)
			if got := readable(t, s); !slices.Equal(got, want) {
				t.Errorf("ReadAt says %v, want %v", got, want)
			}
			listed := func(when string) {
				t.Helper()
				d := s.Damaged()
				if len(d) != 1 || d[0].Log != damagedLog || d[0].First != 4 || string(d[0].Key) != string(key) || d[0].Reason == "" {
					t.Errorf("%s, Damaged = %+v, want one at 4 of %v", when, d, damagedLog)
				}
				if n := s.Stats().Damaged; n != 1 {
					t.Errorf("%s, %d damaged, want 1", when, n)
				}
				var seen []string
				err := s.Read(damagedLog, 1, func(_ store.Position, e []byte) bool { seen = append(seen, string(e)); return true })
				if !errors.Is(err, store.ErrDamaged) || strings.Join(seen, "") != "123789" {
					t.Errorf("%s, Read visits %v, %v, want the others and ErrDamaged", when, seen, err)
				}
			}
			listed("when found")
			syncAll(t, s)
			if _, _, err := s.db.Get(key); !errors.Is(err, pebble.ErrNotFound) {
				t.Errorf("the record is still in its place: %v", err)
			}
			kept, closer, err := s.db.Get(append([]byte{quarantineSpace}, key...))
			if err != nil || len(kept) < 3 {
				t.Fatalf("quarantine holds %q, %v", kept, err)
			}
			closer.Close()
			listed("when set aside")

			s = reopen(t, s).(*Store)
			listed("after a restart")
			if got := readable(t, s); !slices.Equal(got, want) {
				t.Errorf("after a restart ReadAt says %v, want %v", got, want)
			}
			if first, _ := s.Bounds(damagedLog); first != 1 {
				t.Errorf("Bounds begin at %d, want 1", first)
			}
			// Truncating what is lost is how one gets over it.
			if err := s.Truncate(damagedLog, 1, 7); err != nil {
				t.Fatalf("Truncate: %v", err)
			}
			syncAll(t, s)
			if err := s.Read(damagedLog, 1, func(store.Position, []byte) bool { return true }); err != nil {
				t.Errorf("Read of what is left: %v", err)
			}
		})
	}
}

// encoded is the value of a record.
func encoded(first store.Position, entries ...string) []byte {
	p := commit.Part{First: first}
	for _, e := range entries {
		p.Data = append(p.Data, e...)
		p.Ends = append(p.Ends, uint32(len(p.Data)))
	}
	s := next(&p, 0)
	v := make([]byte, s.size())
	s.encode(appendRecord(nil, damagedLog, first, len(entries)), v)
	return v
}

func syncAll(t *testing.T, s *Store) {
	t.Helper()
	if _, err := s.Commit(t.Context(), &store.Batch{Log: store.LogID{Namespace: "other"}, Entries: [][]byte{nil}}); err != nil {
		t.Fatalf("Commit: %v", err) // in a group after what was queued before
	}
}

func TestDamagedDocument(t *testing.T) {
	s := threeRecords(t, vfs.NewMem())
	defer func() { s.Close() }()
	spoil(t, s, []byte("tdoc/1"), func(v []byte) []byte { v[docHead] ^= 1; return v })
	var keys []string
	list := func() error {
		keys = nil
		return s.List([]byte("doc/"), nil, func(d store.Document) bool { keys = append(keys, string(d.Key)); return true })
	}
	if err := list(); !errors.Is(err, store.ErrDamaged) || !slices.Equal(keys, []string{"doc/0", "doc/2"}) {
		t.Errorf("List visits %v, %v, want the others and ErrDamaged", keys, err)
	}
	if _, err := s.Get([]byte("doc/0")); err != nil {
		t.Errorf("Get of a neighbour: %v", err)
	}
	syncAll(t, s)
	s = reopen(t, s).(*Store)
	if d := s.Damaged(); len(d) != 1 || string(d[0].Key) != "tdoc/1" || s.Stats().Damaged != 1 {
		t.Errorf("after a restart Damaged = %+v", d)
	}
	if _, err := s.Get([]byte("doc/1")); !errors.Is(err, store.ErrNotFound) { // it may be written anew
		t.Errorf("Get after it was set aside: %v, want ErrNotFound", err)
	}
	b := store.Batch{Fences: []store.Fence{{Key: []byte("doc/1")}}}
	b.Put([]byte("doc/1"), []byte("new"))
	if _, err := s.Commit(t.Context(), &b); err != nil {
		t.Errorf("Commit of it anew: %v", err)
	}
	if err := list(); err != nil || len(keys) != 3 {
		t.Errorf("List visits %v, %v, want three", keys, err)
	}
}

// TestDamagedLog: a stop leaves nothing in Pebble's write-ahead log, whose end nobody can
// tell from a write that was cut off. Wherever a bit of it flips, all documents are there.
func TestDamagedLog(t *testing.T) {
	o := onDisk(t)
	s := mustOpen(t, o)
	const docs = 20
	for i := range docs {
		var b store.Batch
		b.Put(fmt.Append(nil, "doc-", i), payloadOf(i))
		if _, _, err := s.Submit(&b); err != nil {
			t.Fatalf("Submit: %v", err)
		}
	}
	if err := errors.Join(s.Sync(t.Context()), s.Close()); err != nil {
		t.Fatal(err)
	}
	logs, err := filepath.Glob(filepath.Join(o.Dir, "*.log"))
	if err != nil || len(logs) == 0 {
		t.Fatalf("no logs in %s: %v", o.Dir, err)
	}
	for _, log := range logs {
		whole, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		for at := 0; at < len(whole); at += 1 + len(whole)/16 {
			again := o
			again.Dir = filepath.Join(t.TempDir(), "data")
			if err := os.CopyFS(again.Dir, os.DirFS(o.Dir)); err != nil {
				t.Fatal(err)
			}
			spoiled := slices.Clone(whole)
			spoiled[at] ^= 1
			if err := os.WriteFile(filepath.Join(again.Dir, filepath.Base(log)), spoiled, 0o600); err != nil {
				t.Fatal(err)
			}
			s := mustOpen(t, again)
			for i := range docs {
				if v, err := s.Get(fmt.Append(nil, "doc-", i)); err != nil || !bytes.Equal(v.Value, payloadOf(i)) {
					t.Errorf("byte %d of %s: document %d: %v", at, filepath.Base(log), i, err)
				}
			}
			if err := s.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		}
	}
}

// TestDamagedFile flips a bit in the middle of each table on the disk: Pebble
// cannot say then which record it was.
func TestDamagedFile(t *testing.T) {
	const entries = 2000
	o := Options{Dir: filepath.Join(t.TempDir(), "data"), MemTableBytes: 256 << 10, Logger: slog.New(slog.NewTextHandler(os.Stderr, nil))}
	s := mustOpen(t, o)
	defer func() { s.Close() }()
	for i := range entries {
		b := store.Batch{Log: damagedLog, Entries: [][]byte{payloadOf(i)}}
		if _, _, err := s.Submit(&b); err != nil {
			t.Fatalf("Submit: %v", err)
		}
	}
	if err := s.Sync(t.Context()); err != nil {
		t.Fatalf("Sync: %v", err)
	}
	if err := s.db.Flush(); err != nil {
		t.Fatalf("Flush: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	tables, _ := filepath.Glob(filepath.Join(o.Dir, "*.sst"))
	spoiled := 0
	for _, name := range tables {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if len(b) < 64<<10 {
			continue // not one of records
		}
		b[len(b)/2] ^= 1
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		spoiled++
	}
	if spoiled == 0 {
		t.Fatalf("no table of records in %v", tables)
	}

	var lost []store.Position
	for round := range 3 { // found, found again, after a restart
		if round != 1 {
			s = mustOpen(t, o)
		}
		visited := map[store.Position]bool{}
		err := s.Read(damagedLog, 1, func(pos store.Position, e []byte) bool {
			if string(e) != string(payloadOf(int(pos)-1)) {
				t.Errorf("entry %d is not what was written", pos)
			}
			visited[pos] = true
			return true
		})
		if !errors.Is(err, store.ErrDamaged) {
			t.Errorf("Read: %v, want ErrDamaged", err)
		}
		var now []store.Position
		for pos := store.Position(1); pos <= entries; pos++ {
			_, err := s.ReadAt(damagedLog, pos)
			if visited[pos] != (err == nil) || err != nil && !errors.Is(err, store.ErrDamaged) {
				t.Fatalf("Read visits %d: %v; ReadAt says %v", pos, visited[pos], err)
			}
			if err != nil {
				now = append(now, pos)
			}
		}
		if round == 0 {
			lost = now
			t.Logf("%d of %d entries lost with %d blocks", len(lost), entries, spoiled)
			if len(lost) == 0 || len(lost) > spoiled*maxRecord/100 {
				t.Errorf("%d of %d entries are lost with %d blocks", len(lost), entries, spoiled)
			}
		}
		if !slices.Equal(lost, now) {
			t.Errorf("lost %v, and later %v", lost, now)
		}
		d := s.Damaged()
		if len(d) != spoiled || s.Stats().Damaged != uint64(spoiled) || d[0].First != lost[0] || d[0].Log != damagedLog {
			t.Errorf("round %d: Damaged = %+v, %d counted, want %d, the first at %d", round, d, s.Stats().Damaged, spoiled, lost[0])
		}
		syncAll(t, s)
		if round != 0 {
			if err := s.Close(); err != nil {
				t.Fatalf("Close: %v", err)
			}
		}
	}
	s = mustOpen(t, o)
	if err := s.Truncate(damagedLog, 1, entries+1); err != nil {
		t.Fatalf("Truncate: %v", err)
	}
	syncAll(t, s)
	storetest.Eventually(t, "the damaged tables are gone", func() bool {
		left, _ := filepath.Glob(filepath.Join(o.Dir, "*.sst"))
		return !slices.ContainsFunc(left, func(name string) bool { return slices.Contains(tables, name) && large(name) })
	})
	if err := s.Read(damagedLog, 1, func(store.Position, []byte) bool { return true }); err != nil {
		t.Errorf("Read of an empty log: %v", err)
	}
}

func large(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Size() >= 64<<10
}

// payloadOf does not compress.
func payloadOf(i int) []byte { return (&press{}).entry(uint64(i))[:250] }
