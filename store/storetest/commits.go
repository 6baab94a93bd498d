package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"gridmq/store"
)

// testAtomic writes two documents and an entry at a time and looks, all the
// while, whether one is seen without the others.
func testAtomic(t *testing.T, s store.Store) {
	const rounds = 300
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			var values []string
			err := s.List([]byte("pair/"), nil, func(d store.Document) bool {
				values = append(values, string(d.Value))
				return true
			})
			if err != nil || len(values) != 0 && (len(values) != 2 || values[0] != values[1]) {
				t.Errorf("List sees half a batch: %q, %v", values, err)
				return
			}
			if len(values) == 0 {
				continue
			}
			var pos store.Position
			fmt.Sscan(values[0], &pos)
			if _, err := s.ReadAt(logA, pos); err != nil {
				t.Errorf("document of batch %d is there, its entry is not: %v", pos, err)
				return
			}
		}
	})
	var b store.Batch
	for i := range rounds {
		b.Reset()
		b.Log = logA
		b.Entries = append(b.Entries, fmt.Append(nil, i+1))
		b.Put([]byte("pair/x"), fmt.Append(nil, i+1))
		b.Put([]byte("pair/y"), fmt.Append(nil, i+1))
		if _, _, err := s.Submit(&b); err != nil {
			t.Fatalf("Submit: %v", err)
		}
		if i%10 == 0 {
			syncAll(t, s)
		}
	}
	syncAll(t, s)
	close(stop)
	wg.Wait()
}

func testTickets(t *testing.T, s store.Store) {
	var last store.Ticket
	w := &waiter{ch: make(chan struct{}, 1000)}
	for i := range 1000 {
		_, ticket := submit(t, s, logA, fmt.Sprint(i))
		if ticket < last || ticket == 0 {
			t.Fatalf("ticket %d after %d", ticket, last)
		}
		last = ticket
		s.Notify(ticket, w)
	}
	for range 1000 {
		<-w.ch
	}
	if d := s.Durable(); d < last {
		t.Errorf("Durable = %d after the waiter of %d was told", d, last)
	}
	for i := 1; i < len(w.told); i++ {
		if w.told[i] < w.told[i-1] {
			t.Errorf("waiter of %d was told after that of %d", w.told[i], w.told[i-1])
		}
	}
	if e, err := s.ReadAt(logA, 1000); err != nil || string(e) != "999" {
		t.Errorf("ReadAt of what is durable = %q, %v", e, err)
	}
}

func testWaiters(t *testing.T, s store.Store) {
	now := &waiter{}
	s.Notify(0, now)
	if len(now.told) != 1 || now.errs[0] != nil {
		t.Fatalf("waiter of ticket 0 was told %v, %v, want once, at once", now.told, now.errs)
	}
	const workers, each = 8, 200
	ws := make([]waiter, workers*each)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range each {
				_, ticket := submit(t, s, logA, "x")
				if i%3 == 0 {
					time.Sleep(time.Microsecond * time.Duration(i)) // sometimes late
				}
				s.Notify(ticket, &ws[w*each+i])
			}
		})
	}
	wg.Wait()
	syncAll(t, s)
	last := &waiter{ch: make(chan struct{}, 1)}
	_, ticket := submit(t, s, logA, "x")
	s.Notify(ticket, last)
	<-last.ch // those before have been told
	for i := range ws {
		ws[i].mu.Lock()
		if len(ws[i].told) != 1 || ws[i].errs[0] != nil {
			t.Fatalf("waiter %d was told %v, %v, want once", i, ws[i].told, ws[i].errs)
		}
		ws[i].mu.Unlock()
	}
}

func testContexts(t *testing.T, s store.Store) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	b := store.Batch{Fences: []store.Fence{{Key: []byte("none")}}}
	b.Put([]byte("k"), []byte("v"))
	for range 100 {
		// Either is right: it was quick, or it was given up.
		if _, err := s.Commit(ctx, &b); err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, store.ErrConflict) {
			t.Fatalf("Commit with an ended context: %v", err)
		}
		b.Ops[0].Value[0]++ // ours again
	}
	submit(t, s, logA, "x")
	if err := s.Sync(ctx); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("Sync with an ended context: %v", err)
	}
	syncAll(t, s)
}

