package jwtauth

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"gridmq/identity"
	"gridmq/internal/bubble"
)

func TestAlgorithms(t *testing.T) {
	c := custom(t, Key{Public: rsaKey().Public()}, Key{Public: p256Key().Public()}, Key{Public: p384Key().Public()},
		Key{Public: p521Key().Public()}, Key{Public: edKey().Public()})
	keys := map[Algorithm]any{"ES256": p256Key(), "ES384": p384Key(), "ES512": p521Key(), "EdDSA": edKey()}
	for _, alg := range Algorithms {
		t.Run(string(alg), func(t *testing.T) {
			key := keys[alg]
			if key == nil {
				key = rsaKey()
			}
			p, err := c.Authenticate(t.Context(), bring(MethodCustom, sign(key, string(alg), head(string(alg)), body())))
			if err != nil || p.Name != "press-07" {
				t.Errorf("got %v, %v", p, err)
			}
		})
	}
}

func TestOnlyListedAlgorithms(t *testing.T) {
	c, err := NewCustom(CustomConfig{Issuers: []Issuer{{Name: testIssuer, Algorithms: azureAlgorithms,
		Keys: FixedKeys{{Public: rsaKey().Public()}, {Public: p256Key().Public()}}}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, alg := range []string{"PS256", "RS384", "ES256"} {
		var key any = rsaKey()
		if alg == "ES256" {
			key = p256Key()
		}
		if _, err := c.Authenticate(t.Context(), bring(MethodCustom, sign(key, alg, head(alg), body()))); err == nil {
			t.Errorf("%s was accepted of an issuer with RS256 only", alg)
		}
	}
	for _, alg := range []Algorithm{"none", "HS256", ""} {
		if _, err := NewCustom(CustomConfig{Issuers: []Issuer{{Name: "a", Keys: FixedKeys{}, Algorithms: []Algorithm{alg}}}}); err == nil {
			t.Errorf("algorithm %q could be configured", alg)
		}
	}
}

func TestAudienceSpelling(t *testing.T) {
	c := custom(t)
	for _, aud := range []any{testHost, "https://" + testHost, "https://" + testHost + "/", testHost + "/",
		strings.ToUpper(testHost), "HTTPS://mqtt.example.COM/", []string{"other", testHost}} {
		if _, err := c.Authenticate(t.Context(), bring(MethodCustom, good("aud", aud))); err != nil {
			t.Errorf("aud %v: %v", aud, err)
		}
	}
	cr := bring(MethodCustom, good("aud", ""))
	cr.Hosts = []string{""}
	if _, err := c.Authenticate(t.Context(), cr); err == nil {
		t.Error("an empty audience was taken for an empty host")
	}
}

// The example of spec/identity.md, section 6.4.
func TestClaimsToAttributes(t *testing.T) {
	now := time.Now().Unix()
	p, err := custom(t).Authenticate(t.Context(), bring(MethodCustom, good("hall", 4, "kind", "press",
		"probes", []string{"thermal", "acoustic"}, "spare", true, "ratio", 0.5, "serial", 9007199254740993,
		"limits", object{"bar": 300}, "iat", now, "jti", "x", "mixed", []any{"a", 1}, "no.key", "x", "nil", nil)))
	want := identity.Attributes{"hall": identity.Integer(4), "kind": identity.Text("press"),
		"probes": identity.List("thermal", "acoustic")}
	if err != nil || !reflect.DeepEqual(p.Attributes, want) {
		t.Errorf("got %v, %v, want %v", p, err, want)
	}
	if p.Method != identity.CustomToken || p.Client != "" || p.Object != "" {
		t.Errorf("got %+v", p)
	}
}

// At exp and nbf, to the nanosecond, with the skew.
func TestTime(t *testing.T) {
	rsaKey() // not in virtual time
	bubble.Test(t, func(t *testing.T) {
		c, _ := NewCustom(CustomConfig{Skew: 30 * time.Second, Issuers: []Issuer{{Name: testIssuer, Keys: FixedKeys{{Public: rsaKey().Public()}}}}})
		start := time.Now()
		token := good("nbf", start.Unix()+100, "exp", start.Unix()+200)
		for _, step := range []struct {
			at time.Duration
			ok bool
		}{{69 * time.Second, false}, {70 * time.Second, true}, {230*time.Second - 1, true}, {230 * time.Second, false}} {
			time.Sleep(time.Until(start.Add(step.at)))
			p, err := c.Authenticate(t.Context(), bring(MethodCustom, token))
			if (err == nil) != step.ok {
				t.Errorf("after %v: %v, want ok %v", step.at, err, step.ok)
			}
			if err == nil && !p.Expires.Equal(start.Add(230*time.Second)) {
				t.Errorf("expires %v, want exp and the skew", p.Expires)
			}
		}
	})
	if _, err := NewCustom(CustomConfig{Skew: MaxSkew + 1}); err == nil {
		t.Error("a skew of more than 5 minutes was accepted")
	}
}

func TestNumericDates(t *testing.T) {
	for raw, want := range map[string]int64{"1": 1e9, "1.5": 15e8, "1e3": 1e12, "0": 0} {
		got, given, err := claims{"t": []byte(raw)}.instant("t")
		if err != nil || !given || got.UnixNano() != want {
			t.Errorf("%s is %v, %v", raw, got, err)
		}
	}
	for _, raw := range []string{"-1", "1e12", `"1"`, "null", "true", "NaN"} {
		if got, _, err := (claims{"t": []byte(raw)}).instant("t"); err == nil {
			t.Errorf("%s is %v, want an error", raw, got)
		}
	}
}

func TestOptionalNotBefore(t *testing.T) {
	c, _ := NewCustom(CustomConfig{Issuers: []Issuer{{Name: testIssuer, NotBeforeOptional: true, Keys: FixedKeys{{Public: rsaKey().Public()}}}}})
	if _, err := c.Authenticate(t.Context(), bring(MethodCustom, good("nbf", nil))); err != nil {
		t.Error(err)
	}
	if _, err := c.Authenticate(t.Context(), bring(MethodCustom, good("nbf", time.Now().Unix()+3600))); err == nil {
		t.Error("nbf is there and was not looked at")
	}
}

func TestType(t *testing.T) {
	lax := custom(t)
	strict, _ := NewCustom(CustomConfig{StrictType: true, Issuers: []Issuer{{Name: testIssuer, Keys: FixedKeys{{Public: rsaKey().Public()}}}}})
	for typ, want := range map[string][2]bool{
		"JWT": {true, true}, "jwt": {true, true}, "JWS": {true, true}, "at+jwt": {true, true},
		"application/at+jwt": {true, true}, "": {true, false}, "JOSE": {false, false},
	} {
		token := sign(rsaKey(), "RS256", head("RS256", "typ", typ), body())
		for i, c := range []*Custom{lax, strict} {
			if _, err := c.Authenticate(t.Context(), bring(MethodCustom, token)); (err == nil) != want[i] {
				t.Errorf("typ %q, strict %v: %v", typ, i == 1, err)
			}
		}
	}
}

func TestMethods(t *testing.T) {
	c := custom(t)
	tests := map[string]struct {
		cr   *identity.Credentials
		want identity.Kind
	}{
		"other method":      {bring("SCRAM-SHA-1", good()), identity.UnknownMethod},
		"directory's":       {bring(MethodDirectory, good()), identity.UnknownMethod},
		"case":              {bring("custom-jwt", good()), identity.UnknownMethod},
		"no method":         {&identity.Credentials{Password: []byte(good()), Hosts: []string{testHost}}, identity.UnknownMethod},
		"no data":           {bring(MethodCustom, ""), identity.NotAuthorized},
		"token as password": {&identity.Credentials{Method: MethodCustom, Password: []byte(good())}, identity.NotAuthorized},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := c.Authenticate(t.Context(), test.cr)
			if kind, ok := kindOf(err); !ok || kind != test.want {
				t.Errorf("got %v (%v), want kind %v", err, kind, test.want)
			}
		})
	}
}

func TestTokenAsPassword(t *testing.T) {
	c, _ := NewCustom(CustomConfig{TokenAsPassword: true, Issuers: []Issuer{{Name: testIssuer, Keys: FixedKeys{{Public: rsaKey().Public()}}}}})
	user := func(s string) *string { return &s }
	tests := map[string]struct {
		user     *string
		password string
		ok       bool
	}{
		"no user":       {nil, good(), true},
		"empty user":    {user(""), good(), true},
		"same":          {user("press-07"), good(), true},
		"other":         {user("press-08"), good(), false},
		"case":          {user("Press-07"), good(), false},
		"expired":       {nil, good("exp", 1), false},
		"no token":      {user("press-07"), "", false},
		"some password": {user("press-07"), "secret", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			cr := &identity.Credentials{Username: test.user, Password: []byte(test.password), Hosts: []string{testHost}}
			p, err := c.Authenticate(t.Context(), cr)
			if kind, _ := kindOf(err); (err == nil) != test.ok || err != nil && (kind != identity.BadCredentials || p != nil) {
				t.Errorf("got %v, %v, want ok %v or BadCredentials", p, err, test.ok)
			}
			if err != nil && test.password != "" && strings.Contains(err.Error(), test.password) {
				t.Error("the error tells the password")
			}
		})
	}
	if LooksLikeToken([]byte("secret")) || LooksLikeToken([]byte("a.b.c")) || !LooksLikeToken([]byte(good())) {
		t.Error("LooksLikeToken does not tell passwords from tokens")
	}
}

