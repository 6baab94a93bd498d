package listener

import "sync/atomic"

// A Budget is how many connections several listeners may have open together: each
// takes a file descriptor, and the store needs some as well. Without any it fails.
type Budget struct {
	max  int64
	open atomic.Int64
}

// NewBudget allows so many connections, one at least.
func NewBudget(connections int) *Budget { return &Budget{max: int64(max(1, connections))} }

// Max is how many that are.
func (b *Budget) Max() int { return int(b.max) }

// take is for a nil Budget too, which has no limit.
func (b *Budget) take() bool {
	if b == nil {
		return true
	}
	if b.open.Add(1) > b.max {
		b.open.Add(-1)
		return false
	}
	return true
}

func (b *Budget) give() {
	if b != nil {
		b.open.Add(-1)
	}
}
