package authority

import (
	"cmp"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/url"
	"strings"
	"time"
)

// maxName bounds a common name, in characters: as long as an authentication name.
// RFC 5280 has 64, which nobody checks.
const maxName = 128

// LeafOptions describe a certificate of a client or a server.
type LeafOptions struct {
	// Name is the common name.
	Name         string
	Organization []string
	// Alternative names of the subject: RFC 5280, section 4.2.1.6.
	DNS, URI, IP, Email []string
	// Life is how long it is valid. Default ClientLife or ServerLife.
	Life time.Duration
}

// NewClient makes the certificate of a client. It needs a name of any kind.
func (a *Authority) NewClient(o LeafOptions) (*Pair, error) {
	if o.Name == "" && len(o.DNS)+len(o.URI)+len(o.IP)+len(o.Email) == 0 {
		return nil, errors.New("a client certificate needs a name")
	}
	return a.leaf(o, x509.ExtKeyUsageClientAuth, ClientLife)
}

// NewServer makes the certificate of a server for hosts: names, also as
// "*.example.com", and IP addresses.
func (a *Authority) NewServer(hosts []string, o LeafOptions) (*Pair, error) {
	for _, h := range hosts {
		if net.ParseIP(h) != nil {
			o.IP = append(o.IP, h)
		} else {
			o.DNS = append(o.DNS, h)
		}
	}
	if len(o.DNS)+len(o.IP) == 0 {
		return nil, errors.New("a server certificate needs a host")
	}
	o.Name = cmp.Or(o.Name, append(o.DNS, o.IP...)[0])
	return a.leaf(o, x509.ExtKeyUsageServerAuth, ServerLife)
}

func (a *Authority) leaf(o LeafOptions, use x509.ExtKeyUsage, life time.Duration) (*Pair, error) {
	if n := len([]rune(o.Name)); n > maxName {
		return nil, fmt.Errorf("name of %d characters: want %d at most", n, maxName)
	}
	t := template(pkix.Name{CommonName: o.Name, Organization: o.Organization}, cmp.Or(o.Life, life))
	t.BasicConstraintsValid = true // and no CA
	t.KeyUsage = x509.KeyUsageDigitalSignature
	t.ExtKeyUsage = []x509.ExtKeyUsage{use}
	if err := errors.Join(o.names(t)...); err != nil {
		return nil, err
	}
	return sign(t, a)
}

// names fills in the alternative names, and says what is wrong with them.
func (o LeafOptions) names(t *x509.Certificate) (errs []error) {
	bad := func(kind, text, want string) { errs = append(errs, fmt.Errorf("%s %q: want %s", kind, text, want)) }
	for _, text := range o.DNS {
		if !isHost(text) {
			bad("DNS name", text, "a host name such as press-07.plant.example")
		}
		t.DNSNames = append(t.DNSNames, strings.TrimSuffix(text, "."))
	}
	for _, text := range o.URI {
		u, err := url.Parse(text)
		if err != nil || u.Scheme == "" || !ascii(text) {
			bad("URI", text, "one with a scheme, such as urn:press:07")
			continue
		}
		t.URIs = append(t.URIs, u)
	}
	for _, text := range o.IP {
		ip := net.ParseIP(text)
		if ip == nil {
			bad("IP address", text, "one such as 10.0.0.7 or fd00::7")
			continue
		}
		t.IPAddresses = append(t.IPAddresses, ip)
	}
	for _, text := range o.Email {
		a, err := mail.ParseAddress(text)
		if err != nil || a.Address != text || !ascii(text) {
			bad("e-mail address", text, "one such as press-07@plant.example")
		}
		t.EmailAddresses = append(t.EmailAddresses, text)
	}
	return errs
}

func ascii(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}

// isHost says whether a text is a host name; its first label may be a star.
func isHost(s string) bool {
	s = strings.TrimPrefix(strings.TrimSuffix(s, "."), "*.")
	if s == "" || len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || strings.Trim(strings.ToLower(label), "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" ||
			label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
	}
	return true
}
