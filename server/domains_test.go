package server

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"gridmq/control/namespace"
	"gridmq/internal/authority"
	"gridmq/listener"
	"gridmq/mqtt"
)

// A zone is a DNS with TXT records in the test's hands.
type zone struct {
	mu      sync.Mutex
	records map[string][]string
	err     error
}

// LookupTXT implements control.Resolver.
func (z *zone) LookupTXT(_ context.Context, name string) ([]string, error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	if z.err != nil {
		return nil, z.err
	}
	if texts, there := z.records[name]; there {
		return texts, nil
	}
	return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
}

func (z *zone) set(name, text string, err error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.err = err
	if z.records == nil {
		z.records = map[string][]string{}
	}
	delete(z.records, name)
	if text != "" {
		z.records[name] = []string{"v=spf1 -all", text}
	}
}

// below is the path of a namespace, or of something below it.
func below(ns, more string) string {
	const none = "00000000-0000-0000-0000-000000000000"
	return "/subscriptions/" + none + "/resourceGroups/gridmq/providers/Microsoft.EventGrid/namespaces/" + ns + more
}

// manage asks the management plane, as the local operator unless token says another.
func (n *node) manage(t *testing.T, token, method, path, body string) (status int, text string) {
	t.Helper()
	if token == "" {
		b, err := os.ReadFile(filepath.Join(n.cfg.Data, TokenFile))
		if err != nil {
			t.Fatal(err)
		}
		token = strings.TrimSpace(string(b))
	}
	req, err := http.NewRequest(method, n.Addresses()[managementName].URL+path+"?api-version=2025-11-15-preview", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}
	resp, err := (&http.Client{Transport: transport, Timeout: 20 * time.Second}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// must asks and wants success.
func (n *node) must(t *testing.T, method, path, body string) string {
	t.Helper()
	status, text := n.manage(t, "", method, path, body)
	if status/100 != 2 {
		t.Fatalf("%s %s: %d %s\n%s", method, path, status, text, n.log)
	}
	return text
}

// setDomains gives a namespace custom domains for MQTT, with the URLs of their
// certificates, and returns what the plane says of the first.
func (n *node) setDomains(t *testing.T, ns string, domains ...[2]string) (state, txtName, txt string) {
	t.Helper()
	list := []map[string]string{}
	for _, d := range domains {
		list = append(list, map[string]string{"fullyQualifiedDomainName": d[0], "certificateUrl": d[1]})
	}
	type spaces struct {
		CustomDomains any `json:"customDomains"`
	}
	body, err := json.Marshal(map[string]any{"properties": map[string]any{"topicSpacesConfiguration": spaces{list}}})
	if err != nil {
		t.Fatal(err)
	}
	n.must(t, "PATCH", below(ns, ""), string(body))
	var answer struct {
		Properties struct {
			TopicSpacesConfiguration struct {
				CustomDomains []struct{ ValidationState, ExpectedTxtRecordName, ExpectedTxtRecordValue string }
			}
		}
	}
	if err := json.Unmarshal([]byte(n.must(t, "GET", below(ns, ""), "")), &answer); err != nil {
		t.Fatal(err)
	}
	all := answer.Properties.TopicSpacesConfiguration.CustomDomains
	if len(all) != len(domains) {
		t.Fatalf("%d domains are shown, want %d", len(all), len(domains))
	}
	if len(all) == 0 {
		return "", "", ""
	}
	return all[0].ValidationState, all[0].ExpectedTxtRecordName, all[0].ExpectedTxtRecordValue
}

// shown is the certificate that a listener shows for a name.
func (n *node) shown(t *testing.T, name, host string) *x509.Certificate {
	t.Helper()
	c, err := tls.Dial("tcp", n.Addresses()[name].Address, &tls.Config{InsecureSkipVerify: true, ServerName: host})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.ConnectionState().PeerCertificates[0]
}

// issue makes a server certificate.
func issue(t testing.TB, hosts ...string) *authority.Pair {
	t.Helper()
	ca, err := authority.NewCA(authority.CAOptions{Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	pair, err := ca.NewServer(hosts, authority.LeafOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

// both writes chain and key into one file and returns its URL.
func both(t *testing.T, file string, pair *authority.Pair) string {
	t.Helper()
	write(t, file, string(pair.ChainPEM())+string(pair.KeyPEM()))
	return "file://" + file
}

// A domain on its way: asked for, proven, served with its certificate, renewed, gone.
func TestCustomDomain(t *testing.T) {
	const host = "mqtt.plant.example"
	dns, data, file := &zone{}, t.TempDir(), filepath.Join(t.TempDir(), "mqtt.pem")
	sources := Sources{Flags: flags(data, Assignment{"", "listeners.mqtts.namespace", "default"}, Assignment{"", "namespaces.plant.profile", "standard"},
		Assignment{"", "namespaces.other.profile", "standard"})}
	resolve := func(o *Options) { o.Resolver = dns }
	n := run(t, sources, resolve)
	byDefault := n.shown(t, "mqtts", "localhost")
	first := issue(t, host)
	url := both(t, file, first)
	leads := func(want string) {
		t.Helper()
		got, ok := n.tenants.ByHost(host)
		if got != want || ok != (want != "") {
			t.Errorf("%s leads to %q, want %q", host, got, want)
		}
	}
	shows := func(want *x509.Certificate) {
		t.Helper()
		for _, name := range []string{"mqtts", "wss"} {
			if got := n.shown(t, name, host); !got.Equal(want) {
				t.Errorf("%s shows the certificate of %v, %v, want that of %v", name, got.DNSNames, got.SerialNumber, want.DNSNames)
			}
		}
	}
	want := func(step, want string, state string) {
		t.Helper()
		if state != want {
			t.Fatalf("%s: the domain is %q, want %q", step, state, want)
		}
	}

	state, name, txt := n.setDomains(t, "plant", [2]string{host, url})
	want("asked for", namespace.Pending, state)
	if name != "_eg."+host || len(txt) < 20 {
		t.Fatalf("the proof is %q in %q", txt, name)
	}
	leads("")
	shows(byDefault)
	if status, text := n.manage(t, "", "PATCH", below("other", ""),
		`{"properties":{"topicSpacesConfiguration":{"customDomains":[{"fullyQualifiedDomainName":"`+host+`"}]}}}`); status != 409 && status != 400 {
		t.Errorf("the domain of another namespace: %d %s", status, text)
	}

	dns.set(name+".", "", &net.DNSError{Err: "server misbehaving", IsTemporary: true})
	state, _, _ = n.setDomains(t, "plant", [2]string{host, url})
	want("no answer", namespace.NoAnswer, state)
	dns.set(name+".", "something else", nil)
	state, _, again := n.setDomains(t, "plant", [2]string{host, url})
	want("wrong text", namespace.Pending, state)
	if again != txt {
		t.Errorf("the text was %q and is %q now", txt, again)
	}
	leads("")

	dns.set(name+".", txt, nil)
	n.must(t, "POST", below("plant", "/validateCustomDomainOwnership"), "")
	leads("plant")
	shows(first.Certificate)
	if ack := n.dial(t, "mqtts", "localhost").login(t, "elsewhere"); ack.Code != mqtt.NotAuthorized {
		t.Errorf("localhost: %v", ack.Code)
	}
	p := n.dialAny(t, "mqtts", host)
	if ack := p.login(t, "press-1"); ack.Code != mqtt.NotAuthorized {
		t.Errorf("%s: %v", host, ack.Code)
	}
	for ns, client := range map[string]string{"plant": "press-1", "default": "elsewhere"} {
		listed := func() bool { // after the client was told
			return strings.Contains(n.must(t, "GET", "/gridmq/namespaces/"+ns+"/refused", ""), client)
		}
		for begun := time.Now(); !listed(); time.Sleep(10 * time.Millisecond) {
			if time.Since(begun) > 10*time.Second {
				t.Fatalf("the refusals of %s lack %s", ns, client)
			}
		}
	}

	second := issue(t, host)
	both(t, file, second) // renewed
	shows(first.Certificate)
	if err := n.Reload(); err != nil {
		t.Fatal(err)
	}
	shows(second.Certificate)
	write(t, file, "half a file")
	if err := n.Reload(); err != nil {
		t.Errorf("the certificate of a tenant stops the reload: %v", err)
	}
	shows(second.Certificate)
	if !strings.Contains(n.log.String(), "certificate of a custom domain not read") || strings.Contains(n.log.String(), "PRIVATE") {
		t.Errorf("the log says:\n%s", n.log)
	}
	third := issue(t, host)
	both(t, file, third)
	n.setDomains(t, "plant", [2]string{host, url}) // as it is
	n.must(t, "PATCH", below("plant", ""), `{"tags":{"a":"b"}}`)
	shows(third.Certificate)

	n.end(t)
	n = run(t, sources, resolve) // and it is there from the first handshake on
	shows(third.Certificate)
	leads("plant")
	byDefault = n.shown(t, "mqtts", "localhost")
	n.setDomains(t, "plant")
	leads("")
	shows(byDefault)
}

// dialAny is dial for a name whose certificate is of anybody.
func (n *node) dialAny(t *testing.T, name, host string) *peer {
	t.Helper()
	nc, err := tls.Dial("tcp", n.Addresses()[name].Address, &tls.Config{InsecureSkipVerify: true, ServerName: host})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	if err := nc.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return &peer{Conn: nc}
}

// Hosts of several namespaces, one of which has no certificate that can be read.
func TestDomainsOfSeveralNamespaces(t *testing.T) {
	var log bytes.Buffer
	certs := new(listener.Certificates)
	d := newDomains(slog.New(slog.NewTextHandler(&log, nil)), certs)
	dir := t.TempDir()
	ns := func(list ...namespace.Domain) *namespace.Namespace { return &namespace.Namespace{MQTTDomains: list} }
	domain := func(name, state string) namespace.Domain {
		return namespace.Domain{Name: name, State: state, CertificateURL: both(t, filepath.Join(dir, name), issue(t, name))}
	}
	shows := func(host, want string) {
		t.Helper()
		cert, err := certs.Get(&tls.ClientHelloInfo{ServerName: host, SupportedVersions: []uint16{tls.VersionTLS13},
			SignatureSchemes: []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256}, SupportedCurves: []tls.CurveID{tls.CurveP256}})
		if got := err == nil; got != (want != "") {
			t.Fatalf("%s: %v, want %q", host, err, want)
		}
		if err == nil && cert.Leaf.DNSNames[0] != want {
			t.Errorf("%s gets the certificate of %v, want %s", host, cert.Leaf.DNSNames, want)
		}
	}
	a, b, pending := domain("a.example", namespace.Approved), domain("b.example", namespace.Approved), domain("p.example", namespace.Pending)
	vault := namespace.Domain{Name: "v.example", State: namespace.Approved, CertificateURL: "https://v.vault.azure.net/certificates/c"}
	d.follow("one", ns(a, pending))
	d.follow("two", ns(b, vault))
	for host, want := range map[string]string{"a.example": "a.example", "b.example": "b.example", "p.example": "", "v.example": ""} {
		shows(host, want)
	}
	if !strings.Contains(log.String(), "vaults") {
		t.Errorf("the log does not tell of the vault: %s", log.String())
	}
	if err := os.Remove(filepath.Join(dir, "a.example")); err != nil {
		t.Fatal(err)
	}
	d.reload(func(string) bool { return false })
	shows("a.example", "a.example") // the one there was
	moved := a
	moved.CertificateURL += ".elsewhere"
	d.follow("one", ns(moved))
	shows("a.example", "") // another place: the old one is not what was asked for
	d.follow("two", nil)
	shows("b.example", "")
	d.follow("three", ns())
	if len(d.spaces) != 1 || len(d.own) != 0 {
		t.Errorf("left are %v, %v", d.spaces, d.own)
	}
}

func TestReadDomain(t *testing.T) {
	const host = "mqtt.plant.example"
	dir := t.TempDir()
	good, other := issue(t, host), issue(t, "other.example")
	wild := issue(t, "*.plant.example")
	at := func(name string, parts ...[]byte) string {
		path := filepath.Join(dir, name)
		write(t, path, string(bytes.Join(parts, nil)))
		return "file://" + path
	}
	at("beside.key", good.KeyPEM())
	at("named-key.pem", good.KeyPEM())
	at("foreign.key", other.KeyPEM())
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct{ url, want string }{
		"together":         {at("together.pem", good.ChainPEM(), good.KeyPEM()), ""},
		"key first":        {at("first.pem", good.KeyPEM(), good.ChainPEM()), ""},
		"beside":           {at("beside.pem", good.ChainPEM()), ""},
		"beside, -key.pem": {at("named.pem", good.ChainPEM()), ""},
		"wildcard":         {at("wild.pem", wild.ChainPEM(), wild.KeyPEM()), ""},
		"localhost":        {strings.Replace(at("local.pem", good.ChainPEM(), good.KeyPEM()), "file://", "file://localhost", 1), ""},
		"escaped":          {strings.Replace(at("a b.pem", good.ChainPEM(), good.KeyPEM()), " ", "%20", 1), ""},
		"no key":           {at("alone.pem", good.ChainPEM()), "no key"},
		"another key":      {at("foreign.pem", good.ChainPEM()), "private key does not match"},
		"another host":     {at("other.pem", other.ChainPEM(), other.KeyPEM()), "is valid for other.example"},
		"no certificate":   {at("key.pem", good.KeyPEM()), "did find a private key"},
		"garbage":          {at("garbage.pem", []byte("PRIVATE KEY-----")), "PEM"},
		"too large":        {at("large.pem", bytes.Repeat([]byte("x"), maxPEM+1)), "at most"},
		"missing":          {"file:///nowhere/at.pem", "no such file"},
		"folder":           {"file://" + dir + "/folder", "regular file"},
		"device":           {"file:///dev/zero", "regular file"},
		"relative":         {"file:here.pem", "want file:"},
		"another machine":  {"file://elsewhere/x.pem", "want file:"},
		"vault":            {"https://plant.vault.azure.net/certificates/mqtt", "want file:"},
		"no URL":           {"%zz", "want file:"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			cert, err := readDomain(host, tt.url)
			switch {
			case tt.want == "" && (err != nil || cert.Leaf == nil):
				t.Errorf("%s: %v", tt.url, err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("%s: %v, want %q", tt.url, err, tt.want)
			case err != nil && strings.Contains(err.Error(), "BEGIN"):
				t.Errorf("the error shows the file: %v", err)
			}
		})
	}
	if _, err := readDomain(host, "file:///nowhere/at.pem"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}
