package issuer

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"gridmq/identity"
	"gridmq/identity/jwtauth"
	"gridmq/internal/bubble"
	"gridmq/internal/outbound"
	"gridmq/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// kept is a Store in memory.
type kept struct {
	mu       sync.Mutex
	doc      []byte
	revision uint64
	fail     error
	before   func() // called by Save before it looks
}

func (k *kept) Load(context.Context) ([]byte, uint64, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.doc, k.revision, k.fail
}

func (k *kept) Save(_ context.Context, doc []byte, revision uint64) error {
	if k.before != nil {
		b := k.before
		k.before = nil
		b()
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.fail != nil:
		return k.fail
	case revision != k.revision:
		return store.ErrConflict
	}
	k.doc, k.revision = doc, k.revision+1
	return nil
}

type apps map[string]App

func (a apps) App(_ context.Context, id string) (App, bool, error) {
	one, ok := a[id]
	if id == "broken" {
		return one, false, errors.New("down")
	}
	return one, ok, nil
}

const dataPlane = "https://eventgrid.azure.net"

// setUp gives an issuer with an application "app" and its secret.
func setUp(t testing.TB, o Options) (*Issuer, string) {
	t.Helper()
	secret, hash := NewSecret()
	if o.BaseURL == "" {
		o.BaseURL = "https://login.plant.example"
	}
	if o.Store == nil {
		o.Store = &kept{}
	}
	o.Apps = apps{
		"app": {ClientID: "app", Object: "0b7e", Secrets: []string{hash}, Roles: []string{"r"},
			Claims: map[string]any{"hall": 4, "iss": "forged", "groups": []string{"forged"}}},
		"off":   {ClientID: "off", Object: "1", Secrets: []string{hash}, Disabled: true},
		"tight": {ClientID: "tight", Object: "2", Secrets: []string{hash}, Audiences: []string{"broker.plant.example"}, Subject: "press-07"},
		"none":  {ClientID: "none", Object: "3"},
	}
	o.Audiences = []string{dataPlane + "/", "https://localhost:18443"}
	i, err := New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return i, secret
}

func ask(i *Issuer, path string, form url.Values) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	i.ServeHTTP(w, r)
	return w
}

func form(id, secret, scope string, more ...string) url.Values {
	f := url.Values{"client_id": {id}, "client_secret": {secret}, "grant_type": {"client_credentials"}, "scope": {scope}}
	for i := 0; i < len(more); i += 2 {
		f.Set(more[i], more[i+1])
	}
	return f
}

const tokenPath = "/" + DefaultTenant + "/oauth2/v2.0/token"

