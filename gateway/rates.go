package gateway

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// Rates are what a namespace may do in a second; 0 is no limit. A second's worth may
// come at once (section 14).
type Rates struct {
	IngressEvents, IngressBytes int // published
	EgressEvents, EgressBytes   int // received; settled tokens count as events
}

// AzureRates are those of a namespace with so many throughput units.
func AzureRates(units int) Rates {
	units = max(1, units)
	return Rates{1000 * units, units << 20, 2000 * units, 2 * units << 20}
}

// A tenant is what the gateway remembers of a namespace.
type tenant struct {
	serving, waiting atomic.Int64

	mu              sync.Mutex
	rates           Rates
	ingress, egress flow
}

// tenant finds or makes it.
func (g *Gateway) tenant(ns *Namespace) *tenant {
	name := strings.ToLower(ns.Name)
	g.mu.Lock()
	t := g.tenants[name]
	if t == nil {
		t = new(tenant)
		g.tenants[name] = t
	}
	g.mu.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ingress.events == nil || t.rates != ns.Rates {
		t.rates = ns.Rates
		t.ingress.set(ns.Rates.IngressEvents, ns.Rates.IngressBytes)
		t.egress.set(ns.Rates.EgressEvents, ns.Rates.EgressBytes)
	}
	return t
}

// Forget drops what is remembered of a namespace that was deleted.
func (g *Gateway) Forget(namespace string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.tenants, strings.ToLower(namespace))
}

// A flow is events and their bytes, in one direction. tenant.mu guards it.
type flow struct{ events, bytes *rate.Limiter }

func (f *flow) set(events, bytes int) {
	now := time.Now()
	for _, one := range []struct {
		at **rate.Limiter
		n  int
	}{{&f.events, events}, {&f.bytes, bytes}} {
		limit := rate.Limit(one.n)
		if one.n <= 0 {
			limit = rate.Inf
		}
		if *one.at == nil {
			*one.at = rate.NewLimiter(limit, one.n)
			continue
		}
		(*one.at).SetLimitAt(now, limit)
		(*one.at).SetBurstAt(now, one.n)
	}
}

// take takes both, or neither. What is larger than a second's worth waits for a full
// second.
func (t *tenant) take(f *flow, events, bytes int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	first := f.events.ReserveN(now, atMost(f.events, events))
	if first.DelayFrom(now) > 0 {
		first.CancelAt(now)
		return false
	}
	second := f.bytes.ReserveN(now, atMost(f.bytes, bytes))
	if second.DelayFrom(now) > 0 {
		second.CancelAt(now)
		first.CancelAt(now)
		return false
	}
	return true
}

func atMost(l *rate.Limiter, n int) int {
	if l.Limit() == rate.Inf {
		return 0
	}
	return min(n, l.Burst())
}

// charge takes what was given out already, and leaves a debt: a minute's worth at most.
func (t *tenant) charge(f *flow, events, bytes int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	for l, n := range map[*rate.Limiter]int{f.events: events, f.bytes: bytes} {
		for range 60 {
			some := atMost(l, n)
			if some <= 0 {
				break
			}
			l.ReserveN(now, some)
			n -= some
		}
	}
}

// wait waits until something may be given out; what it is nobody knows yet, so those
// that wait together go on together, and what they take is a debt. It says false when
// that is not before ctx ends.
func (t *tenant) wait(ctx context.Context, f *flow) bool {
	for {
		t.mu.Lock()
		delay := max(untilOne(f.events), untilOne(f.bytes))
		t.mu.Unlock()
		if delay <= 0 {
			return true
		}
		timer := time.NewTimer(delay)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return false
		}
	}
}

// untilOne is the time until there is a token.
func untilOne(l *rate.Limiter) time.Duration {
	now := time.Now()
	if l.Limit() == rate.Inf {
		return 0
	}
	missing := 1 - l.TokensAt(now)
	if missing <= 0 {
		return 0
	}
	return time.Duration(missing/float64(l.Limit())*float64(time.Second)) + time.Nanosecond
}
