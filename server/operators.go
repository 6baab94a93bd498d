package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"gridmq/control/operator"
	"gridmq/identity"
	"gridmq/identity/jwtauth"
)

// Who may operate: whoever has a token of the local endpoint, or of an issuer of
// others. What they may do is in role assignments to their object ids.

// verifiers makes who checks operators' tokens. Nothing is asked of an issuer before
// the first token of it comes.
func (s *Server) verifiers(m *management) (verifiers, error) {
	v := verifiers{[]*jwtauth.Directory{m.tokens.verifier}, s.log}
	o := s.cfg.Management.OIDC
	switch o.Issuer {
	case "":
		return v, nil
	case m.tokens.issuer.Name():
		return v, errors.New("management.oidc: the issuer is the server's own token endpoint")
	}
	var err error
	m.oidc, err = jwtauth.DirectorySettings{
		Audiences: []string{o.Audience}, ObjectClaim: o.ObjectClaim,
		// nbf is optional in OpenID Connect, and few issuers say it.
		Issuers: []jwtauth.IssuerSettings{{Name: o.Issuer, Discovery: true, NotBeforeOptional: true, CAFile: o.CAFile}},
	}.Open()
	if err != nil {
		return v, fmt.Errorf("management.oidc: %w", err)
	}
	v.all = append(v.all, m.oidc)
	return v, nil
}

// verifiers check tokens of operators, one after the other: a token is of one issuer,
// and all others refuse it before they look at its signature.
type verifiers struct {
	all []*jwtauth.Directory
	log *slog.Logger
}

// Verify implements operator.TokenVerifier.
func (v verifiers) Verify(ctx context.Context, token string) (operator.Claims, error) {
	for i, one := range v.all {
		p, err := one.Verify(ctx, []byte(token))
		if err == nil {
			kind := "Application" // the local endpoint knows nobody else
			if i > 0 {
				kind = kindOf(token)
			}
			return operator.Claims{Object: p.Object, Groups: p.Groups, Name: p.Name, Type: kind}, nil
		}
		if e, ok := errors.AsType[*identity.Error](err); !ok || e.Kind == identity.Unavailable {
			return operator.Claims{}, err // it is this one's, who cannot tell now
		}
		v.log.Debug("token of an operator refused", "err", err)
	}
	return operator.Claims{}, operator.ErrBadToken
}
