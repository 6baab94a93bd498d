package webhookauth

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"gridmq/identity"
	"gridmq/identity/strictjson"
	"gridmq/internal/outbound"
)

// A Kind of credential.
type Kind uint8

const (
	KindIdentity          Kind = iota // a token of the local issuer
	KindClientCredentials             // a token of a token endpoint
	KindBearer                        // a token that was agreed on
	KindHeader                        // a secret in a header
	KindClientCertificate             // TLS only
	KindNone                          // the webhook is told by its network who calls
)

var kinds = []string{"Identity", "ClientCredentials", "Bearer", "Header", "ClientCertificate", "None"}

func (k Kind) String() string { return kinds[k] }

// Settings are webhookAuthentication as resources describe it. Making them opens
// nothing.
type Settings struct {
	// Configured says that there is a webhook.
	Configured bool
	Endpoint   string
	// Scope is azureActiveDirectoryApplicationIdOrUri: whom a token is for.
	Scope string
	// Kind says which of the following count.
	Kind       Kind
	TokenURL   string
	ClientID   string
	HeaderName string
	Secret     Secret

	CAFile, CertificateFile, KeyFile string
	Pins                             []string
	LoopbackHTTP                     bool

	Timeout, Cache     time.Duration
	Concurrency, Queue int
}

// Where the settings are, below properties.
const (
	path      = "topicSpacesConfiguration.clientAuthentication.webhookAuthentication"
	extraPath = "gridmq.webhookAuthentication"
	maxText   = 2048
)

var extraNames = []string{
	"credential", "credential.type", "credential.tokenUrl", "credential.clientId", "credential.scope",
	"credential.secret", "credential.secretFile", "credential.headerName", "credential.certificateFile", "credential.keyFile",
	"caFile", "publicKeyPins", "allowLoopbackHttp", "timeoutInSeconds", "maximumConcurrentCalls",
	"maximumWaitingClients", "cacheInSeconds",
}

// DecodeWebhook reads two JSON objects, each of which may be missing:
// webhookAuthentication of the namespace in the shape of Resource Manager, and
// webhookAuthentication of properties.gridmq, for what that has no place for. With
// azure, the first needs all that Azure requires. Errors: joined *identity.FieldError.
func DecodeWebhook(doc, extension []byte, azure bool) (Settings, error) {
	var s Settings
	x, end := strictjson.Settings(extraPath, extension, extraNames...)
	s.readExtra(x)
	errs := end()
	p, end := strictjson.Settings(path, doc)
	s.readArm(p, azure)
	return s, errors.Join(errs, end())
}

func (s *Settings) readArm(p *identity.Properties, azure bool) {
	id, hasIdentity := p.Object("identity")
	kind, typed := id.Enum("type", "SystemAssigned", "UserAssigned")
	scope, hasScope := p.Text("azureActiveDirectoryApplicationIdOrUri", maxText)
	tenant, hasTenant := p.Text("azureActiveDirectoryTenantId", maxText)
	s.Endpoint, s.Configured = p.Text("endpointUrl", maxText)
	if !s.Configured && !hasIdentity && !hasScope && !hasTenant {
		return
	}
	if reason := outbound.CheckURL(s.Endpoint, s.LoopbackHTTP); reason != "" {
		p.Fail("endpointUrl", reason)
	}
	if s.Scope == "" {
		s.Scope = scope
	}
	s.checkBase(p)
	if user, _ := id.Text("userAssignedIdentity", maxText); typed && kind == 1 && user == "" {
		id.Fail("userAssignedIdentity", "is needed with UserAssigned")
	}
	if !azure {
		return
	}
	if !typed {
		id.Fail("type", "want SystemAssigned or UserAssigned")
	}
	if scope == "" {
		p.Fail("azureActiveDirectoryApplicationIdOrUri", "is needed")
	}
	if tenant == "" {
		p.Fail("azureActiveDirectoryTenantId", "is needed")
	}
}

// checkBase looks at endpointBaseUrl, which says nothing that endpointUrl does not.
func (s *Settings) checkBase(p *identity.Properties) {
	if base, given := p.Text("endpointBaseUrl", maxText); given && base != "" && !strings.HasPrefix(s.Endpoint, base) {
		p.Fail("endpointBaseUrl", "is not the beginning of endpointUrl")
	}
}

func (s *Settings) readExtra(p *identity.Properties) {
	s.CAFile, _ = p.Text("caFile", maxText)
	s.LoopbackHTTP, _ = p.Boolean("allowLoopbackHttp")
	s.Timeout = seconds(p, "timeoutInSeconds", minTimeout, maxTimeout)
	s.Cache = seconds(p, "cacheInSeconds", 0, maxCache)
	s.Concurrency = whole(p, "maximumConcurrentCalls", 1, maxConcurrency)
	s.Queue = whole(p, "maximumWaitingClients", 1, maxQueue)
	s.Pins, _ = p.Texts("publicKeyPins", 16)
	for _, pin := range s.Pins {
		if _, err := outbound.ParsePin(pin); err != nil {
			p.Fail("publicKeyPins", err.Error())
		}
	}
	if c, given := p.Object("credential"); given {
		s.readCredential(c)
	}
}

