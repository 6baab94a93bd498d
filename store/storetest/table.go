package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"gridmq/store"
)

// apply submits ops and waits.
func apply(t TB, s store.Store, ops func(b *store.Batch)) {
	t.Helper()
	var b store.Batch
	ops(&b)
	if _, _, err := s.Submit(&b); err != nil {
		t.Fatalf("Submit: %v", err)
	}
	syncAll(t, s)
}

// list returns "key=value" of all documents under prefix, behind after.
func list(t TB, s store.Store, prefix, after []byte) []string {
	t.Helper()
	var got []string
	err := s.List(prefix, after, func(d store.Document) bool {
		got = append(got, fmt.Sprintf("%s=%s", d.Key, d.Value))
		return true
	})
	if err != nil {
		t.Fatalf("List(%q, %q): %v", prefix, after, err)
	}
	return got
}

func testDocuments(t *testing.T, s store.Store) {
	if _, err := s.Get([]byte("k")); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Get of nothing: %v, want ErrNotFound", err)
	}
	apply(t, s, func(b *store.Batch) {
		b.Put([]byte("k"), []byte("v"))
		b.Put([]byte("empty"), nil)
		b.Put(nil, []byte("no key"))
		b.Put([]byte("gone"), []byte("x"))
		b.Delete([]byte("gone"))
		b.Delete([]byte("never was"))
		b.Put([]byte("p/1"), nil)
		b.DeletePrefix([]byte("p/"))
		b.Put([]byte("p/2"), []byte("after"))
	})
	if got, want := list(t, s, nil, nil), []string{"=no key", "empty=", "k=v", "p/2=after"}; !slices.Equal(got, want) {
		t.Errorf("List = %q, want %q: ops are applied in order", got, want)
	}
	d, err := s.Get([]byte("k"))
	if err != nil || string(d.Key) != "k" || string(d.Value) != "v" || d.Revision == 0 {
		t.Errorf("Get = %+v, %v", d, err)
	}
	d.Value[0] = '!' // ours
	if d, err := s.Get([]byte("k")); err != nil || string(d.Value) != "v" {
		t.Errorf("Get after the caller changed its copy = %q, %v", d.Value, err)
	}
	apply(t, s, func(b *store.Batch) { b.DeletePrefix(nil) })
	if got := list(t, s, nil, nil); got != nil {
		t.Errorf("List after everything was removed = %q", got)
	}
}

func testList(t *testing.T, s store.Store) {
	apply(t, s, func(b *store.Batch) {
		for _, k := range []string{"a", "a/", "a/1", "a/2", "a/3", "a0", "b", "\xff", "\xff\xff", "\xff\xff\xff"} {
			b.Put([]byte(k), nil)
		}
	})
	tests := map[string]struct {
		prefix, after string
		want          []string
	}{
		"prefix":               {"a/", "", []string{"a/=", "a/1=", "a/2=", "a/3="}},
		"after is exclusive":   {"a/", "a/1", []string{"a/2=", "a/3="}},
		"after need not exist": {"a/", "a/11", []string{"a/2=", "a/3="}},
		"after the last":       {"a/", "a/3", nil},
		"after the prefix":     {"a/", "z", nil},
		"after before prefix":  {"a/", "a", []string{"a/=", "a/1=", "a/2=", "a/3="}},
		"after is the prefix":  {"a/", "a/", []string{"a/1=", "a/2=", "a/3="}},
		"bytes of 255":         {"\xff\xff", "", []string{"\xff\xff=", "\xff\xff\xff="}},
		"none":                 {"c", "", nil},
	}
	for name, test := range tests {
		var after []byte
		if test.after != "" {
			after = []byte(test.after)
		}
		if got := list(t, s, []byte(test.prefix), after); !slices.Equal(got, test.want) {
			t.Errorf("%s: List(%q, %q) = %q, want %q", name, test.prefix, test.after, got, test.want)
		}
	}
	n := 0
	err := s.List(nil, nil, func(store.Document) bool { n++; return n < 3 })
	if err != nil || n != 3 {
		t.Errorf("List went on %d times, err %v; visit said enough after 3", n, err)
	}
	apply(t, s, func(b *store.Batch) { b.DeletePrefix([]byte("\xff\xff")) })
	if got := list(t, s, []byte("\xff"), nil); !slices.Equal(got, []string{"\xff="}) {
		t.Errorf("List after the removal of a prefix of 255s = %q", got)
	}
}

