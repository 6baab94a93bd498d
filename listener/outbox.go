package listener

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// maxAnswers bounds what a peer that sends but never reads can make us hold
	// in pongs and key updates: 64 KiB is some thousand of them.
	maxAnswers = 64 << 10
	// drainStep is how much Drain hands to the socket at once, so that Pending
	// moves while a large amount is written.
	drainStep = 64 << 10
	// maxPooled is the largest buffer worth keeping for the next slow peer.
	maxPooled = 64 << 10
)

// errTwoDrains is a mistake of the caller's, which costs the connection.
var errTwoDrains = errors.New("listener: two drains of one connection at once")

var errFlood = errors.New("listener: peer demands answers and does not read them")

// An outbox holds what a wire would not take. It is the only place that writes
// to a wire after the handshakes, so bytes leave in the order they came in.
//
// Its lock is held over tryWrite, which is a system call but never a wait; that
// is what keeps two pushes, or a push and a pong, in order.
type outbox struct {
	mu       sync.Mutex
	owed     *[]byte // from buffers; nil when there is nothing
	gone     int     // how much of it has been written
	answers  int     // bytes of answers added since nothing was owed
	draining bool    // Drain is at the wire: nobody else may try
	err      error   // the first failure; nothing is taken after it

	pending atomic.Int64 // bytes in owed and in Drain's hands
}

// buffers are the owed bytes of slow peers, given back when drained.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

func giveBack(b *[]byte) {
	if b != nil && cap(*b) <= maxPooled {
		*b = (*b)[:0]
		buffers.Put(b)
	}
}

// push takes b and tries to write. done: nothing is owed any more.
func (o *outbox) push(w wire, b []byte) (done bool, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.pushLocked(w, b)
}

// answer is push for what the peer made us say; it is bounded.
func (o *outbox) answer(w wire, b []byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	done, err := o.pushLocked(w, b)
	if err != nil || done {
		return err
	}
	if o.answers += len(b); o.answers > maxAnswers {
		o.failLocked(errFlood)
		return errFlood
	}
	return nil
}

func (o *outbox) pushLocked(w wire, b []byte) (bool, error) {
	if o.err != nil {
		return false, o.err
	}
	if o.draining {
		o.keepLocked(b)
		return false, nil
	}
	if len(b) == 0 && o.owed == nil {
		return true, nil
	}
	if o.owed != nil { // in order: the old bytes first
		o.keepLocked(b)
		b = (*o.owed)[o.gone:]
	}
	n, err := w.tryWrite(b)
	if err != nil {
		o.failLocked(err)
		return false, err
	}
	switch {
	case o.owed == nil && n < len(b):
		o.keepLocked(b[n:])
	case o.owed != nil:
		o.pending.Add(int64(-n))
		if o.gone += n; n == len(b) {
			o.clearLocked()
		}
	}
	return o.owed == nil, nil
}

func (o *outbox) keepLocked(b []byte) {
	if o.owed == nil {
		o.owed = buffers.Get().(*[]byte)
	}
	if o.gone > len(*o.owed)/2 { // seldom enough to cost nothing per byte
		*o.owed = append((*o.owed)[:0], (*o.owed)[o.gone:]...)
		o.gone = 0
	}
	*o.owed = append(*o.owed, b...)
	o.pending.Add(int64(len(b)))
}

func (o *outbox) clearLocked() {
	giveBack(o.owed)
	o.owed, o.gone, o.answers = nil, 0, 0
}

func (o *outbox) failLocked(err error) {
	o.err = err
	if o.owed != nil {
		o.pending.Add(int64(o.gone - len(*o.owed)))
		o.clearLocked()
	}
}

// close forgets what is owed; a Drain in progress ends with its wire.
func (o *outbox) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err == nil {
		o.failLocked(net.ErrClosed)
	}
}

// drain writes until nothing is owed. What is pushed meanwhile goes out too.
func (o *outbox) drain(w wire, timeout time.Duration) error {
	deadline := time.Now().Add(timeout)
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.draining {
		return errTwoDrains
	}
	o.draining = true
	defer func() { o.draining = false }()

	for o.err == nil && o.owed != nil {
		b, gone := o.owed, o.gone
		o.owed, o.gone, o.answers = nil, 0, 0
		o.mu.Unlock()
		err := o.writeOut(w, (*b)[gone:], deadline)
		giveBack(b)
		o.mu.Lock()
		if err != nil && o.err == nil {
			o.failLocked(fmt.Errorf("drain: %w", err))
		}
	}
	return o.err
}

// writeOut writes b in steps; pending reaches zero for it whatever happens.
func (o *outbox) writeOut(w wire, b []byte, deadline time.Time) error {
	for len(b) > 0 {
		step := b[:min(len(b), drainStep)]
		if err := writeBy(w, step, deadline); err != nil {
			o.pending.Add(int64(-len(b)))
			return err
		}
		o.pending.Add(int64(-len(step)))
		b = b[len(step):]
	}
	return nil
}
