package behaviour

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"gridmq/mqtt"
)

const (
	customJWT = "CUSTOM-JWT"
	oauth2JWT = "OAUTH2-JWT"
)

// openTokens makes a namespace that takes tokens of an issuer, without clock skew.
func (s *siege) openTokens(ns string) (issuer *forger) {
	s.Helper()
	issuer = newForger(s.T, 0, "key-1", claims{"iss": "https://login.plant.example", "sub": "press-7", "aud": hostOf(ns), "kind": "press", "hall": 4})
	text, _ := json.Marshal(string(issuer.cert))
	s.open(ns, `"customJwtAuthentication":{"tokenIssuer":"https://login.plant.example","encodedIssuerCertificates":[{"kid":"key-1","encodedCertificate":`+string(text)+`}]}`,
		`"customJwtAuthentication":{"clockSkewInSeconds":0}`)
	s.put(ns, "clientGroups", "presses", `{"query":"attributes.kind = 'press' and attributes.hall = 4"}`)
	s.put(ns, "topicSpaces", "presses", `{"topicTemplates":["presses/${client.attributes.hall}/#"]}`)
	s.put(ns, "permissionBindings", "presses", `{"clientGroupName":"presses","topicSpaceName":"presses","permission":"Publisher"}`)
	return issuer
}

