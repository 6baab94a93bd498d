package tenants

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"gridmq/broker"
	"gridmq/identity"
	"gridmq/identity/jwtauth"
	"gridmq/mqtt"
)

// Authenticate implements broker.Authenticator.
func (n *tenant) Authenticate(ctx context.Context, l broker.Login) (*broker.Identity, error) {
	c := n.credentials(l)
	if err := n.admit(c, ""); err != nil {
		return nil, told(err)
	}
	p, err := n.decide(ctx, c)
	if err == nil {
		err = n.admit(c, p.Name)
	}
	if err != nil {
		return nil, told(err)
	}
	return n.identity(p), nil
}

// credentials are what a login brings, in the words of package identity.
func (n *tenant) credentials(l broker.Login) *identity.Credentials {
	p := l.Connect
	c := &identity.Credentials{
		ClientID: p.ClientID, V5: p.Version == mqtt.V5, Remote: l.Peer.Address, Hosts: append(n.hosts(), n.t.o.Hosts...),
		Method: p.Properties.AuthenticationMethod, Data: p.Properties.AuthenticationData,
	}
	if p.HasUsername {
		c.Username = &p.Username
	}
	if p.HasPassword {
		c.Password = p.Password
		if c.Password == nil {
			c.Password = []byte{}
		}
	}
	if l.Peer.TLS != nil {
		c.Certificates = l.Peer.TLS.PeerCertificates
	}
	for _, u := range p.Properties.UserProperties {
		c.UserProperties = append(c.UserProperties, identity.Property{Name: u.Name, Value: u.Value})
	}
	return c
}

// admit judges where a client comes from and who is banned; name is empty while
// nobody knows it.
func (n *tenant) admit(c *identity.Credentials, name string) error {
	if !n.noun().Network.Allows(c.Remote) {
		return &identity.Error{Kind: identity.NotAuthorized, Reason: "IpForbidden: the namespace's network rules do not allow " + c.Remote.String() +
			"; see publicNetworkAccess and inboundIpRules"}
	}
	return n.admitted(name, c.ClientID, c.Remote)
}

// admitted judges who is banned.
func (n *tenant) admitted(name, clientID string, from netip.Addr) error {
	for _, b := range *n.bans.Load() {
		if b.Holds(name, clientID, from, time.Now()) {
			return &identity.Error{Kind: identity.NotAuthorized, Reason: "banned by " + b.Name + ": " + b.Reason}
		}
	}
	return nil
}

// decide chooses the method. Source: spec/identity.md, section 7.4.
func (n *tenant) decide(ctx context.Context, c *identity.Credentials) (*identity.Principal, error) {
	m := n.methods.Load()
	switch {
	case c.Method == jwtauth.MethodDirectory && m.directory != nil:
		return m.directory.Authenticate(ctx, c)
	case c.Method == jwtauth.MethodCustom && m.custom != nil:
		return m.custom.Authenticate(ctx, c)
	case m.webhook != nil && (!m.first || c.Method != "" || !m.certificates.Knows(c)):
		return n.t.hooked(m.webhook.Authenticate(ctx, c))
	case c.Method != "":
		return nil, &identity.Error{Kind: identity.UnknownMethod, Reason: "the namespace has no authentication method " + quote(c.Method)}
	case n.noun().Hook.Configured && m.webhook == nil:
		return nil, &identity.Error{Kind: identity.Unavailable, Reason: "the webhook cannot be asked; see the log of the start", Err: m.broken}
	}
	return n.fromRegistry(ctx, m, c)
}

// fromRegistry asks the registry: by certificate, else by password, else by a token
// in the place of one.
func (n *tenant) fromRegistry(ctx context.Context, m *methods, c *identity.Credentials) (p *identity.Principal, err error) {
	if m.certificates == nil { // closed between two looks at the namespace
		return nil, &identity.Error{Kind: identity.Unavailable, Reason: "the namespace is being changed or removed"}
	}
	if len(c.Certificates) > 0 {
		if p, err = m.certificates.Authenticate(ctx, c); err == nil || c.Password == nil {
			return p, err
		}
	}
	if c.Password == nil {
		return nil, &identity.Error{Kind: identity.NotAuthorized, Reason: "the client sent neither a certificate nor a password" + n.hint(m)}
	}
	first := err // of the certificate, if there was one
	if token := n.byToken(m, c.Password); token != nil {
		p, err = token(ctx, c)
	} else if m.passwords != nil {
		p, err = m.passwords.Authenticate(ctx, c)
	} else if first == nil {
		err = &identity.Error{Kind: identity.NotAuthorized, Reason: "the client sent a password, and the namespace has none: set properties.gridmq.passwords.enabled, or connect with a certificate"}
	} else {
		err = first
	}
	return p, err
}

