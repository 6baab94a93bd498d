package issuer

import (
	"container/list"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Guesses bound wrong secrets: so many at once, and so many a minute later.
// Requests that succeed cost nothing.
type Guesses struct {
	PerAddress, PerAddressMinute int
	PerClient, PerClientMinute   int
}

func (g Guesses) withDefaults() Guesses {
	set := func(n *int, to int) {
		if *n == 0 {
			*n = to
		}
	}
	set(&g.PerAddress, 10)
	set(&g.PerAddressMinute, 6)
	set(&g.PerClient, 30)
	set(&g.PerClientMinute, 30)
	return g
}

// maxGuarded bounds the addresses, and the client ids, that are remembered.
const maxGuarded = 10_000

type guards struct{ address, client *guard }

func newGuards(g Guesses) guards {
	return guards{newGuard(g.PerAddress, g.PerAddressMinute), newGuard(g.PerClient, g.PerClientMinute)}
}

// A guard holds a bucket for each key that has guessed wrong lately. When there
// are too many, the one that was quiet for longest is forgotten.
type guard struct {
	burst int
	limit rate.Limit

	mu     sync.Mutex
	byKey  map[string]*list.Element
	recent *list.List // of *guarded, the latest first
}

type guarded struct {
	key    string
	bucket *rate.Limiter
}

func newGuard(burst, perMinute int) *guard {
	return &guard{burst: burst, limit: rate.Limit(float64(perMinute) / 60), byKey: map[string]*list.Element{}, recent: list.New()}
}

// take takes a place for one attempt before it is judged, so that many at once
// cannot pass together. wait says how long until there is one, when there is none.
func (g *guard) take(key string, now time.Time) (wait time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	b := g.bucket(key)
	if b.AllowN(now, 1) {
		return 0
	}
	missing := 1 - b.TokensAt(now)
	return time.Duration(missing / float64(g.limit) * float64(time.Second))
}

// giveBack returns the place of an attempt that was right.
func (g *guard) giveBack(key string, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if e := g.byKey[key]; e != nil {
		b := e.Value.(*guarded).bucket
		if b.TokensAt(now) <= float64(g.burst-1) {
			b.AllowN(now, -1)
		}
	}
}

func (g *guard) bucket(key string) *rate.Limiter {
	if e := g.byKey[key]; e != nil {
		g.recent.MoveToFront(e)
		return e.Value.(*guarded).bucket
	}
	if g.recent.Len() >= maxGuarded {
		last := g.recent.Back()
		delete(g.byKey, last.Value.(*guarded).key)
		g.recent.Remove(last)
	}
	one := &guarded{key, rate.NewLimiter(g.limit, g.burst)}
	g.byKey[key] = g.recent.PushFront(one)
	return one.bucket
}

// peer is the address at the other end of the connection.
func peer(r *http.Request) netip.Addr {
	a, _ := netip.ParseAddrPort(r.RemoteAddr)
	return a.Addr()
}

// network is what counts as one guesser: an IPv6 host has a whole /64.
func network(a netip.Addr) string {
	a = a.Unmap().WithZone("")
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.String()
}
