package tracing

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Options make a Tracer. Endpoint is required.
type Options struct {
	// Endpoint is the URL that spans are posted to; of OTLP over HTTP it ends in /v1/traces.
	Endpoint string
	// Headers are asked for before each request, as secrets in files may change. Default:
	// none.
	Headers func() (http.Header, error)
	// Client posts. It must not follow redirects. Default: http.DefaultClient.
	Client *http.Client
	// Ratio of the traces that begin here is recorded, 0 to 1. Others are recorded if
	// those who began them say so.
	Ratio float64
	// Timeout is for one request, and for all that is left at Close. Default 10 s.
	Timeout time.Duration
	// Queue is how many finished spans may wait. Default 4096.
	Queue int
	// Service and Version are what the collector is told of us. Default "gridmq", "unknown".
	Service, Version string
	// Log receives that the collector cannot be reached. Default: none.
	Log *slog.Logger
	// Registerer takes the metrics. nil is fine.
	Registerer prometheus.Registerer
}

func (o Options) withDefaults() Options {
	o.Client = cmp.Or(o.Client, http.DefaultClient)
	o.Timeout = cmp.Or(o.Timeout, 10*time.Second)
	o.Queue = cmp.Or(o.Queue, 4096)
	o.Service, o.Version = cmp.Or(o.Service, "gridmq"), cmp.Or(o.Version, "unknown")
	o.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	if o.Headers == nil {
		o.Headers = func() (http.Header, error) { return nil, nil }
	}
	return o
}

// always is the bound of a ratio of 1.
const always = math.MaxUint64

// A Tracer makes spans and exports them.
type Tracer struct {
	o        Options
	bound    uint64 // a random number below it begins a trace that is recorded
	resource []keyValue
	metrics  *metrics

	wake   chan struct{} // that a batch is there
	closed chan struct{}
	done   chan struct{} // closed when the exporter has ended
	once   sync.Once
	broken bool // the exporter's: the collector did not take the last batch

	mu      sync.Mutex // guards what follows
	waiting []*Span    // a ring
	first   int
	count   int
}

// New makes a Tracer, and starts its exporter. Errors: what is wrong with o.
func New(o Options) (*Tracer, error) {
	o = o.withDefaults()
	if o.Endpoint == "" {
		return nil, errors.New("tracing: Options.Endpoint is missing")
	}
	if !(o.Ratio >= 0 && o.Ratio <= 1) || o.Queue < 1 {
		return nil, errors.New("tracing: want a ratio from 0 to 1, and a queue of 1 or more")
	}
	t := &Tracer{o: o, bound: always, resource: resourceOf(&o), wake: make(chan struct{}, 1), closed: make(chan struct{}),
		done: make(chan struct{}), waiting: make([]*Span, o.Queue)}
	if o.Ratio < 1 {
		t.bound = uint64(o.Ratio * (1 << 63) * 2)
	}
	t.metrics = newMetrics(o.Registerer, t)
	go t.run() // ends with Close
	return t, nil
}

func resourceOf(o *Options) []keyValue {
	list := []keyValue{text("service.name", o.Service), text("service.version", o.Version)}
	if host, err := os.Hostname(); err == nil {
		list = append(list, text("host.name", clip(host)))
	}
	return list
}

// put has a finished span exported. It never waits: with a full queue the span is lost,
// as old ones tell more of what went wrong first than new ones.
func (t *Tracer) put(s *Span) {
	t.mu.Lock()
	n := len(t.waiting)
	full := t.count == n
	if !full {
		t.waiting[(t.first+t.count)%n] = s
		t.count++
	}
	enough := t.count >= min(maxBatch, n)
	t.mu.Unlock()
	if full {
		t.metrics.lost(lostFull, 1)
		return
	}
	if enough {
		select {
		case t.wake <- struct{}{}:
		default:
		}
	}
}

// take takes up to maxBatch spans from the queue.
func (t *Tracer) take() []*Span {
	t.mu.Lock()
	defer t.mu.Unlock()
	batch := make([]*Span, min(t.count, maxBatch))
	for i := range batch {
		at := (t.first + i) % len(t.waiting)
		batch[i], t.waiting[at] = t.waiting[at], nil
	}
	t.first = (t.first + len(batch)) % len(t.waiting)
	t.count -= len(batch)
	return batch
}

// queued is how many spans wait.
func (t *Tracer) queued() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.count
}

// Close exports what waits, as far as Options.Timeout allows, and ends the exporter. Spans
// that end later are lost. It returns when the exporter has ended, or with ctx.
func (t *Tracer) Close(ctx context.Context) {
	if t == nil {
		return
	}
	t.once.Do(func() { close(t.closed) })
	select {
	case <-t.done:
	case <-ctx.Done():
	}
}
