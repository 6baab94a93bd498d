package behaviour

import (
	"encoding/json"
	"fmt"
	"testing"

	"gridmq/mqtt"
)

// TestTokenAsPassword: a client without authentication methods gives its token as the
// password, where the method allows that. The issuer chooses between two methods, and
// passwords stay passwords.
func TestTokenAsPassword(t *testing.T) {
	t.Parallel()
	s := besieged(t)
	directory := newForger(t, 0, "key-1", claims{"oid": "o-1", "aud": "https://eventgrid.azure.net/"})
	o := newOIDC(t, directory.jwk())
	directory.base["iss"] = o.URL
	const ns = "as-password"
	custom := newForger(t, 1, "key-2", claims{"iss": "https://login.plant.example", "sub": "press-7", "aud": hostOf(ns)})
	pem, _ := json.Marshal(string(custom.cert))
	allow := func(customToo, directoryToo, passwords bool) {
		t.Helper()
		s.open(ns, `"customJwtAuthentication":{"tokenIssuer":"https://login.plant.example","encodedIssuerCertificates":[{"kid":"key-2","encodedCertificate":`+string(pem)+`}]}`,
			fmt.Sprintf(`"customJwtAuthentication":{"tokenAsPassword":%v},"directoryAuthentication":{"tokenAsPassword":%v,"issuers":[{"issuer":%q,"discovery":true,"caFile":%q}]},"passwords":{"enabled":%v}`,
				customToo, directoryToo, o.URL, o.caFile, passwords))
	}
	allow(false, false, false)
	s.put(ns, "topicSpaces", "public", `{"topicTemplates":["public/#"]}`)
	s.assign(place.ID(ns), "publisher", "a12b0b94-b317-4dcd-84a8-502ce99884c6", "o-1")
	s.put(ns, "clients", "lamp-3", `{"gridmq":{"password":"a long phrase that nobody guesses"}}`)
	none, object, other, lamp := "", "o-1", "o-2", "lamp-3"
	as := func(id string, user *string, password string) caller {
		return caller{ns: ns, id: id, v3: true, user: user, password: []byte(password)}
	}
	byDirectory, byCustom, phrase := directory.token(nil), custom.token(nil), "a long phrase that nobody guesses"

	s.refuse(as("off by default", &none, byDirectory), mqtt.NotAuthorized, "the namespace has none")
	allow(false, true, false)
	for _, user := range []*string{&none, &object} {
		if r := s.enter(as("directory, user "+*user, user, byDirectory)); !r.publishes("public/x") {
			t.Error("the token does not give the rights of its role assignment")
		}
	}
	v5 := as("directory, MQTT 5", nil, byDirectory)
	v5.v3 = false
	if r := s.enter(v5); r.publishes("private/x") {
		t.Error("the token gives other rights than those of its role assignment")
	}
	for name, k := range map[string]struct {
		caller
		reason string
	}{
		"other's name": {as("other's name", &other, byDirectory), "want none or the same"},
		"audience":     {as("audience", &none, directory.token(claims{"aud": "https://x.example"})), "not for us"},
		"expired":      {as("expired", &none, directory.token(claims{"exp": 1})), "expired at"},
		"issuer":       {as("issuer", &none, byCustom), "is not trusted here"},
		"no token":     {as("no token", &none, phrase), "three parts"},
		"empty":        {as("empty", &none, ""), ""},
	} {
		t.Log(name)
		s.refuse(k.caller, mqtt.BadUserNameOrPassword, k.reason)
	}
	allow(true, true, true)
	for id, k := range map[string]caller{"both, directory": as("", &none, byDirectory), "both, custom": as("", &none, byCustom), "both, a password": as("", &lamp, phrase)} {
		k.id = id
		s.enter(k)
	}
	s.refuse(as("both, neither's", &none, custom.token(claims{"iss": "https://evil.example"})), mqtt.BadUserNameOrPassword, "is not trusted here")
	allow(true, false, true)
	s.enter(as("custom only", &none, byCustom))
	s.refuse(as("custom only, directory", &none, byDirectory), mqtt.BadUserNameOrPassword, "is not trusted here")
}
