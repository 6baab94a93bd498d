package audit

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"gridmq/store/memory"
)

func names(page []Entry) (list []string) {
	for _, e := range page {
		list = append(list, e.Resource)
	}
	return list
}

func all(*Entry) bool { return true }

func TestLog(t *testing.T) {
	s := memory.New(memory.Options{})
	defer s.Close()
	now := time.Date(2026, 3, 2, 7, 41, 9, 0, time.UTC)
	o := Options{Entries: 5, Now: func() time.Time { now = now.Add(time.Second); return now }}
	l, err := Open(s, o)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 + slack + 1 {
		l.Record(t.Context(), Entry{Resource: fmt.Sprint(i - slack + 1), Operator: "ann"})
	}
	if err := s.Sync(t.Context()); err != nil { // the removal of the oldest waits for nobody
		t.Fatal(err)
	}
	page, next, err := l.List(nil, 3, all)
	if got, want := names(page), []string{"6", "5", "4"}; err != nil || !slices.Equal(got, want) || next == nil {
		t.Fatalf("first page %q, next %x, %v, want %q", got, next, err, want)
	}
	page, next, err = l.List(next, 3, all)
	if got, want := names(page), []string{"3", "2"}; err != nil || !slices.Equal(got, want) || next != nil {
		t.Errorf("second page %q, next %x, %v, want %q and no more", got, next, err, want)
	}
	page, _, _ = l.List(nil, 9, func(e *Entry) bool { return e.Resource == "4" })
	if got := names(page); !slices.Equal(got, []string{"4"}) {
		t.Errorf("filtered %q", got)
	}

	l, err = Open(s, o) // a restart knows which are the oldest
	if err != nil {
		t.Fatal(err)
	}
	for i := range slack + 1 {
		l.Record(t.Context(), Entry{Resource: fmt.Sprint(7 + i)})
	}
	if err := s.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	page, _, _ = l.List(nil, 9, all)
	if got, want := names(page), []string{"71", "70", "69", "68", "67"}; !slices.Equal(got, want) {
		t.Errorf("after a restart %q, want %q", got, want)
	}
}
