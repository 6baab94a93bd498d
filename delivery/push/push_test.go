package push

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"gridmq/delivery"
)

func TestDelivered(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.tell(to("a"), to("b", batch(10)))
		after(time.Second)
		w.publish("1", "2")
		after(time.Second)
		got := w.e.of("a")
		slices.Sort(got)
		if fmt.Sprint(got) != "[1s [1] #0 1s [2] #0]" {
			t.Errorf("called with %v", got)
		}
		w.wantCalls("b", "1s [1 2] #0")
		if n := w.pool.Busy(); n != 0 {
			t.Errorf("%d workers have nothing to do", n)
		}
		w.publish("3")
		after(time.Second)
		w.wantCalls("b", "1s [1 2] #0", "2s [3] #0")
		if st := w.stats("a"); st.Received != 3 || st.Outstanding != 0 || st.Undelivered != 0 {
			t.Errorf("stats %+v", st)
		}
	})
}

// Section 12.1: 0, 10 s, 30 s, 1 min, 5 min, then every five minutes, ten attempts; 500
// is an answer that puts nothing aside.
func TestSchedule(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.e.answer["a"] = status(500)
		w.tell(to("a", func(s *delivery.Subscription) {
			s.Destination.Headers = []delivery.Header{{Name: "Authorization", Value: "s", Secret: true}, {Name: "tenant", Value: "t-17"}, {Name: "n", SourceField: "data.n"}}
		}))
		w.publish("1")
		after(2 * time.Hour)
		w.wantCalls("a", "0s [1] #0", "10s [1] #1", "30s [1] #2", "1m0s [1] #3", "5m0s [1] #4",
			"10m0s [1] #5", "15m0s [1] #6", "20m0s [1] #7", "25m0s [1] #8", "30m0s [1] #9")
		w.wantDead("1 10 Maximum delivery attempts was exceeded. | Aborted [{tenant t-17} {n 1}]")
		if st := w.stats("a"); st.Undelivered != 10 || st.Received != 0 || st.Outstanding != 0 {
			t.Errorf("stats %+v", st)
		}
	})
}

// Sections 12.2 and 13.4.
func TestNotRetried(t *testing.T) {
	for code, outcome := range map[int]string{400: "BadRequest", 401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 410: "NotFound",
		413: "PayloadTooLarge", 414: "PayloadTooLarge"} {
		inWorld(t, func(t *testing.T, w *world) {
			w.e.answer["a"] = status(code)
			w.tell(to("a"))
			w.publish("1")
			after(time.Hour)
			w.wantCalls("a", "0s [1] #0")
			w.wantDead("1 1 Undeliverable due to client error | " + outcome + " []")
		})
	}
}

// Section 18, check 13: 205, 302 and others of that kind are failures; 503 is tried
// again after 30 s, not 10.
func TestRetried(t *testing.T) {
	for code, want := range map[int]string{205: "[0s 10s 30s]", 206: "[0s 10s 30s]", 302: "[0s 10s 30s]", 500: "[0s 10s 30s]", 408: "[0s 2m0s 4m0s]", 503: "[0s 30s 1m0s]"} {
		inWorld(t, func(t *testing.T, w *world) {
			w.e.answer["a"] = status(code)
			w.tell(to("a", func(s *delivery.Subscription) { s.MaxDeliveryCount = 3 }))
			w.publish("1")
			after(time.Hour)
			var at []time.Duration
			for _, c := range w.e.calls {
				at = append(at, c.at)
			}
			if fmt.Sprint(at) != want {
				t.Errorf("%d: attempts at %v, want %v", code, at, want)
			}
		})
	}
}

func TestRetryAfter(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		first := true
		w.e.answer["a"] = func(context.Context, call) (int, http.Header, error) {
			if first {
				first = false
				return 429, http.Header{"Retry-After": {"100"}}, nil
			}
			return 200, nil, nil
		}
		w.tell(to("a"))
		w.publish("1")
		after(time.Second)
		w.publish("2") // waits too: the destination has asked for it
		after(99*time.Second - time.Millisecond)
		w.wantCalls("a", "0s [1] #0")
		after(11 * time.Second)
		if got := len(w.e.of("a")); got != 3 {
			t.Errorf("%d calls, want 3", got)
		}
	})
}

