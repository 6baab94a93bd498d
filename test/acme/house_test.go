package acme

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
	"github.com/miekg/dns"

	"gridmq/server"
)

// A directory is Pebble, with a DNS in which every host is this machine, except
// those that are lost. It proves hosts at port.
type directory struct {
	*httptest.Server
	port                 int
	roots, intermediates *x509.CertPool
	caFile               string
}

// newDirectory starts one whose certificates live as long; 0: for years.
func newDirectory(t *testing.T, life time.Duration) *directory {
	t.Helper()
	t.Setenv("PEBBLE_VA_NOSLEEP", "1")
	d := &directory{port: freePort(t), roots: x509.NewCertPool(), intermediates: x509.NewCertPool(), caFile: filepath.Join(t.TempDir(), "ca.pem")}
	quiet, store := log.New(io.Discard, "", 0), db.NewMemoryStore()
	authority := ca.New(quiet, store, "", "ecdsa", 0, 1, map[string]ca.Profile{"default": {ValidityPeriod: uint64(life / time.Second)}})
	validation := va.New(quiet, 1, d.port, true, startDNS(t), store)
	front := wfe.New(quiet, store, validation, authority, []string{"directory.example"}, true, false, 1, 1)
	d.Server = httptest.NewTLSServer(front.Handler())
	t.Cleanup(d.Close)
	for pool, pemText := range map[*x509.CertPool][]byte{d.roots: authority.GetRootCert(0).PEM(), d.intermediates: authority.GetIntermediateCert(0).PEM()} {
		if !pool.AppendCertsFromPEM(pemText) {
			t.Fatal("no certificate of the authority")
		}
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: d.Certificate().Raw})
	if err := os.WriteFile(d.caFile, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return d
}

// startDNS answers for every host with this machine; those that begin with lost are
// at an address where nobody is.
func startDNS(t *testing.T) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &dns.Server{Listener: l, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		a := new(dns.Msg)
		a.SetReply(q)
		for _, one := range q.Question {
			if one.Qtype != dns.TypeA {
				continue
			}
			at := net.IPv4(127, 0, 0, 1)
			if strings.HasPrefix(one.Name, "lost.") {
				at = net.IPv4(127, 0, 0, 99)
			}
			a.Answer = append(a.Answer, &dns.A{Hdr: dns.RR_Header{Name: one.Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 1}, A: at})
		}
		_ = w.WriteMsg(a) // a client that went asks again
	})}
	done := make(chan struct{})
	go func() { // ends with Shutdown
		defer close(done)
		_ = s.ActivateAndServe()
	}()
	t.Cleanup(func() {
		_ = s.Shutdown()
		<-done
	})
	return l.Addr().String()
}

// config is a server whose listener of one kind is where the directory looks.
func (d *directory) config(t *testing.T, data, kind string, hosts ...string) server.Config {
	t.Helper()
	c := server.Default()
	c.Data, c.Operations.Enabled, c.Management.Address, c.Management.TrustDomains = data, false, "127.0.0.1:0", true
	for name, l := range c.Listeners {
		if l.Address = "127.0.0.1:0"; name == kind {
			l.Address = net.JoinHostPort("127.0.0.1", strconv.Itoa(d.port))
		}
		c.Listeners[name] = l
	}
	plant := server.Namespace{}
	plant.SetDefaults()
	c.Namespaces["plant"] = plant
	c.ACME = server.ACME{Enabled: true, Directory: d.URL + wfe.DirectoryPath, AcceptTerms: true, CAFile: d.caFile, Hosts: hosts}
	return c
}

// A node is a server in the test's process.
type node struct {
	*server.Server
	cfg   server.Config
	log   *buffer
	stop  context.CancelFunc
	ended chan error
}

func start(t *testing.T, c server.Config) *node {
	t.Helper()
	n := &node{cfg: c, log: new(buffer), ended: make(chan error, 1)}
	logger, level := server.NewLogger(n.log, server.Log{Level: -4, Format: "text"})
	var err error
	if n.Server, err = server.New(c, server.Options{Logger: logger, Level: level}); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	n.stop = stop
	go func() { n.ended <- n.Run(ctx) }() // ends with stop, waited for in end
	t.Cleanup(func() { n.end(t) })
	select {
	case <-n.Ready():
	case err := <-n.ended:
		n.ended <- err
		t.Fatalf("the server ended: %v\n%s", err, n.log)
	case <-time.After(20 * time.Second):
		t.Fatalf("the server was not ready after 20 s\n%s", n.log)
	}
	return n
}

// end stops the server; a second call does nothing.
func (n *node) end(t *testing.T) {
	t.Helper()
	n.stop()
	select {
	case err := <-n.ended:
		n.ended <- nil
		if err != nil {
			t.Errorf("the server ended with %v\n%s", err, n.log)
		}
	case <-time.After(40 * time.Second):
		t.Fatalf("the server did not end\n%s", n.log)
	}
}

// shown is the certificate that a listener shows for a host.
func (n *node) shown(t *testing.T, name, host string) *x509.Certificate {
	t.Helper()
	c, err := tls.Dial("tcp", n.Addresses()[name].Address, &tls.Config{InsecureSkipVerify: true, ServerName: host})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.ConnectionState().PeerCertificates[0]
}

// patch changes a namespace, as the local operator.
func (n *node) patch(t *testing.T, namespace, body string) {
	t.Helper()
	token, err := os.ReadFile(filepath.Join(n.cfg.Data, server.TokenFile))
	if err != nil {
		t.Fatal(err)
	}
	const none = "00000000-0000-0000-0000-000000000000"
	url := n.Addresses()["management"].URL + "/subscriptions/" + none + "/resourceGroups/gridmq/providers/Microsoft.EventGrid/namespaces/" + namespace
	req, err := http.NewRequest("PATCH", url+"?api-version=2025-11-15-preview", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	client := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, _ := io.ReadAll(resp.Body); resp.StatusCode/100 != 2 {
		t.Fatalf("PATCH of %s: %d %s", namespace, resp.StatusCode, text)
	}
}

// A buffer may be written to and read at the same time.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
