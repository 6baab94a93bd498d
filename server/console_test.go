package server

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gridmq/control"
	"gridmq/dashboard"
)

// TestConsole: the page is beside the management plane, which goes on as before; its
// policy lets it reach the WebSocket listener; and what it shows is there.
func TestConsole(t *testing.T) {
	data := t.TempDir()
	n := run(t, Sources{Flags: flags(data, Assignment{"", "quickstart.enabled", "true"}, Assignment{"", "domain", "mq.test"})})
	ca, err := os.ReadFile(filepath.Join(data, "tls", "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	token, err := os.ReadFile(filepath.Join(data, TokenFile))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: 20 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	_, port, _ := net.SplitHostPort(n.Addresses()[managementName].Address)
	get := func(path string, headers ...string) (*http.Response, string) {
		t.Helper()
		r, _ := http.NewRequest("GET", "https://localhost:"+port+path, nil)
		for i := 0; i+1 < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		resp, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp, string(b)
	}
	page, text := get("/console/")
	want := http.StatusOK
	if !dashboard.Built() {
		want = http.StatusNotFound
	}
	if page.StatusCode != want || !strings.Contains(text, "GridMQ") {
		t.Errorf("the console: %d %s, want %d", page.StatusCode, text, want)
	}
	_, wss, _ := net.SplitHostPort(n.Addresses()["wss"].Address)
	if csp := page.Header.Get("Content-Security-Policy"); !strings.HasSuffix(csp, "connect-src 'self' wss://localhost:"+wss+" https://localhost:"+wss+
		" wss://127.0.0.1:"+wss+" https://127.0.0.1:"+wss+" wss://*.mq.test:"+wss+" https://*.mq.test:"+wss) {
		t.Errorf("policy %q", csp)
	}
	if resp, _ := get("/", "Accept", "text/html,*/*"); resp.Header.Get("Location") != "/console/" {
		t.Errorf("/ in a browser: %d to %q", resp.StatusCode, resp.Header.Get("Location"))
	}
	for _, path := range []string{"/", "/consoles", "/gridmq/whoami"} {
		if resp, text := get(path); !strings.Contains(text, `"error"`) {
			t.Errorf("%s without a token: %d %s, want the plane's answer", path, resp.StatusCode, text)
		}
	}

	bearer := []string{"Authorization", "Bearer " + strings.TrimSpace(string(token))}
	_, text = get("/gridmq/namespaces/quickstart/addresses", bearer...)
	var addresses struct{ Value []control.Address }
	if err := json.Unmarshal([]byte(text), &addresses); err != nil {
		t.Fatal(err)
	}
	_, mqtts, _ := net.SplitHostPort(n.Addresses()["mqtts"].Address)
	for _, url := range []string{"wss://localhost:" + wss + "/mqtt", "mqtts://localhost:" + mqtts, "wss://quickstart.mq.test:" + wss + "/mqtt"} {
		if !strings.Contains(text, `"`+url+`"`) {
			t.Errorf("addresses %s, want %s among them", text, url)
		}
	}
	_, text = get("/gridmq/metrics?prefix=gridmq_", bearer...)
	for _, name := range []string{"gridmq_messages_received_total", "gridmq_store_commit_wait_seconds", "gridmq_queued_messages"} {
		if !strings.Contains(text, `"`+name+`"`) {
			t.Errorf("metrics without %s: %s", name, text)
		}
	}
	if strings.Contains(text, `"go_`) {
		t.Errorf("metrics with others: %s", text)
	}
	if _, text = get("/gridmq/namespaces/quickstart/eventCounts", bearer...); !strings.Contains(text, `"eventSubscriptions":[{"name"`) {
		t.Errorf("event counts %s, want the topic of the quickstart", text)
	}
}
