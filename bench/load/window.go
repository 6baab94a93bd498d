package load

import "sync/atomic"

// A window bounds the deliveries that a publisher has caused and the receivers
// have not yet seen. The publisher takes, the receivers give back.
type window struct {
	limit int64        // deliveries
	out   atomic.Int64 // taken and not given back
	bell
}

// free is what may be taken now.
func (w *window) free() int64 { return w.limit - w.out.Load() }

// give returns n deliveries. The publisher is woken once half the window is
// free: waking it for each message would make it send each on its own.
func (w *window) give(n int64) {
	if w.out.Add(-n) <= w.limit/2 {
		w.ring()
	}
}

// A bell wakes one goroutine that has nothing to do. The sleeper says arm, looks
// once more for work, and only then waits on c; so no ring is missed.
type bell struct {
	armed atomic.Bool
	c     chan struct{} // capacity 1
}

func newBell() bell { return bell{c: make(chan struct{}, 1)} }

func (b *bell) ring() {
	if b.armed.Load() {
		select {
		case b.c <- struct{}{}:
		default: // it has been rung
		}
	}
}
