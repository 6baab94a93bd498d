package jwtauth

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"gridmq/identity"
)

// CustomConfig is how a namespace accepts tokens of issuers of its own.
type CustomConfig struct {
	Issuers []Issuer
	// Skew is tolerated on nbf and exp. Default [DefaultSkew], at most [MaxSkew].
	Skew time.Duration
	// StrictType wants the header typ to be there.
	StrictType bool
	// TokenAsPassword accepts the token as password, for clients without
	// authentication methods. Default: MQTT 5's method only.
	TokenAsPassword bool
}

// Custom authenticates CUSTOM-JWT: the token names the client and its attributes.
type Custom struct {
	v          *verifier
	asPassword bool
}

// NewCustom returns an authenticator that owns the issuers' key sources, also when
// it fails.
func NewCustom(c CustomConfig) (*Custom, error) {
	v, err := newVerifier(c.Issuers, c.Skew, c.StrictType, "; tokens of the directory use "+MethodDirectory)
	if err != nil {
		closeAll(c.Issuers)
		return nil, err
	}
	return &Custom{v, c.TokenAsPassword}, nil
}

func closeAll(issuers []Issuer) {
	for _, is := range issuers {
		if is.Keys != nil {
			is.Keys.Close()
		}
	}
}

// Authenticate says who is behind a CONNECT. The error is an *identity.Error.
func (c *Custom) Authenticate(ctx context.Context, cr *identity.Credentials) (*identity.Principal, error) {
	return authenticate(cr, MethodCustom, c.asPassword, func(raw []byte) (*identity.Principal, error) {
		return c.principal(ctx, raw, cr)
	})
}

// authenticate finds the token in a CONNECT and who it is of. The error of one that
// came as a password says that a password was judged.
func authenticate(cr *identity.Credentials, method string, asPasswordToo bool, who func(raw []byte) (*identity.Principal, error)) (*identity.Principal, error) {
	raw, password, err := given(cr, method, asPasswordToo)
	if err != nil {
		return nil, err
	}
	p, err := who(raw)
	switch {
	case password && err != nil:
		return nil, judged(err)
	case password:
		err = asPassword(cr, p.Name)
	}
	if err != nil {
		return nil, err
	}
	return p, nil
}

// Renew authenticates an AUTH of a connected client: its attributes and its expiry
// are those of the new token.
func (c *Custom) Renew(ctx context.Context, cr *identity.Credentials, old *identity.Principal) (*identity.Principal, error) {
	return renew(ctx, cr, old, c.Authenticate)
}

// Trusts says whether an issuer's tokens are for this method.
func (c *Custom) Trusts(issuer string) bool { return c.v.issuers[issuer] != nil }

// Close ends fetches of keys.
func (c *Custom) Close() { c.v.Close() }

func (c *Custom) principal(ctx context.Context, raw []byte, cr *identity.Credentials) (*identity.Principal, error) {
	b, err := c.v.verify(ctx, raw, func(aud string) bool { return isHost(aud, cr.Hosts) })
	if err != nil {
		return nil, err
	}
	name, err := b.claims.text("sub")
	if err != nil {
		return nil, refuse(err)
	}
	if err := checkName("sub", name); err != nil {
		return nil, refuse(err)
	}
	attributes, err := attributesOf(b.claims)
	if err != nil {
		return nil, refuse(err)
	}
	return &identity.Principal{Name: name, Method: identity.CustomToken, Attributes: attributes,
		Expires: b.expires, Thumbprint: thumbprint(cr)}, nil
}

// checkName wants an authentication name. NUL cannot be in a string of MQTT.
func checkName(claim, name string) error {
	if reason := identity.CheckAuthenticationName(name); reason != "" {
		return fmt.Errorf("claim %q: %s", claim, reason)
	}
	if strings.ContainsRune(name, 0) {
		return fmt.Errorf("claim %q contains NUL", claim)
	}
	return nil
}

// isHost says whether an audience is one of our host names. Pages spell it with
// and without https:// and a slash at the end (spec/identity.md, section 6.3).
func isHost(aud string, hosts []string) bool {
	if len(aud) >= 8 && strings.EqualFold(aud[:8], "https://") {
		aud = aud[8:]
	}
	aud = strings.TrimSuffix(aud, "/")
	return aud != "" && slices.ContainsFunc(hosts, func(h string) bool { return strings.EqualFold(h, aud) })
}

// registered are claims that say something about the token, not the client.
var registered = []string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti"}

// attributesOf makes attributes of the other claims; those of a type that
// attributes do not have are passed over.
func attributesOf(c claims) (identity.Attributes, error) {
	rest := maps.Clone(c)
	for _, name := range registered {
		delete(rest, name)
	}
	a, err := identity.ParseAttributes(identity.EncodeProperties(rest), true)
	if f, ok := errors.AsType[*identity.FieldError](err); ok {
		return nil, fmt.Errorf("the claims that are attributes: %s", f.Reason)
	}
	return a, err
}
