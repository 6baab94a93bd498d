package bucket

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gridmq/delivery"
	"gridmq/event"
	"gridmq/internal/outbound"
)

// A shop keeps what it is sent.
type shop struct {
	*httptest.Server
	answer           int
	text             string
	path, query, raw string
	header           http.Header
	body             string
}

func newShop(t *testing.T) *shop {
	s := &shop{answer: http.StatusCreated}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.path, s.query, s.raw, s.header, s.body = r.URL.EscapedPath(), r.URL.RawQuery, r.RequestURI, r.Header, string(body)
		w.WriteHeader(s.answer)
		io.WriteString(w, s.text)
	}))
	t.Cleanup(s.Close)
	return s
}

func file(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

var web = outbound.Options{LoopbackHTTP: true}

func letters(container, topic string) delivery.DeadLetter {
	return delivery.DeadLetter{Namespace: "plant", Topic: topic, Subscription: "billing", To: delivery.DeadLetters{ResourceID: "/x/storageAccounts/acc", Container: container},
		Letters: []delivery.Letter{{Reason: "Event was rejected.", Event: event.Event{ID: "1", Source: "/s", Type: "t"}}}}
}

func TestAzure(t *testing.T) {
	s := newShop(t)
	sas := file(t, "?sv=1&sig=abc%3D\n")
	sink, err := NewAzure(Options{URL: s.URL + "/acc", SASFile: sas, Web: web})
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	if err := sink.Write(t.Context(), letters("dead", "orders")); err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^/acc/dead/plant/orders/billing/\d{4}/\d{1,2}/\d{1,2}/\d{1,2}/[0-9a-f-]{36}\.json$`).MatchString(s.path) || s.query != "sv=1&sig=abc%3D" {
		t.Errorf("path %q, query %q", s.path, s.query)
	}
	if s.header.Get("X-Ms-Blob-Type") != "BlockBlob" || !strings.HasPrefix(s.body, `[{"deadLetterProperties":{`) {
		t.Errorf("header %v, body %s", s.header, s.body)
	}
	if err := os.WriteFile(sas, []byte("sv=2&sig=new"), 0o600); err != nil { // exchanged
		t.Fatal(err)
	}
	if err := sink.Write(t.Context(), letters("..", "a/b?c")); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(s.raw, "/acc/%2E%2E/plant/a%2Fb%3Fc/billing/") || s.query != "sv=2&sig=new" {
		t.Errorf("request for %q: names leave their place", s.raw)
	}
	s.answer, s.text = http.StatusForbidden, "<?xml version=\"1.0\"?><Error><Code>AuthenticationFailed</Code><Message>sig new</Message></Error>"
	err = sink.Write(t.Context(), letters("dead", "orders"))
	if err == nil || !strings.Contains(err.Error(), "403") || !strings.Contains(err.Error(), "AuthenticationFailed") || strings.Contains(err.Error(), "new") {
		t.Errorf("refused: %v", err)
	}
	s.Close()
	if err = sink.Write(t.Context(), letters("dead", "orders")); err == nil || strings.Contains(err.Error(), "sig") {
		t.Errorf("nobody there: %v", err)
	}
}

func TestS3(t *testing.T) {
	s := newShop(t)
	s.answer = http.StatusOK
	sink, err := NewS3(Options{URL: s.URL, Region: "eu-central-1", KeyID: "AKIA", SecretFile: file(t, "hush"), Web: web})
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	if err := sink.Write(t.Context(), letters("dead", "orders")); err != nil {
		t.Fatal(err)
	}
	if a := s.header.Get("Authorization"); !strings.HasPrefix(a, "AWS4-HMAC-SHA256 Credential=AKIA/") || !strings.Contains(a, "/eu-central-1/s3/aws4_request") {
		t.Errorf("Authorization: %s", a)
	}
	if !strings.HasPrefix(s.path, "/dead/plant/orders/billing/") {
		t.Errorf("path %s", s.path)
	}
}

func TestBadOptions(t *testing.T) {
	good := Options{URL: "https://a.example", SASFile: file(t, "sig=1"), Region: "r", KeyID: "k", SecretFile: file(t, "x"), Web: web}
	for name, tt := range map[string]struct {
		change func(*Options)
		want   string
	}{
		"plain http":       {func(o *Options) { o.URL = "http://a.example" }, "https"},
		"query in the URL": {func(o *Options) { o.URL += "?sig=1" }, "file"},
		"no such file":     {func(o *Options) { o.SASFile, o.SecretFile = "/nowhere", "/nowhere" }, "nowhere"},
		"two lines":        {func(o *Options) { o.SASFile, o.SecretFile = file(t, "sig=1\nx"), file(t, "a\nb") }, "one line"},
		"empty":            {func(o *Options) { o.SASFile, o.SecretFile = file(t, ""), file(t, "\n") }, "one line"},
	} {
		o := good
		tt.change(&o)
		for kind, open := range map[string]func(Options) (*Sink, error){"azure": NewAzure, "s3": NewS3} {
			if _, err := open(o); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s, %s: %v, want %q", name, kind, err, tt.want)
			}
		}
	}
	good.SASFile = file(t, "sv=1")
	if _, err := NewAzure(good); err == nil || !strings.Contains(err.Error(), "signature") {
		t.Errorf("no signature: %v", err)
	}
	good.Region = ""
	if _, err := NewS3(good); err == nil || !strings.Contains(err.Error(), "region") {
		t.Errorf("no region: %v", err)
	}
}
