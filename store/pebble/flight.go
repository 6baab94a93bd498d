package pebble

import (
	"bytes"
	"sync"
	"unsafe"

	"gridmq/store"
	"gridmq/store/internal/commit"
)

// flight is the changes of the table that are being written. Pebble shows them
// before they are synced; readers of the table may see only what is durable, so
// whoever wants one of these documents waits for the sync, and nobody else does.
type flight struct {
	mu       sync.RWMutex // held for reading while a reader takes its view of the database
	keys     map[string]struct{}
	prefixes [][]byte
	landed   chan struct{} // nil when nothing is under way

	turn sync.RWMutex // before mu; held for reading by a reader who has waited in vain
}

// takeOff announces the changes of g. It must come before they are applied.
func (f *flight) takeOff(g *commit.Group) {
	f.turn.Lock() // after those who have waited
	defer f.turn.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.landed = make(chan struct{})
	if f.keys == nil {
		f.keys = map[string]struct{}{}
	}
	for _, op := range g.Ops {
		if op.Prefix {
			f.prefixes = append(f.prefixes, op.Key)
			continue
		}
		// The group outlives its entry here.
		f.keys[unsafe.String(unsafe.SliceData(op.Key), len(op.Key))] = struct{}{}
	}
}

// land ends the waiting.
func (f *flight) land() {
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.landed)
	f.landed = nil
	f.prefixes = f.prefixes[:0]
	if len(f.keys) > 10_000 {
		f.keys = nil // does not shrink by itself
	}
	clear(f.keys)
}

// concerns says whether the document of key is under way.
func (f *flight) concerns(key []byte) bool {
	if _, ok := f.keys[string(key)]; ok {
		return true
	}
	for _, p := range f.prefixes {
		if bytes.HasPrefix(key, p) {
			return true
		}
	}
	return false
}

// touches says whether a document with the prefix is under way.
func (f *flight) touches(prefix []byte) bool {
	for k := range f.keys {
		if bytes.HasPrefix(unsafe.Slice(unsafe.StringData(k), len(k)), prefix) {
			return true
		}
	}
	for _, p := range f.prefixes {
		if bytes.HasPrefix(p, prefix) || bytes.HasPrefix(prefix, p) {
			return true
		}
	}
	return false
}

// view calls take when nothing that concerns the reader is under way, which
// stays so until take returns.
func (s *Store) view(underWay func(*flight) bool, take func()) error {
	f := &s.flight
	for round := 0; ; round++ {
		if round == 2 { // the committer was faster, twice
			f.turn.RLock()
			defer f.turn.RUnlock()
		}
		f.mu.RLock()
		if f.landed == nil || !underWay(f) {
			take()
			f.mu.RUnlock()
			return nil
		}
		landed := f.landed
		f.mu.RUnlock()
		select {
		case <-landed:
		case <-s.Failed():
			return store.ErrClosed
		}
	}
}
