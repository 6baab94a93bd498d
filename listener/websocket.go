package listener

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"
)

// A webSocket connection carries its bytes in binary frames over a stream.
// Reading decodes in the reader's own buffer; control frames are answered on
// the way, through stream.answer, so no goroutine is needed for them.
type webSocket struct {
	under stream
	host  string
	dec   decoder

	// early is payload decoded before Read asked: Wait had to look whether it
	// was data that came. It lies in lent, which is from the pool.
	early []byte
	lent  *[]byte

	ended   bool        // the client's good close frame is in; the reader's
	saidBye atomic.Bool // our close frame is out
}

// lookSize is how much Wait reads to see what has come. It is more than a
// header, so that a small packet needs no second system call.
const lookSize = 2 << 10

// newWebSocket begins with bytes that came together with the HTTP request.
func newWebSocket(under stream, host string, first []byte) *webSocket {
	c := &webSocket{under: under, host: host}
	if len(first) > 0 {
		c.look(append(*c.borrow(), first...))
	}
	return c
}

func (c *webSocket) Wait() error {
	for len(c.early) == 0 {
		if c.dec.err != nil { // what came before it has been read
			return c.dec.err
		}
		if err := c.under.park(); err != nil {
			return err
		}
		b := (*c.borrow())[:lookSize]
		n, err := c.under.tryRead(b)
		if n > 0 {
			err = c.look(b[:n])
		}
		if len(c.early) == 0 {
			c.giveBack()
			if err != nil && !errors.Is(err, errAgain) {
				return err
			}
		}
	}
	return nil
}

// look decodes bytes in the borrowed buffer and keeps the payload there.
func (c *webSocket) look(b []byte) error {
	n, err := c.decode(b)
	*c.lent, c.early = b, b[:n]
	return err
}

func (c *webSocket) borrow() *[]byte {
	c.lent = buffers.Get().(*[]byte)
	if cap(*c.lent) < lookSize {
		*c.lent = make([]byte, 0, lookSize)
	}
	return c.lent
}

func (c *webSocket) giveBack() {
	giveBack(c.lent)
	c.lent, c.early = nil, nil
}

func (c *webSocket) Read(b []byte) (int, error) {
	if len(c.early) > 0 {
		n := copy(b, c.early)
		if c.early = c.early[n:]; len(c.early) > 0 || n == len(b) {
			return n, nil
		}
		c.giveBack()
		m, _ := c.tryRead(b[n:]) // an error is told again by the next read
		return n + m, nil
	}
	for {
		n, err := c.tryRead(b)
		if n > 0 || !errors.Is(err, errAgain) || len(b) == 0 {
			return n, err
		}
		if err := c.under.park(); err != nil {
			return 0, err
		}
	}
}

// tryRead returns errAgain also when only control frames, or parts of frames,
// were there.
func (c *webSocket) tryRead(b []byte) (int, error) {
	if c.dec.err != nil {
		return 0, c.dec.err
	}
	n, err := c.under.tryRead(b)
	if n == 0 {
		return 0, err
	}
	if n, err = c.decode(b[:n]); n > 0 {
		return n, nil
	}
	if err == nil {
		err = errAgain
	}
	return 0, err
}

// decode takes frames apart and says good-bye to a client that ended, or that
// broke the rules.
func (c *webSocket) decode(b []byte) (int, error) {
	n, err := c.dec.feed(b, c.control)
	if err != nil {
		c.bye(closeCode(err))
	}
	return n, err
}

func (c *webSocket) control(op ws.OpCode, payload []byte) error {
	switch op {
	case ws.OpPing:
		return c.answer(ws.OpPong, payload)
	case ws.OpClose:
		if len(payload) > 0 {
			if err := ws.CheckCloseFrameData(ws.ParseCloseFrameData(payload)); err != nil || len(payload) == 1 {
				return errors.Join(errBadClose, err)
			}
		}
		c.ended = true
		return io.EOF
	}
	return nil // a pong nobody asked for is allowed
}

// ClosedByPeer says whether the client ended the connection with a close frame, rather
// than that it was lost. It is for whoever reads.
func (c *webSocket) ClosedByPeer() bool { return c.ended }

var errBadClose = errors.New("websocket: malformed close frame")

// answer sends a control frame; its payload has at most 125 bytes.
func (c *webSocket) answer(op ws.OpCode, payload []byte) error {
	frame := make([]byte, 0, 2+ws.MaxControlFramePayloadSize)
	frame = append(frame, 0x80|byte(op), byte(len(payload)))
	return c.under.answer(append(frame, payload...))
}

// bye sends our close frame, once. Nobody waits for the other one: MQTT has its
// own DISCONNECT, and the socket is about to be closed.
func (c *webSocket) bye(code ws.StatusCode) {
	if !c.saidBye.Swap(true) {
		c.answer(ws.OpClose, ws.NewCloseFrameBody(code, ""))
	}
}

// Push makes one binary frame of b.
func (c *webSocket) Push(b []byte) (bool, error) {
	if len(b) == 0 {
		return c.Pending() == 0, nil
	}
	frame := buffers.Get().(*[]byte)
	*frame = append(appendFrameHead((*frame)[:0], len(b)), b...)
	done, err := c.under.Push(*frame)
	giveBack(frame)
	return done, err
}

// appendFrameHead writes the header of a final binary frame, unmasked.
func appendFrameHead(b []byte, n int) []byte {
	b = append(b, 0x80|byte(ws.OpBinary))
	switch {
	case n < 126:
		return append(b, byte(n))
	case n <= 0xffff:
		return binary.BigEndian.AppendUint16(append(b, 126), uint16(n))
	}
	return binary.BigEndian.AppendUint64(append(b, 127), uint64(n))
}

func (c *webSocket) Drain(timeout time.Duration) error { return c.under.Drain(timeout) }
func (c *webSocket) Pending() int                      { return c.under.Pending() }
func (c *webSocket) SetReadDeadline(t time.Time) error { return c.under.SetReadDeadline(t) }
func (c *webSocket) RemoteAddr() net.Addr              { return c.under.RemoteAddr() }

func (c *webSocket) Close() error {
	c.bye(ws.StatusNormalClosure)
	return c.under.Close()
}

func (c *webSocket) Info() Info {
	in := c.under.Info()
	in.Host = c.host
	if in.Transport = "ws"; in.TLS != nil {
		in.Transport = "wss"
	}
	return in
}
