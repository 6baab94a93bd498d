package identity

import (
	"crypto/x509"
	"log/slog"
	"net/netip"
)

// Credentials are what a CONNECT brings, or an AUTH after it.
type Credentials struct {
	ClientID string
	// Username is nil when the packet had none.
	Username *string
	Password []byte
	// Method and Data are Authentication Method and Data of MQTT 5.
	Method string
	Data   []byte
	// Certificates are what the client sent in the TLS handshake, its own first.
	// Nobody has verified them but for the possession of the first one's key.
	Certificates   []*x509.Certificate
	UserProperties []Property
	// V5 is true for MQTT 5, false for 3.1.1.
	V5 bool
	// Hosts are the names under which the client may have reached the namespace:
	// its own host name and its approved custom domains. Tokens are made for them.
	Hosts []string
	// Remote is where the connection came from.
	Remote netip.Addr
}

// A Property is a User Property.
type Property struct{ Name, Value string }

// LogValue keeps secrets out of logs.
func (c *Credentials) LogValue() slog.Value {
	return slog.GroupValue(slog.String("client", c.ClientID), slog.String("method", c.Method),
		slog.Int("certificates", len(c.Certificates)), slog.Bool("password", c.Password != nil))
}
