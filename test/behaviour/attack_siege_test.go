package behaviour

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	manage "gridmq/control/client"
	"gridmq/internal/authority"
	"gridmq/mqtt"
	"gridmq/server"
)

// A siege is a broker of our own with namespaces that the management plane has
// made, and somebody before its doors. Each namespace is reached by its host name.
type siege struct {
	*env
	plane  *manage.Client
	token  string // of the local operator
	ca     *authority.Authority
	denied map[mqtt.Code]float64 // by refuse, so far
}

// besieged starts a broker whose doors stay open to an address that is refused
// often: most attacks here are about something else.
func besieged(t *testing.T, settings ...string) *siege {
	t.Helper()
	s := &siege{env: &env{T: t, row: row{v5, "tls", "memory"}, prefix: t.Name()}, denied: map[mqtt.Code]float64{}}
	s.own(append([]string{"refusals.per_second=0", "operations.enabled=true", "operations.address=127.0.0.1:0", "listeners.mqtts.namespace=default"}, settings...)...)
	s.manage(s.serverCA())
	s.Cleanup(func() {
		for code, n := range s.denied {
			s.awaits(fmt.Sprintf("%.0f refusals are counted as %v", n, code), func() bool { return s.counted(code) >= n })
		}
	})
	return s
}

// manage finds the management plane, and makes a CA for clients.
func (s *siege) manage(trust []byte) {
	s.Helper()
	token, err := os.ReadFile(filepath.Join(s.house.dir, "data", server.TokenFile))
	if err == nil {
		s.token = strings.TrimSpace(string(token))
		s.plane, err = manage.New(manage.Options{URL: s.house.addresses["management"].URL, Token: s.token, CA: trust})
	}
	if err == nil {
		s.ca, err = authority.NewCA(authority.CAOptions{Name: "clients", Below: 1})
	}
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(s.plane.Close)
}

// serverCA is PEM of who has signed the certificates of all brokers here.
func (s *siege) serverCA() []byte {
	s.Helper()
	ca, err := localCA()
	if err != nil {
		s.Fatal(err)
	}
	pem, err := os.ReadFile(ca.CertFile)
	if err != nil {
		s.Fatal(err)
	}
	return pem
}

var place manage.Place

// put makes a resource of a namespace; properties is JSON.
func (s *siege) put(ns, kind, name, properties string) {
	s.Helper()
	if _, _, _, err := s.plane.Put(s.Context(), place.ID(ns, kind, name), []byte(`{"properties":`+properties+`}`), manage.Condition{}); err != nil {
		s.Fatalf("put %s %s: %v", kind, name, err)
	}
}

// open makes a namespace, or changes it. Clients may use the topics below
// devices/<their authentication name>, and nothing else. auth are more members of
// clientAuthentication, ours of properties.gridmq.
func (s *siege) open(ns, auth, ours string) {
	s.Helper()
	if auth != "" {
		auth = "," + auth
	}
	if ours != "" {
		ours = "," + ours
	}
	body := fmt.Sprintf(`{"location":"local","properties":{"topicSpacesConfiguration":{"state":"Enabled","clientAuthentication":{`+
		`"alternativeAuthenticationNameSources":["ClientCertificateSubject"]%s}},"gridmq":{"hosts":[%q]%s}}}`, auth, hostOf(ns), ours)
	if _, _, _, err := s.plane.Put(s.Context(), place.ID(ns), []byte(body), manage.Condition{}); err != nil {
		s.Fatalf("put namespace %s: %v", ns, err)
	}
	s.put(ns, "topicSpaces", "own", `{"topicTemplates":["devices/${client.authenticationName}/#"]}`)
	for _, permission := range []string{"Publisher", "Subscriber"} {
		s.put(ns, "permissionBindings", "own-"+permission, `{"clientGroupName":"$all","topicSpaceName":"own","permission":"`+permission+`"}`)
	}
}

func hostOf(ns string) string { return ns + ".siege.test" }

// trust registers a CA.
func (s *siege) trust(ns, name string, ca *authority.Authority) {
	s.Helper()
	text, _ := json.Marshal(string(ca.CertificatePEM())) // a string is JSON
	s.put(ns, "caCertificates", name, `{"encodedCertificate":`+string(text)+`}`)
}

// forge makes a certificate of any kind. by nil: it signs itself.
func (s *siege) forge(by *authority.Authority, t x509.Certificate) *tls.Certificate {
	s.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.Fatal(err)
	}
	if t.NotBefore.IsZero() {
		t.NotBefore = time.Now().Add(-time.Hour)
	}
	if t.NotAfter.IsZero() {
		t.NotAfter = time.Now().Add(time.Hour)
	}
	issuer, issuerKey := &t, any(key)
	if by != nil {
		issuer, issuerKey = by.Certificate, by.Key
	}
	der, err := x509.CreateCertificate(rand.Reader, &t, issuer, &key.PublicKey, issuerKey)
	if err != nil {
		s.Fatalf("certificate: %v", err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// badge is a good certificate of our CA with a common name.
func (s *siege) badge(name string) *tls.Certificate {
	s.Helper()
	return s.forge(s.ca, named(name))
}

func named(name string) x509.Certificate {
	return x509.Certificate{Subject: pkix.Name{CommonName: name}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
}
