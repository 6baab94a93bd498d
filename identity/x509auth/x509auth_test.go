package x509auth

import (
	"context"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gridmq/identity"
	"gridmq/internal/bubble"
)

// expect checks how credentials are judged: the name of the client, or '!' and a
// part of the reason.
func expect(t *testing.T, a *Authenticator, c *identity.Credentials, want string) {
	t.Helper()
	p, err := a.Authenticate(t.Context(), c)
	part, refused := strings.CutPrefix(want, "!")
	if !refused {
		if err != nil || p.Client != want || p.Method != identity.Certificate {
			t.Errorf("judged %+v, %v; want %q", p, err, want)
		}
		return
	}
	if p != nil {
		t.Fatalf("let in as %+v, want %q", p, part)
	}
	if _, typed := errors.AsType[*identity.Error](err); !typed || !strings.Contains(err.Error(), part) || len(err.Error()) > 2000 {
		t.Errorf("refused with %#v (%v), want %q", err, err, part)
	}
}

type client = identity.Client

func TestSchemes(t *testing.T) {
	var none *authority
	root := none.issue(t, asCA("root"))
	leaf := func(edits ...func(*x509.Certificate)) *authority { return root.issue(t, all(edits...)) }
	plant := subject(pkix.Name{CommonName: "Press, 07", Organization: []string{"Plant"}, SerialNumber: "12"})
	twoCN := func(c *x509.Certificate) {
		cn := func(v string) pkix.RelativeDistinguishedNameSET {
			return pkix.RelativeDistinguishedNameSET{{Type: oidCommonName, Value: v}}
		}
		c.RawSubject, _ = asn1.Marshal(pkix.RDNSequence{cn("victim"), cn("press")})
	}
	multi := func(c *x509.Certificate) { // one RDN of two attributes
		c.RawSubject, _ = asn1.Marshal(pkix.RDNSequence{{{Type: oidCommonName, Value: "press"}, {Type: asn1.ObjectIdentifier{2, 5, 4, 10}, Value: "Plant"}}})
	}
	tests := map[string]struct {
		scheme identity.Scheme
		name   string // registered, and sent as user name
		leaf   *authority
		ok     bool
	}{
		"common name":                   {identity.SubjectMatches, "press", leaf(named("press")), true},
		"common name, case":             {identity.SubjectMatches, "PRESS", leaf(named("press")), true},
		"common name, another":          {identity.SubjectMatches, "press", leaf(named("press2")), false},
		"common name, look-alike":       {identity.SubjectMatches, "\u0440ress", leaf(named("press")), false},
		"common name, NUL":              {identity.SubjectMatches, "press", leaf(named("press\x00.evil")), false},
		"common name, space":            {identity.SubjectMatches, "press", leaf(named("press ")), false},
		"common name with comma":        {identity.SubjectMatches, "Press, 07", leaf(plant), true},
		"common name among others":      {identity.SubjectMatches, "press", leaf(multi), true},
		"two common names, last":        {identity.SubjectMatches, "press", leaf(twoCN), false},
		"two common names, first":       {identity.SubjectMatches, "victim", leaf(twoCN), false},
		"two common names, all":         {identity.SubjectMatches, "CN=press,CN=victim", leaf(twoCN), true},
		"whole name":                    {identity.SubjectMatches, `SERIALNUMBER=12,CN=Press\, 07,O=Plant`, leaf(plant), true},
		"whole name, case":              {identity.SubjectMatches, `serialnumber=12,cn=press\, 07,o=plant`, leaf(plant), true},
		"part of the name":              {identity.SubjectMatches, `CN=Press\, 07,O=Plant`, leaf(plant), false},
		"common name like a whole name": {identity.SubjectMatches, "CN=admin,O=Plant", leaf(named("CN=admin,O=Plant")), false},
		"like a whole name, spaces":     {identity.SubjectMatches, "CN = admin", leaf(named("CN = admin")), false},
		"like a whole name, by number":  {identity.SubjectMatches, "2.5.4.3=admin", leaf(named("2.5.4.3=admin")), false},
		"comma in a common name":        {identity.SubjectMatches, "CN=admin,O=Plant", leaf(named("admin,O=Plant")), false},
		"subject in a SAN":              {identity.SubjectMatches, "press", leaf(dns("press")), false},
		"no subject":                    {identity.SubjectMatches, "press", leaf(subject(pkix.Name{}), dns("x")), false},
		"not UTF-8":                     {identity.SubjectMatches, "press\uFFFD", leaf(subject(pkix.Name{ExtraNames: []pkix.AttributeTypeAndValue{{Type: oidCommonName, Value: asn1.RawValue{Tag: asn1.TagT61String, Bytes: []byte("press\xff")}}}})), false},

		"dns":               {identity.DNSMatches, "press.plant.example", leaf(dns("press.plant.example")), true},
		"dns, case":         {identity.DNSMatches, "Press.Plant.example", leaf(dns("pRESS.plant.EXAMPLE")), true},
		"dns, any":          {identity.DNSMatches, "b.example", leaf(dns("a.example", "b.example", "c.example")), true},
		"dns, wildcard":     {identity.DNSMatches, "press.plant.example", leaf(dns("*.plant.example")), false},
		"dns, in subject":   {identity.DNSMatches, "press", leaf(named("press"), dns("x")), false},
		"dns, in email":     {identity.DNSMatches, "press@example", leaf(email("press@example")), false},
		"dns, subdomain":    {identity.DNSMatches, "example", leaf(dns("press.example")), false},
		"uri":               {identity.URIMatches, "spiffe://plant/press/7", leaf(uri("spiffe://plant/press/7")), true},
		"uri, any":          {identity.URIMatches, "urn:press:7", leaf(uri("urn:x:1", "urn:press:7")), true},
		"uri, parent":       {identity.URIMatches, "spiffe://plant/press", leaf(uri("spiffe://plant/press/7")), false},
		"email":             {identity.EmailMatches, "gate@Plant.example", leaf(email("Gate@plant.example")), true},
		"email, another":    {identity.EmailMatches, "gate@plant.example", leaf(email("gate@plant.example.org")), false},
		"ip":                {identity.IPMatches, "192.0.2.7", leaf(ip("192.0.2.7")), true},
		"ip, any":           {identity.IPMatches, "192.0.2.7", leaf(ip("192.0.2.6", "192.0.2.7")), true},
		"ip, another":       {identity.IPMatches, "192.0.2.7", leaf(ip("192.0.2.70")), false},
		"ip, version 6":     {identity.IPMatches, "0:0:0:0:0:0:0:1", leaf(ip("::1")), true},
		"ip, case":          {identity.IPMatches, "2001:DB8::A", leaf(ip("2001:db8::a")), true},
		"ip, mapped":        {identity.IPMatches, "::ffff:192.0.2.7", leaf(ip("192.0.2.7")), true},
		"ip, zone":          {identity.IPMatches, "fe80::1%eth0", leaf(ip("fe80::1")), false},
		"ip, no address":    {identity.IPMatches, "press", leaf(named("press"), ip("192.0.2.7")), false},
		"ip, in dns":        {identity.IPMatches, "192.0.2.7", leaf(dns("192.0.2.7")), false},
		"wildcard":          {identity.SubjectMatches, "#", leaf(named("#")), true}, // a name like others, here
		"wildcard, another": {identity.SubjectMatches, "#", leaf(named("press")), false},
		"plus":              {identity.DNSMatches, "+", leaf(dns("press")), false},
		"with a slash":      {identity.SubjectMatches, "a/b", leaf(named("a/b")), true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			a := New(registry(t, client{Scheme: test.scheme, AuthenticationName: test.name}), Options{})
			a.SetCAs([]*CA{root.ca(t, "root")})
			want := "c1"
			if !test.ok {
				want = "!does not have the name of client \"c1\" where " + test.scheme.String() + " wants it"
			}
			expect(t, a, hello(test.name, test.leaf), want)
		})
	}
}

