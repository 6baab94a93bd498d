package x509auth

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"

	"gridmq/identity"
)

// What a watch says of a client's certificates.

// idle says that no CA wants anything.
func (w *Watch) idle() bool { return w == nil || len(w.now.Load().rules) == 0 }

// patience bounds all questions about one client.
func (w *Watch) patience(ctx context.Context) (context.Context, context.CancelFunc) {
	if w.idle() {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, w.now.Load().longest)
}

// check refuses a chain on which something is revoked, as far as the CA at its end
// wants to know: each certificate but the CA's own.
func (w *Watch) check(ctx context.Context, chain []*x509.Certificate) error {
	if w.idle() {
		return nil
	}
	now := w.now.Load()
	live, _ := ctx.Value(reviewing{}).(bool)
	rules := now.rules[issuerOf(chain[len(chain)-1])]
	each := func(check func(cert, ca *x509.Certificate, lists []*list) error) error {
		for i, cert := range chain[:len(chain)-1] {
			if err := check(cert, chain[i+1], now.lists[issuerOf(chain[i+1])]); err != nil {
				return err
			}
		}
		return nil
	}
	err := each(func(cert, _ *x509.Certificate, lists []*list) error { return onList(cert, lists) })
	for i := 0; i < len(rules) && err == nil; i++ { // then what has to be known, and others have to be asked about
		err = each(func(cert, ca *x509.Certificate, lists []*list) error {
			return rules[i].check(ctx, cert, ca, lists, live)
		})
	}
	return err
}

// check is what one rule says of a certificate that is on no list.
func (r *rule) check(ctx context.Context, cert, ca *x509.Certificate, lists []*list, live bool) error {
	settings := &r.ca.Revocation
	if live {
		if r.responders != nil {
			return r.responders.known(cert, issuerOf(ca))
		}
		return nil
	}
	if settings.CRL.asked() {
		if len(lists) == 0 {
			return r.noList(ca)
		}
		if settings.CRL.Stale == RefuseStale {
			if err := fresh(lists); err != nil {
				return err
			}
		}
	}
	var err error
	switch {
	case !settings.OCSP.asked():
		return nil
	case r.responders == nil:
		err = &identity.Error{Kind: identity.Unavailable, Reason: fmt.Sprintf("OCSP of CA certificate %q cannot be asked; see the log", r.ca.Name), Err: r.broken}
	default:
		err = r.responders.check(ctx, cert, ca)
	}
	if e, ok := errors.AsType[*identity.Error](err); ok && e.Kind == identity.Unavailable && settings.OCSP.Mode == OCSPSoft {
		return nil
	}
	return err
}

// noList refuses everybody while it is not known who is revoked.
func (r *rule) noList(by *x509.Certificate) error {
	reason := fmt.Sprintf("there is no revocation list of CA certificate %q; see the log, and its gridmq.crl", r.ca.Name)
	if !bytes.Equal(by.RawSubjectPublicKeyInfo, r.ca.Certificate.RawSubjectPublicKeyInfo) {
		reason = fmt.Sprintf("CA certificate %q wants revocation lists, and there is none of the intermediate %.128q: register that as a CA certificate with a gridmq.crl of its own",
			r.ca.Name, by.Subject.String())
	}
	return &identity.Error{Kind: identity.Unavailable, Reason: reason}
}
