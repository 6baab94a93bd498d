package push

import (
	"context"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gridmq/delivery"
	"gridmq/internal/outbound"
)

// trusting is Options that trust s.
func trusting(t *testing.T, s *httptest.Server) Options {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return Options{Web: outbound.Options{CAFile: file}}
}

func sendTo(t *testing.T, o Options, url string) answer {
	t.Helper()
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Wait()
	d := &delivery.Destination{WebHook: &delivery.WebHook{URL: url, MaxEvents: 1, PreferredBytes: 1 << 16}}
	x := &target{subscription: "s", origin: "o", hook: d.WebHook}
	return p.send(t.Context(), x, pack(d, []delivery.Attempt{attemptOf(newEvent("1"), 1)})[0])
}

func TestOverTheNetwork(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /in", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.URL.RawQuery != "key=secret" || len(idsOf(body)) != 1 || r.Header["Idempotency-Key"] != nil {
			t.Errorf("got %v %v %s", r.URL, r.Header, body)
		}
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, strings.Repeat("x", 1<<20)) // more than anybody reads
	})
	mux.Handle("/else", http.RedirectHandler("/in?key=secret", http.StatusTemporaryRedirect))
	s := httptest.NewUnstartedServer(mux)
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // it tells of those who do not trust it
	s.StartTLS()
	defer s.Close()
	plain := httptest.NewServer(mux)
	defer plain.Close()
	local := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	const in = "/in?key=secret"
	for name, test := range map[string]struct {
		o    Options
		url  string
		want delivery.Outcome
	}{
		"trusted":            {trusting(t, s), s.URL + in, delivery.Succeeded},
		"not trusted":        {Options{}, s.URL + in, delivery.SocketError},
		"redirect":           {trusting(t, s), s.URL + "/else?key=secret", delivery.Aborted},
		"not there":          {trusting(t, s), s.URL + "/none", delivery.NotFound},
		"plain":              {Options{}, plain.URL + in, delivery.SocketError},
		"plain, meant":       {Options{PlainHTTP: true}, plain.URL + in, delivery.Succeeded},
		"denied":             {Options{PlainHTTP: true, Deny: local}, plain.URL + in, delivery.SocketError},
		"denied by its name": {Options{PlainHTTP: true, Deny: local}, strings.Replace(plain.URL, "127.0.0.1", "localhost", 1) + in, delivery.SocketError},
	} {
		t.Run(name, func(t *testing.T) {
			a := sendTo(t, test.o, test.url)
			if a.outcome != test.want {
				t.Errorf("%v (%d, %v), want %v", a.outcome, a.status, a.err, test.want)
			}
			if a.err != nil && strings.Contains(a.err.Error(), "secret") {
				t.Errorf("the error shows the query: %v", a.err)
			}
			if strings.HasPrefix(name, "denied") && (a.err == nil || !strings.Contains(a.err.Error(), "not allowed")) {
				t.Errorf("not refused for its address: %v", a.err)
			}
		})
	}
}

func TestAddresses(t *testing.T) {
	o := Options{Allow: []netip.Prefix{netip.MustParsePrefix("169.254.7.0/24")}, Deny: []netip.Prefix{netip.MustParsePrefix("10.9.0.0/16")}}
	for text, fine := range map[string]bool{
		"203.0.113.9": true, "10.0.0.1": true, "127.0.0.1": true, "169.254.169.254": false, "::ffff:169.254.169.254": false,
		"64:ff9b::a9fe:a9fe": false, "fe80::1": false, "fe80::1%eth0": false, "169.254.7.7": true, "10.9.1.1": false, "0.0.0.0": false, "::": false,
		"224.0.0.1": false, "ff02::1": false, "168.63.129.16": false, "100.100.100.200": false, "fd00:ec2::254": false, "2001:db8::1": true,
	} {
		if err := o.checkAddress(netip.MustParseAddr(text)); (err == nil) != fine {
			t.Errorf("%s: %v, want fine: %v", text, err, fine)
		}
	}
}

// Section 11, and 18, check 12.
func TestValidate(t *testing.T) {
	for name, test := range map[string]struct {
		status  int
		allowed string
		fine    bool
	}{
		"equal": {200, "Plant.example", true}, "star": {204, "*", true}, "missing": {200, "", false}, "another": {200, "else.example", false},
		"method": {405, "*", true}, "no method": {405, "", false}, "refused": {401, "*", false}, "broken": {500, "*", false}, "redirect": {302, "*", true},
		"a list": {200, "plant.example, x", false},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.e.answer["a"] = func(_ context.Context, c call) (int, http.Header, error) {
					if got := asSpelled(c.header, "WebHook-Request-Origin"); len(got) != 1 || got[0] != "plant.example" {
						t.Errorf("origin %v", got)
					}
					h := http.Header{}
					if test.allowed != "" {
						h.Set("WebHook-Allowed-Origin", test.allowed)
					}
					return test.status, h, nil
				}
				err := w.pool.Validate(t.Context(), "plant.example", to("a").Destination)
				if (err == nil) != test.fine || len(w.e.calls) != 1 {
					t.Errorf("Validate = %v after %d calls, want fine: %v", err, len(w.e.calls), test.fine)
				}
				if err != nil && (strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "aka.ms/esvalidation")) {
					t.Errorf("the error is %q", err)
				}
			})
		})
	}
}

func TestValidateRefuses(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.e.answer["a"] = slow(time.Hour, 200)
		start := time.Now()
		err := w.pool.ValidateEndpoint(t.Context(), "Plant", to("a").Destination)
		if err == nil || time.Since(start) != 30*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		tokens, plain, link := to("a").Destination, to("a").Destination, to("a").Destination
		tokens.WebHook.Application = "A"
		plain.WebHook.URL = "http://a/"
		link.WebHook.URL = "https://169.254.169.254/"
		for name, d := range map[string]*delivery.Destination{
			"an Event Hub": {EventHub: &delivery.EventHub{ResourceID: "/x"}}, "tokens that nobody makes": tokens, "http": plain, "metadata": link,
		} {
			if err := w.pool.Validate(t.Context(), "o", d); err == nil || len(w.e.calls) != 1 {
				t.Errorf("%s: %v after %d calls, want a refusal without one", name, err, len(w.e.calls)-1)
			}
		}
	})
}
