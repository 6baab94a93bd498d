package x509auth

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"net"
	"net/netip"
	"slices"
	"strings"
	"unicode/utf8"

	"gridmq/identity"
)

// A Source is a field of the certificate that holds an authentication name. They
// are in the order of the validation schemes, so that identity.DNSMatches looks
// where FromDNS does.
type Source uint8

const (
	FromSubject Source = iota
	FromDNS
	FromURI
	FromIP
	FromEmail
)

var sourceNames = [...]string{
	"ClientCertificateSubject", "ClientCertificateDns", "ClientCertificateUri", "ClientCertificateIp", "ClientCertificateEmail",
}

func (s Source) String() string { return sourceNames[s] }

// ParseSource reads the name of a source, ignoring case.
func ParseSource(name string) (s Source, ok bool) {
	i := slices.IndexFunc(sourceNames[:], func(n string) bool { return strings.EqualFold(n, name) })
	return Source(max(i, 0)), i >= 0
}

// maxEntries bounds how many names of one kind are looked at.
const maxEntries = 64

// names returns what the field holds. Several spellings of one name can be among
// them: the common name and the whole subject, the forms of an address.
func (s Source) names(c *x509.Certificate) (names []string) {
	switch s {
	case FromSubject:
		names = []string{commonName(c), distinguishedName(c)}
	case FromDNS:
		names = slices.Clone(c.DNSNames)
	case FromEmail:
		names = slices.Clone(c.EmailAddresses)
	case FromURI:
		for _, u := range c.URIs {
			names = append(names, u.String())
		}
	case FromIP:
		for _, ip := range c.IPAddresses {
			if a, ok := netip.AddrFromSlice(ip); ok {
				a = a.Unmap()
				names = append(names, a.String(), a.StringExpanded())
			}
		}
	}
	// A byte that is not UTF-8 would be equal to U+FFFD.
	names = slices.DeleteFunc(names, func(n string) bool { return n == "" || !utf8.ValidString(n) })
	return slices.Compact(names[:min(len(names), maxEntries)])
}

// holds says whether the field holds the authentication name, ignoring case. Any
// entry may; addresses are compared as such.
func (s Source) holds(c *x509.Certificate, name string) bool {
	if s == FromIP {
		want, err := netip.ParseAddr(name)
		return err == nil && slices.ContainsFunc(c.IPAddresses, func(ip net.IP) bool {
			a, ok := netip.AddrFromSlice(ip)
			return ok && a.Unmap() == want.Unmap()
		})
	}
	return slices.ContainsFunc(s.names(c), func(n string) bool { return strings.EqualFold(n, name) })
}

var oidCommonName = asn1.ObjectIdentifier{2, 5, 4, 3}

// commonName returns the subject's common name. Of several, which software reads
// differently, none counts; nor does one that could be taken for the whole name of
// another subject, as "CN=admin,O=Plant".
func commonName(c *x509.Certificate) string {
	name, n := "", 0
	for _, attribute := range c.Subject.Names {
		if attribute.Type.Equal(oidCommonName) {
			name, _ = attribute.Value.(string)
			n++
		}
	}
	if n != 1 || looksDistinguished(name) {
		return ""
	}
	return name
}

// looksDistinguished says whether s starts as a distinguished name does: a key or
// an object identifier, and '='.
func looksDistinguished(s string) bool {
	key, _, found := strings.Cut(s, "=")
	key = strings.TrimSpace(key)
	return found && key != "" && strings.IndexFunc(key, func(r rune) bool {
		return !(r == '-' || r == '.' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z')
	}) < 0
}

// distinguishedName returns the subject as RFC 4514 writes it, as
// "CN=press-07,O=Plant".
func distinguishedName(c *x509.Certificate) string {
	var seq pkix.RDNSequence
	if rest, err := asn1.Unmarshal(c.RawSubject, &seq); err != nil || len(rest) > 0 {
		return ""
	}
	return seq.String()
}

// accepts says whether the certificate has the client's name where its scheme wants
// it; with ThumbprintMatch, whether it is one of the client's.
func accepts(client *identity.Client, c *x509.Certificate) bool {
	if client.Scheme == identity.ThumbprintMatch {
		return hasThumbprint(client, c)
	}
	return Source(client.Scheme).holds(c, client.AuthenticationName)
}
