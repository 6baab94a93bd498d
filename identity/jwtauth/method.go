package jwtauth

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"gridmq/identity"
)

// given finds the token: the authentication data of the method, or where that is
// allowed the password of a client that has no methods.
func given(c *identity.Credentials, method string, asPassword bool) (token []byte, password bool, err error) {
	switch {
	case c.Method == method && len(c.Data) > 0:
		return c.Data, false, nil
	case c.Method == method:
		return nil, false, refuse(fmt.Errorf("%s needs a token as authentication data", method))
	case c.Method == "" && asPassword && len(c.Password) > 0:
		return c.Password, true, nil
	case c.Method == "" && asPassword:
		return nil, true, &identity.Error{Kind: identity.BadCredentials, Reason: "no token: want one as password"}
	}
	return nil, false, &identity.Error{Kind: identity.UnknownMethod,
		Reason: fmt.Sprintf("authentication method %.40q, want %s", c.Method, method)}
}

// asPassword checks what a token needs in the place of a password: it is judged as
// one, and Username says nothing else (spec/identity.md, section 6.5).
func asPassword(c *identity.Credentials, subject string) error {
	if c.Username == nil || *c.Username == "" || *c.Username == subject {
		return nil
	}
	return &identity.Error{Kind: identity.BadCredentials,
		Reason: fmt.Sprintf("the user name is %.130q, and the token is of %q: want none or the same", *c.Username, subject)}
}

// judged is err of a token that was a password: CONNACK 0x86.
func judged(err error) error {
	if e, ok := err.(*identity.Error); ok && e.Kind == identity.NotAuthorized {
		return &identity.Error{Kind: identity.BadCredentials, Reason: e.Reason, Err: e.Err}
	}
	return err
}

// renew authenticates again and wants the same client to come out
// (spec/identity.md, section 5).
func renew(ctx context.Context, c *identity.Credentials, old *identity.Principal,
	again func(context.Context, *identity.Credentials) (*identity.Principal, error)) (*identity.Principal, error) {
	p, err := again(ctx, c)
	if err != nil {
		return nil, err
	}
	if p.Method != old.Method || p.Name != old.Name || p.Object != old.Object {
		return nil, &identity.Error{Kind: identity.NotAuthorized,
			Reason: fmt.Sprintf("the new token is of %q, and the client connected as %q", p.Name, old.Name)}
	}
	return p, nil
}

// thumbprint is that of the client's certificate, if it sent one.
func thumbprint(c *identity.Credentials) string {
	if len(c.Certificates) == 0 {
		return ""
	}
	sum := sha256.Sum256(c.Certificates[0].Raw)
	return hex.EncodeToString(sum[:])
}
