package x509auth

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"slices"
	"time"

	"gridmq/identity"
)

// anchors are the CA certificates of a namespace. They do not change.
type anchors struct {
	cas  []*CA
	pool *x509.CertPool
}

// SetCAs replaces the CA certificates. Who is being judged meets the old ones or the
// new ones.
func (a *Authenticator) SetCAs(cas []*CA) {
	now := &anchors{cas: slices.Clone(cas), pool: x509.NewCertPool()}
	for _, ca := range cas {
		now.pool.AddCert(ca.Certificate)
	}
	a.anchors.Store(now)
}

// verify finds a chain from the client's certificate to a registered CA on which
// nothing is revoked, and returns that CA.
func (a *Authenticator) verify(ctx context.Context, certs []*x509.Certificate) (*CA, error) {
	ctx, stop := a.options.Watch.patience(ctx)
	defer stop()
	trusted := a.anchors.Load()
	chains, err := trusted.chains(certs)
	if err != nil {
		return nil, err
	}
	for _, chain := range chains {
		if err = a.options.Watch.check(ctx, chain); err == nil {
			return trusted.find(chain[len(chain)-1]), nil
		}
	}
	return nil, err
}

// chains are all chains to a registered CA: at least one, each of the certificate,
// those that the client sent, and the CA at the end.
func (t *anchors) chains(certs []*x509.Certificate) ([][]*x509.Certificate, error) {
	sent := x509.NewCertPool()
	for _, c := range certs[1:] {
		sent.AddCert(c)
	}
	now := time.Now()
	chains, err := certs[0].Verify(x509.VerifyOptions{
		Roots: t.pool, Intermediates: sent, CurrentTime: now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		if ca := t.expired(certs, now); ca != nil {
			return nil, refuse("CA certificate %q expired at %s", ca.Name, ca.Certificate.NotAfter.UTC().Format(time.RFC3339))
		}
		return nil, &identity.Error{Kind: identity.NotAuthorized, Err: err,
			Reason: "the certificate is not signed by a CA certificate of the namespace, nor by one that the client sent and that leads to one"}
	}
	// A registered CA is not signed by one only because it is one.
	chains = slices.DeleteFunc(chains, func(chain []*x509.Certificate) bool { return len(chain) < 2 })
	if len(chains) == 0 {
		return nil, refuse("the client's certificate is itself a CA certificate of the namespace")
	}
	return chains, nil
}

// expired returns the CA that the client's certificates name as issuer and whose
// time is over, if there is one.
func (t *anchors) expired(certs []*x509.Certificate, now time.Time) *CA {
	for _, ca := range t.cas {
		for _, c := range certs {
			if bytes.Equal(c.RawIssuer, ca.Certificate.RawSubject) && now.After(ca.Certificate.NotAfter) {
				return ca
			}
		}
	}
	return nil
}

func (t *anchors) find(c *x509.Certificate) *CA {
	for _, ca := range t.cas {
		if ca.Certificate.Equal(c) {
			return ca
		}
	}
	return nil
}

// An issuer is a name and a key: what signs, whatever certificates it has.
type issuer [sha256.Size]byte

func issuerOf(ca *x509.Certificate) issuer {
	h := sha256.New()
	h.Write(ca.RawSubject) // DER: says itself where it ends
	h.Write(ca.RawSubjectPublicKeyInfo)
	return issuer(h.Sum(nil))
}

// direct asks the registered CAs that have signed a certificate themselves, if there
// are any and they have settings for it. It is for a certificate that needs no CA.
func (a *Authenticator) direct(ctx context.Context, cert *x509.Certificate) error {
	if a.options.Watch.idle() {
		return nil // and no signature has to be checked
	}
	ctx, stop := a.options.Watch.patience(ctx)
	defer stop()
	for _, ca := range a.anchors.Load().cas {
		if bytes.Equal(cert.RawIssuer, ca.Certificate.RawSubject) && cert.CheckSignatureFrom(ca.Certificate) == nil {
			if err := a.options.Watch.check(ctx, []*x509.Certificate{cert, ca.Certificate}); err != nil {
				return err
			}
		}
	}
	return nil
}
