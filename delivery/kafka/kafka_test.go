package kafka

import (
	"testing"
	"time"
)

// TestDelivered: what is published arrives once, and nothing is left.
func TestDelivered(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		c := w.cluster("a")
		w.open(destination("a", c))
		w.tell(to("a"))
		w.publish("1", "2", "3")
		w.publish("4")
		after(time.Second)
		w.wantRecords(c, "a", "1", "2", "3", "4")
		if s := w.stats("a"); s.Received != 4 || s.Undelivered != 0 || s.Outstanding != 0 {
			t.Errorf("stats %+v", s)
		}
		w.wantDead()
	})
}
