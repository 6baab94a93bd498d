package tracing

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"gridmq/internal/outbound"
)

const (
	maxBatch    = 512 // spans of one request
	interval    = 2 * time.Second
	attempts    = 5                // for one batch
	firstPause  = time.Second      // before the second of them; it doubles
	longestWait = 30 * time.Second // also what a collector may ask for (Retry-After)
	answerBytes = 64 << 10
)

// run is the exporter: it posts batches until Close, one at a time. What is left then has
// Options.Timeout, behind a request that is under way.
func (t *Tracer) run() {
	defer close(t.done)
	ctx := context.Background()
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for over := false; !over; {
		select {
		case <-t.wake:
		case <-tick.C:
		case <-t.closed:
		}
		if over = t.closing(); over { // whatever else there was to wake for
			limited, cancel := context.WithTimeout(ctx, t.o.Timeout)
			defer cancel()
			ctx = limited
		}
		for batch := t.take(); len(batch) > 0; batch = t.take() {
			t.deliver(ctx, batch)
			if !over && t.closing() {
				break // to the time that there is for the rest
			}
		}
	}
	t.o.Client.CloseIdleConnections()
}

// deliver has the collector take a batch, or gives it up.
func (t *Tracer) deliver(ctx context.Context, batch []*Span) {
	body, err := json.Marshal(t.request(batch))
	if err != nil { // texts are valid UTF-8, so there is nothing that could fail
		t.metrics.lost(lostRefused, len(batch))
		return
	}
	pause := firstPause
	for n := 1; ; n++ {
		refused, wait, err := t.post(ctx, body)
		switch {
		case err == nil:
			t.metrics.exported.Add(float64(len(batch) - refused))
			t.metrics.lost(lostRefused, refused)
			t.tell(nil)
			return
		case wait < 0:
			t.metrics.lost(lostRefused, len(batch))
			t.tell(err)
			return
		}
		t.tell(err)
		if n == attempts || !t.rest(max(pause, wait)) {
			t.metrics.lost(lostUnreachable, len(batch))
			return
		}
		pause = min(2*pause, longestWait)
	}
}

// rest waits before the next attempt; false: the tracer is being closed, there is none.
func (t *Tracer) rest(pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-t.closed:
		return false
	}
}

func (t *Tracer) closing() bool {
	select {
	case <-t.closed:
		return true
	default:
		return false
	}
}

// post makes one request. refused is how many spans of it the collector did not want. With
// an error wait is how long to wait at least, below 0: for ever.
func (t *Tracer) post(ctx context.Context, body []byte) (refused int, wait time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, t.o.Timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, t.o.Endpoint, bytes.NewReader(body))
	if err != nil {
		return 0, -1, err
	}
	headers, err := t.o.Headers()
	if err != nil { // a secret's file that is being replaced
		return 0, 0, err
	}
	for name, values := range headers {
		r.Header[name] = values
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "GridMQ")
	a, err := outbound.Do(t.o.Client, r, answerBytes)
	switch {
	case a == nil:
		return 0, 0, err
	case a.Status/100 == 2:
		return rejected(a.Body), 0, nil // what the body is like does not matter
	}
	err = fmt.Errorf("the collector answered with status %d", a.Status)
	switch a.Status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		seconds, _ := strconv.Atoi(a.Header.Get("Retry-After"))
		return 0, min(time.Duration(max(seconds, 0))*time.Second, longestWait), err
	}
	return 0, -1, err
}

// rejected reads a partial success.
func rejected(body []byte) int {
	var answer struct {
		PartialSuccess struct {
			RejectedSpans json.Number `json:"rejectedSpans"` // a string, as all 64-bit numbers
		} `json:"partialSuccess"`
	}
	if json.Unmarshal(body, &answer) != nil {
		return 0
	}
	n, _ := answer.PartialSuccess.RejectedSpans.Int64()
	return int(max(0, min(n, maxBatch)))
}

// tell logs that the collector fails, and that it does not any more.
func (t *Tracer) tell(err error) {
	switch {
	case err != nil && !t.broken:
		t.o.Log.Warn("traces cannot be exported, what waits too long is dropped", "err", err)
	case err == nil && t.broken:
		t.o.Log.Info("traces are exported again")
	}
	t.broken = err != nil
}
