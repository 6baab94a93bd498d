package jwtauth

import (
	"crypto"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"gridmq/identity"
	"gridmq/internal/outbound"
)

func keySet(kid string, k crypto.PublicKey) []byte {
	return must(json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: k, KeyID: kid, Use: "sig", Algorithm: "RS256"}}}))
}

// serve starts a TLS server and returns options that trust it.
func serve(t *testing.T, h http.HandlerFunc) (*httptest.Server, outbound.Options) {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return s, outbound.Options{CAFile: ca}
}

func TestKeysOverHTTPS(t *testing.T) {
	var sets atomic.Int64
	var self string
	s, trust := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/tenant/.well-known/openid-configuration":
			io.WriteString(w, `{"issuer":"`+self+`/tenant","jwks_uri":"`+self+`/keys"}`)
		case "/keys":
			sets.Add(1)
			w.Header().Set("Cache-Control", "public, max-age=3600")
			w.Write(keySet("k1", rsaKey().Public()))
		default:
			http.NotFound(w, r)
		}
	})
	self = s.URL
	set := must(KeysAt(s.URL+"/keys", trust, Remote{}))
	found := must(Discover(s.URL+"/tenant", trust, Remote{}))
	c, err := NewCustom(CustomConfig{Issuers: []Issuer{{Name: testIssuer, Keys: set}, {Name: s.URL + "/tenant", Keys: found}}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, iss := range []string{testIssuer, s.URL + "/tenant"} {
		for range 3 {
			if _, err := c.Authenticate(t.Context(), bring(MethodCustom, sign(rsaKey(), "RS256", head("RS256", "kid", "k1"), body("iss", iss)))); err != nil {
				t.Errorf("%s: %v", iss, err)
			}
		}
	}
	if sets.Load() != 2 {
		t.Errorf("the key set was fetched %d times, want once for each issuer", sets.Load())
	}
}

// What a server of keys may do to us.
func TestHostileKeyServers(t *testing.T) {
	endless := func(w http.ResponseWriter) {
		chunk := make([]byte, 64<<10)
		for range 1 << 14 { // 1 GiB
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	}
	tests := map[string]struct {
		serve http.HandlerFunc
		want  string
	}{
		"1 GB": {func(w http.ResponseWriter, r *http.Request) { endless(w) }, "too large"},
		"says 1 GB": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "1073741824")
			endless(w)
		}, "too large"},
		"hangs":     {func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "deadline"},
		"trickles":  {trickle, "deadline"},
		"redirects": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/keys2", http.StatusFound) }, "status 302"},
		"fails":     {func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(503) }, "status 503"},
		"empty":     {func(w http.ResponseWriter, r *http.Request) {}, "early"},
		"HTML":      {func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "<html>") }, "invalid"},
		"compressed": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			w.Write([]byte{31, 139})
		}, "compressed"},
		"huge header":   {func(w http.ResponseWriter, r *http.Request) { w.Header().Set("X", strings.Repeat("x", 1<<20)) }, ""},
		"no keys":       {func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, `{"keys":[]}`) }, "none of 0"},
		"symmetric key": {func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, `{"keys":[{"kty":"oct","k":"AAAA"}]}`) }, "none of 1"},
		"private key":   {func(w http.ResponseWriter, r *http.Request) { w.Write(privateSet()) }, "none of 1"},
		"duplicate":     {func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, `{"keys":[],"keys":[]}`) }, "twice"},
		"too many": {func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, `{"keys":[`+strings.Repeat("{},", 100)+`{}]}`)
		}, "want 100"},
		"deep":            {func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, strings.Repeat("[", 500000)) }, "deep"},
		"keys of objects": {func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, `{"keys":{"a":1}}`) }, "array"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s, trust := serve(t, test.serve)
			keys := must(KeysAt(s.URL+"/keys?secret=hidden", trust, Remote{Timeout: 300 * time.Millisecond}))
			c, _ := NewCustom(CustomConfig{Issuers: []Issuer{{Name: testIssuer, Keys: keys}}})
			defer c.Close()
			_, err := c.Authenticate(t.Context(), bring(MethodCustom, good()))
			if kind, ok := kindOf(err); !ok || kind != identity.Unavailable || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want Unavailable with %q", err, test.want)
			}
			if strings.Contains(err.Error(), "hidden") {
				t.Errorf("the error tells the query: %v", err)
			}
		})
	}
}

func trickle(w http.ResponseWriter, r *http.Request) {
	for r.Context().Err() == nil {
		io.WriteString(w, " ")
		http.NewResponseController(w).Flush()
		time.Sleep(20 * time.Millisecond)
	}
}

func privateSet() []byte {
	return must(json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: rsaKey(), KeyID: "k"}}}))
}