func TestTokenRequests(t *testing.T) {
	i, secret := setUp(t, Options{Guesses: Guesses{PerAddress: 1000, PerClient: 1000}})
	claims := `{"access_token":{"xms_cc":{"values":["CP1"]}}}`
	tests := map[string]struct {
		path   string
		form   url.Values
		status int
		want   string // the audience, or the error
	}{
		"as azidentity does": {tokenPath, form("app", secret, dataPlane+"/.default openid offline_access profile", "claims", claims), 200, dataPlane},
		"as az does":         {"/adfs/oauth2/token", form("app", secret, "https://localhost:18443/.default", "claims", claims, "client_info", "1"), 200, "https://localhost:18443"},
		"double slash":       {tokenPath, form("app", secret, dataPlane+"//.default"), 200, dataPlane + "/"},
		"scopes in order":    {tokenPath, form("app", secret, "openid profile "+dataPlane+"/.default"), 200, dataPlane},
		"version 1":          {"/adfs/oauth2/token", form("app", secret, "", "resource", dataPlane), 200, dataPlane},
		"path in capitals":   {strings.ToUpper(tokenPath), form("app", secret, dataPlane), 200, dataPlane},
		"own audiences":      {tokenPath, form("tight", secret, "broker.plant.example/.default"), 200, "broker.plant.example"},
		"not its audience":   {tokenPath, form("tight", secret, dataPlane+"/.default"), 400, "invalid_scope"},
		"unknown audience":   {tokenPath, form("app", secret, "https://evil.example/.default"), 400, "invalid_scope"},
		"prefix of audience": {tokenPath, form("app", secret, dataPlane+".evil.example/.default"), 400, "invalid_scope"},
		"only slashes":       {tokenPath, form("app", secret, "//"), 400, "invalid_scope"},
		"no scope":           {tokenPath, form("app", secret, "openid"), 400, "invalid_scope"},
		"wrong secret":       {tokenPath, form("app", "x"+secret, dataPlane), 401, "invalid_client"},
		"unknown client":     {tokenPath, form("nobody", secret, dataPlane), 401, "invalid_client"},
		"disabled":           {tokenPath, form("off", secret, dataPlane), 401, "invalid_client"},
		"without secrets":    {tokenPath, form("none", secret, dataPlane), 401, "invalid_client"},
		"no secret":          {tokenPath, form("app", "", dataPlane), 400, "invalid_request"},
		"no client":          {tokenPath, form("", secret, dataPlane), 400, "invalid_request"},
		"other grant":        {tokenPath, form("app", secret, dataPlane, "grant_type", "password"), 400, "unsupported_grant_type"},
		"parameter twice":    {tokenPath, url.Values{"client_id": {"app", "off"}, "client_secret": {secret}, "grant_type": {"client_credentials"}, "scope": {dataPlane}}, 400, "invalid_request"},
		"long secret":        {tokenPath, form("app", strings.Repeat("x", 300), dataPlane), 400, "invalid_request"},
		"huge form":          {tokenPath, form("app", secret, dataPlane, "x", strings.Repeat("x", 1<<20)), 400, "invalid_request"},
		"other tenant":       {"/common/oauth2/v2.0/token", form("app", secret, dataPlane), 404, "invalid_request"},
		"other path":         {"/adfs/oauth2/authorize", form("app", secret, dataPlane), 404, "invalid_request"},
		"nobody can say":     {tokenPath, form("broken", secret, dataPlane), 503, "temporarily_unavailable"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := ask(i, test.path, test.form)
			var body struct {
				Error       string `json:"error"`
				Description string `json:"error_description"`
				Type        string `json:"token_type"`
				Expires     int    `json:"expires_in"`
				Token       string `json:"access_token"`
			}
			if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || w.Code != test.status {
				t.Fatalf("got %d %s, want %d %s", w.Code, w.Body, test.status, test.want)
			}
			if strings.Contains(w.Body.String(), secret) {
				t.Error("the answer tells the secret")
			}
			if test.status != 200 {
				if body.Error != test.want || body.Token != "" {
					t.Errorf("got error %q, want %q", body.Error, test.want)
				}
				return
			}
			if body.Type != "Bearer" || body.Expires != 3600 || w.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("got %+v, %v", body, w.Header())
			}
			d, _ := jwtauth.NewDirectory(jwtauth.DirectoryConfig{Audiences: []string{test.want},
				Issuers: []jwtauth.Issuer{{Name: i.Name(), Keys: i}}})
			if p, err := d.Verify(t.Context(), []byte(body.Token)); err != nil || p.Object == "" {
				t.Errorf("the token is refused: %v, %v", p, err)
			}
		})
	}
}

