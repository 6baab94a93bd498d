package server

import (
	"maps"
	"net/url"
	"slices"
	"time"

	"gridmq/bridge"
	"gridmq/client"
	"gridmq/internal/outbound"
	"gridmq/internal/settings"
	"gridmq/mqtt"
	"gridmq/session"
)

// A Bridge links a namespace to another broker.
type Bridge struct {
	Enabled   bool
	Namespace string // of ours
	Address   string // mqtts://host:8883, or mqtt:// without encryption
	// Version is "5" or "3.1.1". BridgeMode tells a broker of 3.1.1 that knows it, as
	// Mosquitto, that a bridge connects.
	Version    string
	BridgeMode bool
	ClientID   string // there; empty: made of the node's identity and the bridge's name
	KeepAlive  time.Duration
	// SessionExpiry is how long the other broker keeps messages for us.
	SessionExpiry time.Duration
	Window        int // messages under way each way

	Username     string
	PasswordFile string
	TLS          BridgeTLS
	Token        BridgeToken
	Queue        BridgeQueue
	Retry        BridgeRetry
	Topics       map[string]BridgeTopic
}

// BridgeTLS are PEM files, read again for every connection.
type BridgeTLS struct {
	CAFile          string `key:"ca_file"` // roots of the other broker; empty: the system's
	CertificateFile string
	KeyFile         string
	ServerName      string // in SNI, and in the certificate; empty: the host of address
}

// BridgeToken is a JWT, from a file that is read again for every connection or from a
// token endpoint.
type BridgeToken struct {
	Method     string // of MQTT 5, as OAUTH2-JWT; empty: the token is the password
	File       string
	Endpoint   string // URL
	ClientID   string
	SecretFile string
	Scope      string
	CAFile     string `key:"ca_file"` // roots of the endpoint; empty: the system's
}

// BridgeQueue bounds what waits on disk while there is no link.
type BridgeQueue struct {
	Messages int
	Bytes    settings.Size
	Policy   session.Policy // drop-oldest or drop-newest
}

// BridgeRetry are the pauses between attempts.
type BridgeRetry struct{ First, Most time.Duration }

// A BridgeTopic is a map: which messages cross, which way, and what they are called.
type BridgeTopic struct {
	Filter       string
	Direction    string // "out", "in" or "both"
	QoS          int    `key:"qos"` // at most; 0 or 1
	LocalPrefix  string
	RemotePrefix string
}

// SetDefaults is what a bridge has before the file says something about it.
func (b *Bridge) SetDefaults() {
	*b = Bridge{Enabled: true, Namespace: DefaultNamespace, Version: "5", KeepAlive: time.Minute, SessionExpiry: 24 * time.Hour,
		Window: 100, Queue: BridgeQueue{Messages: 100_000, Bytes: 256 << 20}, Retry: BridgeRetry{time.Second, time.Minute}}
}

// SetDefaults is what a map has before the file says something about it.
func (t *BridgeTopic) SetDefaults() { *t = BridgeTopic{Direction: string(bridge.Out), QoS: 1} }

// maps are in the order of their names.
func (b *Bridge) maps() (list bridge.Maps) {
	for _, name := range slices.Sorted(maps.Keys(b.Topics)) {
		t := b.Topics[name]
		list = append(list, bridge.Map{Name: name, Filter: t.Filter, Direction: bridge.Direction(t.Direction), QoS: byte(min(max(t.QoS, 0), 3)),
			LocalPrefix: t.LocalPrefix, RemotePrefix: t.RemotePrefix})
	}
	return list
}

func (b *Bridge) version() mqtt.Version {
	if b.Version == "3.1.1" {
		return mqtt.V311
	}
	return mqtt.V5
}

func (b *Bridge) credentials() bridge.Credentials {
	return bridge.Credentials{
		TLS:      client.TLSFiles{CA: b.TLS.CAFile, Cert: b.TLS.CertificateFile, Key: b.TLS.KeyFile, ServerName: b.TLS.ServerName},
		Username: b.Username, PasswordFile: b.PasswordFile,
		Token: bridge.Token{Method: b.Token.Method, File: b.Token.File, Endpoint: b.Token.Endpoint, ClientID: b.Token.ClientID,
			SecretFile: b.Token.SecretFile, Scope: b.Token.Scope, CAFile: b.Token.CAFile},
	}
}