func testDocumentFences(t *testing.T, s store.Store) {
	b := store.Batch{Log: logA, Entries: [][]byte{[]byte("created")}}
	b.Put([]byte("k"), []byte("1"))
	b.Fences = []store.Fence{{Key: []byte("k"), Revision: 0}}
	if _, _, err := s.Submit(&b); err == nil {
		t.Errorf("Submit with fences was accepted")
	}
	if first, err := commit(s, &b); err != nil || first != 1 {
		t.Fatalf("Commit of a new document = %d, %v, want 1", first, err)
	}
	if _, err := commit(s, &b); !errors.Is(err, store.ErrConflict) {
		t.Fatalf("Commit of a document that exists: %v, want ErrConflict", err)
	}
	if first, last := s.Bounds(logA); first != 1 || last != 1 {
		t.Errorf("Bounds after a refused Commit = %d, %d, want 1, 1", first, last)
	}
	d, err := s.Get([]byte("k"))
	if err != nil || d.Revision == 0 {
		t.Fatalf("Get = %+v, %v", d, err)
	}
	b.Fences[0].Revision = d.Revision
	if first, err := commit(s, &b); err != nil || first != 2 {
		t.Errorf("Commit at the right revision = %d, %v, want 2", first, err)
	}
	if _, err := commit(s, &b); !errors.Is(err, store.ErrConflict) {
		t.Errorf("Commit at an old revision: %v, want ErrConflict", err)
	}
	// All fences must hold, and a batch of fences alone is a question.
	b.Reset()
	b.Fences = []store.Fence{{Key: []byte("none")}, {Key: []byte("k"), Revision: 1 << 60}}
	if _, err := commit(s, &b); !errors.Is(err, store.ErrConflict) {
		t.Errorf("Commit with one fence of two: %v, want ErrConflict", err)
	}
	b.Fences = b.Fences[:1]
	if _, err := commit(s, &b); err != nil {
		t.Errorf("Commit of nothing with a fence that holds: %v", err)
	}
	// A fence sees what is queued before it.
	var q store.Batch
	q.Put([]byte("queued"), nil)
	q.DeletePrefix([]byte("k"))
	if _, _, err := s.Submit(&q); err != nil {
		t.Fatalf("Submit: %v", err)
	}
	b.Fences = []store.Fence{{Key: []byte("queued")}}
	if _, err := commit(s, &b); !errors.Is(err, store.ErrConflict) {
		t.Errorf("Commit behind a queued write: %v, want ErrConflict", err)
	}
	b.Fences = []store.Fence{{Key: []byte("k")}}
	if _, err := commit(s, &b); err != nil {
		t.Errorf("Commit behind a queued removal: %v", err)
	}
}

func testLogFences(t *testing.T, s store.Store) {
	other := store.LogID{Namespace: "other"}
	b := store.Batch{Log: logA, Entries: [][]byte{[]byte("x")}, Fences: []store.Fence{{Log: &logA, Last: 0}}}
	if first, err := commit(s, &b); err != nil || first != 1 {
		t.Fatalf("Commit to an empty log = %d, %v, want 1", first, err)
	}
	if _, err := commit(s, &b); !errors.Is(err, store.ErrConflict) {
		t.Errorf("Commit with last 0 at 1: %v, want ErrConflict", err)
	}
	submit(t, s, logA, "y", "z") // queued, and counted
	b.Fences[0].Last = 3
	if first, err := commit(s, &b); err != nil || first != 4 {
		t.Errorf("Commit behind what is queued = %d, %v, want 4", first, err)
	}
	b.Fences[0] = store.Fence{Log: &other, Last: 1}
	if _, err := commit(s, &b); !errors.Is(err, store.ErrConflict) {
		t.Errorf("Commit with a log never written at 1: %v, want ErrConflict", err)
	}
}

