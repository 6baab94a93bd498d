package robustness

import (
	"bytes"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
)

// A stream is the messages of one publisher with one topic and QoS: numbers
// from 1 without gaps, the unit in which MQTT promises an order.
type stream struct {
	topic   string
	qos     byte
	sent    atomic.Int64 // the newest number that was given to the network
	acked   atomic.Int64 // the newest number that was accepted
	refused sync.Map     // numbers that the broker has said no to: they must never come
	again   sync.Map     // numbers that the publisher has sent more than once
}

func (s *stream) wasRefused(n int64) bool {
	_, no := s.refused.Load(n)
	return no
}

// payload is the number, and padding up to size bytes.
func payload(n int64, size int) []byte {
	b := strconv.AppendInt(nil, n, 10)
	b = append(b, ' ')
	if len(b) < size {
		b = append(b, bytes.Repeat([]byte{'.'}, size-len(b))...)
	}
	return b
}

// number reads what payload wrote; 0 for anything else.
func number(payload []byte) int64 {
	digits, _, _ := bytes.Cut(payload, []byte{' '})
	n, _ := strconv.ParseInt(string(digits), 10, 64)
	return n
}

// A ledger is all streams by topic, and what went wrong with them. Streams are
// opened before anybody reads.
type ledger struct {
	streams map[string]*stream
	faults  chan string
}

func newLedger() *ledger {
	return &ledger{streams: make(map[string]*stream), faults: make(chan string, 1000)}
}

// fault notes what went wrong; beyond a thousand nobody reads on.
func (l *ledger) fault(format string, args ...any) {
	select {
	case l.faults <- fmt.Sprintf(format, args...):
	default:
	}
}

// takeFaults empties the list.
func (l *ledger) takeFaults() (list []string) {
	for range len(l.faults) {
		list = append(list, <-l.faults)
	}
	return list
}

func (l *ledger) open(topic string, qos byte) *stream {
	s := &stream{topic: topic, qos: qos}
	l.streams[topic] = s
	return s
}

// numbers reads one counter of every stream.
func (l *ledger) numbers(of func(*stream) int64) map[string]int64 {
	m := make(map[string]int64, len(l.streams))
	for topic, s := range l.streams {
		m[topic] = of(s)
	}
	return m
}

func acked(s *stream) int64 { return s.acked.Load() }
func sent(s *stream) int64  { return s.sent.Load() }
