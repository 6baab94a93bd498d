package robustness

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"gridmq/mqtt"
)

// A link is one connection as a device sees it: packets out in the order of
// send, packets in by next. Sending never waits for the broker, so a device can
// always read on; what it sends is bounded by its window.
type link struct {
	nc net.Conn
	v  mqtt.Version

	in   []byte // read and not handed on: in[r:]
	r    int
	room [64 << 10]byte

	mu     sync.Mutex
	out    []byte
	closed bool
	wake   chan struct{} // capacity 1
	ended  chan struct{} // closed with the connection
	writer sync.WaitGroup
}

// newLink owns nc; close ends its goroutine, the writer.
func newLink(nc net.Conn, v mqtt.Version) *link {
	l := &link{nc: nc, v: v, wake: make(chan struct{}, 1), ended: make(chan struct{})}
	l.writer.Go(l.write)
	return l
}

// send appends a packet to what is to be written.
func (l *link) send(encode func(b []byte) []byte) {
	l.mu.Lock()
	if !l.closed {
		l.out = encode(l.out)
	}
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func (l *link) ack(t mqtt.Type, id uint16) {
	l.send(func(b []byte) []byte { return mqtt.AppendAck(b, l.v, t, id, mqtt.Success, "") })
}

func (l *link) write() {
	var b []byte
	for {
		select {
		case <-l.wake:
		case <-l.ended:
			return
		}
		l.mu.Lock()
		b, l.out = l.out, b[:0]
		l.mu.Unlock()
		if _, err := l.nc.Write(b); err != nil {
			l.close()
			return
		}
	}
}

// close ends the connection without a word. Anybody may call it, again too.
func (l *link) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.closed = true
		close(l.ended)
		_ = l.nc.Close()
	}
}

// next returns one packet; its body is valid until the next call.
func (l *link) next() (mqtt.Header, []byte, error) {
	for {
		h, err := mqtt.ReadHeader(l.in[l.r:], 0)
		switch {
		case err == nil && h.Total() <= len(l.in)-l.r:
			body := l.in[l.r+h.Size : l.r+h.Total()]
			l.r += h.Total()
			return h, body, nil
		case err != nil && !errors.Is(err, io.ErrUnexpectedEOF):
			return h, nil, err
		}
		l.in = l.in[:copy(l.in, l.in[l.r:])]
		l.r = 0
		n, err := l.nc.Read(l.room[:])
		l.in = append(l.in, l.room[:n]...)
		if n == 0 && err != nil {
			return h, nil, err
		}
	}
}

// login sends CONNECT and reads CONNACK, within five seconds.
func (l *link) login(p *mqtt.Connect) (*mqtt.Connack, error) {
	_ = l.nc.SetReadDeadline(time.Now().Add(5 * time.Second))
	l.send(p.Append)
	h, body, err := l.next()
	if err != nil {
		return nil, err
	}
	if h.Type != mqtt.CONNACK {
		return nil, fmt.Errorf("%v came first, not CONNACK", h.Type)
	}
	ack, err := mqtt.ReadConnack(l.v, body)
	_ = l.nc.SetReadDeadline(time.Time{})
	return ack, err
}
