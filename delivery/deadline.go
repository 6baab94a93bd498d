package delivery

import (
	"container/heap"
	"sync"
	"time"
)

// A deadline is when something has to be looked at: a queue, a stream. Its fire runs
// on the plane's goroutine, once for each time that it is set.
type deadline struct {
	at    int64 // ms
	index int   // in the heap; -1: not there
	fire  func()
}

// deadlines is the one heap of a plane.
type deadlines struct {
	mu   sync.Mutex
	heap deadlineHeap
	wake chan struct{} // capacity 1: the first one has changed
}

// set makes x fire at the time; 0: not at all.
func (d *deadlines) set(x *deadline, at int64) { d.put(x, at, false) }

// advance makes x fire at the time if it would not earlier.
func (d *deadlines) advance(x *deadline, at int64) { d.put(x, at, true) }

func (d *deadlines) put(x *deadline, at int64, earlier bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	there := x.index >= 0
	switch {
	case earlier && there && x.at <= at, there && x.at == at:
		return
	case at == 0:
		if there {
			heap.Remove(&d.heap, x.index)
		}
		return
	}
	x.at = at
	if there {
		heap.Fix(&d.heap, x.index)
	} else {
		heap.Push(&d.heap, x)
	}
	if x.index == 0 {
		select {
		case d.wake <- struct{}{}:
		default:
		}
	}
}

// due takes the first deadline that is due off the heap; or says how long until one is.
func (d *deadlines) due(now int64) (x *deadline, wait time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.heap) == 0 {
		return nil, time.Hour
	}
	if first := d.heap[0]; first.at > now {
		return nil, min(time.Duration(first.at-now)*time.Millisecond, time.Hour)
	}
	return heap.Pop(&d.heap).(*deadline), 0
}

// run fires what is due until the plane closes.
func (p *Plane) run() {
	defer close(p.done)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for p.ctx.Err() == nil {
		x, wait := p.deadlines.due(millis(time.Now()))
		if x != nil {
			x.fire()
			continue
		}
		timer.Reset(wait)
		select {
		case <-p.ctx.Done():
		case <-p.deadlines.wake:
		case <-timer.C:
		}
	}
}

type deadlineHeap []*deadline

func (h deadlineHeap) Len() int           { return len(h) }
func (h deadlineHeap) Less(i, j int) bool { return h[i].at < h[j].at }
func (h deadlineHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *deadlineHeap) Push(x any) {
	d := x.(*deadline)
	d.index = len(*h)
	*h = append(*h, d)
}

func (h *deadlineHeap) Pop() any {
	last := len(*h) - 1
	d := (*h)[last]
	d.index = -1
	(*h)[last] = nil
	*h = (*h)[:last]
	return d
}
