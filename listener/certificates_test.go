package listener

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// selfSigned makes a certificate for names.
func selfSigned(t testing.TB, names ...string) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	template := &x509.Certificate{SerialNumber: big.NewInt(now.UnixNano()), DNSNames: names, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// files writes a certificate as PEM files.
func files(t testing.TB, cert *tls.Certificate) CertificateFiles {
	t.Helper()
	dir := t.TempDir()
	f := CertificateFiles{CertFile: filepath.Join(dir, "c.pem"), KeyFile: filepath.Join(dir, "k.pem")}
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	err = errors.Join(err, writePEM(f.KeyFile, "PRIVATE KEY", key, 0o600), writePEM(f.CertFile, "CERTIFICATE", cert.Certificate[0], 0o644))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// hello is what a client says that can do all we can.
func hello(name string) *tls.ClientHelloInfo {
	return &tls.ClientHelloInfo{ServerName: name, SupportedVersions: []uint16{tls.VersionTLS13},
		SignatureSchemes: []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256, tls.PSSWithSHA256}, SupportedCurves: []tls.CurveID{tls.CurveP256}}
}

func names(c *tls.Certificate) string { return strings.Join(c.Leaf.DNSNames, " ") }

func TestSingleHostsComeFirst(t *testing.T) {
	configured, wild := selfSigned(t, "default.example", "both.example"), selfSigned(t, "*.wild.example")
	c, err := LoadCertificates(files(t, configured), files(t, wild))
	if err != nil {
		t.Fatal(err)
	}
	c.SetHosts(map[string]*tls.Certificate{
		"Both.example.":     selfSigned(t, "both.example", "own"),
		"one.wild.example":  selfSigned(t, "one.wild.example"),
		"somewhere.example": selfSigned(t, "somewhere.example"),
	})
	const all = "default.example both.example"
	tests := map[string]struct{ before, after string }{
		"default.example":       {all, all},
		"both.example":          {all, "both.example own"},
		"BOTH.example.":         {all, "both.example own"},
		"one.wild.example":      {"*.wild.example", "one.wild.example"},
		"two.wild.example":      {"*.wild.example", "*.wild.example"},
		"somewhere.example":     {all, "somewhere.example"},
		"sub.somewhere.example": {all, all},
		"":                      {all, all},
	}
	check := func(t *testing.T, name, want string) {
		t.Helper()
		got, err := c.Get(hello(name))
		if err != nil || names(got) != want {
			t.Errorf("%q gets %v, %v, want %q", name, names(got), err, want)
		}
	}
	for name, tt := range tests {
		t.Run("own "+name, func(t *testing.T) { check(t, name, tt.after) })
	}
	if err := c.Reload(); err != nil { // of the files: the others stay
		t.Fatal(err)
	}
	check(t, "both.example", "both.example own")
	c.SetHosts(nil)
	for name, tt := range tests {
		t.Run("none "+name, func(t *testing.T) { check(t, name, tt.before) })
	}
	for name, want := range map[string]bool{"both.example": true, "x.wild.example": true, "wild.example": false, "somewhere.example": false} {
		if got := c.Covers(name); got != want {
			t.Errorf("Covers(%q) = %v, want %v", name, got, want)
		}
	}
}

// A client that cannot verify a host's own certificate gets what the files have.
func TestSingleHostOfAnotherKind(t *testing.T) {
	ca, _ := localCA(t)
	c, err := LoadCertificates(ca.Server[1]) // RSA, for localhost
	if err != nil {
		t.Fatal(err)
	}
	c.SetHosts(map[string]*tls.Certificate{"localhost": selfSigned(t, "localhost")})
	h := hello("localhost")
	h.SignatureSchemes = []tls.SignatureScheme{tls.PSSWithSHA256}
	if got, err := c.Get(h); err != nil || got.Leaf.PublicKeyAlgorithm != x509.RSA {
		t.Errorf("a client of RSA gets %v, %v", got.Leaf.PublicKeyAlgorithm, err)
	}
}

func TestCertificatesWithoutFiles(t *testing.T) {
	var c Certificates
	c.SetHosts(map[string]*tls.Certificate{"a.example": selfSigned(t, "a.example")})
	if _, err := c.Get(hello("a.example")); err != nil {
		t.Errorf("a host with its own certificate: %v", err)
	}
	if cert, err := c.Get(hello("b.example")); err == nil || c.Covers("a.example") {
		t.Errorf("a host without gets %v", cert)
	}
	var none Certificates
	if _, err := none.Get(hello("")); err == nil {
		t.Error("no certificate at all is no error")
	}
}

// The look-up agrees with a slow one: own certificate, file's name, file's wildcard,
// first file.
func TestLookUp(t *testing.T) {
	pool := []string{"a.x", "b.x", "*.x", "a.y", "*.y", "x"}
	certs := map[string]*tls.Certificate{}
	stored := map[string]CertificateFiles{}
	for _, name := range pool {
		certs["file "+name], certs["own "+name] = selfSigned(t, name), selfSigned(t, name)
		stored[name] = files(t, certs["file "+name])
	}
	rapid.Check(t, func(t *rapid.T) {
		var list []CertificateFiles
		inFiles := rapid.SliceOfNDistinct(rapid.SampledFrom(pool), 1, len(pool), rapid.ID).Draw(t, "files")
		for _, name := range inFiles {
			list = append(list, stored[name])
		}
		own := map[string]*tls.Certificate{}
		for _, name := range rapid.SliceOfDistinct(rapid.SampledFrom([]string{"a.x", "b.x", "a.y", "x"}), rapid.ID).Draw(t, "own") {
			own[name] = certs["own "+name]
		}
		var c Certificates
		steps := []func(){func() { _ = c.Replace(list...) }, func() { c.SetHosts(own) }}
		if rapid.Bool().Draw(t, "order") {
			steps[0], steps[1] = steps[1], steps[0]
		}
		steps[0]()
		steps[1]()
		for _, name := range []string{"a.x", "b.x", "c.x", "a.y", "z.y", "x", "other", ""} {
			want := certs["file "+inFiles[0]]
			_, rest, dotted := strings.Cut(name, ".")
			for _, f := range inFiles {
				if dotted && f == "*."+rest {
					want = certs["file "+f]
				}
			}
			for _, f := range inFiles {
				if f == name {
					want = certs["file "+f]
				}
			}
			if own[name] != nil {
				want = own[name]
			}
			if got, err := c.Get(hello(name)); err != nil || !got.Leaf.Equal(want.Leaf) {
				t.Fatalf("%q gets the certificate of %v, %v, want that of %v", name, names(got), err, names(want))
			}
		}
	})
}

// Changes and handshakes at the same time.
func TestSetHostsUnderLoad(t *testing.T) {
	c := localCertificates(t)
	own := map[string]*tls.Certificate{"a.example": selfSigned(t, "a.example")}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 200 {
				if _, err := c.Get(hello("a.example")); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range 200 {
		if i%2 == 0 {
			c.SetHosts(own)
		} else {
			c.SetHosts(nil)
		}
	}
	wg.Wait()
}

func TestChallenge(t *testing.T) {
	answer := selfSigned(t, "proof.example")
	challenge := func(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
		if h.ServerName != "proof.example" {
			return nil, os.ErrNotExist
		}
		return answer, nil
	}
	dial := func(l *Listener, name string, protocols ...string) (*tls.Conn, error) {
		return tls.Dial("tcp", l.Addr().String(), &tls.Config{InsecureSkipVerify: true, ServerName: name, NextProtos: protocols})
	}
	for _, webSocket := range []bool{false, true} {
		t.Run(fmt.Sprintf("websocket %v", webSocket), func(t *testing.T) {
			l, conns := listen(t, Config{WebSocket: webSocket, TLS: &TLSConfig{Certificates: localCertificates(t), Challenge: challenge}})
			c, err := dial(l, "proof.example", alpnChallenge)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			state := c.ConnectionState()
			if state.NegotiatedProtocol != alpnChallenge || !state.PeerCertificates[0].Equal(answer.Leaf) {
				t.Errorf("the proof is %q with %v", state.NegotiatedProtocol, names(&tls.Certificate{Leaf: state.PeerCertificates[0]}))
			}
			if n, err := c.Read(make([]byte, 1)); err != io.EOF {
				t.Errorf("after the proof came %d bytes, %v, want the end", n, err)
			}
			if c, err := dial(l, "other.example", alpnChallenge); err == nil {
				c.Close()
				t.Error("a host without a challenge is answered")
			}
			// Not alone, it is not a challenge: a client must not get such a certificate.
			if c, err := dial(l, "proof.example", alpnChallenge, "http/1.1", alpnMQTT); err == nil {
				if c.ConnectionState().PeerCertificates[0].Equal(answer.Leaf) || c.ConnectionState().NegotiatedProtocol == alpnChallenge {
					t.Error("a client with more protocols gets the proof")
				}
				c.Close()
			}
			for deadline := time.Now().Add(patience); l.Stats().Refused(RefusedChallenge) != 1; time.Sleep(time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatalf("%d challenges counted, want 1", l.Stats().Refused(RefusedChallenge))
				}
			}
			if webSocket {
				return
			}
			select { // the client with more protocols, who speaks MQTT
			case c := <-conns:
				if p := c.Info().TLS.NegotiatedProtocol; p != alpnMQTT {
					t.Errorf("handed over with protocol %q", p)
				}
			case <-time.After(patience):
				t.Error("the client was not handed over")
			}
		})
	}
	l, _ := listen(t, Config{TLS: &TLSConfig{Certificates: localCertificates(t)}})
	if c, err := dial(l, "proof.example", alpnChallenge); err == nil {
		defer c.Close()
		if c.ConnectionState().NegotiatedProtocol == alpnChallenge {
			t.Error("answered without being asked to")
		}
	}
}

// Whoever validates is no attacker, however often.
func TestChallengesAreNotBlamed(t *testing.T) {
	answer := selfSigned(t, "proof.example")
	penalty := NewPenalty(1, 1)
	l, _ := listen(t, Config{Penalty: penalty, TLS: &TLSConfig{Certificates: localCertificates(t),
		Challenge: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return answer, nil }}})
	for range 5 {
		c, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{InsecureSkipVerify: true, ServerName: "proof.example", NextProtos: []string{alpnChallenge}})
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
	}
}

