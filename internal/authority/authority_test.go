package authority

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func root(t *testing.T, below int) *Authority {
	t.Helper()
	ca, err := NewCA(CAOptions{Name: "Plant CA", Below: below})
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

// verify builds the chain as a peer does that trusts ca and was sent what p has.
func verify(p *Pair, ca *Authority, use x509.ExtKeyUsage) error {
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(ca.Certificate)
	for _, c := range p.Issuers {
		between.AddCert(c)
	}
	_, err := p.Certificate.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{use}})
	return err
}

func TestChains(t *testing.T) {
	ca := root(t, 1)
	middle, err := ca.NewIntermediate(CAOptions{Name: "Hall 4"})
	if err != nil {
		t.Fatal(err)
	}
	for name, by := range map[string]*Authority{"root": ca, "intermediate": middle} {
		t.Run(name, func(t *testing.T) {
			p, err := by.NewClient(LeafOptions{Name: "press-07"})
			if err != nil {
				t.Fatal(err)
			}
			if err := verify(p, ca, x509.ExtKeyUsageClientAuth); err != nil {
				t.Errorf("client certificate: %v", err)
			}
			if err := verify(p, ca, x509.ExtKeyUsageServerAuth); err == nil {
				t.Error("a client certificate may be a server's")
			}
			if err := verify(p, by, x509.ExtKeyUsageClientAuth); err != nil {
				t.Errorf("its direct issuer as the anchor: %v", err)
			}
			if p.Certificate.IsCA {
				t.Error("a client certificate is a CA")
			}
		})
	}
	if _, err := middle.NewIntermediate(CAOptions{}); err == nil || !strings.Contains(err.Error(), "path length 0") {
		t.Errorf("a CA below path length 0: %v, want an error that says so", err)
	}
	if got := middle.Certificate.MaxPathLen; got != 0 || !middle.Certificate.MaxPathLenZero {
		t.Errorf("path length of the intermediate is %d, want 0 that is said", got)
	}
}

