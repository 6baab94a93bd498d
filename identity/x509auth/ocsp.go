package x509auth

import (
	"bytes"
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"golang.org/x/crypto/ocsp"

	"gridmq/identity"
	"gridmq/internal/outbound"
)

const maxAnswer = 64 << 10 // bytes

const (
	atOnce         = 16     // questions to the responders of one CA at the same time
	maxAnswersKept = 10_000 // 200 bytes each
)

// responders ask about the certificates below one CA, and remember answers.
//
// The address to ask is in the certificate, unless the settings have one. It is used
// only after a registered CA has been found to vouch for the certificate, and
// redirects are not followed.
type responders struct {
	OCSPSettings
	client *http.Client
	slots  chan struct{}

	mu      sync.Mutex
	answers map[query]answer
	most    int // of answers
}

// A query is which certificate of whom.
type query struct {
	by     issuer
	serial serial
}

type answer struct {
	revoked bool
	until   time.Time
}

func newResponders(s OCSPSettings) (*responders, error) {
	client, err := outbound.NewClient(outbound.Options{CAFile: s.CAFile, Connections: atOnce})
	if err != nil {
		return nil, err
	}
	return &responders{OCSPSettings: s, client: client, slots: make(chan struct{}, atOnce), answers: map[query]answer{}, most: maxAnswersKept}, nil
}

// check refuses a certificate that its issuer does not call good.
func (r *responders) check(ctx context.Context, cert, ca *x509.Certificate) error {
	q := query{issuerOf(ca), serialOf(cert.SerialNumber)}
	got, ok := r.remembered(q)
	if !ok {
		var err error
		if got, err = r.ask(ctx, cert, ca); err != nil {
			return &identity.Error{Kind: identity.Unavailable, Reason: "OCSP did not tell whether the certificate is revoked", Err: err}
		}
		r.remember(q, got)
	}
	return got.verdict(cert)
}

// known refuses a certificate that an answer of before calls revoked; nobody is asked.
func (r *responders) known(cert *x509.Certificate, by issuer) error {
	got, _ := r.remembered(query{by, serialOf(cert.SerialNumber)})
	return got.verdict(cert)
}

func (a answer) verdict(cert *x509.Certificate) error {
	if a.revoked {
		return refuse("the certificate with serial number %x was revoked, says OCSP", cert.SerialNumber)
	}
	return nil
}

func (r *responders) ask(ctx context.Context, cert, ca *x509.Certificate) (answer, error) {
	ctx, stop := context.WithTimeout(ctx, r.timeout())
	defer stop()
	select {
	case r.slots <- struct{}{}:
		defer func() { <-r.slots }()
	case <-ctx.Done():
		return answer{}, ctx.Err()
	}
	body, err := r.fetch(ctx, cert, ca)
	if err != nil {
		return answer{}, err
	}
	said, err := ocsp.ParseResponseForCert(body, cert, ca)
	if err != nil {
		return answer{}, err
	}
	now := time.Now()
	if err := mayAnswer(said, ca, now); err != nil {
		return answer{}, err
	}
	until := now.Add(cmp.Or(r.Cache, time.Hour))
	if !said.NextUpdate.IsZero() && said.NextUpdate.Before(until) {
		until = said.NextUpdate
	}
	switch said.Status {
	case ocsp.Good, ocsp.Revoked:
		return answer{said.Status == ocsp.Revoked, until}, nil
	}
	return answer{}, errors.New("the responder does not know the certificate")
}

// fetch sends one question to the certificate's responder.
func (r *responders) fetch(ctx context.Context, cert, ca *x509.Certificate) ([]byte, error) {
	at := r.URL
	if at == "" && len(cert.OCSPServer) > 0 {
		at = cert.OCSPServer[0]
	}
	if u, err := url.Parse(at); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("the certificate names no responder to ask by HTTP (%.100q)", at)
	}
	question, err := ocsp.CreateRequest(cert, ca, nil)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, at, bytes.NewReader(question))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/ocsp-request")
	req.Header.Set("Accept", "application/ocsp-response")
	said, err := outbound.Do(r.client, req, maxAnswer)
	switch {
	case err != nil:
		return nil, err
	case said.Status != http.StatusOK:
		return nil, fmt.Errorf("the responder answered %d", said.Status)
	}
	return said.Body, nil
}

// mayAnswer checks what the parser does not: that the answer is of now, and that a
// signer other than the CA was made one by it. Every client has a certificate that
// the CA signed; none may call itself good. RFC 6960, section 4.2.2.2.
func mayAnswer(said *ocsp.Response, ca *x509.Certificate, now time.Time) error {
	switch {
	case said.ThisUpdate.After(now.Add(maxSkew)):
		return errors.New("the answer is from the future")
	case !said.NextUpdate.IsZero() && said.NextUpdate.Before(now):
		return errors.New("the answer is out of date")
	case said.NextUpdate.IsZero() && said.ThisUpdate.Before(now.Add(-24*time.Hour)):
		return errors.New("the answer is more than a day old")
	}
	by := said.Certificate
	switch {
	case by == nil || by.Equal(ca):
		return nil
	case !slices.Contains(by.ExtKeyUsage, x509.ExtKeyUsageOCSPSigning):
		return errors.New("the answer is signed by a certificate that is not for OCSP")
	case now.Before(by.NotBefore) || now.After(by.NotAfter):
		return errors.New("the answer is signed by a certificate that is out of date")
	}
	return nil
}

// remembered returns an answer that still holds.
func (r *responders) remembered(q query) (got answer, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if got, ok = r.answers[q]; ok && !time.Now().Before(got.until) {
		delete(r.answers, q)
		return answer{}, false
	}
	return got, ok
}

// remember keeps an answer. When there is no room, some other one goes: it is asked
// for again.
func (r *responders) remember(q query, got answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for other := range r.answers {
		if len(r.answers) < r.most {
			break
		}
		delete(r.answers, other)
	}
	r.answers[q] = got
}
