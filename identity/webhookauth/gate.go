package webhookauth

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// A gate lets so many in at once; so many more wait. Those who wait hold nothing
// but their own goroutine.
type gate struct {
	places  chan struct{}
	most    int64
	waiting atomic.Int64
}

func newGate(places, queue int) *gate {
	return &gate{places: make(chan struct{}, places), most: int64(queue)}
}

// enter takes a place, at once or within the time. Whoever has entered leaves.
func (g *gate) enter(ctx context.Context, within time.Duration) error {
	select {
	case g.places <- struct{}{}:
		return nil
	default:
	}
	defer g.waiting.Add(-1)
	if g.waiting.Add(1) > g.most {
		return &failure{class: "QueueFull", err: errors.New("the queue is full")}
	}
	late := time.NewTimer(within)
	defer late.Stop()
	select {
	case g.places <- struct{}{}:
		return nil
	case <-late.C:
		return &failure{class: "QueueTimeout", err: errors.New("no call could be started in time")}
	case <-ctx.Done():
		return &failure{class: "Canceled", err: context.Cause(ctx)}
	}
}

func (g *gate) leave() { <-g.places }
