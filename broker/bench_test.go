package broker

import (
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"gridmq/mqtt"
	"gridmq/tracing"
	"gridmq/tracing/tracetest"
)

// A tape is a connection without a socket: the client's bytes are there before they are
// read, and what it is sent is counted. So what is measured is the broker.
type tape struct {
	mu     sync.Mutex
	some   sync.Cond
	in     []byte
	total  int // bytes pushed
	closed bool
	// pushed and empty are called with mu held, when the client was sent something and
	// when it has nothing more to be read. They may append to in.
	pushed, empty func(t *tape)
}

func newTape(in []byte, pushed, empty func(*tape)) *tape {
	t := &tape{in: in, pushed: pushed, empty: empty}
	t.some.L = &t.mu
	return t
}

// wait waits for bytes. t.mu is held.
func (t *tape) wait() error {
	if len(t.in) == 0 && t.empty != nil {
		t.empty(t)
	}
	for len(t.in) == 0 && !t.closed {
		t.some.Wait()
	}
	if len(t.in) == 0 {
		return io.EOF
	}
	return nil
}

func (t *tape) Wait() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.wait()
}

func (t *tape) Read(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.wait(); err != nil {
		return 0, err
	}
	n := copy(b, t.in)
	t.in = t.in[:copy(t.in, t.in[n:])] // its memory is used again
	return n, nil
}

func (t *tape) Push(b []byte) (bool, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.total += len(b)
	if t.pushed != nil {
		t.pushed(t)
	}
	if len(t.in) > 0 {
		t.some.Signal()
	}
	return true, nil
}

func (t *tape) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	t.some.Broadcast()
	return nil
}

func (t *tape) Drain(time.Duration) error       { return nil }
func (t *tape) Pending() int                    { return 0 }
func (t *tape) SetReadDeadline(time.Time) error { return nil }
func (t *tape) RemoteAddr() net.Addr            { return &net.TCPAddr{} }

// Sizes of what 3.1.1 clients are sent.
const (
	connackBytes = 4
	subackBytes  = 5
	pubackBytes  = 4
)

// burst is how many messages a publisher has under way.
const burst = 100

// BenchmarkPublish takes PUBLISH packets of 200 bytes from the bytes of a publisher to
// those of its receivers, acknowledgements included. An operation is a message published.
func BenchmarkPublish(b *testing.B) {
	for _, at := range []struct {
		qos       byte
		receivers int
		kept      bool // in persistent sessions
	}{{0, 1, false}, {0, 10, false}, {0, 500, false}, {1, 1, false}, {1, 10, false}, {1, 1, true}} {
		name := fmt.Sprintf("qos=%d/receivers=%d", at.qos, at.receivers)
		if at.kept {
			name += "/persistent"
		}
		b.Run(name, func(b *testing.B) { benchPublish(b, at.qos, at.receivers, at.kept, nil) })
	}
}

// BenchmarkTracer is the same with a tracer, of messages that it does not record: the price
// of tracing for all the others.
func BenchmarkTracer(b *testing.B) {
	r := tracetest.New(0)
	defer r.Spans()
	for qos := range byte(2) {
		b.Run(fmt.Sprintf("qos=%d/receivers=1", qos), func(b *testing.B) { benchPublish(b, qos, 1, false, r.Tracer) })
	}
}

func benchPublish(b *testing.B, qos byte, receivers int, kept bool, tracer *tracing.Tracer) {
	h := build(b)
	h.b.tracer = tracer
	defer h.close()
	var serving sync.WaitGroup
	serve := func(t *tape) {
		serving.Go(func() {
			for next := h.b.Serve(t, Peer{Namespace: "test", Transport: "pipe"}); next != nil; {
				next = next()
			}
		})
	}
	hello := func(id string, clean bool) []byte {
		c := mqtt.Connect{Version: mqtt.V311, ClientID: id, CleanStart: clean}
		return c.Append(nil)
	}
	m := mqtt.Message{Topic: "bench/topic", Payload: make([]byte, 200)}
	packet := func(id uint16) []byte {
		return mqtt.AppendPublish(nil, &m, &mqtt.Out{Version: mqtt.V311, QoS: qos, PacketID: id})
	}
	size := len(packet(1))

	var ready, done sync.WaitGroup
	ready.Add(receivers)
	done.Add(receivers)
	tapes := make([]*tape, 0, receivers+1)
	for i := range receivers {
		s := mqtt.Subscribe{PacketID: 1, Subscriptions: []mqtt.Subscription{{Filter: m.Topic, QoS: qos}}}
		answered := -1 // messages acknowledged; -1: no SUBACK yet
		t := newTape(append(hello(fmt.Sprint("s", i), !kept), s.Append(nil, mqtt.V311)...), func(t *tape) {
			if answered < 0 && t.total >= connackBytes+subackBytes {
				answered = 0
				ready.Done()
			}
			for answered >= 0 && (t.total-connackBytes-subackBytes)/size > answered {
				if answered++; qos > 0 {
					t.in = mqtt.AppendAck(t.in, mqtt.V311, mqtt.PUBACK, uint16((answered-1)%65535)+1, mqtt.Success, "")
				}
				if answered == b.N {
					done.Done()
				}
			}
		}, nil)
		tapes = append(tapes, t)
		serve(t)
	}
	ready.Wait()

	var block []byte
	for id := range uint16(burst) {
		block = append(block, packet(id+1)...)
	}
	put, begun := 0, false
	more := func(t *tape) {
		if n := min(burst, b.N-put); begun && n > 0 && (qos == 0 || t.total == connackBytes+put*pubackBytes) {
			t.in = append(t.in, block[:n*size]...)
			put += n
		}
	}
	pub := newTape(hello("p", true), nil, nil)
	if qos > 0 {
		pub.pushed = more
	}
	pub.empty = more
	tapes = append(tapes, pub)
	serve(pub)

	b.ReportAllocs()
	b.ResetTimer()
	pub.mu.Lock()
	begun = true
	more(pub)
	pub.some.Signal()
	pub.mu.Unlock()
	done.Wait()
	b.StopTimer()
	for _, t := range tapes {
		_ = t.Close()
	}
	serving.Wait()
}
