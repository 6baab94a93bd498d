package server

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"gridmq/delivery"
	"gridmq/gateway"
)

// Metrics of topics and of the HTTP data plane: spec/namespace-topics.md, section 15.

// maxEventLabels bounds the event subscriptions that have metrics of their own. Those of
// topics that come later are counted together, with an empty subscription.
const maxEventLabels = 1000

// eventCollector reads the counts of the event plane when asked.
type eventCollector struct{ plane *delivery.Plane }

var (
	topicLabels = []string{"namespace", "topic"}
	queueLabels = []string{"namespace", "topic", "subscription"}

	publishedDesc = prometheus.NewDesc("gridmq_events_published_total", "Events stored in a topic, routed ones included.", topicLabels, nil)
	discardedDesc = prometheus.NewDesc("gridmq_events_discarded_total", "Events accepted while nobody subscribed.", topicLabels, nil)
	backlogDesc   = prometheus.NewDesc("gridmq_events_refused_total", "Events refused for want of room.", topicLabels, nil)
	bytesDesc     = prometheus.NewDesc("gridmq_topic_bytes", "Bytes that a topic holds, roughly.", topicLabels, nil)

	queueCounters = []queueCounter{
		{queueDesc("gridmq_events_matched_total", "Events that the filter let pass."), func(s *delivery.QueueStats) uint64 { return s.Matched }},
		{queueDesc("gridmq_events_unmatched_total", "Events that the filter did not."), func(s *delivery.QueueStats) uint64 { return s.Unmatched }},
		{queueDesc("gridmq_events_received_total", "Events given out, or taken by the endpoint that they were pushed to."), func(s *delivery.QueueStats) uint64 { return s.Received }},
		{queueDesc("gridmq_events_undelivered_total", "Failed attempts to push an event."), func(s *delivery.QueueStats) uint64 { return s.Undelivered }},
		{queueDesc("gridmq_events_acknowledged_total", "Events that are done."), func(s *delivery.QueueStats) uint64 { return s.Acknowledged }},
		{queueDesc("gridmq_events_released_total", "Events given back."), func(s *delivery.QueueStats) uint64 { return s.Released }},
		{queueDesc("gridmq_events_rejected_total", "Events rejected."), func(s *delivery.QueueStats) uint64 { return s.Rejected }},
		{queueDesc("gridmq_events_dead_lettered_total", "Events written as dead letters."), func(s *delivery.QueueStats) uint64 { return s.DeadLettered }},
		{queueDesc("gridmq_events_dropped_total", "Events lost: nowhere to go, or it did not take them in time."), func(s *delivery.QueueStats) uint64 { return s.Dropped }},
		{queueDesc("gridmq_events_damaged_total", "Events that could not be read."), func(s *delivery.QueueStats) uint64 { return s.Damaged }},
	}
	outstandingDesc = queueDesc("gridmq_events_outstanding", "Events that are locked, delayed or given back.")
)

type queueCounter struct {
	desc *prometheus.Desc
	read func(*delivery.QueueStats) uint64
}

func queueDesc(name, help string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, queueLabels, nil)
}

// Describe implements prometheus.Collector.
func (c eventCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{publishedDesc, discardedDesc, backlogDesc, bytesDesc, outstandingDesc} {
		ch <- d
	}
	for _, q := range queueCounters {
		ch <- q.desc
	}
}

// Collect implements prometheus.Collector.
func (c eventCollector) Collect(ch chan<- prometheus.Metric) {
	left := maxEventLabels
	for _, s := range c.plane.Streams() {
		st, names := s.Stats(), []string{s.Namespace(), s.Name()}
		counter := func(d *prometheus.Desc, n uint64, labels []string) {
			ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
		}
		counter(publishedDesc, st.Published, names)
		counter(discardedDesc, st.Discarded, names)
		counter(backlogDesc, st.Refused, names)
		ch <- prometheus.MustNewConstMetric(bytesDesc, prometheus.GaugeValue, float64(st.Bytes), names...)
		for name, q := range subscriptionsOf(s, &left) {
			labels := append(names[:2:2], name)
			for _, one := range queueCounters {
				counter(one.desc, one.read(&q), labels)
			}
			ch <- prometheus.MustNewConstMetric(outstandingDesc, prometheus.GaugeValue, float64(q.Outstanding), labels...)
		}
	}
}

// subscriptionsOf are the counts of a topic's event subscriptions by name: together, when
// there are more than are left.
func subscriptionsOf(s *delivery.Stream, left *int) map[string]delivery.QueueStats {
	queues, all := s.Queues(), map[string]delivery.QueueStats{}
	together := len(queues) > *left
	for _, q := range queues {
		st := q.Stats()
		if !together {
			all[q.Name()] = st
			continue
		}
		sum := all[""]
		sum.Matched += st.Matched
		sum.Unmatched += st.Unmatched
		sum.Received += st.Received
		sum.Undelivered += st.Undelivered
		sum.Acknowledged += st.Acknowledged
		sum.Released += st.Released
		sum.Rejected += st.Rejected
		sum.DeadLettered += st.DeadLettered
		sum.Dropped += st.Dropped
		sum.Damaged += st.Damaged
		sum.Outstanding += st.Outstanding
		all[""] = sum
	}
	if !together {
		*left -= len(queues)
	}
	return all
}

// httpMetrics count requests of the HTTP data plane.
type httpMetrics struct {
	requests *prometheus.CounterVec
	items    *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
}

func newHTTPMetrics(reg prometheus.Registerer) *httpMetrics {
	f := promauto.With(reg)
	return &httpMetrics{
		requests: f.NewCounterVec(prometheus.CounterOpts{Name: "gridmq_http_requests_total", Help: "Requests of the HTTP data plane."}, []string{"operation", "status"}),
		items: f.NewCounterVec(prometheus.CounterOpts{Name: "gridmq_http_items_total",
			Help: "Events, lock tokens or messages of those requests, by what became of them."}, []string{"operation", "result"}),
		seconds: f.NewHistogramVec(prometheus.HistogramOpts{Name: "gridmq_http_request_seconds", Help: "Time of a request, that of waiting for events included.",
			Buckets: []float64{.001, .005, .025, .1, .5, 2.5, 10, 60, 120}}, []string{"operation"}),
	}
}

// observe takes one request. It is for gateway.Options.Observe.
func (m *httpMetrics) observe(o gateway.Observation) {
	operation := "unknown" // labels come from a closed set
	if o.Known {
		operation = o.Operation.String()
	}
	m.requests.WithLabelValues(operation, strconv.Itoa(o.Status)).Inc()
	m.items.WithLabelValues(operation, "succeeded").Add(float64(o.Succeeded))
	m.items.WithLabelValues(operation, "failed").Add(float64(o.Failed))
	m.seconds.WithLabelValues(operation).Observe(float64(o.Took) / float64(time.Second))
}