func TestAttackTokens(t *testing.T) {
	t.Parallel()
	s := besieged(t)
	f := s.openTokens("tokens")
	other := newForger(t, 1, "key-1", f.base)
	if r := s.enter(caller{ns: "tokens", id: "good", method: customJWT, data: f.token(nil)}); !r.publishes("presses/4/x") ||
		!r.publishes("devices/press-7/x") || r.publishes("presses/5/x") || r.publishes("devices/press-8/x") {
		t.Error("a good token does not have its rights, or others")
	}
	if r := s.enter(caller{ns: "tokens", id: "guest", method: customJWT, data: f.token(claims{"sub": "guest", "kind": "gate"})}); r.publishes("presses/4/x") {
		t.Error("a token has the rights of a group that its claims are not in")
	}
	now := time.Now()
	good := f.token(nil)
	header, rest, _ := strings.Cut(good, ".")
	body, signature, _ := strings.Cut(rest, ".")
	twice := base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"a","sub":"b"}`))
	none := encoded(claims{"alg": "none", "typ": "JWT"}) + "." + body + "."
	tests := map[string]struct{ token, reason string }{
		"none":                 {none, "three parts"},
		"none, signed":         {none + signature, `"none" is not accepted`},
		"None":                 {encoded(claims{"alg": "None"}) + "." + body + "." + signature, `"None" is not accepted`},
		"public key as secret": {f.hmac(f.public()), `"HS256" is not accepted`},
		"certificate, secret":  {f.hmac(f.cert), `"HS256" is not accepted`},
		"empty secret":         {f.hmac(nil), `"HS256" is not accepted`},
		"other key":            {other.token(nil), "the signature is not of issuer"},
		"own key in header":    {other.signed(claims{"jwk": other.jwk(), "kid": nil}, f.claims(nil)), "the signature is not of issuer"},
		"own key at URL":       {other.signed(claims{"jku": "https://evil.example/keys", "x5u": "https://evil.example/c"}, f.claims(nil)), "the signature is not of issuer"},
		"PS256 claimed":        {f.signed(claims{"alg": "PS256"}, f.claims(nil)), "the signature is not of issuer"},
		"ES256 claimed":        {f.signed(claims{"alg": "ES256"}, f.claims(nil)), "no key with kid"},
		"issuer":               {f.token(claims{"iss": "https://login.plant.example/"}), "is not trusted here"},
		"issuer's case":        {f.token(claims{"iss": "https://LOGIN.plant.example"}), "is not trusted here"},
		"issuers":              {f.token(claims{"iss": []string{"https://login.plant.example"}}), `"iss": want a string`},
		"audience":             {f.token(claims{"aud": "others.siege.test"}), "not for us"},
		"audience below":       {f.token(claims{"aud": "x.tokens.siege.test"}), "not for us"},
		"audience with path":   {f.token(claims{"aud": "https://tokens.siege.test/x"}), "not for us"},
		"no audience":          {f.token(claims{"aud": nil}), `"aud" is missing`},
		"empty audience":       {f.token(claims{"aud": ""}), "not for us"},
		"other namespace":      {f.token(claims{"aud": []string{"names.siege.test", "tokens.siege.test.evil.example"}}), "not for us"},
		"kid":                  {f.signed(claims{"kid": "key-2"}, f.claims(nil)), "no key with kid"},
		"kid, a path":          {f.signed(claims{"kid": "../../../../dev/null"}, f.claims(nil)), "no key with kid"},
		"kid, a number":        {f.signed(claims{"kid": 1}, f.claims(nil)), "want a string"},
		"kid, long":            {f.signed(claims{"kid": strings.Repeat("k", 300)}, f.claims(nil)), "kid has 300 bytes"},
		"typ":                  {f.signed(claims{"typ": "logout+jwt"}, f.claims(nil)), "want JWT"},
		"crit":                 {f.signed(claims{"crit": []string{"exp"}}, f.claims(nil)), `"crit"`},
		"b64":                  {f.signed(claims{"b64": false}, f.claims(nil)), `"b64"`},
		"expired":              {f.token(claims{"exp": now.Add(-time.Second).Unix()}), "expired at"},
		"expires at once":      {f.token(claims{"exp": now.Unix()}), "expired at"},
		"no exp":               {f.token(claims{"exp": nil}), `"exp" is missing`},
		"exp, a text":          {f.token(claims{"exp": fmt.Sprint(now.Add(time.Hour).Unix())}), "want seconds"},
		"exp, endless":         {f.token(claims{"exp": 1e300}), "want seconds"},
		"exp, negative":        {f.token(claims{"exp": -1}), "want seconds"},
		"not before":           {f.token(claims{"nbf": now.Add(time.Minute).Unix()}), "not good before"},
		"no nbf":               {f.token(claims{"nbf": nil}), `"nbf" is missing`},
		"no sub":               {f.token(claims{"sub": nil}), `"sub" is missing`},
		"empty sub":            {f.token(claims{"sub": ""}), `"sub" is missing`},
		"long sub":             {f.token(claims{"sub": strings.Repeat("s", 129)}), "1 to 128 characters"},
		"sub with NUL":         {f.token(claims{"sub": "press-7\x00"}), "contains NUL"},
		"sub, a list":          {f.token(claims{"sub": []string{"press-7"}}), "want a string"},
		"sub twice":            {f.sign(header + "." + twice), ""},
		"large attributes":     {f.token(claims{"big": strings.Repeat("x", 4096)}), "attributes"},
		"oversize":             {f.token(claims{"big": strings.Repeat("x", 7000)}), "8192 at most"},
		"deep":                 {f.sign(header + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"a":`+strings.Repeat("[", 1000)+strings.Repeat("]", 1000)+`}`))), "claims"},
		"changed claims":       {header + "." + encoded(f.claims(claims{"sub": "admin"})) + "." + signature, "the signature is not of issuer"},
		"short signature":      {good[:len(good)-8], ""},
		"no signature":         {header + "." + body + ".", "three parts"},
		"line break":           {header + "." + body + ".\n" + signature, "line breaks"},
		"padded":               {header + "." + body + "." + signature + "==", "not base64url"},
		"five parts":           {good + ".a.b", "three parts"},
		"garbage":              {"\x00\xff", "three parts"},
		"nothing":              {"", "needs a token"},
	}
	for name, tt := range tests {
		s.refuse(caller{ns: "tokens", id: name, method: customJWT, data: tt.token}, mqtt.NotAuthorized, tt.reason)
	}
	user := "press-7"
	s.refuse(caller{ns: "tokens", id: "for the directory", method: oauth2JWT, data: good}, mqtt.NotAuthorized, "tokens of other issuers use CUSTOM-JWT")
	s.refuse(caller{ns: "tokens", id: "as password", user: &user, password: []byte(good)}, mqtt.NotAuthorized, "")
	s.refuse(caller{ns: "tokens", id: "as password 3", user: &user, password: []byte(good), v3: true}, mqtt.NotAuthorized, "")
	s.refuse(caller{ns: "tokens", id: "as user", user: &good}, mqtt.NotAuthorized, "")
	s.refuse(caller{ns: "tokens", id: "", method: "custom-jwt", data: good}, mqtt.BadAuthenticationMethod, noSuchMethod)
	s.open("bare", "", "")
	s.refuse(caller{ns: "bare", id: "", method: customJWT, data: good}, mqtt.BadAuthenticationMethod, noSuchMethod)
}

