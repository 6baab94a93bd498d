package behaviour

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	manage "gridmq/control/client"
	"gridmq/control/role"
	"gridmq/mqtt"
)

// An oidc is an issuer with a discovery document and a key set.
type oidc struct {
	*httptest.Server
	caFile string
	keys   atomic.Pointer[[]claims] // of the set; nil: it is down
	named  atomic.Pointer[string]   // what the document calls itself
	set    atomic.Pointer[string]   // where it says that the keys are
	asked  atomic.Int64
}

func newOIDC(t *testing.T, keys ...claims) *oidc {
	t.Helper()
	o := &oidc{}
	o.keys.Store(&keys)
	o.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.asked.Add(1)
		all := o.keys.Load()
		w.Header().Set("Content-Type", "application/json")
		switch {
		case all == nil:
			w.WriteHeader(http.StatusBadGateway)
		case r.URL.Path == "/.well-known/openid-configuration":
			_ = json.NewEncoder(w).Encode(claims{"issuer": *o.named.Load(), "jwks_uri": *o.set.Load()})
		default:
			_ = json.NewEncoder(w).Encode(claims{"keys": *all})
		}
	}))
	t.Cleanup(o.Close)
	o.caFile = filepath.Join(t.TempDir(), "issuer.pem")
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: o.Certificate().Raw})
	if err := os.WriteFile(o.caFile, ca, 0o600); err != nil {
		t.Fatal(err)
	}
	name, set := o.URL, o.URL+"/keys"
	o.named.Store(&name)
	o.set.Store(&set)
	return o
}

// openDirectory makes a namespace for which o is the directory.
func (s *siege) openDirectory(ns string, o *oidc) {
	s.Helper()
	s.open(ns, "", fmt.Sprintf(`"directoryAuthentication":{"clockSkewInSeconds":0,"issuers":[{"issuer":%q,"discovery":true,"caFile":%q}]}`, o.URL, o.caFile))
	s.put(ns, "topicSpaces", "public", `{"topicTemplates":["public/#"]}`)
}

// assign gives a role over a namespace, or something in it.
func (s *siege) assign(scope, name, definition, principal string) {
	s.Helper()
	id := scope + "/providers/Microsoft.Authorization/roleAssignments/" + name
	body := fmt.Sprintf(`{"properties":{"roleDefinitionId":%q,"principalId":%q}}`, role.DefinitionID(role.ByID(definition)), principal)
	if _, _, _, err := s.plane.Put(s.Context(), id, []byte(body), manage.Condition{}); err != nil {
		s.Fatalf("role assignment: %v", err)
	}
}

