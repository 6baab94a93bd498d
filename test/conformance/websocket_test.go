package conformance

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

var websocket5 = map[string]test{
	"6.0.0-1": binaryFramesOnly,
	"6.0.0-2": framesAndPackets,
	"6.0.0-4": subprotocol,
}

var websocket3 = websocket5

// ws is a WebSocket written by hand, RFC 6455: frames are masked with zeros,
// which leaves the bytes readable.
type ws struct {
	t  *testing.T
	nc net.Conn
	r  *bufio.Reader
}

// Opcodes.
const (
	opContinue = 0x0
	opText     = 0x1
	opBinary   = 0x2
	opClose    = 0x8
	opPing     = 0x9
	opPong     = 0xA
	fin        = 0x80
)

// upgrade makes the handshake and wants the subprotocol mqtt.
func upgrade(t *testing.T, offer string) *ws {
	t.Helper()
	addr := targetWS(t)
	nc, err := net.DialTimeout("tcp", addr, dialTime)
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	t.Cleanup(func() { nc.Close() })
	_ = nc.SetDeadline(time.Now().Add(soon))
	fmt.Fprintf(nc, "GET /mqtt HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: %s\r\n\r\n", addr, offer)
	r := bufio.NewReader(nc)
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatalf("handshake: %v", err)
	}
	if got := res.Header.Get("Sec-WebSocket-Protocol"); res.StatusCode != 101 || got != "mqtt" {
		t.Fatalf("handshake: got %s with subprotocol %q, want 101 and mqtt", res.Status, got)
	}
	// The answer to this key is in RFC 6455, section 1.3.
	if got := res.Header.Get("Sec-WebSocket-Accept"); got != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Fatalf("handshake: got Sec-WebSocket-Accept %q", got)
	}
	return &ws{t: t, nc: nc, r: r}
}

func (w *ws) frame(first int, payload []byte) {
	length := cat(0x80 | len(payload))
	if len(payload) > 125 {
		length = cat(0x80|126, u16(len(payload)))
	}
	_, _ = w.nc.Write(cat(first, length, u32(0), payload))
}

// stream reads n bytes of MQTT out of binary frames.
func (w *ws) stream(n int) []byte {
	w.t.Helper()
	var b []byte
	for len(b) < n {
		op, payload, err := w.next()
		if err != nil {
			w.t.Fatalf("after % x: %v", b, err)
		}
		switch op {
		case opBinary, opContinue:
			b = append(b, payload...)
		case opPing, opPong:
		default:
			w.t.Fatalf("got a frame with opcode %x, want binary", op)
		}
	}
	return b
}

func (w *ws) next() (op int, payload []byte, err error) {
	var head [2]byte
	if _, err := io.ReadFull(w.r, head[:]); err != nil {
		return 0, nil, err
	}
	n := int(head[1] & 0x7F)
	if n == 126 {
		var two [2]byte
		if _, err := io.ReadFull(w.r, two[:]); err != nil {
			return 0, nil, err
		}
		n = int(two[0])<<8 | int(two[1])
	}
	payload = make([]byte, n)
	_, err = io.ReadFull(w.r, payload)
	return int(head[0] & 0x0F), payload, err
}

// connected is a WebSocket with MQTT on it.
func connected(t *testing.T, v version) *ws {
	t.Helper()
	w := upgrade(t, "mqtt")
	w.frame(fin|opBinary, connect{id: name(t, fmt.Sprint(time.Now().UnixNano()))}.encode(v))
	head := w.stream(2)
	if head[0] != 0x20 {
		t.Fatalf("got % x, want a CONNACK", head)
	}
	if rest := 2 + int(head[1]) - len(head); rest > 0 {
		w.stream(rest)
	}
	return w
}

func (w *ws) alive() {
	w.t.Helper()
	w.frame(fin|opBinary, pingreq)
	if got := w.stream(2); string(got) != string(pingresp) {
		w.t.Fatalf("got % x, want a PINGRESP", got)
	}
}

func binaryFramesOnly(t *testing.T, v version) {
	w := connected(t, v)
	w.alive() // the server's frames are binary too
	w.frame(fin|opText, pingreq)
	for {
		op, payload, err := w.next()
		if isTimeout(err) {
			t.Fatal("still open after a text frame")
		}
		if err != nil {
			return
		}
		if op == opBinary && len(payload) > 0 && payload[0] != 0xE0 {
			t.Fatalf("a text frame was answered % x", payload)
		}
	}
}

func framesAndPackets(t *testing.T, v version) {
	w := connected(t, v)
	w.frame(fin|opBinary, cat(pingreq, pingreq, pingreq[:1])) // two and a half packets
	w.frame(fin|opBinary, nil)
	w.frame(fin|opBinary, pingreq[1:])
	w.frame(opBinary, pingreq[:1]) // one message in two frames, a control frame between
	w.frame(fin|opPing, []byte("between"))
	w.frame(fin|opContinue, pingreq[1:])
	if got, want := w.stream(8), cat(pingresp, pingresp, pingresp, pingresp); string(got) != string(want) {
		t.Errorf("got % x, want % x", got, want)
	}
}

func subprotocol(t *testing.T, v version) {
	upgrade(t, "mqtt")
	upgrade(t, "other, mqtt")
	upgrade(t, "mqttv3.1, mqtt, soap")
}
