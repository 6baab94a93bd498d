package listener

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// Config describes one listener. Only Address is needed; the zero value of
// everything else is ready to use.
type Config struct {
	Name      string // for logs and metrics; default: Address
	Address   string // host:port as net.Listen takes it; port 0 picks one
	Namespace string // the namespace of connections that do not name one

	// TLS makes it a secure listener. Default: none.
	TLS *TLSConfig

	// WebSocket: connections begin with an HTTP upgrade and carry MQTT in
	// binary frames, subprotocol "mqtt" (MQTT 5.0 section 6). Default: raw MQTT.
	WebSocket bool
	// Path is where the upgrade is accepted. Default /mqtt.
	Path string
	// Origins that browsers may connect from, as "https://console.example".
	// Clients that send no Origin are not browsers and not held to it.
	// Default: any.
	Origins []string
	// Handler serves every other HTTP request of a WebSocket listener. It sees
	// Request.TLS. Default: 404.
	Handler http.Handler

	// ProxyProtocol: connections from ProxyTrusted must begin with a PROXY
	// header, version 1 or 2, and count as coming from the address in it.
	// Others are taken as they are; their header would be garbage to the next
	// stage. Default: off.
	ProxyProtocol bool
	// ProxyTrusted are the addresses of the proxies. ProxyProtocol without any
	// is refused, as it would mean to believe everybody.
	ProxyTrusted []netip.Prefix

	// MaxConnections open at once, handshakes included. What comes above is
	// closed at once. Default: no limit but the process's file descriptors.
	MaxConnections int
	// Budget bounds the connections of several listeners together. Default: none.
	Budget *Budget
	// MaxConnectionsPerAddress open at once from one IPv4 address or one IPv6
	// /64 (which is what one customer gets). Default: no limit.
	MaxConnectionsPerAddress int
	// Penalty keeps addresses away that were refused too often. Default: none.
	Penalty *Penalty
	// HandshakeTimeout bounds everything before the hand-over together: PROXY
	// header, TLS, HTTP upgrade. Default 10 s.
	HandshakeTimeout time.Duration

	// Logger receives the room's events. Default: none.
	Logger *slog.Logger
}

const (
	defaultPath             = "/mqtt"
	defaultHandshakeTimeout = 10 * time.Second
)

func (c Config) withDefaults() (Config, error) {
	c.Name = cmp.Or(c.Name, c.Address)
	c.Path = cmp.Or(c.Path, defaultPath)
	c.HandshakeTimeout = cmp.Or(c.HandshakeTimeout, defaultHandshakeTimeout)
	c.Logger = cmp.Or(c.Logger, slog.New(slog.DiscardHandler)).With("listener", c.Name)
	switch {
	case c.ProxyProtocol && len(c.ProxyTrusted) == 0:
		return c, errors.New("PROXY protocol without a trusted proxy")
	case c.TLS != nil && c.TLS.Certificates == nil:
		return c, errors.New("TLS without certificates")
	case !strings.HasPrefix(c.Path, "/"):
		return c, fmt.Errorf("path %q does not begin with a slash", c.Path)
	case c.Handler != nil && !c.WebSocket:
		return c, errors.New("an HTTP handler on a listener without WebSocket")
	case c.MaxConnections < 0 || c.MaxConnectionsPerAddress < 0 || c.HandshakeTimeout < 0:
		return c, errors.New("a negative limit")
	}
	return c, nil
}
