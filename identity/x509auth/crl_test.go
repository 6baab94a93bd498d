package x509auth

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"slices"
	"strings"
	"testing"
	"time"

	"gridmq/identity"
	"gridmq/internal/bubble"
)

func asPEM(ders ...[]byte) (text []byte) {
	for _, der := range ders {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der})...)
	}
	return text
}

func TestRevocationLists(t *testing.T) {
	var none *authority
	root := none.issue(t, asCA("root"))
	twin := &authority{none.issue(t, asCA("root")).Certificate, nil} // the same name, another key
	middle := root.issue(t, asCA("middle"))
	good, bad := root.issue(t, named("press")), root.issue(t, named("press"))
	below := middle.issue(t, named("press"))
	later := func(l *x509.RevocationList) { l.ThisUpdate = l.ThisUpdate.Add(time.Second) }
	scope := func(point ...byte) func(*x509.RevocationList) {
		return func(l *x509.RevocationList) {
			l.ExtraExtensions = []pkix.Extension{{Id: oidScope, Critical: true, Value: append([]byte{0x30, byte(len(point))}, point...)}}
		}
	}
	users := scope(0x81, 1, 0xFF)
	const revoked = "!is on the revocation list"
	tests := map[string]struct {
		files [][]byte
		want  [3]string // for good, bad, below with middle sent
	}{
		"none":                   {nil, [3]string{"c1", "c1", "c1"}},
		"nobody":                 {[][]byte{root.crl(t, 1, nil)}, [3]string{"c1", "c1", "c1"}},
		"one":                    {[][]byte{root.crl(t, 1, nil, bad)}, [3]string{"c1", revoked, "c1"}},
		"PEM":                    {[][]byte{asPEM(root.crl(t, 1, nil, bad))}, [3]string{"c1", revoked, "c1"}},
		"an intermediate":        {[][]byte{root.crl(t, 1, nil, middle)}, [3]string{"c1", "c1", revoked}},
		"two, newer last":        {[][]byte{root.crl(t, 1, nil), root.crl(t, 2, nil, bad)}, [3]string{"c1", revoked, "c1"}},
		"two, newer first":       {[][]byte{asPEM(root.crl(t, 2, nil, bad), root.crl(t, 1, nil, good))}, [3]string{"c1", revoked, "c1"}},
		"two of one number":      {[][]byte{root.crl(t, 1, later, bad), root.crl(t, 1, nil, good)}, [3]string{"c1", revoked, "c1"}},
		"two by scope":           {[][]byte{root.crl(t, 1, users, bad), root.crl(t, 2, scope(0x82, 1, 0xFF), middle)}, [3]string{"c1", revoked, revoked}},
		"of a middle that knows": {[][]byte{root.crl(t, 1, nil, good, bad)}, [3]string{revoked, revoked, "c1"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			a := New(registry(t, client{AuthenticationName: "press"}), Options{})
			a.SetCAs([]*CA{root.ca(t, "root"), twin.ca(t, "twin")})
			if err := a.SetCRLs(test.files); err != nil {
				t.Fatal(err)
			}
			for i, certs := range [][]*authority{{good}, {bad}, {below, middle}} {
				expect(t, a, hello("press", certs...), test.want[i])
				err := a.Revoked(certs[0].Certificate)
				if want := i < 2 && test.want[i] == revoked; (err != nil) != want {
					t.Errorf("Revoked(%d) = %v, want %v", i, err, want)
				}
			}
		})
	}

	delta := func(l *x509.RevocationList) {
		l.ExtraExtensions = []pkix.Extension{{Id: oidDelta, Critical: true, Value: []byte{2, 1, 1}}}
	}
	unknown := func(l *x509.RevocationList) {
		l.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: []byte{5, 0}}}
	}
	future := func(l *x509.RevocationList) {
		l.ThisUpdate, l.NextUpdate = time.Now().Add(time.Hour), time.Now().Add(2*time.Hour)
	}
	changed := bytes.Clone(root.crl(t, 1, nil))
	changed[len(changed)-1] ^= 1
	for name, test := range map[string]struct {
		file []byte
		want string
	}{
		"another CA's":              {none.issue(t, asCA("other")).crl(t, 1, nil), "no CA certificate of the namespace has signed it"},
		"another CA of that name":   {none.issue(t, asCA("root")).crl(t, 1, nil), "no CA certificate"},
		"of an unregistered issuer": {middle.crl(t, 1, nil), "no CA certificate"},
		"changed":                   {changed, "no CA certificate"},
		"delta":                     {root.crl(t, 1, delta), "delta"},
		"indirect":                  {root.crl(t, 1, scope(0x84, 1, 0xFF)), "other issuers"},
		"some reasons":              {root.crl(t, 1, scope(0x83, 2, 6, 0x40)), "some reasons"},
		"unknown extension":         {root.crl(t, 1, unknown), "1.2.3"},
		"from the future":           {root.crl(t, 1, future), "future"},
		"not a list":                {[]byte("list"), "revocation list 1"},
		"empty":                     {nil, "revocation list 1"},
		"a certificate":             {[]byte(root.pem()), "revocation list 1"},
	} {
		t.Run("refuses "+name, func(t *testing.T) {
			a := New(registry(t, client{AuthenticationName: "press"}), Options{})
			a.SetCAs([]*CA{root.ca(t, "root")})
			if err := a.SetCRLs([][]byte{root.crl(t, 1, nil, bad)}); err != nil {
				t.Fatal(err)
			}
			if err := a.SetCRLs([][]byte{test.file}); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("SetCRLs = %v, want %q", err, test.want)
			}
			expect(t, a, hello("press", bad), revoked) // nothing has changed
		})
	}
}

