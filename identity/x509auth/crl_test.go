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

// scope makes a list one of an issuing distribution point.
func scope(point ...byte) func(*x509.RevocationList) {
	return func(l *x509.RevocationList) {
		l.ExtraExtensions = []pkix.Extension{{Id: oidScope, Critical: true, Value: append([]byte{0x30, byte(len(point))}, point...)}}
	}
}

func TestRevocationLists(t *testing.T) {
	var none *authority
	root := none.issue(t, asCA("root"))
	twin := &authority{none.issue(t, asCA("root")).Certificate, nil} // the same name, another key
	middle := root.issue(t, asCA("middle"))
	good, bad := root.issue(t, named("press")), root.issue(t, named("press"))
	below := middle.issue(t, named("press"))
	later := func(l *x509.RevocationList) { l.ThisUpdate = l.ThisUpdate.Add(time.Second) }
	users := scope(0x81, 1, 0xFF)
	const (
		revoked = "!is on the revocation list"
		missing = "!there is none of the intermediate" // whose own list would say whether below is good
	)
	tests := map[string]struct {
		files [][]byte
		want  [3]string // for good, bad, below with middle sent
	}{
		"none":                   {nil, [3]string{"c1", "c1", "c1"}},
		"nobody":                 {[][]byte{root.crl(t, 1, nil)}, [3]string{"c1", "c1", missing}},
		"one":                    {[][]byte{root.crl(t, 1, nil, bad)}, [3]string{"c1", revoked, missing}},
		"PEM":                    {[][]byte{asPEM(root.crl(t, 1, nil, bad))}, [3]string{"c1", revoked, missing}},
		"an intermediate":        {[][]byte{root.crl(t, 1, nil, middle)}, [3]string{"c1", "c1", revoked}},
		"two, newer last":        {[][]byte{root.crl(t, 1, nil), root.crl(t, 2, nil, bad)}, [3]string{"c1", revoked, missing}},
		"two, newer first":       {[][]byte{asPEM(root.crl(t, 2, nil, bad), root.crl(t, 1, nil, good))}, [3]string{"c1", revoked, missing}},
		"two of one number":      {[][]byte{root.crl(t, 1, later, bad), root.crl(t, 1, nil, good)}, [3]string{"c1", revoked, missing}},
		"two by scope":           {[][]byte{root.crl(t, 1, users, bad), root.crl(t, 2, scope(0x82, 1, 0xFF), middle)}, [3]string{"c1", revoked, revoked}},
		"of a middle that knows": {[][]byte{root.crl(t, 1, nil, good, bad)}, [3]string{revoked, revoked, missing}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			a, _ := watching(t, root.with(t, "root", inFiles(t, test.files...)), twin.ca(t, "twin"))
			for i, certs := range [][]*authority{{good}, {bad}, {below, middle}} {
				expect(t, a, hello("press", certs...), test.want[i])
				if stays := a.reviewed(t, certs...); stays == (test.want[i] == revoked) {
					t.Errorf("a live client %d stays: %v", i, stays)
				}
			}
		})
	}
}

// A file that is no list of its CA is refused, and what was read before stays in force.
func TestListsRefused(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		var none *authority
		root := none.issue(t, asCA("root"))
		middle, bad := root.issue(t, asCA("middle")), root.issue(t, named("press"))
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
			"another CA's":              {none.issue(t, asCA("other")).crl(t, 1, nil), "of another issuer"},
			"another CA of that name":   {none.issue(t, asCA("root")).crl(t, 1, nil), "has not signed"},
			"of an unregistered issuer": {middle.crl(t, 1, nil), "of another issuer"},
			"changed":                   {changed, "has not signed"},
			"delta":                     {root.crl(t, 1, delta), "delta"},
			"indirect":                  {root.crl(t, 1, scope(0x84, 1, 0xFF)), "other issuers"},
			"some reasons":              {root.crl(t, 1, scope(0x83, 2, 6, 0x40)), "some reasons"},
			"unknown extension":         {root.crl(t, 1, unknown), "1.2.3"},
			"from the future":           {root.crl(t, 1, future), "future"},
			"not a list":                {[]byte("list"), "want revocation lists"},
			"empty":                     {nil, "want revocation lists"},
			"a certificate":             {[]byte(root.pem()), "want revocation lists"},
		} {
			t.Log(name)
			ca := root.with(t, "root", inFiles(t, root.crl(t, 1, nil, bad)))
			a, _ := watching(t, ca)
			write(t, ca.Revocation.CRL.Files[0], test.file)
			if err := ca.CheckFiles(); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("CheckFiles = %v, want %q", err, test.want)
			}
			time.Sleep(2 * defaultRefresh)
			expect(t, a, hello("press", bad), "!is on the revocation list") // nothing has changed
		}
	})
}