func TestAttackDirectory(t *testing.T) {
	t.Parallel()
	s := besieged(t)
	f := newForger(t, 0, "key-1", claims{"oid": "o-1", "sub": "subject", "aud": "https://eventgrid.azure.net/"})
	o := newOIDC(t, f.jwk())
	f.base["iss"] = o.URL
	other := newForger(t, 1, "key-1", f.base)
	s.openDirectory("cloud", o)
	s.openDirectory("cloud2", o)
	s.assign(place.ID("cloud"), "a1", role.TopicSpacesPublisher, "o-1")
	s.assign(place.ID("cloud", "topicSpaces", "own"), "a2", role.TopicSpacesSubscriber, "o-1")
	s.assign(place.ID("cloud"), "a3", role.Owner, "o-owner") // of the management plane only
	enter := func(ns, id string, change claims) *raw {
		return s.enter(caller{ns: ns, id: id, method: oauth2JWT, data: f.token(change)})
	}
	one := enter("cloud", "one", nil)
	if !one.publishes("public/x") || !one.publishes("devices/o-1/x") || one.publishes("devices/o-2/x") || one.publishes("x") ||
		!one.subscribes("devices/o-1/#") || one.subscribes("public/#") || one.subscribes("#") {
		t.Error("a client does not have what its roles give, or more")
	}
	s.assign(place.ID("cloud2"), "a4", role.TopicSpacesPublisher, "o-2")
	for name, r := range map[string]*raw{
		"no role":                enter("cloud", "none", claims{"oid": "o-9"}),
		"role elsewhere":         enter("cloud2", "elsewhere", nil),
		"owner of the plane":     enter("cloud", "owner", claims{"oid": "o-owner"}),
		"sub as object":          enter("cloud", "sub", claims{"oid": "x", "sub": "o-1"}),
		"a role claim":           enter("cloud", "claim", claims{"oid": "o-9", "roles": []string{"Owner", role.TopicSpacesPublisher}}),
		"kind as a custom one":   enter("cloud", "kind", claims{"oid": "o-9", "kind": "press"}),
		"wildcard for an object": enter("cloud", "wild", claims{"oid": "+"}),
	} {
		for _, topic := range []string{"public/x", "devices/o-1/x", "devices/o-9/x", "devices/x"} {
			if r.publishes(topic) || r.subscribes(topic) || r.subscribes("#") || r.subscribes("devices/#") {
				t.Errorf("%s: the client has rights on %q", name, topic)
			}
		}
	}
	now := time.Now()
	for name, tt := range map[string]struct{ token, reason string }{
		"audience":             {f.token(claims{"aud": "https://eventgrid.azure.net.evil.example/"}), "not for us"},
		"audience of a custom": {f.token(claims{"aud": hostOf("cloud")}), "not for us"},
		"management's":         {f.token(claims{"aud": "https://management.azure.com"}), "not for us"},
		"issuer":               {f.token(claims{"iss": o.URL + "/"}), "is not trusted here"},
		"other key":            {other.token(nil), "the signature is not of issuer"},
		"other kid":            {f.signed(claims{"kid": "key-2"}, f.claims(nil)), "no key with kid"},
		"none":                 {encoded(claims{"alg": "none"}) + "." + encoded(f.claims(nil)) + ".AA", `"none" is not accepted`},
		"expired":              {f.token(claims{"exp": now.Add(-time.Second).Unix()}), "expired at"},
		"no object":            {f.token(claims{"oid": nil, "sub": nil}), `"sub" is missing`},
		"empty object":         {f.token(claims{"oid": ""}), `"oid" is missing`},
		"object, a list":       {f.token(claims{"oid": []string{"o-1"}}), "want a string"},
		"groups, an object":    {f.token(claims{"groups": claims{"a": 1}}), "groups"},
	} {
		s.refuse(caller{ns: "cloud", id: name, method: oauth2JWT, data: tt.token}, mqtt.NotAuthorized, tt.reason)
	}
	// Its role is taken away, and it may do nothing; what it has subscribed to ends.
	if _, err := s.plane.Delete(s.Context(), place.ID("cloud", "topicSpaces", "own")+"/providers/Microsoft.Authorization/roleAssignments/a2", manage.Condition{}); err != nil {
		t.Fatal(err)
	}
	one.wantEnd(mqtt.NotAuthorized)
	one = enter("cloud", "one", nil)
	if one.subscribes("devices/o-1/#") || !one.publishes("public/x") {
		t.Error("a role that was taken away still counts, or another does not")
	}
	one.renew(oauth2JWT, f.token(claims{"oid": "o-2"}))
	one.wantEnd(mqtt.NotAuthorized)
}

// TestAttackIssuerDown: nobody gets in while the keys cannot be had, or are of
// somebody else; but who has them already does not need them again.
func TestAttackIssuerDown(t *testing.T) {
	t.Parallel()
	s := besieged(t)
	f := newForger(t, 0, "key-1", claims{"oid": "o-1", "aud": "https://eventgrid.azure.net"})
	o := newOIDC(t, f.jwk())
	f.base["iss"] = o.URL
	login := func(ns, id string) caller { return caller{ns: ns, id: id, method: oauth2JWT, data: f.token(nil)} }

	all := o.keys.Swap(nil)
	s.openDirectory("down", o)
	s.refuse(login("down", "down"), mqtt.ServerUnavailable, "status 502")
	o.keys.Store(all)

	evil, plain := "https://evil.example", "http://127.0.0.1:1/keys"
	name := o.named.Swap(&evil)
	s.openDirectory("renamed", o)
	s.refuse(login("renamed", "renamed"), mqtt.ServerUnavailable, "the document is of issuer")
	o.named.Store(name)

	set := o.set.Swap(&plain)
	s.openDirectory("plain", o)
	s.refuse(login("plain", "plain"), mqtt.ServerUnavailable, "want https")
	o.set.Store(set)

	for i, keys := range [][]claims{{}, {{"kty": "oct", "k": "AAAA", "kid": "key-1"}}, {{"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "key-1"}}} {
		o.keys.Store(&keys)
		ns := fmt.Sprint("odd", i)
		s.openDirectory(ns, o)
		r, err := s.knock(login(ns, ns))
		if err != nil || !r.connack.Code.IsError() {
			t.Errorf("with the keys %v: let in (%v)", keys, err)
		}
	}
	o.keys.Store(all)
	s.openDirectory("good", o)
	s.enter(login("good", "first"))
	o.keys.Store(nil)
	asked := o.asked.Load()
	s.enter(login("good", "second"))
	forged := newForger(t, 1, "key-7", f.base)
	for i := range 20 { // invented keys are not fetched each time
		k := login("good", fmt.Sprint("invented ", i))
		k.data = forged.signed(claims{"kid": fmt.Sprint("key-", i+10)}, forged.claims(nil))
		if r, err := s.knock(k); err != nil || !r.connack.Code.IsError() {
			t.Errorf("invented kid: let in (%v)", err)
		}
	}
	if n := o.asked.Load() - asked; n > 2 {
		t.Errorf("the issuer was asked %d times for keys that are invented", n)
	}
}
