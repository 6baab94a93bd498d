package jwtauth

import (
	"context"
	"crypto"
	"encoding/base64"
	"math/big"
	"strconv"
	"strings"
	"testing"
	"time"

	"gridmq/identity"
)

// Every way to get in with a token that is not one. Each starts from a good token
// and changes one thing.
func TestAttacks(t *testing.T) {
	now := time.Now().Unix()
	rs := func(header object, claims any) string { return sign(rsaKey(), "RS256", header, claims) }
	pub := publicPEM(rsaKey().Public())
	n := base64.RawURLEncoding.EncodeToString(rsaOther().N.Bytes())
	jwk := object{"kty": "RSA", "n": n, "e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(rsaOther().E)).Bytes())}
	resigned := func(change func(parts []string)) string {
		parts := strings.Split(good(), ".")
		change(parts)
		return strings.Join(parts, ".")
	}
	tests := map[string]struct{ token, want string }{
		"wrong issuer":           {good("iss", "https://evil.example"), "not trusted"},
		"issuer with slash":      {good("iss", testIssuer+"/"), "not trusted"},
		"issuer in other case":   {good("iss", strings.ToUpper(testIssuer)), "not trusted"},
		"issuer as array":        {good("iss", []string{testIssuer}), "want a string"},
		"no issuer":              {good("iss", nil), "missing"},
		"claim name in case":     {good("iss", nil, "Iss", testIssuer), "missing"},
		"wrong audience":         {good("aud", "other.example"), "audience"},
		"audience of directory":  {good("aud", "https://eventgrid.azure.net/"), "audience"},
		"audience prefix":        {good("aud", testHost+".evil.example"), "audience"},
		"audience with path":     {good("aud", "https://"+testHost+"/x"), "audience"},
		"audience http":          {good("aud", "http://"+testHost), "audience"},
		"audience empty":         {good("aud", []string{}), "missing"},
		"audience object":        {good("aud", object{"a": testHost}), "want a string"},
		"audience mixed":         {good("aud", []any{testHost, 1}), "want a string"},
		"audience null":          {good("aud", []any{nil, testHost}), "want a string"},
		"no audience":            {good("aud", nil), "missing"},
		"expired":                {good("exp", now-61), "expired"},
		"no exp":                 {good("exp", nil), `"exp" is missing`},
		"exp text":               {good("exp", strconv.FormatInt(now+600, 10)), "seconds"},
		"exp null":               {rs(head("RS256"), `{"iss":"`+testIssuer+`","sub":"a","aud":"`+testHost+`","nbf":1,"exp":null}`), "seconds"},
		"exp endless":            {rs(head("RS256"), `{"iss":"`+testIssuer+`","sub":"a","aud":"`+testHost+`","nbf":1,"exp":1e300}`), "seconds"},
		"exp in milliseconds":    {good("exp", (now+600)*1000), "seconds"},
		"exp negative":           {good("exp", -1), "seconds"},
		"not yet":                {good("nbf", now+600), "not good before"},
		"no nbf":                 {good("nbf", nil), `"nbf" is missing`},
		"no sub":                 {good("sub", nil), `"sub" is missing`},
		"sub number":             {good("sub", 7), "want a string"},
		"sub empty":              {good("sub", ""), "missing"},
		"sub too long":           {good("sub", strings.Repeat("é", 129)), "128"},
		"longer than 8 KB":       {good("a", strings.Repeat("x", 8<<10)), "8192 at most"},
		"sub with NUL":           {good("sub", "a\x00b"), "NUL"},
		"attributes too large":   {good("a", strings.Repeat("x", 4090)), "fewer than 4096"},
		"other key":              {sign(rsaOther(), "RS256", head("RS256"), body()), "signature"},
		"none":                   {encode(head("none")) + "." + encode(body()) + ".", "three parts"},
		"none signed":            {sign(nil, "none", head("none"), body()), "not accepted"},
		"None":                   {sign(nil, "none", head("nOnE"), body()), "not accepted"},
		"no alg":                 {rs(object{"typ": "JWT"}, body()), "missing"},
		"alg null":               {rs(head("RS256", "alg", nil), body()), "want a string"},
		"alg array":              {rs(head("RS256", "alg", []string{"RS256"}), body()), "want a string"},
		"HS256 with public key":  {sign([]byte(pub), "HS256", head("HS256"), body()), "not accepted"},
		"HS256 with modulus":     {sign(rsaKey().N.Bytes(), "HS256", head("HS256"), body()), "not accepted"},
		"ES256 for an RSA key":   {sign(p256Key(), "ES256", head("ES256"), body()), "no key"},
		"EdDSA for an RSA key":   {sign(edKey(), "EdDSA", head("EdDSA"), body()), "no key"},
		"RS256 said PS256":       {rs(head("PS256"), body()), "signature"},
		"RS256 said RS512":       {rs(head("RS512"), body()), "signature"},
		"crit":                   {rs(head("RS256", "crit", []string{"exp"}), body()), "crit"},
		"crit empty":             {rs(head("RS256", "crit", []string{}), body()), "crit"},
		"b64":                    {rs(head("RS256", "b64", false), body()), "b64"},
		"zip":                    {rs(head("RS256", "zip", "DEF"), body()), "zip"},
		"own key in jwk":         {sign(rsaOther(), "RS256", head("RS256", "jwk", jwk), body()), "signature"},
		"own key at jku":         {sign(rsaOther(), "RS256", head("RS256", "jku", "https://evil.example/keys"), body()), "signature"},
		"own key at x5u":         {sign(rsaOther(), "RS256", head("RS256", "x5u", "https://evil.example/cert"), body()), "signature"},
		"own key in x5c":         {sign(rsaOther(), "RS256", head("RS256", "x5c", []string{"AAAA"}), body()), "refused"},
		"kid is a path":          {sign(rsaOther(), "RS256", head("RS256", "kid", "../../dev/null"), body()), "signature"},
		"kid is SQL":             {sign(rsaOther(), "RS256", head("RS256", "kid", "x' UNION SELECT 'key"), body()), "signature"},
		"kid too long":           {rs(head("RS256", "kid", strings.Repeat("k", 257)), body()), "kid"},
		"kid number":             {rs(head("RS256", "kid", 1), body()), "want a string"},
		"typ of another kind":    {rs(head("RS256", "typ", "logout+jwt"), body()), "typ"},
		"typ dpop":               {rs(head("RS256", "typ", "dpop+jwt"), body()), "typ"},
		"duplicate claim":        {rs(head("RS256"), `{"iss":"`+testIssuer+`","sub":"a","sub":"b","aud":"`+testHost+`","nbf":1,"exp":9999999999}`), "twice"},
		"duplicate in header":    {sign(rsaKey(), "RS256", `{"alg":"RS256","alg":"none"}`, body()), "twice"},
		"deep claims":            {rs(head("RS256"), strings.Repeat(`{"a":`, 50)+"1"+strings.Repeat("}", 50)), "deep"},
		"giant":                  {good("a", strings.Repeat("x", 1<<20)), "8192"},
		"giant header":           {rs(head("RS256", "x", strings.Repeat("x", 3000)), body()), "2048"},
		"many members":           {rs(head("RS256"), many(300)), "members"},
		"not UTF-8":              {rs(head("RS256"), "{\"iss\":\"\xff\"}"), "UTF-8"},
		"claims are an array":    {rs(head("RS256"), `[]`), "object"},
		"claims null":            {rs(head("RS256"), `null`), "object"},
		"empty":                  {" ", "three parts"},
		"two parts":              {"a.b", "three parts"},
		"five parts (encrypted)": {"a.b.c.d.e", "three parts"},
		"JSON form":              {`{"payload":"","signatures":[]}`, "three parts"},
		"signature cut":          {good()[:len(good())-8], "signature"},
		"signature with padding": {good() + "==", "base64url"},
		"signature with newline": {resigned(func(p []string) { p[2] = p[2][:10] + "\n" + p[2][10:] }), "base64url"},
		"claims with newline":    {resigned(func(p []string) { p[1] = p[1][:10] + "\n" + p[1][10:] }), "base64url"},
		"claims exchanged":       {resigned(func(p []string) { p[1] = encode(body("sub", "admin")) }), "signature"},
		"header exchanged":       {resigned(func(p []string) { p[0] = encode(head("RS256", "kid", "x")) }), "signature"},
	}
	c := custom(t)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p, err := c.Authenticate(t.Context(), bring(MethodCustom, test.token))
			kind, typed := kindOf(err)
			if p != nil || !typed || kind != identity.NotAuthorized || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %v, %v (kind %d), want NotAuthorized with %q", p, err, kind, test.want)
			}
			if len(err.Error()) > 1200 {
				t.Errorf("the reason has %d bytes", len(err.Error()))
			}
		})
	}
}

