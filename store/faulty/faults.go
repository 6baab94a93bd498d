package faulty

import "sync"

// A Call is a kind of call that can fail.
type Call uint8

// The kinds of calls, named as the methods of store.Store, Lease and Bus.
const (
	Submit Call = iota
	Commit
	Notify
	Sync
	Read
	ReadAt
	Truncate
	DropNamespace
	Get
	List
	Close
	Acquire
	Release
	Publish
	Subscribe
	calls // their number
)

var names = [calls]string{
	"Submit", "Commit", "Notify", "Sync", "Read", "ReadAt", "Truncate", "DropNamespace",
	"Get", "List", "Close", "Acquire", "Release", "Publish", "Subscribe",
}

func (c Call) String() string { return names[c] }

// faults is what was asked for. The zero value fails nothing.
type faults struct {
	mu    sync.Mutex
	count [calls]int
	plans [calls]plan
}

// A plan fails the call whose number is nth, or every one.
type plan struct {
	nth   map[int]error
	every error
}

// next counts a call and says how it fails.
func (f *faults) next(c Call) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count[c]++
	p := &f.plans[c]
	if err, ok := p.nth[f.count[c]]; ok {
		delete(p.nth, f.count[c])
		return err
	}
	return p.every
}

// Fail makes every call of kind c fail with err, until Heal.
func (s *Store) Fail(c Call, err error) {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.plans[c].every = err
}

// FailNth makes one call of kind c fail with err: the n-th from now on, 1 being
// the next. Several may be asked for.
func (s *Store) FailNth(c Call, n int, err error) {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	p := &s.faults.plans[c]
	if p.nth == nil {
		p.nth = map[int]error{}
	}
	p.nth[s.faults.count[c]+n] = err
}

// Heal forgets what Fail and FailNth asked for: of these kinds, or of all when
// none is named.
func (s *Store) Heal(kinds ...Call) {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	if len(kinds) == 0 {
		s.faults.plans = [calls]plan{}
	}
	for _, c := range kinds {
		s.faults.plans[c] = plan{}
	}
}

// Calls is how many calls of kind c there have been, failed ones included.
func (s *Store) Calls(c Call) int {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	return s.faults.count[c]
}
