package pebble

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"gridmq/store"
)

// A checkpoint holds what was durable when it was asked for, and no group by halves,
// while others write, read, truncate, and tables come and go.
func TestCheckpointUnderLoad(t *testing.T) {
	for _, durability := range []Durability{Synced, Relaxed} {
		t.Run(string(durability), func(t *testing.T) {
			dir := t.TempDir()
			o := small
			o.Dir, o.Durability = filepath.Join(dir, "data"), durability
			s := mustOpen(t, o)
			defer s.Close()
			log := store.LogID{Namespace: "n"}
			stop := make(chan struct{})
			var writers sync.WaitGroup
			defer writers.Wait()
			defer close(stop)
			var mu sync.Mutex
			var written store.Position // and durable
			writers.Go(func() {
				for n := 1; ; n++ {
					select {
					case <-stop:
						return
					default:
					}
					var b store.Batch
					b.Log = log
					for range 10 {
						b.Entries = append(b.Entries, fmt.Appendf(nil, "%d %0400d", n, n))
					}
					b.Put([]byte("count"), fmt.Appendf(nil, "%d", n))
					first, err := s.Commit(t.Context(), &b)
					if err != nil {
						t.Error(err)
						return
					}
					if n%7 == 0 {
						if err := s.Truncate(log, first-60, first-50); err != nil {
							t.Error(err)
						}
					}
					mu.Lock()
					written = first + 9
					mu.Unlock()
				}
			})
			for i := range 5 {
				for done := false; !done; { // some more than before
					mu.Lock()
					done = written > store.Position(200*i)
					mu.Unlock()
				}
				mu.Lock()
				before := written
				mu.Unlock()
				copied := o
				copied.Dir = filepath.Join(dir, fmt.Sprint("copy", i))
				if err := s.Checkpoint(copied.Dir); err != nil {
					t.Fatal(err)
				}
				c := mustOpen(t, copied)
				_, last := c.Bounds(log)
				doc, err := c.Get([]byte("count"))
				if err != nil || last < before || last%10 != 0 || string(doc.Value) != fmt.Sprint(last/10) {
					t.Errorf("checkpoint %d: the log ends at %d, the document says %s (%v); want the same group, and %d at least", i, last, doc.Value, err, before)
				}
				if err := c.Read(log, 0, func(pos store.Position, entry []byte) bool {
					if want := fmt.Sprintf("%d %0400d", (pos+9)/10, (pos+9)/10); string(entry) != want {
						t.Errorf("checkpoint %d, position %d: %.20q", i, pos, entry)
					}
					return true
				}); err != nil {
					t.Error(err)
				}
				if err := c.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// A checkpoint goes into no folder that is there, and none is made of a store that
// is closed.
func TestCheckpointRefused(t *testing.T) {
	o := small
	o.Dir = filepath.Join(t.TempDir(), "data")
	s := mustOpen(t, o)
	if err := s.Checkpoint(t.TempDir()); err == nil {
		t.Error("a checkpoint went into a folder that is there")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Checkpoint(filepath.Join(t.TempDir(), "x")); !errors.Is(err, store.ErrClosed) {
		t.Errorf("checkpoint of a closed store: %v, want %v", err, store.ErrClosed)
	}
}
