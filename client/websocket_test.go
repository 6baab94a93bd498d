package client

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"gridmq/mqtt"
)

// serveOnce lets serve have one TCP connection, and returns the address.
func serveOnce(t *testing.T, serve func(nc net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() { // ends with the listener, or after its connection
		nc, err := l.Accept()
		if err != nil {
			return
		}
		defer nc.Close()
		nc.SetDeadline(time.Now().Add(20 * time.Second))
		serve(nc)
	})
	t.Cleanup(func() { l.Close(); wg.Wait() })
	return l.Addr().String()
}

// upgraded lets serve have one WebSocket whose handshake is done.
func upgraded(t *testing.T, serve func(nc net.Conn)) string {
	t.Helper()
	return serveOnce(t, func(nc net.Conn) {
		u := ws.Upgrader{Protocol: func(p []byte) bool { return string(p) == "mqtt" }}
		if _, err := u.Upgrade(nc); err != nil {
			t.Errorf("upgrade: %v", err)
			return
		}
		serve(nc)
	})
}

func mustWrite(t *testing.T, nc net.Conn, frames ...ws.Frame) {
	var b bytes.Buffer
	for _, f := range frames {
		ws.WriteFrame(&b, f) // into memory
	}
	if _, err := nc.Write(b.Bytes()); err != nil {
		t.Errorf("write frames: %v", err)
	}
}

// readFrame reads one frame of the client's, which has to be masked.
func readFrame(t *testing.T, nc net.Conn) ws.Frame {
	h, err := ws.ReadHeader(nc)
	if err != nil {
		t.Errorf("read a frame: %v", err)
		return ws.Frame{}
	}
	if !h.Masked {
		t.Errorf("an unmasked frame came")
	}
	f := ws.Frame{Header: h, Payload: make([]byte, h.Length)}
	if _, err := io.ReadFull(nc, f.Payload); err != nil {
		t.Errorf("read a frame: %v", err)
	}
	return ws.UnmaskFrame(f)
}

func TestWebSocketHandshake(t *testing.T) {
	tests := map[string]struct{ answer, want string }{
		"another subprotocol": {"", "subprotocol"},
		"no such path":        {"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "HTTP 404 Not Found"},
		"forbidden":           {"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "HTTP 403"},
		"not HTTP":            {"220 mail.example.com ESMTP\r\n\r\n", "WebSocket handshake with"},
		"the end":             {"HTTP/1.1 101", "EOF"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			address := serveOnce(t, func(nc net.Conn) {
				if test.answer == "" {
					ws.Upgrade(nc)
					io.Copy(io.Discard, nc)
					return
				}
				nc.Read(make([]byte, 4096))
				nc.Write([]byte(test.answer))
			})
			_, err := Connect(t.Context(), Options{Target: Target{URL: "ws://" + address + "/mqtt"}})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error with %q", err, test.want)
			}
		})
	}
}

// TestWebSocketRequest: what goes into the handshake, and what must not.
func TestWebSocketRequest(t *testing.T) {
	request := make(chan string, 1)
	address := serveOnce(t, func(nc net.Conn) {
		b := make([]byte, 4096)
		n, _ := nc.Read(b)
		request <- string(b[:n])
	})
	header := http.Header{"X-Route": {"blue"}}
	_, err := Dial(t.Context(), Target{URL: "ws://user:secret@" + address, Header: header})
	if err == nil {
		t.Error("no error")
	}
	got := <-request
	for _, want := range []string{"GET /mqtt HTTP/1.1", "Sec-WebSocket-Protocol: mqtt", "X-Route: blue"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, "Authorization") || strings.Contains(got, "secret") {
		t.Errorf("MQTT's credentials are in\n%s", got)
	}
}

// TestWebSocketHandshakeTimesOut: nobody answers.
func TestWebSocketHandshakeTimesOut(t *testing.T) {
	address := serveOnce(t, func(nc net.Conn) { io.Copy(io.Discard, nc) })
	begin := time.Now()
	_, err := Dial(context.Background(), Target{URL: "ws://" + address, Timeout: 100 * time.Millisecond})
	if err == nil || time.Since(begin) > 5*time.Second {
		t.Errorf("%v after %v", err, time.Since(begin))
	}
}

