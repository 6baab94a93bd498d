package load

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

// TestHook: a webhook agrees to the handshake, counts what it takes, and is gone and
// back when it is told.
func TestHook(t *testing.T) {
	defer goleak.VerifyNone(t)
	h, err := NewHook("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	web := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Minute}
	ask := func(method, body string) (*http.Response, error) {
		q, err := http.NewRequestWithContext(t.Context(), method, h.URL(), strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		a, err := web.Do(q)
		if err == nil {
			io.Copy(io.Discard, a.Body)
			a.Body.Close()
		}
		return a, err
	}
	if a, err := ask(http.MethodOptions, ""); err != nil || a.Header.Get("WebHook-Allowed-Origin") != "*" {
		t.Errorf("handshake: %v, %v", a, err)
	}
	c := newCensus(1, 1)
	h.count(c)
	if a, err := ask(http.MethodPost, string(batchOf(1, 0, 0, 3))); err != nil || a.StatusCode != http.StatusOK || c.received() != 3 {
		t.Errorf("%v, %v, %d received, want 200 and 3", a, err, c.received())
	}
	if a, err := ask(http.MethodGet, ""); err != nil || a.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("GET: %v, %v", a, err)
	}
	h.Kill()
	if a, err := ask(http.MethodPost, "[]"); err == nil {
		t.Errorf("a dead webhook answered %v", a.Status)
	}
	if err := h.Revive(); err != nil {
		t.Fatal(err)
	}
	if _, err := ask(http.MethodPost, string(batchOf(1, 0, 3, 4))); err != nil || c.received() != 4 {
		t.Errorf("revived: %v, %d received, want 4", err, c.received())
	}
}

// TestHookWaits: an answer that is held or slow counts when it is given, and one that
// nobody waits for does not.
func TestHookWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, c := &Hook{}, newCensus(1, 1)
		h.count(c)
		post := func(ctx context.Context, from, to uint64) {
			h.serve(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodPost, "/", strings.NewReader(string(batchOf(1, 0, from, to)))))
		}
		h.Hold()
		go post(t.Context(), 0, 1)
		synctest.Wait()
		if c.received() != 0 {
			t.Error("a held answer was counted")
		}
		h.Release()
		synctest.Wait()
		if c.received() != 1 {
			t.Errorf("%d received, want 1", c.received())
		}
		h.Slow(2 * time.Second)
		start := time.Now()
		post(t.Context(), 1, 2)
		if took := time.Since(start); took != 2*time.Second || c.received() != 2 {
			t.Errorf("answered after %v, %d received, want 2s and 2", took, c.received())
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		post(ctx, 2, 3)
		if c.received() != 2 {
			t.Error("an answer that came too late was counted")
		}
	})
}

// aPlane is a data plane that gives events once, and keeps some to itself.
type aPlane struct {
	left         atomic.Int64 // batches of 10
	acknowledged atomic.Int64
	withheld     string
	settled      string // the answer to acknowledge
}

func (p *aPlane) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "SharedAccessKey k" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	body, _ := io.ReadAll(r.Body)
	if strings.HasSuffix(r.URL.Path, ":acknowledge") {
		p.acknowledged.Add(int64(strings.Count(string(body), "token")))
		io.WriteString(w, p.settled)
		return
	}
	n := p.left.Add(-1)
	if n < 0 {
		<-r.Context().Done()
		return
	}
	for i := uint64(n) * 10; i < uint64(n+1)*10; i++ {
		if fmt.Sprint(i) != p.withheld {
			fmt.Fprintf(w, `{"brokerProperties":{"lockToken":"token%d"},"event":%s}`, i, batchOf(1, 0, i, i+1))
		}
	}
}

