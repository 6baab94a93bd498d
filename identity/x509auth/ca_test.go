package x509auth

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"gridmq/identity"
)

// A root of version 1, as openssl made it: no extensions at all. P-256, to 2126.
const rootV1 = `-----BEGIN CERTIFICATE-----
MIIBIzCByQIUNQdxk/EAur/c+0inTOQth1R0y0cwCgYIKoZIzj0EAwIwEzERMA8G
A1UEAwwIb2xkIHJvb3QwIBcNMjYxMTI4MTk1NDQwWhgPMjEyNjExMDQxOTU0NDBa
MBMxETAPBgNVBAMMCG9sZCByb290MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE
5As6wjZfQuV+b1nBIYYmKm1kZO/yoUcZDYu+FmykXAW3AsICt/y4Gs9zENRKltP0
6qmitpTOiyqfaBgUKQvOFjAKBggqhkjOPQQDAgNJADBGAiEArkaVoEbXTFlTNBtU
Myneqi04yM3LHxqS+aUrC5bSW9QCIQDoDjx8lswGRPwnqff6iU0Gc8w/WdYAQVtq
o7J4mCNEgQ==
-----END CERTIFICATE-----`

// A version 1 certificate that rootV1 signed: it cannot be told from a client's.
const leafV1 = `-----BEGIN CERTIFICATE-----
MIIBHzCBxQIUKiMW7Vh+s5e9lPNG2DaW6HIv4+AwCgYIKoZIzj0EAwIwEzERMA8G
A1UEAwwIb2xkIHJvb3QwIBcNMjYxMTI4MTk1NDQwWhgPMjEyNjExMDQxOTU0NDBa
MA8xDTALBgNVBAMMBGxlYWYwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAARhNSVn
8yU7NcpNiytgbIuSx8hgavGUE1jJrUEtWfAZoTVOHhlLoRbzvrYSVRtZhDIBsCjn
GzUnATUO93z6BtSbMAoGCCqGSM49BAMCA0kAMEYCIQCneHvzM67ZowPBfLgeXcU1
y1jm4eTbYhSNnN86rvKn5wIhAIZvjgRxmY7Ell6Za1fkb3u4mQWIO0ErjMgMdhK/
eurk
-----END CERTIFICATE-----`

func TestDecodeCA(t *testing.T) {
	var none *authority
	root := none.issue(t, asCA("root"))
	middle := root.issue(t, asCA("middle"))
	leaf := root.issue(t, named("leaf"))
	b64 := base64.StdEncoding.EncodeToString
	flat := strings.ReplaceAll(root.pem(), "\n", "")
	key := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte{1, 2, 3}}))
	tests := map[string]struct{ text, wrong string }{
		"PEM":                     {root.pem(), ""},
		"PEM without line breaks": {flat, ""},
		"PEM with CR LF":          {strings.ReplaceAll(root.pem(), "\n", "\r\n"), ""},
		"PEM with text around":    {"subject=CN = root\n" + root.pem() + "\n\n", ""},
		"base64 of PEM":           {b64([]byte(root.pem())), ""},
		"base64 of PEM without":   {b64([]byte(flat)), ""},
		"base64 of DER":           {b64(root.Raw), ""},
		"base64 of DER, in lines": {strings.Join(strings.SplitAfter(b64(root.Raw), "A"), "\n"), ""},
		"intermediate":            {middle.pem(), ""},
		"version 1 root":          {rootV1, ""},
		"version 1, not a root":   {leafV1, "not a CA certificate"},
		"expired":                 {none.issue(t, all(asCA("old"), expired)).pem(), ""},
		"a client's":              {leaf.pem(), "not a CA certificate"},
		"self-signed, not a CA":   {none.issue(t, named("me")).pem(), "not a CA certificate"},
		"may sign lists only":     {none.issue(t, all(asCA("x"), func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign })).pem(), "not a CA certificate"},
		"two":                     {root.pem() + middle.pem(), "one certificate only"},
		"two without line breaks": {flat + flat, "one certificate only"},
		"base64 of two":           {b64(append(root.Raw[:len(root.Raw):len(root.Raw)], middle.Raw...)), "one certificate only"},
		"with its key":            {root.pem() + key, "private key"},
		"a key":                   {key, "private key"},
		"another kind":            {strings.ReplaceAll(root.pem(), "CERTIFICATE", "CERTIFICATE REQUEST"), "want one certificate, as PEM"},
		"cut":                     {root.pem()[:200], "want one certificate, as PEM"},
		"cut inside":              {flat[:100] + "-----END CERTIFICATE-----", "want one certificate, as PEM"},
		"something":               {"certificate", "want one certificate, as PEM"},
		"empty":                   {"", "want one certificate, as PEM"},
		"long":                    {strings.Repeat("A", maxEncoded+1), "characters at most"},
		"encoded again and again": {b64([]byte(b64([]byte(root.pem())))), "want one certificate, as PEM"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			ca, err := DecodeCA("root", identity.EncodeProperties(map[string]any{"EncodedCertificate": test.text, "description": "d", "issueTimeInUtc": 7}))
			if test.wrong != "" {
				f, ok := errors.AsType[*identity.FieldError](err)
				if !ok || f.Field != "encodedCertificate" || !strings.Contains(f.Reason, test.wrong) {
					t.Errorf("DecodeCA = %v, want %q", err, test.wrong)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if ca.Encoded != test.text || ca.Replaces(ca) != nil {
				t.Errorf("kept as %q", ca.Encoded)
			}
			if again, err := DecodeCA("root", ca.Encode()); err != nil || !again.Certificate.Equal(ca.Certificate) || string(again.Encode()) != string(ca.Encode()) {
				t.Errorf("encodes as %s, which is read as %v", ca.Encode(), err)
			}
		})
	}
}

func TestCAProperties(t *testing.T) {
	root := (*authority)(nil).issue(t, asCA("root"))
	ca := root.ca(t, "root")
	want := fmt.Sprintf(`"issueTimeInUtc":"%s","expiryTimeInUtc":"%s"}`, root.NotBefore.UTC().Format(time.RFC3339), root.NotAfter.UTC().Format(time.RFC3339))
	if got := string(ca.Encode()); !strings.HasSuffix(got, want) {
		t.Errorf("encodes as %s, want %s", got, want)
	}
	for name, doc := range map[string]string{"r": `{}`, "root": `{"encodedCertificate":7}`, "roots": `{"encodedCertificate":null}`} {
		if _, err := DecodeCA(name, []byte(doc)); err == nil {
			t.Errorf("DecodeCA(%q, %s) succeeds", name, doc)
		}
	}
	other := (*authority)(nil).issue(t, asCA("root"))
	cas := []*CA{ca, other.ca(t, "other")}
	if same := SameCertificate(cas, root.ca(t, "again")); same != ca {
		t.Errorf("SameCertificate = %v", same)
	}
	if same := SameCertificate(cas, root.ca(t, "root")); same != nil { // a PUT of it once more
		t.Errorf("SameCertificate = %v", same)
	}
}

func FuzzParseCA(f *testing.F) {
	f.Add(rootV1)
	f.Add(strings.ReplaceAll(rootV1, "\n", ""))
	f.Add(base64.StdEncoding.EncodeToString([]byte(rootV1)))
	f.Fuzz(func(t *testing.T, text string) {
		if c, err := ParseCA(text); err == nil && !mayCertify(c) {
			t.Errorf("%q is no CA", text)
		}
	})
}
