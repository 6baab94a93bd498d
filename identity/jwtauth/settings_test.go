package jwtauth

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"gridmq/identity"
)

// faults are the fields of a joined error.
func faults(err error) (fields []string) {
	switch e := err.(type) {
	case nil:
	case interface{ Unwrap() []error }:
		for _, one := range e.Unwrap() {
			fields = append(fields, faults(one)...)
		}
	default:
		if f, ok := errors.AsType[*identity.FieldError](err); ok {
			return []string{f.Field}
		}
		return []string{"not a field error: " + err.Error()}
	}
	return fields
}

// fill puts a certificate where CERT stands, as JSON.
func fill(doc string) []byte {
	cert := string(must(json.Marshal(strings.ReplaceAll(publicPEM(rsaKey().Public()), "\n", ""))))
	return []byte(strings.ReplaceAll(doc, "CERT", cert))
}

func TestDecodeCustom(t *testing.T) {
	const one = `{"kid":"a","encodedCertificate":CERT}`
	tests := map[string]struct {
		doc, extra string
		azure      bool
		issuers    int
		fault      string // the field; empty: none
	}{
		"nothing":             {},
		"null":                {doc: "null", extra: "null"},
		"uploaded":            {doc: `{"tokenIssuer":"https://i","encodedIssuerCertificates":[` + one + `]}`, azure: true, issuers: 1},
		"names in any case":   {doc: `{"TokenIssuer":"https://i","EncodedIssuerCertificates":[{"KID":"a","ENCODEDcertificate":CERT}]}`, issuers: 1},
		"a later version's":   {doc: `{"tokenIssuer":"https://i","future":1,"encodedIssuerCertificates":[` + one + `]}`, azure: true, issuers: 1},
		"at a URL":            {doc: `{"tokenIssuer":"i","issuerCertificates":[{"certificateUrl":"https://vault/c/1","identity":{"type":"systemassigned"}}]}`, azure: true, issuers: 1},
		"at a URL, no type":   {doc: `{"tokenIssuer":"i","issuerCertificates":[{"certificateUrl":"file:///c.pem"}]}`, azure: true, issuers: 1, fault: customPath + ".issuerCertificates[0].identity.type"},
		"at a URL, standard":  {doc: `{"tokenIssuer":"i","issuerCertificates":[{"certificateUrl":"file:///c.pem"}]}`, issuers: 1},
		"http":                {doc: `{"tokenIssuer":"i","issuerCertificates":[{"certificateUrl":"http://x/c"}]}`, issuers: 1, fault: customPath + ".issuerCertificates[0].certificateUrl"},
		"relative":            {doc: `{"tokenIssuer":"i","issuerCertificates":[{"certificateUrl":"c.pem"}]}`, issuers: 1, fault: customPath + ".issuerCertificates[0].certificateUrl"},
		"no issuer":           {doc: `{"encodedIssuerCertificates":[` + one + `]}`, issuers: 1, fault: customPath + ".tokenIssuer"},
		"no certificate":      {doc: `{"tokenIssuer":"i"}`, issuers: 1, fault: customPath + ".encodedIssuerCertificates"},
		"no kid":              {doc: `{"tokenIssuer":"i","encodedIssuerCertificates":[{"encodedCertificate":CERT}]}`, issuers: 1, fault: customPath + ".encodedIssuerCertificates[0].kid"},
		"not PEM":             {doc: `{"tokenIssuer":"i","encodedIssuerCertificates":[{"kid":"a","encodedCertificate":"x"}]}`, issuers: 1, fault: customPath + ".encodedIssuerCertificates[0].encodedCertificate"},
		"kid twice":           {doc: `{"tokenIssuer":"i","encodedIssuerCertificates":[` + one + `,` + one + `]}`, issuers: 1, fault: customPath + ".encodedIssuerCertificates[1].kid"},
		"three, azure":        {doc: `{"tokenIssuer":"i","encodedIssuerCertificates":[` + one + `,` + one + `,` + one + `]}`, azure: true, issuers: 1, fault: customPath + ".encodedIssuerCertificates"},
		"member twice":        {doc: `{"tokenIssuer":"i","TokenIssuer":"j"}`, fault: customPath},
		"no object":           {doc: `[]`, fault: customPath},
		"no JSON":             {doc: `{"tokenIssuer":`, fault: customPath},
		"deep":                {doc: strings.Repeat("[", 1000), fault: customPath},
		"more issuers":        {doc: `{"tokenIssuer":"i","encodedIssuerCertificates":[` + one + `]}`, extra: `{"issuers":[{"issuer":"https://j","discovery":true},{"issuer":"k","jwksUrl":"https://k/keys","algorithms":["ES256","EdDSA"],"audiences":["x"],"caFile":"/ca.pem","publicKeyPins":["` + strings.Repeat("ab", 32) + `"],"notBeforeOptional":true}],"clockSkewInSeconds":0,"tokenAsPassword":true,"strictTokenType":true}`, issuers: 3},
		"issuer twice":        {extra: `{"issuers":[{"issuer":"https://j","discovery":true},{"issuer":"https://j","discovery":true}]}`, issuers: 2, fault: customExtra + ".issuers"},
		"a slip of the pen":   {extra: `{"issuers":[{"issuer":"https://j","discovery":true,"publicKeyPin":[]}]}`, issuers: 1, fault: customExtra + ".issuers.publicKeyPin"},
		"no way to keys":      {extra: `{"issuers":[{"issuer":"https://j"}]}`, issuers: 1, fault: customExtra + ".issuers[0].jwksUrl"},
		"two ways to keys":    {extra: `{"issuers":[{"issuer":"https://j","discovery":true,"jwksUrl":"https://j/keys"}]}`, issuers: 1, fault: customExtra + ".issuers[0].jwksUrl"},
		"discovery of a name": {extra: `{"issuers":[{"issuer":"plant","discovery":true}]}`, issuers: 1, fault: customExtra + ".issuers[0].discovery"},
		"keys over http":      {extra: `{"issuers":[{"issuer":"j","jwksUrl":"http://j/keys"}]}`, issuers: 1, fault: customExtra + ".issuers[0].jwksUrl"},
		"HS256":               {extra: `{"issuers":[{"issuer":"https://j","discovery":true,"algorithms":["HS256"]}]}`, issuers: 1, fault: customExtra + ".issuers[0].algorithms"},
		"none":                {extra: `{"issuers":[{"issuer":"https://j","discovery":true,"algorithms":["none"]}]}`, issuers: 1, fault: customExtra + ".issuers[0].algorithms"},
		"no algorithm":        {extra: `{"issuers":[{"issuer":"https://j","discovery":true,"algorithms":[]}]}`, issuers: 1, fault: customExtra + ".issuers[0].algorithms"},
		"a pin that is none":  {extra: `{"issuers":[{"issuer":"https://j","discovery":true,"publicKeyPins":["x"]}]}`, issuers: 1, fault: customExtra + ".issuers[0].publicKeyPins"},
		"empty audience":      {extra: `{"issuers":[{"issuer":"https://j","discovery":true,"audiences":[""]}]}`, issuers: 1, fault: customExtra + ".issuers[0].audiences"},
		"skew of ten minutes": {extra: `{"clockSkewInSeconds":600}`, fault: customExtra + ".clockSkewInSeconds"},
		"seventeen of them":   {extra: `{"issuers":[` + strings.Repeat(`{"issuer":"a"},`, 16) + `{"issuer":"a"}]}`, fault: customExtra + ".issuers"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s, err := DecodeCustom(fill(test.doc), fill(test.extra), test.azure)
			got := faults(err)
			if len(s.Issuers) != test.issuers || test.fault == "" && err != nil || test.fault != "" && (len(got) != 1 || got[0] != test.fault) {
				t.Fatalf("got %d issuers, faults %q (%v), want %d and %q", len(s.Issuers), got, err, test.issuers, test.fault)
			}
			if test.azure && len(s.Issuers) > 0 && !(len(s.Issuers[0].Algorithms) == 1 && s.Issuers[0].Algorithms[0] == jose.RS256) {
				t.Errorf("Azure's issuer may use %v, want RS256", s.Issuers[0].Algorithms)
			}
		})
	}
	s, _ := DecodeCustom(nil, []byte(tests["more issuers"].extra), false)
	if !s.TokenAsPassword || !s.StrictType || s.Skew != time.Nanosecond || !s.Issuers[1].NotBeforeOptional || s.Issuers[1].CAFile != "/ca.pem" {
		t.Errorf("got %+v", s)
	}
}

