package x509auth

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"strings"
	"testing"

	"gridmq/identity"
)

func TestEnrolment(t *testing.T) {
	var none *authority
	factory, office := none.issue(t, asCA("factory")), none.issue(t, asCA("office"))
	plant := subject(pkix.Name{CommonName: "press-07", Organization: []string{"Plant"}, OrganizationalUnit: []string{"a", "b"}, SerialNumber: "12"})
	revoked := factory.issue(t, named("gone"))
	put := func(r *identity.Registry) func(context.Context, *identity.Client) error {
		return func(_ context.Context, c *identity.Client) error { _, err := r.Put(c); return err }
	}
	fails := func(err error) func(r *identity.Registry) func(context.Context, *identity.Client) error {
		return func(*identity.Registry) func(context.Context, *identity.Client) error {
			return func(context.Context, *identity.Client) error { return err }
		}
	}
	// wins is the race that another connection of the same client won.
	wins := func(r *identity.Registry) func(context.Context, *identity.Client) error {
		return func(_ context.Context, c *identity.Client) error {
			other := *c
			other.Name = "winner"
			if _, err := r.Put(&other); err != nil {
				return err
			}
			_, err := r.Put(c)
			return err
		}
	}
	long := strings.Repeat("é", 129)
	tests := map[string]struct {
		register func(*identity.Registry) func(context.Context, *identity.Client) error
		c        *identity.Credentials
		want     string // name of the client, or why not
		stored   string // in the registry afterwards
	}{
		"by subject":           {put, hello("", factory.issue(t, plant)), "press-07", `{"authenticationName":"press-07","state":"Enabled","clientCertificateAuthentication":{"validationScheme":"SubjectMatchesAuthenticationName"},"attributes":{"organization":"Plant","organizationalUnit":["a","b"],"serialNumber":"12"},"description":"registered on first connect, by CA certificate factory"}`},
		"by user name":         {put, hello("PRESS-07", factory.issue(t, plant)), "PRESS-07", ""},
		"by dns":               {put, hello("", factory.issue(t, all(named("x"), dns("a.example")))), "a.example", `{"authenticationName":"a.example","state":"Enabled","clientCertificateAuthentication":{"validationScheme":"DnsMatchesAuthenticationName"},"description":"registered on first connect, by CA certificate factory"}`},
		"user name in subject": {put, hello("x", factory.issue(t, all(named("x"), dns("a.example")))), "x", ""},
		"known":                {fails(errors.New("must not be called")), hello("old", factory.issue(t, named("old"))), "c-old", ""},
		"an entry called so":   {put, hello("", factory.issue(t, named("c-old"))), "x509-", ""},
		"not a resource name":  {put, hello("", factory.issue(t, named("a/b #"))), "x509-", ""},
		"user name of another": {put, hello("oven", factory.issue(t, plant)), "!the certificate does not have the name", ""},
		"another CA":           {put, hello("", office.issue(t, plant)), `!CA certificate "office" may not introduce clients`, ""},
		"unknown CA":           {put, hello("", none.issue(t, plant)), "!not signed by a CA", ""},
		"expired":              {put, hello("", factory.issue(t, all(plant, expired))), "!expired", ""},
		"revoked":              {put, hello("", revoked), "!is on the revocation list", ""},
		"long":                 {put, hello("", factory.issue(t, all(uri("urn:"+strings.Repeat("x", 129)), subject(pkix.Name{})))), "!cannot be registered: want 1 to 128 characters", ""},
		"long, in the subject": {put, hello("", factory.issue(t, subject(pkix.Name{ExtraNames: []pkix.AttributeTypeAndValue{{Type: oidCommonName, Value: long}}}))), "!cannot be registered: want 1 to 128 characters", ""},
		"hook fails":           {fails(errors.New("store is full")), hello("", factory.issue(t, plant)), "!could not be registered: store is full", ""},
		"taken, and gone":      {fails(identity.ErrNameTaken), hello("", factory.issue(t, plant)), "!could not be registered", ""},
		"another was first":    {wins, hello("", factory.issue(t, plant)), "winner", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := registry(t, client{Name: "c-old", AuthenticationName: "old"})
			before := string(r.ByName("c-old").EncodeStored())
			a, _ := watching(t, factory.with(t, "factory", inFiles(t, factory.crl(t, 1, nil, revoked))), office.ca(t, "office"))
			a.clients, a.options.Sources = r, []Source{FromDNS, FromSubject, FromURI}
			a.options.Enrolment = &Enrolment{CAs: []string{"factory"}, Register: test.register(r)}
			if strings.HasPrefix(test.want, "!") {
				expect(t, a, test.c, test.want)
				if r.Len() != 1 {
					t.Errorf("%d clients", r.Len())
				}
				return
			}
			p, err := a.Authenticate(t.Context(), test.c)
			if err != nil || !strings.HasPrefix(p.Client, test.want) && !strings.HasPrefix(test.want, "x509-") || identity.CheckClientName(p.Client) != nil {
				t.Fatalf("%+v, %v; want %q", p, err, test.want)
			}
			if strings.HasPrefix(test.want, "x509-") != strings.HasPrefix(p.Client, "x509-") {
				t.Errorf("called %q", p.Client)
			}
			if c := r.ByName(p.Client); test.stored != "" && string(c.EncodeStored()) != test.stored {
				t.Errorf("stored %s, want %s", c.EncodeStored(), test.stored)
			}
			if got := string(r.ByName("c-old").EncodeStored()); got != before {
				t.Errorf("the old client is now %s", got)
			}
			// The second time it is known.
			n := r.Len()
			if again, err := a.Authenticate(t.Context(), test.c); err != nil || again.Client != p.Client || r.Len() != n {
				t.Errorf("second time %+v, %v", again, err)
			}
		})
	}
}

// What does not fit, or is not UTF-8, is left out.
func TestAttributesOfSubject(t *testing.T) {
	big := strings.Repeat("x", 3000)
	c := &x509.Certificate{Subject: pkix.Name{Organization: []string{big}, OrganizationalUnit: []string{big}, Country: []string{"XX"}, Locality: []string{"a\xff"}}}
	a := attributesOf(c)
	if len(a) != 2 || a.Size() >= identity.MaxAttributes {
		t.Errorf("%d attributes of %d bytes", len(a), a.Size())
	}
	if s, _ := a["country"].Text(); s != "XX" {
		t.Errorf("country %q", s)
	}
}
