// Package bubble runs tests in virtual time.
package bubble

import (
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
)

// one serializes bubbles: runtime.GOMAXPROCS is the process's.
var one sync.Mutex

// Test is synctest.Test, on one processor under the race detector. Go up to 1.26
// lets two threads run timers of one bubble with one context of the race detector,
// which then ends the process: "CHECK failed: ... slot_locked" (go.dev/issue/78156).
// What the detector sees does not depend on how many threads there are.
func Test(t *testing.T, f func(*testing.T)) {
	t.Helper()
	if race {
		one.Lock()
		defer one.Unlock()
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	}
	synctest.Test(t, f)
}
