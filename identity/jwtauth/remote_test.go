package jwtauth

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"gridmq/internal/bubble"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// source is a fetch that tests steer.
type source struct {
	mu    sync.Mutex
	kids  []string
	fresh time.Duration
	err   error
	takes time.Duration
	calls atomic.Int64
}

func (s *source) fetch(ctx context.Context) (fetched, error) {
	s.calls.Add(1)
	s.mu.Lock()
	takes := s.takes
	s.mu.Unlock()
	select {
	case <-time.After(takes):
	case <-ctx.Done():
		return fetched{}, ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return fetched{}, s.err
	}
	f := fetched{fresh: s.fresh}
	for _, kid := range s.kids {
		f.keys = append(f.keys, Key{ID: kid})
	}
	return f, nil
}

func (s *source) set(err error, kids ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err, s.kids = err, kids
}

func ids(keys []Key) (all []string) {
	for _, k := range keys {
		all = append(all, k.ID)
	}
	return all
}

var errDown = errors.New("down")

func TestCacheFetchesWhenItMust(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := &source{}
		s.set(nil, "a")
		c := newCache(Remote{}, s.fetch)
		defer c.Close()
		want := func(what, kid string, calls int64, kids ...string) {
			t.Helper()
			keys, err := c.Keys(t.Context(), kid)
			if !slices.Equal(ids(keys), kids) || err != nil || s.calls.Load() != calls {
				t.Errorf("%s: %v, %v after %d fetches; want %v after %d", what, ids(keys), err, s.calls.Load(), kids, calls)
			}
		}
		want("first", "a", 1, "a")
		want("again", "a", 1, "a")
		s.set(nil, "a", "b")
		want("a new kid, too soon", "b", 1, "a")
		time.Sleep(10 * time.Second)
		want("a new kid", "b", 2, "a", "b")
		for i := range 1000 {
			want("invented kids", strconv.Itoa(i), 2, "a", "b")
		}
		time.Sleep(10*time.Minute - 1)
		want("fresh", "a", 2, "a", "b")
		time.Sleep(time.Nanosecond)
		s.set(nil, "b")
		want("a withdrawn key is gone at once when it is time to look", "a", 3, "b")
	})
}

func TestCacheWhileTheSourceIsDown(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := &source{}
		s.set(errDown)
		c := newCache(Remote{Keep: time.Hour}, s.fetch)
		defer c.Close()
		for range 3 {
			if keys, err := c.Keys(t.Context(), "a"); !errors.Is(err, errDown) || keys != nil || s.calls.Load() != 1 {
				t.Errorf("no keys yet: %v, %v after %d fetches, want one, and why it failed", keys, err, s.calls.Load())
			}
		}
		s.set(nil, "a")
		time.Sleep(10 * time.Second)
		start := time.Now()
		if _, err := c.Keys(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		s.set(errDown)
		time.Sleep(11 * time.Minute)
		if keys, err := c.Keys(t.Context(), "a"); err != nil || len(keys) != 1 {
			t.Errorf("the old keys: %v, %v, want them", keys, err)
		}
		if _, err := c.Keys(t.Context(), "new"); !errors.Is(err, errDown) {
			t.Errorf("a new kid while the source is down: %v, want that it is", err)
		}
		time.Sleep(time.Until(start.Add(time.Hour)))
		if _, err := c.Keys(t.Context(), "a"); err != nil {
			t.Errorf("after an hour: %v", err)
		}
		time.Sleep(time.Nanosecond)
		if keys, err := c.Keys(t.Context(), "a"); !errors.Is(err, errDown) {
			t.Errorf("after more than an hour: %v, %v, want none", keys, err)
		}
		s.set(nil, "b")
		time.Sleep(10 * time.Second)
		if keys, err := c.Keys(t.Context(), "b"); err != nil || len(keys) != 1 {
			t.Errorf("up again: %v, %v", keys, err)
		}
	})
}

func TestCacheFetchesOnceForAll(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := &source{takes: time.Second}
		s.set(nil, "a")
		c := newCache(Remote{}, s.fetch)
		defer c.Close()
		// The first one gives up; the others must not suffer from it.
		gone, leave := context.WithTimeout(t.Context(), time.Millisecond)
		defer leave()
		if _, err := c.Keys(gone, "a"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the one who left: %v", err)
		}
		var group sync.WaitGroup
		for range 100 {
			group.Go(func() {
				if _, err := c.Keys(t.Context(), "a"); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		if n := s.calls.Load(); n != 1 {
			t.Errorf("%d fetches, want 1", n)
		}
	})
}

func TestCacheTimesOutAndCloses(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := &source{takes: time.Hour}
		c := newCache(Remote{Timeout: 3 * time.Second}, s.fetch)
		start := time.Now()
		if _, err := c.Keys(t.Context(), ""); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 3*time.Second {
			t.Errorf("got %v after %v, want a time-out after 3s", err, time.Since(start))
		}
		time.Sleep(time.Minute)
		failed := make(chan error)
		go func() { _, err := c.Keys(t.Context(), ""); failed <- err }()
		time.Sleep(time.Second)
		go c.Close()
		if err := <-failed; !errors.Is(err, errClosed) && !errors.Is(err, context.Canceled) {
			t.Errorf("closed while waiting: %v", err)
		}
		c.Close()
		calls := s.calls.Load()
		if _, err := c.Keys(t.Context(), ""); err == nil || s.calls.Load() != calls {
			t.Errorf("after Close: %v", err)
		}
	})
}

