package client_test

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"gridmq/delivery"
	"gridmq/delivery/sharedkey"
	"gridmq/gateway"
	"gridmq/gateway/client"
	"gridmq/internal/bubble"
	"gridmq/store/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A plant is a gateway on a real plane, with one namespace, and the topic orders with
// the subscription billing.
type plant struct {
	ns    gateway.Namespace
	plane *delivery.Plane
	http.Handler
}

func (p *plant) ByHost(string) *gateway.Namespace { return nil }
func (p *plant) ByName(string) *gateway.Namespace { return &p.ns }
func (p *plant) Default() *gateway.Namespace      { return &p.ns }
func (p *plant) Topic(ns, topic string) gateway.Topic {
	if s := p.plane.Stream(ns, topic); s != nil {
		return stream{s}
	}
	return nil
}

type stream struct{ *delivery.Stream }

func (s stream) Queue(name string) gateway.Queue {
	if q := s.Stream.Queue(name); q != nil {
		return q
	}
	return nil
}

func newPlant(t *testing.T) *plant {
	t.Helper()
	st := memory.New(memory.Options{})
	plane, err := delivery.Open(st, delivery.Options{})
	if err == nil {
		err = errors.Join(plane.SetTopic("plant", delivery.Topic{Name: "orders", Retention: 24 * time.Hour}),
			plane.SetSubscription("plant", "orders", delivery.Subscription{Name: "billing", Created: 1, MaxDeliveryCount: 10, Lock: time.Minute}), plane.Settled())
	}
	if err != nil {
		t.Fatal(errors.Join(err, plane.Close(), st.Close()))
	}
	p := &plant{ns: gateway.Namespace{Name: "plant", Keys: sharedkey.Keys{sharedkey.Generate(), sharedkey.Generate()}}, plane: plane}
	g := gateway.New(gateway.Options{Namespaces: p, Events: p, Log: slog.New(slog.DiscardHandler)})
	p.Handler = g
	t.Cleanup(func() { g.Close(); _ = plane.Close(); _ = st.Close() })
	return p
}

// RoundTrip lets a client ask without a socket, in the time of a bubble.
func (p *plant) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	p.ServeHTTP(w, r)
	return w.Result(), nil
}

func (p *plant) client(t *testing.T) *client.Client {
	t.Helper()
	c, err := client.New(client.Options{Endpoint: "https://plant.test/ns/plant/", Key: string(p.ns.Keys[0]), Transport: p})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var orders = client.Subscription{Topic: "orders", Name: "billing"}

func TestThrough(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		c := newPlant(t).client(t)
		var list []json.RawMessage
		for i := range 3 {
			list = append(list, json.RawMessage(fmt.Sprintf(`{"specversion":"1.0","id":"%d","source":"/s","type":"t"}`, i)))
		}
		if err := c.Publish(t.Context(), "orders", list); err != nil {
			t.Fatal(err)
		}
		got, err := c.Receive(t.Context(), orders, 3, 10*time.Second)
		if err != nil || len(got) != 3 || got[0].Count != 1 || !strings.Contains(string(got[2].Event), `"id":"2"`) {
			t.Fatalf("received %d, %v", len(got), err)
		}
		for i, verb := range []client.Verb{client.Acknowledge, client.Reject, client.RenewLock} {
			done, failed, err := c.Settle(t.Context(), orders, verb, []string{got[i].LockToken, "nonsense"}, 0)
			if err != nil || len(done) != 1 || len(failed) != 1 || failed[0].Error.Code != "BadToken" || failed[0].LockToken != "nonsense" {
				t.Errorf("%s: %v, %v, %v", verb, done, failed, err)
			}
		}
		if _, _, err := c.Settle(t.Context(), orders, client.Release, []string{got[2].LockToken}, time.Minute); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		if none, err := c.Receive(t.Context(), orders, 3, 10*time.Second); err != nil || len(none) != 0 {
			t.Errorf("received %v, %v", none, err)
		}
		again, err := c.Receive(t.Context(), orders, 3, 2*time.Minute)
		if err != nil || len(again) != 1 || again[0].Count != 2 || time.Since(begin) < time.Minute {
			t.Errorf("after %v: received %v, %v", time.Since(begin), again, err)
		}
	})
}

