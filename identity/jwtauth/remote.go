package jwtauth

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Remote says how often keys are fetched. The zero value is ready to use.
type Remote struct {
	// Timeout bounds one fetch. Default 5 s.
	Timeout time.Duration
	// Refresh is how long keys are fresh when their source does not say. Default
	// 10 min. What it says (Cache-Control: max-age) counts from 1 min to 24 h.
	Refresh time.Duration
	// Retry is the least time between two fetches, however many tokens name keys
	// that are not there. Default 10 s.
	Retry time.Duration
	// Keep is how long old keys are good while their source cannot be reached,
	// from the last time it could. Default 24 h.
	Keep time.Duration
}

func (r Remote) withDefaults() Remote {
	set := func(d *time.Duration, to time.Duration) {
		if *d == 0 {
			*d = to
		}
	}
	set(&r.Timeout, 5*time.Second)
	set(&r.Refresh, 10*time.Minute)
	set(&r.Retry, 10*time.Second)
	set(&r.Keep, 24*time.Hour)
	return r
}

const (
	minFresh = time.Minute
	maxFresh = 24 * time.Hour
)

var errClosed = errors.New("jwtauth: closed")

// fetched is what a fetch brings.
type fetched struct {
	keys []Key
	// fresh is how long, as the source says; 0: it does not.
	fresh time.Duration
}

// A cache keeps the keys that fetch brings. Nothing runs while nobody asks: who
// finds the keys old, or one missing, starts a fetch, and all who need it wait for
// that one.
type cache struct {
	Remote
	fetch func(context.Context) (fetched, error)

	ctx   context.Context // of fetches: they are for all who wait, not for the first
	end   context.CancelFunc
	group sync.WaitGroup

	mu        sync.Mutex
	keys      []Key
	got       time.Time     // when keys came
	fresh     time.Time     // until when they need no second look
	attempted time.Time     // when the last fetch began
	failed    error         // what became of it
	flight    chan struct{} // closed when the fetch under way is over; nil: none is
}

func newCache(r Remote, fetch func(context.Context) (fetched, error)) *cache {
	ctx, end := context.WithCancel(context.Background())
	return &cache{Remote: r.withDefaults(), fetch: fetch, ctx: ctx, end: end}
}

// Keys returns the keys there are, after a fetch if one is due.
func (c *cache) Keys(ctx context.Context, kid string) ([]Key, error) {
	c.mu.Lock()
	now := time.Now()
	wait := c.flight
	if wait == nil && c.due(kid, now) {
		wait = c.start(now)
	}
	// Whoever has what it needs does not wait for others' needs.
	if wait != nil && !c.good(kid, now) {
		c.mu.Unlock()
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		c.mu.Lock()
	}
	defer c.mu.Unlock()
	return c.answer(kid, time.Now())
}

// good says whether the keys are fresh and have the one that is wanted.
func (c *cache) good(kid string, now time.Time) bool {
	return now.Before(c.fresh) && has(c.keys, kid)
}

// has says whether a key may be the one with kid, as [candidates] has it.
func has(keys []Key, kid string) bool {
	return kid == "" || slices.ContainsFunc(keys, func(k Key) bool { return k.ID == kid || k.ID == "" })
}

// due says whether to fetch: not more often than Retry, even for those who invent
// key ids.
func (c *cache) due(kid string, now time.Time) bool {
	return !c.good(kid, now) && c.ctx.Err() == nil &&
		(c.attempted.IsZero() || now.Sub(c.attempted) >= c.Retry)
}

// start fetches in a goroutine that Close waits for.
func (c *cache) start(now time.Time) chan struct{} {
	done := make(chan struct{})
	c.flight, c.attempted = done, now
	c.group.Go(func() {
		ctx, cancel := context.WithTimeout(c.ctx, c.Timeout)
		defer cancel()
		f, err := c.fetch(ctx)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.take(f, err, time.Now())
		c.flight = nil
		close(done)
	})
	return done
}

// take keeps what a fetch has brought, and the old keys when it has not.
func (c *cache) take(f fetched, err error, now time.Time) {
	c.failed = err
	if err != nil {
		return
	}
	fresh := c.Refresh
	if f.fresh != 0 {
		fresh = min(max(f.fresh, minFresh), maxFresh)
	}
	c.keys, c.got, c.fresh = f.keys, now, now.Add(fresh)
}

// answer gives the keys, old ones while they may stand in. A key that is missing
// while its source fails is no key: nobody can say that the token is bad.
func (c *cache) answer(kid string, now time.Time) ([]Key, error) {
	switch {
	case c.ctx.Err() != nil:
		return nil, errClosed
	case len(c.keys) == 0 && c.failed == nil:
		return nil, errors.New("they have not been fetched")
	case len(c.keys) == 0:
		return nil, c.failed
	case now.After(c.fresh) && now.Sub(c.got) > c.Keep:
		return nil, fmt.Errorf("the last are of %s: %w", c.got.UTC().Format(time.RFC3339), c.failure())
	case !has(c.keys, kid) && c.failed != nil:
		return nil, fmt.Errorf("there is none with kid %.100q: %w", kid, c.failed)
	}
	return c.keys, nil
}

func (c *cache) failure() error {
	if c.failed == nil {
		return errors.New("they are too old")
	}
	return c.failed
}

// Close ends a fetch under way and waits for it.
func (c *cache) Close() {
	c.mu.Lock()
	c.end() // under the lock: after it, nobody starts
	c.mu.Unlock()
	c.group.Wait()
}