func many(n int) object {
	o := body()
	for i := range n {
		o["c"+strconv.Itoa(i)] = i
	}
	return o
}

// Signatures of EC keys are of fixed length, and zero is not one of them.
func TestECSignatures(t *testing.T) {
	c := custom(t, Key{Public: p256Key().Public()})
	input := encode(head("ES256")) + "." + encode(body())
	for name, sig := range map[string][]byte{
		"zeros":    make([]byte, 64),
		"short":    make([]byte, 32),
		"of P-384": signature(p384Key(), "ES384", []byte(input)),
		"DER":      must(p256Key().Sign(nil, make([]byte, 32), crypto.SHA256)),
	} {
		_, err := c.Authenticate(t.Context(), bring(MethodCustom, input+"."+base64.RawURLEncoding.EncodeToString(sig)))
		if kind, _ := kindOf(err); err == nil || kind != identity.NotAuthorized {
			t.Errorf("%s: got %v, want NotAuthorized", name, err)
		}
	}
}

// A key is for the algorithms of its type, and for the one that its set names.
func TestKeyOfTheWrongKind(t *testing.T) {
	keys := []Key{{ID: "r", Public: rsaKey().Public(), Algorithm: "RS256"}, {ID: "e", Public: p256Key().Public()}}
	c := custom(t, keys...)
	tests := map[string]struct {
		token string
		ok    bool
	}{
		"as named":               {sign(rsaKey(), "RS256", head("RS256", "kid", "r"), body()), true},
		"without kid":            {sign(rsaKey(), "RS256", head("RS256"), body()), true},
		"EC":                     {sign(p256Key(), "ES256", head("ES256", "kid", "e"), body()), true},
		"another algorithm":      {sign(rsaKey(), "PS256", head("PS256", "kid", "r"), body()), false},
		"another's kid":          {sign(rsaKey(), "RS256", head("RS256", "kid", "e"), body()), false},
		"unknown kid, right key": {sign(rsaKey(), "RS256", head("RS256", "kid", "x"), body()), false},
		"kid in other case":      {sign(rsaKey(), "RS256", head("RS256", "kid", "R"), body()), false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := c.Authenticate(t.Context(), bring(MethodCustom, test.token))
			if (err == nil) != test.ok {
				t.Errorf("got %v, want ok %v", err, test.ok)
			}
		})
	}
}

