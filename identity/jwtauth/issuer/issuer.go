package issuer

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/time/rate"

	"gridmq/internal/outbound"
)

// DefaultTenant is the tenant of people who do not care.
const DefaultTenant = "00000000-0000-0000-0000-000000000001"

// Options describe an issuer. BaseURL, Apps and Store are needed.
type Options struct {
	// BaseURL is the public https URL of the endpoint, without a slash at its end.
	// The issuer's name is made of it and must not change.
	BaseURL string
	// Tenant is the first step of the paths and the claim tid. Default [DefaultTenant].
	Tenant string
	// Audiences that applications without a list of their own may have tokens for.
	// A slash at the end makes no difference.
	Audiences []string
	Apps      Apps
	Store     Store
	// Lifetime of tokens. Default 1 h, at most 24 h.
	Lifetime time.Duration
	// RotateAfter is the age at which a signing key is replaced. Default 90 days.
	RotateAfter time.Duration
	// Remote is where a request came from, for the limit on guesses, behind a
	// proxy. Default: the peer's address.
	Remote func(*http.Request) netip.Addr
	// Guesses bounds wrong secrets. Default: 10 at once and 6 a minute for each
	// address (IPv6: /64), 30 and 30 a minute for each client id.
	Guesses Guesses
	// Logger receives the room's events. Default: none.
	Logger *slog.Logger
	// LoopbackHTTP allows a BaseURL of http to this machine, for tests and trials.
	LoopbackHTTP bool
}

// An Issuer signs tokens. It may be used concurrently.
type Issuer struct {
	o       Options
	store   Store
	guards  guards
	reloads *rate.Limiter
	slow    chan struct{} // places for slow hashes

	rotating sync.Mutex // before mu; only it is held during I/O

	mu       sync.Mutex
	keys     []signingKey // replaced, not changed; the one that signs first
	revision uint64
}

// New reads the signing keys. The first one is made with the first token.
func New(ctx context.Context, o Options) (*Issuer, error) {
	o = o.withDefaults()
	switch reason := outbound.CheckURL(o.BaseURL, o.LoopbackHTTP); {
	case reason != "":
		return nil, errors.New("issuer: base URL: " + reason)
	case o.Apps == nil || o.Store == nil:
		return nil, errors.New("issuer: needs Apps and Store")
	case o.Lifetime < time.Minute || o.Lifetime > 24*time.Hour:
		return nil, fmt.Errorf("issuer: lifetime %v, want 1 min to 24 h", o.Lifetime)
	case strings.ContainsAny(o.Tenant, "/?#% ") || strings.EqualFold(o.Tenant, adfs):
		return nil, fmt.Errorf("issuer: tenant %q cannot be a step of a path", o.Tenant)
	}
	i := &Issuer{o: o, store: o.Store, guards: newGuards(o.Guesses),
		reloads: rate.NewLimiter(rate.Every(10*time.Second), 1), slow: make(chan struct{}, 2)}
	return i, i.load(ctx)
}

func (o Options) withDefaults() Options {
	o.BaseURL = strings.TrimSuffix(o.BaseURL, "/")
	if o.Tenant == "" {
		o.Tenant = DefaultTenant
	}
	if o.Lifetime == 0 {
		o.Lifetime = time.Hour
	}
	if o.RotateAfter == 0 {
		o.RotateAfter = 90 * 24 * time.Hour
	}
	if o.Remote == nil {
		o.Remote = peer
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	o.Guesses = o.Guesses.withDefaults()
	return o
}

// Name is the iss of all tokens. Its discovery document is below it.
func (i *Issuer) Name() string { return i.o.BaseURL + "/" + i.o.Tenant + "/v2.0" }

// Issue makes a token of an application for an audience, and says when it ends. It
// asks nobody: whoever calls has checked that the application may have it.
func (i *Issuer) Issue(ctx context.Context, a App, audience string) (token string, expires time.Time, err error) {
	key, err := i.signer(ctx)
	if err != nil {
		return "", expires, err
	}
	now := time.Now()
	expires = now.Add(i.o.Lifetime)
	claims, err := json.Marshal(i.claims(a, audience, now, expires))
	if err != nil {
		return "", expires, fmt.Errorf("issuer: claims of %q: %w", a.ClientID, err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256,
		Key: jose.JSONWebKey{Key: key.private, KeyID: key.id}}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return "", expires, err
	}
	signed, err := signer.Sign(claims)
	if err != nil {
		return "", expires, err
	}
	token, err = signed.CompactSerialize()
	return token, expires, err
}

func (i *Issuer) claims(a App, audience string, now, expires time.Time) map[string]any {
	c := maps.Clone(a.Claims)
	if c == nil {
		c = map[string]any{}
	}
	subject := a.Subject
	if subject == "" {
		subject = a.Object
	}
	maps.Copy(c, map[string]any{
		"iss": i.Name(), "aud": audience, "iat": now.Unix(), "nbf": now.Unix(), "exp": expires.Unix(),
		"sub": subject, "oid": a.Object, "tid": i.o.Tenant, "appid": a.ClientID, "ver": "2.0", "jti": newID(),
	})
	// What is not given must not come from Claims either.
	delete(c, "roles")
	delete(c, "groups")
	if len(a.Roles) > 0 {
		c["roles"] = a.Roles
	}
	if len(a.Groups) > 0 {
		c["groups"] = a.Groups
	}
	return c
}

func newID() string {
	b := make([]byte, 16)
	rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}
