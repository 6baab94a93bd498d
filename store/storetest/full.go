package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"gridmq/store"
)

// noise is n bytes that do not compress.
func noise(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(n), byte(n >> 8)}).Read(b)
	return b
}

// lump is the size of what fills the store: an entry or a document.
const lump = 16 << 10

// refused says whether b is refused with ErrFull for half a second on end. What is
// accepted meanwhile is durable when it returns.
func refused(t TB, s store.Store, b *store.Batch) bool {
	t.Helper()
	defer syncAll(t, s)
	for range 100 {
		_, _, err := s.Submit(b)
		switch {
		case err == nil:
			return false
		case !errors.Is(err, store.ErrFull):
			t.Fatalf("Submit to a store that is nearly full: %v", err)
		}
		time.Sleep(5 * time.Millisecond) // what it does of its own may free or take some
	}
	return true
}

// fill submits b until it is refused. It must not be accepted for ever.
func fill(t TB, s store.Store, b *store.Batch, bound int) (accepted int) {
	t.Helper()
	for ; !refused(t, s, b); accepted++ {
		if accepted == bound {
			t.Fatalf("%d batches of %d bytes were accepted, and there is no end", bound, len(b.Entries[0]))
		}
	}
	return accepted
}

// testFull fills a small store: what may pile up is refused, what makes room is
// accepted until the slack is used up, and what was stored is there.
func testFull(t *testing.T, s store.Store) {
	more := store.Batch{Log: logA, Entries: [][]byte{noise(lump)}}
	var docs store.Batch
	for _, k := range []string{"doc", "gone", "all/1", "all/2"} {
		docs.Put([]byte(k), noise(100))
	}
	if _, err := commit(s, &docs); err != nil {
		t.Fatalf("Commit: %v", err)
	}
	fill(t, s, &more, 10_000)
	// An engine that tidies up may have room again for a moment; an entry takes it.
	Eventually(t, "it says that it is full", func() bool {
		return errors.Is(second(s.Submit(&more)), store.ErrFull) && s.Full() && s.Stats().Full
	})
	syncAll(t, s)
	fullRewrites(t, s)
	fullRemoves(t, s)
	fullSlack(t, s)

	_, last := s.Bounds(logA)
	if e, err := s.ReadAt(logA, 1); err != nil || !bytes.Equal(e, more.Entries[0]) {
		t.Errorf("ReadAt = %d bytes, %v", len(e), err)
	}
	if err := s.Truncate(logA, 1, last+1); err != nil {
		t.Fatalf("Truncate of a store without room: %v", err)
	}
	event := store.Batch{Log: logA, Entries: [][]byte{[]byte("done")}, Frees: true}
	Eventually(t, "an event is accepted when there is room again", func() bool { return second(s.Submit(&event)) == nil })
	Eventually(t, "entries are accepted when there is room again", func() bool { return second(s.Submit(&more)) == nil })
	Eventually(t, "it is not full", func() bool { return !s.Full() })
	syncAll(t, s)
}

// fullRewrites writes a document again and again, in both ways of submitting.
func fullRewrites(t *testing.T, s store.Store) {
	var b store.Batch
	b.Put([]byte("doc"), noise(lump))
	if !refused(t, s, &b) {
		t.Errorf("a document was accepted like work that makes room")
	}
	for i := range 50 {
		b.Reset()
		b.Frees = true
		b.Put([]byte("doc"), fmt.Append(noise(100), i))
		if i%2 == 1 {
			d, err := s.Get([]byte("doc"))
			if err != nil {
				t.Fatalf("Get: %v", err)
			}
			b.Fences = []store.Fence{{Key: d.Key, Revision: d.Revision}}
		}
		if _, err := commit(s, &b); err != nil {
			t.Fatalf("rewriting %d of a document on a full disk: %v", i+1, err)
		}
		if d, err := s.Get([]byte("doc")); err != nil || !bytes.Equal(d.Value, b.Ops[0].Value) {
			t.Fatalf("Get after rewriting %d = %d bytes, %v", i+1, len(d.Value), err)
		}
	}
}

// fullRemoves removes documents without saying that this makes room.
func fullRemoves(t *testing.T, s store.Store) {
	var b store.Batch
	b.Delete([]byte("gone"))
	b.DeletePrefix([]byte("all/"))
	if _, err := commit(s, &b); err != nil {
		t.Fatalf("removing documents on a full disk: %v", err)
	}
	for _, k := range []string{"gone", "all/1", "all/2"} {
		if _, err := s.Get([]byte(k)); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Get(%q) after its removal: %v", k, err)
		}
	}
}

// fullSlack uses the slack up, against the contract: that must have an end, and be
// the only harm.
func fullSlack(t *testing.T, s store.Store) {
	large := store.Batch{Log: logA, Entries: [][]byte{noise(lump)}, Frees: true}
	small := store.Batch{Log: logA, Entries: [][]byte{noise(lump / 8)}, Frees: true}
	if n := fill(t, s, &large, 10_000); n == 0 {
		t.Errorf("no entry of %d bytes is accepted as making room: there is hardly any slack", lump)
	}
	fill(t, s, &small, 10_000)
	plain := store.Batch{Log: logA, Entries: [][]byte{noise(lump)}}
	if !refused(t, s, &plain) {
		t.Errorf("more was accepted without slack")
	}
}
