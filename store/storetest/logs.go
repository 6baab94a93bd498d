package storetest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"gridmq/store"
)

func testPositions(t *testing.T, s store.Store) {
	if first, last := s.Bounds(logA); first <= last {
		t.Errorf("Bounds of a log never written = %d, %d, want it empty", first, last)
	}
	want := store.Position(1)
	for n := range 50 {
		entries := slices.Repeat([]string{"x"}, n%4)
		first, _ := submit(t, s, logA, entries...)
		if len(entries) == 0 {
			if first != 0 {
				t.Fatalf("Submit without entries = position %d, want 0", first)
			}
			continue
		}
		if first != want {
			t.Fatalf("Submit %d = position %d, want %d", n, first, want)
		}
		want += store.Position(len(entries))
		if first, last := s.Bounds(logA); first != 1 || last != want-1 {
			t.Fatalf("Bounds = %d, %d, want 1, %d", first, last, want-1)
		}
	}
}

func testConcurrentPositions(t *testing.T, s store.Store) {
	const workers, each = 8, 200
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			var b store.Batch
			last := store.Position(0)
			for i := range each {
				b.Reset()
				b.Log = logA
				n := 1 + (w+i)%3
				for k := range n {
					b.Entries = append(b.Entries, fmt.Appendf(nil, "%d/%d/%d", w, i, k))
				}
				first, ticket, err := s.Submit(&b)
				if err != nil {
					t.Errorf("Submit: %v", err)
					return
				}
				if first <= last {
					t.Errorf("position %d after %d of the same caller", first, last)
				}
				last = first + store.Position(n) - 1
				if i%50 == 0 { // readers at the same time
					w := &waiter{ch: make(chan struct{}, 1)}
					s.Notify(ticket, w)
					<-w.ch
					if e, err := s.ReadAt(logA, first); err != nil || !bytes.Equal(e, b.Entries[0]) {
						t.Errorf("ReadAt(%d) of what is durable = %q, %v, want %q", first, e, err, b.Entries[0])
					}
				}
			}
		})
	}
	wg.Wait()
	syncAll(t, s)
	next, seen := store.Position(1), map[int]int{} // by worker: batches whole so far
	var w, i, k, left int
	err := s.Read(logA, 1, func(pos store.Position, e []byte) bool {
		if pos != next {
			t.Errorf("Read visits %d, want %d", pos, next)
		}
		next++
		var w2, i2, k2 int
		if _, err := fmt.Sscanf(string(e), "%d/%d/%d", &w2, &i2, &k2); err != nil {
			t.Errorf("entry %d is %q", pos, e)
			return false
		}
		if left > 0 && (w2 != w || i2 != i || k2 != k+1) || left == 0 && (k2 != 0 || i2 != seen[w2]) {
			t.Errorf("entry %d is %s after %d/%d/%d: not in the order of Submit", pos, e, w, i, k)
			return false
		}
		w, i, k = w2, i2, k2
		if left = (w+i)%3 - k; left == 0 {
			seen[w]++
		}
		return true
	})
	if err != nil || len(seen) != workers {
		t.Errorf("Read saw %d of %d callers, err %v", len(seen), workers, err)
	}
	for w, n := range seen {
		if n != each {
			t.Errorf("caller %d: %d batches, want %d", w, n, each)
		}
	}
}

// testCopied submits from one buffer that is overwritten at once.
func testCopied(t *testing.T, s store.Store) {
	var b store.Batch
	buf, key, value := make([]byte, 8), make([]byte, 8), make([]byte, 8)
	for i := range uint64(500) {
		b.Reset()
		b.Log = logA
		binary.BigEndian.PutUint64(buf, i)
		copy(key, buf)
		copy(value, buf)
		b.Entries = append(b.Entries, buf)
		b.Put(key, value)
		if _, _, err := s.Submit(&b); err != nil {
			t.Fatalf("Submit: %v", err)
		}
	}
	syncAll(t, s)
	for i := range uint64(500) {
		binary.BigEndian.PutUint64(buf, i)
		if e, err := s.ReadAt(logA, store.Position(i+1)); err != nil || !bytes.Equal(e, buf) {
			t.Fatalf("ReadAt(%d) = %x, %v, want %x", i+1, e, err, buf)
		}
		if d, err := s.Get(buf); err != nil || !bytes.Equal(d.Value, buf) || !bytes.Equal(d.Key, buf) {
			t.Fatalf("Get(%x) = %x, %v", buf, d.Value, err)
		}
	}
}