// testContention counts with fences from many goroutines beside plain traffic.
func testContention(t *testing.T, s store.Store) {
	const workers, each = 6, 25
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for done := 0; done < each; {
				d, err := s.Get([]byte("n"))
				if err != nil && !errors.Is(err, store.ErrNotFound) {
					t.Errorf("Get: %v", err)
					return
				}
				n := 0
				fmt.Sscan(string(d.Value), &n)
				b := store.Batch{Log: logA, Entries: [][]byte{fmt.Append(nil, n+1)}}
				b.Put([]byte("n"), b.Entries[0])
				b.Fences = []store.Fence{{Key: []byte("n"), Revision: d.Revision}}
				switch _, err := commit(s, &b); {
				case err == nil:
					done++
				case !errors.Is(err, store.ErrConflict):
					t.Errorf("Commit: %v", err)
					return
				}
				submit(t, s, store.LogID{Namespace: "noise"}, "x")
			}
		})
	}
	wg.Wait()
	got := readAll(t, s, logA, 1)
	for i, e := range got {
		if want := fmt.Sprintf("%d:%d", i+1, i+1); e != want {
			t.Fatalf("entry %q, want %q: two won, or one was lost", e, want)
		}
	}
	if len(got) != workers*each {
		t.Errorf("%d entries, want %d", len(got), workers*each)
	}
}

func testClosed(t *testing.T, s store.Store) {
	w := &waiter{}
	_, ticket := submit(t, s, logA, "x")
	s.Notify(ticket, w)
	if err := s.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	if len(w.told) != 1 || w.errs[0] != nil {
		t.Errorf("waiter was told %v, %v by Close, want once that it is durable", w.told, w.errs)
	}
	var b store.Batch
	b.Put([]byte("k"), nil)
	for name, err := range map[string]error{
		"Submit":        second(s.Submit(&b)),
		"Truncate":      s.Truncate(logA, 1, 2),
		"DropNamespace": s.DropNamespace("a"),
		"Read":          s.Read(logA, 1, func(store.Position, []byte) bool { return true }),
		"List":          s.List(nil, nil, func(store.Document) bool { return true }),
	} {
		if !errors.Is(err, store.ErrClosed) {
			t.Errorf("%s after Close: %v, want ErrClosed", name, err)
		}
	}
	if _, err := commit(s, &b); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Commit after Close: %v, want ErrClosed", err)
	}
	if _, err := s.ReadAt(logA, 1); !errors.Is(err, store.ErrClosed) {
		t.Errorf("ReadAt after Close: %v, want ErrClosed", err)
	}
	if _, err := s.Get([]byte("k")); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Get after Close: %v, want ErrClosed", err)
	}
	late := &waiter{}
	s.Notify(ticket+5, late)
	if len(late.told) != 1 || !errors.Is(late.errs[0], store.ErrClosed) {
		t.Errorf("waiter after Close was told %v, %v, want ErrClosed", late.told, late.errs)
	}
	if err := s.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

func second(_ store.Position, _ store.Ticket, err error) error { return err }

func testStats(t *testing.T, s store.Store) {
	submit(t, s, logA, "1234", "5678")
	syncAll(t, s)
	st := s.Stats()
	if st.Groups == 0 || st.Entries != 2 || st.Bytes < 8 || st.Full || st.Damaged != 0 || st.CommitWait <= 0 {
		t.Errorf("Stats = %+v", st)
	}
	groups := uint64(0)
	for _, n := range st.Waits {
		groups += n
	}
	if groups != st.Groups || st.WaitSum < st.CommitWait {
		t.Errorf("waits %v, %v in all, of %d groups", st.Waits, st.WaitSum, st.Groups)
	}
	if d := s.Damaged(); len(d) != 0 {
		t.Errorf("Damaged = %v", d)
	}
}
