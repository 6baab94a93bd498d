package webhookauth

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gridmq/identity"
	"gridmq/internal/bubble"
	"gridmq/internal/outbound"
)

func TestBreaker(t *testing.T) {
	b := newBreaker(Breaker{Failures: 3, Open: time.Second, OpenMost: 3 * time.Second}, slog.New(slog.DiscardHandler))
	at := time.Unix(0, 0)
	call := func(v verdict) (went bool) {
		probe, ok := b.enter(at)
		if ok {
			b.leave(probe, v, at)
		}
		return ok
	}
	for i, step := range []struct {
		after time.Duration
		v     verdict
		went  bool
	}{
		{0, broken, true}, {0, broken, true}, {0, working, true}, // not in a row
		{0, broken, true}, {0, unknown, true}, {0, broken, true}, {0, broken, true},
		{0, working, false}, {time.Second - 1, working, false},
		{1, broken, true}, {2*time.Second - 1, working, false}, // doubled
		{1, broken, true}, {3*time.Second - 1, working, false}, // bounded
		{1, unknown, true}, {0, broken, true}, // a probe that says nothing: the next one
		{3 * time.Second, working, true}, {0, broken, true}, {0, broken, true}, {0, broken, true}, {0, working, false},
	} {
		at = at.Add(step.after)
		if got := call(step.v); got != step.went {
			t.Fatalf("step %d: went %v, want %v", i, got, step.went)
		}
	}
}

// One probe at a time, and calls from before do not close it.
func TestBreakerProbesOnce(t *testing.T) {
	b := newBreaker(Breaker{Failures: 1, Open: time.Second, OpenMost: time.Second}, slog.New(slog.DiscardHandler))
	at := time.Unix(0, 0)
	before, _ := b.enter(at)
	opened, _ := b.enter(at)
	b.leave(opened, broken, at)
	b.leave(before, working, at)
	if !b.isOpen() {
		t.Error("a call from before it opened closed it")
	}
	at = at.Add(time.Second)
	probe, ok := b.enter(at)
	if !probe || !ok || b.mayQueue(at) {
		t.Error("the first call is not the only probe")
	}
	if _, ok := b.enter(at); ok {
		t.Error("two probes at once")
	}
	b.leave(probe, working, at)
	if b.isOpen() {
		t.Error("a probe that worked did not close it")
	}
}

// Never more than so many inside, never more than so many waiting, and all leave.
func TestGate(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		places, queue := rapid.IntRange(1, 4).Draw(rt, "places"), rapid.IntRange(0, 4).Draw(rt, "queue")
		stays := rapid.SliceOfN(rapid.IntRange(0, 5), 1, 20).Draw(rt, "stays")
		arrive := rapid.SliceOfN(rapid.IntRange(0, 20), len(stays), len(stays)).Draw(rt, "arrive")
		bubble.Test(t, func(t *testing.T) {
			g := newGate(places, queue)
			var group sync.WaitGroup
			for i := range stays {
				group.Go(func() {
					time.Sleep(time.Duration(arrive[i]) * time.Second)
					if g.enter(t.Context(), 3*time.Second) != nil {
						return
					}
					if len(g.places) > places || g.waiting.Load() > int64(queue)+int64(len(stays)) {
						t.Errorf("%d inside, %d waiting", len(g.places), g.waiting.Load())
					}
					time.Sleep(time.Duration(stays[i]) * time.Second)
					g.leave()
				})
			}
			group.Wait()
			if len(g.places) != 0 || g.waiting.Load() != 0 {
				t.Errorf("%d inside and %d waiting at the end", len(g.places), g.waiting.Load())
			}
		})
	})
}

func TestGateWaits(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		g := newGate(1, 1)
		g.enter(t.Context(), time.Second)
		start := time.Now()
		err := g.enter(t.Context(), 3*time.Second)
		if f, ok := err.(*failure); !ok || f.class != "QueueTimeout" || time.Since(start) != 3*time.Second {
			t.Errorf("got %v after %v, want QueueTimeout after 3s", err, time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if f, ok := g.enter(ctx, time.Hour).(*failure); !ok || f.class != "Canceled" {
			t.Errorf("got %v, want Canceled", f)
		}
	})
}

