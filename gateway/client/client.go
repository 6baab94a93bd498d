// Package client speaks to the HTTP data plane: it publishes events to a topic, receives
// them from an event subscription and settles them. It is the command line's, and speaks
// to Azure Event Grid too.
//
// Errors: an *Error is the server's refusal; anything else means that there was no
// answer. Units: as the members say. Source: spec/namespace-topics.md, sections 3 to 9.
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
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// version of the API that this client was written for.
const version = "2024-06-01"

const (
	maxAnswer = 64 << 20 // bytes read of one answer
	callTime  = time.Minute
)

// Options say where the data plane is, and who asks: Endpoint and one of Key and Token
// are needed.
type Options struct {
	Endpoint string // as "https://localhost:8443" or ".../ns/plant"
	Key      string // an access key
	Token    string // a bearer token
	CA       []byte // PEM of certificates to trust besides the system's
	// Transport replaces the client's own, for tests; CA is then ignored.
	Transport http.RoundTripper
}

// LogValue keeps credentials out of logs.
func (o Options) LogValue() slog.Value { return slog.StringValue(o.Endpoint) }

// A Client may be used concurrently.
type Client struct {
	base, authorization string
	http                *http.Client
}

// New checks the options; it does not connect.
func New(o Options) (*Client, error) {
	u, err := url.Parse(o.Endpoint)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, fmt.Errorf("endpoint %q: want https://host:port", o.Endpoint)
	}
	if u.Scheme == "http" && u.Hostname() != "localhost" && !net.ParseIP(u.Hostname()).IsLoopback() {
		return nil, fmt.Errorf("endpoint %q: the credential would travel readable for everybody on the way; want https://", o.Endpoint)
	}
	c := &Client{base: strings.TrimSuffix(o.Endpoint, "/"), http: &http.Client{Transport: o.Transport}}
	switch {
	case o.Key != "" && o.Token != "":
		return nil, errors.New("an access key and a token exclude each other")
	case o.Key != "":
		c.authorization = "SharedAccessKey " + o.Key
	case o.Token != "":
		c.authorization = "Bearer " + o.Token
	default:
		return nil, errors.New("an access key or a token is needed")
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
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse } // the credential goes nowhere else
	return c, nil
}

// Close closes idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// An Error is a refusal.
type Error struct {
	Status  int    `json:"-"`
	Code    string `json:"code"`
	Message string `json:"message"`
	// RetryAfter is how long to wait before the same again; 0: not said.
	RetryAfter time.Duration `json:"-"`
}

func (e *Error) Error() string { return fmt.Sprintf("%s (%d %s)", e.Message, e.Status, e.Code) }

// Publish publishes events, each a CloudEvent in JSON: all of them or none, and durable
// when it returns.
func (c *Client) Publish(ctx context.Context, topic string, events []json.RawMessage) error {
	body, err := json.Marshal(events)
	if err != nil {
		return fmt.Errorf("events: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	return c.do(ctx, "topics/"+url.PathEscape(topic)+":publish", nil, "application/cloudevents-batch+json; charset=utf-8", body, nil)
}

// A Subscription is an event subscription of a topic.
type Subscription struct{ Topic, Name string }

func (s Subscription) path(verb string) string {
	return "topics/" + url.PathEscape(s.Topic) + "/eventsubscriptions/" + url.PathEscape(s.Name) + ":" + verb
}

// A Delivery is an event that is locked for whoever has the token.
type Delivery struct {
	LockToken string
	Count     int             // deliveries so far
	Event     json.RawMessage // a CloudEvent
}

// Receive locks up to limit events (1 to 100), and waits up to wait (10 to 120 s) for
// the first. None is no error.
func (c *Client) Receive(ctx context.Context, s Subscription, limit int, wait time.Duration) ([]Delivery, error) {
	q := url.Values{"maxEvents": {strconv.Itoa(limit)}, "maxWaitTime": {strconv.Itoa(int(wait / time.Second))}}
	var answer struct {
		Value []struct {
			BrokerProperties struct {
				LockToken     string
				DeliveryCount int
			}
			Event json.RawMessage
		}
	}
	ctx, cancel := context.WithTimeout(ctx, wait+callTime)
	defer cancel()
	if err := c.do(ctx, s.path("receive"), q, "", nil, &answer); err != nil {
		return nil, err
	}
	list := make([]Delivery, 0, len(answer.Value))
	for _, v := range answer.Value {
		list = append(list, Delivery{v.BrokerProperties.LockToken, v.BrokerProperties.DeliveryCount, v.Event})
	}
	return list, nil
}

// A Verb is a settlement.
type Verb string

const (
	Acknowledge Verb = "acknowledge"
	Release     Verb = "release"
	Reject      Verb = "reject"
	RenewLock   Verb = "renewLock"
)

// A Failure is a token that could not be settled.
type Failure struct {
	LockToken string
	Error     Error
}

// Settle settles tokens. delay is of Release: 0, 10, 60, 600 or 3,600 s.
func (c *Client) Settle(ctx context.Context, s Subscription, verb Verb, tokens []string, delay time.Duration) (succeeded []string, failed []Failure, err error) {
	body, err := json.Marshal(map[string]any{"lockTokens": tokens})
	if err != nil {
		return nil, nil, err
	}
	q := url.Values{}
	if delay > 0 {
		q.Set("releaseDelayInSeconds", strconv.Itoa(int(delay/time.Second)))
	}
	var answer struct {
		SucceededLockTokens []string
		FailedLockTokens    []Failure
	}
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	err = c.do(ctx, s.path(string(verb)), q, "application/json", body, &answer)
	return answer.SucceededLockTokens, answer.FailedLockTokens, err
}

func (c *Client) do(ctx context.Context, path string, q url.Values, contentType string, body []byte, into any) error {
	if q == nil {
		q = url.Values{}
	}
	q.Set("api-version", version)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+"/"+path+"?"+q.Encode(), bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", c.authorization)
	r.Header.Set("Accept", "application/json")
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("answer of %s: %w", c.base, err)
	}
	if answer.StatusCode != http.StatusOK {
		var refusal struct{ Error *Error }
		if json.Unmarshal(text, &refusal) != nil || refusal.Error == nil || refusal.Error.Code == "" {
			return fmt.Errorf("%s answers %s, not as a data plane does", c.base, answer.Status)
		}
		refusal.Error.Status = answer.StatusCode
		if s, err := strconv.ParseUint(answer.Header.Get("Retry-After"), 10, 16); err == nil {
			refusal.Error.RetryAfter = time.Duration(s) * time.Second
		}
		return refusal.Error
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("answer of %s: %w", c.base, err)
	}
	return nil
}
