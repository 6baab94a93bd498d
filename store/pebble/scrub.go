package pebble

import (
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// mendPause is how long nothing is done about a table that could not be mended.
const mendPause = time.Minute

// mends is what is to be done about damaged tables, by the committer, since nobody
// else may write meanwhile.
type mends struct {
	mu     sync.Mutex
	tables map[string]*mend // by path
	asked  []func(*writer)  // not done yet
}

// A mend is the cutting out of what cannot be read in one table.
type mend struct {
	over bool
	err  error
	at   time.Time // when it was over
}

// begin returns the mend of a table, and whether it is for the caller to do.
func (m *mends) begin(path string) (x *mend, isNew bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	x = m.tables[path]
	if x != nil && (!x.over || x.err != nil && time.Since(x.at) < mendPause) {
		return x, false
	}
	if m.tables == nil {
		m.tables = map[string]*mend{}
	}
	x = new(mend)
	m.tables[path] = x
	return x, true
}

func (m *mends) finish(x *mend, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	x.over, x.err, x.at = true, err, time.Now()
}

func (m *mends) result(x *mend) (err error, over bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return x.err, x.over
}

// begun lists what was begun and is not over.
func (m *mends) begun() map[string]*mend {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := map[string]*mend{}
	for path, x := range m.tables {
		if !x.over {
			list[path] = x
		}
	}
	return list
}

// taken is what is to be done now.
func (m *mends) taken() []func(*writer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := m.asked
	m.asked = nil
	return list
}

// corrupt is told by Pebble that it could not read a block, be it for a reader or
// for a compaction, which it will try again and again: what is unreadable must be
// cut out. It may be called by the committer, and must not wait.
func (s *Store) corrupt(i pebble.DataCorruptionInfo) {
	x, isNew := s.mends.begin(i.Path)
	if !isNew {
		return
	}
	s.log.Error("pebble found a damaged file", "path", i.Path, "err", i.Details.Error())
	if s.commits.Load() != nil { // or Open does it
		s.askMend(i.Path, x)
	}
}
