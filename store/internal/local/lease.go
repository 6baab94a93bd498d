// Package local is the lease and the bus of a store that one node has for
// itself: nobody to compete with, nobody to talk to but this process.
//
// Units: a lease lasts as long as its holder said.
// Errors: store.ErrConflict for an epoch that is over.
package local

import (
	"context"
	"sync"
	"time"

	"gridmq/store"
)

// Leases grants every name at once, since there is one node. Taking a name
// again before it is over renews it under the same epoch.
type Leases struct {
	mu    sync.Mutex
	epoch uint64 // the newest that was given
	held  map[string]held
}

type held struct {
	epoch uint64
	until time.Time
}

// NewLeases starts counting epochs above floor, which must grow from one start
// of the store to the next.
func NewLeases(floor uint64) *Leases {
	return &Leases{epoch: floor, held: map[string]held{}}
}

func (l *Leases) Acquire(ctx context.Context, name string, d time.Duration) (uint64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	h, ok := l.held[name]
	if !ok || now.After(h.until) {
		l.epoch++
		h.epoch = l.epoch
	}
	h.until = now.Add(d)
	l.held[name] = h
	return h.epoch, nil
}

func (l *Leases) Release(ctx context.Context, name string, epoch uint64) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if h, ok := l.held[name]; !ok || h.epoch != epoch {
		return store.ErrConflict
	}
	delete(l.held, name)
	return nil
}
