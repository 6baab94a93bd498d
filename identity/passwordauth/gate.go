package passwordauth

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"time"
)

// A Gate bounds how many passwords are checked at once, which take 19 MiB each and
// at most 64, and how many wait for their turn.
type Gate struct {
	slots   chan struct{} // who waits is served in order
	waiting atomic.Int64
	most    int64
	wait    time.Duration
}

var (
	errFull = errors.New("the queue is full")
	errLong = errors.New("the wait was too long")
)

// NewGate makes a gate for this many checks at once and this many that wait, each
// no longer than wait.
func NewGate(atOnce, waiting int, wait time.Duration) *Gate {
	return &Gate{slots: make(chan struct{}, max(1, atOnce)), most: int64(waiting), wait: wait}
}

// shared is the gate of the process: namespaces share its memory. In ten seconds a
// processor checks 400; more would wait in vain, and do better to come back later.
var shared = NewGate(runtime.GOMAXPROCS(0), max(1024, 400*runtime.GOMAXPROCS(0)), 10*time.Second)

// enter waits for a place; leave gives it back.
func (g *Gate) enter(ctx context.Context) error {
	select {
	case g.slots <- struct{}{}:
		return nil
	default:
	}
	defer g.waiting.Add(-1)
	if g.waiting.Add(1) > g.most {
		return errFull
	}
	ctx, stop := context.WithTimeoutCause(ctx, g.wait, errLong)
	defer stop()
	select {
	case g.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (g *Gate) leave() { <-g.slots }
