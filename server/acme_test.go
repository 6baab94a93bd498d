package server

import (
	"bytes"
	"context"
	"crypto/tls"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/certmagic"
	"go.uber.org/zap"

	"gridmq/control/namespace"
	"gridmq/internal/authority"
	"gridmq/listener"
)

// How certificates come from a directory is tested with a real one, in test/acme.

// stow puts a certificate where certmagic keeps those of a directory.
func stow(t *testing.T, data, directory, host string, pair *authority.Pair) {
	t.Helper()
	issuer := certmagic.NewACMEIssuer(&certmagic.Config{}, certmagic.ACMEIssuer{CA: directory, Logger: zap.NewNop()}).IssuerKey()
	files := &certmagic.FileStorage{Path: filepath.Join(data, acmeDirectory)}
	for key, text := range map[string][]byte{
		certmagic.StorageKeys.SiteCert(issuer, host): pair.ChainPEM(), certmagic.StorageKeys.SitePrivateKey(issuer, host): pair.KeyPEM(),
		certmagic.StorageKeys.SiteMeta(issuer, host): []byte(`{"sans":["` + host + `"]}`),
	} {
		if err := files.Store(context.Background(), key, text); err != nil {
			t.Fatal(err)
		}
	}
}

// A directory that does not answer costs nothing but certificates: what is on the
// disk is shown from the first handshake on, and the end is as quick as ever.
func TestDirectoryDown(t *testing.T) {
	asked := make(chan struct{}, 100)
	down := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		select {
		case asked <- struct{}{}:
		default:
		}
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer down.Close()
	data, ca := t.TempDir(), filepath.Join(t.TempDir(), "ca.pem")
	write(t, ca, string(pemOf(down.Certificate())))
	old := issue(t, "old.example")
	stow(t, data, down.URL+"/dir", "old.example", old)
	n := run(t, Sources{Flags: flags(data, Assignment{"", "acme.enabled", "true"}, Assignment{"", "acme.accept_terms", "true"},
		Assignment{"", "acme.directory", down.URL + "/dir"}, Assignment{"", "acme.ca_file", ca},
		Assignment{"", "acme.hosts", "old.example,New.example"}, Assignment{"", "management.trust_domains", "true"},
		Assignment{"", "namespaces.plant.profile", "standard"})})
	if got := n.shown(t, "mqtts", "old.example"); !got.Equal(old.Certificate) {
		t.Errorf("old.example shows the certificate of %v", got.DNSNames)
	}
	byDefault := n.shown(t, "wss", "localhost")
	n.setDomains(t, "plant", [2]string{"mqtt.plant.example", ""})
	for _, host := range []string{"new.example", "mqtt.plant.example"} {
		if got := n.shown(t, "wss", host); !got.Equal(byDefault) {
			t.Errorf("%s shows the certificate of %v", host, got.DNSNames)
		}
	}
	select {
	case <-asked:
	case <-time.After(20 * time.Second):
		t.Errorf("the directory was not asked\n%s", n.log)
	}
	if want := []string{"mqtt.plant.example", "new.example", "old.example"}; !n.acme.cares(want...) {
		t.Errorf("ACME cares for %v, want %v", n.acme.hosts, want)
	}
	own := issue(t, "mqtt.plant.example")
	n.setDomains(t, "plant", [2]string{"mqtt.plant.example", both(t, filepath.Join(t.TempDir(), "own.pem"), own)})
	if got := n.shown(t, "wss", "mqtt.plant.example"); !got.Equal(own.Certificate) || !n.acme.cares("new.example", "old.example") {
		t.Errorf("with its own certificate the domain shows that of %v, and ACME cares for %v", got.DNSNames, n.acme.hosts)
	}
	begin := time.Now()
	n.end(t)
	if took := time.Since(begin); took > acmeStop+10*time.Second {
		t.Errorf("the end took %v", took)
	}
	if strings.Contains(n.log.String(), "left to end by itself") {
		t.Errorf("jobs do not end:\n%s", n.log)
	}
}

func (a *acme) cares(hosts ...string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, host := range hosts {
		if a.hosts[host] == nil {
			return false
		}
	}
	return len(a.hosts) == len(hosts)
}

