package robustness

import (
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"context"

	"gridmq/mqtt"
)

// checkRetained asks the broker what it keeps under filter, while nobody
// publishes there, and compares: each topic must be in the state after its last
// acknowledged message, or after one that was sent later.
func checkRetained(t *testing.T, l *ledger, dial func(context.Context) (net.Conn, error), filter string) {
	t.Helper()
	var mu sync.Mutex
	got := map[string]int64{}
	d := &device{id: fmt.Sprintf("reader-%d", time.Now().UnixNano()), v: mqtt.V5, dial: dial, fault: t.Errorf}
	d.heard = func(m *heard) {
		mu.Lock()
		defer mu.Unlock()
		if !m.retain {
			t.Errorf("retained message of %s without the RETAIN flag", m.topic)
		}
		if _, twice := got[string(m.topic)]; twice {
			t.Errorf("%s has two retained messages", m.topic)
		}
		got[string(m.topic)] = number(m.payload)
	}
	if _, _, err := d.connect(t.Context()); err != nil {
		t.Fatalf("connect to read retained messages: %v", err)
	}
	defer d.close()
	if _, err := d.subscribe(1, filter); err != nil {
		t.Fatalf("subscribe to retained messages: %v", err)
	}
	complete := func() (missing []string) {
		mu.Lock()
		defer mu.Unlock()
		for topic, s := range l.streams {
			if n, there := got[topic]; !plausible(s, n, there) {
				missing = append(missing, fmt.Sprintf("%s: retained number %d (there: %v), acknowledged up to %d, sent up to %d",
					topic, n, there, s.acked.Load(), s.sent.Load()))
			}
		}
		return missing
	}
	for end := time.Now().Add(3 * time.Second); len(complete()) > 0 && time.Now().Before(end); {
		time.Sleep(5 * time.Millisecond)
	}
	time.Sleep(30 * time.Millisecond) // for what must not come
	for _, m := range complete() {
		t.Error(m)
	}
}

// plausible says whether n, or no message, can be what is kept of s.
func plausible(s *stream, n int64, there bool) bool {
	if there {
		return n >= s.acked.Load() && n <= s.sent.Load() && !removal(n) && !s.wasRefused(n)
	}
	for i := s.acked.Load(); i <= s.sent.Load(); i++ {
		if removal(i) && !s.wasRefused(i) { // number 0, nothing yet, among them
			return true
		}
	}
	return false
}