// renew sends AUTH.
func (r *raw) renew(method, data string) {
	r.e.Helper()
	a := mqtt.Auth{Code: mqtt.ReAuthenticate}
	a.Properties.AuthenticationMethod, a.Properties.AuthenticationData = method, []byte(data)
	a.Properties.Mark(mqtt.PropAuthenticationMethod, mqtt.PropAuthenticationData)
	r.write(a.Append(nil, r.v))
}

func TestAttackRenewal(t *testing.T) {
	t.Parallel()
	s := besieged(t)
	f := s.openTokens("tokens")
	enter := func(id string, change claims) *raw {
		return s.enter(caller{ns: "tokens", id: id, method: customJWT, data: f.token(change)})
	}
	brief := time.Now().Add(6 * time.Second).Truncate(time.Second)
	ends := claims{"exp": brief.Unix()}
	expiring, renewed := enter("expiring", ends), enter("renewed", ends)

	renewed.renew(customJWT, f.token(claims{"kind": "gate"}))
	renewed.of(mqtt.AUTH)
	if renewed.publishes("presses/4/x") || !renewed.publishes("devices/press-7/x") {
		t.Error("after a renewal without the attribute the client has the group's rights, or not its own")
	}
	for name, tt := range map[string]struct {
		method, token string
		code          mqtt.Code
	}{
		"other subject": {customJWT, f.token(claims{"sub": "press-8"}), mqtt.NotAuthorized},
		"other case":    {customJWT, f.token(claims{"sub": "PRESS-7"}), mqtt.NotAuthorized},
		"other method":  {oauth2JWT, f.token(nil), mqtt.ProtocolError},
		"expired":       {customJWT, f.token(claims{"exp": time.Now().Add(-time.Second).Unix()}), mqtt.NotAuthorized},
		"forged":        {customJWT, newForger(t, 1, "key-1", f.base).token(nil), mqtt.NotAuthorized},
		"oversize":      {customJWT, strings.Repeat("x", 60_000), mqtt.NotAuthorized},
		"nothing":       {customJWT, "", mqtt.NotAuthorized},
	} {
		r := enter(name, nil)
		r.renew(tt.method, tt.token)
		if reason := r.wantEnd(tt.code); strings.Contains(reason, "token") {
			t.Errorf("%s: it was told %q", name, reason)
		}
	}
	// A client of the registry has no method to go on with.
	s.trust("tokens", "ca1", s.ca)
	s.put("tokens", "clients", "press-9", `{}`)
	r := s.enter(caller{ns: "tokens", id: "certificate", cert: s.badge("press-9")})
	r.renew(customJWT, f.token(claims{"sub": "press-9"}))
	r.wantEnd(mqtt.ProtocolError)

	expiring.wantEnd(mqtt.NotAuthorized)
	if late := time.Since(brief); late < -time.Second || late > patience/2 {
		t.Errorf("the connection ended %v after its token", late)
	}
	if !renewed.publishes("devices/press-7/x") {
		t.Error("the renewed one ended with its old token")
	}
	// The issuer is not trusted any more: who has its tokens goes.
	s.open("tokens", "", "")
	renewed.wantEnd(mqtt.NotAuthorized)
}
