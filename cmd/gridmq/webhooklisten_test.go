package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"gridmq/internal/authority"
)

// A hook is a running gridmq webhook-listen.
type hook struct {
	t    *testing.T
	url  string
	out  bytes.Buffer // read it after stop
	errs <-chan string
	stop func() error
}

func newHook(t *testing.T, line string, more ...string) *hook {
	t.Helper()
	h := &hook{t: t}
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	cmd := newRootCmd()
	cmd.SetArgs(append(strings.Fields("webhook-listen --listen 127.0.0.1:0 "+line), more...))
	cmd.SetOut(&h.out)
	cmd.SetErr(w)
	ended := make(chan error, 1)
	go func() { err := cmd.ExecuteContext(ctx); w.Close(); ended <- err }()
	lines := make(chan string, 100)
	go func() { // ends with the command
		defer close(lines)
		for s := bufio.NewScanner(r); s.Scan(); {
			lines <- s.Text()
		}
	}()
	h.errs = lines
	h.stop = func() error { cancel(); return <-ended }
	t.Cleanup(cancel)
	first, told := <-lines
	if !told {
		t.Fatalf("it ended: %v", <-ended)
	}
	h.url = regexp.MustCompile(`https?://[^,]*`).FindString(first)
	return h
}

func (h *hook) ask(c *http.Client, method, body string, headers ...string) *http.Response {
	h.t.Helper()
	r, err := http.NewRequestWithContext(h.t.Context(), method, h.url, strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	answer, err := c.Do(r)
	if err != nil {
		h.t.Fatal(err)
	}
	answer.Body.Close()
	return answer
}

const (
	oneEvent   = `{"specversion":"1.0","id":"o-1","source":"/shop/7","type":"shop.order.placed","subject":"orders/17` + "\u0085" + `","data":{"total": 19.9, "note": "abc"}}`
	structured = "application/cloudevents+json; charset=utf-8"
)

func TestWebhookListen(t *testing.T) {
	h := newHook(t, "--path /events --fail-first 1 --width 70")
	if !strings.HasSuffix(h.url, "/events") || !strings.Contains(<-h.errs, "plain http") {
		t.Errorf("it does not say that %s is plain", h.url)
	}
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second}
	if a := h.ask(c, "OPTIONS", "", "WebHook-Request-Origin", "plant.example"); a.Header.Get("WebHook-Allowed-Origin") != "plant.example" {
		t.Errorf("handshake: %s %v", a.Status, a.Header)
	}
	for count, want := range []int{503, 200} {
		if a := h.ask(c, "POST", oneEvent, "Content-Type", structured, "aeg-delivery-count", string(rune('0'+count))); a.StatusCode != want {
			t.Errorf("delivery %d: %s", count, a.Status)
		}
	}
	h.ask(c, "GET", "")
	if err := h.stop(); err != nil {
		t.Errorf("it ended: %v", err)
	}
	want := regexp.MustCompile(`^\d\d:\d\d:\d\d\.\d{3}  0  \[503\] shop.order.placed  orders/17\x{fffd}  \{"total":19.9\.\.\.
\d\d:\d\d:\d\d\.\d{3}  1  shop.order.placed  orders/17\x{fffd}  \{"total":19.9,"note\.\.\.
$`)
	if !want.MatchString(h.out.String()) {
		t.Errorf("it printed\n%s", h.out.String())
	}
	if s := <-h.errs; s != "refused GET /events: 405, want OPTIONS or POST" {
		t.Errorf("refused: %q", s)
	}
	if s := <-h.errs; s != "events 2 in deliveries 2: 1 answered 200, 1 answered 503; handshakes 1, refused 1" {
		t.Errorf("summary: %q", s)
	}
}

func TestWebhookListenSecure(t *testing.T) {
	data := t.TempDir()
	ca, err := authority.NewCA(authority.CAOptions{})
	if err == nil {
		err = ca.Save(filepath.Join(data, "tls"), false)
	}
	if err != nil {
		t.Fatal(err)
	}
	h := newHook(t, "--json --tls --host hooks.test --data", data)
	if !strings.HasPrefix(h.url, "https://hooks.test:") {
		t.Fatalf("URL %s", h.url)
	}
	h.url = strings.Replace(h.url, "hooks.test", "127.0.0.1", 1)
	roots := x509.NewCertPool()
	roots.AddCert(ca.Certificate)
	c := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "hooks.test"}}}
	if a := h.ask(c, "POST", "["+oneEvent+"]", "Content-Type", "application/cloudevents-batch+json", "aeg-subscription-name", "alarms"); a.StatusCode != 200 {
		t.Errorf("delivery: %s", a.Status)
	}
	if err := h.stop(); err != nil {
		t.Errorf("it ended: %v", err)
	}
	for _, want := range []string{`"subscription":"alarms"`, `"status":200`, `"event":{"specversion":"1.0","id":"o-1"`} {
		if !strings.Contains(h.out.String(), want) {
			t.Errorf("it printed %s, without %s", h.out.String(), want)
		}
	}
}

func TestWebhookListenRefusals(t *testing.T) {
	for line, want := range map[string]string{
		"--path events":         "want a path",
		"--fail 200":            "want 300 to 599",
		"--fail-first 0":        "want 1 or more",
		"--slow 1h":             "want 0 to 5m0s",
		"--cert a":              "belong together",
		"--cert a --key b":      "no such file",
		"--tls --cert a":        "belong together",
		"--tls --data nowhere":  "there is no CA in nowhere/tls",
		"--host a":              "--host is for --tls",
		"--listen 256.0.0.1:80": "--listen 256.0.0.1:80",
		"--width 3":             "want 40 or more",
	} {
		cmd := newRootCmd()
		cmd.SetArgs(append([]string{"webhook-listen"}, strings.Fields(line)...))
		cmd.SetErr(io.Discard)
		if err := cmd.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", line, err, want)
		}
	}
}
