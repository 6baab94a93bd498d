package pebble

import (
	"context"
	"fmt"
	"math"

	"gridmq/store"
)

// Submit is store.Store.Submit.
func (s *Store) Submit(b *store.Batch) (first store.Position, t store.Ticket, err error) {
	if err := fits(b); err != nil {
		return 0, 0, err
	}
	return s.Front.Submit(b)
}

// Commit is store.Store.Commit.
func (s *Store) Commit(ctx context.Context, b *store.Batch) (first store.Position, err error) {
	if err := fits(b); err != nil {
		return 0, err
	}
	return s.Front.Commit(ctx, b)
}

// fits says whether the name of a new log fits into keys, which have two bytes for
// its length (appendLog). What does not can only be asked for in vain: there is no
// such log.
func fits(b *store.Batch) error {
	if n := len(b.Log.Namespace); n > math.MaxUint16 && len(b.Entries) > 0 {
		return fmt.Errorf("store: a namespace of %d bytes, want at most %d", n, math.MaxUint16)
	}
	return nil
}
