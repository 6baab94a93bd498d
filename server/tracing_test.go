package server

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gridmq/client"
	"gridmq/delivery"
	"gridmq/internal/settings"
	"gridmq/mqtt"
	"gridmq/tracing"
)

// A span as a collector reads it.
type span struct {
	TraceID, SpanID, ParentSpanID, TraceState, Name string
	Kind                                            int
	Attributes                                      []struct {
		Key   string
		Value struct{ StringValue, IntValue string }
	}
	Status struct{ Code int }
}

func (s *span) value(key string) string {
	for _, a := range s.Attributes {
		if a.Key == key {
			return a.Value.StringValue + a.Value.IntValue
		}
	}
	return ""
}

// A collector is what OTLP over HTTP needs of one.
type collector struct {
	*httptest.Server
	mu     sync.Mutex
	spans  []span
	raw    string
	header http.Header
}

func newCollector(t *testing.T) *collector {
	t.Helper()
	c := &collector{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var raw json.RawMessage
		var in struct {
			ResourceSpans []struct{ ScopeSpans []struct{ Spans []span } }
		}
		if err := json.NewDecoder(r.Body).Decode(&raw); err != nil || json.Unmarshal(raw, &in) != nil || r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("a request to %s that is not OTLP: %v", r.URL, err)
			return
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.raw += string(raw)
		c.header = r.Header
		for _, one := range in.ResourceSpans {
			for _, two := range one.ScopeSpans {
				c.spans = append(c.spans, two.Spans...)
			}
		}
		_, _ = w.Write([]byte("{}"))
	}))
	t.Cleanup(c.Close)
	return c
}

// wait waits for spans with these names, each once, and returns them by name.
func (c *collector) wait(t *testing.T, names ...string) map[string]span {
	t.Helper()
	slices.Sort(names)
	for begun := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		c.mu.Lock()
		all, have := map[string]span{}, []string(nil)
		for _, s := range c.spans {
			all[s.Name] = s
			have = append(have, s.Name)
		}
		c.mu.Unlock()
		if slices.Sort(have); slices.Equal(have, names) {
			return all
		}
		if time.Since(begun) > 20*time.Second {
			t.Fatalf("spans %q, want %q", have, names)
		}
	}
}

// pushTo makes an event subscription of the quickstart's topic to a webhook of this machine.
func (f *factory) pushTo(address string) {
	f.t.Helper()
	err := f.events.SetSubscription(quick, "telemetry", delivery.Subscription{Name: "hook", Created: 1, Mode: delivery.Push, MaxDeliveryCount: 10,
		Destination: &delivery.Destination{WebHook: &delivery.WebHook{URL: address, MaxEvents: 1, PreferredBytes: 64 << 10}}})
	if err != nil {
		f.t.Fatal(err)
	}
}

// TestOneTrace: from the PUBLISH of a device through its route to the webhook it is one
// trace, each step below the one before; the webhook and the subscriber can go on with it,
// and nothing secret is in it.
func TestOneTrace(t *testing.T) {
	const trace, device = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	const parent, state = "00-" + trace + "-" + device + "-01", "plant=1"
	secret := filepath.Join(t.TempDir(), "key")
	write(t, secret, "s3cret\n")
	col := newCollector(t)
	type got struct {
		header http.Header
		event  struct{ Traceparent, Tracestate string }
	}
	requests := make(chan got, 10)
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		g := got{header: r.Header}
		if err := json.NewDecoder(r.Body).Decode(&g.event); err != nil {
			t.Error(err)
		}
		requests <- g
	}))
	defer hook.Close()
	f := newFactory(t, Assignment{"", "tracing.endpoint", col.URL}, Assignment{"", "tracing.ratio", "0"},
		Assignment{"", "tracing.headers", "X-Api-Key=file:" + secret}, Assignment{"", "webhooks.plain_http", "true"})
	f.pushTo(hook.URL + "/in?code=hooksecret")
	arrived := make(chan *client.Message, 1)
	f.enterAs(client.Options{ClientID: "console", OnMessage: func(m *client.Message) { arrived <- m }}, f.pair("console"), "machines/+/telemetry")

	m := &client.Message{Topic: "machines/press-1/telemetry", QoS: 1, Payload: []byte(`{"payload":"private"}`)}
	m.Properties.UserProperties = []mqtt.UserProperty{{Name: "a", Value: "b"}, {Name: tracing.ParentField, Value: parent}, {Name: tracing.StateField, Value: state}}
	m.Properties.Mark(mqtt.PropUserProperty)
	if _, err := f.press.Publish(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if got := (<-arrived).Properties.UserProperties; !slices.Equal(got, m.Properties.UserProperties) {
		t.Errorf("the subscriber has the user properties %v, want %v", got, m.Properties.UserProperties)
	}
	all := col.wait(t, "receive PUBLISH", "route", "deliver", "POST")
	publish, route, deliver, post := all["receive PUBLISH"], all["route"], all["deliver"], all["POST"]
	for name, link := range map[string][2]string{
		"device to publish": {device, publish.ParentSpanID}, "publish to route": {publish.SpanID, route.ParentSpanID},
		"route to deliver": {route.SpanID, deliver.ParentSpanID}, "deliver to POST": {deliver.SpanID, post.ParentSpanID},
	} {
		if link[0] != link[1] {
			t.Errorf("%s: the parent is %q, want %q", name, link[1], link[0])
		}
	}
	for name, s := range all {
		if s.TraceID != trace || s.TraceState != state || s.Status.Code != 0 {
			t.Errorf("%s: %+v", name, s)
		}
	}
	if publish.Kind != int(tracing.Consumer) || deliver.Kind != int(tracing.Producer) || post.Kind != int(tracing.Client) ||
		publish.value("messaging.destination.name") != m.Topic || publish.value("messaging.client.id") != "press-1" ||
		deliver.value("gridmq.subscription") != "hook" || post.value("http.response.status_code") != "200" {
		t.Errorf("spans %+v", all)
	}
	request := <-requests
	if want := "00-" + trace + "-" + post.SpanID + "-01"; request.header.Get("traceparent") != want || request.header.Get("tracestate") != state {
		t.Errorf("the webhook has %q, %q; want %q", request.header.Get("traceparent"), request.header.Get("tracestate"), want)
	}
	if want := "00-" + trace + "-" + route.SpanID + "-01"; request.event.Traceparent != want || request.event.Tracestate != state {
		t.Errorf("the event has %+v, want %q", request.event, want)
	}
	col.mu.Lock()
	defer col.mu.Unlock()
	if col.header.Get("X-Api-Key") != "s3cret" {
		t.Errorf("the collector is sent %v", col.header)
	}
	for _, bad := range []string{"private", "hooksecret", "s3cret", "code="} {
		if strings.Contains(col.raw, bad) {
			t.Errorf("spans have %q: %s", bad, col.raw)
		}
	}
}