func TestDecodeDirectory(t *testing.T) {
	s, err := DecodeDirectory([]byte(`{"issuers":[{"issuer":"https://kc/realms/plant","discovery":true}],"audiences":["mqtt"],
		"objectIdClaim":"sub","groupClaims":["groups","/realm_access/roles"],"clockSkewInSeconds":30,"tokenAsPassword":true}`))
	if err != nil || len(s.Issuers) != 1 || !s.Issuers[0].Discovery || s.ObjectClaim != "sub" || len(s.GroupClaims) != 2 ||
		s.Skew != 30*time.Second || !s.TokenAsPassword || s.Audiences[0] != "mqtt" {
		t.Errorf("got %+v, %v", s, err)
	}
	if s, err := DecodeDirectory(nil); err != nil || len(s.Issuers) != 0 {
		t.Errorf("nothing: %v, %v", s, err)
	}
	if _, err := DecodeDirectory([]byte(`{"tokenIssuer":"x"}`)); err == nil {
		t.Error("an unknown member was accepted")
	}
}

// From the resource to a client that gets in.
func TestSettingsEndToEnd(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.pem")
	if err := os.WriteFile(file, []byte(publicPEM(rsaOther().Public())), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := DecodeCustom(fill(`{"tokenIssuer":"`+testIssuer+`","encodedIssuerCertificates":[{"kid":"a","encodedCertificate":CERT}],
		"issuerCertificates":[{"certificateUrl":"file://`+file+`"}]}`), nil, false)
	if err != nil {
		t.Fatal(err)
	}
	c, err := s.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for name, test := range map[string]struct {
		token string
		ok    bool
	}{
		"uploaded, its kid":   {sign(rsaKey(), "RS256", head("RS256", "kid", "a"), body()), true},
		"uploaded, no kid":    {good(), true},
		"uploaded, other kid": {sign(rsaKey(), "RS256", head("RS256", "kid", "b"), body()), false},
		"file, any kid":       {sign(rsaOther(), "RS256", head("RS256", "kid", "b"), body()), true},
	} {
		if _, err := c.Authenticate(t.Context(), bring(MethodCustom, test.token)); (err == nil) != test.ok {
			t.Errorf("%s: %v, want ok %v", name, err, test.ok)
		}
	}
}

func FuzzDecodeCustom(f *testing.F) {
	f.Add(fill(`{"tokenIssuer":"https://i","encodedIssuerCertificates":[{"kid":"a","encodedCertificate":CERT}]}`), []byte(`{"issuers":[]}`))
	f.Fuzz(func(t *testing.T, doc, extra []byte) {
		s, err := DecodeCustom(doc, extra, true)
		if err != nil {
			for _, field := range faults(err) {
				if strings.HasPrefix(field, "not a field") {
					t.Error(field)
				}
			}
			return
		}
		for _, is := range s.Issuers {
			if is.Name == "" {
				t.Errorf("%q, %q gave an issuer without a name", doc, extra)
			}
		}
	})
}
