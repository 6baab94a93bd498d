package jwtauth

import (
	"context"
	"fmt"
	"slices"
	"time"

	"gridmq/identity"
)

// DirectoryAudiences are those of tokens for the data plane: the first is what Azure IoT
// Operations asks for, the last the application id of the service. Source:
// spec/identity.md, section 4; spec/namespace-topics.md, section 4.4.
var DirectoryAudiences = []string{"https://eventgrid.azure.net/", "https://eventgrid.azure.net", "4962773b-9cdb-44cf-a8bf-237846a00ab7"}

// maxGroups bounds the groups of one token: a directory puts in 200.
const maxGroups = 256

// DirectoryConfig says who stands in for the cloud directory.
type DirectoryConfig struct {
	Issuers []Issuer
	// Audiences that are ours. Default: [DirectoryAudiences].
	Audiences []string
	// ObjectClaim holds the object id that role assignments name. Default: oid, and
	// sub in a token that has none.
	ObjectClaim string
	// GroupClaims hold what the object belongs to: strings or arrays of them, all
	// of which role assignments can name. One that starts with '/' is a path, as
	// /realm_access/roles. Default: groups.
	GroupClaims []string
	// Skew, StrictType and TokenAsPassword are as in [CustomConfig].
	Skew            time.Duration
	StrictType      bool
	TokenAsPassword bool
}

// Directory authenticates OAUTH2-JWT: rights come from role assignments to the
// object id, or to groups of it.
type Directory struct {
	v   *verifier
	cfg DirectoryConfig
}

// NewDirectory returns an authenticator that owns the issuers' key sources, also
// when it fails.
func NewDirectory(c DirectoryConfig) (*Directory, error) {
	if len(c.Audiences) == 0 {
		c.Audiences = DirectoryAudiences
	}
	if len(c.GroupClaims) == 0 {
		c.GroupClaims = []string{"groups"}
	}
	v, err := newVerifier(c.Issuers, c.Skew, c.StrictType, "; tokens of other issuers use "+MethodCustom)
	if err != nil {
		closeAll(c.Issuers)
		return nil, err
	}
	return &Directory{v, c}, nil
}

// Authenticate says who is behind a CONNECT. The error is an *identity.Error.
func (d *Directory) Authenticate(ctx context.Context, cr *identity.Credentials) (*identity.Principal, error) {
	p, err := authenticate(cr, MethodDirectory, d.cfg.TokenAsPassword, func(raw []byte) (*identity.Principal, error) {
		return d.Verify(ctx, raw)
	})
	if err == nil {
		p.Thumbprint = thumbprint(cr)
	}
	return p, err
}

// Renew authenticates an AUTH of a connected client.
func (d *Directory) Renew(ctx context.Context, cr *identity.Credentials, old *identity.Principal) (*identity.Principal, error) {
	return renew(ctx, cr, old, d.Authenticate)
}

// Trusts says whether an issuer's tokens are for this method.
func (d *Directory) Trusts(issuer string) bool { return d.v.issuers[issuer] != nil }

// Close ends fetches of keys.
func (d *Directory) Close() { d.v.Close() }

// Verify says who a token of the directory is of, wherever it came from: also the
// HTTP planes get them. The error is an *identity.Error.
func (d *Directory) Verify(ctx context.Context, raw []byte) (*identity.Principal, error) {
	b, err := d.v.verify(ctx, raw, func(aud string) bool { return slices.Contains(d.cfg.Audiences, aud) })
	if err != nil {
		return nil, err
	}
	object, err := d.object(b.claims)
	if err != nil {
		return nil, refuse(err)
	}
	groups, err := d.groups(b.claims)
	if err != nil {
		return nil, refuse(err)
	}
	return &identity.Principal{Name: object, Method: identity.DirectoryToken, Object: object,
		Groups: groups, Expires: b.expires}, nil
}

// object finds the object id. sub stands in by default only: an operator who names
// a claim wants that one.
func (d *Directory) object(c claims) (string, error) {
	claim := d.cfg.ObjectClaim
	if claim == "" {
		claim = "oid"
		if _, given := c[claim]; !given {
			claim = "sub"
		}
	}
	id, err := c.text(claim)
	if err == nil {
		err = checkName(claim, id)
	}
	return id, err
}

func (d *Directory) groups(c claims) ([]string, error) {
	var all []string
	for _, claim := range d.cfg.GroupClaims {
		list, err := c.texts(claim)
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	if len(all) > maxGroups {
		return nil, fmt.Errorf("the token has %d groups, want %d at most", len(all), maxGroups)
	}
	return all, nil
}