// TestContextWithoutTracing: contexts go on as they came when nothing is recorded.
func TestContextWithoutTracing(t *testing.T) {
	const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	headers := make(chan http.Header, 1)
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { headers <- r.Header }))
	defer hook.Close()
	f := newFactory(t, Assignment{"", "webhooks.plain_http", "true"})
	f.pushTo(hook.URL)
	m := &client.Message{Topic: "machines/press-1/telemetry", QoS: 1}
	m.Properties.UserProperties = []mqtt.UserProperty{{Name: tracing.ParentField, Value: parent}}
	m.Properties.Mark(mqtt.PropUserProperty)
	if _, err := f.press.Publish(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if h := <-headers; h.Get("traceparent") != parent {
		t.Errorf("the webhook has %q", h.Get("traceparent"))
	}
}

// TestCheckTracing: what is wrong is said at start, and shows no secret.
func TestCheckTracing(t *testing.T) {
	tests := map[string]struct {
		change func(*Tracing)
		want   string // part of the problem; empty: none
	}{
		"off":                {func(c *Tracing) { c.Endpoint = "" }, ""},
		"a collector":        {func(*Tracing) {}, ""},
		"no URL":             {func(c *Tracing) { c.Endpoint = "collector:4317" }, "tracing.endpoint"},
		"a password":         {func(c *Tracing) { c.Endpoint = "https://me:s3cret@c" }, "tracing.endpoint"},
		"ratio":              {func(c *Tracing) { c.Ratio = 1.5 }, "tracing.ratio"},
		"no queue":           {func(c *Tracing) { c.Queue = 0 }, "tracing"},
		"a secret":           {func(c *Tracing) { c.Headers = []string{"Authorization=s3cret"} }, "want NAME=file:PATH"},
		"a header":           {func(c *Tracing) { c.Headers = []string{"Authorization=env:OTLP"} }, ""},
		"a header, readable": {func(c *Tracing) { c.Endpoint, c.Headers = "http://c:4318", []string{"A=env:OTLP"} }, "want https"},
		"a header, here":     {func(c *Tracing) { c.Endpoint, c.Headers = "http://localhost:4318", []string{"A=env:OTLP"} }, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := Default()
			c.Tracing.Endpoint = "https://collector:4318"
			test.change(&c.Tracing)
			l := settings.New(&c)
			checkTracing(&c.Tracing, l)
			said := ""
			if err := l.Err(); err != nil {
				said = err.Error()
			}
			if (said == "") != (test.want == "") || !strings.Contains(said, test.want) || strings.Contains(said, "s3cret") {
				t.Errorf("%q, want %q", said, test.want)
			}
		})
	}
}

// TestTracingHeaders: values are read where they are, each time.
func TestTracingHeaders(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	t.Setenv("OTLP_TENANT", "plant")
	c := Tracing{Headers: []string{"Authorization=file:" + file, "X-Scope-OrgID=env:OTLP_TENANT"}}
	if _, err := c.headers(); err == nil {
		t.Error("no error without the file")
	}
	for _, token := range []string{"Bearer one", "Bearer two"} {
		write(t, file, token+"\n")
		if h, err := c.headers(); err != nil || h.Get("Authorization") != token || h.Get("X-Scope-OrgID") != "plant" {
			t.Errorf("%v, %v", h, err)
		}
	}
	if err := os.WriteFile(file, []byte("two\nlines"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := c.headers(); err == nil || strings.Contains(err.Error(), "two") {
		t.Errorf("a value of two lines: %v", err)
	}
}
