package x509auth

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"testing"

	"gridmq/identity"
)

func TestKnows(t *testing.T) {
	clients := identity.NewRegistry()
	if _, err := clients.Put(&identity.Client{Name: "press-1", AuthenticationName: "press-1"}); err != nil {
		t.Fatal(err)
	}
	a := New(clients, Options{Sources: []Source{FromSubject}})
	known, other, empty := "PRESS-1", "press-2", ""
	cert := func(name string) []*x509.Certificate {
		return []*x509.Certificate{{Subject: pkix.Name{CommonName: name, Names: []pkix.AttributeTypeAndValue{{Type: oidCommonName, Value: name}}}}}
	}
	for name, tt := range map[string]struct {
		c    identity.Credentials
		want bool
	}{
		"user name":                     {identity.Credentials{Username: &known}, true},
		"other user name":               {identity.Credentials{Username: &other}, false},
		"certificate":                   {identity.Credentials{Certificates: cert("press-1")}, true},
		"other certificate":             {identity.Credentials{Certificates: cert("press-2")}, false},
		"user name before certificate":  {identity.Credentials{Username: &other, Certificates: cert("press-1")}, false},
		"empty user name":               {identity.Credentials{Username: &empty, Certificates: cert("press-1")}, true},
		"nothing":                       {identity.Credentials{}, false},
		"empty user name, nothing else": {identity.Credentials{Username: &empty}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := a.Knows(&tt.c); got != tt.want {
				t.Errorf("Knows = %t, want %t", got, tt.want)
			}
		})
	}
}