func testRead(t *testing.T, s store.Store) {
	submit(t, s, logA, "1", "2", "3")
	syncAll(t, s)
	submit(t, s, logA, "", "5")
	syncAll(t, s)
	if got, want := readAll(t, s, logA, 0), []string{"1:1", "2:2", "3:3", "4:", "5:5"}; !slices.Equal(got, want) {
		t.Errorf("Read from 0 = %q, want %q", got, want)
	}
	if got, want := readAll(t, s, logA, 3), []string{"3:3", "4:", "5:5"}; !slices.Equal(got, want) {
		t.Errorf("Read from 3 = %q, want %q", got, want)
	}
	if got := readAll(t, s, logA, 6); got != nil {
		t.Errorf("Read from behind the end = %q, want none", got)
	}
	if got := readAll(t, s, store.LogID{Namespace: "none"}, 1); got != nil {
		t.Errorf("Read of a log never written = %q, want none", got)
	}
	n := 0
	if err := s.Read(logA, 1, func(store.Position, []byte) bool { n++; return n < 2 }); err != nil || n != 2 {
		t.Errorf("Read went on %d times, err %v; visit said enough after 2", n, err)
	}
	for _, pos := range []store.Position{0, 6, 1 << 40} {
		if e, err := s.ReadAt(logA, pos); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("ReadAt(%d) = %q, %v, want ErrNotFound", pos, e, err)
		}
	}
	if e, err := s.ReadAt(logA, 4); err != nil || len(e) != 0 {
		t.Errorf("ReadAt of an empty entry = %q, %v", e, err)
	}
	big := bytes.Repeat([]byte("big "), 1<<20) // larger than any record or memtable likes
	first, _ := submit(t, s, logA, "before", string(big), "after")
	syncAll(t, s)
	for i, want := range []string{"before", string(big), "after"} {
		if e, err := s.ReadAt(logA, first+store.Position(i)); err != nil || string(e) != want {
			t.Errorf("ReadAt beside and at an entry of 4 MiB: %d bytes, %v, want %d", len(e), err, len(want))
		}
	}
}

// testStable keeps an entry while its surroundings come and go.
func testStable(t *testing.T, s store.Store) {
	submit(t, s, logA, "keep me", "beside")
	syncAll(t, s)
	e, err := s.ReadAt(logA, 1)
	if err != nil {
		t.Fatalf("ReadAt: %v", err)
	}
	for range 200 {
		submit(t, s, logA, "other bytes", "beside")
	}
	if err := s.Truncate(logA, 1, 300); err != nil {
		t.Fatalf("Truncate: %v", err)
	}
	syncAll(t, s)
	if string(e) != "keep me" {
		t.Errorf("the entry read before is now %q", e)
	}
	if b := append(e, "!"...); string(b) != "keep me!" || cap(e) != len(e) {
		t.Errorf("appending to an entry reaches into its neighbour: cap %d, len %d", cap(e), len(e))
	}
}

func testTruncate(t *testing.T, s store.Store) {
	for i := range 10 { // groups of one entry each
		submit(t, s, logA, fmt.Sprint(i+1))
		syncAll(t, s)
	}
	cut := func(from, to store.Position) {
		t.Helper()
		if err := s.Truncate(logA, from, to); err != nil {
			t.Fatalf("Truncate(%d, %d): %v", from, to, err)
		}
		syncAll(t, s)
	}
	check := func(wantFirst, wantLast store.Position, want ...string) {
		t.Helper()
		if first, last := s.Bounds(logA); first != wantFirst || last != wantLast {
			t.Errorf("Bounds = %d, %d, want %d, %d", first, last, wantFirst, wantLast)
		}
		if got := readAll(t, s, logA, 1); !slices.Equal(got, want) {
			t.Errorf("Read = %q, want %q", got, want)
		}
	}
	cut(5, 5) // nothing
	check(1, 10, "1:1", "2:2", "3:3", "4:4", "5:5", "6:6", "7:7", "8:8", "9:9", "10:10")
	cut(4, 6)
	check(1, 10, "1:1", "2:2", "3:3", "6:6", "7:7", "8:8", "9:9", "10:10")
	if _, err := s.ReadAt(logA, 5); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("ReadAt of a truncated position: %v, want ErrNotFound", err)
	}
	cut(0, 3)
	check(3, 10, "3:3", "6:6", "7:7", "8:8", "9:9", "10:10")
	cut(3, 4) // joins two
	check(6, 10, "6:6", "7:7", "8:8", "9:9", "10:10")
	cut(9, 1000)
	check(6, 10, "6:6", "7:7", "8:8")
	cut(1, 1000)
	check(11, 10)
	if first, _ := submit(t, s, logA, "next"); first != 11 {
		t.Errorf("position after everything was truncated = %d, want 11", first)
	}
	syncAll(t, s)
	check(11, 11, "11:next")
	if err := s.Truncate(store.LogID{Namespace: "none"}, 1, 9); err != nil {
		t.Errorf("Truncate of a log never written: %v", err)
	}
}