// Hosts come and go; what is renewed is shown; what is no longer wanted is not.
func TestWantAndRenew(t *testing.T) {
	var mu sync.Mutex
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(lockedWriter{&mu, &log}, nil))
	certs := new(listener.Certificates)
	d := newDomains(logger, certs)
	c := Default()
	c.Data, c.ACME.Directory = t.TempDir(), "https://directory.example/d"
	a, err := newACME(&c, logger, d.got)
	if err != nil {
		t.Fatal(err)
	}
	defer a.stop()
	shows := func(host string, want *authority.Pair) {
		t.Helper()
		got, err := certs.Get(&tls.ClientHelloInfo{ServerName: host})
		switch {
		case want == nil && err == nil:
			t.Errorf("%s shows the certificate of %v, want none", host, got.Leaf.DNSNames)
		case want != nil && (err != nil || !got.Leaf.Equal(want.Certificate)):
			t.Errorf("%s: %v, want the certificate of %v", host, err, want.Certificate.DNSNames)
		}
	}
	approved := func(name string) *namespace.Namespace {
		return &namespace.Namespace{HTTPDomains: []namespace.Domain{{Name: name, State: namespace.Approved}}}
	}
	first, second := issue(t, "a.example"), issue(t, "a.example")
	stow(t, c.Data, c.ACME.Directory, "a.example", first)
	stow(t, c.Data, c.ACME.Directory, "c.example", issue(t, "c.example"))
	d.follow("one", approved("a.example"))
	shows("a.example", nil) // ACME is not there yet
	d.issue(a, []string{"B.example."}, func(host string) bool { return host == "c.example" })
	shows("a.example", first)
	d.follow("two", approved("c.example"))
	shows("c.example", nil) // the configuration has one
	if !a.cares("a.example", "b.example") {
		t.Errorf("ACME cares for %v", a.hosts)
	}

	renew := func(host string, pair *authority.Pair) {
		t.Helper()
		stow(t, c.Data, c.ACME.Directory, host, pair)
		key := a.issuer.IssuerKey()
		if err := a.event(t.Context(), "cert_obtained", map[string]any{"renewal": true, "identifier": host,
			"certificate_path": certmagic.StorageKeys.SiteCert(key, host), "private_key_path": certmagic.StorageKeys.SitePrivateKey(key, host)}); err != nil {
			t.Error(err)
		}
	}
	renew("a.example", second)
	shows("a.example", second)
	renew("x.example", issue(t, "x.example"))
	shows("x.example", nil)
	if err := a.event(t.Context(), "cert_obtained", map[string]any{"renewal": true, "identifier": "a.example"}); err != nil {
		t.Error(err)
	}
	shows("a.example", second)
	d.follow("one", nil)
	shows("a.example", nil)
	if !a.cares("b.example") || len(a.cache.AllMatchingCertificates("a.example")) != 0 {
		t.Error("a host that went is still cared for")
	}
	d.reload(func(string) bool { return false })
	if !a.cares("b.example", "c.example") {
		t.Errorf("after the configuration lost its certificate, ACME cares for %v", a.hosts)
	}
	a.stop()
	a.stop()
	d.follow("late", approved("late.example"))
	if _, err := answerChallenge(&tls.ClientHelloInfo{ServerName: "a.example"}); err == nil {
		t.Error("a challenge that nobody made is answered")
	}
	mu.Lock()
	defer mu.Unlock()
	if !strings.Contains(log.String(), "certificate renewed") || strings.Contains(log.String(), "PRIVATE KEY") {
		t.Errorf("the log says:\n%s", log.String())
	}
}

func TestACMENeedsItsRoots(t *testing.T) {
	c := Default()
	c.Data = t.TempDir()
	for name, text := range map[string]string{"missing.pem": "", "empty.pem": "nothing"} {
		c.ACME.CAFile = filepath.Join(c.Data, name)
		if text != "" {
			write(t, c.ACME.CAFile, text)
		}
		if a, err := newACME(&c, slog.New(slog.DiscardHandler), nil); err == nil {
			a.stop()
			t.Errorf("%s is taken for roots", name)
		}
	}
}

func TestLogOfCertmagic(t *testing.T) {
	var log bytes.Buffer
	level := new(slog.LevelVar)
	z := zap.New(slogCore{log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: level}))}).Named("x").With(zap.String("host", "a.example"))
	z.Info("a step")
	z.Debug("a detail")
	z.Error("will retry", zap.Int("attempt", 2), zap.Duration("retrying_in", time.Minute))
	level.Set(slog.LevelDebug)
	z.Info("another step")
	z.Debug("a detail")
	want := []string{`level=WARN msg=acme step="will retry" attempt=2 host=a.example retrying_in=1m0s`, `level=DEBUG msg=acme step="another step" host=a.example`}
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	if len(lines) != len(want) {
		t.Fatalf("logged:\n%s", log.String())
	}
	for i, line := range lines {
		if !strings.HasSuffix(line, want[i]) {
			t.Errorf("line %d is %s, want %s", i, line, want[i])
		}
	}
}

// A lockedWriter may be written to by several.
type lockedWriter struct {
	mu *sync.Mutex
	to *bytes.Buffer
}

func (w lockedWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.to.Write(p)
}
