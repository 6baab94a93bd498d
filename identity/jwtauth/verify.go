package jwtauth

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"

	"gridmq/identity"
)

// Clock skew that is tolerated on nbf and exp.
const (
	DefaultSkew = time.Minute
	MaxSkew     = 5 * time.Minute
)

// An Issuer is somebody whose tokens are believed.
type Issuer struct {
	// Name is what the iss claim has to be, character by character.
	Name string
	// Keys are those that the issuer signs with. The room closes them.
	Keys KeySource
	// Algorithms that are accepted. Default: all of [Algorithms].
	Algorithms []Algorithm
	// Audiences are accepted beside those of the method. Default: none.
	Audiences []string
	// NotBeforeOptional accepts tokens without nbf.
	NotBeforeOptional bool
}

// maxTried bounds the signatures that are checked for one token.
const maxTried = 16

// A verifier believes tokens, or does not.
type verifier struct {
	issuers map[string]*Issuer
	skew    time.Duration
	strict  bool   // about typ
	hint    string // what to do about a token of an unknown issuer
}

func newVerifier(issuers []Issuer, skew time.Duration, strict bool, hint string) (*verifier, error) {
	v := &verifier{issuers: map[string]*Issuer{}, skew: skew, strict: strict, hint: hint}
	if skew == 0 {
		v.skew = DefaultSkew
	}
	if v.skew < 0 || v.skew > MaxSkew {
		return nil, fmt.Errorf("jwtauth: clock skew %v, want 0 to %v", skew, MaxSkew)
	}
	for _, is := range issuers {
		if len(is.Algorithms) == 0 {
			is.Algorithms = Algorithms
		}
		for _, a := range is.Algorithms {
			if !slices.Contains(Algorithms, a) {
				return nil, fmt.Errorf("jwtauth: issuer %q: algorithm %q is not supported", is.Name, a)
			}
		}
		switch {
		case is.Name == "" || is.Keys == nil:
			return nil, errors.New("jwtauth: an issuer needs a name and keys")
		case v.issuers[is.Name] != nil:
			return nil, fmt.Errorf("jwtauth: issuer %q is there twice", is.Name)
		}
		v.issuers[is.Name] = &is
	}
	return v, nil
}

// believed is a token that has been.
type believed struct {
	claims claims
	// expires is exp and the skew: until then the token would be accepted again.
	expires time.Time
}

// verify believes raw or says why not. forUs says whether an audience is ours.
func (v *verifier) verify(ctx context.Context, raw []byte, forUs func(aud string) bool) (*believed, error) {
	t, err := parse(raw)
	if err != nil {
		return nil, refuse(err)
	}
	if err := t.checkType(v.strict); err != nil {
		return nil, refuse(err)
	}
	is, err := v.issuerOf(t)
	if err != nil {
		return nil, refuse(err)
	}
	if err := is.checkAudience(t.claims, forUs); err != nil {
		return nil, refuse(err)
	}
	exp, err := is.checkTime(t.claims, time.Now(), v.skew)
	if err != nil {
		return nil, refuse(err)
	}
	if err := is.checkSignature(ctx, t); err != nil {
		return nil, err
	}
	return &believed{t.claims, exp.Add(v.skew)}, nil
}

func (v *verifier) issuerOf(t *token) (*Issuer, error) {
	iss, err := t.claims.text("iss")
	if err != nil {
		return nil, err
	}
	is := v.issuers[iss]
	if is == nil {
		return nil, fmt.Errorf("issuer %.200q is not trusted here%s", iss, v.hint)
	}
	if !slices.Contains(is.Algorithms, t.alg) {
		return nil, fmt.Errorf("algorithm %s is not accepted of issuer %q, want one of %v", t.alg, iss, is.Algorithms)
	}
	return is, nil
}

func (is *Issuer) checkAudience(c claims, forUs func(string) bool) error {
	auds, err := c.texts("aud")
	if err != nil {
		return err
	}
	if len(auds) == 0 {
		return errors.New(`claim "aud" is missing`)
	}
	for _, a := range auds {
		if forUs(a) || slices.Contains(is.Audiences, a) {
			return nil
		}
	}
	return fmt.Errorf("the token is for audience %.200q, not for us", auds)
}

// checkTime returns exp. The bounds are open as RFC 7519 has them: a token is good
// from nbf on, and no longer at exp.
func (is *Issuer) checkTime(c claims, now time.Time, skew time.Duration) (exp time.Time, err error) {
	exp, given, err := c.instant("exp")
	switch {
	case err != nil:
		return exp, err
	case !given:
		return exp, errors.New(`claim "exp" is missing`)
	case !now.Before(exp.Add(skew)):
		return exp, fmt.Errorf("the token expired at %s", exp.UTC().Format(time.RFC3339))
	}
	nbf, given, err := c.instant("nbf")
	switch {
	case err != nil:
		return exp, err
	case !given && !is.NotBeforeOptional:
		return exp, errors.New(`claim "nbf" is missing`)
	case given && nbf.After(now.Add(skew)):
		return exp, fmt.Errorf("the token is not good before %s: look at the clocks", nbf.UTC().Format(time.RFC3339))
	}
	return exp, nil
}

func (is *Issuer) checkSignature(ctx context.Context, t *token) error {
	keys, err := is.Keys.Keys(ctx, t.kid)
	if err != nil {
		return &identity.Error{Kind: identity.Unavailable,
			Reason: fmt.Sprintf("no key of issuer %q can be had", is.Name), Err: err}
	}
	jws, err := jose.ParseSignedCompact(t.raw, []Algorithm{t.alg})
	if err != nil {
		return refuse(fmt.Errorf("the token cannot be read: %w", err))
	}
	keys = candidates(keys, t.kid, t.alg)
	switch {
	case len(keys) == 0:
		return refuse(fmt.Errorf("issuer %q has no key with kid %.100q for %s", is.Name, t.kid, t.alg))
	case len(keys) > maxTried:
		return refuse(fmt.Errorf("issuer %q has %d keys for %s: the token needs a kid", is.Name, len(keys), t.alg))
	}
	for _, k := range keys {
		if err = k.expired(time.Now()); err != nil {
			continue
		}
		if _, err = jws.Verify(k.Public); err == nil {
			return nil
		}
	}
	return refuse(fmt.Errorf("the signature is not of issuer %q: %w", is.Name, err))
}

// candidates are the keys that may have signed: those with the token's kid; those
// without one, since a file of a key has none to tell; all, if the token has none
// (spec/identity.md, section 6.3). And never one that another algorithm is for.
func candidates(keys []Key, kid string, alg Algorithm) []Key {
	var fit []Key
	for _, k := range keys {
		if (kid == "" || k.ID == "" || k.ID == kid) && (k.Algorithm == "" || k.Algorithm == string(alg)) && suits(k.Public, alg) {
			fit = append(fit, k)
		}
	}
	return fit
}

// Close ends the key sources.
func (v *verifier) Close() {
	for _, is := range v.issuers {
		is.Keys.Close()
	}
}

// refuse is a refusal of a token. What err says is for the operator's log.
func refuse(err error) error {
	return &identity.Error{Kind: identity.NotAuthorized, Reason: "token refused", Err: err}
}
