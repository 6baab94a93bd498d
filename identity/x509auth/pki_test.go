package x509auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"testing"
	"time"

	"gridmq/identity"
)

// An authority signs certificates for tests.
type authority struct {
	*x509.Certificate
	key crypto.Signer
}

var lastSerial int64

// issue makes a certificate signed by a, or by itself when a is nil, valid from an
// hour ago for a day, unless edit says otherwise.
func (a *authority) issue(t testing.TB, edit func(*x509.Certificate)) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	lastSerial++
	template := &x509.Certificate{
		SerialNumber: big.NewInt(lastSerial), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	edit(template)
	parent, signer := template, crypto.Signer(key)
	if a != nil {
		parent, signer = a.Certificate, a.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{cert, key}
}

func asCA(cn string) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		c.Subject = pkix.Name{CommonName: cn}
		c.BasicConstraintsValid, c.IsCA = true, true
		c.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	}
}

func named(cn string) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		c.Subject = pkix.Name{CommonName: cn}
		c.KeyUsage, c.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	}
}

// all applies several edits.
func all(edits ...func(*x509.Certificate)) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		for _, e := range edits {
			e(c)
		}
	}
}

func expired(c *x509.Certificate) {
	c.NotBefore, c.NotAfter = time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour)
}

func dns(names ...string) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.DNSNames = names }
}

func email(names ...string) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.EmailAddresses = names }
}

func uri(names ...string) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		for _, n := range names {
			u, err := url.Parse(n)
			if err != nil {
				panic(err)
			}
			c.URIs = append(c.URIs, u)
		}
	}
}

func ip(addrs ...string) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		for _, a := range addrs {
			c.IPAddresses = append(c.IPAddresses, net.ParseIP(a))
		}
	}
}

func subject(n pkix.Name) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.Subject = n }
}

func (a *authority) pem() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.Raw}))
}

func (a *authority) ca(t testing.TB, name string) *CA {
	t.Helper()
	ca, err := DecodeCA(name, identity.EncodeProperties(map[string]string{"encodedCertificate": a.pem()}))
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

// crl makes a revocation list, number n, good for an hour.
func (a *authority) crl(t testing.TB, n int64, edit func(*x509.RevocationList), revoked ...*authority) []byte {
	t.Helper()
	l := &x509.RevocationList{Number: big.NewInt(n), ThisUpdate: time.Now().Add(-time.Minute), NextUpdate: time.Now().Add(time.Hour)}
	for _, r := range revoked {
		l.RevokedCertificateEntries = append(l.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: r.SerialNumber, RevocationTime: time.Now()})
	}
	if edit != nil {
		edit(l)
	}
	der, err := x509.CreateRevocationList(rand.Reader, l, a.Certificate, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// registry holds clients named c1, c2 ... as given.
func registry(t testing.TB, clients ...identity.Client) *identity.Registry {
	t.Helper()
	r := identity.NewRegistry()
	for _, c := range clients {
		if c.Name == "" {
			c.Name = "c" + string(rune('1'+r.Len()))
		}
		if _, err := r.Put(&c); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// hello makes the credentials of a client that sends these certificates; no name
// means no user name.
func hello(name string, certs ...*authority) *identity.Credentials {
	c := &identity.Credentials{ClientID: "x"}
	if name != "" {
		c.Username = &name
	}
	for _, a := range certs {
		c.Certificates = append(c.Certificates, a.Certificate)
	}
	return c
}
