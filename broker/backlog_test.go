package broker

import (
	"testing"
	"time"

	"gridmq/mqtt"
)

// How old what waits is, whether it lies in memory, is on its way, or only in the store.
func TestBacklogAge(t *testing.T) {
	virtual(t, func(t *testing.T, h *house) {
		sleeper := h.connect("sleeper", expiry(1000))
		sleeper.subscribe("a", atQoS(1))
		sleeper.disconnect(mqtt.Success)
		age := func() (time.Duration, bool) {
			t.Helper()
			i, ok := h.b.Session("test", "sleeper")
			if !ok {
				t.Fatal("no session")
			}
			if i.Oldest == (Backlog{}) {
				return 0, false
			}
			at, err := h.b.PublishedAt("test", i.Oldest)
			if err != nil {
				t.Fatalf("PublishedAt: %v", err)
			}
			return time.Since(at), true
		}
		if got, some := age(); some {
			t.Errorf("nothing waits, and the oldest is %v old", got)
		}
		p := h.connect("p")
		for range 3 {
			p.publish(text{topic: "a", payload: "x", qos: 1})
			time.Sleep(10 * time.Second)
		}
		if got, _ := age(); got < 30*time.Second || got > 31*time.Second {
			t.Errorf("the oldest is %v old, want 30 s", got)
		}
		h.restart()
		time.Sleep(5 * time.Second)
		if got, _ := age(); got < 35*time.Second {
			t.Errorf("after a restart the oldest is %v old, want 35 s and what the restart took", got)
		}
	})
}