func TestNames(t *testing.T) {
	ca := root(t, 0)
	tests := map[string]struct {
		o    LeafOptions
		want string // part of the error
	}{
		"all kinds": {LeafOptions{Name: "a:b.c", DNS: []string{"p.example", "*.p.example"}, URI: []string{"urn:press:07"},
			IP: []string{"10.0.0.7", "fd00::7"}, Email: []string{"a@b.example"}}, ""},
		"only an alternative": {LeafOptions{DNS: []string{"p.example"}}, ""},
		"none":                {LeafOptions{}, "needs a name"},
		"long":                {LeafOptions{Name: strings.Repeat("x", 129)}, "129 characters"},
		"bad DNS":             {LeafOptions{Name: "x", DNS: []string{"a b"}}, `DNS name "a b"`},
		"star inside":         {LeafOptions{Name: "x", DNS: []string{"a.*.b"}}, `DNS name "a.*.b"`},
		"bad URI":             {LeafOptions{Name: "x", URI: []string{"press"}}, `URI "press"`},
		"bad IP":              {LeafOptions{Name: "x", IP: []string{"10.0.0"}}, `IP address "10.0.0"`},
		"bad e-mail":          {LeafOptions{Name: "x", Email: []string{"press"}}, `e-mail address "press"`},
		"no time":             {LeafOptions{Name: "x", Life: -time.Hour}, "valid for some time"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p, err := ca.NewClient(tt.o)
			if tt.want != "" {
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Fatalf("error %v, want one with %q", err, tt.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			c := p.Certificate
			if len(c.DNSNames) != len(tt.o.DNS) || len(c.URIs) != len(tt.o.URI) || len(c.IPAddresses) != len(tt.o.IP) || len(c.EmailAddresses) != len(tt.o.Email) {
				t.Errorf("alternative names %q %v %v %q, want those of %+v", c.DNSNames, c.URIs, c.IPAddresses, c.EmailAddresses, tt.o)
			}
		})
	}
}

// TestHandshake uses the pairs as a client and a server would.
func TestHandshake(t *testing.T) {
	ca := root(t, 1)
	middle, err := ca.NewIntermediate(CAOptions{Name: "Hall 4"})
	if err != nil {
		t.Fatal(err)
	}
	server, err := middle.NewServer([]string{"localhost", "127.0.0.1"}, LeafOptions{})
	if err != nil {
		t.Fatal(err)
	}
	client, err := middle.NewClient(LeafOptions{Name: "press-07"})
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(ca.Certificate)
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	served := make(chan error, 1)
	go func() {
		s := tls.Server(far, &tls.Config{Certificates: []tls.Certificate{server.TLS()}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert})
		err := s.Handshake()
		served <- err
	}()
	c := tls.Client(near, &tls.Config{Certificates: []tls.Certificate{client.TLS()}, RootCAs: pool, ServerName: "localhost"})
	if err := errors.Join(c.Handshake(), <-served); err != nil {
		t.Fatal(err)
	}
}

func TestLifetimes(t *testing.T) {
	ca, err := NewCA(CAOptions{Life: 48 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	p, err := ca.NewClient(LeafOptions{Name: "x"})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := p.Certificate.NotAfter, ca.Certificate.NotAfter; !got.Equal(want) {
		t.Errorf("valid until %v, want not longer than its CA, %v", got, want)
	}
}

func TestFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "ca")
	ca := root(t, 1)
	if err := ca.Save(dir, false); err != nil {
		t.Fatal(err)
	}
	if _, ok := errors.AsType[*ExistsError](ca.Save(dir, false)); !ok {
		t.Error("an authority was written over another")
	}
	if err := root(t, 1).Save(dir, true); err != nil {
		t.Errorf("force: %v", err)
	}
	if err := ca.Save(dir, true); err != nil {
		t.Fatal(err)
	}
	read, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	middle, err := read.NewIntermediate(CAOptions{Name: "Hall 4"})
	if err != nil {
		t.Fatal(err)
	}
	below := filepath.Join(dir, "hall-4")
	if err := middle.Save(below, false); err != nil {
		t.Fatal(err)
	}
	if middle, err = Load(below); err != nil {
		t.Fatal(err)
	}
	p, err := middle.NewClient(LeafOptions{Name: "press-07"})
	if err != nil {
		t.Fatal(err)
	}
	if err := verify(p, ca, x509.ExtKeyUsageClientAuth); err != nil {
		t.Errorf("after reading back: %v", err)
	}
	cert, key := filepath.Join(below, "press-07.pem"), filepath.Join(below, "press-07-key.pem")
	if err := p.Save(cert, key, false); err != nil {
		t.Fatal(err)
	}
	if chain, err := ReadCertificates(cert); err != nil || len(chain) != 2 || !chain[0].Equal(p.Certificate) {
		t.Errorf("the file of the certificate has %d certificates (%v), want it and the intermediate", len(chain), err)
	}
	for _, path := range []string{key, filepath.Join(dir, KeyFile), filepath.Join(below, KeyFile)} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v (%v), want 0600", path, info.Mode(), err)
		}
	}
	if _, err := ReadCertificates(key); err == nil || !strings.Contains(err.Error(), "private key") {
		t.Errorf("reading a key: %v, want an error that says so", err)
	}
	if _, err := Load(t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no CA: %v", err)
	}
}

// TestHalf: when the certificate's place is taken, no key is left behind.
func TestHalf(t *testing.T) {
	dir := t.TempDir()
	p, err := root(t, 0).NewClient(LeafOptions{Name: "x"})
	if err != nil {
		t.Fatal(err)
	}
	cert, key := filepath.Join(dir, "x.pem"), filepath.Join(dir, "x-key.pem")
	if err := os.WriteFile(cert, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := p.Save(cert, key, false); err == nil {
		t.Fatal("a file was written over")
	}
	if _, err := os.Stat(key); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the key is there: %v", err)
	}
}

func FuzzParseCertificates(f *testing.F) {
	ca, err := NewCA(CAOptions{})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(ca.ChainPEM())
	f.Add(ca.Certificate.Raw)
	f.Add(ca.KeyPEM())
	f.Fuzz(func(t *testing.T, b []byte) {
		if list, err := ParseCertificates(b); err == nil && len(list) == 0 {
			t.Error("no error and no certificate")
		}
	})
}