// An endpoint has 30 seconds. Connection and name failures are tried again (12.2).
func TestNoAnswer(t *testing.T) {
	refused := func(context.Context, call) (int, http.Header, error) {
		return 0, nil, &net.OpError{Op: "dial", Err: errors.New("refused")}
	}
	unknown := func(context.Context, call) (int, http.Header, error) {
		return 0, nil, &net.DNSError{Err: "no such host", Name: "a"}
	}
	for name, test := range map[string]struct {
		answer  handler
		second  time.Duration // of the second attempt
		outcome string
	}{
		"silent": {slow(time.Hour, 200), 40 * time.Second, "TimedOut"}, "refused": {refused, 30 * time.Second, "SocketError"},
		"unknown": {unknown, 5 * time.Minute, "ResolutionError"},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.e.answer["a"] = test.answer
				w.tell(to("a", func(s *delivery.Subscription) { s.MaxDeliveryCount = 2 }))
				w.publish("1")
				after(time.Hour)
				if n := len(w.e.calls); n != 2 || w.e.calls[1].at < test.second || w.e.calls[1].at > test.second*11/10 {
					t.Errorf("called %v, want the second at %v and up to a tenth later", w.e.of("a"), test.second)
				}
				w.wantDead("1 2 Maximum delivery attempts was exceeded. | " + test.outcome + " []")
			})
		})
	}
}

func TestStrict(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.reopen(func(o *Options) { o.Strict = true })
		w.e.answer["a"] = slow(time.Hour, 200)
		w.tell(to("a"))
		w.publish("1")
		after(time.Hour)
		w.wantCalls("a", "0s [1] #0")
		w.wantDead("1 1 Undeliverable due to client error | TimedOut []")
	})
}

// The time to live is looked at when the next attempt is due (section 12.1).
func TestTimeToLive(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.e.answer["a"] = status(500)
		w.tell(to("a", func(s *delivery.Subscription) { s.TimeToLive = 6 * time.Minute }))
		w.publish("1")
		after(9 * time.Minute)
		w.wantDead()
		after(time.Hour)
		w.wantCalls("a", "0s [1] #0", "10s [1] #1", "30s [1] #2", "1m0s [1] #3", "5m0s [1] #4")
		w.wantDead("1 5 Event time to live was exceeded. | Aborted []")
	})
}

// While a destination is put aside its events wait, and expire; afterwards one request
// tries it.
func TestProbation(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var bad atomic.Bool
		bad.Store(true)
		w.e.answer["a"] = func(context.Context, call) (int, http.Header, error) {
			time.Sleep(time.Second)
			if bad.Load() {
				return 0, nil, &net.DNSError{Err: "no such host", Name: "a"}
			}
			return 200, nil, nil
		}
		w.tell(to("a", func(s *delivery.Subscription) { s.TimeToLive = 4 * time.Minute }))
		w.publish("1")
		after(10 * time.Second)
		w.publish("2", "3", "4")
		after(4*time.Minute + time.Second)
		w.wantCalls("a", "0s [1] #0")
		w.wantDead("1 1 Event time to live was exceeded. | ResolutionError []", "2 0 Event time to live was exceeded. | Event was not delivered. []",
			"3 0 Event time to live was exceeded. | Event was not delivered. []", "4 0 Event time to live was exceeded. | Event was not delivered. []")
		w.publish("5", "6", "7")
		after(90 * time.Second)
		if n := len(w.e.of("a")); n != 2 || w.e.most["a"] != 1 {
			t.Errorf("%d calls, %d at once: %v, want one more as a trial", n, w.e.most["a"], w.e.of("a"))
		}
		bad.Store(false)
		after(6 * time.Minute) // 5 to 7 have expired in the second pause
		w.publish("8", "9")
		after(10 * time.Second)
		if st := w.stats("a"); st.Received != 2 || w.e.most["a"] != 1 {
			t.Errorf("stats %+v, %d at once, after %v", st, w.e.most["a"], w.e.of("a"))
		}
		w.publish("10", "11", "12", "13")
		after(10 * time.Second)
		if st := w.stats("a"); st.Received != 6 || w.e.most["a"] < 2 {
			t.Errorf("stats %+v, %d at once: it is not trusted again", st, w.e.most["a"])
		}
	})
}

