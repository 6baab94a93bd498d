package server

import (
	"log/slog"
	"time"

	"github.com/caddyserver/certmagic"

	"gridmq/broker"
	"gridmq/internal/settings"
	"gridmq/session"
)

// Names that the server itself gives.
const (
	DefaultNamespace = "default"
	DevNamespace     = "dev" // allows everything; loopback only
)

func init() { settings.Enum[session.Policy]("drop-oldest", "drop-newest", "terminate") }

// A Config is everything that can be set. Its fields are the keys of the file
// in snake_case; docs/gridmq.example.yaml explains each, and a test keeps the
// two together. Start from Default. The tag reload says what SIGHUP can change.
type Config struct {
	// Data is the directory of everything that must survive.
	Data string
	// Domain makes each namespace reachable as <namespace>.<domain>.
	Domain   string
	Log      Log
	Store    Store
	Events   Events
	Webhooks Webhooks
	// Kafka are topics of Kafka, and event hubs, that event subscriptions can have events
	// pushed to, by a name of your choice.
	Kafka      map[string]KafkaTopic
	Listeners  map[string]Listener
	TLS        TLS
	ACME       ACME
	Namespaces map[string]Namespace
	Bridges    map[string]Bridge `reload:"yes"`
	Management Management
	Refusals   Refusals
	Tokens     Tokens
	Operations Operations
	Tracing    Tracing
	Shutdown   Shutdown
	Dev        Dev
	Quickstart Quickstart
}

// Log is where events go: always standard error.
type Log struct {
	Level    slog.Level `reload:"yes"`
	Format   string     // "text" or "json"
	Resource ResourceLog
}

// ResourceLog is what Event Grid's diagnostic settings give: who came, went and was refused
// what, a JSON object a line.
type ResourceLog struct {
	File string // appended to, and opened again by a reload; "-": standard output; empty: off
	// Categories are those that are written; empty: all.
	Categories []string
	Every      time.Duration // how long failed publishes and HTTP requests are counted together
	Queue      int           // records that may wait
}

// Store chooses the engine, and what it may use.
type Store struct {
	Engine string // "pebble", or "memory", which forgets everything
	// Durability is "synced", or "relaxed": acknowledged before it is on disk.
	Durability string
	Reserve    settings.Size // free space below which durable work is refused; 0: chosen by the engine
	Cache      settings.Size // records read from the log
	BlockCache settings.Size // the engine's own
}

// Events bounds the topics of namespaces.
type Events struct {
	// TopicBytes is what the events of one topic may take; more is refused. A topic
	// keeps what an event subscription has not settled, for its retention at most.
	TopicBytes settings.Size
	// DeadLetters says where the dead letters of a storage account go. Those of others
	// go to the folder deadletter in the data directory.
	DeadLetters map[string]DeadLetters
}

// DeadLetters is a place for dead letters: an object store, or a topic.
type DeadLetters struct {
	Kind   string // "azure-blob", "s3", "topic"
	URL    string // of the store
	CAFile string `key:"ca_file"` // of the only roots of the store to trust; empty: the system's

	SASFile     string `key:"sas_file"` // Azure: a shared access signature that may create and write
	Region      string // S3
	AccessKeyID string `key:"access_key_id"`
	SecretFile  string // S3: the key's secret

	Topic        string // of the namespace whose event it was
	Subscription string // event subscription of the topic, through which they are listed; empty: they are not
}

// Webhooks says how events are pushed to the endpoints of event subscriptions.
type Webhooks struct {
	Origin    string // of WebHook-Request-Origin; empty: the namespace's host name
	PlainHTTP bool   // allows http, for development
	CAFile    string // of the only roots of endpoints to trust; empty: the system's
	// CertificateFile and KeyFile are what the broker shows to endpoints that ask.
	CertificateFile, KeyFile string
	// Allow and Deny are addresses and networks of endpoints. Allow wins.
	Allow, Deny []string
	Requests    int // under way at once
	// Timeout is what an endpoint has for its answer, 30 s at most.
	Timeout time.Duration
}

// A KafkaTopic is where events go whose subscription names ResourceID.
type KafkaTopic struct {
	ResourceID string
	Brokers    []string // host:port
	Topic      string   // or the name of the event hub
	TLS        bool
	CAFile     string // of the only roots of the brokers to trust; empty: the system's
	// CertificateFile and KeyFile are what we show to brokers that ask.
	CertificateFile, KeyFile string
	SASL                     KafkaSASL
	Mode                     string        // "structured" or "binary"
	MessageBytes             settings.Size // of a batch of records, and so of one
	Compression              string        // "none", "gzip", "snappy", "lz4" or "zstd"
}

