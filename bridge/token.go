package bridge

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strings"
	"time"

	"gridmq/internal/outbound"
)

// A Token is a JWT: from a file that somebody keeps fresh, or from a token endpoint.
type Token struct {
	// Method is the Authentication Method of MQTT 5, as OAUTH2-JWT or CUSTOM-JWT.
	// Empty: the token is the password.
	Method string
	File   string

	// Endpoint gives tokens to ClientID, who knows what is in SecretFile (OAuth 2.0
	// client credentials, RFC 6749 section 4.4).
	Endpoint, ClientID, SecretFile, Scope string
	// CAFile has the roots of the endpoint's certificate. Default: the system's.
	CAFile string
}

func (t *Token) used() bool { return t.File != "" || t.Endpoint != "" }

func (t *Token) get(ctx context.Context) (token []byte, expires time.Time, err error) {
	if t.Endpoint == "" {
		if token, err = readSecret(t.File); err != nil {
			return nil, expires, err
		}
		return token, expiryOf(token), nil
	}
	return t.ask(ctx)
}

const (
	askTimeout = 15 * time.Second // for the whole answer
	maxAnswer  = 64 << 10
	maxToken   = 60_000 // an MQTT field ends at 65,535
)

// ask gets a token from the endpoint.
func (t *Token) ask(ctx context.Context) (token []byte, expires time.Time, err error) {
	secret, err := readSecret(t.SecretFile)
	if err != nil {
		return nil, expires, err
	}
	c, err := outbound.NewClient(outbound.Options{CAFile: t.CAFile, LoopbackHTTP: true})
	if err != nil {
		return nil, expires, err
	}
	defer c.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {t.ClientID}, "client_secret": {string(secret)}}
	if t.Scope != "" {
		form.Set("scope", t.Scope)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, t.Endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, expires, errors.New("the endpoint is not a URL")
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", "application/json")
	began := time.Now()
	a, err := outbound.Do(c, r, maxAnswer)
	if err != nil {
		return nil, expires, fmt.Errorf("ask the token endpoint: %w", err)
	}
	return readAnswer(a.Status, a.Body, began)
}

// readAnswer reads what a token endpoint has said (RFC 6749, sections 5.1 and 5.2).
func readAnswer(status int, body []byte, began time.Time) (token []byte, expires time.Time, err error) {
	var answer struct {
		AccessToken string  `json:"access_token"`
		ExpiresIn   float64 `json:"expires_in"` // seconds
		Error       string  `json:"error"`
	}
	readable := json.Unmarshal(body, &answer) == nil
	switch {
	case status != http.StatusOK:
		if readable && answer.Error != "" && len(answer.Error) <= 64 {
			return nil, expires, fmt.Errorf("the token endpoint answered %d, %q: see client_id, secret and scope", status, answer.Error)
		}
		return nil, expires, fmt.Errorf("the token endpoint answered %d", status)
	case !readable || answer.AccessToken == "":
		return nil, expires, errors.New("the token endpoint's answer has no access_token")
	case len(answer.AccessToken) > maxToken:
		return nil, expires, fmt.Errorf("the token endpoint's token has %d bytes, MQTT has room for %d", len(answer.AccessToken), maxToken)
	}
	token = []byte(answer.AccessToken)
	expires = expiryOf(token)
	if s := answer.ExpiresIn; s > 0 && s < math.MaxInt32 {
		if end := began.Add(time.Duration(s * float64(time.Second))); expires.IsZero() || end.Before(expires) {
			expires = end
		}
	}
	return token, expires, nil
}

// expiryOf is the exp claim of a JWT, whose signature is the other broker's business;
// zero when there is none that can be read.
func expiryOf(token []byte) (t time.Time) {
	parts := strings.Split(string(token), ".")
	if len(parts) != 3 {
		return t
	}
	body, err := base64.RawURLEncoding.DecodeString(parts[1])
	var claims struct {
		Expires float64 `json:"exp"` // seconds since 1970
	}
	if err != nil || json.Unmarshal(body, &claims) != nil || !(claims.Expires > 0 && claims.Expires < 1<<40) {
		return t
	}
	return time.Unix(int64(claims.Expires), 0)
}