// Workers that were under way when the destination was put aside do not go on side by
// side afterwards.
func TestOneAtATime(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		first, late := true, 0
		w.e.answer["a"] = func(_ context.Context, c call) (int, http.Header, error) {
			w.e.mu.Lock()
			was := first
			first = false
			if c.at > 0 {
				late = max(late, w.e.open["a"])
			}
			w.e.mu.Unlock()
			switch {
			case was:
				time.Sleep(time.Second) // the others have begun
				return 503, nil, nil
			case c.at == 0:
				time.Sleep(20 * time.Second)
			default:
				time.Sleep(time.Second)
			}
			return 500, nil, nil
		}
		w.tell(to("a"))
		w.publish("1", "2", "3", "4", "5", "6", "7", "8")
		after(5 * time.Second)
		w.publish("9", "10", "11", "12", "13", "14", "15", "16")
		after(time.Minute)
		if n := len(w.e.calls); n < 20 || late != 1 {
			t.Errorf("%d calls, %d at once after the pause, want 1", n, late)
		}
	})
}

// A slow and dead endpoints hold up neither a healthy one nor publishers.
func TestNeighbours(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.reopen(func(o *Options) { o.Workers = 20 })
		w.e.answer["slow"], w.e.answer["healthy"] = slow(2*time.Second, 200), slow(time.Millisecond, 200)
		subs := []delivery.Subscription{to("healthy"), to("slow")}
		for i := range 12 {
			host := fmt.Sprint("dead", i)
			w.e.answer[host] = slow(time.Hour, 200)
			subs = append(subs, to(host))
		}
		w.tell(subs...)
		start := time.Now()
		for i := range 50 {
			for k := range 10 {
				w.publish(fmt.Sprint(10*i + k))
			}
			if took := time.Since(start) - time.Duration(i)*100*time.Millisecond; took != 0 {
				t.Fatalf("publishers were held up for %v", took)
			}
			after(100 * time.Millisecond)
			if st := w.stats("healthy"); st.Received != uint64(10*(i+1)) {
				t.Fatalf("after round %d the healthy endpoint has %d events", i, st.Received)
			}
		}
		if st, n := w.stats("slow"), w.pool.Busy(); st.Received == 0 || n > 20 {
			t.Errorf("slow: %+v; %d workers", st, n)
		}
		for host, most := range w.e.most {
			if most > 8 {
				t.Errorf("%s had %d requests at once", host, most)
			}
		}
	})
}

// With fewer workers than subscriptions everybody has a turn.
func TestTurns(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.reopen(func(o *Options) { o.Workers = 2 })
		var subs []delivery.Subscription
		for i := range 6 {
			host := fmt.Sprint("h", i)
			w.e.answer[host] = slow(time.Second, 200)
			subs = append(subs, to(host))
		}
		w.tell(subs...)
		for i := range 20 {
			w.publish(fmt.Sprint(i))
		}
		after(30*time.Second + time.Millisecond) // 60 requests in all
		for i := range 6 {
			if got := w.stats(fmt.Sprint("h", i)).Received; got < 9 || got > 11 {
				t.Errorf("h%d has had %d of 60", i, got)
			}
		}
		after(time.Minute)
		for i := range 6 {
			if got := w.stats(fmt.Sprint("h", i)).Received; got != 20 {
				t.Errorf("h%d has %d of 20", i, got)
			}
		}
	})
}

// A batch that is too large is sent in halves, at the same attempt.
func TestTooLargeBatch(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.e.answer["a"] = func(_ context.Context, c call) (int, http.Header, error) {
			if len(c.ids) > 2 || slices.Contains(c.ids, "4") {
				return 413, nil, nil
			}
			return 200, nil, nil
		}
		w.tell(to("a", batch(100)))
		w.publish("1", "2", "3", "4", "5")
		after(time.Second)
		w.wantCalls("a", "0s [1 2 3 4 5] #0", "0s [1 2] #0", "0s [3 4 5] #0", "0s [3] #0", "0s [4 5] #0", "0s [4] #0", "0s [5] #0")
		w.wantDead("4 1 Undeliverable due to client error | PayloadTooLarge []")
	})
}

// Locks are extended when the messages of one take are slow.
func TestManySlowGroups(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.e.answer["a"] = slow(20*time.Second, 200)
		w.tell(to("a", batch(100), func(s *delivery.Subscription) {
			s.Destination.Headers = []delivery.Header{{Name: "id", SourceField: "id"}}
		}))
		w.publish("1", "2", "3", "4", "5", "6", "7", "8")
		after(10 * time.Minute)
		w.wantCalls("a", "0s [1] #0", "20s [2] #0", "40s [3] #0", "1m0s [4] #0", "1m20s [5] #0", "1m40s [6] #0", "2m0s [7] #0", "2m20s [8] #0")
	})
}

