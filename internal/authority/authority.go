// Package authority makes certificate authorities and certificates for tests, trials
// and the quickstart: ECDSA P-256, in PEM files.
//
// It is no PKI: there is no revocation, and keys lie in files that are not encrypted.
//
// Units: lifetimes are time.Duration. Errors: plain, for people; they say what to do.
// Source: RFC 5280; spec/identity.md, section 3.
package authority

import (
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"time"
)

// Lifetimes when none is asked for.
const (
	CALife     = 10 * 365 * 24 * time.Hour
	ClientLife = 365 * 24 * time.Hour
	ServerLife = 397 * 24 * time.Hour // what browsers accept at most

	behind = time.Hour // clocks of devices run behind
)

// An Authority can sign certificates.
type Authority struct {
	Pair
}

// A Pair is a certificate with its key and the certificates above it.
type Pair struct {
	Certificate *x509.Certificate
	// Issuers are what a peer needs to get from Certificate to the root that it
	// trusts: the next one first, without the root.
	Issuers []*x509.Certificate
	Key     crypto.Signer
}

// CAOptions describe an authority. The zero value works.
type CAOptions struct {
	// Name is the common name. Default "GridMQ test CA".
	Name         string
	Organization []string
	// Life is how long it is valid. Default CALife.
	Life time.Duration
	// Below is how many levels of authorities may come below a root, the path length
	// of RFC 5280, section 4.2.1.9. An intermediate has one less than its issuer.
	Below int
}

// NewCA makes a root.
func NewCA(o CAOptions) (*Authority, error) {
	if o.Below < 0 {
		return nil, fmt.Errorf("path length %d: want 0 or more", o.Below)
	}
	t := o.template()
	t.MaxPathLen, t.MaxPathLenZero = o.Below, o.Below == 0
	p, err := sign(t, nil)
	if err != nil {
		return nil, err
	}
	return &Authority{*p}, nil
}

// NewIntermediate makes an authority below a.
func (a *Authority) NewIntermediate(o CAOptions) (*Authority, error) {
	t := o.template()
	switch c := a.Certificate; {
	case c.MaxPathLen < 0: // unconstrained
		t.MaxPathLen = 0
	case c.MaxPathLen == 0:
		return nil, fmt.Errorf("the CA %q allows no CA below it (path length 0): use one that was made with a longer path", c.Subject.CommonName)
	default:
		t.MaxPathLen = c.MaxPathLen - 1
	}
	t.MaxPathLenZero = t.MaxPathLen == 0
	p, err := sign(t, a)
	if err != nil {
		return nil, err
	}
	return &Authority{*p}, nil
}

func (o CAOptions) template() *x509.Certificate {
	t := template(pkix.Name{CommonName: cmp.Or(o.Name, "GridMQ test CA"), Organization: o.Organization}, cmp.Or(o.Life, CALife))
	t.IsCA, t.BasicConstraintsValid = true, true
	t.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	return t
}

func template(subject pkix.Name, life time.Duration) *x509.Certificate {
	now := time.Now()
	return &x509.Certificate{ // x509.CreateCertificate picks a random serial number
		Subject: subject, NotBefore: now.Add(-behind), NotAfter: now.Add(life),
	}
}

// sign makes a key and the certificate for it. Without an issuer it signs itself;
// no certificate outlives its issuer, since nobody would accept it.
func sign(t *x509.Certificate, by *Authority) (*Pair, error) {
	if !t.NotAfter.After(t.NotBefore.Add(behind)) {
		return nil, errors.New("a certificate has to be valid for some time")
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	p := &Pair{Key: key}
	issuer, issuerKey := t, crypto.Signer(key)
	if by != nil {
		issuer, issuerKey = by.Certificate, by.Key
		if !issuer.NotAfter.After(time.Now()) {
			return nil, fmt.Errorf("the CA %q has expired on %s: make another", issuer.Subject.CommonName, issuer.NotAfter.Format(time.DateOnly))
		}
		if t.NotAfter.After(issuer.NotAfter) {
			t.NotAfter = issuer.NotAfter
		}
		if !by.isRoot() {
			p.Issuers = append([]*x509.Certificate{issuer}, by.Issuers...)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, t, issuer, key.Public(), issuerKey)
	if err != nil {
		return nil, err
	}
	p.Certificate, err = x509.ParseCertificate(der)
	return p, err
}

func (a *Authority) isRoot() bool {
	return a.Certificate.CheckSignatureFrom(a.Certificate) == nil
}
