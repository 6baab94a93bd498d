package pebble

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"gridmq/store"
)

// flips is a store with a history, whose files are damaged between its lives.
type flips struct {
	t      *testing.T
	rng    *rand.Rand
	o      Options
	docs   map[string]string                      // as they were last written
	logs   map[store.LogID]map[store.Position]int // what was written, by the number of its payload
	ends   map[store.LogID]store.Position
	cut    map[store.LogID]store.Position // truncated in front of
	damage bool                           // there has been some
}

// TestFlips flips bits anywhere in the tables, again and again. The store opens; it
// serves what was last written or says that it is damaged, and nothing else; no
// position is given twice.
func TestFlips(t *testing.T) {
	seeds := 4
	if testing.Short() {
		seeds = 1
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			o := onDisk(t)
			o.MemTableBytes = 64 << 10
			f := &flips{
				t: t, rng: rand.New(rand.NewPCG(uint64(seed), 7)), o: o,
				docs: map[string]string{}, logs: map[store.LogID]map[store.Position]int{},
				ends: map[store.LogID]store.Position{}, cut: map[store.LogID]store.Position{},
			}
			for range 3 {
				f.live()
				f.spoil()
			}
			f.live()
		})
	}
}

// live opens the store, checks it and goes on writing.
func (f *flips) live() {
	s := mustOpen(f.t, f.o)
	defer func() { s.Close() }()
	for range 2 {
		f.check(s)
	}
	f.write(s)
	if err := s.Sync(f.t.Context()); err != nil {
		f.t.Fatalf("Sync: %v", err)
	}
	f.check(s)
	closeFlushed(f.t, s)
	s = mustOpen(f.t, f.o)
	f.check(s)
	if err := s.Close(); err != nil {
		f.t.Fatalf("Close: %v", err)
	}
}

func (f *flips) write(s *Store) {
	for i := range 1200 {
		var b store.Batch
		if n := f.rng.IntN(4); n > 0 {
			b.Log = shared(f.rng.IntN(1 + f.rng.IntN(20)))
			for range n {
				b.Entries = append(b.Entries, payloadOf(i))
			}
		}
		for range f.rng.IntN(3) {
			key := fmt.Sprintf("%03d", f.rng.IntN(400))
			switch f.rng.IntN(40) {
			case 0:
				b.DeletePrefix([]byte(key[:2]))
				for k := range f.docs {
					if k[:2] == key[:2] {
						delete(f.docs, k)
					}
				}
			case 1, 2, 3, 4:
				b.Delete([]byte(key))
				delete(f.docs, key)
			default:
				value := append(payloadOf(f.rng.IntN(1000)), fmt.Sprint(f.rng.Uint32())...)
				b.Put([]byte(key), value)
				f.docs[key] = string(value)
			}
		}
		first, _, err := s.Submit(&b)
		if err != nil {
			f.t.Fatalf("Submit: %v", err)
		}
		if len(b.Entries) > 0 {
			if first <= f.ends[b.Log] {
				f.t.Fatalf("entry of %v at %d, which ended at %d", b.Log, first, f.ends[b.Log])
			}
			if f.logs[b.Log] == nil {
				f.logs[b.Log] = map[store.Position]int{}
			}
			for k := range b.Entries {
				f.ends[b.Log] = first + store.Position(k)
				f.logs[b.Log][f.ends[b.Log]] = i
			}
		}
		if f.rng.IntN(50) == 0 {
			id := shared(f.rng.IntN(20))
			to := f.cut[id] + store.Position(f.rng.Uint64N(uint64(f.ends[id]-min(f.cut[id], f.ends[id])+1)))
			if err := s.Truncate(id, 1, to); err != nil {
				f.t.Fatalf("Truncate: %v", err)
			}
			f.cut[id] = max(f.cut[id], to)
		}
		if f.rng.IntN(100) == 0 {
			_ = s.Sync(f.t.Context()) // groups of many sizes
		}
	}
}

// check compares all there is, in an order of its own.
func (f *flips) check(s *Store) {
	f.t.Helper()
	steps := []func(*Store){f.list, f.get, f.read}
	f.rng.Shuffle(len(steps), func(i, k int) { steps[i], steps[k] = steps[k], steps[i] })
	for _, step := range steps {
		step(s)
	}
	if !f.damage && len(s.Damaged()) > 0 {
		f.t.Fatalf("damaged without a reason: %+v", s.Damaged())
	}
}

func (f *flips) list(s *Store) {
	got := map[string]bool{}
	last := ""
	err := s.List(nil, nil, func(d store.Document) bool {
		if string(d.Key) <= last {
			f.t.Errorf("List visits %q after %q", d.Key, last)
		}
		last = string(d.Key)
		got[last] = true
		if want, ok := f.docs[last]; !ok || want != string(d.Value) {
			f.t.Errorf("List visits %q, which is not as it was written (there: %v)", d.Key, ok)
		}
		return true
	})
	if err != nil && !(f.damage && errors.Is(err, store.ErrDamaged)) {
		f.t.Fatalf("List: %v", err)
	}
	for k := range f.docs {
		if !got[k] {
			f.lose(s, "document %q", k)
			delete(f.docs, k)
		}
	}
}

func (f *flips) get(s *Store) {
	for k, want := range f.docs {
		d, err := s.Get([]byte(k))
		switch {
		case err == nil && string(d.Value) == want:
		case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrDamaged):
			f.lose(s, "document %q", k)
			delete(f.docs, k)
		default:
			f.t.Fatalf("Get(%q): %v", k, err)
		}
	}
}

func (f *flips) read(s *Store) {
	for id, end := range f.ends {
		if _, last := s.Bounds(id); last < end {
			f.t.Fatalf("%v ends at %d, before at %d", id, last, end)
		}
		got := map[store.Position]bool{}
		err := s.Read(id, 1, func(pos store.Position, e []byte) bool {
			i, ok := f.logs[id][pos]
			if !ok || !bytes.Equal(e, payloadOf(i)) {
				f.t.Errorf("Read of %v visits %d, which is not as it was written (there: %v)", id, pos, ok)
			}
			got[pos] = true
			return true
		})
		if err != nil && !(f.damage && errors.Is(err, store.ErrDamaged)) {
			f.t.Fatalf("Read: %v", err)
		}
		for pos := range f.logs[id] {
			_, err := s.ReadAt(id, pos)
			if got[pos] && err != nil || !got[pos] && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrDamaged) {
				f.t.Fatalf("ReadAt(%d) of %v: %v; Read visits it: %v", pos, id, err, got[pos])
			}
			if !got[pos] && pos >= f.cut[id] { // what is truncated may be seen again
				f.lose(s, "entry %d", pos)
				delete(f.logs[id], pos)
			}
		}
	}
}

func (f *flips) lose(s *Store, what string, args ...any) {
	if len(s.Damaged()) == 0 {
		f.t.Fatalf(what+" is lost, and nothing is damaged", args...)
	}
}

// spoil flips a bit or two anywhere. With three a log may become unknown (names).
func (f *flips) spoil() {
	tables := tablesOf(f.t, f.o)
	for range 1 + f.rng.IntN(2) {
		path := tables[f.rng.IntN(len(tables))]
		info, err := os.Stat(path)
		if err != nil {
			f.t.Fatal(err)
		}
		at := f.rng.Int64N(info.Size())
		if f.rng.IntN(4) == 0 { // rarely among the keys
			at = max(0, info.Size()-1-f.rng.Int64N(600))
		}
		f.t.Logf("flip in %s at %d of %d", path, at, info.Size())
		flip(f.t, path, at)
		f.damage = true
	}
}
