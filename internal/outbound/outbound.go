// Package outbound makes the HTTPS calls of identity: for keys, tokens and
// decisions. Whoever answers is trusted only as far as the certificate check goes.
//
// Redirects are not followed (they would carry credentials elsewhere, and let an
// answer choose where the broker looks), compressed answers are refused, headers
// and bodies are bounded, and each call has a time-out that covers its body.
//
// Units: sizes are bytes. Errors: *StatusError for an answer that is not 200;
// ErrTooLarge; anything else is the transport's. None contains a query string or
// a header, where secrets may be.
// Source: spec/identity.md, sections 4 and 7.
package outbound

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"
)

const (
	maxHeader = 16 << 10
	// a connection on which nothing answers any more is found by a ping
	pingAfter = 15 * time.Second
)

// ErrTooLarge says that a body was longer than allowed.
var ErrTooLarge = errors.New("the answer is too large")

// A StatusError says that the answer had another status than wanted.
type StatusError struct{ Status int }

func (e *StatusError) Error() string { return fmt.Sprintf("answered with status %d", e.Status) }

// Options say whom to trust, and who we are. The zero value trusts the system's
// roots and shows no certificate.
type Options struct {
	// CAFile is a PEM file of the only roots to trust. Default: the system's.
	CAFile string
	// AlsoTrust is a PEM file of roots to trust besides. It is read once.
	AlsoTrust string
	// Pins are SHA-256 sums of SubjectPublicKeyInfo, in hex or base64: one
	// certificate of the verified chain must have one. Default: none needed.
	Pins []string
	// CertificateFile and KeyFile are our own certificate, PEM. They are read again
	// when they change.
	CertificateFile, KeyFile string
	// LoopbackHTTP allows http to addresses of this machine, for tests and trials.
	LoopbackHTTP bool
	// Connections bounds the connections to one host. Default 4.
	Connections int
	// Connect bounds dialing and the TLS handshake each. Default 5 s.
	Connect time.Duration
}

// NewClient returns a client. Its connections are pooled, and closed by
// CloseIdleConnections. Errors: a file cannot be read, a pin is none.
func NewClient(o Options) (*http.Client, error) {
	if o.Connections == 0 {
		o.Connections = 4
	}
	if o.Connect == 0 {
		o.Connect = 5 * time.Second
	}
	trust, err := o.TLS()
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: o.Connect, KeepAlive: pingAfter}
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            dialer.DialContext,
			TLSClientConfig:        trust,
			TLSHandshakeTimeout:    o.Connect,
			ForceAttemptHTTP2:      true,
			HTTP2:                  &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: 5 * time.Second},
			DisableCompression:     true, // an answer must not grow
			MaxConnsPerHost:        o.Connections,
			MaxIdleConnsPerHost:    o.Connections,
			MaxIdleConns:           o.Connections,
			IdleConnTimeout:        90 * time.Second,
			MaxResponseHeaderBytes: maxHeader,
		},
	}, nil
}

// CheckURL says what is wrong with the URL of somebody we call, or "": it must be
// https with a host and without user, or http to this machine where that is allowed.
func CheckURL(raw string, loopbackHTTP bool) (reason string) {
	u, err := url.Parse(raw)
	switch {
	case len(raw) > 2048:
		return "a URL has at most 2048 characters"
	case err != nil || u.Host == "" || u.Hostname() == "":
		return "want an absolute https URL"
	case u.User != nil:
		return "want a URL without user and password"
	case u.Fragment != "":
		return "want a URL without fragment"
	case u.Scheme == "https":
		return ""
	case u.Scheme == "http" && loopbackHTTP && isLoopback(u.Hostname()):
		return ""
	case u.Scheme == "http" && loopbackHTTP:
		return "http is allowed to addresses of this machine only; want https"
	}
	return "want https"
}

func isLoopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}

// An Answer is a response whose body has been read.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Do sends a request and reads the answer, of at most limit bytes, whatever its
// status. ctx of the request bounds it all.
func Do(c *http.Client, r *http.Request, limit int64) (*Answer, error) {
	resp, err := Open(c, r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	a := &Answer{Status: resp.StatusCode, Header: resp.Header}
	if resp.ContentLength > limit {
		return a, ErrTooLarge
	}
	a.Body, err = io.ReadAll(io.LimitReader(resp.Body, limit+1))
	switch {
	case err != nil:
		return a, withoutURL(err)
	case int64(len(a.Body)) > limit:
		a.Body = nil
		return a, ErrTooLarge
	}
	return a, nil
}

// Open sends a request, for whoever reads the body as a stream, and closes it.
func Open(c *http.Client, r *http.Request) (*http.Response, error) {
	resp, err := c.Do(r)
	if err != nil {
		return nil, withoutURL(err)
	}
	if e := resp.Header.Get("Content-Encoding"); e != "" && e != "identity" {
		resp.Body.Close()
		return nil, errors.New("the answer is compressed, which was not asked for")
	}
	return resp, nil
}

// Get fetches a document with status 200.
func Get(ctx context.Context, c *http.Client, address string, limit int64) (*Answer, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, withoutURL(err)
	}
	r.Header.Set("Accept", "application/json, */*;q=0.1")
	a, err := Do(c, r, limit)
	if err == nil && a.Status != http.StatusOK {
		return nil, &StatusError{a.Status}
	}
	return a, err
}

// withoutURL drops what net/http puts around an error: the URL, whose query may
// hold a secret.
func withoutURL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

// IsJSON says whether a Content-Type is application/json in UTF-8.
func IsJSON(contentType string) bool {
	t, params, err := mime.ParseMediaType(contentType)
	charset, given := params["charset"]
	return err == nil && t == "application/json" && (!given || charset == "utf-8" || charset == "UTF-8")
}