func TestBasicAndOtherRequests(t *testing.T) {
	i, secret := setUp(t, Options{})
	send := func(change func(*http.Request)) int {
		f := url.Values{"grant_type": {"client_credentials"}, "scope": {dataPlane}}
		r := httptest.NewRequest(http.MethodPost, tokenPath, strings.NewReader(f.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		change(r)
		w := httptest.NewRecorder()
		i.ServeHTTP(w, r)
		return w.Code
	}
	for name, test := range map[string]struct {
		change func(*http.Request)
		want   int
	}{
		"basic":            {func(r *http.Request) { r.SetBasicAuth("app", secret) }, 200},
		"basic, wrong":     {func(r *http.Request) { r.SetBasicAuth("app", "x") }, 401},
		"basic, malformed": {func(r *http.Request) { r.SetBasicAuth("app", "%zz") }, 400},
		"no credentials":   {func(r *http.Request) {}, 400},
		"GET":              {func(r *http.Request) { r.Method = http.MethodGet }, 405},
		"JSON":             {func(r *http.Request) { r.Header.Set("Content-Type", "application/json") }, 400},
		// the query is not the form: it would be in logs
		"in the query": {func(r *http.Request) {
			r.URL.RawQuery = url.Values{"client_id": {"app"}, "client_secret": {secret}}.Encode()
		}, 400},
	} {
		if got := send(test.change); got != test.want {
			t.Errorf("%s: %d, want %d", name, got, test.want)
		}
	}
}

func TestDiscoveryDocuments(t *testing.T) {
	i, _ := setUp(t, Options{})
	for path, token := range map[string]string{
		"/" + DefaultTenant + "/v2.0/.well-known/openid-configuration": "/" + DefaultTenant + "/oauth2/v2.0/token",
		"/adfs/.well-known/openid-configuration":                       "/adfs/oauth2/token",
		"/adfs/adfs/.well-known/openid-configuration":                  "/adfs/oauth2/token",
	} {
		w := httptest.NewRecorder()
		i.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		var doc map[string]any
		if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil || w.Code != 200 || doc["issuer"] != i.Name() || doc["token_endpoint"] != i.o.BaseURL+token {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
		set := httptest.NewRecorder()
		i.ServeHTTP(set, httptest.NewRequest(http.MethodGet, strings.TrimPrefix(doc["jwks_uri"].(string), i.o.BaseURL), nil))
		if set.Code != 200 || strings.Contains(set.Body.String(), `"d"`) || !strings.Contains(set.Body.String(), `"RS256"`) {
			t.Errorf("key set: %d %s", set.Code, set.Body)
		}
	}
}

// The whole way, over HTTPS: discovery, keys, a rotation, a client.
func TestEndToEnd(t *testing.T) {
	var i *Issuer
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { i.ServeHTTP(w, r) }))
	defer s.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600)
	i, _ = setUp(t, Options{BaseURL: s.URL})
	keys, err := jwtauth.Discover(i.Name(), outbound.Options{CAFile: ca}, jwtauth.Remote{Retry: time.Nanosecond})
	if err != nil {
		t.Fatal(err)
	}
	c, _ := jwtauth.NewCustom(jwtauth.CustomConfig{Issuers: []jwtauth.Issuer{{Name: i.Name(), Keys: keys}}})
	defer c.Close()
	connect := func() *identity.Principal {
		t.Helper()
		app, _, _ := i.o.Apps.App(t.Context(), "app")
		app.Subject = "press-07"
		token, _, err := i.Issue(t.Context(), app, "broker.plant.example")
		if err != nil {
			t.Fatal(err)
		}
		p, err := c.Authenticate(t.Context(), &identity.Credentials{Method: jwtauth.MethodCustom, Data: []byte(token), Hosts: []string{"broker.plant.example"}})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	p := connect()
	if n, _ := p.Attributes["hall"].Integer(); p.Name != "press-07" || n != 4 {
		t.Errorf("got %+v", p)
	}
	if _, forged := p.Attributes["groups"]; forged {
		t.Error("an application's claims wrote groups")
	}
	if err := i.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	connect()
}

func TestKeysAreKeptAndRotated(t *testing.T) {
	k := &kept{}
	a, _ := setUp(t, Options{Store: k})
	if n := len(a.published()); n != 0 || k.doc != nil {
		t.Errorf("%d keys before anybody has asked for a token", n)
	}
	first := ensured(t, a)
	b, _ := setUp(t, Options{Store: k})
	if got := b.published(); len(got) != 1 || got[0].ID != first[0].ID {
		t.Errorf("after a restart %v, want %v", got, first)
	}
	if err := a.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	now := a.published()
	if len(now) != 2 || now[0].ID == first[0].ID || now[1].ID != first[0].ID {
		t.Errorf("after a rotation %v, want a new key and %v", now, first)
	}
	if keys, _ := b.Keys(t.Context(), now[0].ID); len(keys) != 2 {
		t.Errorf("another node has %v, want the new key too", keys)
	}
	k.fail = errors.New("disk")
	if err := a.Rotate(t.Context()); err == nil || len(a.published()) != 2 {
		t.Errorf("a rotation that cannot be saved: %v", err)
	}
	if _, _, err := a.Issue(t.Context(), App{}, "x"); err != nil {
		t.Errorf("the store is down: %v", err)
	}
	k.fail, k.doc = nil, []byte(`{"version":9}`)
	if _, err := New(t.Context(), Options{BaseURL: "https://x", Apps: apps{}, Store: k}); err == nil {
		t.Error("a document that cannot be read was replaced")
	}
}

// ensured makes the first key, as the first token does.
func ensured(t *testing.T, i *Issuer) []jwtauth.Key {
	t.Helper()
	if err := i.ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	return i.published()
}

// Two nodes need their first key together: one wins.
func TestFirstStartOfTwo(t *testing.T) {
	k := &kept{}
	var other *Issuer
	k.before = func() {
		other, _ = setUp(t, Options{Store: k})
		ensured(t, other)
	}
	one, _ := setUp(t, Options{Store: k})
	if a, b := ensured(t, one), other.published(); len(a) != 1 || len(b) != 1 || a[0].ID != b[0].ID {
		t.Errorf("two nodes sign with %v and %v", a, b)
	}
}

func TestOldKeysGo(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		i, _ := setUp(t, Options{RotateAfter: 24 * time.Hour})
		first := ensured(t, i)[0].ID
		time.Sleep(24 * time.Hour)
		if _, _, err := i.Issue(t.Context(), App{ClientID: "a"}, "x"); err != nil {
			t.Fatal(err)
		}
		if keys := i.published(); len(keys) != 2 || keys[1].ID != first {
			t.Errorf("after a day %d keys, want a new and the old one", len(keys))
		}
		time.Sleep(2*time.Hour - time.Nanosecond)
		if !hasID(i.published(), first) {
			t.Error("the old key has gone before its last token")
		}
		time.Sleep(time.Nanosecond)
		if hasID(i.published(), first) {
			t.Error("the old key stays for ever")
		}
	})
}

