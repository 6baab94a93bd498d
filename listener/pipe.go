package listener

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// pipeSize is what each direction of a pipe holds, about what a socket does.
const pipeSize = 64 << 10

// NewPipe is a connection in memory, for tests. It behaves as a socket does:
// each direction holds 64 KiB, then Push leaves bytes inside and the client's
// Write waits. It makes no system calls and waits in ways testing/synctest
// understands.
func NewPipe() (server Conn, client net.Conn) { return NewPipeSize(pipeSize) }

// NewPipeSize is NewPipe with directions of the given size, at least 1 byte:
// a small one makes every Push a slow one.
func NewPipeSize(size int) (server Conn, client net.Conn) {
	near, far := memoryPair(size)
	return &plain{wire: near, kind: "pipe"}, far
}

func memoryPair(size int) (near, far *memory) {
	up, down := newHose(size), newHose(size)
	return &memory{in: up, out: down}, &memory{in: down, out: up}
}

// memory is one end of a pipe: a wire, and a net.Conn for the other side.
type memory struct{ in, out *hose }

func (m *memory) park() error                        { return m.in.wait() }
func (m *memory) tryRead(b []byte) (int, error)      { return m.in.read(b, false) }
func (m *memory) Read(b []byte) (int, error)         { return m.in.read(b, true) }
func (m *memory) tryWrite(b []byte) (int, error)     { return m.out.write(b, false) }
func (m *memory) Write(b []byte) (int, error)        { return m.out.write(b, true) }
func (m *memory) LocalAddr() net.Addr                { return pipeAddr{} }
func (m *memory) RemoteAddr() net.Addr               { return pipeAddr{} }
func (m *memory) SetReadDeadline(t time.Time) error  { return m.in.setDeadline(&m.in.readBy, t) }
func (m *memory) SetWriteDeadline(t time.Time) error { return m.out.setDeadline(&m.out.writeBy, t) }

func (m *memory) SetDeadline(t time.Time) error {
	if err := m.SetReadDeadline(t); err != nil {
		return err
	}
	return m.SetWriteDeadline(t)
}

func (m *memory) Close() error {
	m.out.close(&m.out.writerGone) // first: a reader that wakes finds both closed
	m.in.close(&m.in.readerGone)
	return nil
}

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "pipe" }

// A hose is one direction: bounded, with an end on each side.
type hose struct {
	mu         sync.Mutex
	changed    sync.Cond // anything below
	b          []byte
	size       int
	readerGone bool
	writerGone bool
	readBy     alarm
	writeBy    alarm
}

func newHose(size int) *hose {
	h := &hose{size: max(size, 1)}
	h.changed.L = &h.mu
	return h
}

// An alarm is a deadline that wakes the hose when it passes.
type alarm struct {
	at    time.Time
	timer *time.Timer
}

func (a *alarm) passed() bool { return !a.at.IsZero() && !time.Now().Before(a.at) }

func (a *alarm) stop() {
	if a.timer != nil {
		a.timer.Stop()
		a.timer = nil
	}
}

func (h *hose) setDeadline(a *alarm, t time.Time) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if (a == &h.readBy && h.readerGone) || (a == &h.writeBy && h.writerGone) {
		return net.ErrClosed
	}
	a.stop()
	if a.at = t; !t.IsZero() {
		a.timer = time.AfterFunc(time.Until(t), h.wake)
	}
	h.changed.Broadcast()
	return nil
}

func (h *hose) wake() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.changed.Broadcast()
}

func (h *hose) close(side *bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	*side = true
	if h.readerGone {
		h.b = nil
		h.readBy.stop()
	}
	if h.writerGone {
		h.writeBy.stop()
	}
	h.changed.Broadcast()
}

// readable is nil when there is something to read, else why not.
func (h *hose) readable() error {
	switch {
	case h.readerGone:
		return net.ErrClosed
	case h.readBy.passed():
		return os.ErrDeadlineExceeded
	case len(h.b) > 0:
		return nil
	case h.writerGone:
		return io.EOF
	}
	return errAgain
}

func (h *hose) writable() error {
	switch {
	case h.writerGone:
		return net.ErrClosed
	case h.readerGone:
		return io.ErrClosedPipe
	case h.writeBy.passed():
		return os.ErrDeadlineExceeded
	case len(h.b) < h.size:
		return nil
	}
	return errAgain
}

// wait returns nil also at the end, which is for Read to tell.
func (h *hose) wait() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		switch err := h.readable(); err {
		case errAgain:
			h.changed.Wait()
		case io.EOF:
			return nil
		default:
			return err
		}
	}
}

func (h *hose) read(b []byte, patient bool) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	err := h.readable()
	for patient && err == errAgain {
		h.changed.Wait()
		err = h.readable()
	}
	if err != nil {
		return 0, err
	}
	n := copy(b, h.b)
	h.b = h.b[:copy(h.b, h.b[n:])]
	h.changed.Broadcast()
	return n, nil
}

// write that is not patient takes a full hose for an answer: (n, nil).
func (h *hose) write(b []byte, patient bool) (n int, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		switch err := h.writable(); {
		case err == errAgain && patient && len(b) > 0:
			h.changed.Wait()
			continue
		case err == errAgain:
			return n, nil
		case err != nil:
			return n, err
		}
		k := min(len(b), h.size-len(h.b))
		h.b = append(h.b, b[:k]...)
		n, b = n+k, b[k:]
		h.changed.Broadcast()
		if len(b) == 0 {
			return n, nil
		}
	}
}
