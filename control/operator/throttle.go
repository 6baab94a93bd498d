package operator

import (
	"net/netip"
	"sync"
	"time"
)

// A throttle limits failed attempts by address: a burst, then one every few
// seconds. It remembers a bounded number of addresses; when there are more, the
// one that was seen longest ago is forgotten.
type throttle struct {
	burst int
	every time.Duration
	most  int

	mu   sync.Mutex
	seen map[netip.Addr]*allowance
}

type allowance struct {
	left float64
	at   time.Time
}

func newThrottle() *throttle {
	return &throttle{burst: 10, every: 6 * time.Second, most: 1024, seen: map[netip.Addr]*allowance{}}
}

// neighbours share an allowance: an IPv6 customer has a /64.
func neighbours(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if a.Is6() {
		p, _ := a.Prefix(64)
		return p.Addr()
	}
	return a
}

// exhausted says whether an address has failed too often, and when it may again.
func (t *throttle) exhausted(from netip.Addr, now time.Time) (wait time.Duration, yes bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	a := t.seen[neighbours(from)]
	if a == nil {
		return 0, false
	}
	t.refill(a, now)
	if a.left >= 1 {
		return 0, false
	}
	return time.Duration((1 - a.left) * float64(t.every)), true
}

func (t *throttle) refill(a *allowance, now time.Time) {
	if passed := now.Sub(a.at); passed > 0 {
		a.left = min(float64(t.burst), a.left+float64(passed)/float64(t.every))
		a.at = now
	}
}

// failed counts a failure.
func (t *throttle) failed(from netip.Addr, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := neighbours(from)
	a := t.seen[key]
	if a == nil {
		if len(t.seen) >= t.most {
			t.forget()
		}
		a = &allowance{left: float64(t.burst), at: now}
		t.seen[key] = a
	}
	t.refill(a, now)
	a.left = max(0, a.left-1)
}

func (t *throttle) forget() {
	var oldest netip.Addr
	var at time.Time
	for key, a := range t.seen {
		if at.IsZero() || a.at.Before(at) {
			oldest, at = key, a.at
		}
	}
	delete(t.seen, oldest)
}
