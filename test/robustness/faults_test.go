package robustness

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"gridmq/internal/bubble"
	"gridmq/store"
	"gridmq/store/faulty"
)

// TestEachCallFails lets a town live again and again, and each time another
// call of the store fails: of each kind the first, the second, and so on, until
// there is none left. Nothing acknowledged is lost, what is refused is refused
// with 0x97 or the end of the connection and never comes, and when the broker is
// closed no goroutine is left. Afterwards a new broker looks at the store.
func TestEachCallFails(t *testing.T) {
	defer goleak.VerifyNone(t)
	for _, c := range []struct {
		call faulty.Call
		err  error
		step int // every step-th call, to save time
	}{
		{faulty.Submit, store.ErrFull, 1},
		{faulty.ReadAt, errInjected, 1},
		{faulty.Sync, errInjected, 1},
		{faulty.Truncate, errInjected, 1},
	} {
		t.Run(fmt.Sprintf("%v: %v", c.call, c.err), func(t *testing.T) {
			runs := 0
			for n, reached := 1, true; reached && !t.Failed(); n += c.step {
				bubble.Test(t, func(t *testing.T) { reached = failOne(t, c.call, n, c.err) })
				if t.Failed() {
					t.Logf("when call %d of %v failed", n, c.call)
				}
				runs++
			}
			t.Logf("%d lives", runs)
		})
	}
}

// errInjected is what no contract names: the engine has a problem of its own.
var errInjected = fmt.Errorf("injected: input/output error")

// failOne is one life. It says whether the call was reached at all.
func failOne(t *testing.T, call faulty.Call, nth int, err error) (reached bool) {
	h := newHouse(t)
	h.wrap = func(s *faulty.Store) store.Store {
		s.FailNth(call, nth, err)
		return s
	}
	n := h.enter()
	w := newTown(t, h)
	w.live(func(context.Context) {})
	w.judge()
	h.leave() // which writes as well
	reached = n.st.Calls(call) >= nth
	h.wrap = nil
	h.enter()
	w.comeBack()
	w.judge()
	h.leave()
	return reached
}

// TestStartFails: what cannot be read at the start is an error, leaves nothing
// behind, and the next start finds everything.
func TestStartFails(t *testing.T) {
	defer goleak.VerifyNone(t)
	for _, call := range []faulty.Call{faulty.Get, faulty.List, faulty.Read} {
		t.Run(call.String(), func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				h := newHouse(t)
				h.enter()
				w := newTown(t, h)
				w.live(func(context.Context) {})
				h.leave()
				var last *faulty.Store
				failed := 0
				for nth := 1; ; nth++ {
					h.wrap = func(s *faulty.Store) store.Store {
						s.FailNth(call, nth, errInjected)
						last = s
						return s
					}
					err := h.open()
					if last.Calls(call) < nth {
						break
					}
					if err == nil {
						t.Errorf("the broker started although %v number %d of the start failed", call, nth)
						h.leave()
						continue
					}
					failed++
				}
				h.leave()
				h.wrap = nil
				h.enter()
				w.comeBack()
				w.judge()
				t.Logf("%d starts failed", failed)
			})
		})
	}
}

// TestCrashAtEachWrite ends the broker at the first, second ... write, with
// everything before it durable, and with the last few writes lost. The town goes
// on with a new broker.
func TestCrashAtEachWrite(t *testing.T) {
	defer goleak.VerifyNone(t)
	for _, lost := range []int{0, 1, 4} {
		t.Run(fmt.Sprintf("%d more writes lost", lost), func(t *testing.T) {
			step := 1 + lost/2
			runs := 0
			for n, reached := 1, true; reached && !t.Failed(); n += step {
				bubble.Test(t, func(t *testing.T) { reached = crashOnce(t, n, lost) })
				if t.Failed() {
					t.Logf("when the broker crashed at write %d", n)
				}
				runs++
			}
			t.Logf("%d lives", runs)
		})
	}
}

// A fuse holds durability back at one write and burns down a few writes later.
type fuse struct {
	*faulty.Store
	hold, crash int // at these writes; hold 0: nothing is held back
	burnt       chan struct{}
	once        sync.Once   // two may reach the same write
	safe        atomic.Bool // it does not burn any more
}

// Submit is store.Store.Submit.
func (f *fuse) Submit(b *store.Batch) (store.Position, store.Ticket, error) {
	switch n := f.Calls(faulty.Submit) + 1; {
	case f.safe.Load():
	case n == f.hold:
		f.Hold()
	case n == f.crash:
		f.burn()
	}
	return f.Store.Submit(b)
}

func (f *fuse) burn() {
	f.Crash(errPowerCut)
	f.once.Do(func() { close(f.burnt) })
}

func crashOnce(t *testing.T, at, lost int) (reached bool) {
	h := newHouse(t)
	var f *fuse
	h.wrap = func(s *faulty.Store) store.Store {
		f = &fuse{Store: s, crash: at, burnt: make(chan struct{})}
		if lost > 0 {
			f.hold = at - lost
		}
		return f
	}
	h.enter()
	h.wrap = nil
	w := newTown(t, h)
	w.live(func(ctx context.Context) {
		for ctx.Err() == nil {
			select {
			case <-f.burnt:
				reached = true
				h.leave()
				h.enter()
				return
			case <-time.After(2 * time.Second):
				if f.Held() > 0 { // everybody waits
					f.burn()
				} else if w.published() {
					f.safe.Store(true)
					return
				}
			}
		}
	})
	w.judge()
	h.leave()
	h.enter()
	w.comeBack()
	w.judge()
	h.leave()
	return reached
}