// SetDefaults is what a topic has before the file says something about it.
func (k *KafkaTopic) SetDefaults() {
	*k = KafkaTopic{TLS: true, Mode: "structured", MessageBytes: 1_000_000, Compression: "none"}
}

// KafkaSASL says who we are. Secrets are file:PATH or env:NAME.
type KafkaSASL struct {
	Mechanism          string // "", "plain", "scram-sha-256", "scram-sha-512" or "oauthbearer"
	Username, Password string
	// Of oauthbearer: a token that somebody keeps fresh, or the client credentials grant.
	Token                            string
	TokenURL, ClientID, ClientSecret string
	Scope                            string
	TokenCAFile                      string // roots of the token endpoint; empty: the system's
}

// A Listener is one address. The zero value is not ready: see SetDefaults.
type Listener struct {
	Enabled   bool
	Address   string // host:port; port 0 picks one
	Transport string // "tls", "wss", or without encryption "tcp", "ws"
	Namespace string // of connections whose host name belongs to none
	Path      string // of WebSocket
	Origins   []string

	ProxyProtocol bool
	ProxyTrusted  []string // addresses or networks of the proxies

	MaxConnections           int
	MaxConnectionsPerAddress int
	HandshakeTimeout         time.Duration
}

// SetDefaults is what a listener has before the file says something about it.
func (l *Listener) SetDefaults() {
	*l = Listener{Enabled: true, Transport: "tls", Namespace: DefaultNamespace, Path: "/mqtt",
		MaxConnections: 100_000, HandshakeTimeout: 10 * time.Second}
}

func (l *Listener) secure() bool    { return l.Transport == "tls" || l.Transport == "wss" }
func (l *Listener) websocket() bool { return l.Transport == "ws" || l.Transport == "wss" }

// TLS is what the secure listeners show.
type TLS struct {
	// Certificates by a name of your choice. Empty: the server makes a local CA
	// and a certificate for Hosts.
	Certificates map[string]Certificate `reload:"yes"`
	// Hosts are the names and addresses in the certificate made at first start.
	Hosts []string
	// MinimumVersion is "1.2" or "1.3".
	MinimumVersion string
}

// A Certificate is two PEM files.
type Certificate struct {
	Certificate, Key string
}

// ACME gets certificates from a directory for custom domains that have none, and for
// hosts. Port 443 of each of them has to lead to a secure listener.
type ACME struct {
	Enabled   bool
	Directory string // URL
	Email     string // of the account; may be empty
	// AcceptTerms says that the directory's terms of service have been accepted.
	AcceptTerms bool
	CAFile      string   `key:"ca_file"` // roots of the directory's server; empty: the system's
	Hosts       []string // besides custom domains
}

// A Namespace is a tenant.
type Namespace struct {
	Profile string   `reload:"yes"` // "standard" or "azure"
	Hosts   []string // host names that lead here (SNI, or the Host of a WebSocket)
	// Limits replace single numbers of the profile.
	Limits settings.Overrides[broker.Limits] `reload:"yes"`
}

// SetDefaults is what a namespace has before the file says something about it.
func (n *Namespace) SetDefaults() { n.Profile = "standard" }

// limits are the profile's, with what the file replaced.
func (n *Namespace) limits() broker.Limits {
	if n.Profile == "azure" {
		return n.Limits.Apply(broker.AzureLimits())
	}
	return n.Limits.Apply(broker.StandardLimits())
}

// Management is the management plane: resources in the shape of Resource Manager,
// sessions, explanations. It is served over TLS, to operators with a token.
type Management struct {
	Enabled bool
	Address string
	URL     string // the public one, behind a proxy
	// TrustDomains approves custom domains without a proof of ownership.
	TrustDomains bool
	OIDC         OIDC
}

// OIDC is an issuer of others, as a company's directory, whose tokens operators may
// show. Their rights are role assignments to the object ids in the tokens.
type OIDC struct {
	Issuer      string // https URL, the iss claim; empty: there is none
	Audience    string // the aud claim
	ObjectClaim string // of the object id; empty: oid, else sub
	CAFile      string `key:"ca_file"` // roots of the issuer's server; empty: the system's
	SignIn      SignIn
}