// byToken is the method that takes a password for a token; nil: none does. Off by
// default: tokenAsPassword of the method. What cannot be a token is a password where
// there are some. The issuer chooses between two methods; a token of neither's, and
// one of both's, is for CUSTOM-JWT. Source: spec/identity.md, section 6.5.
func (n *tenant) byToken(m *methods, password []byte) func(context.Context, *identity.Credentials) (*identity.Principal, error) {
	noun := n.noun()
	custom := m.custom != nil && noun.Tokens.TokenAsPassword
	directory := m.directory != nil && noun.Directory.TokenAsPassword
	if custom && directory {
		issuer := jwtauth.IssuerOf(password)
		custom = m.custom.Trusts(issuer) || !m.directory.Trusts(issuer)
	}
	switch {
	case !custom && !directory, m.passwords != nil && !jwtauth.LooksLikeToken(password):
		return nil
	case custom:
		return m.custom.Authenticate
	}
	return m.directory.Authenticate
}

func (n *tenant) hint(m *methods) string {
	if m.passwords != nil {
		return ""
	}
	return "; this namespace wants a client certificate"
}

// Method implements broker.MethodAuthenticator.
func (n *tenant) Method(name string) bool {
	m := n.methods.Load()
	switch name {
	case jwtauth.MethodDirectory:
		if m.directory != nil {
			return true
		}
	case jwtauth.MethodCustom:
		if m.custom != nil {
			return true
		}
	}
	return m.webhook != nil
}

// Renew implements broker.MethodAuthenticator.
func (n *tenant) Renew(ctx context.Context, l broker.Login, old *broker.Identity) (*broker.Identity, error) {
	c, m := n.credentials(l), n.methods.Load()
	var p *identity.Principal
	err := error(&identity.Error{Kind: identity.UnknownMethod, Reason: "the authentication method is not configured any more"})
	switch old.Principal.Method {
	case identity.DirectoryToken:
		if m.directory != nil {
			p, err = m.directory.Renew(ctx, c, old.Principal)
		}
	case identity.CustomToken:
		if m.custom != nil {
			p, err = m.custom.Renew(ctx, c, old.Principal)
		}
	case identity.Webhook:
		if m.webhook != nil {
			p, err = n.t.hooked(m.webhook.Renew(ctx, c, old.Principal))
		}
	}
	if err == nil {
		err = n.admit(c, p.Name)
	}
	if err != nil {
		return nil, told(err)
	}
	return n.identity(p), nil
}

// codes are what the peer is told. Source: spec/mqtt-protocol.md, section 10.
var codes = map[identity.Kind]mqtt.Code{
	identity.NotAuthorized: mqtt.NotAuthorized, identity.BadCredentials: mqtt.BadUserNameOrPassword, identity.Disabled: mqtt.NotAuthorized,
	identity.UnknownMethod: mqtt.BadAuthenticationMethod, identity.Unavailable: mqtt.ServerUnavailable,
	identity.Overloaded: mqtt.ConnectionRateExceeded,
}

// A hidden error shows the peer nothing of its cause, which is for the operator.
type hidden struct{ cause error }

func (hidden) Error() string   { return "see the broker's list of refused connections (gridmq refused)" }
func (h hidden) Unwrap() error { return h.cause }

// told is the refusal that the peer gets for err.
func told(err error) error {
	code := mqtt.ServerUnavailable // nobody gets in because a check could not be made
	var e *identity.Error
	if errors.As(err, &e) {
		code = codes[e.Kind]
	}
	return &mqtt.Error{Op: "connect", Code: code, Err: hidden{err}}
}
