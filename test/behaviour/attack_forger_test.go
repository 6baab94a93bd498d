package behaviour

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"math/big"
	"sync"
	"testing"
	"time"
)

// A forger makes tokens, good ones too. It has a key of its own.
type forger struct {
	key  *rsa.PrivateKey
	cert []byte // PEM of a certificate for it
	kid  string
	base map[string]any // claims
}

type claims = map[string]any

// rsaKeys take time, so that tests share two: the issuer's, and somebody else's.
var rsaKeys = [2]func() (*rsa.PrivateKey, error){
	sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) }),
	sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) }),
}

func newForger(t *testing.T, which int, kid string, base claims) *forger {
	t.Helper()
	key, err := rsaKeys[which]()
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "issuer"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return &forger{key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), kid, base}
}

func encoded(v any) string {
	b, _ := json.Marshal(v)
	return base64.RawURLEncoding.EncodeToString(b)
}

// claims are the usual ones with changes; nil takes one away.
func (f *forger) claims(change claims) claims {
	all := maps.Clone(f.base)
	all["nbf"], all["exp"] = time.Now().Add(-time.Minute).Unix(), time.Now().Add(time.Hour).Unix()
	for name, v := range change {
		if v == nil {
			delete(all, name)
		} else {
			all[name] = v
		}
	}
	return all
}

// token is a good one but for its claims.
func (f *forger) token(change claims) string { return f.signed(nil, f.claims(change)) }

// signed is one with changes to the header.
func (f *forger) signed(header claims, all any) string {
	h := claims{"alg": "RS256", "typ": "JWT", "kid": f.kid}
	for name, v := range header {
		if v == nil {
			delete(h, name)
		} else {
			h[name] = v
		}
	}
	return f.sign(encoded(h) + "." + encoded(all))
}

func (f *forger) sign(input string) string {
	sum := sha256.Sum256([]byte(input))
	sig, err := rsa.SignPKCS1v15(nil, f.key, crypto.SHA256, sum[:])
	if err != nil {
		panic(err)
	}
	return input + "." + base64.RawURLEncoding.EncodeToString(sig)
}

// hmac signs with a secret that everybody knows: the issuer's public key.
func (f *forger) hmac(secret []byte) string {
	input := encoded(claims{"alg": "HS256", "typ": "JWT", "kid": f.kid}) + "." + encoded(f.claims(nil))
	m := hmac.New(sha256.New, secret)
	m.Write([]byte(input))
	return input + "." + base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

// public is PEM of the key itself.
func (f *forger) public() []byte {
	der, _ := x509.MarshalPKIXPublicKey(&f.key.PublicKey)
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// jwk is the key as a JWK.
func (f *forger) jwk() claims {
	return claims{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": f.kid,
		"n": base64.RawURLEncoding.EncodeToString(f.key.N.Bytes()), "e": "AQAB"}
}
