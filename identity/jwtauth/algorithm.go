package jwtauth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"fmt"
	"slices"

	"github.com/go-jose/go-jose/v4"
)

// An Algorithm is a signature algorithm of JWS, as "RS256".
type Algorithm = jose.SignatureAlgorithm

// Algorithms are all that we know. There is no HMAC among them: a public key
// taken for its secret would be known to everybody. There is no "none".
var Algorithms = []Algorithm{
	jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512,
	jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
}

// azureAlgorithms are those of Azure. Source: spec/identity.md, section 6.3.
var azureAlgorithms = []Algorithm{jose.RS256}

// RSA keys in bits. Below is breakable; above, one check takes too long.
const (
	minRSA = 2048
	maxRSA = 8192
)

// checkKey says what is wrong with a public key as such.
func checkKey(k crypto.PublicKey) error {
	switch k := k.(type) {
	case *rsa.PublicKey:
		if n := k.N.BitLen(); n < minRSA || n > maxRSA {
			return fmt.Errorf("an RSA key of %d bits, want %d to %d", n, minRSA, maxRSA)
		}
		if k.E < 3 || k.E%2 == 0 {
			return fmt.Errorf("an RSA key with exponent %d", k.E)
		}
		return nil
	case *ecdsa.PublicKey:
		if k.Curve == elliptic.P256() || k.Curve == elliptic.P384() || k.Curve == elliptic.P521() {
			return nil
		}
		return fmt.Errorf("a key on curve %s, want P-256, P-384 or P-521", k.Params().Name)
	case ed25519.PublicKey:
		return nil
	}
	return fmt.Errorf("a key of type %T, want RSA, EC or Ed25519", k)
}

// suits says whether a token signed with alg can have been signed by the owner of
// k. A key is never used for an algorithm of another type.
func suits(k crypto.PublicKey, alg Algorithm) bool {
	switch k := k.(type) {
	case *rsa.PublicKey:
		return slices.Contains(Algorithms[:6], alg)
	case *ecdsa.PublicKey:
		return k.Curve == elliptic.P256() && alg == jose.ES256 ||
			k.Curve == elliptic.P384() && alg == jose.ES384 ||
			k.Curve == elliptic.P521() && alg == jose.ES512
	case ed25519.PublicKey:
		return alg == jose.EdDSA
	}
	return false
}
