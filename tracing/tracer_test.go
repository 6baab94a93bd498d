package tracing

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"go.uber.org/goleak"

	"gridmq/internal/bubble"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A collector answers requests, and notes how many spans it has seen.
type collector struct {
	answer func(*http.Request) (*http.Response, error)

	mu       sync.Mutex
	requests []time.Time
	spans    int
}

func status200() (*http.Response, error) { return respond(200, "{}") }

func respond(status int, body string) (*http.Response, error) {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body))}, nil
}

func (c *collector) RoundTrip(r *http.Request) (*http.Response, error) {
	var in request
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		return nil, err
	}
	c.mu.Lock()
	c.requests = append(c.requests, time.Now())
	c.spans += len(in.ResourceSpans[0].ScopeSpans[0].Spans)
	c.mu.Unlock()
	return c.answer(r)
}

func open(t *testing.T, c *collector, o Options) *Tracer {
	t.Helper()
	o.Endpoint, o.Client, o.Registerer = "http://collector/v1/traces", &http.Client{Transport: c}, prometheus.NewRegistry()
	tr, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func end(tr *Tracer, n int) {
	for range n {
		tr.Start("s", Internal, Context{}).End()
	}
}

func value(c prometheus.Counter) float64 {
	var m dto.Metric
	if err := c.Write(&m); err != nil {
		panic(err)
	}
	return m.GetCounter().GetValue()
}

func (t *Tracer) lostTo(reason string) float64 {
	return value(t.metrics.dropped.WithLabelValues(reason))
}

// TestExport: all spans come, in batches, also those of the last moment.
func TestExport(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		c := &collector{answer: func(*http.Request) (*http.Response, error) { return status200() }}
		tr := open(t, c, Options{Ratio: 1})
		end(tr, 1100)
		time.Sleep(3 * time.Second)
		end(tr, 1)
		tr.Close(t.Context())
		tr.Close(t.Context()) // twice is fine
		if c.spans != 1101 || len(c.requests) < 4 || value(tr.metrics.exported) != 1101 {
			t.Errorf("%d spans in %d requests, %v counted", c.spans, len(c.requests), value(tr.metrics.exported))
		}
	})
}

// TestDead: a collector that never answers costs a queue and what is counted, nobody
// waits for it, and the end of the process is not held up.
func TestDead(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		c := &collector{answer: func(r *http.Request) (*http.Response, error) { <-r.Context().Done(); return nil, r.Context().Err() }}
		tr := open(t, c, Options{Ratio: 1, Queue: 1000, Timeout: 5 * time.Second})
		for range 100 {
			began := time.Now()
			end(tr, 100)
			if took := time.Since(began); took != 0 { // virtual: any wait would show
				t.Fatalf("End waited %v", took)
			}
			if n := tr.queued(); n > 1000 {
				t.Fatalf("%d spans wait, 1000 may", n)
			}
			time.Sleep(100 * time.Millisecond)
		}
		began := time.Now()
		tr.Close(t.Context())
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("Close took %v, with a time-out of 5s", took)
		}
		if all := tr.lostTo(lostFull) + tr.lostTo(lostUnreachable); all != 10_000 || tr.lostTo(lostFull) < 8000 {
			t.Errorf("%v of 10000 spans are counted as lost, %v for want of room", all, tr.lostTo(lostFull))
		}
	})
}

// TestSlow: a collector that is slow gets what it can take, and the rest is counted.
func TestSlow(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		c := &collector{answer: func(*http.Request) (*http.Response, error) { time.Sleep(4 * time.Second); return status200() }}
		tr := open(t, c, Options{Ratio: 1, Queue: 512})
		for range 60 {
			end(tr, 512)
			time.Sleep(time.Second)
		}
		tr.Close(t.Context())
		lost := tr.lostTo(lostFull)
		if float64(c.spans)+lost != 60*512 || c.spans < 10*512 {
			t.Errorf("%d exported, %v lost; want together %d", c.spans, lost, 60*512)
		}
	})
}

// TestAgain: what could work later is tried again, with growing pauses and as the
// collector asks; what could not, not.
func TestAgain(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		n := 0
		c := &collector{answer: func(*http.Request) (*http.Response, error) {
			switch n++; n {
			case 1:
				return nil, errors.New("refused")
			case 2:
				r, err := respond(503, "")
				r.Header.Set("Retry-After", "20")
				return r, err
			case 3:
				return respond(200, `{"partialSuccess":{"rejectedSpans":"2"}}`)
			}
			return respond(400, "")
		}}
		tr := open(t, c, Options{Ratio: 1})
		end(tr, 10)
		time.Sleep(time.Minute)
		end(tr, 5)
		time.Sleep(time.Minute)
		tr.Close(t.Context())
		if len(c.requests) != 4 || c.requests[1].Sub(c.requests[0]) != time.Second || c.requests[2].Sub(c.requests[1]) != 20*time.Second {
			t.Errorf("requests at %v", c.requests)
		}
		if exported, refused := value(tr.metrics.exported), tr.lostTo(lostRefused); exported != 8 || refused != 7 {
			t.Errorf("%v exported, %v refused; want 8 and 7", exported, refused)
		}
	})
}

// TestSampling: the parent decides where there is one, else chance.
func TestSampling(t *testing.T) {
	tr := &Tracer{bound: always / 4}
	n := 0
	for range 10_000 {
		if tr.Start("s", Internal, Context{}) != nil {
			n++
		}
	}
	if n < 2000 || n > 3000 {
		t.Errorf("%d of 10000 were recorded, want about 2500", n)
	}
	yes, _ := Parse(parent, "a=b")
	no := yes
	no.Flags = 0
	never := &Tracer{}
	s := never.Start("s", Internal, yes)
	if s == nil || tr.Start("s", Internal, no) != nil || never.Start("s", Internal, Context{}) != nil {
		t.Error("the parent does not decide")
	}
	if c := s.Child("t", Internal).Context(); c.Trace != yes.Trace || c.State != "a=b" || c.Span == s.own.Span {
		t.Errorf("the child is %v, of %v", c, s.own)
	}
}

// TestNothing: without a tracer, and without a span, nothing happens and nothing is allocated.
func TestNothing(t *testing.T) {
	var none *Tracer
	never := &Tracer{}
	if n := testing.AllocsPerRun(100, func() {
		for _, tr := range []*Tracer{none, never} {
			s := tr.Start("s", Internal, Context{})
			s.Text("a", "b").Number("c", 1).Truth("d", true).Link(Context{})
			s.Fail("x", "y")
			s.Child("t", Internal).End()
			s.End()
			if s.Context().Valid() || From(With(context.Background(), s)) != nil {
				t.Fatal("there is a span")
			}
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	none.Close(t.Context())
}

// TestRefusals: what is wrong with options is said at start.
func TestRefusals(t *testing.T) {
	for name, o := range map[string]Options{"no endpoint": {}, "ratio": {Endpoint: "http://a", Ratio: 2}, "queue": {Endpoint: "http://a", Queue: -1}} {
		if _, err := New(o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func BenchmarkUnsampled(b *testing.B) {
	tr := &Tracer{bound: 1}
	b.ReportAllocs()
	for b.Loop() {
		tr.Start("s", Internal, Context{}).End()
	}
}
