package server

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gridmq/store"
	"gridmq/store/pebble"
)

// content is the store as it lies on disk, by names and bytes.
func content(t *testing.T, dir string) string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, e := range list {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		b.WriteString(e.Name() + "\n" + string(text))
	}
	return b.String()
}

// two is a store with two documents, the second only in the engine's log, as a kill
// leaves it.
func two(t *testing.T) (data, dir string) {
	data = t.TempDir()
	dir = filepath.Join(data, storeDirectory)
	alive := filepath.Join(t.TempDir(), "alive")
	for i, text := range []string{"the first of two", "the second of two"} {
		st, err := pebble.Open(pebble.Options{Dir: alive})
		if err != nil {
			t.Fatal(err)
		}
		var b store.Batch
		b.Put([]byte("n/default/r/"+text[4:5]), []byte(text))
		if _, err := st.Commit(t.Context(), &b); err != nil {
			t.Fatal(err)
		}
		if i == 1 {
			if err := os.CopyFS(dir, os.DirFS(alive)); err != nil {
				t.Fatal(err)
			}
		}
		if err := st.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return data, dir
}

// A dry run changes nothing; the other one puts a store in place that is whole but
// for what is set aside, and keeps the one that was there as it was.
func TestRepairStore(t *testing.T) {
	data, dir := two(t)
	flip(t, dir, []byte("the first of two")[4:])
	before := content(t, dir)
	r, err := RepairStore(data, false)
	if err != nil || len(r.Damaged) != 1 || r.Kept != "" || content(t, dir) != before {
		t.Fatalf("dry run: %+v, %v; unchanged: %v", r, err, content(t, dir) == before)
	}
	if _, err := os.Stat(filepath.Join(data, repairDirectory)); err == nil {
		t.Error("the copy of the dry run is still there")
	}
	if r, err = RepairStore(data, true); err != nil || len(r.Damaged) != 1 {
		t.Fatalf("repair: %+v, %v", r, err)
	}
	if content(t, r.Kept) != before {
		t.Error("the store that was there was changed")
	}
	if r, err := CheckStore(data, false); err != nil || len(r.Damaged) != 1 || r.Documents != 1 {
		t.Errorf("the repaired one: %+v, %v; want the other document, and one set aside", r, err)
	}
}

// A log of the engine that cannot be read keeps the store from being opened; without
// it there is what was written before.
func TestRepairWithoutLogs(t *testing.T) {
	data, dir := two(t)
	logs, err := engineLogs(dir)
	if err != nil || len(logs) == 0 {
		t.Fatalf("logs %v, %v", logs, err)
	}
	whole, err := os.ReadFile(filepath.Join(dir, logs[0]))
	if err != nil {
		t.Fatal(err)
	}
	// Two logs, the first of them damaged in the middle: not what a power cut leaves.
	broken := append([]byte(nil), whole...)
	broken[len(broken)/2] ^= 1
	write(t, filepath.Join(dir, logs[0]), string(broken))
	write(t, filepath.Join(dir, "999999.log"), "")
	if _, err := RepairStore(data, false); err != nil {
		t.Fatal(err)
	}
	if _, err := CheckStore(data, false); err == nil {
		t.Fatal("the engine opens it: the test tests nothing")
	}
	r, err := RepairStore(data, true)
	if err != nil || len(r.Logs) == 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	if r, err := CheckStore(data, false); err != nil || r.Documents == 0 {
		t.Errorf("the repaired one: %+v, %v", r, err)
	}
}

// A repair that is killed when the old store has gone and the new one has not come leaves
// none: no server makes a fresh one in its place.
func TestRepairCutOff(t *testing.T) {
	data := t.TempDir()
	run(t, Sources{Flags: flags(data)}).end(t)
	r, err := RepairStore(data, true)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(data, storeDirectory)
	if err := os.Rename(dir, filepath.Join(data, repairDirectory)); err != nil {
		t.Fatal(err)
	}
	if err := <-begin(t, Sources{Flags: flags(data)}).ended; err == nil || !strings.Contains(err.Error(), r.Kept) {
		t.Errorf("a server on half a repair: %v, want that the store is in %s", err, r.Kept)
	}
	if err := os.Rename(r.Kept, dir); err != nil { // as it says
		t.Fatal(err)
	}
	if _, err := RepairStore(data, true); err != nil {
		t.Error(err)
	}
	run(t, Sources{Flags: flags(data)}).end(t)
}
