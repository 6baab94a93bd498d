package jwtauth

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"gridmq/identity/strictjson"
)

// Bounds of what is read before anything is believed.
const (
	// MaxToken is the size of a token, as of the authentication data
	// (spec/limits-and-metrics.md, section 1).
	MaxToken  = 8 << 10
	maxHeader = 2 << 10 // decoded
	maxKid    = 256
	maxDepth  = 8   // of claims
	maxClaims = 256 // members of the claims, and of the header
)

// A token has been read and not been believed.
type token struct {
	raw    string
	alg    Algorithm
	kid    string // "" when there is none
	typ    string
	claims claims
}

// parse reads the compact form. It checks form and bounds only.
func parse(raw []byte) (*token, error) {
	if len(raw) > MaxToken {
		return nil, fmt.Errorf("the token has %d bytes, want %d at most", len(raw), MaxToken)
	}
	t := &token{raw: string(raw)}
	// DecodeString passes over line breaks, which another reader might not.
	if strings.ContainsAny(t.raw, "\r\n") {
		return nil, errors.New("the token has line breaks, want base64url")
	}
	parts := strings.Split(t.raw, ".")
	if len(parts) != 3 || slices.Contains(parts, "") {
		return nil, errors.New("not a signed token: want three parts with '.' between them")
	}
	header, err := part(parts[0], maxHeader)
	if err != nil {
		return nil, fmt.Errorf("the token's header: %w", err)
	}
	if err := t.header(header); err != nil {
		return nil, fmt.Errorf("the token's header: %w", err)
	}
	if t.claims, err = part(parts[1], MaxToken); err != nil {
		return nil, fmt.Errorf("the token's claims: %w", err)
	}
	if _, err := base64.RawURLEncoding.Strict().DecodeString(parts[2]); err != nil {
		return nil, errors.New("the token's signature: not base64url")
	}
	return t, nil
}

// part reads one part as an object.
func part(s string, limit int) (map[string]json.RawMessage, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil {
		return nil, errors.New("not base64url")
	}
	if len(b) > limit {
		return nil, fmt.Errorf("%d bytes, want %d at most", len(b), limit)
	}
	m, err := strictjson.Rules{Depth: maxDepth}.Object(b)
	if err == nil && len(m) > maxClaims {
		return nil, fmt.Errorf("%d members, want %d at most", len(m), maxClaims)
	}
	return m, err
}

// header reads what of the header counts. The rest is ignored, above all what
// names a key by itself or a place to get one: jwk, jku, x5c, x5u.
func (t *token) header(h claims) error {
	for _, name := range []string{"crit", "b64", "zip", "enc"} {
		// What crit names must be understood, and we understand no extension; the
		// others change what was signed (RFC 7515, 4.1.11; RFC 7797).
		if _, given := h[name]; given {
			return fmt.Errorf("has %q, which is not supported", name)
		}
	}
	alg, err := h.text("alg")
	if err != nil {
		return err
	}
	t.alg = Algorithm(alg)
	if !slices.Contains(Algorithms, t.alg) {
		return fmt.Errorf("algorithm %.20q is not accepted", alg)
	}
	if t.typ, err = h.optional("typ"); err != nil {
		return err
	}
	if t.kid, err = h.optional("kid"); err != nil {
		return err
	}
	if len(t.kid) > maxKid {
		return fmt.Errorf("kid has %d bytes, want %d at most", len(t.kid), maxKid)
	}
	return nil
}

// checkType obeys the rule about typ: JWT, an access token (RFC 9068) or JWS. What
// else there is, as logout+jwt, was not made for us. strict wants it to be there
// (spec/identity.md, section 6.3).
func (t *token) checkType(strict bool) error {
	typ := strings.TrimPrefix(strings.ToLower(t.typ), "application/")
	switch {
	case typ == "jwt", typ == "jws", typ == "at+jwt":
		return nil
	case typ == "" && !strict:
		return nil
	}
	return fmt.Errorf("the token's typ is %.40q, want JWT", t.typ)
}

// LooksLikeToken says whether a password has the form of a token, so that a server
// with other passwords can tell them apart. It proves nothing.
func LooksLikeToken(password []byte) bool {
	_, err := parse(password)
	return err == nil
}

// IssuerOf returns the issuer that a token names, for the choice between methods
// and for good errors. It proves nothing.
func IssuerOf(raw []byte) string {
	t, err := parse(raw)
	if err != nil {
		return ""
	}
	iss, _ := t.claims.text("iss")
	return iss
}
