package tracing

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Why a span was lost.
const (
	lostFull        = "queue_full"
	lostUnreachable = "unreachable" // the collector, for all attempts
	lostRefused     = "refused"     // by the collector
)

type metrics struct {
	exported prometheus.Counter
	dropped  *prometheus.CounterVec // by reason
}

func newMetrics(reg prometheus.Registerer, t *Tracer) *metrics {
	f := promauto.With(reg)
	m := &metrics{
		exported: f.NewCounter(prometheus.CounterOpts{Name: "gridmq_tracing_spans_exported_total", Help: "Spans that the collector has taken."}),
		dropped: f.NewCounterVec(prometheus.CounterOpts{Name: "gridmq_tracing_spans_dropped_total",
			Help: "Spans that were recorded and lost, by reason."}, []string{"reason"}),
	}
	for _, reason := range []string{lostFull, lostUnreachable, lostRefused} {
		m.dropped.WithLabelValues(reason)
	}
	f.NewGaugeFunc(prometheus.GaugeOpts{Name: "gridmq_tracing_spans_queued", Help: "Spans that wait for the collector."},
		func() float64 { return float64(t.queued()) })
	return m
}

func (m *metrics) lost(reason string, spans int) {
	if spans > 0 {
		m.dropped.WithLabelValues(reason).Add(float64(spans))
	}
}
