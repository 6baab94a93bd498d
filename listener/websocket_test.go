package listener

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// rawWS opens a WebSocket and gives the client's socket, to write bytes on.
func rawWS(t *testing.T, cfg Config) (Conn, net.Conn) {
	t.Helper()
	cfg.WebSocket = true
	l, conns := listen(t, cfg)
	c := dialKind(t, "ws", l.Addr().String()).(*wsClient)
	t.Cleanup(func() { c.Close() })
	return <-conns, c.Conn
}

// Frames may cut MQTT packets anywhere, and reads may cut frames anywhere
// [MQTT-6.0.0-2].
func TestFramesAreAStream(t *testing.T) {
	joined := func(frames ...[]byte) []byte { return bytes.Join(frames, nil) }
	tests := map[string]struct {
		sent []byte
		want string
	}{
		"one packet in three frames":     {joined(frame(ws.OpBinary, true, "a"), frame(ws.OpBinary, true, ""), frame(ws.OpBinary, true, "bc")), "abc"},
		"two packets in one frame":       {frame(ws.OpBinary, true, "abcdef"), "abcdef"},
		"one message in fragments":       {joined(frame(ws.OpBinary, false, "a"), frame(ws.OpContinuation, false, ""), frame(ws.OpContinuation, true, "bc")), "abc"},
		"a ping between fragments":       {joined(frame(ws.OpBinary, false, "a"), frame(ws.OpPing, true, "hi"), frame(ws.OpContinuation, true, "b")), "ab"},
		"a pong nobody asked for":        {joined(frame(ws.OpPong, true, "hi"), frame(ws.OpBinary, true, "a")), "a"},
		"longer than what Wait looks at": {frame(ws.OpBinary, true, strings.Repeat("x", 3*lookSize)), strings.Repeat("x", 3*lookSize)},
	}
	for name, tt := range tests {
		for _, pace := range []int{1, 7, len(tt.sent)} {
			t.Run(name, func(t *testing.T) {
				s, c := rawWS(t, Config{})
				go func() {
					for b := tt.sent; len(b) > 0; b = b[min(pace, len(b)):] {
						c.Write(b[:min(pace, len(b))])
						if len(tt.sent) < 100 {
							time.Sleep(100 * time.Microsecond) // its own segment
						}
					}
				}()
				var got []byte
				for b := make([]byte, 5); len(got) < len(tt.want); {
					if err := s.Wait(); err != nil {
						t.Fatal(err)
					}
					n, err := s.Read(b)
					if err != nil {
						t.Fatal(err)
					}
					got = append(got, b[:n]...)
				}
				if string(got) != tt.want {
					t.Errorf("read %q, want %q", got, tt.want)
				}
			})
		}
	}
}

func TestOnePushIsOneFrame(t *testing.T) {
	s, c := rawWS(t, Config{})
	for _, size := range []int{1, 125, 126, 5000, 70_000} {
		if _, err := s.Push(randomBytes(size)); err != nil {
			t.Fatal(err)
		}
		h, err := ws.ReadHeader(c)
		if err != nil || h.OpCode != ws.OpBinary || !h.Fin || h.Masked || h.Length != int64(size) {
			t.Fatalf("pushed %d bytes, got frame %+v, %v", size, h, err)
		}
		io.CopyN(io.Discard, c, h.Length)
	}
}

func TestPing(t *testing.T) {
	s, c := rawWS(t, Config{})
	waited := make(chan error, 1)
	go func() { waited <- s.Wait() }()
	c.Write(frame(ws.OpPing, true, "are you there"))
	got, err := readFrame(c)
	if err != nil || got.Header.OpCode != ws.OpPong || string(got.Payload) != "are you there" {
		t.Fatalf("answer to a ping: %+v, %v", got, err)
	}
	select {
	case err := <-waited:
		t.Fatalf("Wait = %v after a mere ping", err)
	case <-time.After(20 * time.Millisecond):
	}
	c.Write(frame(ws.OpBinary, true, "x"))
	if err := <-waited; err != nil {
		t.Fatal(err)
	}
}

