package server

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gridmq/broker"
	"gridmq/client"
	"gridmq/gateway"
	"gridmq/identity"
	"gridmq/internal/settings"
	"gridmq/mqtt"
	"gridmq/server/resourcelog"
	"gridmq/session"
)

// records are those of a resource log by category.
func records(t *testing.T, files ...string) (all map[resourcelog.Category][]resourcelog.Record, text string) {
	t.Helper()
	all = map[resourcelog.Category][]resourcelog.Record{}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text += string(b)
		for line := range bytes.Lines(b) {
			var r resourcelog.Record
			if err := json.Unmarshal(line, &r); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			all[r.Category] = append(all[r.Category], r)
		}
	}
	return all, text
}

// TestResourceLog: each category is provoked and found in the log, of which the first part
// was moved away meanwhile.
func TestResourceLog(t *testing.T) {
	file := filepath.Join(t.TempDir(), "resource.log")
	f := newFactory(t, Assignment{"", "log.resource.file", file})

	ca, err := os.ReadFile(f.localCA)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	_, err = client.Connect(t.Context(), client.Options{ClientID: "stranger", Username: "who", Password: []byte("hunter2"),
		Target: client.Target{URL: "mqtts://" + f.Addresses()["mqtts"].Address, TLS: &tls.Config{RootCAs: roots, ServerName: "localhost"}}})
	if err == nil {
		t.Fatal("a stranger is let in")
	}
	if err := os.Rename(file, file+".1"); err != nil {
		t.Fatal(err)
	}
	if err := f.Reload(); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if code, err := f.press.Publish(t.Context(), &client.Message{Topic: "machines/press-9/telemetry", QoS: 1, Payload: []byte("private")}); err == nil && !code.IsError() {
			t.Errorf("publish: %v", code)
		}
	}
	if _, err := f.press.Subscribe(t.Context(), mqtt.Subscription{Filter: "machines/#"}, mqtt.Subscription{Filter: "machines/press-1/commands"}, mqtt.Subscription{Filter: "secrets"}); err != nil && !errors.As(err, new(*mqtt.Error)) {
		t.Log(err) // the client says it as an error
	}
	var answer any
	f.data(f.tenants.Keys(quick)[0], "/eventsubscriptions/all:acknowledge", `{"lockTokens":["no"]}`, &answer)
	f.data("guessedkey", ":publish", "{}", &answer)
	if err := f.console.Disconnect(t.Context(), mqtt.Success); err != nil {
		t.Fatal(err)
	}
	f.press.Close()
	for begun := time.Now(); ; time.Sleep(5 * time.Millisecond) { // else they are ended by the shutdown
		if all, text := records(t, file); len(all[resourcelog.Disconnections]) == 2 {
			break
		} else if time.Since(begun) > 20*time.Second {
			t.Fatalf("two clients have left, the log has\n%s", text)
		}
	}
	f.end(t)

	all, text := records(t, file+".1", file)
	if got := slices.Sorted(maps.Keys(all)); len(got) != 7 {
		t.Fatalf("categories %q in\n%s", got, text)
	}
	for _, list := range all {
		for _, r := range list {
			if _, err := time.Parse("2006-01-02T15:04:05.0000000Z", r.Time); err != nil || r.Location != "local" ||
				!strings.HasSuffix(r.ResourceID, "/PROVIDERS/MICROSOFT.EVENTGRID/NAMESPACES/QUICKSTART") || (r.ResultType == "Failed") != (r.ResultSignature != "") {
				t.Errorf("%+v: %v", r, err)
			}
		}
	}
	one := func(c resourcelog.Category, session string) (found resourcelog.Record) {
		for _, r := range all[c] {
			if r.Properties.SessionName == session {
				return r
			}
		}
		t.Errorf("no %s of %q in\n%s", c, session, text)
		return found
	}
	if r := one(resourcelog.SuccessfulConnections, "press-1"); r.Identity.ClientIdentity != "press-1" || r.Identity.AuthenticationType != "CACertificate" || r.Identity.Authority != "Local" || r.Properties.Protocol != "MQTT5" || r.OperationName != "Microsoft.EventGrid/topicspaces/connect" {
		t.Errorf("%+v", r)
	}
	if r := one(resourcelog.FailedConnections, "stranger"); r.ResultSignature != "AuthenticationError" || r.ResultDescription == "" || r.Identity.ClientIdentity != "who" || len(r.Properties.TraceID) != 26 {
		t.Errorf("%+v", r)
	}
	if r := one(resourcelog.FailedPublishes, "press-1"); r.ResultSignature != "AuthorizationError" || r.ResultDescription != "Topic name 'machines/press-9/telemetry' does not match any topicspaces" ||
		r.Properties.OperationCount != 3 || *r.Properties.QoS != 1 || r.Properties.TopicName != "machines/press-9/telemetry" {
		t.Errorf("%+v", r)
	}
	if r := one(resourcelog.FailedSubscriptions, "press-1"); r.ResultSignature != "AuthorizationError" || !slices.Equal(*r.Properties.TopicFilters, []string{"machines/#", "secrets"}) ||
		r.ResultDescription != "Topic filter 'machines/#', 'secrets' does not match any topicspaces" {
		t.Errorf("%+v", r)
	}
	if r := one(resourcelog.Disconnections, "console"); r.ResultType != "Succeeded" || r.Identity.ClientIdentity != "console" {
		t.Errorf("%+v", r)
	}
	if r := one(resourcelog.Disconnections, "press-1"); r.ResultSignature == "" || r.ResultDescription == "" {
		t.Errorf("%+v", r)
	}
	if r := all[resourcelog.SuccessfulHTTP][0]; r.OperationName != "Microsoft.EventGrid/topics/acknowledge" || r.Identity.AuthenticationType != "SharedAccessKey" ||
		r.Properties.TotalOperations != 1 || r.Properties.CallerIPAddress != "127.0.0.1" || r.Properties.TLSVersion != "1.3" {
		t.Errorf("%+v", r)
	}
	if r := all[resourcelog.FailedHTTP][0]; r.OperationName != "Microsoft.EventGrid/topics/publish" || r.ResultSignature != "AuthnError" || r.Identity.AuthenticationType != "Unknown" {
		t.Errorf("%+v", r)
	}
	for _, bad := range []string{"hunter2", "private", "guessedkey", f.tenants.Keys(quick)[0]} {
		if bad == "" || strings.Contains(text, bad) {
			t.Errorf("the log has %q", bad)
		}
	}
}

