package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"gridmq/store"
)

// A Model is the slow, obvious store.
type Model struct {
	Logs map[store.LogID][]Entry // by position - 1
	Docs map[string]string
}

// An Entry is one entry of a Model.
type Entry struct {
	Data string
	Gone bool // truncated
}

// NewModel returns an empty model.
func NewModel() *Model {
	return &Model{Logs: map[store.LogID][]Entry{}, Docs: map[string]string{}}
}

// Clone copies m.
func (m *Model) Clone() *Model {
	c := &Model{Logs: map[store.LogID][]Entry{}, Docs: maps.Clone(m.Docs)}
	for id, log := range m.Logs {
		c.Logs[id] = slices.Clone(log)
	}
	return c
}

// Apply does what b says and returns the first position.
func (m *Model) Apply(b *store.Batch) (first store.Position) {
	if len(b.Entries) > 0 {
		first = store.Position(len(m.Logs[b.Log]) + 1)
		for _, e := range b.Entries {
			m.Logs[b.Log] = append(m.Logs[b.Log], Entry{Data: string(e)})
		}
	}
	for _, op := range b.Ops {
		switch {
		case op.Delete && op.Prefix:
			maps.DeleteFunc(m.Docs, func(k, _ string) bool { return strings.HasPrefix(k, string(op.Key)) })
		case op.Delete:
			delete(m.Docs, string(op.Key))
		default:
			m.Docs[string(op.Key)] = string(op.Value)
		}
	}
	return first
}

// Truncate does what Store.Truncate does.
func (m *Model) Truncate(id store.LogID, from, to store.Position) {
	log := m.Logs[id]
	for i := range log {
		if pos := store.Position(i + 1); pos >= from && pos < to {
			log[i].Gone = true
		}
	}
}

// bounds are what Store.Bounds should say.
func (m *Model) bounds(id store.LogID) (first, last store.Position) {
	log := m.Logs[id]
	for first = 1; int(first) <= len(log) && log[first-1].Gone; first++ {
	}
	return first, store.Position(len(log))
}

// Compare says where s, in which all is durable, differs from m. When lazy is
// set, entries that m has truncated may be there.
func (m *Model) Compare(s store.Store, lazy bool) error {
	for id, log := range m.Logs {
		if err := m.compareLog(s, id, log, lazy); err != nil {
			return fmt.Errorf("log %v: %w", id, err)
		}
	}
	docs := map[string]string{}
	last := []byte(nil)
	err := s.List(nil, nil, func(d store.Document) bool {
		if last != nil && bytes.Compare(d.Key, last) <= 0 {
			docs["out of order"] = fmt.Sprintf("%q after %q", d.Key, last)
		}
		last = bytes.Clone(d.Key)
		docs[string(d.Key)] = string(d.Value)
		return true
	})
	if err != nil || !maps.Equal(docs, m.Docs) {
		return fmt.Errorf("got List = %q, %v, want %q", docs, err, m.Docs)
	}
	return nil
}

func (m *Model) compareLog(s store.Store, id store.LogID, log []Entry, lazy bool) error {
	wantFirst, wantLast := m.bounds(id)
	first, last := s.Bounds(id)
	if last != wantLast || first != wantFirst && (!lazy || first > wantFirst) {
		return fmt.Errorf("got Bounds = %d, %d, want %d, %d", first, last, wantFirst, wantLast)
	}
	seen := map[store.Position]bool{}
	at := store.Position(0)
	var wrong error
	err := s.Read(id, 1, func(pos store.Position, e []byte) bool {
		if pos <= at || int(pos) > len(log) || string(e) != log[pos-1].Data {
			wrong = fmt.Errorf("got Read visits %d: %q after %d, of %d", pos, e, at, len(log))
			return false
		}
		at, seen[pos] = pos, true
		return true
	})
	if err := errors.Join(err, wrong); err != nil {
		return err
	}
	for i, want := range log {
		pos := store.Position(i + 1)
		e, err := s.ReadAt(id, pos)
		switch {
		case !want.Gone && (err != nil || string(e) != want.Data):
			return fmt.Errorf("got ReadAt(%d) = %q, %v, want %q", pos, e, err, want.Data)
		case want.Gone && !lazy && !errors.Is(err, store.ErrNotFound):
			return fmt.Errorf("got ReadAt(%d), which is truncated, = %q, %v", pos, e, err)
		case want.Gone && err == nil && string(e) != want.Data:
			return fmt.Errorf("got ReadAt(%d), which is truncated, = %q, which never was there", pos, e)
		case seen[pos] != (err == nil):
			return fmt.Errorf("got Read and ReadAt(%d) differ: %v, %v", pos, seen[pos], err)
		}
	}
	return nil
}