func TestRenew(t *testing.T) {
	c := custom(t)
	old, err := c.Authenticate(t.Context(), bring(MethodCustom, good("hall", 4)))
	if err != nil {
		t.Fatal(err)
	}
	p, err := c.Renew(t.Context(), bring(MethodCustom, good("hall", 5)), old)
	if n, _ := p.Attributes["hall"].Integer(); err != nil || n != 5 {
		t.Errorf("got %v, %v, want the attributes of the new token", p, err)
	}
	for name, token := range map[string]string{"another": good("sub", "press-08"), "case": good("sub", "PRESS-07"), "expired": good("exp", 1)} {
		if _, err := c.Renew(t.Context(), bring(MethodCustom, token), old); err == nil {
			t.Errorf("%s: renewed", name)
		} else if kind, _ := kindOf(err); kind != identity.NotAuthorized {
			t.Errorf("%s: kind %v", name, kind)
		}
	}
	directory := *old
	directory.Method = identity.DirectoryToken
	if _, err := c.Renew(t.Context(), bring(MethodCustom, good()), &directory); err == nil {
		t.Error("renewed a client of another method")
	}
}

// No key at all, or nobody who can say: not the client's fault.
type failing struct{ err error }

func (f failing) Keys(context.Context, string) ([]Key, error) { return nil, f.err }
func (f failing) Close()                                      {}

