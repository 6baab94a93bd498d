package gateway

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"gridmq/delivery"
	"gridmq/internal/bubble"
)

func batch(n int) string { return "[" + strings.Repeat(order+",", n-1) + order + "]" }

var batchType = header("Content-Type", "application/cloudevents-batch+json")

// Section 14: a second's worth may come at once, then 429 with Retry-After.
func TestPublishRate(t *testing.T) {
	tests := map[string]Rates{
		"events": {IngressEvents: 10},
		"bytes":  {IngressBytes: len(batch(10)) + 5},
	}
	for name, rates := range tests {
		t.Run(name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				h := newHouse(t, func(h *house) { h.ns.Rates = rates })
				defer h.g.Close()
				publish := func(n int) int { return h.do(h.ask(publishPath, batch(n), batchType)).status }
				for i, want := range []int{200, 429, 429} {
					n := 10
					if i == 2 {
						n = 1
					}
					if got := publish(n); got != want {
						t.Fatalf("batch %d of %d: %d, want %d", i, n, got, want)
					}
				}
				if len(h.topic.events) != 10 {
					t.Errorf("%d events stored", len(h.topic.events))
				}
				if o := h.last(); o.Failed != 1 || o.Code != "TooManyRequests" {
					t.Errorf("observed %+v", o)
				}
				time.Sleep(time.Second) // what Retry-After says
				if got := publish(10); got != 200 {
					t.Errorf("a second later: %d", got)
				}
				time.Sleep(time.Minute)
				if got := publish(30); got != 200 { // larger than a second's worth: waits for a full one
					t.Errorf("a large one: %d", got)
				}
				other := *h.ns
				h.ns, other.Rates = &other, Rates{}
				if got := publish(10); got != 200 {
					t.Errorf("the limit is gone: %d", got)
				}
			})
		})
	}
}

func TestSettlementRate(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		h := newHouse(t, func(h *house) { h.ns.Rates = Rates{EgressEvents: 5} })
		defer h.g.Close()
		for i, want := range []int{200, 429} { // tokens count, not calls
			if a := h.do(h.ask(ackPath, manyTokens(4))); a.status != want {
				t.Errorf("call %d: %d %s, want %d", i, a.status, a.body, want)
			}
		}
	})
}

// A receive over the limit waits, as long as maxWaitTime allows.
func TestReceiveRate(t *testing.T) {
	tests := map[string]struct {
		given  int // events at first, with a rate of 10
		wait   time.Duration
		status int
	}{
		"within":       {5, 0, 200},
		"all":          {10, 100 * time.Millisecond, 200},
		"beyond":       {100, 9100 * time.Millisecond, 200},
		"far too much": {400, 10 * time.Second, 429},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				h := newHouse(t, func(h *house) { h.ns.Rates = Rates{EgressEvents: 10} })
				defer h.g.Close()
				one := delivery.Delivery{Event: readEvent(t, order), LockToken: "a", Count: 1}
				for n := tt.given; n > 0; n -= 100 {
					h.g.tenant(h.ns).charge(&h.g.tenant(h.ns).egress, min(n, 100), 0)
				}
				h.topic.queues["billing"].put(one)
				began := time.Now()
				a := h.do(h.ask(receivePath+"&maxWaitTime=10", ""))
				if took := time.Since(began).Round(time.Millisecond); a.status != tt.status || took != tt.wait {
					t.Errorf("%d after %v, want %d after %v", a.status, took, tt.status, tt.wait)
				}
			})
		})
	}
	bubble.Test(t, func(t *testing.T) { // bytes are charged when they are known
		h := newHouse(t, func(h *house) { h.ns.Rates = Rates{EgressBytes: 100} })
		defer h.g.Close()
		for range 2 {
			h.topic.queues["billing"].put(delivery.Delivery{Event: readEvent(t, order), LockToken: "a", Count: 1})
		}
		began := time.Now()
		size := len(h.do(h.ask(receivePath, "")).body)
		if time.Since(began) != 0 {
			t.Errorf("the first waited %v", time.Since(began))
		}
		h.do(h.ask(receivePath, ""))
		if want := time.Duration(size-99) * 10 * time.Millisecond; time.Since(began).Round(time.Millisecond) != want {
			t.Errorf("the second came after %v, want %v", time.Since(began), want)
		}
	})
}

// What one limit refuses is not taken from the other.
func TestBothOrNeither(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		h := newHouse(t, func(h *house) { h.ns.Rates = Rates{IngressEvents: 10, IngressBytes: 100} })
		defer h.g.Close()
		one := h.g.tenant(h.ns)
		for i, step := range []struct {
			events, bytes int
			want          bool
		}{{1, 50, true}, {8, 60, false}, {10, 1, false}, {9, 50, true}} {
			if got := one.take(&one.ingress, step.events, step.bytes); got != step.want {
				t.Errorf("step %d: %v, want %v", i, got, step.want)
			}
		}
	})
}

func TestAzureRates(t *testing.T) {
	if got, want := AzureRates(2), (Rates{2000, 2 << 20, 4000, 4 << 20}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if AzureRates(0) != AzureRates(1) {
		t.Error("no unit is one")
	}
}

// Two namespaces do not share a limit, and a namespace that is gone is forgotten.
func TestRatesAreOfOneNamespace(t *testing.T) {
	h := newHouse(t, func(h *house) { h.ns.Rates, h.other.Rates = Rates{IngressEvents: 1}, Rates{IngressEvents: 1} })
	defer h.g.Close()
	if a := h.do(h.ask(publishPath, order)); a.status != 200 {
		t.Fatal(a)
	}
	a := h.g.tenant(h.other)
	if !a.take(&a.ingress, 1, 0) {
		t.Error("the other namespace pays")
	}
	h.g.Forget("PLANT")
	if a := h.do(h.ask(publishPath, order)); a.status != 200 {
		t.Errorf("the new one pays: %d", a.status)
	}
}

// A limit on requests in hand does not count receives that wait, and the other way
// round.
func TestRequestsInHand(t *testing.T) {
	wire(t, func(t *testing.T, h *house, p pipes) {
		conn := p.dial()
		defer conn.Close()
		send(conn, h.head(receivePath, "Content-Length: 0\r\n"))
		time.Sleep(time.Second)
		if a := h.do(h.ask(publishPath, order)); a.status != 200 {
			t.Errorf("publish while one waits: %d", a.status)
		}
		if a := h.do(h.ask(receivePath, "")); a.status != 429 {
			t.Errorf("a second receive: %d", a.status)
		}
		if got := h.g.tenant(h.ns); got.serving.Load() != 0 || got.waiting.Load() != 1 {
			t.Errorf("%d in hand, %d wait", got.serving.Load(), got.waiting.Load())
		}
	}, func(h *house) { h.o.Requests, h.o.Receives = 1, 1 })
}

var _ http.Handler = (*Gateway)(nil)
