package server

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"gridmq/client"
	"gridmq/mqtt"
)

// data asks the HTTP data plane of the quickstart.
func (f *factory) data(key, operation, body string, into any) (status int) {
	f.t.Helper()
	ca, err := os.ReadFile(f.localCA)
	if err != nil {
		f.t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	r, err := http.NewRequestWithContext(f.t.Context(), http.MethodPost, "https://"+f.Addresses()["wss"].Address+"/topics/telemetry"+operation+"?api-version=2024-06-01&maxWaitTime=10", strings.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	r.Header.Set("Authorization", "SharedAccessKey "+key)
	r.Header.Set("Content-Type", "application/json")
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "localhost"}}
	defer transport.CloseIdleConnections()
	answer, err := (&http.Client{Transport: transport}).Do(r)
	if err != nil {
		f.t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	if err := json.NewDecoder(bytes.NewReader(b)).Decode(into); err != nil {
		f.t.Fatalf("%s: %d %s", operation, answer.StatusCode, b)
	}
	return answer.StatusCode
}

// A message of the quickstart becomes an event with enrichments, which is received and
// acknowledged over HTTP; both are in the metrics.
func TestMessageBecomesEvent(t *testing.T) {
	f := newFactory(t)
	m := &client.Message{Topic: "machines/press-1/telemetry", QoS: 1, Payload: []byte(`{"temperature":71}`)}
	m.Properties.ContentType = "application/json"
	m.Properties.Mark(mqtt.PropContentType)
	if _, err := f.press.Publish(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Value []struct {
			BrokerProperties struct{ LockToken string }
			Event            struct {
				Type, Source, Subject, Machine string
				Hall                           int
				Data                           struct{ Temperature int }
			}
		}
	}
	if status := f.data(f.tenants.Keys(QuickstartNamespace)[0], "/eventsubscriptions/all:receive", "", &got); status != http.StatusOK || len(got.Value) != 1 {
		t.Fatalf("receive: %d, %d events", status, len(got.Value))
	}
	e := got.Value[0].Event
	if e.Type != "MQTT.EventPublished" || e.Source != "quickstart" || e.Subject != m.Topic || e.Machine != "press-1" || e.Hall != 4 || e.Data.Temperature != 71 {
		t.Errorf("event %+v", e)
	}
	var settled struct{ SucceededLockTokens []string }
	tokens, _ := json.Marshal(map[string]any{"lockTokens": []string{got.Value[0].BrokerProperties.LockToken}})
	if f.data(f.tenants.Keys(QuickstartNamespace)[0], "/eventsubscriptions/all:acknowledge", string(tokens), &settled); len(settled.SucceededLockTokens) != 1 {
		t.Errorf("acknowledged %q", settled.SucceededLockTokens)
	}
	for _, line := range []string{
		"gridmq_messages_routed_total 1",
		`gridmq_events_published_total{namespace="quickstart",topic="telemetry"} 1`,
		`gridmq_events_acknowledged_total{namespace="quickstart",subscription="all",topic="telemetry"} 1`,
		`gridmq_http_requests_total{operation="acknowledge",status="200"} 1`,
	} {
		counted := func() bool { // a request after it was answered
			_, metrics := f.get(t, "/metrics")
			return strings.Contains(metrics, line+"\n")
		}
		for begun := time.Now(); !counted(); time.Sleep(10 * time.Millisecond) {
			if time.Since(begun) > 10*time.Second {
				t.Fatalf("metrics lack %s", line)
			}
		}
	}
}

// Who has no key is told so, and nothing else.
func TestDataPlaneIsClosed(t *testing.T) {
	f := newFactory(t)
	var refused struct{ Error struct{ Code string } }
	if status := f.data("guessed", ":publish", "{}", &refused); status != http.StatusUnauthorized || refused.Error.Code != "Unauthorized" {
		t.Errorf("%d %+v", status, refused)
	}
}

// What CheckStore reads: the events of topics too.
func TestCheckStoreReadsEvents(t *testing.T) {
	f := newFactory(t)
	for range 3 {
		if _, err := f.press.Publish(t.Context(), &client.Message{Topic: "machines/press-1/telemetry", QoS: 1}); err != nil {
			t.Fatal(err)
		}
	}
	f.press.Close()
	f.console.Close()
	f.end(t)
	if r, err := CheckStore(f.cfg.Data, false); err != nil || r.Entries < 3 {
		t.Errorf("%d entries read, %v; want the 3 events at least", r.Entries, err)
	}
}
