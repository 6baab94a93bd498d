package server

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gridmq/control"
	"gridmq/delivery"
	"gridmq/delivery/folder"
	"gridmq/event"
	"gridmq/store/memory"
)

// newOffice has a topic orders with a subscription, and so many files of three letters.
func newOffice(t *testing.T, files int) (*letterOffice, *delivery.Plane) {
	t.Helper()
	st := memory.New(memory.Options{})
	t.Cleanup(func() { st.Close() })
	plane, err := delivery.Open(st, delivery.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { plane.Close() })
	if err := plane.SetTopic("plant", delivery.Topic{Name: "orders", Retention: delivery.MinRetention}); err != nil {
		t.Fatal(err)
	}
	if err := plane.SetSubscription("plant", "orders", delivery.Subscription{Name: "billing", Mode: delivery.Pull, Lock: time.Minute, MaxDeliveryCount: 3}); err != nil {
		t.Fatal(err)
	}
	s := &Server{events: plane, log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	s.cfg.Data = t.TempDir()
	seen := map[string]bool{}
	for i := range files {
		d := delivery.DeadLetter{Namespace: "plant", Topic: "orders", Subscription: "billing", To: delivery.DeadLetters{ResourceID: "/storageAccounts/a", Container: "dead"}}
		for j := range 3 {
			d.Letters = append(d.Letters, delivery.Letter{Reason: "Event was rejected.", Attempts: 1, Result: "Event was rejected.",
				Published: time.Unix(1e9, 0), Event: event.Event{ID: fmt.Sprintf("%02d-%d", i, j), Source: "/s", Type: "t"}})
		}
		if err := (folder.Sink{Root: filepath.Join(s.cfg.Data, deadLetterDirectory)}).Write(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		age(t, filepath.Join(s.cfg.Data, deadLetterDirectory), seen, time.Unix(1e9+int64(i), 0))
	}
	return newLetterOffice(s), plane
}

// age gives the files that were not seen yet a time: a file system's clock may not have
// moved on from one to the next.
func age(t *testing.T, dir string, seen map[string]bool, at time.Time) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || seen[path] {
			return err
		}
		seen[path] = true
		return os.Chtimes(path, at, at)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// ids lists all letters by pages of a size, looking after each page.
func ids(t *testing.T, o *letterOffice, size int, between func()) (all []string) {
	t.Helper()
	q := control.DeadLetterQuery{Limit: size}
	for {
		page, next, err := o.DeadLetters(t.Context(), "plant", q)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) > size {
			t.Fatalf("a page of %d has %d letters", size, len(page))
		}
		for _, l := range page {
			_, id, _ := strings.Cut(string(l.Event), `"id":"`)
			all = append(all, id[:4])
		}
		if next == "" {
			return all
		}
		q.After = next
		between()
	}
}

// Pages have every letter once, the newest first, whatever their size, and go on where
// they were when a file has gone.
func TestDeadLetterPages(t *testing.T) {
	o, _ := newOffice(t, 5)
	var want []string
	for i := 4; i >= 0; i-- {
		for j := 2; j >= 0; j-- {
			want = append(want, fmt.Sprintf("%02d-%d", i, j))
		}
	}
	for _, size := range []int{1, 2, 3, 4, 100} {
		if got := ids(t, o, size, func() {}); !slices.Equal(got, want) {
			t.Errorf("by pages of %d: %v, want %v", size, got, want)
		}
	}
	first := true
	got := ids(t, o, 4, func() { // the page ended inside the second file
		if !first {
			return
		}
		first = false
		page, _, err := o.DeadLetters(t.Context(), "plant", control.DeadLetterQuery{Limit: 4})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(filepath.Join(o.s.cfg.Data, deadLetterDirectory, page[3].File)); err != nil {
			t.Fatal(err)
		}
	})
	if want := slices.Concat(want[:4], want[6:]); !slices.Equal(got, want) {
		t.Errorf("when a file goes: %v, want %v", got, want)
	}
	for _, after := range []string{"x", "1", "1 2 y", "1 x 2 y"} {
		if _, _, err := o.DeadLetters(t.Context(), "plant", control.DeadLetterQuery{Limit: 1, After: after}); !errors.Is(err, control.ErrBadPlace) {
			t.Errorf("after %q: %v", after, err)
		}
	}
	if page, _, err := o.DeadLetters(t.Context(), "other", control.DeadLetterQuery{Limit: 1}); len(page) > 0 || err != nil {
		t.Errorf("of another namespace: %v, %v", page, err)
	}
}

// A replay of one file, of the rest, and of what its topic is not there for.
func TestReplayLetters(t *testing.T) {
	o, plane := newOffice(t, 3)
	page, _, err := o.DeadLetters(t.Context(), "plant", control.DeadLetterQuery{Limit: 1})
	if err != nil || len(page) != 1 || page[0].Together != 3 {
		t.Fatalf("%+v, %v", page, err)
	}
	one := control.DeadLetterPlace{Topic: "orders", Subscription: "billing", File: page[0].File}
	if r, err := o.Replay(t.Context(), "plant", one); err != nil || r.Events != 3 || r.Files != 1 || r.Left != 0 {
		t.Fatalf("one file: %+v, %v", r, err)
	}
	if _, err := o.Replay(t.Context(), "plant", one); !errors.Is(err, control.ErrNoLetters) {
		t.Errorf("again: %v", err)
	}
	bad := filepath.Join(o.s.cfg.Data, deadLetterDirectory, filepath.Dir(page[0].File), "bad.json")
	write(t, bad, `[{"deadLetterProperties":{},"event":{"specversion":"9.0","id":"1","source":"/s","type":"t"}}]`)
	r, err := o.Replay(t.Context(), "plant", control.DeadLetterPlace{Topic: "orders"})
	if err != nil || r.Events != 6 || r.Files != 2 || r.Left != 0 || len(r.Refused) != 1 || !strings.HasSuffix(r.Refused[0].File, "bad.json") {
		t.Errorf("the rest: %+v, %v", r, err)
	}
	got, err := plane.Stream("plant", "orders").Queue("billing").Receive(t.Context(), 100, 0)
	if err != nil || len(got) != 9 {
		t.Errorf("%d events were published, %v; want 9", len(got), err)
	}
	if err := os.Remove(bad); err != nil {
		t.Fatal(err)
	}
	o, plane = newOffice(t, 1)
	if err := plane.DeleteTopic("plant", "orders"); err != nil {
		t.Fatal(err)
	}
	r, err = o.Replay(t.Context(), "plant", control.DeadLetterPlace{Topic: "orders"})
	if err != nil || r.Events != 0 || len(r.Refused) != 1 || !strings.Contains(r.Refused[0].Reason, "no topic") {
		t.Errorf("without its topic: %+v, %v", r, err)
	}
	if n := len(ids(t, o, 10, func() {})); n != 3 {
		t.Errorf("%d letters are left of those that were refused, want 3", n)
	}
	if _, err := newLetterOffice(&Server{}).Replay(t.Context(), "plant", control.DeadLetterPlace{Topic: "orders"}); err != nil {
		t.Errorf("without a folder: %v", err)
	}
}