func TestCache(t *testing.T) {
	c := newCache(time.Minute, 3)
	now := time.Unix(1000, 0)
	a := &identity.Principal{Name: "a"}
	c.put([]byte("a"), a, now)
	c.put([]byte("b"), &identity.Principal{Name: "b", Expires: now.Add(time.Second)}, now)
	for _, step := range []struct {
		body string
		at   time.Duration
		want string
	}{{"a", 0, "a"}, {"b", time.Second - 1, "b"}, {"b", time.Second, ""}, {"x", 0, ""}, {"a", time.Minute - 1, "a"}, {"a", time.Minute, ""}} {
		got := c.get([]byte(step.body), now.Add(step.at))
		if (got == nil) != (step.want == "") || got != nil && got.Name != step.want {
			t.Errorf("%s after %v: %v, want %q", step.body, step.at, got, step.want)
		}
	}
	for i := range 10 {
		c.put(fmt.Append(nil, i), a, now)
		c.get([]byte("0"), now) // used, so kept
	}
	if c.recent.Len() != 3 || len(c.byMAC) != 3 || c.get([]byte("0"), now) == nil || c.get([]byte("5"), now) != nil {
		t.Errorf("%d and %d entries, want the 3 used last", c.recent.Len(), len(c.byMAC))
	}
	var none *cache
	none.put([]byte("a"), a, now)
	if none.get([]byte("a"), now) != nil || newCache(1, 1).mac([]byte("a")) == c.mac([]byte("a")) {
		t.Error("no cache, or another process, knows the entry")
	}
}

// Every forwarded field makes another request, and no two of them are confused.
func TestCacheTellsRequestsApart(t *testing.T) {
	text := rapid.SampledFrom([]string{"", "a", "b", `"`, `","`, "é"})
	draw := rapid.Custom(func(t *rapid.T) identity.Credentials {
		c := identity.Credentials{ClientID: text.Draw(t, "id"), Method: text.Draw(t, "method")}
		if rapid.Bool().Draw(t, "user?") {
			u := text.Draw(t, "user")
			c.Username = &u
		}
		if rapid.Bool().Draw(t, "password?") {
			c.Password = []byte(text.Draw(t, "password"))
		}
		if c.Method != "" {
			c.Data = []byte(text.Draw(t, "data"))
		}
		for range rapid.IntRange(0, 2).Draw(t, "properties") {
			c.UserProperties = append(c.UserProperties, identity.Property{Name: text.Draw(t, "name"), Value: text.Draw(t, "value")})
		}
		return c
	})
	spell := func(c identity.Credentials) string {
		user := "none"
		if c.Username != nil {
			user = fmt.Sprintf("%q", *c.Username)
		}
		return fmt.Sprintf("%q %q %s %v%q %q %q", c.ClientID, c.Method, user, c.Password == nil, c.Password, c.Data, c.UserProperties)
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := draw.Draw(t, "a"), draw.Draw(t, "b")
		x, _ := encodeRequest(&a)
		y, _ := encodeRequest(&b)
		if (string(x) == string(y)) != (spell(a) == spell(b)) {
			t.Fatalf("%s and %s are forwarded as %s and %s", spell(a), spell(b), x, y)
		}
	})
}

func TestStatsAreBounded(t *testing.T) {
	var s stats
	for status := range 1000 {
		s.fail(status, "Status")
	}
	if n := s.failed.Counts(); len(n) > maxFailures+1 || n[Failure{0, "Status"}] < 900 {
		t.Errorf("%d kinds of failures, %d of none", len(n), n[Failure{0, "Status"}])
	}
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{"ok": "ok", "a\r\nb\x00\x1b\x7f\u0085c\u202ed": "abcd", "\xff\xfe": "", "é\u2028": "é"} {
		if got := clean(in); got != want {
			t.Errorf("clean(%q) = %q, want %q", in, got, want)
		}
	}
	if got := clean(strings.Repeat("é", 1000)); len(got) > 260 || !strings.HasSuffix(got, "é...") {
		t.Errorf("%d bytes, %q", len(got), got)
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add(200, jsonType, []byte(`{"decision":"allow","clientAuthenticationName":"a","attributes":{"a":1},"expiration":"4000000000"}`))
	f.Add(400, jsonType, []byte(`{"decision":"deny","errorReason":"x"}`))
	f.Fuzz(func(t *testing.T, status int, contentType string, body []byte) {
		d, err := decodeAnswer(&outbound.Answer{Status: status, Header: map[string][]string{"Content-Type": {contentType}}, Body: body})
		switch {
		case err != nil:
			if d != nil {
				t.Errorf("%q gave %v and %v", body, d, err)
			}
		case d.Deny:
			if strings.ContainsAny(d.Reason, "\n\r\x00\x1b") || len(d.Reason) > 300 {
				t.Errorf("the reason %q is not fit for a log", d.Reason)
			}
		case status != 200 || !strings.Contains(strings.ToLower(contentType), "json") || identity.CheckAuthenticationName(d.Name) != "" ||
			len(d.Attributes) > 0 && d.Attributes.Size() >= identity.MaxAttributes || !strings.Contains(string(body), "a"):
			t.Errorf("%d %q %q allowed as %v", status, contentType, body, d)
		}
	})
}