func TestThumbprints(t *testing.T) {
	self := (*authority)(nil).issue(t, named("me"))
	long := Thumbprint(self.Certificate)
	short := fmt.Sprintf("%x", sha1.Sum(self.Raw))
	colons := func(s string) string {
		var parts []string
		for pair := range slices.Chunk([]byte(strings.ToUpper(s)), 2) {
			parts = append(parts, string(pair))
		}
		return strings.Join(parts, ":")
	}
	other := strings.Repeat("0", 64)
	tests := map[string]struct {
		prints []string
		ok     bool
	}{
		"SHA-256":          {[]string{long}, true},
		"upper case":       {[]string{strings.ToUpper(long)}, true},
		"colons":           {[]string{colons(long)}, true},
		"spaces":           {[]string{strings.ReplaceAll(colons(long), ":", " ")}, true},
		"SHA-1":            {[]string{short}, true},
		"SHA-1 in colons":  {[]string{colons(short)}, true},
		"secondary":        {[]string{other, long}, true},
		"another":          {[]string{other}, false},
		"none":             {nil, false},
		"beginning":        {[]string{long[:40]}, false},
		"not hexadecimal":  {[]string{strings.Replace(long, long[:1], "x", 1)}, false},
		"one digit less":   {[]string{long[:63]}, false},
		"SHA-256 and more": {[]string{long + "00"}, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			// Several clients may share a certificate.
			a := New(registry(t, client{AuthenticationName: "me", Scheme: identity.ThumbprintMatch, Thumbprints: test.prints},
				client{AuthenticationName: "me too", Scheme: identity.ThumbprintMatch, Thumbprints: test.prints}), Options{Sources: []Source{FromSubject}})
			want := map[bool][3]string{true: {"c1", "c2", "c1"}, false: {"!allows other thumbprints", "!allows other thumbprints", "!allows other thumbprints"}}[test.ok]
			expect(t, a, hello("me", self), want[0])
			expect(t, a, hello("me too", self), want[1])
			expect(t, a, hello("", self), want[2]) // source and scheme are independent
		})
	}
}

