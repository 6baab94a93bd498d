package webhookauth

import (
	"log/slog"
	"sync"
	"time"
)

// A Breaker says when a webhook counts as down, so that nobody waits for it.
type Breaker struct {
	// Failures in a row open it. Default 10.
	Failures int
	// Open is how long until one call probes again; it doubles with each probe that
	// fails, up to OpenMost. Defaults 1 s and 30 s.
	Open, OpenMost time.Duration
}

func (b Breaker) withDefaults() Breaker {
	if b.Failures == 0 {
		b.Failures = 10
	}
	if b.Open == 0 {
		b.Open = time.Second
	}
	if b.OpenMost == 0 {
		b.OpenMost = 30 * time.Second
	}
	return b
}

// A verdict is what a call tells about the webhook.
type verdict uint8

const (
	unknown verdict = iota
	working
	broken
)

// A breaker is closed (calls go), open (none go), or half open (one call probes).
type breaker struct {
	Breaker
	log *slog.Logger

	mu      sync.Mutex
	row     int           // failures in a row
	wait    time.Duration // 0: closed; else how long it is open this time
	until   time.Time     // when it may be probed
	probing bool
}

func newBreaker(b Breaker, log *slog.Logger) *breaker { return &breaker{Breaker: b, log: log} }

// mayQueue says whether a call could go if it had a place now.
func (b *breaker) mayQueue(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.wait == 0 || !now.Before(b.until) && !b.probing
}

// enter says whether a call may go, and whether it is the probe. Whoever may
// calls leave.
func (b *breaker) enter(now time.Time) (probe, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.wait == 0:
		return false, true
	case now.Before(b.until) || b.probing:
		return false, false
	}
	b.probing = true
	return true, true
}

func (b *breaker) leave(probe bool, v verdict, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if probe {
		b.probing = false
	}
	switch {
	case v == working && (probe || b.wait == 0):
		if b.wait > 0 {
			b.log.Info("webhook answers again")
		}
		b.row, b.wait = 0, 0
	case v == broken && probe:
		b.wait = min(2*b.wait, b.OpenMost)
		b.until = now.Add(b.wait)
	case v == broken && b.wait == 0:
		if b.row++; b.row >= b.Failures {
			b.log.Warn("webhook counts as down", "failures", b.row)
			b.wait, b.until = b.Open, now.Add(b.Open)
		}
	}
	// A call that began before it opened says nothing new when it ends after.
}

func (b *breaker) isOpen() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.wait > 0
}