// BenchmarkGet is the choice alone, with as many own certificates.
func BenchmarkGet(b *testing.B) {
	for _, hosts := range []int{0, 10_000} {
		b.Run(fmt.Sprintf("own=%d", hosts), func(b *testing.B) {
			c, own := localCertificates(b), map[string]*tls.Certificate{}
			cert := selfSigned(b, "x.example")
			for i := range hosts {
				own[fmt.Sprintf("h%d.example", i)] = cert
			}
			c.SetHosts(own)
			h := hello("h7.example")
			b.ResetTimer()
			b.ReportAllocs()
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					if _, err := c.Get(h); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}

// BenchmarkHandshake is a whole one, both sides, over memory.
func BenchmarkHandshake(b *testing.B) {
	challenge := func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, os.ErrNotExist }
	for name, cfg := range map[string]*TLSConfig{"plain": {}, "acme": {Challenge: challenge}} {
		b.Run(name, func(b *testing.B) {
			cfg.Certificates = localCertificates(b)
			_, pool := localCA(b)
			server, client := cfg.config(false), &tls.Config{RootCAs: pool, ServerName: "localhost"}
			b.ReportAllocs()
			for b.Loop() {
				near, far := net.Pipe()
				done := make(chan error, 1)
				go func() { done <- tls.Server(far, server).Handshake() }()
				if err := errors.Join(tls.Client(near, client).Handshake(), <-done); err != nil {
					b.Fatal(err)
				}
				near.Close()
				far.Close()
			}
		})
	}
}
