package pebble

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"gridmq/store"
)

const logEntries = 1000

// aLog is a closed store with the entries of damagedLog in its tables, one a
// record.
func aLog(t testing.TB) Options {
	o := onDisk(t)
	s := mustOpen(t, o)
	for i := range logEntries {
		b := store.Batch{Log: damagedLog, Entries: [][]byte{payloadOf(i)}}
		if _, err := s.Commit(t.Context(), &b); err != nil {
			t.Fatalf("Commit: %v", err)
		}
	}
	closeFlushed(t, s)
	return o
}

// readAll returns the positions that Read visits.
func readAll(t testing.TB, s *Store, id store.LogID) (got []store.Position, err error) {
	t.Helper()
	err = s.Read(id, 1, func(pos store.Position, e []byte) bool {
		got = append(got, pos)
		return true
	})
	if err != nil && !errors.Is(err, store.ErrDamaged) {
		t.Fatalf("Read: %v", err)
	}
	return got, err
}

// mustAppend appends an entry, which must come behind last.
func mustAppend(t testing.TB, s *Store, id store.LogID, last store.Position) store.Position {
	t.Helper()
	b := store.Batch{Log: id, Entries: [][]byte{[]byte("next")}}
	pos, err := s.Commit(t.Context(), &b)
	if err != nil || pos <= last {
		t.Fatalf("Commit to %v: at %d, %v; want a position above %d", id, pos, err, last)
	}
	if e, err := s.ReadAt(id, pos); err != nil || string(e) != "next" {
		t.Errorf("ReadAt(%d) of %v: %q, %v", pos, id, e, err)
	}
	return pos
}

// TestOpenWithBadEdges damages the first or the last block of a log: the store is
// opened, knows where the log ended, and serves the rest.
func TestOpenWithBadEdges(t *testing.T) {
	tests := map[string][]store.Position{
		"first":         {1},
		"last":          {logEntries},
		"both":          {1, logEntries},
		"three at last": {logEntries, logEntries - 64, logEntries - 128},
	}
	for name, spoiled := range tests {
		t.Run(name, func(t *testing.T) {
			o := aLog(t)
			for _, pos := range spoiled {
				spoilBlocks(t, o, appendRecord(nil, damagedLog, pos, 1))
			}
			s := mustOpen(t, o)
			defer func() { s.Close() }()
			var lost int
			for _, when := range []string{"at first", "after a restart"} {
				if _, last := s.Bounds(damagedLog); last != logEntries {
					t.Errorf("%s, the log ends at %d, want %d", when, last, logEntries)
				}
				got, err := readAll(t, s, damagedLog)
				if !errors.Is(err, store.ErrDamaged) {
					t.Errorf("%s, Read: %v, want ErrDamaged", when, err)
				}
				if n := logEntries - len(got); n == 0 || n > 64*len(spoiled) || lost != 0 && lost != n {
					t.Errorf("%s, %d entries are lost, before %d", when, n, lost)
				} else {
					lost = n
				}
				for _, pos := range spoiled {
					if _, err := s.ReadAt(damagedLog, pos); !errors.Is(err, store.ErrDamaged) {
						t.Errorf("%s, ReadAt(%d): %v, want ErrDamaged", when, pos, err)
					}
				}
				if d := s.Damaged(); len(d) == 0 || len(d) > len(spoiled) || d[0].Log != damagedLog {
					t.Errorf("%s, Damaged = %+v", when, d)
				}
				s = reopen(t, s).(*Store)
			}
			if pos := mustAppend(t, s, damagedLog, logEntries); pos != logEntries+1 {
				t.Errorf("the next entry is at %d, want %d", pos, logEntries+1)
			}
			if err := s.db.Compact(t.Context(), []byte("a"), []byte("z"), false); err != nil {
				t.Errorf("Compact: %v", err)
			}
		})
	}
}

func shared(i int) store.LogID { return store.LogID{Namespace: fmt.Sprintf("ns%03d", i)} }