func TestPrincipal(t *testing.T) {
	self := (*authority)(nil).issue(t, named("Me"))
	a := New(registry(t, client{AuthenticationName: "Me", Scheme: identity.ThumbprintMatch, Thumbprints: []string{Thumbprint(self.Certificate)},
		Attributes: identity.Attributes{"hall": identity.Integer(4)}}), Options{})
	p, err := a.Authenticate(t.Context(), hello("ME", self))
	if err != nil || p.Name != "Me" || !p.Expires.Equal(self.NotAfter) || len(p.Thumbprint) != hex.EncodedLen(32) || len(p.Attributes) != 1 {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestNameSources(t *testing.T) {
	root := (*authority)(nil).issue(t, asCA("root"))
	clients := registry(t,
		client{Name: "dns", AuthenticationName: "dns.example", Scheme: identity.DNSMatches},
		client{Name: "subject", AuthenticationName: "press"},
		client{Name: "whole", AuthenticationName: "CN=oven,O=Plant"},
		client{Name: "ip", AuthenticationName: "2001:0DB8:0000:0000:0000:0000:0000:0007", Scheme: identity.IPMatches},
		client{Name: "uri", AuthenticationName: "urn:a", Scheme: identity.URIMatches},
		client{Name: "email", AuthenticationName: "a@b", Scheme: identity.EmailMatches},
	)
	both := root.issue(t, all(named("press"), dns("dns.example")))
	stranger := root.issue(t, all(named("press"), dns("unknown.example")))
	empty := ""
	tests := map[string]struct {
		sources []Source
		c       *identity.Credentials
		want    string
	}{
		"dns first":                    {[]Source{FromDNS, FromSubject}, hello("", both), "dns"},
		"subject first":                {[]Source{FromSubject, FromDNS}, hello("", both), "subject"},
		"dns is empty":                 {[]Source{FromDNS, FromSubject}, hello("", root.issue(t, named("press"))), "subject"},
		"dns is unknown":               {[]Source{FromDNS, FromSubject}, hello("", stranger), `!no client has the authentication name "unknown.example"`},
		"any entry":                    {[]Source{FromDNS}, hello("", root.issue(t, dns("x", "dns.example"))), "dns"},
		"whole subject":                {[]Source{FromSubject}, hello("", root.issue(t, subject(pkix.Name{CommonName: "oven", Organization: []string{"Plant"}}))), "whole"},
		"ip":                           {[]Source{FromIP}, hello("", root.issue(t, ip("2001:db8::7"))), "ip"},
		"uri":                          {[]Source{FromURI}, hello("", root.issue(t, uri("urn:a"))), "uri"},
		"email":                        {[]Source{FromEmail}, hello("", root.issue(t, email("a@b"))), "email"},
		"none":                         {[]Source{FromDNS, FromEmail}, hello("", root.issue(t, named("press"))), "!no name in ClientCertificateDns, ClientCertificateEmail"},
		"no sources":                   {nil, hello("", both), "!alternativeAuthenticationNameSources is empty"},
		"user name wins":               {[]Source{FromSubject}, hello("dns.example", both), "dns"},
		"user name wins, unknown":      {[]Source{FromSubject}, hello("nobody", both), `!no client has the authentication name "nobody"`},
		"user name wins, another's":    {[]Source{FromSubject}, hello("a@b", both), "!does not have the name of client \"email\""},
		"an empty user name is none":   {[]Source{FromSubject}, &identity.Credentials{Username: &empty, Certificates: []*x509.Certificate{both.Certificate}}, "subject"},
		"user name with case":          {nil, hello("PRESS", both), "subject"},
		"no certificate":               {[]Source{FromSubject}, hello("press"), "!sent no certificate"},
		"no certificate, name in cert": {[]Source{FromSubject}, hello(""), "!sent no certificate"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			a := New(clients, Options{Sources: test.sources})
			a.SetCAs([]*CA{root.ca(t, "root")})
			expect(t, a, test.c, test.want)
		})
	}
	for i, name := range sourceNames {
		if s, ok := ParseSource(strings.ToLower(name)); !ok || int(s) != i || s.String() != name {
			t.Errorf("ParseSource(%q) = %v, %v", name, s, ok)
		}
	}
	if _, ok := ParseSource("Subject"); ok {
		t.Error("ParseSource takes anything")
	}
}

func TestChains(t *testing.T) {
	var none *authority
	root := none.issue(t, asCA("root"))
	middle := root.issue(t, asCA("middle"))
	lower := middle.issue(t, asCA("lower"))
	leaf := lower.issue(t, named("press"))
	direct := root.issue(t, named("press"))
	stranger := none.issue(t, asCA("root")) // the same name, another key
	oldCA := none.issue(t, all(asCA("old"), expired))
	oldMiddle := root.issue(t, all(asCA("old middle"), expired))
	noCA := root.issue(t, named("press")) // a client that signs another
	short := none.issue(t, all(asCA("short"), func(c *x509.Certificate) { c.MaxPathLenZero = true }))
	below := short.issue(t, asCA("below"))
	limited := none.issue(t, all(asCA("limited"), func(c *x509.Certificate) {
		c.PermittedDNSDomains, c.PermittedDNSDomainsCritical = []string{"plant.example"}, true
	}))
	servers := none.issue(t, all(asCA("servers"), func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }))
	usage := func(u ...x509.ExtKeyUsage) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.ExtKeyUsage = u }
	}
	critical := func(c *x509.Certificate) {
		c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3, 4}, Critical: true, Value: []byte{5, 0}}}
	}
	many := []*authority{direct}
	for range maxCertificates {
		many = append(many, middle)
	}
	const unsigned = "!not signed by a CA certificate of the namespace"
	tests := map[string]struct {
		cas  []*authority
		sent []*authority
		want string
	}{
		"root":                             {[]*authority{root}, []*authority{direct}, "c1"},
		"direct issuer":                    {[]*authority{lower}, []*authority{leaf}, "c1"},
		"direct issuer, chain sent":        {[]*authority{lower}, []*authority{leaf, lower, middle, root}, "c1"},
		"root, intermediates sent":         {[]*authority{root}, []*authority{leaf, lower, middle}, "c1"},
		"root, sent in another order":      {[]*authority{root}, []*authority{leaf, root, middle, lower}, "c1"},
		"middle, one sent":                 {[]*authority{middle}, []*authority{leaf, lower}, "c1"},
		"root, one missing":                {[]*authority{root}, []*authority{leaf, lower}, unsigned},
		"root, all missing":                {[]*authority{root}, []*authority{leaf}, unsigned},
		"several registered":               {[]*authority{stranger, oldCA, root}, []*authority{direct}, "c1"},
		"registered intermediate on way":   {[]*authority{root, middle}, []*authority{leaf, lower}, "c1"},
		"no CA":                            {nil, []*authority{direct}, unsigned},
		"another CA":                       {[]*authority{middle}, []*authority{direct}, unsigned},
		"another CA of that name":          {[]*authority{stranger}, []*authority{direct}, unsigned},
		"own root sent along":              {[]*authority{root}, []*authority{stranger.issue(t, named("press")), stranger}, unsigned},
		"self-signed":                      {[]*authority{root}, []*authority{none.issue(t, named("press"))}, unsigned},
		"self-signed as its issuer":        {[]*authority{root}, []*authority{none.issue(t, asCA("root"))}, "!does not have the name"},
		"signed by a client":               {[]*authority{root}, []*authority{noCA.issue(t, named("press")), noCA}, unsigned},
		"the first counts":                 {[]*authority{root}, []*authority{root.issue(t, named("oven")), direct}, "!does not have the name"},
		"expired":                          {[]*authority{root}, []*authority{root.issue(t, all(named("press"), expired))}, "!the certificate expired at"},
		"not yet valid":                    {[]*authority{root}, []*authority{root.issue(t, all(named("press"), func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Hour) }))}, "!valid from"},
		"expired CA":                       {[]*authority{oldCA}, []*authority{oldCA.issue(t, named("press"))}, `!CA certificate "ca0" expired at`},
		"expired registered intermediate":  {[]*authority{oldMiddle}, []*authority{oldMiddle.issue(t, named("press"))}, `!CA certificate "ca0" expired at`},
		"expired, root registered too":     {[]*authority{oldMiddle, root}, []*authority{oldMiddle.issue(t, named("press")), oldMiddle}, `!expired at`},
		"path longer than the CA allows":   {[]*authority{short}, []*authority{below.issue(t, named("press")), below}, unsigned},
		"path not longer":                  {[]*authority{short}, []*authority{short.issue(t, named("press"))}, "c1"},
		"outside the CA's names":           {[]*authority{limited}, []*authority{limited.issue(t, all(named("press"), dns("other.example")))}, unsigned},
		"inside the CA's names":            {[]*authority{limited}, []*authority{limited.issue(t, all(named("press"), dns("a.plant.example")))}, "c1"},
		"CA for servers only":              {[]*authority{servers}, []*authority{servers.issue(t, named("press"))}, unsigned},
		"certificate for servers only":     {[]*authority{root}, []*authority{root.issue(t, all(named("press"), usage(x509.ExtKeyUsageServerAuth)))}, "!extended key usage lacks clientAuth"},
		"for servers and clients":          {[]*authority{root}, []*authority{root.issue(t, all(named("press"), usage(x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth)))}, "c1"},
		"for whatever":                     {[]*authority{root}, []*authority{root.issue(t, all(named("press"), usage(x509.ExtKeyUsageAny)))}, "c1"},
		"does not say for what":            {[]*authority{root}, []*authority{root.issue(t, all(named("press"), usage()))}, "c1"},
		"unknown critical extension":       {[]*authority{root}, []*authority{root.issue(t, all(named("press"), critical))}, unsigned},
		"a registered CA as client":        {[]*authority{middle}, []*authority{middle}, "!does not have the name"},
		"a registered CA with that name":   {[]*authority{root.issue(t, asCA("press"))}, nil, "!itself a CA certificate"},
		"a registered root with that name": {[]*authority{none.issue(t, asCA("press"))}, nil, "!itself a CA certificate"},
		"very many":                        {[]*authority{root}, many, "!sent 11 certificates"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			a := New(registry(t, client{AuthenticationName: "press"}), Options{})
			var cas []*CA
			for i, ca := range test.cas {
				cas = append(cas, ca.ca(t, fmt.Sprint("ca", i)))
			}
			if test.sent == nil {
				test.sent = test.cas
			}
			a.SetCAs(cas)
			expect(t, a, hello("press", test.sent...), test.want)
			a.SetCAs(nil)
			if _, err := a.Authenticate(t.Context(), hello("press", test.sent...)); err == nil {
				t.Error("let in without any CA")
			}
		})
	}
}

