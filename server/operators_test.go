package server

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"gridmq/identity/jwtauth/issuer"
)

// A company is an OpenID Connect issuer.
type company struct {
	*httptest.Server
	key   *ecdsa.PrivateKey
	away  atomic.Bool
	asked atomic.Int32 // for keys
}

func newCompany(t *testing.T) (c *company, caFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c = &company{key: key}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /realms/plant/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		if c.away.Load() {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"issuer": c.issuer(), "jwks_uri": c.URL + "/keys", "id_token_signing_alg_values_supported": []string{"ES256"}})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		c.asked.Add(1)
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k1", Algorithm: "ES256", Use: "sig"}}})
	})
	c.Server = httptest.NewTLSServer(mux)
	t.Cleanup(c.Close)
	caFile = filepath.Join(t.TempDir(), "ca.pem")
	write(t, caFile, string(pemOf(c.Certificate())))
	return c, caFile
}

func pemOf(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}

func (c *company) issuer() string { return c.URL + "/realms/plant" }

// token makes one; changes replace claims, and nil takes one away.
func (c *company) token(t *testing.T, key *ecdsa.PrivateKey, changes ...any) string {
	t.Helper()
	now := time.Now()
	claims := map[string]any{"iss": c.issuer(), "aud": "gridmq", "sub": "subject-7", "employee": "ann-7", "groups": []string{"g-operators"},
		"iat": now.Unix(), "exp": now.Add(time.Hour).Unix()}
	for i := 0; i < len(changes); i += 2 {
		if claims[changes[i].(string)] = changes[i+1]; changes[i+1] == nil {
			delete(claims, changes[i].(string))
		}
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: "k1"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := s.Sign(body)
	if err != nil {
		t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestOperatorsOfACompany(t *testing.T) {
	c, ca := newCompany(t)
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	secret, hash := NewAppSecret()
	n := run(t, Sources{Flags: flags(t.TempDir(), Assignment{"", "management.oidc.issuer", c.issuer()},
		Assignment{"", "management.oidc.audience", "gridmq"}, Assignment{"", "management.oidc.object_claim", "employee"},
		Assignment{"", "management.oidc.ca_file", ca}, Assignment{"", "log.level", "debug"},
		Assignment{"", "tokens.apps.robot.client_id", "robot"}, Assignment{"", "tokens.apps.robot.object_id", "robot-1"},
		Assignment{"", "tokens.apps.robot.secret_hashes", hash})})
	if c.asked.Load() != 0 {
		t.Error("the issuer was asked before anybody came")
	}
	c.away.Store(true) // the server runs, and says so
	if status, text := n.manage(t, c.token(t, c.key), "GET", below("default", ""), ""); status != http.StatusServiceUnavailable {
		t.Errorf("while the issuer is away: %d %s", status, text)
	}
	if status, _ := n.manage(t, "", "GET", below("default", ""), ""); status != http.StatusOK {
		t.Errorf("the local operator while the issuer is away: %d", status)
	}
	n.end(t)
	c.away.Store(false)
	n = run(t, Sources{Flags: flags(n.cfg.Data, Assignment{"", "management.oidc.issuer", c.issuer()},
		Assignment{"", "management.oidc.audience", "gridmq"}, Assignment{"", "management.oidc.object_claim", "employee"},
		Assignment{"", "management.oidc.ca_file", ca}, Assignment{"", "tokens.apps.robot.client_id", "robot"},
		Assignment{"", "tokens.apps.robot.object_id", "robot-1"}, Assignment{"", "tokens.apps.robot.secret_hashes", hash})})

	if status, text := n.manage(t, c.token(t, c.key), "GET", below("default", ""), ""); status != http.StatusForbidden {
		t.Errorf("without an assignment: %d %s", status, text)
	}
	const reader, contributor = "acdd72a7-3385-48ef-bd42-f606fba81ae7", "b24988ac-6180-42a0-ab88-20f7382dd24c"
	assign := func(name, role, object string) {
		t.Helper()
		n.must(t, "PUT", below("default", "/providers/Microsoft.Authorization/roleAssignments/"+name),
			`{"properties":{"roleDefinitionId":"`+role+`","principalId":"`+object+`"}}`)
	}
	assign("11111111-1111-1111-1111-111111111111", reader, "ANN-7")
	local := strings.Replace(n.Addresses()[managementName].URL, "127.0.0.1", "localhost", 1)
	tests := map[string]struct {
		token       string
		read, write int
	}{
		"reader":              {c.token(t, c.key), 200, 403},
		"with nbf":            {c.token(t, c.key, "nbf", time.Now().Unix()-5), 200, 403},
		"several audiences":   {c.token(t, c.key, "aud", []string{"x", "gridmq"}), 200, 403},
		"another object":      {c.token(t, c.key, "employee", "bob-1"), 403, 403},
		"no object claim":     {c.token(t, c.key, "employee", nil), 401, 401},
		"another audience":    {c.token(t, c.key, "aud", "mail"), 401, 401},
		"our own audience":    {c.token(t, c.key, "aud", "https://eventgrid.azure.net/"), 401, 401},
		"another issuer":      {c.token(t, c.key, "iss", c.URL), 401, 401},
		"expired":             {c.token(t, c.key, "exp", time.Now().Unix()-120), 401, 401},
		"not yet":             {c.token(t, c.key, "nbf", time.Now().Unix()+600), 401, 401},
		"another key":         {c.token(t, stranger), 401, 401},
		"of the local issuer": {c.token(t, c.key, "iss", local+"/"+issuer.DefaultTenant+"/v2.0", "aud", local), 401, 401},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if status, text := n.manage(t, tt.token, "GET", below("default", ""), ""); status != tt.read {
				t.Errorf("GET: %d %s, want %d", status, text, tt.read)
			}
			if tt.write == 401 {
				return // ten of these, and the address has to wait
			}
			if status, text := n.manage(t, tt.token, "PUT", below("default", "/clients/x"), "{}"); status != tt.write {
				t.Errorf("PUT: %d %s, want %d", status, text, tt.write)
			}
		})
	}
	assign("22222222-2222-2222-2222-222222222222", contributor, "g-operators")
	if status, text := n.manage(t, c.token(t, c.key), "PUT", below("default", "/clients/x"), "{}"); status != http.StatusCreated || !strings.Contains(text, "ann-7") {
		t.Errorf("by the group: %d %s", status, text)
	}
	// The local endpoint's tokens are good as before.
	assign("33333333-3333-3333-3333-333333333333", reader, "robot-1")
	if status, text := n.manage(t, n.robot(t, secret), "GET", below("default", ""), ""); status != http.StatusOK {
		t.Errorf("an application of the local endpoint: %d %s", status, text)
	}
	for name, tt := range map[string]struct{ token, want string }{
		"somebody":                  {c.token(t, c.key), "User"},
		"says that it is a client":  {c.token(t, c.key, "idtyp", "app"), "Application"},
		"a client for itself":       {c.token(t, c.key, "sub", "machine", "client_id", "machine"), "Application"},
		"a client for somebody":     {c.token(t, c.key, "client_id", "machine"), "User"},
		"a client of our own":       {n.robot(t, secret), "Application"},
		"the operator of the start": {"", "Key"},
	} {
		if _, text := n.manage(t, tt.token, "GET", "/gridmq/whoami", ""); !strings.Contains(text, `"type":"`+tt.want+`"`) {
			t.Errorf("%s: %s, want the type %s", name, text, tt.want)
		}
	}
	assign("44444444-4444-4444-4444-444444444444", contributor, "robot-1")
	if _, text := n.manage(t, n.robot(t, secret), "PUT", below("default", "/clients/by-robot"), "{}"); !strings.Contains(text, `"createdByType":"Application"`) {
		t.Errorf("made by an application: %s", text)
	}
	if got := c.asked.Load(); got != 1 {
		t.Errorf("the keys were fetched %d times, want once", got)
	}
	if strings.Contains(n.log.String(), "eyJ") {
		t.Errorf("a token is in the log:\n%s", n.log)
	}
}

// robot gets a token of the local endpoint.
func (n *node) robot(t *testing.T, secret string) string {
	t.Helper()
	base := n.Addresses()[managementName].URL
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {"robot"}, "client_secret": {secret},
		"scope": {strings.Replace(base, "127.0.0.1", "localhost", 1) + "/.default"}}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
	resp, err := client.PostForm(base+"/"+issuer.DefaultTenant+"/oauth2/v2.0/token", form)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct {
		AccessToken string `json:"access_token"`
		Description string `json:"error_description"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || answer.AccessToken == "" {
		t.Fatalf("the token endpoint says %d %s, %v", resp.StatusCode, answer.Description, err)
	}
	return answer.AccessToken
}
