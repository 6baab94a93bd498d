package client

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

// writeLimit bounds the bytes that wait to be written; acknowledgements and
// pings, which are bounded otherwise, may exceed it.
const writeLimit = 1 << 20

// An outbox gathers packets and writes whatever has gathered at once.
type outbox struct {
	nc      net.Conn
	timeout time.Duration   // for one write
	over    <-chan struct{} // closed when the connection has ended

	mu      sync.Mutex
	buf     []byte
	closing bool          // nothing comes after what is in buf
	room    chan struct{} // closed when buf has been taken; nil: nobody waits
	wrote   time.Time     // the last write

	wake  chan struct{} // capacity 1
	ended chan struct{} // closed when run has ended
	err   error         // why it has not written everything; read after ended
}

var errClosing = errors.New("a DISCONNECT has been sent")

func newOutbox(nc net.Conn, timeout time.Duration, over <-chan struct{}) *outbox {
	return &outbox{nc: nc, timeout: timeout, over: over, wrote: time.Now(),
		wake: make(chan struct{}, 1), ended: make(chan struct{})}
}

// run is the writer: it ends with the connection, an error, or after last.
func (o *outbox) run() error {
	defer close(o.ended)
	var spare []byte
	for {
		select {
		case <-o.wake:
		case <-o.over:
			o.err = errClosing
			return nil
		}
		o.mu.Lock()
		b, closing := o.buf, o.closing
		o.buf = spare[:0]
		if o.room != nil {
			close(o.room)
			o.room = nil
		}
		o.wrote = time.Now()
		o.mu.Unlock()
		if len(b) > 0 {
			o.nc.SetWriteDeadline(time.Now().Add(o.timeout))
			if _, err := o.nc.Write(b); err != nil {
				o.err = &ClosedError{Err: err}
				return o.err
			}
		}
		if closing {
			return nil
		}
		if spare = b; cap(spare) > writeLimit {
			spare = nil // one huge message should not stay for ever
		}
	}
}

// put adds a packet when there is room, and wakes the writer. After last, or the
// end of the connection while it waits, it returns errClosing. encode is called
// under the lock, so that what it decides is in the order of the wire.
func (o *outbox) put(ctx context.Context, encode func(b []byte) []byte) error {
	for {
		o.mu.Lock()
		if o.closing {
			o.mu.Unlock()
			return errClosing
		}
		if len(o.buf) < writeLimit {
			o.buf = encode(o.buf)
			o.mu.Unlock()
			o.ring()
			return nil
		}
		if o.room == nil {
			o.room = make(chan struct{})
		}
		room := o.room
		o.mu.Unlock()
		select {
		case <-room:
		case <-o.over:
			return errClosing
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// putNow adds a small packet of ours, room or not. After last it is dropped.
func (o *outbox) putNow(encode func(b []byte) []byte) {
	o.mu.Lock()
	if !o.closing {
		o.buf = encode(o.buf)
	}
	o.mu.Unlock()
	o.ring()
}

// last adds a packet that nothing may follow, and waits until it is written.
func (o *outbox) last(ctx context.Context, encode func(b []byte) []byte) error {
	o.mu.Lock()
	if !o.closing {
		o.buf = encode(o.buf)
		o.closing = true
	}
	o.mu.Unlock()
	o.ring()
	timer := time.NewTimer(o.timeout)
	defer timer.Stop()
	select {
	case <-o.ended: // with the connection, if not before
		return o.err
	case <-timer.C:
		return errors.New("the connection does not take the DISCONNECT")
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (o *outbox) ring() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// lastWrite is when something was written last.
func (o *outbox) lastWrite() time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.wrote
}
