package jwtauth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"sync"
	"testing"
	"time"

	"gridmq/identity"
)

// The tests sign by themselves, so that they can do what a library would not.

type object = map[string]any

var (
	rsaKey   = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) })
	rsaOther = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) })
	p256Key  = sync.OnceValue(func() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) })
	p384Key  = sync.OnceValue(func() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader)) })
	p521Key  = sync.OnceValue(func() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P521(), rand.Reader)) })
	edKey    = sync.OnceValue(func() ed25519.PrivateKey { return must2(ed25519.GenerateKey(rand.Reader)) })
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func must2[T, U any](_ U, v T, err error) T { return must(v, err) }

func encode(v any) string {
	if s, ok := v.(string); ok { // JSON as it is
		return base64.RawURLEncoding.EncodeToString([]byte(s))
	}
	return base64.RawURLEncoding.EncodeToString(must(json.Marshal(v)))
}

// sign makes a token; header and claims are objects or JSON. How depends on key.
func sign(key any, alg string, header, claims any) string {
	input := encode(header) + "." + encode(claims)
	return input + "." + base64.RawURLEncoding.EncodeToString(signature(key, alg, []byte(input)))
}

func signature(key any, alg string, input []byte) []byte {
	hash := map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}[alg[len(alg)-3:]]
	var digest []byte
	if hash != 0 {
		h := hash.New()
		h.Write(input)
		digest = h.Sum(nil)
	}
	switch k := key.(type) {
	case *rsa.PrivateKey:
		if alg[0] == 'P' {
			return must(rsa.SignPSS(rand.Reader, k, hash, digest, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}))
		}
		return must(rsa.SignPKCS1v15(rand.Reader, k, hash, digest))
	case *ecdsa.PrivateKey:
		r, s, err := ecdsa.Sign(rand.Reader, k, digest)
		must(r, err)
		n := (k.Params().BitSize + 7) / 8
		return append(r.FillBytes(make([]byte, n)), s.FillBytes(make([]byte, n))...)
	case ed25519.PrivateKey:
		return ed25519.Sign(k, input)
	case []byte:
		m := hmac.New(sha256.New, k)
		m.Write(input)
		return m.Sum(nil)
	}
	return []byte("x")
}

const (
	testIssuer = "https://login.plant.example"
	testHost   = "broker.plant.example"
)

func head(alg string, more ...any) object {
	h := object{"alg": alg, "typ": "JWT"}
	for i := 0; i < len(more); i += 2 {
		h[more[i].(string)] = more[i+1]
	}
	return h
}

// body is good claims, changed: name, value, name, value; a nil value removes one.
func body(changes ...any) object {
	now := time.Now().Unix()
	c := object{"iss": testIssuer, "sub": "press-07", "aud": testHost, "exp": now + 600, "nbf": now - 600}
	for i := 0; i < len(changes); i += 2 {
		if c[changes[i].(string)] = changes[i+1]; changes[i+1] == nil {
			delete(c, changes[i].(string))
		}
	}
	return c
}

func good(changes ...any) string {
	return sign(rsaKey(), "RS256", head("RS256"), body(changes...))
}

// custom is an authenticator that trusts testIssuer with keys.
func custom(t *testing.T, keys ...Key) *Custom {
	t.Helper()
	if len(keys) == 0 {
		keys = []Key{{Public: rsaKey().Public()}}
	}
	c, err := NewCustom(CustomConfig{Issuers: []Issuer{{Name: testIssuer, Keys: FixedKeys(keys)}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func bring(method, token string) *identity.Credentials {
	return &identity.Credentials{ClientID: "c", Method: method, Data: []byte(token), V5: true, Hosts: []string{testHost, "mqtt.Example.com"}}
}

func kindOf(err error) (identity.Kind, bool) {
	e, ok := errors.AsType[*identity.Error](err)
	if !ok {
		return 0, false
	}
	return e.Kind, true
}

// certificate is a PEM certificate of rsaKey.
func certificate(notAfter time.Time) string {
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "issuer"},
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: notAfter}
	der := must(x509.CreateCertificate(rand.Reader, c, c, rsaKey().Public(), rsaKey()))
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func publicPEM(k crypto.PublicKey) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: must(x509.MarshalPKIXPublicKey(k))}))
}