// SignIn lets people sign in to the console at the issuer, from their browser.
type SignIn struct {
	ClientID string   `key:"client_id"` // of the console, a public client; empty: nobody can
	Scopes   []string // what is asked for; empty: openid and profile
	Origins  []string // of the issuer's endpoints, where they are not its own
}

// Operations is the endpoint for metrics, health and profiles.
type Operations struct {
	Enabled bool
	Address string
}

// Tracing exports traces of messages to a collector, by OTLP over HTTP.
type Tracing struct {
	Endpoint string // URL; without a path /v1/traces is meant; empty: no traces
	// Headers are sent along, as NAME=file:PATH or NAME=env:VARIABLE.
	Headers []string
	CAFile  string  `key:"ca_file"` // of the only roots of the collector to trust; empty: the system's
	Ratio   float64 // of the traces that begin here; others are recorded if their publisher says so
	Timeout time.Duration
	Queue   int    // spans that may wait
	Service string // what we are called there
}

// Shutdown bounds the drain after SIGTERM.
type Shutdown struct {
	Timeout time.Duration `reload:"yes"`
}

// Dev opens plain listeners into a namespace that allows everything.
type Dev struct {
	Enabled  bool
	Listen   string // plain MQTT
	WSListen string `key:"ws_listen"` // plain WebSocket
}

// Refusals keep an address away for a while from which too many clients were
// refused, because of their certificates, passwords or tokens.
type Refusals struct {
	PerSecond int // from one address; 0: no limit
	Burst     int // at once
}

// Tokens are what the token endpoint of the management plane gives out.
type Tokens struct {
	Lifetime time.Duration
	// Apps are the applications that may have tokens, by a name of your choice.
	Apps map[string]App
}

// An App is an application: what role assignments name is its object id.
type App struct {
	ClientID string
	ObjectID string
	// SecretHashes are as gridmq token hash prints them.
	SecretHashes  []string
	Groups, Roles []string
}

// Quickstart makes the namespace quickstart with clients, certificates and
// permissions to play with.
type Quickstart struct {
	Enabled bool
}

// Default is the configuration of `gridmq serve` without a file: two secure
// listeners that refuse every CONNECT until identities are configured.
func Default() Config {
	mqtts, wss, def := Listener{}, Listener{}, Namespace{}
	mqtts.SetDefaults()
	mqtts.Address = ":8883"
	wss.SetDefaults()
	wss.Address, wss.Transport = ":8443", "wss"
	def.SetDefaults()
	return Config{
		Data:       "./data",
		Log:        Log{Level: slog.LevelInfo, Format: "text", Resource: ResourceLog{Every: time.Minute, Queue: 8192}},
		Store:      Store{Engine: "pebble", Durability: "synced", Cache: 32 << 20, BlockCache: 16 << 20},
		Events:     Events{TopicBytes: 1 << 30},
		Webhooks:   Webhooks{Requests: 1024, Timeout: 30 * time.Second},
		Listeners:  map[string]Listener{"mqtts": mqtts, "wss": wss},
		TLS:        TLS{Hosts: []string{"localhost", "127.0.0.1", "::1"}, MinimumVersion: "1.2"},
		ACME:       ACME{Directory: certmagic.LetsEncryptProductionCA},
		Namespaces: map[string]Namespace{DefaultNamespace: def},
		Management: Management{Enabled: true, Address: "127.0.0.1:9443"},
		Refusals:   Refusals{PerSecond: 20, Burst: 200},
		Tokens:     Tokens{Lifetime: time.Hour},
		Operations: Operations{Enabled: true, Address: "127.0.0.1:9464"},
		Tracing:    Tracing{Ratio: 0.01, Timeout: 10 * time.Second, Queue: 4096, Service: "gridmq"},
		Shutdown:   Shutdown{Timeout: 30 * time.Second},
		Dev:        Dev{Listen: "127.0.0.1:1883", WSListen: "127.0.0.1:8083"},
	}
}

// DefaultDev is Default with Dev enabled: the secure listeners, too, lead into
// the namespace dev, and are on the loopback interface only.
func DefaultDev() Config {
	c := Default()
	c.Dev.Enabled = true
	c.Webhooks.PlainHTTP = true
	for name, l := range c.Listeners {
		l.Address, l.Namespace = "127.0.0.1"+l.Address, DevNamespace
		c.Listeners[name] = l
	}
	dev := Namespace{}
	dev.SetDefaults()
	c.Namespaces[DevNamespace] = dev
	return c
}