func TestGuessing(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		from := netip.MustParseAddr("2001:db8::1")
		i, secret := setUp(t, Options{Remote: func(*http.Request) netip.Addr { return from }})
		try := func(id, secret string) int { return ask(i, tokenPath, form(id, secret, dataPlane)).Code }
		for range 100 {
			if got := try("app", secret); got != 200 {
				t.Fatalf("a good client got %d", got)
			}
		}
		refused := 0
		for n := range 100 {
			from = netip.MustParseAddr("2001:db8::" + strconv.Itoa(n+1)) // of one /64
			if try("app", "guess") == 401 {
				refused++
			}
		}
		if refused != 10 {
			t.Errorf("%d guesses were judged, want 10", refused)
		}
		if w := ask(i, tokenPath, form("app", secret, dataPlane)); w.Code != 429 || w.Header().Get("Retry-After") != "10" {
			t.Errorf("got %d, Retry-After %q, want 429 and 10", w.Code, w.Header().Get("Retry-After"))
		}
		from = netip.MustParseAddr("192.0.2.1")
		if got := try("app", secret); got != 200 {
			t.Errorf("another address got %d", got)
		}
		for n := range 100 { // many addresses, one client
			from = netip.AddrFrom4([4]byte{198, 51, 100, byte(n)})
			if try("app", "guess") == 401 {
				refused++
			}
		}
		if refused != 30 {
			t.Errorf("%d guesses of one client's secret were judged, want 30", refused)
		}
		time.Sleep(2 * time.Second)
		if got := try("app", secret); got != 200 {
			t.Errorf("two seconds later: %d", got)
		}
	})
}

func TestGuardsAreBounded(t *testing.T) {
	g := newGuard(1, 1)
	for n := range 3 * maxGuarded {
		g.take(strconv.Itoa(n), time.Now())
	}
	if len(g.byKey) != maxGuarded || g.recent.Len() != maxGuarded {
		t.Errorf("%d and %d are remembered, want %d", len(g.byKey), g.recent.Len(), maxGuarded)
	}
}

func TestSecrets(t *testing.T) {
	at := func(f func() bool) bool { return f() }
	secret, hash := NewSecret()
	chosen, err := HashSecret("correct horse battery")
	if err != nil || CheckHash(chosen) != nil || CheckHash(hash) != nil || CheckHash("plain") == nil || CheckHash("$sha256$AAAA") == nil {
		t.Fatal("hashes are not told from other text")
	}
	a := App{Secrets: []string{hash, chosen}}
	for s, want := range map[string]bool{secret: true, "correct horse battery": true, "": false, hash: false, chosen: false, "x": false} {
		if got := a.matches(s, at); got != want {
			t.Errorf("%.5q matches: %v, want %v", s, got, want)
		}
	}
	for _, s := range []string{"", "short", strings.Repeat("x", 257)} {
		if _, err := HashSecret(s); err == nil {
			t.Errorf("a secret of %d bytes was accepted", len(s))
		}
	}
}

func TestOptions(t *testing.T) {
	for name, o := range map[string]Options{
		"http":     {BaseURL: "http://x", Apps: apps{}, Store: &kept{}},
		"no apps":  {BaseURL: "https://x", Store: &kept{}},
		"lifetime": {BaseURL: "https://x", Apps: apps{}, Store: &kept{}, Lifetime: 48 * time.Hour},
		"tenant":   {BaseURL: "https://x", Apps: apps{}, Store: &kept{}, Tenant: "a/b"},
		"adfs":     {BaseURL: "https://x", Apps: apps{}, Store: &kept{}, Tenant: "ADFS"},
	} {
		if _, err := New(t.Context(), o); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func FuzzTokenRequest(f *testing.F) {
	i, secret := setUp(f, Options{Guesses: Guesses{PerAddress: 1 << 30, PerClient: 1 << 30}})
	f.Add(form("app", "x", dataPlane+"/.default").Encode())
	f.Fuzz(func(t *testing.T, body string) {
		r := httptest.NewRequest(http.MethodPost, tokenPath, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		i.ServeHTTP(w, r)
		if w.Code == 200 && !strings.Contains(body, secret) {
			t.Errorf("%q got a token", body)
		}
	})
}
