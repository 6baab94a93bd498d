package console

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"html"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// clientID is the console's at the provider.
const clientID = "gridmq-console"

// A person signs in by a link of the provider's page, and gets what is wrong with it.
type person struct {
	Object   string // the oid claim
	Audience string // of the access token
	Nonce    string // in place of the one that was asked for
	State    string // the same
	Denied   bool
	Opaque   bool // the access token is no JWT
	Lives    int  // seconds that the first access token has
	Renewed  bool // there is a refresh token
}

var people = map[string]person{
	"anna":     {Object: "anna-1", Audience: "gridmq", Lives: 1, Renewed: true},
	"brief":    {Object: "anna-1", Audience: "gridmq", Lives: 3600},
	"state":    {Object: "anna-1", Audience: "gridmq", Lives: 3600, State: "of another sign-in"},
	"nonce":    {Object: "anna-1", Audience: "gridmq", Lives: 3600, Nonce: "of another sign-in"},
	"audience": {Object: "anna-1", Audience: "another-service", Lives: 3600},
	"opaque":   {Object: "anna-1", Lives: 3600, Opaque: true},
	"stranger": {Object: "stranger-7", Audience: "gridmq", Lives: 3600},
	"denied":   {Denied: true},
}

// A provider is a small OpenID provider: a login page with a link for each person.
type provider struct {
	*httptest.Server
	signer jose.Signer
	caFile string

	mu      sync.Mutex
	codes   map[string]url.Values // what was asked for, by code
	renewed int
	revoked int
}

func newProvider(t *testing.T) *provider {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p := &provider{codes: map[string]url.Values{}}
	if p.signer, err = jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: key, KeyID: "k1"}}, nil); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]any{"issuer": p.URL, "jwks_uri": p.URL + "/keys", "authorization_endpoint": p.URL + "/authorize",
			"token_endpoint": p.URL + "/token", "revocation_endpoint": p.URL + "/revoke", "end_session_endpoint": p.URL + "/logout",
			"id_token_signing_alg_values_supported": []string{"RS256"}, "code_challenge_methods_supported": []string{"S256"}})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k1", Algorithm: "RS256", Use: "sig"}}})
	})
	mux.HandleFunc("GET /authorize", p.authorize)
	mux.HandleFunc("POST /token", p.token)
	mux.HandleFunc("POST /revoke", func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.revoked++
		answer(w, http.StatusOK, struct{}{})
	})
	p.Server = httptest.NewUnstartedServer(mux)
	p.Config.ErrorLog = log.New(io.Discard, "", 0) // each time the browser first sees its certificate
	p.StartTLS()
	t.Cleanup(p.Close)
	p.caFile = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(p.caFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

// answer is one that pages of everywhere may read.
func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// authorize shows the login page. Each link leads back with a code.
func (p *provider) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if q.Get("response_type") != "code" || q.Get("client_id") != clientID || q.Get("code_challenge_method") != "S256" ||
		q.Get("scope") != "openid profile" || len(q.Get("state")) < 32 || len(q.Get("nonce")) < 32 {
		http.Error(w, "not what the console asks for: "+r.URL.RawQuery, http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "text/html")
	fmt.Fprint(w, `<!doctype html><link rel="icon" href="data:,"><title>Login</title>`)
	p.mu.Lock()
	defer p.mu.Unlock()
	for name, who := range people {
		code := rand.Text()
		q.Set("person", name)
		p.codes[code] = clone(q)
		back := url.Values{"code": {code}, "state": {q.Get("state")}, "iss": {p.URL}}
		if who.State != "" {
			back.Set("state", who.State)
		}
		if who.Denied {
			back.Del("code")
			back.Set("error", "access_denied")
			back.Set("error_description", "The shift is over.")
		}
		fmt.Fprintf(w, `<p><a href="%s">%s</a>`, html.EscapeString(q.Get("redirect_uri")+"?"+back.Encode()), name)
	}
}

func clone(q url.Values) url.Values {
	c, _ := url.ParseQuery(q.Encode())
	return c
}

// token takes a code once, from whoever has the verifier of its challenge.
func (p *provider) token(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.PostFormValue("grant_type") == "refresh_token" {
		name := r.PostFormValue("refresh_token")
		who, known := people[name]
		if !known || r.PostFormValue("client_id") != clientID {
			answer(w, http.StatusBadRequest, map[string]string{"error": "invalid_grant"})
			return
		}
		p.renewed++
		answer(w, http.StatusOK, map[string]any{"token_type": "Bearer", "access_token": p.access(who, 3600), "expires_in": 3600})
		return
	}
	asked := p.codes[r.PostFormValue("code")]
	delete(p.codes, r.PostFormValue("code"))
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	if asked == nil || r.PostFormValue("grant_type") != "authorization_code" || r.PostFormValue("client_id") != clientID ||
		r.PostFormValue("redirect_uri") != asked.Get("redirect_uri") || base64.RawURLEncoding.EncodeToString(sum[:]) != asked.Get("code_challenge") {
		answer(w, http.StatusBadRequest, map[string]string{"error": "invalid_grant", "error_description": "not the one who asked for the code"})
		return
	}
	name := asked.Get("person")
	who, nonce := people[name], asked.Get("nonce")
	if who.Nonce != "" {
		nonce = who.Nonce
	}
	body := map[string]any{"token_type": "Bearer", "access_token": p.access(who, who.Lives), "expires_in": who.Lives,
		"id_token": p.sign(map[string]any{"aud": clientID, "sub": who.Object, "nonce": nonce}, 3600)}
	if who.Renewed {
		body["refresh_token"] = name
	}
	answer(w, http.StatusOK, body)
}

func (p *provider) access(who person, lives int) string {
	if who.Opaque {
		return rand.Text()
	}
	return p.sign(map[string]any{"aud": who.Audience, "sub": "pairwise", "oid": who.Object}, lives)
}

func (p *provider) sign(claims map[string]any, lives int) string {
	now := time.Now()
	claims["iss"], claims["iat"], claims["exp"] = p.URL, now.Unix(), now.Add(time.Duration(lives)*time.Second).Unix()
	body, _ := json.Marshal(claims)
	signed, err := p.signer.Sign(body)
	if err != nil {
		panic(err)
	}
	text, _ := signed.CompactSerialize()
	return text
}

// counts are how often tokens were renewed, and given back.
func (p *provider) counts() (renewed, revoked int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.renewed, p.revoked
}