func (s *Settings) readCredential(p *identity.Properties) {
	kind, given := p.Enum("type", kinds...)
	if !given && p.Err() == nil {
		p.Fail("type", "want "+strings.Join(kinds, " or "))
	}
	s.Kind = Kind(kind)
	s.TokenURL, _ = p.Text("tokenUrl", maxText)
	s.ClientID, _ = p.Text("clientId", maxText)
	s.Scope, _ = p.Text("scope", maxText)
	s.HeaderName, _ = p.Text("headerName", 64)
	s.Secret.Value, _ = p.Text("secret", maxSecret)
	s.Secret.File, _ = p.Text("secretFile", maxText)
	s.CertificateFile, _ = p.Text("certificateFile", maxText)
	s.KeyFile, _ = p.Text("keyFile", maxText)
	s.checkCredential(p)
}

func (s *Settings) checkCredential(p *identity.Properties) {
	if s.Secret.Value != "" && s.Secret.File != "" {
		p.Fail("secret", "want one of secret and secretFile")
	}
	needsSecret := s.Kind == KindClientCredentials || s.Kind == KindBearer || s.Kind == KindHeader
	if needsSecret && s.Secret.empty() {
		p.Fail("secret", "is needed, or secretFile")
	}
	if (s.CertificateFile == "") != (s.KeyFile == "") || s.Kind == KindClientCertificate && s.CertificateFile == "" {
		p.Fail("certificateFile", "want certificateFile and keyFile")
	}
	switch {
	case s.Kind == KindHeader && !ownHeader(s.HeaderName):
		p.Fail("headerName", "want a name of letters, digits and '-' that HTTP does not use itself")
	case (s.Kind == KindHeader || s.Kind == KindBearer) && s.Secret.File == "" && s.Secret.Value != "" && !fitsHeader(s.Secret.Value):
		p.Fail("secret", "want printable ASCII")
	case s.Kind != KindClientCredentials:
		return
	case s.ClientID == "":
		p.Fail("clientId", "is needed")
	}
	if reason := outbound.CheckURL(s.TokenURL, s.LoopbackHTTP); s.Kind == KindClientCredentials && reason != "" {
		p.Fail("tokenUrl", reason)
	}
}

// ownHeader says whether a header can carry a secret: those that say how a message
// is read cannot.
func ownHeader(name string) bool {
	for i := range len(name) {
		c := name[i] | 0x20
		if (c < 'a' || c > 'z') && (name[i] < '0' || name[i] > '9') && name[i] != '-' {
			return false
		}
	}
	switch strings.ToLower(name) {
	case "", "host", "connection", "content-length", "content-type", "content-encoding", "transfer-encoding", "upgrade",
		"te", "trailer", "expect", "accept", "accept-encoding", "user-agent", "keep-alive", "proxy-connection", "cookie":
		return false
	}
	return true
}

func seconds(p *identity.Properties, name string, low, high time.Duration) time.Duration {
	n, _ := p.Integer(name, int64(low/time.Second), int64(high/time.Second))
	return time.Duration(n) * time.Second
}

func whole(p *identity.Properties, name string, low, high int64) int {
	n, _ := p.Integer(name, low, high)
	return int(n)
}

// Open makes an authenticator. own makes tokens for KindIdentity; nil: there is no
// local issuer.
func (s Settings) Open(own TokenSource, log *slog.Logger) (*Webhook, error) {
	c, err := s.credential(own)
	if err != nil {
		return nil, err
	}
	web := outbound.Options{CAFile: s.CAFile, Pins: s.Pins, CertificateFile: s.CertificateFile, KeyFile: s.KeyFile, LoopbackHTTP: s.LoopbackHTTP}
	w, err := New(Config{Endpoint: s.Endpoint, Web: web, Credential: c, Timeout: s.Timeout, Concurrency: s.Concurrency,
		Queue: s.Queue, Cache: s.Cache, Logger: log})
	if err != nil && c != nil {
		c.Close()
	}
	return w, err
}

func (s Settings) credential(own TokenSource) (Credential, error) {
	switch s.Kind {
	case KindIdentity:
		if own == nil {
			return nil, fmt.Errorf("webhookauth: there is no local issuer to prove who calls: set %s.credential", extraPath)
		}
		return Identity(own, s.Scope), nil
	case KindClientCredentials:
		// The token endpoint is checked by the same CA file, not by the webhook's pins.
		return ClientCredentials{s.TokenURL, s.ClientID, s.Secret, s.Scope,
			outbound.Options{CAFile: s.CAFile, LoopbackHTTP: s.LoopbackHTTP}}.Open()
	case KindBearer:
		return Bearer(s.Secret), nil
	case KindHeader:
		return Header(s.HeaderName, s.Secret), nil
	}
	return nil, nil
}
