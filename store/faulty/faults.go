package faulty

import (
	"sync"

	"gridmq/store"
)

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
	full  bool
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

// refuses says how a full disk refuses b, if it is full.
func (f *faults) refuses(b *store.Batch) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.full && !b.MakesRoom() {
		return store.ErrFull
	}
	return nil
}

// Fill makes the store behave as on a full disk, until Heal: Submit and Commit
// fail with store.ErrFull, but for batches that make room. Fail(Submit,
// store.ErrFull) is the disk whose slack is used up as well.
func (s *Store) Fill() {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.full = true
}

// Full is store.Store.Full.
func (s *Store) Full() bool {
	s.faults.mu.Lock()
	full := s.faults.full
	s.faults.mu.Unlock()
	return full || s.inner.Full()
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
// none is named; then what Fill asked for as well.
func (s *Store) Heal(kinds ...Call) {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	if len(kinds) == 0 {
		s.faults.plans, s.faults.full = [calls]plan{}, false
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