func TestRefusals(t *testing.T) {
	p := newPlant(t)
	c := p.client(t)
	refused := func(err error) *client.Error { e, _ := errors.AsType[*client.Error](err); return e }
	if e := refused(c.Publish(t.Context(), "nope", []json.RawMessage{[]byte(`{"specversion":"1.0","id":"1","source":"/s","type":"t"}`)})); e == nil || e.Status != 410 || e.Code != "Gone" {
		t.Errorf("no topic: %v", e)
	}
	if e := refused(c.Publish(t.Context(), "orders", []json.RawMessage{[]byte("{}")})); e == nil || e.Status != 400 || e.Message == "" {
		t.Errorf("no event: %v", e)
	}
	other, err := client.New(client.Options{Endpoint: "https://plant.test", Key: "Z3Vlc3NlZA==", Transport: p})
	if err != nil {
		t.Fatal(err)
	}
	_, err = other.Receive(t.Context(), orders, 1, 10*time.Second)
	if e := refused(err); e == nil || e.Status != 401 || strings.Contains(err.Error(), "Z3Vlc3NlZA") {
		t.Errorf("a guessed key: %v", err)
	}
}

// transport answers each request alike.
type transport func(*http.Request) *http.Response

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r), nil }

func TestAnswers(t *testing.T) {
	tests := map[string]struct {
		status int
		body   string
		header http.Header
		want   error // nil: what is said is another error
		said   string
	}{
		"busy":         {429, `{"error":{"code":"TooManyRequests","message":"slow"}}`, http.Header{"Retry-After": {"7"}}, &client.Error{Status: 429, Code: "TooManyRequests", Message: "slow", RetryAfter: 7 * time.Second}, "slow (429 TooManyRequests)"},
		"busy, a date": {503, `{"error":{"code":"ServerBusy","message":"m"}}`, http.Header{"Retry-After": {"Mon, 02 Mar 2026 07:00:00 GMT"}}, &client.Error{Status: 503, Code: "ServerBusy", Message: "m"}, "ServerBusy"},
		"a proxy":      {502, "<html>", nil, nil, "not as a data plane does"},
		"another":      {404, "{}", nil, nil, "not as a data plane does"},
		"elsewhere":    {302, "", http.Header{"Location": {"https://elsewhere.test/"}}, nil, "302"},
		"no JSON":      {200, "[", nil, nil, "unexpected end"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c, err := client.New(client.Options{Endpoint: "https://plant.test", Token: "secret", Transport: transport(func(r *http.Request) *http.Response {
				if r.URL.Host != "plant.test" || r.Header.Get("Authorization") != "Bearer secret" {
					t.Errorf("asked %s as %q", r.URL, r.Header.Get("Authorization"))
				}
				return &http.Response{StatusCode: test.status, Status: fmt.Sprint(test.status), Header: test.header, Body: io.NopCloser(strings.NewReader(test.body)), Request: r}
			})})
			if err != nil {
				t.Fatal(err)
			}
			_, err = c.Receive(t.Context(), orders, 1, 10*time.Second)
			if err == nil || !strings.Contains(err.Error(), test.said) || strings.Contains(err.Error(), "secret") {
				t.Errorf("error %v, want %q", err, test.said)
			}
			if e, ok := errors.AsType[*client.Error](err); test.want != nil || ok {
				if diff := cmp.Diff(test.want, error(e)); diff != "" {
					t.Errorf("refusal (-want +got):\n%s", diff)
				}
			}
		})
	}
}

func TestOptions(t *testing.T) {
	for name, o := range map[string]client.Options{
		"no endpoint":     {Key: "k"},
		"no scheme":       {Endpoint: "plant.test:8443", Key: "k"},
		"another scheme":  {Endpoint: "ftp://plant.test", Key: "k"},
		"nobody":          {Endpoint: "https://plant.test"},
		"two credentials": {Endpoint: "https://plant.test", Key: "k", Token: "t"},
		"no CA":           {Endpoint: "https://plant.test", Key: "k", CA: []byte("none")},
		"readable":        {Endpoint: "http://plant.test", Key: "k"},
	} {
		if _, err := client.New(o); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if s := fmt.Sprint(slog.AnyValue(client.Options{Endpoint: "https://plant.test", Key: "secret"}).Resolve()); strings.Contains(s, "secret") {
		t.Errorf("logged: %s", s)
	}
}

// The CA is trusted; without it nothing is sent.
func TestAuthority(t *testing.T) {
	p := newPlant(t)
	s := httptest.NewUnstartedServer(p)
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	s.StartTLS()
	defer s.Close()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	for name, test := range map[string]struct {
		ca   []byte
		good bool
	}{"with": {ca, true}, "without": {nil, false}} {
		c, err := client.New(client.Options{Endpoint: s.URL, Key: string(p.ns.Keys[1]), CA: test.ca})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		err = c.Publish(ctx, "orders", []json.RawMessage{[]byte(`{"specversion":"1.0","id":"1","source":"/s","type":"t"}`)})
		if (err == nil) != test.good {
			t.Errorf("%s: %v", name, err)
		}
		cancel()
		c.Close()
	}
}