func TestHostileDiscovery(t *testing.T) {
	for name, doc := range map[string]string{
		"of another issuer":     `{"issuer":"https://evil.example","jwks_uri":"SELF/keys"}`,
		"with a slash":          `{"issuer":"SELF/","jwks_uri":"SELF/keys"}`,
		"no keys":               `{"issuer":"SELF"}`,
		"keys over http":        `{"issuer":"SELF","jwks_uri":"http://169.254.169.254/keys"}`,
		"keys in a file":        `{"issuer":"SELF","jwks_uri":"file:///etc/passwd"}`,
		"issuer twice":          `{"issuer":"https://x","issuer":"SELF","jwks_uri":"SELF/keys"}`,
		"user in the keys' URL": `{"issuer":"SELF","jwks_uri":"https://a:b@evil.example/keys"}`,
	} {
		t.Run(name, func(t *testing.T) {
			var self string
			s, trust := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/keys" {
					t.Error("the keys were fetched")
				}
				io.WriteString(w, strings.ReplaceAll(doc, "SELF", self))
			})
			self = s.URL
			k := must(Discover(s.URL, trust, Remote{}))
			defer k.Close()
			if keys, err := k.Keys(t.Context(), ""); err == nil {
				t.Errorf("got %v", keys)
			}
		})
	}
}

func TestTrust(t *testing.T) {
	s, trust := serve(t, func(w http.ResponseWriter, r *http.Request) { w.Write(keySet("k", rsaKey().Public())) })
	pin := outboundPin(s)
	for name, test := range map[string]struct {
		o  outbound.Options
		ok bool
	}{
		"own CA":        {trust, true},
		"system's":      {outbound.Options{}, false},
		"pinned":        {outbound.Options{CAFile: trust.CAFile, Pins: []string{strings.Repeat("00", 32), pin}}, true},
		"pinned, other": {outbound.Options{CAFile: trust.CAFile, Pins: []string{strings.Repeat("00", 32)}}, false},
		"pin alone":     {outbound.Options{Pins: []string{pin}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			k := must(KeysAt(s.URL, test.o, Remote{}))
			defer k.Close()
			if _, err := k.Keys(t.Context(), ""); (err == nil) != test.ok {
				t.Errorf("got %v, want ok %v", err, test.ok)
			}
		})
	}
	for _, u := range []string{"", "http://x/keys", "ftp://x", "https://", "https://a:b@x/", "x", "https://x/#f", "http://127.0.0.1/"} {
		if k, err := KeysAt(u, outbound.Options{}, Remote{}); err == nil {
			k.Close()
			t.Errorf("%q was accepted", u)
		}
	}
}

func TestCertificateAt(t *testing.T) {
	s, trust := serve(t, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, certificate(time.Now().Add(time.Hour)))
	})
	file := filepath.Join(t.TempDir(), "issuer.pem")
	if err := os.WriteFile(file, []byte(certificate(time.Now().Add(time.Hour))), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, at := range []string{s.URL, "file://" + file, "file://localhost" + file} {
		k := must(CertificateAt(at, trust, Remote{}))
		c, _ := NewCustom(CustomConfig{Issuers: []Issuer{{Name: testIssuer, Keys: k}}})
		if _, err := c.Authenticate(t.Context(), bring(MethodCustom, good())); err != nil {
			t.Errorf("%s: %v", at, err)
		}
		c.Close()
	}
	for _, at := range []string{"file:///dev/zero", "file:///does/not/exist", "file://" + filepath.Dir(file)} {
		k := must(CertificateAt(at, trust, Remote{}))
		if keys, err := k.Keys(t.Context(), ""); err == nil {
			t.Errorf("%s: %v", at, keys)
		}
		k.Close()
	}
	for _, at := range []string{"file://server/share", "file:", "vault:x", "http://127.0.0.1/"} {
		if k, err := CertificateAt(at, trust, Remote{}); err == nil {
			k.Close()
			t.Errorf("%s was accepted", at)
		}
	}
}

func TestSettingsOpenAndClose(t *testing.T) {
	_, err := IssuerSettings{Name: "a", JWKS: "https://x", CAFile: "/does/not/exist"}.Open()
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	d, err := DirectorySettings{Issuers: []IssuerSettings{{Name: "https://x", Discovery: true}}}.Open(
		Issuer{Name: "local", Keys: FixedKeys{{Public: rsaKey().Public()}}})
	if err != nil || !d.Trusts("local") || !d.Trusts("https://x") || d.Trusts("") {
		t.Fatal(err)
	}
	d.Close()
	if _, err := (CustomSettings{Issuers: []IssuerSettings{{Name: "a"}}}).Open(Issuer{Name: "a", Keys: FixedKeys{}}); err == nil {
		t.Error("one issuer twice was accepted")
	}
}

func FuzzParseSet(f *testing.F) {
	f.Add(keySet("k", rsaKey().Public()))
	f.Add(keySet("k", p256Key().Public()))
	f.Add(privateSet())
	f.Fuzz(func(t *testing.T, b []byte) {
		keys, err := parseSet(b)
		for _, k := range keys {
			if checkKey(k.Public) != nil || err != nil {
				t.Errorf("%q gave the key %v, %v", b, k, err)
			}
		}
	})
}

func FuzzParsePEM(f *testing.F) {
	f.Add(certificate(time.Now()))
	f.Add(publicPEM(edKey().Public()))
	f.Fuzz(func(t *testing.T, s string) {
		if k, err := ParsePEM(s); err == nil && checkKey(k.Public) != nil {
			t.Errorf("%q gave the key %v", s, k)
		}
	})
}

func outboundPin(s *httptest.Server) string {
	sum := sha256.Sum256(s.Certificate().RawSubjectPublicKeyInfo)
	return hex.EncodeToString(sum[:])
}