// TestOpenWithManyLogsInBlock damages a block with whole logs in it: nothing but
// their names is known of some of them.
func TestOpenWithManyLogsInBlock(t *testing.T) {
	const logs = 200
	o := onDisk(t)
	s := mustOpen(t, o)
	ends, written := map[int]store.Position{}, map[int]int{}
	fill := func() {
		for round := range 3 {
			for i := range logs {
				b := store.Batch{Log: shared(i), Entries: [][]byte{payloadOf(i), payloadOf(round)}}
				first, err := s.Commit(t.Context(), &b)
				if err != nil {
					t.Fatalf("Commit: %v", err)
				}
				ends[i] = first + 1
				written[i] += 2
			}
		}
		if err := s.Truncate(shared(100), 1, ends[100]+1); err != nil {
			t.Fatalf("Truncate: %v", err)
		}
	}
	fill()
	closeFlushed(t, s)
	for round := range 3 { // again and again: never the same positions
		spoilBlocks(t, o, appendRecord(nil, shared(90), ends[90]-1, 2))
		s = mustOpen(t, o)
		if d := s.Damaged(); len(d) < round+1 {
			t.Errorf("round %d, Damaged = %+v", round, d)
		}
		whole := 0
		for i := range logs {
			_, last := s.Bounds(shared(i))
			if last < ends[i] {
				t.Errorf("round %d, log %d ends at %d, before at %d", round, i, last, ends[i])
			}
			got, err := readAll(t, s, shared(i))
			if err == nil && len(got) == written[i] {
				whole++
			}
			if last > ends[i] { // nobody wrote that
				for _, pos := range []store.Position{ends[i] + 1, last - 1, last} {
					if _, err := s.ReadAt(shared(i), pos); !errors.Is(err, store.ErrNotFound) {
						t.Errorf("round %d, ReadAt(%d) of log %d, which ended at %d: %v, want ErrNotFound", round, pos, i, ends[i], err)
					}
				}
			}
		}
		if whole < logs-30*(round+1) {
			t.Errorf("round %d, only %d of %d logs are whole", round, whole, logs)
		}
		fill()
		for i := range logs {
			ends[i] = mustAppend(t, s, shared(i), ends[i])
			written[i]++
		}
		b := store.Batch{Log: shared(90), Entries: [][]byte{payloadOf(1), payloadOf(2)}}
		first, err := s.Commit(t.Context(), &b)
		if err != nil {
			t.Fatal(err)
		}
		ends[90] = first + 1
		closeFlushed(t, s)
	}
}

// TestOpenWithBadHoles damages the block of the holes, of which one is all that is
// left of a log.
func TestOpenWithBadHoles(t *testing.T) {
	for _, how := range []string{"block", "value"} {
		t.Run(how, func(t *testing.T) {
			o := onDisk(t)
			s := mustOpen(t, o)
			var want []store.Position
			for i := range store.Position(100) {
				for k := range 2 {
					b := store.Batch{Log: shared(k), Entries: [][]byte{payloadOf(int(i))}}
					if _, err := s.Commit(t.Context(), &b); err != nil {
						t.Fatalf("Commit: %v", err)
					}
				}
				if i >= 50 {
					want = append(want, i+1)
				}
			}
			if err := errors.Join(s.Truncate(shared(0), 1, 101), s.Truncate(shared(1), 1, 51)); err != nil {
				t.Fatalf("Truncate: %v", err)
			}
			hole := appendPosition(nil, holeSpace, shared(0), 1)
			if how == "value" {
				syncAll(t, s)
				for i := range 2 {
					spoil(t, s, appendPosition(nil, holeSpace, shared(i), 1), func(v []byte) []byte { v[3] ^= 1; return v })
				}
			}
			closeFlushed(t, s)
			if how == "block" {
				spoilBlocks(t, o, hole)
			}
			s = mustOpen(t, o)
			defer func() { s.Close() }()
			for _, when := range []string{"at first", "after a restart"} {
				for i := range 2 {
					if _, last := s.Bounds(shared(i)); last < 100 {
						t.Errorf("%s, log %d ends at %d, want 100 or more", when, i, last)
					}
				}
				got, err := readAll(t, s, shared(1))
				if err != nil || !slices.Equal(got, want) {
					t.Errorf("%s, Read visits %v, %v; want %v", when, got, err, want)
				}
				if got, err := readAll(t, s, shared(0)); err != nil || len(got) > 0 {
					t.Errorf("%s, Read of what is truncated visits %v, %v", when, got, err)
				}
				if len(s.Damaged()) == 0 {
					t.Errorf("%s, nothing is said to be damaged", when)
				}
				s = reopen(t, s).(*Store)
			}
			mustAppend(t, s, shared(0), 100)
			last := mustAppend(t, s, shared(1), 100)
			if err := s.Truncate(shared(1), 60, last); err != nil { // across all that nobody wrote
				t.Errorf("Truncate: %v", err)
			}
			syncAll(t, s)
			if got, err := readAll(t, s, shared(1)); err != nil || !slices.Equal(got, append(want[:9:9], last)) {
				t.Errorf("Read after a truncation visits %v, %v", got, err)
			}
		})
	}
}

