package broker

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"gridmq/internal/bubble"
)

// TestDeadlines: each entry fires at its time, in order, as long as it is not
// removed; one that asks for it fires again.
func TestDeadlines(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		times := rapid.SliceOfN(rapid.Int64Range(1, 50), 1, 20).Draw(rt, "times")
		moves := rapid.SliceOfN(rapid.Int64Range(-1, 50), len(times), len(times)).Draw(rt, "moves") // -1: removed
		bubble.Test(t, func(t *testing.T) {
			d, stop, done := newDeadlines(), make(chan struct{}), make(chan struct{})
			go func() { defer close(done); d.run(stop) }()
			start := time.Now().UnixMilli()
			var fired, want []int64
			var list []*deadline
			for _, at := range times {
				again := at%2 == 0
				list = append(list, d.add(start+at*10, func(now int64) int64 {
					fired = append(fired, now-start)
					if again {
						again = false
						return now + 7
					}
					return 0
				}))
			}
			for i, e := range list {
				at := times[i]
				switch m := moves[i]; {
				case m < 0:
					d.remove(e)
					d.remove(e)
					continue
				case m > 0:
					at = m
					d.reset(e, start+at*10)
				}
				want = append(want, at*10)
				if times[i]%2 == 0 {
					want = append(want, at*10+7)
				}
			}
			d.remove(nil)
			time.Sleep(time.Hour)
			synctest.Wait()
			close(stop)
			<-done
			slices.Sort(want)
			if !slices.Equal(fired, want) {
				t.Errorf("fired at %v, want %v", fired, want)
			}
			if len(d.heap) != 0 {
				t.Errorf("%d entries left", len(d.heap))
			}
		})
	})
}

// TestDeadlineRemovedWhileFiring: an entry that is removed while it fires does
// not come back.
func TestDeadlineRemovedWhileFiring(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		d, stop, done := newDeadlines(), make(chan struct{}), make(chan struct{})
		n := 0
		var e *deadline
		e = d.add(time.Now().UnixMilli()+10, func(now int64) int64 {
			n++
			d.remove(e)
			return now + 10
		})
		go func() { defer close(done); d.run(stop) }()
		time.Sleep(time.Second)
		close(stop)
		<-done
		if n != 1 {
			t.Errorf("fired %d times, want 1", n)
		}
	})
}
