package broker

import (
	"testing"
	"testing/synctest"

	"gridmq/internal/bubble"
	"gridmq/mqtt"
)

// TestTakeOverWhileSending: who loses its session and sends something at that moment is
// told nevertheless [MQTT-3.1.4-3].
func TestTakeOverWhileSending(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		h := newHouse(t)
		old := h.connect("a", expiry(100))
		x := h.session("a")
		x.mu.Lock()
		c := x.conn
		c.flushing = true // something is being written to it
		x.mu.Unlock()

		h.connect("a", expiry(100))
		old.send(mqtt.AppendPingreq(nil)) // its reader finds that it has no session
		synctest.Wait()
		x.mu.Lock()
		c.flushing = false
		x.mu.Unlock()
		old.ended(mqtt.SessionTakenOver)
	})
}