func testRevisions(t *testing.T, s store.Store) {
	last := uint64(0)
	for i := range 20 {
		apply(t, s, func(b *store.Batch) {
			b.Put([]byte("k"), []byte("first"))
			b.Put([]byte("k"), fmt.Append(nil, i))
		})
		d, err := s.Get([]byte("k"))
		if err != nil || d.Revision <= last || string(d.Value) != fmt.Sprint(i) {
			t.Fatalf("Get = %+v, %v, want %d with a revision above %d", d, err, i, last)
		}
		last = d.Revision
		if i%3 == 0 { // it grows across a removal
			apply(t, s, func(b *store.Batch) { b.Delete([]byte("k")) })
		}
	}
}

func testWatch(t *testing.T, s store.Store) {
	ctx, cancel := context.WithCancel(context.Background())
	var mu sync.Mutex
	var got []string
	see := func(d store.Document) {
		mu.Lock()
		defer mu.Unlock()
		if d.Revision == 0 {
			got = append(got, "-"+string(d.Key))
		} else {
			got = append(got, fmt.Sprintf("%s=%s", d.Key, d.Value))
		}
	}
	apply(t, s, func(b *store.Batch) { b.Put([]byte("w/before"), nil) })
	s.Watch(ctx, []byte("w/"), see)
	apply(t, s, func(b *store.Batch) {
		b.Put([]byte("w/1"), []byte("x"))
		b.Put([]byte("other"), nil)
		b.Delete([]byte("w/1"))
		b.Put([]byte("w/2"), []byte("y"))
	})
	apply(t, s, func(b *store.Batch) {
		b.Put([]byte("w/3"), []byte("z"))
		b.DeletePrefix([]byte("w/"))
		b.Put([]byte("w/4"), nil)
	})
	// The committer tells watchers before it tells waiters.
	want := []string{"w/1=x", "-w/1", "w/2=y", "w/3=z", "-w/2", "-w/3", "-w/before", "w/4="}
	mu.Lock()
	if !slices.Equal(got, want) {
		t.Errorf("Watch saw %q, want %q", got, want)
	}
	got = nil
	mu.Unlock()
	cancel()
	time.Sleep(time.Millisecond)
	apply(t, s, func(b *store.Batch) { b.Put([]byte("w/5"), nil) })
	mu.Lock()
	defer mu.Unlock()
	if got != nil {
		t.Errorf("Watch saw %q after its end", got)
	}
}

func testLease(t *testing.T, s store.Store) {
	ctx := context.Background()
	l := s.Lease()
	first, err := l.Acquire(ctx, "name", time.Hour)
	if err != nil || first == 0 {
		t.Fatalf("Acquire = %d, %v", first, err)
	}
	if err := l.Release(ctx, "name", first+1); !errors.Is(err, store.ErrConflict) {
		t.Errorf("Release of an epoch never given: %v, want ErrConflict", err)
	}
	if err := l.Release(ctx, "name", first); err != nil {
		t.Errorf("Release: %v", err)
	}
	if next, err := l.Acquire(ctx, "name", time.Hour); err != nil || next <= first {
		t.Errorf("Acquire after a release = %d, %v, want an epoch above %d", next, err, first)
	}
}

func testBus(t *testing.T, s store.Store) {
	got := make(chan string, 10)
	cancel, err := s.Bus().Subscribe("a", func(b []byte) { got <- string(b) })
	if err != nil {
		t.Fatalf("Subscribe: %v", err)
	}
	for _, subject := range []string{"b", "a"} {
		if err := s.Bus().Publish(context.Background(), subject, []byte(subject)); err != nil {
			t.Fatalf("Publish: %v", err)
		}
	}
	select {
	case b := <-got:
		if b != "a" {
			t.Errorf("heard %q, want a", b)
		}
	case <-time.After(10 * time.Second):
		t.Errorf("heard nothing")
	}
	cancel()
	_ = s.Bus().Publish(context.Background(), "a", nil)
	select {
	case b := <-got:
		t.Errorf("heard %q after the end", b)
	default:
	}
}