// TestLostLeap loses the hole of a leap, and then a record in front of it.
func TestLostLeap(t *testing.T) {
	o := aLog(t)
	s := mustOpen(t, o)
	s.ask(func(w *writer) { // as if its end had been lost
		x := stretch{from: appendPosition(nil, logSpace, damagedLog, logEntries+1), to: []byte{logSpace + 1}, cause: errCRC}
		w.note(w.b.Set(x.note(), quarantined("lost", x.to), nil))
	})
	syncAll(t, s)
	s = reopen(t, s).(*Store)
	last := mustAppend(t, s, damagedLog, logEntries+leap)
	closeFlushed(t, s)
	spoilBlocks(t, o, appendPosition(nil, holeSpace, damagedLog, logEntries+1))
	spoilBlocks(t, o, appendRecord(nil, damagedLog, logEntries, 1))
	s = mustOpen(t, o)
	defer func() { s.Close() }()
	for range 2 {
		got, err := readAll(t, s, damagedLog)
		if n := logEntries + 1 - len(got); n == 0 || n > 64 || got[len(got)-1] != last {
			t.Errorf("Read is without %d entries, %v", n, err)
		}
		if _, err := s.ReadAt(damagedLog, logEntries+leap/2); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("ReadAt of what nobody wrote: %v, want ErrNotFound", err)
		}
		if d := s.Damaged(); len(d) > 8 {
			t.Errorf("Damaged = %+v, want few", d)
		}
		s = reopen(t, s).(*Store)
	}
	mustAppend(t, s, damagedLog, last)
}

// TestOpenWithBadQuarantine damages the record of what was set aside, which alone
// says how far a log reached.
func TestOpenWithBadQuarantine(t *testing.T) {
	o := aLog(t)
	spoilBlocks(t, o, appendRecord(nil, damagedLog, logEntries, 1))
	s := mustOpen(t, o)
	if _, last := s.Bounds(damagedLog); last != logEntries {
		t.Fatalf("the log ends at %d, want %d", last, logEntries)
	}
	d := s.Damaged()
	closeFlushed(t, s)
	spoilBlocks(t, o, append([]byte{quarantineSpace}, d[0].Key...))
	s = mustOpen(t, o)
	defer s.Close()
	if _, last := s.Bounds(damagedLog); last < logEntries {
		t.Errorf("the log ends at %d, want %d or more", last, logEntries)
	}
	if len(s.Damaged()) == 0 {
		t.Errorf("nothing is said to be damaged")
	}
	mustAppend(t, s, damagedLog, logEntries)
}