func TestStaleLists(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		root := (*authority)(nil).issue(t, asCA("root"))
		other := (*authority)(nil).issue(t, asCA("other"))
		good, bad, others := root.issue(t, named("press")), root.issue(t, named("press")), other.issue(t, named("press"))
		for _, policy := range []StalePolicy{RefuseStale, AcceptStale} {
			a := New(registry(t, client{AuthenticationName: "press"}), Options{StaleCRL: policy})
			a.SetCAs([]*CA{root.ca(t, "root"), other.ca(t, "other")})
			if err := a.SetCRLs([][]byte{root.crl(t, 1, nil, bad)}); err != nil {
				t.Fatal(err)
			}
			expect(t, a, hello("press", good), "c1")
			time.Sleep(time.Hour + time.Second)
			want := map[StalePolicy]string{RefuseStale: "!was good until", AcceptStale: "c1"}[policy]
			expect(t, a, hello("press", good), want)
			if err := a.Revoked(good.Certificate); (err != nil) != (policy == RefuseStale) {
				t.Errorf("Revoked = %v", err)
			}
			expect(t, a, hello("press", bad), "!is on the revocation list")
			expect(t, a, hello("press", others), "c1") // the list is not of its CA
			if err := a.SetCRLs([][]byte{root.crl(t, 2, nil)}); err != nil {
				t.Fatal(err)
			}
			expect(t, a, hello("press", good), "c1")
			expect(t, a, hello("press", bad), "c1")
		}
	})
}

// A thumbprint client whose certificate a registered CA has revoked is refused.
func TestRevokedThumbprint(t *testing.T) {
	root := (*authority)(nil).issue(t, asCA("root"))
	leaf := root.issue(t, named("me"))
	a := New(registry(t, client{AuthenticationName: "me", Scheme: identity.ThumbprintMatch, Thumbprints: []string{Thumbprint(leaf.Certificate)}}), Options{})
	expect(t, a, hello("me", leaf), "c1")
	a.SetCAs([]*CA{root.ca(t, "root")})
	if err := a.SetCRLs([][]byte{root.crl(t, 1, nil, leaf)}); err != nil {
		t.Fatal(err)
	}
	expect(t, a, hello("me", leaf), "!is on the revocation list")
	// A list of somebody else with that serial number is not about it.
	other := (*authority)(nil).issue(t, asCA("other"))
	a.SetCAs([]*CA{root.ca(t, "root"), other.ca(t, "other")})
	if err := a.SetCRLs([][]byte{other.crl(t, 1, nil, leaf)}); err != nil {
		t.Fatal(err)
	}
	expect(t, a, hello("me", leaf), "c1")
}

func FuzzCRL(f *testing.F) {
	root := (*authority)(nil).issue(f, asCA("root"))
	der := root.crl(f, 1, nil, root)
	f.Add(der)
	f.Add(asPEM(der, der))
	f.Add([]byte("-----BEGIN X509 CRL-----\n-----END X509 CRL-----"))
	cas := []*CA{root.ca(f, "root")}
	f.Fuzz(func(t *testing.T, file []byte) {
		r := &revocations{map[issuer][]*list{}}
		for _, one := range crlsIn(file) {
			if err := r.add(one, cas); err == nil && !slices.Equal(one, der) {
				t.Errorf("%x has a good signature", one)
			}
		}
	})
}