// testTruncatePieces truncates records that hold many entries bit by bit, and
// wants the space back in the end.
func testTruncatePieces(t *testing.T, s store.Store) {
	entries := slices.Repeat([]string{string(make([]byte, 100))}, 50)
	for range 20 {
		submit(t, s, logA, entries...)
		syncAll(t, s)
	}
	for _, from := range []store.Position{900, 30, 500, 70, 0, 330, 7, 990} {
		for at := from; at < from+300; at += 7 {
			if err := s.Truncate(logA, at, at+7); err != nil {
				t.Fatalf("Truncate: %v", err)
			}
		}
		syncAll(t, s)
		for _, pos := range []store.Position{from + 1, from + 150} {
			if pos > 1000 {
				continue
			}
			if _, err := s.ReadAt(logA, pos); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("ReadAt(%d) after its truncation: %v, want ErrNotFound", pos, err)
			}
		}
	}
	if err := s.Truncate(logA, 1, 1001); err != nil {
		t.Fatalf("Truncate: %v", err)
	}
	syncAll(t, s)
	if got := readAll(t, s, logA, 1); got != nil {
		t.Errorf("Read after all was truncated = %q", got)
	}
}

func testDropNamespace(t *testing.T, s store.Store) {
	b := store.LogID{Namespace: "b"}
	for _, log := range []store.LogID{logA, {Namespace: "a", Partition: 7}, b, {Namespace: "ab"}} {
		submit(t, s, log, "1", "2")
	}
	syncAll(t, s)
	if err := s.DropNamespace("a"); err != nil {
		t.Fatalf("DropNamespace: %v", err)
	}
	submit(t, s, logA, "new")
	syncAll(t, s)
	if got := readAll(t, s, logA, 1); len(got) != 1 || got[0][2:] != "new" {
		t.Errorf("Read of a dropped namespace that came back = %q, want only what is new", got)
	}
	if got := readAll(t, s, store.LogID{Namespace: "a", Partition: 7}, 1); got != nil {
		t.Errorf("Read of a dropped namespace = %q", got)
	}
	for _, log := range []store.LogID{b, {Namespace: "ab"}} {
		if got := readAll(t, s, log, 1); len(got) != 2 {
			t.Errorf("Read of %v beside the dropped namespace = %q", log, got)
		}
	}
}

func testLogsApart(t *testing.T, s store.Store) {
	logs := []store.LogID{
		{}, {Namespace: "a"}, {Namespace: "a", Partition: 1}, {Namespace: "a", Partition: 256},
		{Namespace: "a\x00"}, {Namespace: "a\x00\x00"}, {Namespace: "b", Partition: 65535}, {Namespace: "\xff\xff"},
	}
	for round := range 3 {
		for i, log := range logs {
			first, _ := submit(t, s, log, fmt.Sprint(i), fmt.Sprint(i))
			if want := store.Position(2*round + 1); first != want {
				t.Errorf("%v: position %d, want %d", log, first, want)
			}
		}
	}
	syncAll(t, s)
	for i, log := range logs {
		for _, e := range readAll(t, s, log, 1) {
			if e[2:] != fmt.Sprint(i) {
				t.Errorf("%v holds %q", log, e)
			}
		}
	}
}