// TestOpenWithBadFigures damages the numbers that a start needs.
func TestOpenWithBadFigures(t *testing.T) {
	changes := map[string]func(t *testing.T, s *Store, key []byte){
		"damaged": func(t *testing.T, s *Store, key []byte) {
			spoil(t, s, key, func(v []byte) []byte { v[2] ^= 1; return v })
		},
		"gone": func(t *testing.T, s *Store, key []byte) {
			if err := s.db.Delete(key, pebble.Sync); err != nil {
				t.Fatal(err)
			}
		},
	}
	for name, change := range changes {
		for _, key := range [][]byte{formatKey, startsKey, revisionKey} {
			t.Run(name+" "+string(key), func(t *testing.T) {
				s := threeRecords(t, vfs.NewMem())
				defer func() { s.Close() }()
				before, err := s.Get([]byte("doc/2"))
				if err != nil {
					t.Fatal(err)
				}
				epoch, err := s.Lease().Acquire(t.Context(), "x", 0)
				if err != nil {
					t.Fatal(err)
				}
				change(t, s, key)
				s = reopen(t, s).(*Store)
				if d := s.Damaged(); name == "damaged" && (len(d) != 1 || string(d[0].Key) != string(key)) {
					t.Errorf("Damaged = %+v, want %q", d, key)
				}
				for range 2 {
					if got := readable(t, s); strings.Join(got, "") != "123456789" {
						t.Errorf("ReadAt says %v", got)
					}
					var b store.Batch
					b.Put([]byte("doc/3"), []byte("x"))
					if _, err := s.Commit(t.Context(), &b); err != nil {
						t.Fatal(err)
					}
					after, err := s.Get([]byte("doc/3"))
					if err != nil || after.Revision <= before.Revision {
						t.Errorf("revision %d after %d, %v", after.Revision, before.Revision, err)
					}
					now, err := s.Lease().Acquire(t.Context(), "x", 0)
					if err != nil || now <= epoch {
						t.Errorf("epoch %d after %d, %v", now, epoch, err)
					}
					before, epoch = after, now
					s = reopen(t, s).(*Store)
				}
			})
		}
	}
}

