package bubble

import (
	"sync"
	"testing"
	"time"
)

// TestTimers has many goroutines look at timers of which the time has come, which
// ends the process where bubbles run on several threads.
func TestTimers(t *testing.T) {
	Test(t, func(t *testing.T) {
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				for range 200 {
					timers := make([]*time.Timer, 8)
					for i := range timers {
						timers[i] = time.NewTimer(time.Millisecond)
					}
					time.Sleep(time.Millisecond)
					for _, timer := range timers {
						<-timer.C
					}
				}
			})
		}
		all.Wait()
	})
}
