// Package storetest is the suite that every engine of the store passes: the
// promises of package store, alone, under concurrency, and in random histories
// against a slow model.
//
// Source: the contract in package store; design.md section 4.
package storetest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"gridmq/store"
)

// TB is what a *testing.T and a *rapid.T have in common.
type TB interface {
	Helper()
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Cleanup(func())
}

// Options says what an engine can do.
type Options struct {
	// Reopen closes s and opens its place again. Nil: nothing outlives Close.
	Reopen func(t TB, s store.Store) store.Store
	// BatchEntries bounds the entries of one random batch. Default 6.
	BatchEntries int
	// Small makes a new, empty store that is full after some MiB, which the
	// suite closes. Nil: it cannot be full, or not here.
	Small func(t *testing.T) store.Store
	// SkipHistories leaves the random histories out, where syncs are slow and
	// the same engine runs them elsewhere.
	SkipHistories bool
}

// Test runs the suite. open makes a new, empty store; the suite closes it.
func Test(t *testing.T, open func(t TB) store.Store, o Options) {
	if o.BatchEntries == 0 {
		o.BatchEntries = 6
	}
	tests := []struct {
		name string
		run  func(*testing.T, store.Store)
	}{
		{"positions have no gaps", testPositions},
		{"positions under concurrency", testConcurrentPositions},
		{"batches are copied", testCopied},
		{"batches are atomic", testAtomic},
		{"tickets and waiters in order", testTickets},
		{"waiters exactly once", testWaiters},
		{"sync and commit end with their context", testContexts},
		{"documents", testDocuments},
		{"list", testList},
		{"revisions grow", testRevisions},
		{"watch", testWatch},
		{"fences on documents", testDocumentFences},
		{"fences on logs", testLogFences},
		{"fences under contention", testContention},
		{"read", testRead},
		{"entries stay valid", testStable},
		{"truncate", testTruncate},
		{"truncate piece by piece", testTruncatePieces},
		{"drop a namespace", testDropNamespace},
		{"logs are apart", testLogsApart},
		{"lease", testLease},
		{"bus", testBus},
		{"closed", testClosed},
		{"stats", testStats},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := open(t)
			t.Cleanup(func() { s.Close() })
			test.run(t, s)
		})
	}
	if o.Reopen != nil {
		t.Run("reopen", func(t *testing.T) { testReopen(t, open(t), o) })
	}
	if o.Small != nil {
		t.Run("full", func(t *testing.T) {
			s := o.Small(t)
			defer s.Close() // before its place goes
			testFull(t, s)
		})
	}
	if !o.SkipHistories {
		t.Run("histories", func(t *testing.T) { testHistories(t, open, o) })
	}
}

var logA = store.LogID{Namespace: "a"}

// submit submits entries to log and fails the test if that fails.
func submit(t TB, s store.Store, log store.LogID, entries ...string) (store.Position, store.Ticket) {
	t.Helper()
	b := store.Batch{Log: log}
	for _, e := range entries {
		b.Entries = append(b.Entries, []byte(e))
	}
	first, ticket, err := s.Submit(&b)
	if err != nil {
		t.Fatalf("Submit(%v, %q): %v", log, entries, err)
	}
	return first, ticket
}

func syncAll(t TB, s store.Store) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := s.Sync(ctx); err != nil {
		t.Fatalf("Sync: %v", err)
	}
}

// commit commits b, with time enough.
func commit(s store.Store, b *store.Batch) (store.Position, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return s.Commit(ctx, b)
}

// readAll returns what Read visits, as "position:entry".
func readAll(t TB, s store.Store, log store.LogID, from store.Position) []string {
	t.Helper()
	var got []string
	err := s.Read(log, from, func(pos store.Position, e []byte) bool {
		got = append(got, fmt.Sprintf("%d:%s", pos, e))
		return true
	})
	if err != nil {
		t.Fatalf("Read(%v, %d): %v", log, from, err)
	}
	return got
}

// waiter counts what it is told.
type waiter struct {
	mu   sync.Mutex
	told []store.Ticket
	errs []error
	ch   chan struct{} // one for each time, when not nil
}

func (w *waiter) Committed(t store.Ticket, err error) {
	w.mu.Lock()
	w.told, w.errs = append(w.told, t), append(w.errs, err)
	w.mu.Unlock()
	if w.ch != nil {
		w.ch <- struct{}{}
	}
}

// Eventually fails the test if ok does not become true within 20 seconds.
func Eventually(t TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}