// TestOpenWithBadFigureBlock loses the block of all numbers.
func TestOpenWithBadFigureBlock(t *testing.T) {
	o := manyDocuments(t)
	spoilBlocks(t, o, formatKey)
	s := mustOpen(t, o)
	defer func() { s.Close() }()
	var b store.Batch
	b.Put([]byte("new"), []byte("x"))
	if _, err := s.Commit(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	if d, err := s.Get([]byte("new")); err != nil || d.Revision <= 2*documents {
		t.Errorf("revision %d, %v; want one above %d", d.Revision, err, 2*documents)
	}
	s = reopen(t, s).(*Store)
	if got, err := listOf(s, "u"); err != nil || len(got) != documents {
		t.Errorf("List: %d documents, %v", len(got), err)
	}
}

// TestFiguresWrittenAgain cuts the numbers, the holes and what was set aside out of
// the tables of a store that is open: it knows them all.
func TestFiguresWrittenAgain(t *testing.T) {
	o := onDisk(t)
	s := mustOpen(t, o)
	defer func() { s.Close() }()
	for i := range 100 {
		b := store.Batch{Log: damagedLog, Entries: [][]byte{payloadOf(i)}}
		b.Put(documentKey("s", i), nil)
		if _, err := s.Commit(t.Context(), &b); err != nil {
			t.Fatal(err)
		}
	}
	spoil(t, s, appendDocument(nil, documentKey("s", 3)), func(v []byte) []byte { v[0]++; return v })
	_, _ = s.Get(documentKey("s", 3))
	if err := s.Truncate(damagedLog, 1, 101); err != nil {
		t.Fatal(err)
	}
	syncAll(t, s)
	if err := s.db.Flush(); err != nil {
		t.Fatal(err)
	}
	for _, key := range [][]byte{formatKey, appendPosition(nil, holeSpace, damagedLog, 1)} {
		spoilBlocks(t, o, key)
	}
	for _, path := range tablesOf(t, o) {
		x, _ := s.mends.begin(path)
		s.askMend(path, x)
	}
	syncAll(t, s)
	starts := s.starts
	s = reopen(t, s).(*Store)
	if s.starts != starts+1 {
		t.Errorf("this is start %d, want %d", s.starts, starts+1)
	}
	if first, last := s.Bounds(damagedLog); first != 101 || last != 100 {
		t.Errorf("Bounds = %d, %d; want 101, 100", first, last)
	}
	var b store.Batch
	b.Put([]byte("new"), nil)
	if _, err := s.Commit(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	if d, err := s.Get([]byte("new")); err != nil || d.Revision != 101 {
		t.Errorf("revision %d, %v; want 101", d.Revision, err)
	}
	if !slices.ContainsFunc(s.Damaged(), func(d store.Damage) bool { return string(d.Key) == "t"+string(documentKey("s", 3)) }) {
		t.Errorf("Damaged = %+v, without what was set aside before", s.Damaged())
	}
}

// TestCutWithoutAccount is a power cut just after an unreadable block was cut out:
// the next start knows that the log reached further.
func TestCutWithoutAccount(t *testing.T) {
	o := aLog(t)
	s := mustOpen(t, o)
	defer func() { s.Close() }()
	spoilBlocks(t, o, appendRecord(nil, damagedLog, logEntries, 1))
	s.ask(func(*writer) {
		for _, path := range tablesOf(t, o) {
			if _, err := s.cutTable(path); err != nil {
				t.Errorf("cutTable: %v", err)
			}
		}
	})
	syncAll(t, s)
	s = reopen(t, s).(*Store)
	if _, last := s.Bounds(damagedLog); last != logEntries {
		t.Errorf("the log ends at %d, want %d", last, logEntries)
	}
	if d := s.Damaged(); len(d) != 1 || d[0].Log != damagedLog {
		t.Errorf("Damaged = %+v, want one", d)
	}
	mustAppend(t, s, damagedLog, logEntries)
}

// TestFormats opens stores of other formats.
func TestFormats(t *testing.T) {
	write := func(value []byte) func(t *testing.T, s *Store) {
		return func(t *testing.T, s *Store) {
			if err := s.db.Set(formatKey, value, pebble.Sync); err != nil {
				t.Fatal(err)
			}
		}
	}
	newVersion := number(formatKey, 1)
	newVersion[0]++
	seal(formatKey, newVersion)
	damaged := number(formatKey, format)
	damaged[3] ^= 1
	tests := map[string]struct {
		change func(*testing.T, *Store)
		want   string
	}{
		"newer":         {write(number(formatKey, format+1)), "use a newer gridmq"},
		"older":         {write(number(formatKey, format-1)), "use the gridmq that wrote it"},
		"newer version": {write(newVersion), "use a newer gridmq"},
		"nothing known": {func(t *testing.T, s *Store) {
			write(damaged)(t, s)
			for _, space := range []byte{firstNameSpace, holeSpace, logSpace, nameSpace, tableSpace} {
				if err := s.db.DeleteRange([]byte{space}, []byte{space + 1}, pebble.Sync); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.db.Set([]byte("tsomething"), []byte("else"), pebble.Sync); err != nil {
				t.Fatal(err)
			}
		}, "damaged"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := threeRecords(t, vfs.NewMem())
			test.change(t, s)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s, err := Open(s.options)
			if err == nil {
				s.Close()
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Open: %v, want %q", err, test.want)
			}
		})
	}
}

// TestShortKeys puts keys that are none among the records.
func TestShortKeys(t *testing.T) {
	s := threeRecords(t, vfs.NewMem())
	defer func() { s.Close() }()
	for _, key := range []string{"l", "l\x00", "l\x00\x01a", "l\xff\xffa", string(appendPosition(nil, logSpace, damagedLog, 5)), "lzzzzzzzzzzzzzzzzzzzz"} {
		if first, count := parsePlace([]byte(key)); first != 0 || count != 0 {
			t.Errorf("parsePlace(%q) = %d, %d", key, first, count)
		}
		if err := s.db.Set([]byte(key), []byte("x"), pebble.Sync); err != nil {
			t.Fatal(err)
		}
	}
	tooMany := binary.BigEndian.AppendUint32(appendPosition(nil, logSpace, damagedLog, 5), 6)
	if _, _, _, ok := parseRecord(tooMany); ok {
		t.Errorf("a record has more entries than positions")
	}
	_, err := readAll(t, s, damagedLog)
	s = reopen(t, s).(*Store)
	got, err2 := readAll(t, s, damagedLog)
	if len(got) != 9 || err2 != nil {
		t.Errorf("Read visits %v: %v, then %v", got, err, err2)
	}
	if n := len(s.Damaged()); n != 6 {
		t.Errorf("%d damages, want 6: %+v", n, s.Damaged())
	}
}

func TestLongNamespace(t *testing.T) {
	s := threeRecords(t, vfs.NewMem())
	defer s.Close()
	id := store.LogID{Namespace: strings.Repeat("x", 1<<16+1)}
	b := store.Batch{Log: id, Entries: [][]byte{nil}}
	if _, _, err := s.Submit(&b); err == nil {
		t.Errorf("Submit to a log of 65,537 bytes was accepted")
	}
	b.Fences = []store.Fence{{Key: []byte("none")}}
	if _, err := s.Commit(t.Context(), &b); err == nil {
		t.Errorf("Commit to a log of 65,537 bytes was accepted")
	}
	if err := s.Truncate(id, 1, 2); err != nil {
		t.Errorf("Truncate: %v", err)
	}
	b.Log.Namespace = b.Log.Namespace[:1<<16-1]
	if _, err := s.Commit(t.Context(), &b); err != nil {
		t.Errorf("Commit to a log of 65,535 bytes: %v", err)
	}
}

// TestDamagedAgain damages a document that was written anew after it had been
// damaged.
func TestDamagedAgain(t *testing.T) {
	s := threeRecords(t, vfs.NewMem())
	defer func() { s.Close() }()
	for i := range 3 {
		spoil(t, s, []byte("tdoc/1"), func(v []byte) []byte { v[docHead] ^= 1; return v })
		for range 2 {
			if _, err := s.Get([]byte("doc/1")); !errors.Is(err, store.ErrDamaged) && !errors.Is(err, store.ErrNotFound) {
				t.Errorf("round %d, Get: %v", i, err)
			}
		}
		syncAll(t, s)
		if _, err := s.Get([]byte("doc/1")); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("round %d, Get after it was set aside: %v, want ErrNotFound", i, err)
		}
		if n := s.Stats().Damaged; n != uint64(i+1) {
			t.Errorf("round %d, %d damaged", i, n)
		}
		var b store.Batch
		b.Put([]byte("doc/1"), []byte("again"))
		if _, err := s.Commit(t.Context(), &b); err != nil {
			t.Fatal(err)
		}
		if i == 1 {
			s = reopen(t, s).(*Store)
			if n := s.Stats().Damaged; n != 1 {
				t.Errorf("after a restart %d damaged, want the newest", n)
			}
			break
		}
	}
}

// TestClearDamage looks at what was set aside, and is done with it.
func TestClearDamage(t *testing.T) {
	o := aLog(t)
	spoilBlocks(t, o, appendRecord(nil, damagedLog, 500, 1))
	spoilBlocks(t, o, appendRecord(nil, damagedLog, logEntries, 1))
	s := mustOpen(t, o)
	defer func() { s.Close() }()
	var b store.Batch
	b.Put([]byte("doc"), []byte("value"))
	if _, err := s.Commit(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	spoil(t, s, []byte("tdoc"), func(v []byte) []byte { v[docHead] ^= 1; return v })
	_, _ = s.Get([]byte("doc"))
	want, err := readAll(t, s, damagedLog)
	if !errors.Is(err, store.ErrDamaged) || len(s.Damaged()) != 3 {
		t.Fatalf("Read: %v, Damaged = %+v, want three", err, s.Damaged())
	}
	if err := s.ClearDamage(); err != nil {
		t.Fatalf("ClearDamage: %v", err)
	}
	for _, when := range []string{"at once", "after a restart"} {
		if d := s.Damaged(); len(d) != 0 || s.Stats().Damaged != 0 {
			t.Errorf("%s, Damaged = %+v, want none", when, d)
		}
		if got, err := readAll(t, s, damagedLog); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s, Read visits %d entries, %v; want %d", when, len(got), err, len(want))
		}
		if _, err := s.ReadAt(damagedLog, logEntries); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s, ReadAt of what is lost: %v, want ErrNotFound", when, err)
		}
		if _, last := s.Bounds(damagedLog); last != logEntries {
			t.Errorf("%s, the log ends at %d, want %d", when, last, logEntries)
		}
		s = reopen(t, s).(*Store)
	}
	mustAppend(t, s, damagedLog, logEntries)
}
