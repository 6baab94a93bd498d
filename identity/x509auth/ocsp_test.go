package x509auth

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"gridmq/identity"
	"gridmq/internal/bubble"
)

// A responder is an OCSP responder without a network.
type responder struct {
	asked  atomic.Int64
	answer func(*http.Request) (*http.Response, error)
}

func (r *responder) RoundTrip(req *http.Request) (*http.Response, error) {
	r.asked.Add(1)
	return r.answer(req)
}

func answers(body []byte) func(*http.Request) (*http.Response, error) {
	return status(http.StatusOK, body)
}

func status(code int, body []byte) func(*http.Request) (*http.Response, error) {
	return func(req *http.Request) (*http.Response, error) {
		h := http.Header{"Location": {"http://elsewhere.example/"}}
		return &http.Response{StatusCode: code, Header: h, Body: io.NopCloser(bytes.NewReader(body)), Request: req}, nil
	}
}

// signed makes an answer of ca about about, signed by by.
func signed(t testing.TB, ca, by, about *authority, edit func(*ocsp.Response)) []byte {
	t.Helper()
	now := time.Now().Truncate(time.Minute)
	r := ocsp.Response{Status: ocsp.Good, SerialNumber: about.SerialNumber, ThisUpdate: now, NextUpdate: now.Add(2 * time.Hour), IssuerHash: crypto.SHA1}
	if by != ca {
		r.Certificate = by.Certificate
	}
	if edit != nil {
		edit(&r)
	}
	body, err := ocsp.CreateResponse(ca.Certificate, by.Certificate, r, by.key)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// asking is an authenticator of a client "press" below one CA, whose responder is r.
func asking(t *testing.T, r *responder, ca *CA) (*Authenticator, *responders) {
	t.Helper()
	a, _ := watching(t, ca)
	for _, rules := range a.options.Watch.now.Load().rules {
		if asks := rules[0].responders; asks != nil {
			asks.client.Transport = r
			return a, asks
		}
	}
	return a, nil
}

func withOCSP(c *x509.Certificate) { c.OCSPServer = []string{"http://ocsp.example/"} }

func TestOCSP(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		var none *authority
		root := none.issue(t, asCA("root"))
		leaf := root.issue(t, all(named("press"), withOCSP))
		other := root.issue(t, named("other"))
		delegate := root.issue(t, all(named("responder"), func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning} }))
		oldDelegate := root.issue(t, all(named("responder"), expired, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning} }))
		foreign := none.issue(t, all(named("responder"), func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning} }))
		as := func(edit func(*ocsp.Response)) func(*http.Request) (*http.Response, error) {
			return answers(signed(t, root, root, leaf, edit))
		}
		const unknown = "!OCSP did not tell"
		tests := map[string]struct {
			answer func(*http.Request) (*http.Response, error)
			want   string
		}{
			"good":                     {as(nil), "c1"},
			"revoked":                  {as(func(r *ocsp.Response) { r.Status, r.RevokedAt = ocsp.Revoked, r.ThisUpdate }), "!was revoked, says OCSP"},
			"unknown":                  {as(func(r *ocsp.Response) { r.Status = ocsp.Unknown }), unknown},
			"out of date":              {as(func(r *ocsp.Response) { r.NextUpdate = r.ThisUpdate.Add(-time.Minute) }), unknown},
			"from the future":          {as(func(r *ocsp.Response) { r.ThisUpdate = r.ThisUpdate.Add(time.Hour) }), unknown},
			"old, without an end":      {as(func(r *ocsp.Response) { r.ThisUpdate, r.NextUpdate = r.ThisUpdate.Add(-25*time.Hour), time.Time{} }), unknown},
			"about another":            {answers(signed(t, root, root, other, nil)), unknown},
			"by a delegate":            {answers(signed(t, root, delegate, leaf, nil)), "c1"},
			"by a delegate of old":     {answers(signed(t, root, oldDelegate, leaf, nil)), unknown},
			"by a stranger":            {answers(signed(t, root, foreign, leaf, nil)), unknown},
			"by the client itself":     {answers(signed(t, root, leaf, leaf, nil)), unknown},
			"by another client":        {answers(signed(t, root, other, leaf, nil)), unknown},
			"another key, no delegate": {answers(signed(t, foreign, foreign, leaf, nil)), unknown},
			"try later":                {answers(ocsp.TryLaterErrorResponse), unknown},
			"not an answer":            {answers([]byte("good")), unknown},
			"nothing":                  {answers(nil), unknown},
			"endless":                  {answers(make([]byte, maxAnswer+1)), unknown},
			"503":                      {status(http.StatusServiceUnavailable, signed(t, root, root, leaf, nil)), unknown},
			"redirect is not followed": {status(http.StatusFound, nil), unknown},
			"no network":               {func(*http.Request) (*http.Response, error) { return nil, errors.New("no route") }, unknown},
			"silence":                  {func(r *http.Request) (*http.Response, error) { <-r.Context().Done(); return nil, r.Context().Err() }, unknown},
		}
		for name, test := range tests {
			r := &responder{answer: test.answer}
			a, _ := asking(t, r, root.with(t, "root", `{"ocsp":{"mode":"hard"}}`))
			t.Log(name)
			start := time.Now()
			expect(t, a, hello("press", leaf), test.want)
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("%s: took %v", name, took)
			}
			_, err := a.Authenticate(t.Context(), hello("press", leaf))
			e, _ := errors.AsType[*identity.Error](err)
			if test.want == unknown && (e.Kind != identity.Unavailable || r.asked.Load() != 2) {
				t.Errorf("%s: %v after %d questions", name, err, r.asked.Load())
			}
			if test.want != unknown && r.asked.Load() != 1 {
				t.Errorf("%s: asked %d times", name, r.asked.Load())
			}
			if stays := a.reviewed(t, leaf); stays == strings.Contains(test.want, "was revoked") {
				t.Errorf("%s: a live client stays: %v", name, stays)
			}
		}
	})
}

