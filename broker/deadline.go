package broker

import (
	"container/heap"
	"sync"
	"time"
)

// A deadline is one entry of the heap. fire returns the time of the next visit
// in Unix milliseconds, or 0: an entry whose time has moved (keep alive) is not
// touched until it comes up, so activity costs nothing.
type deadline struct {
	at    int64
	index int // in the heap; -1 outside
	dead  bool
	fire  func(now int64) (again int64)
}

// deadlines holds everything that happens at a time: keep alive, session
// expiry, delayed wills, held acknowledgements, retained messages that expire.
type deadlines struct {
	mu   sync.Mutex
	heap deadlineHeap
	wake chan struct{}
}

func newDeadlines() *deadlines { return &deadlines{wake: make(chan struct{}, 1)} }

// add makes an entry that fires at the given time.
func (d *deadlines) add(at int64, fire func(now int64) int64) *deadline {
	e := &deadline{at: at, fire: fire, index: -1}
	d.reset(e, at)
	return e
}

// reset moves an entry; one that has fired or was removed comes back.
func (d *deadlines) reset(e *deadline, at int64) {
	d.mu.Lock()
	e.dead = false
	d.place(e, at)
}

// place puts e at its time and unlocks d.
func (d *deadlines) place(e *deadline, at int64) {
	e.at = at
	if e.index < 0 {
		heap.Push(&d.heap, e)
	} else {
		heap.Fix(&d.heap, e.index)
	}
	first := d.heap[0] == e
	d.mu.Unlock()
	if first {
		select {
		case d.wake <- struct{}{}:
		default:
		}
	}
}

// remove takes an entry out. It may be firing at this moment. nil is fine.
func (d *deadlines) remove(e *deadline) {
	if e == nil {
		return
	}
	d.mu.Lock()
	e.dead = true
	if e.index >= 0 {
		heap.Remove(&d.heap, e.index)
	}
	d.mu.Unlock()
}

// run fires entries, one after another, until stop is closed.
func (d *deadlines) run(stop <-chan struct{}) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Reset(d.fireDue())
		select {
		case <-timer.C:
		case <-d.wake:
		case <-stop:
			return
		}
	}
}

// fireDue fires what is due and returns how long to wait for the next.
func (d *deadlines) fireDue() time.Duration {
	for {
		now := time.Now().UnixMilli()
		d.mu.Lock()
		if len(d.heap) == 0 {
			d.mu.Unlock()
			return time.Hour
		}
		e := d.heap[0]
		if wait := e.at - now; wait > 0 {
			d.mu.Unlock()
			return time.Duration(min(wait, 3_600_000)) * time.Millisecond
		}
		heap.Pop(&d.heap)
		d.mu.Unlock()
		if again := e.fire(now); again != 0 {
			d.mu.Lock()
			if e.dead || e.index >= 0 { // removed or moved meanwhile
				d.mu.Unlock()
				continue
			}
			d.place(e, max(again, now+1))
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
	e := x.(*deadline)
	e.index = len(*h)
	*h = append(*h, e)
}

func (h *deadlineHeap) Pop() any {
	old := *h
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	e.index = -1
	return e
}
