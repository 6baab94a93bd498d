package client

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/gobwas/ws"
)

// errNoSubprotocol refuses a WebSocket server that does not speak MQTT
// [MQTT-6.0.0-3].
var errNoSubprotocol = errors.New(`the WebSocket server did not choose the subprotocol "mqtt"`)

// dialWebSocket upgrades a new connection [MQTT-6.0.0-1 to -3].
func dialWebSocket(ctx context.Context, u *url.URL, t Target) (net.Conn, error) {
	d := ws.Dialer{
		Protocols: []string{"mqtt"},
		Header:    ws.HandshakeHeaderHTTP(t.Header),
		TLSConfig: withServerName(t.TLS, u.Hostname()),
		Timeout:   t.Timeout,
	}
	bare := *u
	bare.User = nil // MQTT's credentials are not HTTP's
	nc, rest, hs, err := d.Dial(ctx, bare.String())
	if err != nil {
		if code, ok := errors.AsType[ws.StatusError](err); ok {
			return nil, fmt.Errorf("WebSocket handshake with %s: HTTP %d %s", u.Host, int(code), http.StatusText(int(code)))
		}
		return nil, fmt.Errorf("WebSocket handshake with %s: %w", u.Host, err)
	}
	if hs.Protocol != "mqtt" {
		nc.Close()
		return nil, errNoSubprotocol
	}
	if rest == nil { // else the first frames have been read already
		rest = bufio.NewReaderSize(nc, 16<<10)
	}
	return &wsConn{Conn: nc, in: rest}, nil
}

// pongTimeout is how long the socket may take for the answer to a ping.
const pongTimeout = 10 * time.Second

// A wsConn is the client's end of a WebSocket, as a stream of bytes: MQTT
// packets and frames need not have the same borders [MQTT-6.0.0-2].
type wsConn struct {
	net.Conn
	in   *bufio.Reader // one reader at a time
	left int64         // bytes of the current frame not yet read
	mask [4]byte       // of the current frame, if masked
	key  bool          // the current frame is masked (a server should not)
	pos  int           // offset in the mask

	mu  sync.Mutex // of whole frames: the reader answers pings
	out []byte     // the frame being written; grows to the largest write
}

// Read reads payload of data frames, and answers the control frames between.
func (c *wsConn) Read(b []byte) (int, error) {
	for c.left == 0 {
		if err := c.nextFrame(); err != nil {
			return 0, err
		}
	}
	n, err := c.in.Read(b[:min(int64(len(b)), c.left)])
	if c.key {
		ws.Cipher(b[:n], c.mask, c.pos)
		c.pos += n
	}
	c.left -= int64(n)
	return n, err
}

// nextFrame reads a header; a control frame is dealt with as a whole.
func (c *wsConn) nextFrame() error {
	h, err := ws.ReadHeader(c.in)
	if err != nil {
		return err
	}
	if !h.OpCode.IsControl() {
		if h.OpCode == ws.OpText {
			return errors.New("the WebSocket server sent text, MQTT needs binary frames [MQTT-6.0.0-1]")
		}
		c.left, c.mask, c.key, c.pos = h.Length, h.Mask, h.Masked, 0
		return nil
	}
	if h.Length > ws.MaxControlFramePayloadSize {
		return ws.ErrProtocolControlPayloadOverflow
	}
	payload := make([]byte, h.Length)
	if _, err := io.ReadFull(c.in, payload); err != nil {
		return err
	}
	if h.Masked {
		ws.Cipher(payload, h.Mask, 0)
	}
	switch h.OpCode {
	case ws.OpPing:
		// The deadline is that of the last write, and has passed by now.
		c.Conn.SetWriteDeadline(time.Now().Add(pongTimeout))
		_, err = c.writeFrame(ws.OpPong, payload)
	case ws.OpClose:
		c.writeFrame(ws.OpClose, payload[:min(2, len(payload))]) // best effort: the peer is leaving
		err = io.EOF
	}
	return err
}

// Write sends b as one binary frame.
func (c *wsConn) Write(b []byte) (int, error) { return c.writeFrame(ws.OpBinary, b) }

func (c *wsConn) writeFrame(op ws.OpCode, payload []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var head headWriter
	h := ws.Header{Fin: true, OpCode: op, Masked: true, Mask: ws.NewMask(), Length: int64(len(payload))}
	if err := ws.WriteHeader(&head, h); err != nil {
		return 0, err
	}
	c.out = append(append(c.out[:0], head.b[:head.n]...), payload...)
	ws.Cipher(c.out[head.n:], h.Mask, 0)
	if _, err := c.Conn.Write(c.out); err != nil {
		return 0, err
	}
	return len(payload), nil
}

// Close says goodbye if the socket takes it at once, and closes.
func (c *wsConn) Close() error {
	c.Conn.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
	c.writeFrame(ws.OpClose, []byte{0x03, 0xe8}) // 1000, normal closure; the answer does not matter
	return c.Conn.Close()
}

// A headWriter takes a frame header, at most 14 bytes.
type headWriter struct {
	b [ws.MaxHeaderSize]byte
	n int
}

func (w *headWriter) Write(b []byte) (int, error) {
	n := copy(w.b[w.n:], b)
	w.n += n
	return n, nil
}
