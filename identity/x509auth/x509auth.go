package x509auth

import (
	"context"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"gridmq/identity"
)

// A Directory is where clients are looked up; an *identity.Registry is one.
type Directory interface {
	ByName(name string) *identity.Client
	ByAuthenticationName(name string) *identity.Client
}

// Options are the settings of a namespace. The zero value is ready to use.
type Options struct {
	// Sources are where the name comes from when the CONNECT has no user name: the
	// first that the certificate has at all. Default: none, a user name is needed.
	Sources []Source
	// Watch knows what the CAs' own settings say of revocation. It may be older and
	// live longer than the authenticator. Default: they say nothing.
	Watch *Watch
	// Enrolment registers clients on their first connect. Default: unknown clients are
	// refused.
	Enrolment *Enrolment
}

// An Authenticator judges the certificates of one namespace. All methods may be
// called at the same time.
type Authenticator struct {
	clients Directory
	options Options
	anchors atomic.Pointer[anchors]
}

// New makes an authenticator over the clients of a namespace, without any CA.
func New(clients Directory, o Options) *Authenticator {
	a := &Authenticator{clients: clients, options: o}
	a.SetCAs(nil)
	return a
}

// maxCertificates bounds what a client sends in the handshake.
const maxCertificates = 10

// Authenticate finds the client that the certificate is for. The first of
// c.Certificates has to be its own, its key proven by TLS. Kinds of refusal:
// NotAuthorized, Disabled, and Unavailable when OCSP or a registration is needed
// and cannot be had.
//
// To judge a live connection again, see [Authenticator.Review].
func (a *Authenticator) Authenticate(ctx context.Context, c *identity.Credentials) (*identity.Principal, error) {
	switch n := len(c.Certificates); {
	case n == 0:
		return nil, refuse("the client sent no certificate")
	case n > maxCertificates:
		return nil, refuse("the client sent %d certificates, more than %d", n, maxCertificates)
	}
	leaf := c.Certificates[0]
	if err := checkLeaf(leaf, time.Now()); err != nil {
		return nil, err
	}
	client, err := a.find(ctx, c)
	if err != nil {
		return nil, err
	}
	if err := a.judge(ctx, client, c.Certificates); err != nil {
		return nil, err
	}
	p := client.Principal(identity.Certificate)
	p.Expires, p.Thumbprint = leaf.NotAfter, Thumbprint(leaf)
	return p, nil
}

// Review judges a live connection again, after its client, the CAs or a revocation
// list have changed; the user name in c is the principal's name, the certificates are
// those it came with. Nobody is asked by OCSP, and only a certificate that is known to
// be revoked ends a connection: a list that is out of date refuses those who come, and
// does not put out those who are there.
func (a *Authenticator) Review(ctx context.Context, c *identity.Credentials) (*identity.Principal, error) {
	return a.Authenticate(context.WithValue(ctx, reviewing{}, true), c)
}

// reviewing marks the context of a review.
type reviewing struct{}

// refuse makes a refusal. Names in it are cut: a client chooses them.
func refuse(reason string, args ...any) error {
	return &identity.Error{Kind: identity.NotAuthorized, Reason: fmt.Sprintf(reason, args...)}
}

// checkLeaf checks what a certificate says about itself, whoever signed it.
func checkLeaf(leaf *x509.Certificate, now time.Time) error {
	const day = "2006-01-02 15:04:05Z"
	switch {
	case now.Before(leaf.NotBefore):
		return refuse("the certificate is valid from %s only", leaf.NotBefore.UTC().Format(day))
	case now.After(leaf.NotAfter):
		return refuse("the certificate expired at %s", leaf.NotAfter.UTC().Format(day))
	case !forClients(leaf):
		return refuse("the certificate's extended key usage lacks clientAuth; issue it with clientAuth, or without extended key usage")
	}
	return nil
}

// forClients says whether a certificate may authenticate clients. One that does not
// say what it is for may.
func forClients(c *x509.Certificate) bool {
	return len(c.ExtKeyUsage)+len(c.UnknownExtKeyUsage) == 0 ||
		slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageClientAuth) || slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageAny)
}

// find looks up the client by the name that the CONNECT or the certificate gives.
func (a *Authenticator) find(ctx context.Context, c *identity.Credentials) (*identity.Client, error) {
	names, err := a.names(c)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if client := a.clients.ByAuthenticationName(name); client != nil {
			return client, nil
		}
	}
	if a.options.Enrolment != nil {
		return a.enrol(ctx, c.Certificates, names[0])
	}
	return nil, refuse("no client has the authentication name %.128q", names[0])
}

// Knows says whether there is a client with the name that the CONNECT or the
// certificate gives; nothing is proven by it.
func (a *Authenticator) Knows(c *identity.Credentials) bool {
	if len(c.Certificates) == 0 && (c.Username == nil || *c.Username == "") {
		return false
	}
	names, err := a.names(c)
	return err == nil && slices.ContainsFunc(names, func(n string) bool { return a.clients.ByAuthenticationName(n) != nil })
}

// names are those to look for, one or more. A user name wins, also when it is wrong
// and the certificate would have a right one; an empty one is none. Then the first
// source that the certificate has wins, also when a later one would be known.
func (a *Authenticator) names(c *identity.Credentials) ([]string, error) {
	if c.Username != nil && *c.Username != "" {
		return []string{*c.Username}, nil
	}
	for _, s := range a.options.Sources {
		if names := s.names(c.Certificates[0]); len(names) > 0 {
			return names, nil
		}
	}
	if len(a.options.Sources) == 0 {
		return nil, refuse("the client sent no user name, and alternativeAuthenticationNameSources is empty")
	}
	var tried []string
	for _, s := range a.options.Sources {
		tried = append(tried, s.String())
	}
	return nil, refuse("the client sent no user name, and its certificate has no name in %s", strings.Join(tried, ", "))
}

// judge applies the client's state and scheme to its certificates.
func (a *Authenticator) judge(ctx context.Context, client *identity.Client, certs []*x509.Certificate) error {
	byThumbprint := client.Scheme == identity.ThumbprintMatch
	switch {
	case client.State == identity.StateDisabled:
		return &identity.Error{Kind: identity.Disabled, Reason: fmt.Sprintf("client %q is disabled", client.Name)}
	case accepts(client, certs[0]):
	case byThumbprint:
		return refuse("client %q allows other thumbprints, not %s", client.Name, Thumbprint(certs[0]))
	default:
		return refuse("the certificate does not have the name of client %q where %s wants it", client.Name, client.Scheme)
	}
	if byThumbprint { // needs no CA; one that is registered may still have revoked it
		return a.direct(ctx, certs[0])
	}
	_, err := a.verify(ctx, certs)
	return err
}