// TestSignatures: the classes that the documents name, and no other.
func TestSignatures(t *testing.T) {
	for code, want := range map[mqtt.Code]string{
		mqtt.QuotaExceeded: "QuotaExceeded", mqtt.MessageRateTooHigh: "QuotaExceeded", mqtt.NotAuthorized: "AuthorizationError",
		mqtt.BadUserNameOrPassword: "AuthenticationError", mqtt.TopicFilterInvalid: "ClientError", mqtt.MalformedPacket: "ClientError", mqtt.ServerUnavailable: "ServiceError",
	} {
		if got := signatures[code]; got != want {
			t.Errorf("%v is %s, want %s", code, got, want)
		}
	}
	for err, want := range map[error]string{
		&mqtt.Error{Code: mqtt.NotAuthorized, Err: &identity.Error{Kind: identity.NotAuthorized}}:   "AuthenticationError",
		&mqtt.Error{Code: mqtt.ServerUnavailable, Err: &identity.Error{Kind: identity.Unavailable}}: "ServiceError",
		&mqtt.Error{Code: mqtt.NotAuthorized}:                                                       "AuthorizationError",
		errors.New("what"):                                                                          "ClientError",
	} {
		if got := signatureOf(err); got != want {
			t.Errorf("%#v is %s, want %s", err, got, want)
		}
	}
	for why := session.Refused; why < session.Ended; why++ {
		if l := losses[why]; l.signature == "" || l.description == "" {
			t.Errorf("a message lost because of %d has no class", why)
		}
	}
	for status, want := range map[int]string{0: "ConnectionLost", 400: "ClientError", 401: "AuthnError", 403: "AuthzError", 429: "QuotaExceeded", 503: "ServiceError"} {
		if got := statusSignature(status, ""); got != want {
			t.Errorf("%d is %s, want %s", status, got, want)
		}
	}
}

// TestProtocols: as the dimension of the metrics has them.
func TestProtocols(t *testing.T) {
	for want, v := range map[string]broker.Visit{
		"MQTT3": {Version: mqtt.V311, Transport: "tls"}, "MQTT5": {Version: mqtt.V5, Transport: "tcp"}, "MQTT3-WS": {Version: mqtt.V311, Transport: "ws"},
		"MQTT5-WS": {Version: mqtt.V5, Transport: "wss"}, "http-publish": {Version: mqtt.V5, Transport: broker.ByHTTP},
	} {
		if got := protocolOf(v); got != want {
			t.Errorf("%+v is %s, want %s", v, got, want)
		}
	}
}

// TestNoResourceLog: without the setting, and for what reached no namespace, nothing is made.
func TestNoResourceLog(t *testing.T) {
	(&Server{}).request(gateway.Observation{Namespace: "a", Known: true, Status: 200})
	var out bytes.Buffer
	l, err := resourcelog.Open(resourcelog.Options{Out: &out, Categories: resourcelog.Categories()})
	if err != nil {
		t.Fatal(err)
	}
	(&Server{resources: l}).request(gateway.Observation{Status: 404})
	if l.Close(10 * time.Second); out.Len() != 0 {
		t.Errorf("written: %s", &out)
	}
	for name, change := range map[string]func(*ResourceLog){
		"category": func(c *ResourceLog) { c.Categories = []string{"Everything"} }, "queue": func(c *ResourceLog) { c.Queue = 0 }, "every": func(c *ResourceLog) { c.Every = 0 },
	} {
		c := Default()
		change(&c.Log.Resource)
		checked := settings.New(&c)
		checkResourceLog(&c.Log.Resource, checked)
		if checked.Err() == nil {
			t.Errorf("%s: no problem is told", name)
		}
	}
}

// A listening is an Observer that counts what it is told.
type listening struct{ refused, connected, disconnected int }

func (l *listening) Refused(broker.Visit, error)              { l.refused++ }
func (l *listening) Connected(broker.Visit)                   { l.connected++ }
func (l *listening) Disconnected(broker.Visit, string, error) { l.disconnected++ }

// TestChroniclerTellsOn: who listened before a resource log was written hears the same.
func TestChroniclerTellsOn(t *testing.T) {
	l := &listening{}
	c := chronicler{Observer: l}
	c.Refused(broker.Visit{}, errors.New("no"))
	c.Connected(broker.Visit{})
	c.Disconnected(broker.Visit{}, broker.Crashed, nil)
	if *l != (listening{1, 1, 1}) {
		t.Errorf("told %+v", *l)
	}
}