// TestPull: all that is received is acknowledged and counted, and what is not is lost.
func TestPull(t *testing.T) {
	tests := map[string]struct {
		plane *aPlane
		lost  uint64
		err   string
	}{
		"all":                {&aPlane{settled: `{"failedLockTokens":[]}`}, 0, ""},
		"one is withheld":    {&aPlane{settled: `{"failedLockTokens":[]}`, withheld: "17"}, 1, ""},
		"a lock was lost":    {&aPlane{settled: `{"failedLockTokens":[{"lockToken":"token1"}]}`}, 0, "failedLockTokens"},
		"another may, not I": {&aPlane{settled: ``}, 0, "acknowledge"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			defer goleak.VerifyNone(t)
			test.plane.left.Store(5)
			server := httptest.NewServer(test.plane)
			defer server.Close()
			r := &run{Options: Options{Subscribers: 3, Patience: 200 * time.Millisecond, Events: &Events{URL: server.URL, Key: "k"}}}
			r.meter.clock = time.Now()
			c := newCensus(1, 1)
			err := r.pull(t.Context(), phasePull, subscriptionPath(EventTopic, PullSub), c, 50)
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Errorf("ended with %v, want what says %q", err, test.err)
				}
				return
			}
			c.into(&r.result, []uint64{50})
			if err != nil || r.result.Lost != test.lost || uint64(test.plane.acknowledged.Load()) != 50-test.lost {
				t.Errorf("%v: %d lost, %d acknowledged, want %d and %d", err, r.result.Lost, test.plane.acknowledged.Load(), test.lost, 50-test.lost)
			}
			if p := r.result.Phase(phasePull); p.Units != 50-test.lost {
				t.Errorf("a phase of %d events, want %d", p.Units, 50-test.lost)
			}
		})
	}
}

// TestTurns: a message belongs to the turn in which it was sent, however late it is
// acknowledged, and to none when it was sent between two.
func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &run{}
		r.meter.clock = time.Now()
		w := &turning{r: r, turns: []turn{{which: 1, from: 100, to: 200}, {which: 2, from: 300, to: 400}, {which: 1, from: 500, to: never}}}
		time.Sleep(time.Millisecond)
		for _, stamp := range []int64{99, 100, 199, 200, 299, 300, 400, 499, 500, 1e6} {
			w.acknowledged(stamp)
		}
		w.delivered(head{stamp: 350})
		var acks []uint64
		for i := range w.turns {
			acks = append(acks, w.turns[i].acks.Count())
		}
		if want := []uint64{2, 1, 2}; !slices.Equal(acks, want) || w.turns[1].deliveries.Count() != 1 || w.came.Load() != 1 {
			t.Errorf("acknowledged by turn %v, want %v", acks, want)
		}
		r.result.Phases = []Phase{{Name: TurnHealthy}, {Name: TurnSlow}}
		w.tell()
		if p := r.result.Phases; len(p[0].Acks) != 2 || len(p[1].Acks) != 1 || p[1].Deliveries[0].Count != 1 {
			t.Errorf("told %+v", p)
		}
	})
}

// TestOrderOfTurns: each is taken once in a round, and none always follows the same.
func TestOrderOfTurns(t *testing.T) {
	before := make(map[int]map[int]bool)
	last := -1
	for round := range 8 {
		seen := map[int]bool{}
		for i := range len(Turns()) {
			which := turnOf(round, i)
			if seen[which] {
				t.Errorf("round %d takes turn %d twice", round, which)
			}
			seen[which] = true
			if last >= 0 {
				if before[which] == nil {
					before[which] = map[int]bool{}
				}
				before[which][last] = true
			}
			last = which
		}
	}
	for which, others := range before {
		if len(others) < 2 {
			t.Errorf("turn %d always follows %v", which, others)
		}
	}
}

// TestPhases: one that comes several times is one.
func TestPhases(t *testing.T) {
	var r Result
	r.phase("a", "x").add(1, time.Second)
	r.phase("b", "x").add(5, time.Second)
	r.phase("a", "x").add(2, time.Second)
	if p := r.Phase("a"); len(r.Phases) != 2 || p.Units != 3 || p.Seconds != 2 {
		t.Errorf("%+v", r.Phases)
	}
}

// TestEventScenariosRefuse: what cannot work says what it needs, before it connects.
func TestEventScenariosRefuse(t *testing.T) {
	plane := &Events{URL: "https://127.0.0.1:1", Key: "k"}
	tests := map[string]struct {
		scenario string
		o        Options
		want     string
	}{
		"no plane to receive from": {"routed", Options{}, errNoEvents.Error()},
		"no plane to post to":      {"posted", Options{}, errNoEvents.Error()},
		"no plane for webhooks":    {"webhooks", Options{}, errNoEvents.Error()},
		"no webhook":               {"pushed", Options{Events: plane}, errNoHook.Error()},
		"no webhooks":              {"webhooks", Options{Events: plane}, errNoHook.Error()},
		"no pace":                  {"webhooks", Options{Events: plane, Rate: -1}, "and a rate"},
		"nothing is acknowledged":  {"publish", Options{QoS: QoS0}, "QoS 1 or 2"},
		"a scenario there is not":  {"push", Options{}, "webhooks"},
	}
	for name, test := range tests {
		if _, err := Run(t.Context(), test.scenario, test.o); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want what says %q", name, err, test.want)
		}
	}
}