// Generators of histories.
var (
	logIDs = rapid.SampledFrom([]store.LogID{{Namespace: "a"}, {Namespace: "a", Partition: 1}, {Namespace: "b"}})
	keys   = rapid.SampledFrom([]string{"", "a", "a/1", "a/2", "a/\xff", "b", "b/1", "\xff"})
)

// DrawBatch draws a batch without fences. What its entries say is made unlike
// others by tag.
func DrawBatch(t *rapid.T, entries int, tag string) *store.Batch {
	b := &store.Batch{Log: logIDs.Draw(t, "log")}
	for i := range rapid.IntRange(0, entries).Draw(t, "entries") {
		e := fmt.Sprintf("%s.%d", tag, i)
		if pad := rapid.SampledFrom([]int{0, 0, 0, 10, 300, 5000}).Draw(t, "pad"); pad > 0 {
			e += strings.Repeat(".", pad)
		}
		b.Entries = append(b.Entries, []byte(e))
	}
	for range rapid.IntRange(0, 3).Draw(t, "ops") {
		k := []byte(keys.Draw(t, "key"))
		switch rapid.IntRange(0, 9).Draw(t, "op") {
		case 0:
			b.DeletePrefix(k)
		case 1, 2:
			b.Delete(k)
		default:
			b.Put(k, []byte(tag))
		}
	}
	return b
}

// DrawSpan draws a span of positions of a log of m, sometimes beyond its end.
func DrawSpan(t *rapid.T, m *Model, id store.LogID) (from, to store.Position) {
	n := len(m.Logs[id]) + 3
	a, b := rapid.IntRange(0, n).Draw(t, "from"), rapid.IntRange(0, n).Draw(t, "to")
	if rapid.Bool().Draw(t, "prefix") {
		a = 0
	}
	return store.Position(min(a, b)), store.Position(max(a, b))
}

func testHistories(t *testing.T, open func(t TB) store.Store, o Options) {
	rapid.Check(t, func(t *rapid.T) {
		s, m, n := open(t), NewModel(), 0
		defer func() { s.Close() }()
		revisions := map[string]uint64{} // newest seen, for ever
		next := func() string { n++; return fmt.Sprint(n) }
		check := func(t *rapid.T) {
			syncAll(t, s)
			if err := m.Compare(s, false); err != nil {
				t.Fatalf("%v", err)
			}
			for k, v := range m.Docs {
				d, err := s.Get([]byte(k))
				if err != nil || string(d.Value) != v || d.Revision < revisions[k] {
					t.Fatalf("Get(%q) = %+v, %v, want %q at revision %d or above", k, d, err, v, revisions[k])
				}
				revisions[k] = d.Revision
			}
		}
		actions := map[string]func(*rapid.T){
			"submit": func(t *rapid.T) {
				for range rapid.IntRange(1, 5).Draw(t, "batches") {
					b := DrawBatch(t, o.BatchEntries, next())
					first, _, err := s.Submit(b)
					if want := m.Apply(b); err != nil || first != want {
						t.Fatalf("Submit = %d, %v, want %d", first, err, want)
					}
				}
			},
			"commit": func(t *rapid.T) {
				b := DrawBatch(t, o.BatchEntries, next())
				holds := drawFences(t, s, m, b)
				first, err := commit(s, b)
				switch {
				case !holds && !errors.Is(err, store.ErrConflict):
					t.Fatalf("Commit = %d, %v, want ErrConflict", first, err)
				case holds:
					if want := m.Apply(b); err != nil || first != want {
						t.Fatalf("Commit = %d, %v, want %d", first, err, want)
					}
				}
			},
			"truncate": func(t *rapid.T) {
				id := logIDs.Draw(t, "log")
				from, to := DrawSpan(t, m, id)
				if err := s.Truncate(id, from, to); err != nil {
					t.Fatalf("Truncate: %v", err)
				}
				m.Truncate(id, from, to)
			},
			"drop": func(t *rapid.T) {
				if rapid.IntRange(0, 5).Draw(t, "rarely") > 0 {
					return
				}
				name := logIDs.Draw(t, "log").Namespace
				if err := s.DropNamespace(name); err != nil {
					t.Fatalf("DropNamespace: %v", err)
				}
				for id, log := range m.Logs {
					if id.Namespace == name {
						m.Truncate(id, 1, store.Position(len(log)+1))
					}
				}
			},
			"check": check,
		}
		if o.Reopen != nil {
			actions["reopen"] = func(t *rapid.T) { s = o.Reopen(t, s); check(t) }
		}
		t.Repeat(actions)
		check(t)
	})
}