func TestCacheClampsWhatTheSourceSays(t *testing.T) {
	for said, want := range map[time.Duration]time.Duration{0: 10 * time.Minute, time.Second: time.Minute, time.Hour: time.Hour, 1000 * time.Hour: 24 * time.Hour} {
		now := time.Now()
		c := newCache(Remote{}, nil)
		c.take(fetched{fresh: said}, nil, now)
		if got := c.fresh.Sub(now); got != want {
			t.Errorf("max-age %v: fresh for %v, want %v", said, got, want)
		}
		c.Close()
	}
}

// Whatever happens: never more than one fetch in Retry; no key older than Keep; and
// none older than Refresh once the source has answered for Retry. Before that the
// old keys may still stand in: nobody has looked since it came back.
func TestCacheHistories(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		kid := rapid.SampledFrom([]string{"a", "b", "c"})
		steps := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) (s step) {
			s.what = rapid.SampledFrom([]string{"publish", "down", "wait", "ask", "ask"}).Draw(rt, "what")
			s.kids = rapid.SliceOfDistinct(kid, rapid.ID).Draw(rt, "kids")
			s.kid = kid.Draw(rt, "kid")
			// around Retry, around Refresh, and up to beyond Keep
			s.wait = time.Duration(rapid.OneOf(rapid.IntRange(1, 25), rapid.IntRange(50, 75), rapid.IntRange(1, 4000)).Draw(rt, "seconds")) * time.Second
			return s
		}), 40, 120).Draw(rt, "steps") // rapid keeps slices short unless told
		bubble.Test(t, func(t *testing.T) { runHistory(t, steps) })
	})
}

type step struct {
	what, kid string
	kids      []string
	wait      time.Duration
}

func runHistory(t *testing.T, steps []step) {
	s := &source{}
	r := Remote{Retry: 10 * time.Second, Refresh: time.Minute, Keep: time.Hour}
	published := map[string]time.Time{} // when a fetch last brought it
	var last time.Time
	up := time.Now() // since when the source answers; zero: it does not
	c := newCache(r, func(ctx context.Context) (fetched, error) {
		if now := time.Now(); !last.IsZero() && now.Sub(last) < r.Retry {
			t.Errorf("fetched twice within %v: %v", now.Sub(last), steps)
		}
		last = time.Now()
		f, err := s.fetch(ctx)
		for _, k := range f.keys {
			published[k.ID] = last
		}
		return f, err
	})
	defer c.Close()
	for _, step := range steps {
		switch step.what {
		case "publish":
			s.set(nil, step.kids...)
			if up.IsZero() {
				up = time.Now()
			}
		case "down":
			s.set(errDown)
			up = time.Time{}
		case "wait":
			time.Sleep(step.wait)
		case "ask":
			keys, err := c.Keys(t.Context(), step.kid)
			if err != nil && keys != nil {
				t.Errorf("keys %v and error %v: %v", keys, err, steps)
			}
			for _, k := range keys {
				age := time.Since(published[k.ID])
				if age > r.Keep || !up.IsZero() && time.Since(up) >= r.Retry && age >= r.Refresh {
					t.Errorf("key %s was last seen %v ago, the source answers since %v: %v", k.ID, age, up, steps)
				}
			}
		}
	}
}

func TestTogether(t *testing.T) {
	up, down := FixedKeys{{ID: "a"}}, failing{errDown}
	for name, test := range map[string]struct {
		t    Together
		kid  string
		keys int
	}{
		"both":                          {Together{up, FixedKeys{{ID: "b"}}}, "x", 2},
		"one is down, key is there":     {Together{down, up}, "a", 1},
		"one is down, no kid":           {Together{up, down}, "", 1},
		"one is down, may have the key": {Together{up, down}, "x", 0},
		"all are down":                  {Together{down, down}, "", 0},
	} {
		keys, err := test.t.Keys(t.Context(), test.kid)
		if len(keys) != test.keys || (err == nil) != (test.keys > 0) || err != nil && !strings.Contains(err.Error(), "down") {
			t.Errorf("%s: %v, %v, want %d", name, keys, err, test.keys)
		}
	}
}