func TestStaleLists(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		root := (*authority)(nil).issue(t, asCA("root"))
		other := (*authority)(nil).issue(t, asCA("other"))
		good, bad, others := root.issue(t, named("press")), root.issue(t, named("press")), other.issue(t, named("press"))
		for _, policy := range []StalePolicy{RefuseStale, AcceptStale} {
			list := func(der []byte) []*CA {
				return []*CA{root.with(t, "root", `{"crl":{"stale":"`+stalePolicies[policy]+`","pem":`+text(string(asPEM(der)))+`}}`), other.ca(t, "other")}
			}
			a, _ := watching(t, list(root.crl(t, 1, nil, bad))...)
			expect(t, a, hello("press", good), "c1")
			time.Sleep(time.Hour + time.Second)
			want := map[StalePolicy]string{RefuseStale: "!was good until", AcceptStale: "c1"}[policy]
			expect(t, a, hello("press", good), want)
			if !a.reviewed(t, good) {
				t.Error("a list that is out of date ends a connection")
			}
			expect(t, a, hello("press", bad), "!is on the revocation list")
			expect(t, a, hello("press", others), "c1") // the list is not of its CA
			a.options.Watch.Set(list(root.crl(t, 2, nil)))
			expect(t, a, hello("press", good), "c1")
			expect(t, a, hello("press", bad), "c1")
		}
	})
}

// A thumbprint client whose certificate a registered CA has revoked is refused.
func TestRevokedThumbprint(t *testing.T) {
	root := (*authority)(nil).issue(t, asCA("root"))
	leaf := root.issue(t, named("me"))
	a, _ := watching(t)
	a.clients = registry(t, client{AuthenticationName: "me", Scheme: identity.ThumbprintMatch, Thumbprints: []string{Thumbprint(leaf.Certificate)}})
	expect(t, a, hello("me", leaf), "c1")
	set := func(cas ...*CA) {
		a.options.Watch.Set(cas)
		a.SetCAs(cas)
	}
	set(root.with(t, "root", inFiles(t, root.crl(t, 1, nil, leaf))))
	expect(t, a, hello("me", leaf), "!is on the revocation list")
	// A list of somebody else with that serial number is not about it.
	other := (*authority)(nil).issue(t, asCA("other"))
	set(root.ca(t, "root"), other.with(t, "other", inFiles(t, other.crl(t, 1, nil, leaf))))
	expect(t, a, hello("me", leaf), "c1")
}

func FuzzCRL(f *testing.F) {
	root := (*authority)(nil).issue(f, asCA("root"))
	der := root.crl(f, 1, nil, root)
	f.Add(der)
	f.Add(asPEM(der, der))
	f.Add([]byte("-----BEGIN X509 CRL-----\n-----END X509 CRL-----"))
	ca := root.ca(f, "root")
	f.Fuzz(func(t *testing.T, file []byte) {
		if _, err := readLists(ca, file); err != nil {
			return
		}
		for _, one := range crlsIn(file) {
			if !slices.Equal(one, der) {
				t.Errorf("%x has a good signature", one)
			}
		}
	})
}