func TestOCSPAsksOnlyWhomItMay(t *testing.T) {
	root := (*authority)(nil).issue(t, asCA("root"))
	r := &responder{answer: func(*http.Request) (*http.Response, error) { return nil, errors.New("asked") }}
	for name, test := range map[string]struct {
		leaf      *authority
		responder string
		want      string
		asked     int64
	}{
		"names none":               {root.issue(t, named("press")), "", "!names no responder", 0},
		"names a file":             {root.issue(t, all(named("press"), func(c *x509.Certificate) { c.OCSPServer = []string{"file:///etc/passwd"} })), "", "!names no responder", 0},
		"names none, one is set":   {root.issue(t, named("press")), "https://ocsp.example", "!asked", 1},
		"of a stranger":            {(*authority)(nil).issue(t, all(named("press"), withOCSP)), "", "!not signed", 0},
		"of another's certificate": {root.issue(t, all(named("oven"), withOCSP)), "", "!does not have the name", 0},
	} {
		t.Run(name, func(t *testing.T) {
			r.asked.Store(0)
			a, _ := asking(t, r, root.with(t, "root", `{"ocsp":{"mode":"hard","url":`+text(test.responder)+`}}`))
			expect(t, a, hello("press", test.leaf), test.want)
			if n := r.asked.Load(); n != test.asked {
				t.Errorf("asked %d times, want %d", n, test.asked)
			}
		})
	}
}

// Answers are kept for as long as they and we say, and as many as we say; questions
// at once are bounded.
func TestOCSPBounds(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		root := (*authority)(nil).issue(t, asCA("root"))
		leaf := root.issue(t, all(named("press"), withOCSP))
		r := &responder{answer: answers(signed(t, root, root, leaf, func(r *ocsp.Response) { r.NextUpdate = r.ThisUpdate.Add(30 * time.Minute) }))}
		a, questions := asking(t, r, root.with(t, "root", `{"ocsp":{"mode":"hard","timeoutInSeconds":3}}`))
		questions.most = 2
		expect(t, a, hello("press", leaf), "c1")
		time.Sleep(29 * time.Minute)
		expect(t, a, hello("press", leaf), "c1")
		if r.asked.Load() != 1 {
			t.Errorf("asked %d times", r.asked.Load())
		}
		time.Sleep(2 * time.Minute)
		expect(t, a, hello("press", leaf), "!out of date")
		for i := range 10 {
			questions.remember(query{serial: serial{byte(i)}}, answer{})
		}
		if n := len(questions.answers); n != 2 {
			t.Errorf("%d answers kept", n)
		}
		for range atOnce { // other questions are under way, for ever
			questions.slots <- struct{}{}
		}
		start := time.Now()
		expect(t, a, hello("press", leaf), "!deadline exceeded")
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("waited %v", took)
		}
	})
}
