package issuer

import (
	"encoding/json"
	"errors"
	"math"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	adfs     = "adfs" // what az takes for the sign of an own cloud (section 9.1)
	maxForm  = 16 << 10
	maxField = 2048
)

// ServeHTTP serves the discovery documents, the key set and the token endpoint.
// Steps of paths are matched ignoring case.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	tenant, rest, _ := strings.Cut(strings.ToLower(strings.Trim(r.URL.Path, "/")), "/")
	if tenant != adfs && tenant != strings.ToLower(i.o.Tenant) {
		fail(w, http.StatusNotFound, "invalid_request", "there is no such tenant")
		return
	}
	if tenant == adfs { // az --tenant adfs asks below the login endpoint, which has it already
		rest = strings.TrimPrefix(rest, adfs+"/")
	}
	get := r.Method == http.MethodGet || r.Method == http.MethodHead
	switch rest {
	case "v2.0/.well-known/openid-configuration", ".well-known/openid-configuration":
		if allow(w, get, "GET, HEAD") {
			i.discovery(w, tenant)
		}
	case "discovery/v2.0/keys", "discovery/keys":
		if allow(w, get, "GET, HEAD") {
			i.keySet(w, r)
		}
	case "oauth2/v2.0/token", "oauth2/token":
		if allow(w, r.Method == http.MethodPost, "POST") {
			i.token(w, r)
		}
	default:
		fail(w, http.StatusNotFound, "invalid_request", "there is no such path")
	}
}

func allow(w http.ResponseWriter, ok bool, methods string) bool {
	if !ok {
		w.Header().Set("Allow", methods)
		fail(w, http.StatusMethodNotAllowed, "invalid_request", "want "+methods)
	}
	return ok
}

func (i *Issuer) discovery(w http.ResponseWriter, tenant string) {
	base := i.o.BaseURL + "/" + i.o.Tenant
	version := "/v2.0"
	if tenant == adfs {
		base, version = i.o.BaseURL+"/"+adfs, ""
	}
	w.Header().Set("Cache-Control", "max-age=3600")
	answer(w, http.StatusOK, map[string]any{
		"issuer":                                i.Name(),
		"authorization_endpoint":                base + "/oauth2" + version + "/authorize",
		"token_endpoint":                        base + "/oauth2" + version + "/token",
		"device_authorization_endpoint":         base + "/oauth2" + version + "/devicecode",
		"jwks_uri":                              base + "/discovery" + version + "/keys",
		"grant_types_supported":                 []string{"client_credentials"},
		"response_types_supported":              []string{"token"},
		"subject_types_supported":               []string{"public"},
		"id_token_signing_alg_values_supported": []string{"RS256"},
		"token_endpoint_auth_methods_supported": []string{"client_secret_post", "client_secret_basic"},
	})
}

func (i *Issuer) keySet(w http.ResponseWriter, r *http.Request) {
	if err := i.ensure(r.Context()); err != nil { // who asks is about to get a token
		i.o.Logger.Error("no signing key", "error", err)
		fail(w, http.StatusServiceUnavailable, "temporarily_unavailable", "there is no signing key yet")
		return
	}
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	for _, k := range i.published() {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: k.Public, KeyID: k.ID, Use: "sig", Algorithm: k.Algorithm})
	}
	w.Header().Set("Cache-Control", "max-age=600")
	answer(w, http.StatusOK, set)
}

// A request is what a token request says.
type request struct{ clientID, secret, audience string }

func (i *Issuer) token(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	q, code, why := readRequest(w, r)
	if code != "" {
		fail(w, http.StatusBadRequest, code, why)
		return
	}
	address := network(i.o.Remote(r))
	if wait := i.takeBoth(address, q.clientID, time.Now()); wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
		fail(w, http.StatusTooManyRequests, "temporarily_unavailable", "too many failed attempts")
		return
	}
	app, known, err := i.o.Apps.App(r.Context(), q.clientID)
	if err != nil {
		i.giveBoth(address, q.clientID)
		i.o.Logger.Warn("applications could not be looked up", "error", err)
		fail(w, http.StatusServiceUnavailable, "temporarily_unavailable", "try again later")
		return
	}
	if !known || app.Disabled || !app.matches(q.secret, i.slowly(r)) {
		i.o.Logger.Info("token request was refused", "application", q.clientID, "remote", address, "known", known, "disabled", app.Disabled)
		if _, _, basic := r.BasicAuth(); basic {
			w.Header().Set("WWW-Authenticate", `Basic realm="token"`)
		}
		fail(w, http.StatusUnauthorized, "invalid_client", "client id or secret is wrong")
		return
	}
	i.giveBoth(address, q.clientID)
	audience, ok := i.permitted(app, q.audience)
	if !ok {
		fail(w, http.StatusBadRequest, "invalid_scope", "the application may not have tokens for this audience")
		return
	}
	i.grant(w, r, app, audience)
}