func TestNoKeysIsUnavailable(t *testing.T) {
	c, _ := NewCustom(CustomConfig{TokenAsPassword: true, Issuers: []Issuer{{Name: testIssuer, Keys: failing{errors.New("down")}}}})
	for _, cr := range []*identity.Credentials{bring(MethodCustom, good()), {Password: []byte(good()), Hosts: []string{testHost}}} {
		_, err := c.Authenticate(t.Context(), cr)
		if kind, ok := kindOf(err); !ok || kind != identity.Unavailable {
			t.Errorf("got %v, want Unavailable", err)
		}
	}
}

func TestCertificates(t *testing.T) {
	current, old := certificate(time.Now().Add(time.Hour)), certificate(time.Now().Add(-time.Hour))
	oneLine := strings.ReplaceAll(current, "\n", "")
	pkcs1 := "-----BEGIN RSA PUBLIC KEY-----\n" + pemBody(x509.MarshalPKCS1PublicKey(&rsaKey().PublicKey)) + "\n-----END RSA PUBLIC KEY-----"
	for name, text := range map[string]string{"certificate": current, "one line": oneLine, "CRLF": strings.ReplaceAll(current, "\n", "\r\n"),
		"public key": publicPEM(rsaKey().Public()), "PKCS 1": pkcs1} {
		k, err := ParsePEM(text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, err := custom(t, k).Authenticate(t.Context(), bring(MethodCustom, good())); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	k, err := ParsePEM(old)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := custom(t, k).Authenticate(t.Context(), bring(MethodCustom, good())); err == nil || !strings.Contains(err.Error(), "certificate expired") {
		t.Errorf("an issuer with an expired certificate: %v", err)
	}
	secret := "-----BEGIN PRIVATE KEY-----\n" + pemBody(must(x509.MarshalPKCS8PrivateKey(rsaKey()))) + "\n-----END PRIVATE KEY-----"
	for name, text := range map[string]string{"empty": "", "text": "hello", "private": secret, "two": current + current,
		"garbage": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "no end": "-----BEGIN CERTIFICATE-----\nAAAA",
		"huge": strings.Repeat("x", 1<<20)} {
		if k, err := ParsePEM(text); err == nil {
			t.Errorf("%s: read as %v", name, k)
		}
	}
}

func pemBody(der []byte) string { return base64.StdEncoding.EncodeToString(der) }

func TestDirectory(t *testing.T) {
	newDirectory := func(c DirectoryConfig) *Directory {
		c.Issuers = []Issuer{{Name: testIssuer, Keys: FixedKeys{{Public: rsaKey().Public()}}, NotBeforeOptional: true}}
		d, err := NewDirectory(c)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	token := func(changes ...any) string {
		return good(append([]any{"aud", "https://eventgrid.azure.net/", "oid", "0b7e", "groups", []string{"g1", "g2"},
			"roles", []string{"r"}, "realm_access", object{"roles": []string{"k1"}}}, changes...)...)
	}
	tests := map[string]struct {
		cfg    DirectoryConfig
		token  string
		object string // empty: refused
		groups []string
	}{
		"oid":               {token: token(), object: "0b7e", groups: []string{"g1", "g2"}},
		"no slash":          {token: token("aud", "https://eventgrid.azure.net"), object: "0b7e", groups: []string{"g1", "g2"}},
		"no oid":            {token: token("oid", nil), object: "press-07", groups: []string{"g1", "g2"}},
		"oid is no string":  {token: token("oid", 7)},
		"named claim":       {cfg: DirectoryConfig{ObjectClaim: "sub"}, token: token(), object: "press-07", groups: []string{"g1", "g2"}},
		"named, not there":  {cfg: DirectoryConfig{ObjectClaim: "uid"}, token: token()},
		"host as audience":  {token: token("aud", testHost)},
		"two slashes":       {token: token("aud", "https://eventgrid.azure.net//")},
		"own audience":      {cfg: DirectoryConfig{Audiences: []string{"mqtt"}}, token: token("aud", "mqtt"), object: "0b7e", groups: []string{"g1", "g2"}},
		"own, not default":  {cfg: DirectoryConfig{Audiences: []string{"mqtt"}}, token: token()},
		"groups and roles":  {cfg: DirectoryConfig{GroupClaims: []string{"roles", "/realm_access/roles"}}, token: token(), object: "0b7e", groups: []string{"r", "k1"}},
		"path to nowhere":   {cfg: DirectoryConfig{GroupClaims: []string{"/realm_access/x", "/groups/x"}}, token: token(), object: "0b7e"},
		"groups is text":    {token: token("groups", "g"), object: "0b7e", groups: []string{"g"}},
		"groups is objects": {token: token("groups", []any{object{}})},
		"too many groups":   {token: token("groups", make([]string, 257))},
		"object too long":   {token: token("oid", strings.Repeat("x", 129))},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p, err := newDirectory(test.cfg).Authenticate(t.Context(), bring(MethodDirectory, test.token))
			if test.object == "" {
				if err == nil {
					t.Errorf("got %+v, want a refusal", p)
				}
				return
			}
			if err != nil || p.Object != test.object || p.Name != test.object || !slices.Equal(p.Groups, test.groups) ||
				p.Method != identity.DirectoryToken || p.Attributes != nil {
				t.Errorf("got %+v, %v", p, err)
			}
		})
	}
	_, err := newDirectory(DirectoryConfig{}).Authenticate(t.Context(), bring(MethodDirectory, good("iss", "https://other")))
	if err == nil || !strings.Contains(err.Error(), MethodCustom) {
		t.Errorf("got %v, want a hint at the other method", err)
	}
	if IssuerOf([]byte(good())) != testIssuer || IssuerOf([]byte("x")) != "" {
		t.Error("IssuerOf does not find the issuer")
	}
}
