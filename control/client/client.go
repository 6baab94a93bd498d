// Package client speaks to the management plane: for the command line, and for
// programs that would rather not use an Azure SDK.
//
// Errors: an *Error is the server's refusal with its code; anything else means
// that there was no answer. Units: as in the answers.
// Source: spec/control-plane.md.
package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// version of the API that this client was written for.
const version = "2025-11-15-preview"

// maxAnswer bounds what is read, in bytes.
const maxAnswer = 64 << 20

// Options say where the management plane is. URL and Token are needed.
type Options struct {
	URL   string // as "https://127.0.0.1:9443"
	Token string // of an operator
	// CA is PEM of certificates to trust besides, or instead of, the system's.
	CA []byte
	// Timeout of one request. Default 60 s.
	Timeout time.Duration
	// Transport replaces the client's own, for tests; CA is then ignored.
	Transport http.RoundTripper
}

// LogValue keeps the token out of logs.
func (o Options) LogValue() slog.Value { return slog.StringValue(o.URL) }

// A Client may be used concurrently.
type Client struct {
	base  string
	token string
	http  *http.Client
}

// New checks the options; it does not connect.
func New(o Options) (*Client, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, fmt.Errorf("management URL %q: want https://host:port", o.URL)
	}
	if o.Token == "" {
		return nil, errors.New("an operator token is needed")
	}
	c := &Client{base: strings.TrimSuffix(o.URL, "/"), token: o.Token, http: &http.Client{Timeout: o.Timeout, Transport: o.Transport}}
	if o.Timeout == 0 {
		c.http.Timeout = time.Minute
	}
	if o.Transport == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
		if len(o.CA) > 0 {
			pool, err := x509.SystemCertPool()
			if err != nil {
				pool = x509.NewCertPool()
			}
			if !pool.AppendCertsFromPEM(o.CA) {
				return nil, errors.New("the CA file has no certificate in PEM form")
			}
			t.TLSClientConfig.RootCAs = pool
		}
		c.http.Transport = t
	}
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse } // the token goes nowhere else
	return c, nil
}

// Close closes idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// An Error is a refusal.
type Error struct {
	Status     int           `json:"-"`
	Code       string        `json:"code"`
	Message    string        `json:"message"`
	Target     string        `json:"target"`
	Details    []Detail      `json:"details"`
	RetryAfter time.Duration `json:"-"`
	// RequestID finds the request in the server's log.
	RequestID string `json:"-"`
}

// A Detail is one of several faults.
type Detail struct{ Code, Message, Target string }

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s)", e.Message, e.Code)
	for _, d := range e.Details {
		fmt.Fprintf(&b, "\n  %s: %s", d.Target, d.Message)
	}
	return b.String()
}

// IsNotFound says whether err is the server's "not found".
func IsNotFound(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Status == http.StatusNotFound
}

// answer is what came back, when it is no refusal.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// do sends one request. path is escaped; it may be an absolute URL of ours (nextLink).
func (c *Client) do(ctx context.Context, method, path string, q url.Values, body []byte, header http.Header) (*answer, error) {
	target, err := c.target(path, q)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	for name, values := range header {
		r.Header[name] = values
	}
	r.Header.Set("Authorization", "Bearer "+c.token)
	r.Header.Set("Accept", "application/json")
	if len(body) > 0 {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	if resp.StatusCode >= 300 {
		return nil, refusal(resp, text)
	}
	return &answer{resp.StatusCode, resp.Header, text}, nil
}

// target makes a URL of ours. Of an absolute one (nextLink) only path and query
// count: the server may be known to itself by another name, and the token is for
// where the user sent us.
func (c *Client) target(path string, q url.Values) (string, error) {
	if strings.HasPrefix(path, "http") {
		u, err := url.Parse(path)
		if err != nil {
			return "", fmt.Errorf("the server sends us to %q, which is no URL", path)
		}
		own, _ := url.Parse(c.base)
		return c.base + strings.TrimPrefix(u.RequestURI(), own.Path), nil
	}
	if q == nil {
		q = url.Values{}
	}
	if !strings.HasPrefix(path, "/gridmq") && q.Get("api-version") == "" {
		q.Set("api-version", version)
	}
	path = c.base + "/" + strings.TrimPrefix(path, "/")
	if len(q) > 0 {
		path += "?" + q.Encode()
	}
	return path, nil
}

func refusal(resp *http.Response, text []byte) error {
	var body struct{ Error *Error }
	if json.Unmarshal(text, &body) != nil || body.Error == nil || body.Error.Code == "" {
		return fmt.Errorf("the server answers %s, not as a GridMQ management plane does", resp.Status)
	}
	e := body.Error
	e.Status, e.RequestID = resp.StatusCode, resp.Header.Get("x-ms-request-id")
	if s, err := time.ParseDuration(resp.Header.Get("Retry-After") + "s"); err == nil {
		e.RetryAfter = s
	}
	return e
}

// get reads JSON into v.
func (c *Client) get(ctx context.Context, path string, q url.Values, v any) error {
	a, err := c.do(ctx, http.MethodGet, path, q, nil, nil)
	if err != nil {
		return err
	}
	return decode(a, v)
}

func decode(a *answer, v any) error {
	if err := json.Unmarshal(a.body, v); err != nil {
		return fmt.Errorf("the answer cannot be read: %w", err)
	}
	return nil
}
