package behaviour

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"sync/atomic"
	"testing"
	"time"

	manage "gridmq/control/client"
	"gridmq/internal/authority"
	"gridmq/mqtt"
)

// made is a certificate with changes to the good one.
func made(change func(*x509.Certificate)) x509.Certificate {
	t := named("press-1")
	change(&t)
	return t
}

func (s *siege) newCA(o authority.CAOptions) *authority.Authority {
	s.Helper()
	ca, err := authority.NewCA(o)
	if err != nil {
		s.Fatal(err)
	}
	return ca
}

// below makes an authority below another.
func (s *siege) below(ca *authority.Authority, name string) *authority.Authority {
	s.Helper()
	sub, err := ca.NewIntermediate(authority.CAOptions{Name: name})
	if err != nil {
		s.Fatal(err)
	}
	return sub
}

func TestAttackCertificates(t *testing.T) {
	t.Parallel()
	s := besieged(t)
	s.open("certs", "", "")
	s.trust("certs", "ca1", s.ca)
	named1 := s.newCA(authority.CAOptions{Name: "press-ca"}) // called as a client is
	s.trust("certs", "ca2", named1)
	brief := s.newCA(authority.CAOptions{Name: "brief", Life: 4 * time.Second})
	s.trust("certs", "ca3", brief)
	for _, name := range []string{"press-1", "press-ca", "disabled"} {
		s.put("certs", "clients", name, `{"state":"`+map[bool]string{true: "Disabled", false: "Enabled"}[name == "disabled"]+`"}`)
	}
	s.put("certs", "clients", "dns", `{"authenticationName":"press-1.plant.example","clientCertificateAuthentication":{"validationScheme":"DnsMatchesAuthenticationName"}}`)
	s.put("certs", "clients", "ip", `{"authenticationName":"10.0.0.7","clientCertificateAuthentication":{"validationScheme":"IpMatchesAuthenticationName"}}`)
	impostor := s.newCA(authority.CAOptions{Name: s.ca.Certificate.Subject.CommonName}) // same name, other key
	stranger := s.newCA(authority.CAOptions{Name: "stranger", Below: 1})
	sub := s.below(s.ca, "sub")
	leafCA, err := s.ca.NewClient(authority.LeafOptions{Name: "press-1"}) // signs although it is no CA
	if err != nil {
		t.Fatal(err)
	}
	fromLeaf := s.forge(&authority.Authority{Pair: *leafCA}, named("press-1"))
	fromLeaf.Certificate = append(fromLeaf.Certificate, leafCA.Certificate.Raw)
	complete := s.forge(sub, named("press-1"))
	complete.Certificate = append(complete.Certificate, sub.Certificate.Raw)
	strangers := s.forge(s.below(stranger, "x"), named("press-1"))
	strangers.Certificate = append(strangers.Certificate, s.ca.Certificate.Raw, stranger.Certificate.Raw)
	flooded := s.badge("press-1")
	for range 30 {
		flooded.Certificate = append(flooded.Certificate, s.ca.Certificate.Raw)
	}
	if r := s.enter(caller{ns: "certs", id: "good", cert: s.badge("press-1")}); !r.publishes("devices/press-1/x") {
		t.Error("a good certificate gives no rights")
	}
	s.enter(caller{ns: "certs", id: "good intermediate", cert: complete})
	s.enter(caller{ns: "certs", id: "good 3", cert: s.badge("PRESS-1"), v3: true})
	soon := s.forge(brief, named("press-1"))
	dns, ip := "press-1.plant.example", "10.0.0.7"
	tests := map[string]struct {
		cert   *tls.Certificate
		user   *string
		reason string
	}{
		"expired":           {cert: s.forge(s.ca, made(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Second) })), reason: "expired at"},
		"not yet valid":     {cert: s.forge(s.ca, made(func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) })), reason: "is valid from"},
		"self-signed":       {cert: s.forge(nil, made(func(c *x509.Certificate) { c.SerialNumber = big.NewInt(1) })), reason: "not signed by a CA certificate"},
		"wrong CA":          {cert: s.forge(stranger, named("press-1")), reason: "not signed by a CA certificate"},
		"CA of that name":   {cert: s.forge(impostor, named("press-1")), reason: "not signed by a CA certificate"},
		"our CA sent along": {cert: strangers, reason: "not signed by a CA certificate"},
		"no intermediate":   {cert: s.forge(sub, named("press-1")), reason: "not signed by a CA certificate"},
		"signed by a leaf":  {cert: fromLeaf, reason: "not signed by a CA certificate"},
		"for servers":       {cert: s.forge(s.ca, made(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })), reason: "lacks clientAuth"},
		"for e-mail":        {cert: s.forge(s.ca, made(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection} })), reason: "lacks clientAuth"},
		"no name":           {cert: s.forge(s.ca, x509.Certificate{}), reason: "has no name in ClientCertificateSubject"},
		"the CA itself":     {cert: &tls.Certificate{Certificate: [][]byte{named1.Certificate.Raw}, PrivateKey: named1.Key}, reason: "itself a CA certificate"},
		"disabled":          {cert: s.badge("disabled"), reason: "is disabled"},
		"30 certificates":   {cert: flooded, reason: "more than 10"},
		"two common names": {cert: s.forge(s.ca, x509.Certificate{Subject: pkix.Name{ExtraNames: []pkix.AttributeTypeAndValue{
			{Type: []int{2, 5, 4, 3}, Value: "press-1"}, {Type: []int{2, 5, 4, 3}, Value: "other"}}}}), reason: ""},
		"name in another field": {cert: s.forge(s.ca, made(func(c *x509.Certificate) { c.Subject = pkix.Name{Organization: []string{"press-1"}} })), reason: ""},
		"DNS name as subject":   {cert: s.badge(dns), reason: "where DnsMatchesAuthenticationName wants it"},
		"DNS wildcard":          {cert: s.forge(s.ca, made(func(c *x509.Certificate) { c.DNSNames = []string{"*.plant.example"} })), user: &dns, reason: "where DnsMatchesAuthenticationName wants it"},
		"IP as DNS":             {cert: s.forge(s.ca, made(func(c *x509.Certificate) { c.DNSNames = []string{ip} })), user: &ip, reason: "where IpMatchesAuthenticationName wants it"},
		"unknown critical extension": {cert: s.forge(s.ca, made(func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: []int{1, 2, 3, 4}, Critical: true, Value: []byte{5, 0}}}
		})), reason: "not signed by a CA certificate"},
	}
	for name, tt := range tests {
		s.refuse(caller{ns: "certs", id: name, cert: tt.cert, user: tt.user, v3: len(name)%2 == 0}, mqtt.NotAuthorized, tt.reason)
	}
	time.Sleep(time.Until(brief.Certificate.NotAfter) + time.Second)
	s.refuse(caller{ns: "certs", id: "expired CA", cert: soon}, mqtt.NotAuthorized, "")
}

