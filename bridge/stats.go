package bridge

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// A Failure is why a link was not made, or ended: a closed set, for metrics.
type Failure int

// The failures.
const (
	NoFailure    Failure = iota
	NoCredential         // a file cannot be read, the token endpoint says no
	NoConnection         // name, network, TLS
	NotAdmitted          // the other broker refused the CONNECT
	LocalRefused         // our own broker refused the bridge
	LinkLost             // it was up
	NotTaken             // a message was refused for now, as for want of room
	failures
)

func (f Failure) String() string {
	return [...]string{"none", "credential", "connection", "refused", "local", "lost", "not_taken"}[f]
}

// A Loss is why a message did not cross.
type Loss int

// The losses.
const (
	Looped   Loss = iota // it has been here before
	Rejected             // by the receiving broker, for good
	Unmapped             // no map carries it: the maps have changed
	Busy                 // QoS 0 while too much was under way
	Overflow             // the queue was full
	Expired              // in the queue
	TooLarge             // for the other broker
	losses
)

func (l Loss) String() string {
	return [...]string{"loop", "rejected", "unmapped", "busy", "overflow", "expired", "too_large"}[l]
}

// Stats are what a bridge has done since it was started. They may be read at any time.
type Stats struct {
	Connected atomic.Bool
	Connects  atomic.Uint64
	Last      atomic.Int64 // the last Failure
	out, in   way
	failures  [failures]atomic.Uint64
}

// A way is one direction.
type way struct {
	forwarded atomic.Uint64
	lost      [losses]atomic.Uint64
}

// Forwarded are the messages that the receiving side has acknowledged (QoS 0: that
// were sent), counted once for each topic.
func (s *Stats) Forwarded(d Direction) uint64 { return s.way(d).forwarded.Load() }

// Lost are messages that did not cross.
func (s *Stats) Lost(d Direction, why Loss) uint64 { return s.way(d).lost[why].Load() }

// Lose counts one that did not.
func (s *Stats) Lose(d Direction, why Loss) { s.way(d).lost[why].Add(1) }

// Failed is how often a link has failed because of f.
func (s *Stats) Failed(f Failure) uint64 { return s.failures[f].Load() }

func (s *Stats) way(d Direction) *way {
	if d == In {
		return &s.in
	}
	return &s.out
}

// A Collector shows the bridges there are.
type Collector struct {
	Bridges func() []*Bridge
	// Queue is what waits on our own broker for a bridge: messages and bytes.
	Queue func(b *Bridge) (messages, bytes int)
}

var (
	connectedDesc = prometheus.NewDesc("gridmq_bridge_connected", "Whether the link of a bridge is up: 1 or 0.", []string{"bridge"}, nil)
	connectsDesc  = prometheus.NewDesc("gridmq_bridge_connects_total", "How often the link of a bridge came up.", []string{"bridge"}, nil)
	forwardedDesc = prometheus.NewDesc("gridmq_bridge_forwarded_messages_total", "Messages that the receiving broker has taken.", []string{"bridge", "direction"}, nil)
	lostDesc      = prometheus.NewDesc("gridmq_bridge_dropped_messages_total", "Messages that did not cross, by reason.", []string{"bridge", "direction", "reason"}, nil)
	queueDesc     = prometheus.NewDesc("gridmq_bridge_queue_messages", "Messages that wait to go out.", []string{"bridge"}, nil)
	bytesDesc     = prometheus.NewDesc("gridmq_bridge_queue_bytes", "Bytes of the messages that wait to go out.", []string{"bridge"}, nil)
	failuresDesc  = prometheus.NewDesc("gridmq_bridge_failures_total", "Links that were not made, or ended, by reason.", []string{"bridge", "reason"}, nil)
	lastDesc      = prometheus.NewDesc("gridmq_bridge_last_failure", "1 for the reason of the last failure; none after a link was made.", []string{"bridge", "reason"}, nil)
)

// Describe implements prometheus.Collector.
func (c Collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{connectedDesc, connectsDesc, forwardedDesc, lostDesc, queueDesc, bytesDesc, failuresDesc, lastDesc} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c Collector) Collect(ch chan<- prometheus.Metric) {
	for _, b := range c.Bridges() {
		s, name := b.Stats(), b.Name()
		send := func(d *prometheus.Desc, kind prometheus.ValueType, n float64, labels ...string) {
			ch <- prometheus.MustNewConstMetric(d, kind, n, append([]string{name}, labels...)...)
		}
		up := 0.0
		if s.Connected.Load() {
			up = 1
		}
		send(connectedDesc, prometheus.GaugeValue, up)
		send(connectsDesc, prometheus.CounterValue, float64(s.Connects.Load()))
		for _, d := range []Direction{Out, In} {
			send(forwardedDesc, prometheus.CounterValue, float64(s.Forwarded(d)), string(d))
			for why := range losses {
				send(lostDesc, prometheus.CounterValue, float64(s.Lost(d, why)), string(d), why.String())
			}
		}
		messages, bytes := c.Queue(b)
		send(queueDesc, prometheus.GaugeValue, float64(messages))
		send(bytesDesc, prometheus.GaugeValue, float64(bytes))
		last := Failure(s.Last.Load())
		for f := NoFailure; f < failures; f++ {
			if f != NoFailure {
				send(failuresDesc, prometheus.CounterValue, float64(s.Failed(f)), f.String())
			}
			is := 0.0
			if f == last {
				is = 1
			}
			send(lastDesc, prometheus.GaugeValue, is, f.String())
		}
	}
}