// Whoever has no good claims gets neither a fetch of keys nor a signature check.
type counted struct{ asked int }

func (c *counted) Keys(context.Context, string) ([]Key, error) {
	c.asked++
	return []Key{{Public: rsaKey().Public()}}, nil
}
func (c *counted) Close() {}

func TestHopelessTokensAreCheap(t *testing.T) {
	var keys counted
	c, _ := NewCustom(CustomConfig{Issuers: []Issuer{{Name: testIssuer, Keys: &keys}}})
	for _, token := range []string{good("exp", 1), good("aud", "x"), good("iss", "x"), good("nbf", nil), "x"} {
		if _, err := c.Authenticate(t.Context(), bring(MethodCustom, token)); err == nil || keys.asked != 0 {
			t.Errorf("got %v after %d looks at keys, want a refusal after none", err, keys.asked)
		}
	}
}

// Many keys and no kid: the work for one token stays bounded.
func TestTooManyKeysWithoutKid(t *testing.T) {
	keys := make([]Key, maxTried+1)
	for i := range keys {
		keys[i] = Key{ID: strconv.Itoa(i), Public: rsaKey().Public()}
	}
	_, err := custom(t, keys...).Authenticate(t.Context(), bring(MethodCustom, good()))
	if err == nil || !strings.Contains(err.Error(), "needs a kid") {
		t.Errorf("got %v, want that it needs a kid", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(good()))
	f.Add([]byte(sign(nil, "none", head("none"), body())))
	f.Add([]byte(sign(edKey(), "EdDSA", head("EdDSA", "kid", "k"), `{"a":1,"a":2}`)))
	c, _ := NewCustom(CustomConfig{Issuers: []Issuer{{Name: testIssuer, Keys: FixedKeys{{Public: rsaOther().Public()}}}}})
	f.Fuzz(func(t *testing.T, raw []byte) {
		tok, err := parse(raw)
		if err == nil && (len(raw) > MaxToken || tok.claims == nil) {
			t.Errorf("%q was read as %v", raw, tok)
		}
		// nobody has the key, so nobody gets in
		if p, err := c.Authenticate(t.Context(), bring(MethodCustom, string(raw))); err == nil {
			t.Errorf("%q got in as %v", raw, p)
		}
	})
}
