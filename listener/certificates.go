package listener

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// CertificateFiles is one certificate with its key, in PEM files.
type CertificateFiles struct {
	// Hosts it is served for: names as "mqtt.example.com" or, for one level,
	// "*.example.com". Default: the DNS names inside the certificate.
	Hosts    []string
	CertFile string // the chain, leaf first
	KeyFile  string
}

// Certificates chooses the server's certificate by the name the client asks for
// (SNI) and by what the client can verify, so that an EC and an RSA certificate
// of the same name may stand side by side: the one named first wins if the
// client can do both. The first certificate of all, with those of the same
// hosts, also serves clients that name no host, or none of ours.
//
// Beside the files there may be certificates of single hosts (SetHosts): they come
// before what the files have for the same name.
//
// It is safe for concurrent use, and a look-up takes no lock; handshakes in
// progress keep what they began with. The zero value has no certificate yet.
type Certificates struct {
	mu    sync.Mutex // one change at a time
	files []CertificateFiles
	base  *shelf // of the files
	own   map[string]*tls.Certificate

	shelf atomic.Pointer[shelf] // of both
}

// A shelf is one loaded generation; it never changes.
type shelf struct {
	byHost map[string][]*tls.Certificate // lower case, wildcards as "*.rest"
	first  []*tls.Certificate            // the default: the first, and its twins
	hosts  []string                      // of the first
}

var errNoCertificate = errors.New("no certificate given")

// LoadCertificates reads the files. More can be said later with Replace.
func LoadCertificates(files ...CertificateFiles) (*Certificates, error) {
	c := new(Certificates)
	if err := c.Replace(files...); err != nil {
		return nil, err
	}
	return c, nil
}

// Reload reads the same files again, as after a renewal. On an error the
// certificates in use stay.
func (c *Certificates) Reload() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.loadLocked(c.files)
}

// Replace reads other files from now on. On an error nothing changes.
func (c *Certificates) Replace(files ...CertificateFiles) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.loadLocked(files)
}

func (c *Certificates) loadLocked(files []CertificateFiles) error {
	if len(files) == 0 {
		return errNoCertificate
	}
	s := &shelf{byHost: make(map[string][]*tls.Certificate)}
	for _, f := range files {
		cert, err := loadPair(f.CertFile, f.KeyFile)
		if err != nil {
			return err
		}
		if err := s.add(cert, f.Hosts); err != nil {
			return fmt.Errorf("load certificate %q: %w", f.CertFile, err)
		}
	}
	c.files, c.base = slices.Clone(files), s
	c.mergeLocked()
	return nil
}

// SetHosts says which single hosts have certificates of their own from now on, by
// name without wildcards. The certificates have their Leaf set and are not changed
// any more.
func (c *Certificates) SetHosts(own map[string]*tls.Certificate) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.own = make(map[string]*tls.Certificate, len(own))
	for host, cert := range own {
		c.own[canonicalHost(host)] = cert
	}
	c.mergeLocked()
}

// mergeLocked makes the shelf again. What the files have for a host that has its
// own certificate stays behind it, for clients that can only verify that.
func (c *Certificates) mergeLocked() {
	s := &shelf{byHost: make(map[string][]*tls.Certificate)}
	if c.base != nil {
		s = &shelf{maps.Clone(c.base.byHost), c.base.first, c.base.hosts}
	}
	for host, cert := range c.own {
		s.byHost[host] = append([]*tls.Certificate{cert}, s.byHost[host]...)
	}
	c.shelf.Store(s)
}

// Covers says whether a file has a certificate for the host, by its name or by a
// wildcard; the default is none.
func (c *Certificates) Covers(host string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.base != nil && len(c.base.named(canonicalHost(host))) > 0
}

// loadPair reads a certificate with its key, Leaf set.
func loadPair(certFile, keyFile string) (*tls.Certificate, error) {
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err == nil && cert.Leaf == nil { // GODEBUG=x509keypairleaf=0
		cert.Leaf, err = x509.ParseCertificate(cert.Certificate[0])
	}
	if err != nil {
		return nil, fmt.Errorf("load certificate %q with key %q: %w", certFile, keyFile, err)
	}
	return &cert, nil
}

func (s *shelf) add(cert *tls.Certificate, hosts []string) error {
	if len(hosts) == 0 {
		hosts = cert.Leaf.DNSNames
	}
	hosts = slices.Clone(hosts)
	for i, h := range hosts {
		h = canonicalHost(h)
		hosts[i] = h
		if rest, wild := strings.CutPrefix(h, "*."); strings.Contains(rest, "*") || wild && rest == "" {
			return fmt.Errorf("host name %q: a star stands for the whole first label only", h)
		}
		s.byHost[h] = append(s.byHost[h], cert)
	}
	if s.first == nil {
		s.hosts = hosts
	}
	if slices.Equal(hosts, s.hosts) { // a twin, of another kind of key
		s.first = append(s.first, cert)
	}
	return nil
}

// Get is the choice, in the shape of tls.Config.GetCertificate.
func (c *Certificates) Get(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	s := c.shelf.Load()
	if s == nil {
		return nil, errNoCertificate
	}
	of := s.named(canonicalHost(hello.ServerName))
	if len(of) == 0 {
		of = s.first
	}
	if len(of) == 0 { // only single hosts have some
		return nil, errNoCertificate
	}
	for _, cert := range of {
		if supported(hello, cert) {
			return cert, nil
		}
	}
	return of[0], nil // crypto/tls will say what does not fit
}

// named prefers the exact name to a wildcard.
func (s *shelf) named(host string) []*tls.Certificate {
	if of := s.byHost[host]; len(of) > 0 {
		return of
	}
	if _, rest, ok := strings.Cut(host, "."); ok {
		if of := s.byHost["*."+rest]; len(of) > 0 {
			return of
		}
	}
	return nil
}

// supported asks whether the client can verify this kind of key. The name was
// already chosen by us, perhaps by Hosts that the certificate does not have.
func supported(hello *tls.ClientHelloInfo, cert *tls.Certificate) bool {
	nameless := *hello
	nameless.ServerName = ""
	return nameless.SupportsCertificate(cert) == nil
}

func canonicalHost(h string) string { return strings.ToLower(strings.TrimSuffix(h, ".")) }
