package server

import (
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"gridmq/listener"
	"gridmq/store"
)

// metrics are the server's own; each room registers its own beside them.
type metrics struct {
	reloads *prometheus.CounterVec // by result: applied, refused
}

func newMetrics(reg prometheus.Registerer, version string) *metrics {
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	f := promauto.With(reg)
	f.NewGaugeVec(prometheus.GaugeOpts{Name: "gridmq_build_info", Help: "The version that runs; always 1."},
		[]string{"version", "go"}).WithLabelValues(version, runtime.Version()).Set(1)
	m := &metrics{reloads: f.NewCounterVec(prometheus.CounterOpts{Name: "gridmq_config_reloads_total",
		Help: "Reloads of the configuration, by result."}, []string{"result"})}
	m.reloads.WithLabelValues("applied")
	m.reloads.WithLabelValues("refused")
	return m
}

// listenerCollector reads the listeners' counters when asked.
type listenerCollector []*listener.Listener

var (
	acceptedDesc = prometheus.NewDesc("gridmq_listener_accepted_total", "Connections taken from the system.", []string{"listener"}, nil)
	refusedDesc  = prometheus.NewDesc("gridmq_listener_refused_total", "Connections refused before login, by reason.", []string{"listener", "reason"}, nil)
	upgradedDesc = prometheus.NewDesc("gridmq_listener_websockets_total", "Connections upgraded to WebSocket.", []string{"listener"}, nil)
	failuresDesc = prometheus.NewDesc("gridmq_listener_accept_errors_total", "Accepts that failed, as for want of file descriptors.", []string{"listener"}, nil)
	openDesc     = prometheus.NewDesc("gridmq_listener_connections", "Connections open, handshakes included.", []string{"listener"}, nil)
	greetingDesc = prometheus.NewDesc("gridmq_listener_handshakes", "Connections still before the end of their handshakes.", []string{"listener"}, nil)
)

func (c listenerCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{acceptedDesc, refusedDesc, upgradedDesc, failuresDesc, openDesc, greetingDesc} {
		ch <- d
	}
}

func (c listenerCollector) Collect(ch chan<- prometheus.Metric) {
	for _, l := range c {
		st, name := l.Stats(), l.Name()
		counter := func(d *prometheus.Desc, n uint64, labels ...string) {
			ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), append([]string{name}, labels...)...)
		}
		counter(acceptedDesc, st.Accepted.Load())
		counter(upgradedDesc, st.Upgraded.Load())
		counter(failuresDesc, st.AcceptErrors.Load())
		for _, why := range listener.Reasons() {
			counter(refusedDesc, st.Refused(why), why.String())
		}
		ch <- prometheus.MustNewConstMetric(openDesc, prometheus.GaugeValue, float64(st.Open.Load()), name)
		ch <- prometheus.MustNewConstMetric(greetingDesc, prometheus.GaugeValue, float64(st.Greeting.Load()), name)
	}
}

// registerStore shows what the store says of itself, beside what the broker
// shows of it (gridmq_store_log_bytes, gridmq_store_full).
func registerStore(reg prometheus.Registerer, st store.Store) {
	f := promauto.With(reg)
	counter := func(name, help string, read func(store.Stats) float64) {
		f.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, func() float64 { return read(st.Stats()) })
	}
	gauge := func(name, help string, read func(store.Stats) float64) {
		f.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return read(st.Stats()) })
	}
	counter("gridmq_store_groups_total", "Commit groups made durable.", func(s store.Stats) float64 { return float64(s.Groups) })
	counter("gridmq_store_entries_total", "Log entries made durable.", func(s store.Stats) float64 { return float64(s.Entries) })
	counter("gridmq_store_written_bytes_total", "Bytes written in commit groups.", func(s store.Stats) float64 { return float64(s.Bytes) })
	counter("gridmq_store_damaged_records_total", "Records found damaged and quarantined.", func(s store.Stats) float64 { return float64(s.Damaged) })
	gauge("gridmq_store_commit_wait_seconds", "What the newest commit group has waited, from its first message to durable: what a PUBACK waits for.",
		func(s store.Stats) float64 { return s.CommitWait.Seconds() })
	reg.MustRegister(commitCollector{st})
	gauge("gridmq_store_free_bytes", "Free bytes of the file system.", func(s store.Stats) float64 { return float64(s.FreeBytes) })
}

// commitCollector shows how long commit groups wait, when asked: one addition for a group
// that a thousand messages may share, where a histogram of PUBLISH would be one for each.
type commitCollector struct{ store store.Store }

var commitDesc = prometheus.NewDesc("gridmq_store_commit_seconds", "What commit groups have waited, from their first message to durable: the latency of a PUBACK that waits for the disk.", nil, nil)

// Describe implements prometheus.Collector.
func (c commitCollector) Describe(ch chan<- *prometheus.Desc) { ch <- commitDesc }

// Collect implements prometheus.Collector.
func (c commitCollector) Collect(ch chan<- prometheus.Metric) {
	st, buckets, n := c.store.Stats(), map[float64]uint64{}, uint64(0)
	for i, bound := range store.WaitBounds {
		n += st.Waits[i]
		buckets[bound.Seconds()] = n
	}
	ch <- prometheus.MustNewConstHistogram(commitDesc, n+st.Waits[len(store.WaitBounds)], st.WaitSum.Seconds(), buckets)
}

// capacityCollector shows the throughput units of namespaces, when asked.
type capacityCollector struct{ s *Server }

var unitsDesc = prometheus.NewDesc("gridmq_namespace_throughput_units", "Throughput units of a namespace, by which limits of profile azure grow.", []string{"namespace"}, nil)

// Describe implements prometheus.Collector.
func (c capacityCollector) Describe(ch chan<- *prometheus.Desc) { ch <- unitsDesc }

// Collect implements prometheus.Collector.
func (c capacityCollector) Collect(ch chan<- prometheus.Metric) {
	for namespace, units := range c.s.tenants.ThroughputUnits() {
		ch <- prometheus.MustNewConstMetric(unitsDesc, prometheus.GaugeValue, float64(units), namespace)
	}
}
