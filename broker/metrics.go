package broker

import (
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"gridmq/mqtt"
	"gridmq/session"
)

// traffic is what a namespace counts on the way of a PUBLISH: there are only atomic
// additions, one set for each read or write and not for each message.
type traffic struct {
	received, delivered [3]atomic.Uint64 // messages by QoS
	bytesIn, bytesOut   atomic.Uint64
	dropped             [session.Ended + 1]atomic.Uint64
}

// add adds what another has counted.
func (t *traffic) add(o *traffic) {
	for qos := range t.received {
		t.received[qos].Add(o.received[qos].Load())
		t.delivered[qos].Add(o.delivered[qos].Load())
	}
	t.bytesIn.Add(o.bytesIn.Load())
	t.bytesOut.Add(o.bytesOut.Load())
	for why := range t.dropped {
		t.dropped[why].Add(o.dropped[why].Load())
	}
}

// metrics counts what is rarer, of all namespaces.
type metrics struct {
	gone traffic // of namespaces that have been removed: counters do not go back

	connections *prometheus.GaugeVec   // by transport and protocol: open now
	connects    *prometheus.CounterVec // by transport and protocol
	refusals    *prometheus.CounterVec // of CONNECT, by reason
	closes      *prometheus.CounterVec // by reason
	publishes   *prometheus.CounterVec // refused, by reason
	sessions    *prometheus.CounterVec // ended, by reason
	subs        *prometheus.CounterVec // by operation
	noSubs      *prometheus.CounterVec // refused filters, by reason
	subPackets  *prometheus.CounterVec // SUBSCRIBE and UNSUBSCRIBE, by operation
	throttles   *prometheus.CounterVec // by limit
	expired     prometheus.Counter     // retained messages
	connecting  *prometheus.HistogramVec
	wills       prometheus.Counter // refused when due
}

var reasonLabels = [...]string{
	session.Acknowledged: "acknowledged", session.Refused: "refused_by_client", session.Expired: "expired",
	session.TooLarge: "too_large", session.Overflow: "queue_full", session.Withdrawn: "withdrawn", session.Ended: "session_ended",
}

func newMetrics(reg prometheus.Registerer, b *Broker) *metrics {
	f := promauto.With(reg)
	vec := func(name, help string, labels ...string) *prometheus.CounterVec {
		return f.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	m := &metrics{
		connections: f.NewGaugeVec(prometheus.GaugeOpts{Name: "gridmq_connections", Help: "Open MQTT connections."}, []string{"transport", "protocol"}),
		connects:    vec("gridmq_connects_total", "Accepted CONNECT packets.", "transport", "protocol"),
		refusals:    vec("gridmq_connects_refused_total", "Refused CONNECT packets by reason.", "reason"),
		closes:      vec("gridmq_disconnects_total", "Ended connections by reason.", "reason"),
		publishes:   vec("gridmq_publishes_refused_total", "Refused PUBLISH packets by reason.", "reason"),
		sessions:    vec("gridmq_sessions_ended_total", "Ended sessions by reason.", "reason"),
		subs:        vec("gridmq_subscriptions_total", "Granted subscriptions and their removals.", "operation"),
		noSubs:      vec("gridmq_subscriptions_refused_total", "Refused topic filters of SUBSCRIBE by reason.", "reason"),
		subPackets:  vec("gridmq_subscribe_packets_total", "SUBSCRIBE and UNSUBSCRIBE packets, whatever became of their filters.", "operation"),
		throttles:   vec("gridmq_throttled_total", "Packets that were refused or held back by a rate, by the limit.", "limit"),
		expired:     f.NewCounter(prometheus.CounterOpts{Name: "gridmq_retained_expired_total", Help: "Retained messages removed because their expiry passed."}),
		connecting: f.NewHistogramVec(prometheus.HistogramOpts{Name: "gridmq_connect_seconds", Help: "Time from CONNECT to CONNACK of accepted connections.",
			Buckets: []float64{.001, .005, .025, .1, .5, 2.5, 10}}, []string{"protocol"}),
		wills: f.NewCounter(prometheus.CounterOpts{Name: "gridmq_wills_refused_total", Help: "Wills not published because the client may no longer publish there."}),
	}
	for limit := range throttleLabels { // so that they are there from the start
		m.throttles.WithLabelValues(throttleLabels[limit])
	}
	m.functions(f, b)
	return m
}

// functions registers what is counted in plain atomics.
func (m *metrics) functions(f promauto.Factory, b *Broker) {
	count := func(name, help string, labels prometheus.Labels, of func(*traffic) *atomic.Uint64) {
		f.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: labels}, func() float64 {
			b.counting.RLock() // no namespace is between being there and being gone
			defer b.counting.RUnlock()
			n := of(&m.gone).Load()
			for _, ns := range b.all() {
				n += of(&ns.traffic).Load()
			}
			return float64(n)
		})
	}
	for qos := range 3 {
		l := prometheus.Labels{"qos": string(rune('0' + qos))}
		count("gridmq_messages_received_total", "PUBLISH packets from clients.", l, func(t *traffic) *atomic.Uint64 { return &t.received[qos] })
		count("gridmq_messages_sent_total", "PUBLISH packets to clients.", l, func(t *traffic) *atomic.Uint64 { return &t.delivered[qos] })
	}
	count("gridmq_received_bytes_total", "Bytes read from clients.", nil, func(t *traffic) *atomic.Uint64 { return &t.bytesIn })
	count("gridmq_sent_bytes_total", "Bytes of PUBLISH packets written to clients.", nil, func(t *traffic) *atomic.Uint64 { return &t.bytesOut })
	for why := session.Refused; why <= session.Ended; why++ {
		count("gridmq_messages_dropped_total", "Messages not delivered, by reason.", prometheus.Labels{"reason": reasonLabels[why]},
			func(t *traffic) *atomic.Uint64 { return &t.dropped[why] })
	}
	sum := func(name, help string, of func(*namespace) float64) {
		f.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() (n float64) {
			for _, ns := range b.all() {
				n += of(ns)
			}
			return n
		})
	}
	sum("gridmq_sessions", "Sessions, connected or not.", func(ns *namespace) float64 {
		ns.mu.Lock()
		defer ns.mu.Unlock()
		return float64(len(ns.sessions))
	})
	sum("gridmq_subscriptions", "Topic filters in the index.", func(ns *namespace) float64 { return float64(ns.index.Len()) })
	sum("gridmq_retained_messages", "Retained messages.", func(ns *namespace) float64 { return float64(ns.retained.names.Len()) })
	sum("gridmq_retained_bytes", "Bytes of retained messages.", func(ns *namespace) float64 { return float64(ns.retained.bytes.Load()) })
	sum("gridmq_queued_messages", "Messages in the store that some session waits for, counted once for each session.", func(ns *namespace) float64 {
		return float64(ns.queues.Stats().Live)
	})
	f.NewGaugeFunc(prometheus.GaugeOpts{Name: "gridmq_traces", Help: "Traces of clients that are open."}, func() float64 {
		b.mu.Lock()
		defer b.mu.Unlock()
		return float64(b.taps)
	})
	f.NewGaugeFunc(prometheus.GaugeOpts{Name: "gridmq_store_log_bytes", Help: "Bytes of the message log on disk, roughly."}, func() float64 {
		return float64(b.store.Stats().LogBytes)
	})
	f.NewGaugeFunc(prometheus.GaugeOpts{Name: "gridmq_store_full", Help: "1 while durable work is refused for lack of space."}, func() float64 {
		if b.store.Stats().Full {
			return 1
		}
		return 0
	})
}

