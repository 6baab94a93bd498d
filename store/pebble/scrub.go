package pebble

import (
	"bytes"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"gridmq/store"
	"gridmq/store/internal/commit"
)

// scrubPause is how often the same table is looked through.
const scrubPause = time.Minute

// scrubs remembers which tables were looked through.
type scrubs struct {
	mu   sync.Mutex
	last map[string]time.Time // by path
}

func (s *scrubs) due(path string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t, ok := s.last[path]; ok && time.Since(t) < scrubPause {
		return false
	}
	if s.last == nil {
		s.last = map[string]time.Time{}
	}
	s.last[path] = time.Now()
	return true
}

// corrupt is told by Pebble that it could not read a block, be it for a reader or
// for a compaction, which it will try again and again: what is unreadable must be
// found and cut out. The goroutine ends with the table; Close waits for it.
func (s *Store) corrupt(i pebble.DataCorruptionInfo) {
	if s.commits.Load() == nil || !s.scrubs.due(i.Path) || s.enter() != nil {
		return
	}
	s.log.Error("pebble found a damaged file", "path", i.Path, "err", i.Details)
	bounds := i.Bounds.Clone()
	go func() {
		defer s.gate.leave()
		s.commits.Load().Each(func(log *commit.Log) { s.scrub(log, bounds.Start, bounds.End.Key) })
	}()
}

// scrub reads the records of log between two keys, so that damage among them is
// reported and set aside. Documents are looked at by those who want them.
func (s *Store) scrub(log *commit.Log, from, to []byte) {
	prefix := appendLog(nil, logSpace, log.ID)
	if bytes.Compare(to, prefix) < 0 || bytes.Compare(from, after(prefix)) >= 0 {
		return
	}
	w := walk{s: s, log: log, at: 1, end: log.Durable() + 1, visit: func(store.Position, []byte) bool { return !s.ended.Load() }}
	if len(from) >= len(prefix)+8 && bytes.HasPrefix(from, prefix) {
		if at := positionOf(from[len(prefix):]); at > maxEntries { // where the first record ends
			w.at = at - maxEntries
		}
	}
	if len(to) >= len(prefix)+8 && bytes.HasPrefix(to, prefix) {
		w.end = min(w.end, positionOf(to[len(prefix):])+1)
	}
	_ = w.all() // has been reported
}