// drawFences puts fences on b and says whether all of them hold.
func drawFences(t *rapid.T, s store.Store, m *Model, b *store.Batch) (holds bool) {
	holds = true
	for range rapid.IntRange(1, 2).Draw(t, "fences") {
		right := rapid.IntRange(0, 3).Draw(t, "right") > 0
		holds = holds && right
		if rapid.Bool().Draw(t, "of log") {
			id := logIDs.Draw(t, "fenced log")
			last := store.Position(len(m.Logs[id]))
			if !right {
				last++
			}
			b.Fences = append(b.Fences, store.Fence{Log: &id, Last: last})
			continue
		}
		syncAll(t, s)
		k := []byte(keys.Draw(t, "fenced key"))
		d, err := s.Get(k)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			t.Fatalf("Get: %v", err)
		}
		if !right {
			d.Revision++
		}
		b.Fences = append(b.Fences, store.Fence{Key: k, Revision: d.Revision})
	}
	return holds
}

func testReopen(t *testing.T, s store.Store, o Options) {
	defer func() { s.Close() }()
	m := NewModel()
	var b store.Batch
	for i := range 100 {
		b = store.Batch{Log: store.LogID{Namespace: "a", Partition: uint16(i % 3)}}
		for k := range i % 7 {
			b.Entries = append(b.Entries, fmt.Appendf(nil, "%d.%d", i, k))
		}
		b.Put(fmt.Appendf(nil, "doc/%d", i%10), fmt.Append(nil, i))
		if _, _, err := s.Submit(&b); err != nil {
			t.Fatalf("Submit: %v", err)
		}
		m.Apply(&b)
	}
	syncAll(t, s)
	before, err := s.Get([]byte("doc/1"))
	if err != nil {
		t.Fatalf("Get: %v", err)
	}
	epoch, err := s.Lease().Acquire(t.Context(), "name", 1<<40)
	if err != nil {
		t.Fatalf("Acquire: %v", err)
	}
	b.Reset()
	b.Delete([]byte("doc/1"))
	if _, _, err := s.Submit(&b); err != nil {
		t.Fatalf("Submit: %v", err)
	}
	m.Apply(&b)
	gone := store.LogID{Namespace: "a", Partition: 1}
	for range 2 {
		s = o.Reopen(t, s)
		if err := m.Compare(s, false); err != nil {
			t.Fatalf("after a restart: %v", err)
		}
		if err := s.Truncate(gone, 1, 1<<40); err != nil { // the last position survives that
			t.Fatalf("Truncate: %v", err)
		}
		m.Truncate(gone, 1, 1<<40)
	}
	b.Reset()
	b.Put([]byte("doc/1"), nil)
	if _, err := commit(s, &b); err != nil {
		t.Fatalf("Commit: %v", err)
	}
	if d, err := s.Get([]byte("doc/1")); err != nil || d.Revision <= before.Revision {
		t.Errorf("revision %d after restart and removal, had been %d; err %v", d.Revision, before.Revision, err)
	}
	if next, err := s.Lease().Acquire(t.Context(), "name", 1); err != nil || next <= epoch {
		t.Errorf("epoch %d after a restart, had been %d; err %v", next, epoch, err)
	}
}