// A throttle is a limit that held something back: spec/limits-and-metrics.md, section 2.
type throttle byte

const (
	throttleConnects throttle = iota
	throttleSessionConnects
	throttleReconnects
	throttleSubscribes
	throttleSessionSubscribes
	throttlePublishes
	throttlePublishBytes
	throttleSessionPublishes
	throttleSessionPublishBytes
	throttleDeliveries
	throttleSessionDeliveries
)

// throttleLabels are the names of the limits in the configuration; those of deliveries are
// messages and bytes together.
var throttleLabels = [...]string{
	throttleConnects: "connect_rate", throttleSessionConnects: "session_connect_rate", throttleReconnects: "reconnect_rate",
	throttleSubscribes: "subscribe_rate", throttleSessionSubscribes: "session_subscribe_rate",
	throttlePublishes: "publish_rate", throttlePublishBytes: "publish_bytes",
	throttleSessionPublishes: "session_publish_rate", throttleSessionPublishBytes: "session_publish_bytes",
	throttleDeliveries: "delivery_rate", throttleSessionDeliveries: "session_delivery_rate",
}

// throttled counts, and is false, for conditions.
func (m *metrics) throttled(t throttle) bool {
	m.throttles.WithLabelValues(throttleLabels[t]).Inc()
	return false
}

func (m *metrics) subscribeRefused(c mqtt.Code) { m.noSubs.WithLabelValues(c.String()).Inc() }

// readCounts are what one connection has read since it last told.
type readCounts struct {
	bytes    uint64
	messages [3]uint64
}

// read adds and empties c.
func (t *traffic) read(c *readCounts) {
	t.bytesIn.Add(c.bytes)
	for qos, n := range c.messages {
		if n > 0 {
			t.received[qos].Add(n)
		}
	}
	*c = readCounts{}
}

func (t *traffic) sent(qos byte, n int) {
	t.delivered[qos].Add(1)
	t.bytesOut.Add(uint64(n))
}

func (t *traffic) drop(why session.Reason) { t.dropped[why].Add(1) }

func protocolLabel(v mqtt.Version) string {
	if v == mqtt.V5 {
		return "5"
	}
	return "3.1.1"
}

func (m *metrics) connected(transport string, v mqtt.Version) {
	m.connections.WithLabelValues(transport, protocolLabel(v)).Inc()
	m.connects.WithLabelValues(transport, protocolLabel(v)).Inc()
}

func (m *metrics) disconnected(transport string, v mqtt.Version) {
	m.connections.WithLabelValues(transport, protocolLabel(v)).Dec()
}

func (m *metrics) closed(reason string) { m.closes.WithLabelValues(reason).Inc() }

func (m *metrics) refused(err error) { m.refusals.WithLabelValues(refusalLabel(err)).Inc() }

// refusalLabel names the reason for which a connection did not come to be.
func refusalLabel(err error) string {
	var e *mqtt.Error
	switch {
	case errors.As(err, &e):
		return e.Code.String()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "timeout"
	case errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed):
		return "connection_lost"
	}
	return "other"
}

func (m *metrics) publishRefused(c mqtt.Code) { m.publishes.WithLabelValues(c.String()).Inc() }
func (m *metrics) sessionEnded(why string)    { m.sessions.WithLabelValues(why).Inc() }
func (m *metrics) subscribed()                { m.subs.WithLabelValues("subscribe").Inc() }
func (m *metrics) unsubscribed()              { m.subs.WithLabelValues("unsubscribe").Inc() }
func (m *metrics) willRefused()               { m.wills.Inc() }