func (i *Issuer) grant(w http.ResponseWriter, r *http.Request, app App, audience string) {
	token, expires, err := i.Issue(r.Context(), app, audience)
	if err != nil {
		i.o.Logger.Error("token could not be signed", "application", app.ClientID, "error", err)
		fail(w, http.StatusInternalServerError, "server_error", "the token could not be made")
		return
	}
	seconds := int(time.Until(expires).Round(time.Second).Seconds())
	answer(w, http.StatusOK, map[string]any{"token_type": "Bearer", "expires_in": seconds,
		"ext_expires_in": seconds, "access_token": token})
}

// takeBoth takes a place at both guards, or at none.
func (i *Issuer) takeBoth(address, client string, now time.Time) (wait time.Duration) {
	if wait = i.guards.address.take(address, now); wait > 0 {
		return wait
	}
	if wait = i.guards.client.take(client, now); wait > 0 {
		i.guards.address.giveBack(address, now)
	}
	return wait
}

func (i *Issuer) giveBoth(address, client string) {
	now := time.Now()
	i.guards.address.giveBack(address, now)
	i.guards.client.giveBack(client, now)
}

// slowly runs a slow hash when there is a place for it: memory and processors are
// not for whoever sends the most requests.
func (i *Issuer) slowly(r *http.Request) func(func() bool) bool {
	return func(hash func() bool) bool {
		select {
		case i.slow <- struct{}{}:
			defer func() { <-i.slow }()
			return hash()
		case <-r.Context().Done():
			return false
		}
	}
}

// permitted returns the audience as it was asked for, if the application may.
func (i *Issuer) permitted(a App, audience string) (string, bool) {
	allowed := a.Audiences
	if len(allowed) == 0 {
		allowed = i.o.Audiences
	}
	bare := strings.TrimRight(audience, "/")
	ok := bare != "" && slices.ContainsFunc(allowed, func(s string) bool { return strings.TrimRight(s, "/") == bare })
	return audience, ok
}

// readRequest reads the form. code is an error of RFC 6749, section 5.2.
func readRequest(w http.ResponseWriter, r *http.Request) (q request, code, why string) {
	t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || t != "application/x-www-form-urlencoded" {
		return q, "invalid_request", "want a form: application/x-www-form-urlencoded"
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return q, "invalid_request", "the form cannot be read"
	}
	for name, values := range r.PostForm {
		if len(values) > 1 || len(values[0]) > maxField {
			return q, "invalid_request", "a parameter is there twice or too long: " + strconv.QuoteToASCII(name[:min(len(name), 40)])
		}
	}
	if grant := r.PostForm.Get("grant_type"); grant != "client_credentials" {
		return q, "unsupported_grant_type", "want client_credentials"
	}
	if q.clientID, q.secret, err = credentials(r); err != nil {
		return q, "invalid_request", err.Error()
	}
	if q.audience = audienceOf(r.PostForm); q.audience == "" {
		return q, "invalid_scope", "want scope <audience>/.default"
	}
	return q, "", ""
}

// credentials come in the form or in the header, not in both (RFC 6749, 2.3).
func credentials(r *http.Request) (id, secret string, err error) {
	id, secret = r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	if user, password, basic := r.BasicAuth(); basic {
		if secret != "" {
			return "", "", errors.New("two secrets, want one")
		}
		named := id
		var err1, err2 error
		id, err1 = url.QueryUnescape(user)
		secret, err2 = url.QueryUnescape(password)
		if err1 != nil || err2 != nil || named != "" && named != id {
			return "", "", errors.New("the Authorization header cannot be read")
		}
	}
	if id == "" || secret == "" || len(id) > maxSecret || len(secret) > maxSecret {
		return "", "", errors.New("want client_id and client_secret")
	}
	return id, secret, nil
}

// audienceOf is the first scope that names one, without /.default; an audience that
// ends in a slash has two before it, and keeps its own. Version 1 says resource.
func audienceOf(form url.Values) string {
	for s := range strings.FieldsSeq(form.Get("scope")) {
		switch s {
		case "openid", "offline_access", "profile", "email":
			continue
		}
		return strings.TrimSuffix(s, "/.default")
	}
	return form.Get("resource")
}

func fail(w http.ResponseWriter, status int, code, why string) {
	answer(w, status, map[string]any{"error": code, "error_description": why})
}

func answer(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		status, b = http.StatusInternalServerError, []byte(`{"error":"server_error"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	w.Write(b)
}