// A client that pings for ever and reads nothing is cut off, not stored.
func TestPingFlood(t *testing.T) {
	s, c := rawWS(t, Config{})
	go func() {
		b := bytes.Repeat(frame(ws.OpPing, true, string(make([]byte, 125))), 1000)
		for {
			if _, err := c.Write(b); err != nil {
				return
			}
		}
	}()
	within(t, "the end of the flood", func() {
		if err := s.Wait(); !errors.Is(err, errFlood) {
			t.Errorf("Wait = %v, want %v", err, errFlood)
		}
	})
}

func TestClosingFrames(t *testing.T) {
	tests := map[string]struct {
		sent []byte
		code ws.StatusCode
		err  error // nil: any
	}{
		"good-bye":        {frame(ws.OpClose, true, "\x03\xe8bye"), ws.StatusNormalClosure, io.EOF},
		"without a code":  {frame(ws.OpClose, true, ""), ws.StatusNormalClosure, io.EOF},
		"half a code":     {frame(ws.OpClose, true, "\x03"), ws.StatusProtocolError, errBadClose},
		"forbidden code":  {frame(ws.OpClose, true, "\x03\xed"), ws.StatusProtocolError, errBadClose},
		"text":            {frame(ws.OpText, true, "x"), ws.StatusUnsupportedData, errTextFrame},
		"not masked":      {[]byte{0x82, 1, 'x'}, ws.StatusProtocolError, nil},
		"data, then text": {append(frame(ws.OpBinary, true, "data"), frame(ws.OpText, true, "x")...), ws.StatusUnsupportedData, errTextFrame},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s, c := rawWS(t, Config{})
			c.Write(tt.sent)
			got, err := io.ReadAll(readerOnly{s})
			if err == nil {
				err = io.EOF
			}
			if want := strings.Contains(name, "data"); want != (string(got) == "data") {
				t.Errorf("read %q before the end", got)
			}
			if tt.err != nil && !errors.Is(err, tt.err) {
				t.Errorf("ended with %v, want %v", err, tt.err)
			}
			if got := s.(*webSocket).ClosedByPeer(); got != (tt.err == io.EOF) {
				t.Errorf("closed by its peer: %v", got)
			}
			f, err := readFrame(c)
			if code, _ := ws.ParseCloseFrameData(f.Payload); err != nil || f.Header.OpCode != ws.OpClose || code != tt.code {
				t.Errorf("answered %+v code %d, %v; want code %d", f.Header, code, err, tt.code)
			}
			s.Close()
			if rest, err := io.ReadAll(c); len(rest) > 0 || err != nil {
				t.Errorf("after the close frame came %x, %v", rest, err)
			}
		})
	}
}

// readerOnly waits before each read, as a broker does.
type readerOnly struct{ c Conn }

func (r readerOnly) Read(b []byte) (int, error) {
	if err := r.c.Wait(); err != nil {
		return 0, err
	}
	return r.c.Read(b)
}

func TestServerSaysGoodBye(t *testing.T) {
	s, c := rawWS(t, Config{})
	s.Push([]byte("x"))
	s.Close()
	for _, want := range []ws.OpCode{ws.OpBinary, ws.OpClose} {
		if f, err := readFrame(c); err != nil || f.Header.OpCode != want {
			t.Errorf("got %+v, %v; want opcode %d", f.Header, err, want)
		}
	}
}

// readFrame reads one frame of a server, which is small and not masked.
func readFrame(r io.Reader) (f ws.Frame, err error) {
	if f.Header, err = ws.ReadHeader(r); err == nil {
		f.Payload = make([]byte, min(f.Header.Length, 1<<20))
		_, err = io.ReadFull(r, f.Payload)
	}
	return f, err
}
