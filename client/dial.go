package client

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"
)

// A Target says where a broker listens and how to reach it. Only URL is needed.
type Target struct {
	// URL is mqtt://host[:1883], mqtts://host[:8883], ws://host[:80]/path or
	// wss://host[:443]/path. tcp:// is mqtt://; ssl:// and tls:// are mqtts://.
	// The default path is /mqtt. A user and password in it are ignored here.
	URL string
	// TLS is used for mqtts and wss. Default: the system's CAs.
	TLS *tls.Config
	// Header goes into the WebSocket handshake.
	Header http.Header
	// Timeout bounds name look-up, connecting and all handshakes below MQTT.
	// Default 10 s.
	Timeout time.Duration
}

// A transport is a URL scheme: the port it defaults to, and its layers.
type transport struct {
	port    string
	tls, ws bool
}

var transports = map[string]transport{
	"mqtt":  {port: "1883"},
	"tcp":   {port: "1883"},
	"mqtts": {port: "8883", tls: true},
	"ssl":   {port: "8883", tls: true},
	"tls":   {port: "8883", tls: true},
	"ws":    {port: "80", ws: true},
	"wss":   {port: "443", tls: true, ws: true},
}

// Dial opens the byte stream that MQTT packets travel in: TCP, TLS or
// WebSocket. A WebSocket is returned as a stream of its binary frames' bytes.
func Dial(ctx context.Context, t Target) (net.Conn, error) {
	u, kind, err := parseURL(t.URL)
	if err != nil {
		return nil, err
	}
	if t.Timeout <= 0 {
		t.Timeout = defaultConnectTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, t.Timeout)
	defer cancel()
	if kind.ws {
		return dialWebSocket(ctx, u, t)
	}
	nc, err := (&net.Dialer{}).DialContext(ctx, "tcp", u.Host)
	if err != nil || !kind.tls {
		return nc, err
	}
	return startTLS(ctx, nc, t.TLS, u.Hostname())
}

// startTLS completes a TLS handshake on nc, or closes it.
func startTLS(ctx context.Context, nc net.Conn, c *tls.Config, host string) (net.Conn, error) {
	tc := tls.Client(nc, withServerName(c, host))
	if err := tc.HandshakeContext(ctx); err != nil {
		nc.Close()
		return nil, fmt.Errorf("TLS handshake with %s: %w", nc.RemoteAddr(), err)
	}
	return tc, nil
}

// parseURL checks a broker's URL and fills in the port and the path.
func parseURL(s string) (*url.URL, transport, error) {
	u, err := url.Parse(s)
	if err != nil {
		return nil, transport{}, err
	}
	kind, known := transports[u.Scheme]
	if !known {
		return nil, transport{}, fmt.Errorf("broker URL %q: want mqtt://, mqtts://, ws:// or wss://", u.Redacted())
	}
	if u.Hostname() == "" {
		return nil, transport{}, fmt.Errorf("broker URL %q names no host", u.Redacted())
	}
	if u.Port() == "" {
		u.Host = net.JoinHostPort(u.Hostname(), kind.port)
	}
	if kind.ws && u.Path == "" {
		u.Path = "/mqtt"
	}
	return u, kind, nil
}
