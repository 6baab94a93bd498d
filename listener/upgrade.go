package listener

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/gobwas/ws"
)

// maxHead bounds the first HTTP request with its header. A token in a header is
// at most 8 KiB (spec/mqtt-protocol.md section 2.1), and some more is usual.
const maxHead = 16 << 10

// subprotocol is what clients must offer, and the server returns, in
// Sec-WebSocket-Protocol [MQTT-6.0.0-3], [MQTT-6.0.0-4].
const subprotocol = "mqtt"

var headEnd = []byte("\r\n\r\n")

// upgrade reads the first HTTP request and does one of three things: make a
// WebSocket of the connection, say what to replay to the HTTP fallback (a nil
// Conn), or answer with a refusal and return why.
//
// The upgrade is our own, not http.Server's Hijack, because that would put its
// buffers (8 KiB) and its goroutine's stack beneath every idle device, and
// would have TLS write to the socket its own way. What is not an upgrade
// is replayed to an http.Server, which so serves only HTTP.
func (l *Listener) upgrade(c stream) (up Conn, replay []byte, err error) {
	head, rest, err := readHead(c)
	if errors.Is(err, errHeadSize) {
		return nil, nil, l.deny(c, http.StatusRequestHeaderFieldsTooLarge, err)
	}
	if err != nil {
		return nil, nil, err
	}
	req, err := http.ReadRequest(bufio.NewReaderSize(bytes.NewReader(head), 1<<10))
	if err != nil {
		return nil, nil, l.deny(c, http.StatusBadRequest, err)
	}
	wants := strings.EqualFold(req.Header.Get("Upgrade"), "websocket")
	switch {
	case wants && req.URL.Path == l.cfg.Path:
		up, err := l.webSocket(c, req, head, rest)
		return up, nil, err
	case l.http != nil:
		return nil, append(head, rest...), nil
	case req.URL.Path == l.cfg.Path:
		return nil, nil, l.deny(c, http.StatusUpgradeRequired, errors.New("not a WebSocket request"))
	}
	return nil, nil, l.deny(c, http.StatusNotFound, fmt.Errorf("nothing at %q", req.URL.Path))
}

var errHeadSize = errors.New("HTTP header too large")

// readHead reads until the empty line that ends the header, and tells what came
// behind it.
func readHead(r io.Reader) (head, rest []byte, err error) {
	b := make([]byte, 0, 1<<10)
	for {
		b = slices.Grow(b, 512)
		n, err := r.Read(b[len(b):min(cap(b), maxHead)])
		seen := max(0, len(b)-len(headEnd))
		b = b[:len(b)+n]
		if i := bytes.Index(b[seen:], headEnd); i >= 0 {
			end := seen + i + len(headEnd)
			return b[:end:end], b[end:], nil
		}
		if err != nil {
			return nil, nil, err
		}
		if len(b) == maxHead {
			return nil, nil, errHeadSize
		}
	}
}

func (l *Listener) webSocket(c stream, req *http.Request, head, rest []byte) (Conn, error) {
	if origin := req.Header.Get("Origin"); !l.cfg.allowsOrigin(origin) {
		return nil, l.deny(c, http.StatusForbidden, fmt.Errorf("origin %q is not allowed", origin))
	}
	var response bytes.Buffer
	up := ws.Upgrader{Protocol: func(offered []byte) bool { return string(offered) == subprotocol }}
	shaken, err := up.Upgrade(struct {
		io.Reader
		io.Writer
	}{bytes.NewReader(head), &response})
	if err == nil && shaken.Protocol != subprotocol {
		return nil, l.deny(c, http.StatusBadRequest, errors.New(`subprotocol "mqtt" was not offered`))
	}
	// On an error the response is the refusal.
	if werr := l.say(c, response.Bytes()); err == nil {
		err = werr
	}
	if err != nil {
		return nil, err
	}
	l.stats.Upgraded.Add(1)
	return newWebSocket(c, req.Host, rest), nil
}

func (c *Config) allowsOrigin(origin string) bool {
	return len(c.Origins) == 0 || origin == "" ||
		slices.ContainsFunc(c.Origins, func(o string) bool { return o == "*" || strings.EqualFold(o, origin) })
}

// deny answers with a status and returns why, for the log.
func (l *Listener) deny(c stream, status int, why error) error {
	text := http.StatusText(status) + "\n"
	extra := ""
	if status == http.StatusUpgradeRequired {
		extra = "Upgrade: websocket\r\n" // RFC 9110 section 15.5.22
	}
	l.say(c, fmt.Appendf(nil, "HTTP/1.1 %d %s\r\n%sConnection: close\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s",
		status, http.StatusText(status), extra, len(text), text))
	return why
}

// say writes during the handshake: it may wait, as nobody else does for it.
func (l *Listener) say(c stream, b []byte) error {
	done, err := c.Push(b)
	if err == nil && !done {
		err = c.Drain(l.cfg.HandshakeTimeout)
	}
	return err
}
