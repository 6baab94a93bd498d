package memory

import (
	"context"
	"fmt"
	"gridmq/store"
	"testing"
)

func TestQuick(t *testing.T) {
	s := New(Options{})
	defer s.Close()
	b := &store.Batch{Log: store.LogID{Namespace: "a"}}
	for i := range 100 {
		b.Reset()
		b.Entries = append(b.Entries, []byte(fmt.Sprint(i)), []byte("x"))
		b.Put([]byte("k"), []byte(fmt.Sprint(i)))
		f, tk, err := s.Submit(b)
		if err != nil || f != store.Position(2*i+1) {
			t.Fatal(f, tk, err)
		}
	}
	if err := s.Sync(context.Background()); err != nil {
		t.Fatal(err)
	}
	e, err := s.ReadAt(b.Log, 199)
	if string(e) != "99" {
		t.Fatal(string(e), err)
	}
	d, _ := s.Get([]byte("k"))
	fmt.Println(string(d.Value), d.Revision)
	b.Reset()
	b.Fences = append(b.Fences, store.Fence{Key: []byte("k"), Revision: d.Revision})
	b.Put([]byte("k"), nil)
	if _, err := s.Commit(context.Background(), b); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Commit(context.Background(), b); err != store.ErrConflict {
		t.Fatal(err)
	}
	s.Truncate(b.Log, 1, 50)
	s.Sync(context.Background())
	fmt.Println(s.Bounds(b.Log))
	n := 0
	s.Read(b.Log, 1, func(p store.Position, e []byte) bool { n++; return true })
	fmt.Println(n)
	fmt.Printf("%+v\n", s.Stats())
}