// TestWebSocketFrames: the borders of frames mean nothing, control frames come
// in between, and what a fragment is does not matter.
func TestWebSocketFrames(t *testing.T) {
	connack := (&mqtt.Connack{}).Append(nil, mqtt.V5)
	publish := mqtt.AppendPublish(nil, &mqtt.Message{Topic: "t", Payload: bytes.Repeat([]byte("x"), 70_000)}, &mqtt.Out{Version: mqtt.V5})
	two := append(append([]byte(nil), publish...), mqtt.AppendPublish(nil, &mqtt.Message{Topic: "t", Payload: []byte("second")}, &mqtt.Out{Version: mqtt.V5})...)
	pongs := make(chan string, 2)
	address := upgraded(t, func(nc net.Conn) {
		readFrame(t, nc) // CONNECT
		mustWrite(t, nc, ws.NewBinaryFrame(connack[:1]), ws.NewBinaryFrame(nil), ws.NewPingFrame([]byte("one")), ws.NewBinaryFrame(connack[1:]))
		pongs <- string(readFrame(t, nc).Payload)
		mustWrite(t, nc,
			ws.NewFrame(ws.OpBinary, false, two[:10]),
			ws.NewPingFrame([]byte("two")),
			ws.NewPongFrame([]byte("nobody asked")),
			ws.NewFrame(ws.OpContinuation, false, two[10:65_600]),
			ws.MaskFrame(ws.NewFrame(ws.OpContinuation, true, bytes.Clone(two[65_600:]))), // a server should not mask
			ws.NewCloseFrame(ws.NewCloseFrameBody(ws.StatusGoingAway, "")),
		)
		pongs <- string(readFrame(t, nc).Payload)
		if f := readFrame(t, nc); f.Header.OpCode != ws.OpClose {
			t.Errorf("the client answered close with %v", f.Header.OpCode)
		}
	})
	var o Options
	got := collect(&o)
	o.Target.URL = "ws://" + address
	c, err := Connect(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	err = c.Wait()
	closed(t, err, mqtt.Success)
	if !errors.Is(err, io.EOF) {
		t.Errorf("ended with %v, want EOF", err)
	}
	if one, two := <-pongs, <-pongs; one != "one" || two != "two" {
		t.Errorf("pings were answered with %q and %q", one, two)
	}
	if len(*got) != 2 || len((*got)[0]) != 70_000 || (*got)[1] != "second" {
		t.Errorf("%d messages came", len(*got))
	}
}

// TestWebSocketPingLater: a ping is answered though the deadline of our last
// write is long past.
func TestWebSocketPingLater(t *testing.T) {
	address := upgraded(t, func(nc net.Conn) {
		readFrame(t, nc)
		mustWrite(t, nc, ws.NewBinaryFrame((&mqtt.Connack{}).Append(nil, mqtt.V5)))
		readFrame(t, nc) // PUBLISH
		time.Sleep(100 * time.Millisecond)
		mustWrite(t, nc, ws.NewPingFrame([]byte("still there?")))
		if f := readFrame(t, nc); f.Header.OpCode != ws.OpPong || string(f.Payload) != "still there?" {
			t.Errorf("the client answered %v %q", f.Header.OpCode, f.Payload)
		}
		mustWrite(t, nc, ws.NewBinaryFrame((&mqtt.Disconnect{Code: mqtt.ServerShuttingDown}).Append(nil, mqtt.V5)))
		readFrame(t, nc) // close
	})
	c, err := Connect(t.Context(), Options{Target: Target{URL: "ws://" + address}, Timeout: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Publish(t.Context(), &Message{Topic: "t"}); err != nil {
		t.Error(err)
	}
	closed(t, c.Wait(), mqtt.ServerShuttingDown)
}

func TestWebSocketMisbehaviour(t *testing.T) {
	tests := map[string]struct {
		frame []byte
		want  string
	}{
		"text":                 {ws.MustCompileFrame(ws.NewTextFrame([]byte("hello"))), "binary"},
		"a huge control frame": {append([]byte{0x89, 126, 1, 0}, make([]byte, 256)...), "control"},
		"half a frame":         {[]byte{0x82, 5, 0x20}, "EOF"},
		"half a header":        {[]byte{0x82}, "EOF"},
		"half a ping":          {[]byte{0x89, 5, 1}, "EOF"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			address := upgraded(t, func(nc net.Conn) {
				readFrame(t, nc)
				nc.Write(test.frame)
				nc.(*net.TCPConn).CloseWrite()
				io.Copy(io.Discard, nc)
			})
			_, err := Connect(t.Context(), Options{Target: Target{URL: "ws://" + address}})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error with %q", err, test.want)
			}
		})
	}
}
