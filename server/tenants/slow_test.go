package tenants

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"gridmq/broker"
	"gridmq/control"
)

// The worst of many are those that sorting all of them finds.
func TestWorst(t *testing.T) {
	for _, by := range []control.SlowBy{control.ByMessages, control.ByBytes, control.ByAge} {
		var all []broker.SessionInfo
		w := worst{limit: 7, before: comparison(by)}
		for i := range 1000 {
			one := broker.SessionInfo{ClientID: fmt.Sprint(i), Queued: rand.IntN(100), QueuedBytes: rand.IntN(100)}
			one.Oldest.Published = time.Unix(rand.Int64N(100), 0)
			all = append(all, one)
			w.add(one)
			if len(w.list) > 2*w.limit+64 {
				t.Fatalf("%d are kept", len(w.list))
			}
		}
		whole := worst{limit: len(all), before: w.before, list: slices.Clone(all)}
		for i, got := range w.sorted() {
			if want := whole.sorted()[i]; got.ClientID != want.ClientID {
				t.Errorf("by %s, number %d: %s, want %s", by, i, got.ClientID, want.ClientID)
			}
		}
	}
}
