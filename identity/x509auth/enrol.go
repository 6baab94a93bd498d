package x509auth

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"slices"
	"unicode/utf8"

	"gridmq/identity"
)

// An Enrolment registers unknown clients on their first connect, when a CA that is
// trusted with that has signed their certificate. Source: design.md, section 8.
type Enrolment struct {
	// CAs are the names of the CA certificates that may introduce clients.
	CAs []string
	// Any lets every CA certificate of the namespace introduce clients.
	Any bool
	// Register creates the client, and returns when the registry has it. It must not
	// replace one: two certificates may claim a name at the same time, and the loser
	// is told identity.ErrNameTaken.
	Register func(context.Context, *identity.Client) error
}

// enrol registers the client with this name and returns it. Its certificate is
// judged as a known client's before, and again after.
func (a *Authenticator) enrol(ctx context.Context, certs []*x509.Certificate, name string) (*identity.Client, error) {
	source, ok := a.sourceOf(certs[0], name)
	if !ok {
		return nil, refuse("no client has the authentication name %.128q, and it cannot be registered: the certificate does not have the name", name)
	}
	if reason := identity.CheckAuthenticationName(name); reason != "" {
		return nil, refuse("a client with the authentication name %.128q cannot be registered: %s", name, reason)
	}
	ca, err := a.verify(ctx, certs)
	switch {
	case err != nil:
		return nil, err
	case !a.options.Enrolment.Any && !slices.Contains(a.options.Enrolment.CAs, ca.Name):
		return nil, refuse("no client has the authentication name %.128q, and CA certificate %q may not introduce clients", name, ca.Name)
	}
	client := &identity.Client{
		Name: a.resourceName(name), AuthenticationName: name, Scheme: identity.Scheme(source),
		Attributes: attributesOf(certs[0]), Description: "registered on first connect, by CA certificate " + ca.Name,
	}
	err = a.options.Enrolment.Register(ctx, client)
	if err != nil && !errors.Is(err, identity.ErrNameTaken) {
		return nil, &identity.Error{Kind: identity.Unavailable, Reason: "the client could not be registered", Err: err}
	}
	if there := a.clients.ByAuthenticationName(name); there != nil {
		return there, nil
	}
	if err != nil { // somebody had the name and is gone again
		return nil, &identity.Error{Kind: identity.Unavailable, Reason: "the client could not be registered", Err: err}
	}
	return client, nil
}

// sourceOf returns the field that has the name, of those that names may come from;
// a user name is none of the certificate's until one has it.
func (a *Authenticator) sourceOf(c *x509.Certificate, name string) (s Source, ok bool) {
	sources := a.options.Sources
	if len(sources) == 0 {
		sources = []Source{FromSubject}
	}
	for _, s := range sources {
		if s.holds(c, name) {
			return s, true
		}
	}
	return 0, false
}

// resourceName returns the authentication name, if it can be a resource's and is
// none yet: nobody takes over an entry by calling himself as it is called.
func (a *Authenticator) resourceName(name string) string {
	if identity.CheckClientName(name) == nil && a.clients.ByName(name) == nil {
		return name
	}
	sum := sha256.Sum256([]byte(identity.Fold(name)))
	return "x509-" + hex.EncodeToString(sum[:16])
}

// attributesOf takes attributes from the subject, as many as fit.
func attributesOf(c *x509.Certificate) identity.Attributes {
	found := identity.Attributes{}
	for _, field := range []struct {
		key    string
		values []string
	}{
		{"organization", c.Subject.Organization},
		{"organizationalUnit", c.Subject.OrganizationalUnit},
		{"serialNumber", []string{c.Subject.SerialNumber}},
		{"country", c.Subject.Country},
		{"province", c.Subject.Province},
		{"locality", c.Subject.Locality},
	} {
		values := slices.DeleteFunc(slices.Clone(field.values), func(v string) bool { return v == "" || !utf8.ValidString(v) })
		switch len(values) {
		case 0:
			continue
		case 1:
			found[field.key] = identity.Text(values[0])
		default:
			found[field.key] = identity.List(values...)
		}
		if found.Size() >= identity.MaxAttributes {
			delete(found, field.key)
		}
	}
	return found
}