func checkBridges(c *Config, l *settings.Loader) {
	var sides []bridge.Side
	sound := true
	for _, name := range slices.Sorted(maps.Keys(c.Bridges)) {
		b, path := c.Bridges[name], "bridges."+name
		if !b.Enabled {
			continue
		}
		sound = checkBridge(c, l, path, &b) && sound
		sides = append(sides, bridge.Side{Name: name, Namespace: b.Namespace, Address: b.Address, Maps: b.maps(),
			NoLocal: b.version() == mqtt.V5 || b.BridgeMode})
	}
	if !sound { // what follows would only repeat it
		return
	}
	if err := bridge.CheckLoops(sides); err != nil {
		l.Problem("bridges", "%v", err)
	}
}

func checkBridge(c *Config, l *settings.Loader, path string, b *Bridge) (sound bool) {
	sound = true
	wrong := func(key, format string, args ...any) {
		sound = false
		l.Problem(path+key, format, args...)
	}
	switch {
	case b.Namespace == DevNamespace && !c.Dev.Enabled:
		wrong(".namespace", "namespace %q exists only with --dev", DevNamespace)
	case !has(c.Namespaces, b.Namespace) && !(c.Quickstart.Enabled && b.Namespace == QuickstartNamespace):
		wrong(".namespace", "there is no namespace %q; add it below namespaces", b.Namespace)
	}
	u, err := url.Parse(b.Address)
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "mqtt" && u.Scheme != "mqtts" || u.Path != "" && u.Path != "/":
		wrong(".address", "want mqtts://host:8883, or mqtt://host:1883 without encryption, have %q", redacted(u, b.Address))
	case u.User != nil:
		wrong(".address", "want no user and password here; use username and password_file")
	}
	oneOf(l, path+".version", b.Version, "5", "3.1.1")
	if b.Window < 1 || b.Window > 10_000 {
		wrong(".window", "want 1 to 10000, have %d", b.Window)
	}
	if b.KeepAlive < time.Second || b.KeepAlive > 18*time.Hour {
		wrong(".keep_alive", "want 1s to 18h, have %v", b.KeepAlive)
	}
	if b.SessionExpiry <= 0 {
		wrong(".session_expiry", "want a duration above zero: without a session at the other broker, what it has for us is lost with the link")
	}
	if b.Retry.First <= 0 || b.Retry.Most < b.Retry.First {
		wrong(".retry", "want first above zero, and most not below it")
	}
	if b.Queue.Messages < 0 || b.Queue.Bytes < 0 || b.Queue.Policy == session.Terminate {
		wrong(".queue", "want messages and bytes of 0 (no limit) or more, and drop-oldest or drop-newest")
	}
	if (b.TLS.CertificateFile == "") != (b.TLS.KeyFile == "") {
		wrong(".tls", "want both certificate_file and key_file")
	}
	checkBridgeToken(b, wrong)
	if len(b.Topics) == 0 {
		wrong(".topics", "want at least one map: a bridge without carries nothing")
	}
	for _, m := range b.maps() {
		at := ".topics." + m.Name
		if q := b.Topics[m.Name].QoS; q < 0 || q > bridge.MaximumQoS {
			wrong(at+".qos", "want 0 or 1, have %d: messages of QoS 2 cross as QoS 1", q)
		} else if err := m.Check(); err != nil {
			wrong(at, "%v", err)
		}
	}
	return sound
}

func checkBridgeToken(b *Bridge, wrong func(key, format string, args ...any)) {
	t := &b.Token
	switch {
	case t.File != "" && t.Endpoint != "":
		wrong(".token", "want file or endpoint, not both")
	case t.Method != "" && t.File == "" && t.Endpoint == "":
		wrong(".token.method", "want file or endpoint beside it")
	case t.Method != "" && b.version() != mqtt.V5:
		wrong(".token.method", "authentication methods are of MQTT 5; leave it empty, and the token is the password")
	case t.Method == "" && (t.File != "" || t.Endpoint != "") && b.PasswordFile != "":
		wrong(".token", "the token would be the password, and there is password_file already; set method, or take one away")
	}
	if t.Endpoint == "" {
		return
	}
	if why := outbound.CheckURL(t.Endpoint, true); why != "" {
		wrong(".token.endpoint", "%s", why)
	}
	if t.ClientID == "" || t.SecretFile == "" {
		wrong(".token", "want client_id and secret_file for the endpoint")
	}
}

// redacted is an address without the password that somebody may have put there.
func redacted(u *url.URL, raw string) string {
	if u == nil {
		return "something that is no URL"
	}
	if u.User != nil {
		return u.Redacted()
	}
	return raw
}