// A thumbprint needs no CA, and is bound to its time and use all the same.
func TestThumbprintOfBadCertificates(t *testing.T) {
	var none *authority
	for name, test := range map[string]struct {
		edit func(*x509.Certificate)
		want string
	}{
		"good":     {named("me"), "c1"},
		"expired":  {all(named("me"), expired), "!expired"},
		"server's": {all(named("me"), func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }), "!lacks clientAuth"},
	} {
		t.Run(name, func(t *testing.T) {
			cert := none.issue(t, test.edit)
			a := New(registry(t, client{AuthenticationName: "me", Scheme: identity.ThumbprintMatch, Thumbprints: []string{Thumbprint(cert.Certificate)}}), Options{})
			expect(t, a, hello("me", cert), test.want)
		})
	}
}

func TestDisabled(t *testing.T) {
	root := (*authority)(nil).issue(t, asCA("root"))
	a := New(registry(t, client{AuthenticationName: "press", State: identity.StateDisabled}), Options{})
	a.SetCAs([]*CA{root.ca(t, "root")})
	_, err := a.Authenticate(t.Context(), hello("press", root.issue(t, named("press"))))
	if e, ok := errors.AsType[*identity.Error](err); !ok || e.Kind != identity.Disabled {
		t.Errorf("%v", err)
	}
}

