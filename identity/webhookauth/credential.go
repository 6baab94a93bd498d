package webhookauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"gridmq/identity/strictjson"
	"gridmq/internal/outbound"
)

// A Credential proves to the webhook who the broker is.
type Credential interface {
	// Apply adds it to the headers of a request. Errors: it cannot be had.
	Apply(ctx context.Context, h http.Header) error
	// Rejected says that the webhook answered 401 or 403.
	Rejected()
	// Close ends what it has started, and waits for it.
	Close()
}

// header is a header that is always the same.
type header struct {
	name, prefix string
	secret       Secret
}

// Bearer shows a bearer token that was agreed on.
func Bearer(token Secret) Credential { return header{"Authorization", "Bearer ", token} }

// Header shows a secret in a header of its own.
func Header(name string, secret Secret) Credential { return header{name, "", secret} }

func (c header) Apply(_ context.Context, h http.Header) error {
	text, err := c.secret.headerValue()
	if err != nil {
		return err
	}
	h.Set(c.name, c.prefix+text)
	return nil
}
func (header) Rejected() {}
func (header) Close()    {}

// A TokenSource makes tokens for the broker itself: the local issuer, as a managed
// identity does in Azure. expires is zero when it is not known.
type TokenSource func(ctx context.Context, scope string) (token string, expires time.Time, err error)

// Identity shows tokens of a source, each until shortly before it ends.
func Identity(source TokenSource, scope string) Credential {
	return newTokens(func(ctx context.Context) (string, time.Time, error) { return source(ctx, scope) }, func() {})
}

// ClientCredentials are an application of ours at an OAuth 2.0 token endpoint.
type ClientCredentials struct {
	TokenURL string
	ClientID string
	Secret   Secret
	Scope    string
	Web      outbound.Options
}

// maxTokenAnswer bounds the answer of a token endpoint.
const maxTokenAnswer = 64 << 10

// Open checks the URL; it fetches nothing yet.
func (c ClientCredentials) Open() (Credential, error) {
	if reason := outbound.CheckURL(c.TokenURL, c.Web.LoopbackHTTP); reason != "" {
		return nil, errors.New("webhookauth: token URL: " + reason)
	}
	client, err := outbound.NewClient(c.Web)
	if err != nil {
		return nil, fmt.Errorf("webhookauth: %w", err)
	}
	return newTokens(func(ctx context.Context) (string, time.Time, error) { return c.fetch(ctx, client) },
		client.CloseIdleConnections), nil
}

// fetch asks for a token. Errors do not quote the answer, which may hold it.
func (c ClientCredentials) fetch(ctx context.Context, client *http.Client) (token string, expires time.Time, err error) {
	secret, err := c.Secret.read()
	if err != nil {
		return "", expires, err
	}
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {c.ClientID}, "client_secret": {secret}}
	if c.Scope != "" {
		form.Set("scope", c.Scope)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.TokenURL, strings.NewReader(form.Encode()))
	if err != nil {
		return "", expires, errors.New("the token URL cannot be used")
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", "application/json")
	asked := time.Now()
	a, err := outbound.Do(client, r, maxTokenAnswer)
	if err != nil {
		return "", expires, fmt.Errorf("the token endpoint: %w", err)
	}
	if a.Status != http.StatusOK {
		return "", expires, fmt.Errorf("the token endpoint: %w%s", &outbound.StatusError{Status: a.Status}, oauthError(a.Body))
	}
	return decodeToken(a, asked)
}

func decodeToken(a *outbound.Answer, asked time.Time) (token string, expires time.Time, err error) {
	m, err := strictjson.Rules{}.Object(a.Body)
	if err != nil {
		return "", expires, fmt.Errorf("the token endpoint's answer: %w", err)
	}
	token, err = text(m["access_token"])
	if err != nil || !fitsHeader(token) || strings.Contains(token, " ") {
		return "", expires, errors.New("the token endpoint's answer has no access_token")
	}
	if kind, err := text(m["token_type"]); err != nil || !strings.EqualFold(kind, "Bearer") {
		return "", expires, errors.New("the token endpoint's answer is not of type Bearer")
	}
	if raw := m["expires_in"]; given(raw) {
		n, err := strconv.ParseUint(strings.Trim(string(raw), `"`), 10, 31)
		if err != nil || n == 0 {
			return "", expires, errors.New("the token endpoint's expires_in: want seconds")
		}
		expires = asked.Add(time.Duration(n) * time.Second)
	}
	return token, expires, nil
}

// oauthError is the error code of RFC 6749, section 5.2, if the answer has one.
func oauthError(body []byte) string {
	var e struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(body, &e) != nil || e.Error == "" || len(e.Error) > 64 {
		return ""
	}
	return fmt.Sprintf(" (%q)", e.Error)
}
