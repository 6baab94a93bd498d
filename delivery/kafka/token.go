package kafka

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"gridmq/internal/outbound"
)

// TokenOptions say where tokens for OAuthBearer come from: a file that somebody keeps
// fresh, or a token endpoint, by the client credentials grant (RFC 6749, section 4.4).
type TokenOptions struct {
	Token        Secret
	URL          string // https
	ClientID     string
	ClientSecret Secret
	Scope        string // of Event Hubs: https://{namespace}.servicebus.windows.net/.default
	CAFile       string // roots of the endpoint; empty: the system's
}

func (o *TokenOptions) validate(wrong []*FieldError) []*FieldError {
	fail := func(field, text string) { wrong = append(wrong, &FieldError{"sasl." + field, text}) }
	switch {
	case o.URL == "" && !o.Token.valid():
		fail("token", "want file:/run/secrets/token, or env:NAME, or set token_url, client_id and client_secret")
	case o.URL == "":
	case o.Token != "":
		fail("token", "want either token, or token_url, client_id and client_secret")
	default:
		if reason := outbound.CheckURL(o.URL, true); reason != "" {
			fail("token_url", reason)
		}
		if o.ClientID == "" {
			fail("client_id", "is required with token_url")
		}
		if !o.ClientSecret.valid() {
			fail("client_secret", wantSecret)
		}
	}
	return wrong
}

const (
	tokenTime  = 10 * time.Second
	tokenBytes = 64 << 10
	// unknownLife is that of a token which does not say.
	unknownLife = 5 * time.Minute
)

// tokens keeps a token until the last fifth of its life.
type tokens struct {
	o      TokenOptions
	client *http.Client // nil: tokens are in a file

	mu   sync.Mutex
	text string
	end  time.Time
}

func newTokens(o TokenOptions) (*tokens, error) {
	t := &tokens{o: o}
	if o.URL == "" {
		_, err := o.Token.read()
		return t, err
	}
	if _, err := o.ClientSecret.read(); err != nil {
		return nil, err
	}
	var err error
	t.client, err = outbound.NewClient(outbound.Options{CAFile: o.CAFile, LoopbackHTTP: true})
	return t, err
}

// token is one to show now. Its errors have neither token nor secret.
func (t *tokens) token(ctx context.Context) (string, error) {
	if t.client == nil {
		return t.o.Token.read()
	}
	t.mu.Lock()
	text, fresh := t.text, time.Now().Before(t.end)
	t.mu.Unlock()
	if fresh {
		return text, nil
	}
	// Several connections that begin at once may all ask: better than waiting for one
	// another with a lock held.
	text, life, err := t.ask(ctx)
	if err != nil {
		return "", err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text, t.end = text, time.Now().Add(life-life/5)
	return text, nil
}

// ask gets a token from the endpoint.
func (t *tokens) ask(ctx context.Context) (text string, life time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, tokenTime)
	defer cancel()
	secret, err := t.o.ClientSecret.read()
	if err != nil {
		return "", 0, err
	}
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {t.o.ClientID}, "client_secret": {secret}}
	if t.o.Scope != "" {
		form.Set("scope", t.o.Scope)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, t.o.URL, strings.NewReader(form.Encode()))
	if err != nil {
		return "", 0, errors.New("token_url cannot be used")
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", "application/json")
	defer t.client.CloseIdleConnections() // the next token is wanted in an hour
	a, err := outbound.Do(t.client, r, tokenBytes)
	if err != nil {
		return "", 0, fmt.Errorf("token endpoint: %w", err)
	}
	return readToken(a.Status, a.Body)
}

// readToken reads the answer of a token endpoint (RFC 6749, sections 5.1 and 5.2).
func readToken(status int, body []byte) (text string, life time.Duration, err error) {
	var answer struct {
		Token   string          `json:"access_token"`
		Expires json.RawMessage `json:"expires_in"` // a number, or one in a string
		Error   string          `json:"error"`
	}
	err = json.Unmarshal(body, &answer)
	switch {
	case status != http.StatusOK && isErrorCode(answer.Error):
		return "", 0, fmt.Errorf("token endpoint: answered with status %d, %s", status, answer.Error)
	case status != http.StatusOK:
		return "", 0, fmt.Errorf("token endpoint: answered with status %d", status)
	case err != nil || answer.Token == "":
		return "", 0, errors.New("token endpoint: the answer has no access_token")
	case strings.ContainsFunc(answer.Token, func(r rune) bool { return r <= ' ' || r > '~' }):
		return "", 0, errors.New("token endpoint: the access_token is none")
	}
	seconds := int64(0)
	if json.Unmarshal(trimQuotes(answer.Expires), &seconds) != nil || seconds < 0 || seconds > 7*24*3600 {
		seconds = 0
	}
	return answer.Token, cmp.Or(time.Duration(seconds)*time.Second, unknownLife), nil
}

func trimQuotes(b []byte) []byte { return []byte(strings.Trim(string(b), `"`)) }

// isErrorCode keeps text that an endpoint made up, and which may be anything, out of
// our errors.
func isErrorCode(s string) bool {
	return s != "" && len(s) <= 40 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz_") == ""
}