// TestAttackWithoutKey: somebody has the certificate and not its key.
func TestAttackWithoutKey(t *testing.T) {
	t.Parallel()
	s := besieged(t)
	s.open("certs", "", "")
	s.trust("certs", "ca1", s.ca)
	s.put("certs", "clients", "press-1", `{}`)
	stolen := s.badge("press-1")
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	stolen.PrivateKey = key
	if r, err := s.knock(caller{ns: "certs", id: "thief", cert: stolen}); err == nil {
		t.Errorf("it was answered: %v", r.connack.Code)
	}
	s.awaits("the handshake is counted", func() bool {
		return s.metric(`gridmq_listener_refused_total{listener="mqtts",reason="tls"}`) >= 1
	})
}

// TestAttackCertificateLater: what was good at CONNECT ends the connection when it
// is not any more, and a TLS session that is resumed brings nothing back.
func TestAttackCertificateLater(t *testing.T) {
	t.Parallel()
	s := besieged(t)
	s.open("certs", "", "")
	s.open("others", "", "")
	s.trust("certs", "ca1", s.ca)
	second := s.newCA(authority.CAOptions{Name: "second"})
	s.trust("certs", "ca2", second)
	for _, name := range []string{"press-1", "press-2", "press-3"} {
		s.put("certs", "clients", name, `{}`)
		s.put("others", "clients", name, `{}`)
	}
	ends := time.Now().Add(5 * time.Second).Truncate(time.Second)
	brief := s.enter(caller{ns: "certs", id: "brief", cert: s.forge(s.ca, made(func(c *x509.Certificate) { c.NotAfter = ends }))})
	cache := &tickets{}
	guest := caller{ns: "certs", id: "guest", cert: s.forge(second, named("press-2")), cache: cache}
	live := s.enter(guest)
	stays := s.enter(caller{ns: "certs", id: "stays", cert: s.badge("press-3")})
	if !live.publishes("devices/press-2/x") { // and the session ticket has come
		t.Error("the guest has no rights")
	}
	if cache.last.Load() == nil {
		t.Error("the server gave no session ticket: nothing is tested")
	}
	other := guest
	other.ns, other.id = "others", "ticket of another namespace"
	s.refuse(other, mqtt.NotAuthorized, "not signed by a CA certificate")
	if _, err := s.plane.Delete(s.Context(), place.ID("certs", "caCertificates", "ca2"), manage.Condition{}); err != nil {
		t.Fatal(err)
	}
	live.wantEnd(mqtt.NotAuthorized)
	s.refuse(guest, mqtt.NotAuthorized, "not signed by a CA certificate")
	brief.wantEnd(mqtt.NotAuthorized)
	if late := time.Since(ends); late < -time.Second || late > patience/2 {
		t.Errorf("the connection ended %v after its certificate", late)
	}
	if !stays.publishes("devices/press-3/x") {
		t.Error("a client of another CA was disturbed")
	}
	s.put("certs", "clients", "press-3", `{"state":"Disabled"}`)
	stays.wantEnd(mqtt.NotAuthorized)
}

// tickets is a cache that shows the last ticket at every door.
type tickets struct {
	last atomic.Pointer[tls.ClientSessionState]
}

func (c *tickets) Get(string) (*tls.ClientSessionState, bool) {
	last := c.last.Load()
	return last, last != nil
}

func (c *tickets) Put(_ string, s *tls.ClientSessionState) {
	if s != nil {
		c.last.Store(s)
	}
}

func authorityNamed(name string) authority.CAOptions { return authority.CAOptions{Name: name} }