// Time goes on: certificates and CAs end while nobody restarts anything.
func TestTimePasses(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		root := (*authority)(nil).issue(t, asCA("root"))
		leaf := root.issue(t, all(named("press"), func(c *x509.Certificate) { c.NotAfter = time.Now().Add(2 * time.Hour) }))
		long := root.issue(t, all(named("press"), func(c *x509.Certificate) { c.NotAfter = time.Now().Add(1000 * time.Hour) }))
		a := New(registry(t, client{AuthenticationName: "press"}), Options{})
		a.SetCAs([]*CA{root.ca(t, "root")})
		expect(t, a, hello("press", leaf), "c1")
		time.Sleep(2 * time.Hour)
		expect(t, a, hello("press", leaf), "c1") // NotAfter is the last second
		time.Sleep(time.Second)
		expect(t, a, hello("press", leaf), "!the certificate expired")
		expect(t, a, hello("press", long), "c1")
		time.Sleep(23 * time.Hour)
		expect(t, a, hello("press", long), `!CA certificate "root" expired`)
	})
}

func TestConcurrentSwaps(t *testing.T) {
	root := (*authority)(nil).issue(t, asCA("root"))
	leaf := root.issue(t, named("press"))
	cas := []*CA{root.with(t, "root", inFiles(t, root.crl(t, 1, nil)))}
	a, _ := watching(t, cas...)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for range 50 {
				if _, err := a.Authenticate(context.Background(), hello("press", leaf)); err != nil {
					t.Error(err)
				}
				if !a.reviewed(t, leaf) {
					t.Error("a live client does not stay")
				}
			}
		})
		wg.Go(func() {
			for range 50 {
				a.options.Watch.Set(cas)
				a.SetCAs(cas)
			}
		})
	}
	wg.Wait()
}

func BenchmarkAuthenticate(b *testing.B) {
	root := (*authority)(nil).issue(b, asCA("root"))
	leaf := root.issue(b, named("press"))
	self := (*authority)(nil).issue(b, named("self"))
	a := New(registry(b, client{AuthenticationName: "press"},
		client{AuthenticationName: "self", Scheme: identity.ThumbprintMatch, Thumbprints: []string{Thumbprint(self.Certificate)}}), Options{})
	a.SetCAs([]*CA{root.ca(b, "root")})
	for name, c := range map[string]*identity.Credentials{"chain": hello("press", leaf), "thumbprint": hello("self", self)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := a.Authenticate(context.Background(), c); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