// When one message of a take fails, the others go back uncounted.
func TestRestGoesBack(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		first := true
		w.e.answer["a"] = func(context.Context, call) (int, http.Header, error) {
			if first {
				first = false
				return 503, nil, nil
			}
			return 200, nil, nil
		}
		w.tell(to("a", batch(100), func(s *delivery.Subscription) {
			s.MaxDeliveryCount = 2
			s.Destination.Headers = []delivery.Header{{Name: "id", SourceField: "id"}}
		}))
		w.publish("1", "2")
		after(time.Minute)
		if got := w.e.of("a"); len(got) != 3 || got[0] != "0s [1] #0" || w.e.calls[1].ids[0] != "2" || w.e.calls[1].count != "0" || w.e.calls[2].count != "1" {
			t.Errorf("called %v", got)
		}
	})
}

// What was on its way when the plane closes is finished, or not counted.
func TestClose(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		subs := []delivery.Subscription{to("quick"), to("slow", func(s *delivery.Subscription) { s.MaxDeliveryCount = 1 })}
		w.e.answer["quick"], w.e.answer["slow"] = slow(time.Second, 200), slow(10*time.Second, 200)
		w.tell(subs...)
		w.publish("1")
		after(time.Millisecond)
		w.close()
		if at := time.Since(w.e.start); at != 2*time.Second+time.Millisecond {
			t.Errorf("closed at %v", at)
		}
		w.open()
		w.tell(subs...)
		after(time.Minute)
		w.wantCalls("quick", "0s [1] #0")
		w.wantCalls("slow", "0s [1] #0", "2.001s [1] #0")
		if got := w.stats("slow").Received; got != 1 {
			t.Errorf("slow has %d", got)
		}
	})
}

// A subscription that is deleted stops at once; a change starts anew.
func TestDeletedAndChanged(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.e.answer["a"], w.e.answer["b"] = slow(20*time.Second, 200), status(404)
		w.tell(to("a"), to("b"))
		w.publish("1")
		after(time.Second)
		if err := w.p.DeleteSubscription(namespace, topicName, "a"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if n := w.pool.Busy(); n != 0 {
			t.Errorf("%d workers are left of what was deleted", n)
		}
		w.publish("2") // b is put aside
		after(time.Second)
		w.wantCalls("b", "0s [1] #0")
		b := to("c")
		b.Name = "b"
		if err := w.p.SetSubscription(namespace, topicName, b); err != nil {
			t.Fatal(err)
		}
		after(time.Second)
		w.wantCalls("c", "2s [2] #0")
	})
}

// Events wait for a destination that cannot be pushed to.
func TestEventHub(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		s := to("a")
		s.Destination = &delivery.Destination{EventHub: &delivery.EventHub{ResourceID: "/x"}}
		w.tell(s)
		w.publish("1")
		after(time.Hour)
		if err := w.p.SetSubscription(namespace, topicName, to("a")); err != nil {
			t.Fatal(err)
		}
		after(time.Second)
		w.wantCalls("a", "1h0m0s [1] #0")
	})
}

func TestToken(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n, fail := 0, atomic.Bool{}
		fail.Store(true)
		w.reopen(func(o *Options) {
			o.Tokens = func(_ context.Context, tenant, application string) (string, time.Time, error) {
				if n++; fail.Load() {
					return "", time.Time{}, errors.New("down")
				}
				return fmt.Sprintf("%s.%s.%d", tenant, application, n), time.Now().Add(time.Hour), nil
			}
		})
		var shown []string
		w.e.answer["a"] = func(_ context.Context, c call) (int, http.Header, error) {
			shown = append(shown, c.header.Get("Authorization"))
			if len(shown) == 2 {
				return 401, nil, nil
			}
			return 200, nil, nil
		}
		w.tell(to("a", func(s *delivery.Subscription) {
			s.Destination.WebHook.Tenant, s.Destination.WebHook.Application = "T", "A"
		}))
		w.publish("1")
		after(time.Second)
		w.wantCalls("a")
		fail.Store(false)
		after(10 * time.Second)
		w.publish("2")
		after(time.Second)
		w.wantDead("2 1 Undeliverable due to client error | Unauthorized []")
		after(6 * time.Minute)
		w.publish("3")
		after(55 * time.Minute)
		w.publish("4")
		after(time.Second)
		if got := fmt.Sprint(shown); got != "[Bearer T.A.2 Bearer T.A.2 Bearer T.A.3 Bearer T.A.4]" {
			t.Errorf("shown %v", got)
		}
	})
}
