package jwtauth

import (
	"context"
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

// maxDiscovery bounds a discovery document, in bytes.
const maxDiscovery = 64 << 10

// A web source fetches keys with a client of its own.
type web struct {
	*cache
	client *http.Client
}

// Close ends a fetch and closes the connections.
func (w *web) Close() {
	w.cache.Close()
	w.client.CloseIdleConnections()
}

func newWeb(o outbound.Options, r Remote, fetch func(context.Context, *http.Client) (fetched, error)) (KeySource, error) {
	client, err := outbound.NewClient(o)
	if err != nil {
		return nil, fmt.Errorf("jwtauth: %w", err)
	}
	return &web{newCache(r, func(ctx context.Context) (fetched, error) { return fetch(ctx, client) }), client}, nil
}

// KeysAt gives the keys of the JWK set at an https URL.
func KeysAt(address string, o outbound.Options, r Remote) (KeySource, error) {
	if reason := outbound.CheckURL(address, o.LoopbackHTTP); reason != "" {
		return nil, errors.New("jwtauth: " + reason)
	}
	return newWeb(o, r, func(ctx context.Context, c *http.Client) (fetched, error) {
		return fetchSet(ctx, c, address)
	})
}

// Discover gives the keys that an issuer announces in its OpenID discovery
// document, below its name. The document must be of this very issuer, and the keys
// at https. Source: OpenID Connect Discovery 1.0, section 4.3.
func Discover(issuer string, o outbound.Options, r Remote) (KeySource, error) {
	if reason := outbound.CheckURL(issuer, o.LoopbackHTTP); reason != "" {
		return nil, errors.New("jwtauth: " + reason)
	}
	address := strings.TrimSuffix(issuer, "/") + "/.well-known/openid-configuration"
	return newWeb(o, r, func(ctx context.Context, c *http.Client) (fetched, error) {
		set, err := discover(ctx, c, issuer, address, o.LoopbackHTTP)
		if err != nil {
			return fetched{}, fmt.Errorf("discovery at %s: %w", host(address), err)
		}
		return fetchSet(ctx, c, set)
	})
}

func discover(ctx context.Context, c *http.Client, issuer, address string, loopbackHTTP bool) (set string, err error) {
	a, err := outbound.Get(ctx, c, address, maxDiscovery)
	if err != nil {
		return "", err
	}
	members, err := strictjson.Rules{}.Object(a.Body)
	if err != nil {
		return "", err
	}
	name, err := claims(members).text("issuer")
	if err != nil {
		return "", err
	}
	if name != issuer {
		return "", fmt.Errorf("the document is of issuer %.200q, want %q", name, issuer)
	}
	set, err = claims(members).text("jwks_uri")
	if err != nil {
		return "", err
	}
	if reason := outbound.CheckURL(set, loopbackHTTP); reason != "" {
		return "", errors.New("jwks_uri: " + reason)
	}
	return set, nil
}

// fetchSet fetches a JWK set. Its Content-Type is not looked at: servers send what
// they like, and only keys come out of it.
func fetchSet(ctx context.Context, c *http.Client, address string) (fetched, error) {
	a, err := outbound.Get(ctx, c, address, maxSet)
	if err != nil {
		return fetched{}, fmt.Errorf("keys at %s: %w", host(address), err)
	}
	keys, err := parseSet(a.Body)
	if err != nil {
		return fetched{}, fmt.Errorf("keys at %s: %w", host(address), err)
	}
	return fetched{keys, maxAge(a.Header)}, nil
}

// CertificateAt gives the key of the certificate at a file: or https: URL, PEM. It
// is looked at again as keys are; what it says of being fresh is not believed
// longer than Refresh. Source: spec/identity.md, section 6.2.
func CertificateAt(address string, o outbound.Options, r Remote) (KeySource, error) {
	u, err := url.Parse(address)
	if err == nil && u.Scheme == "file" {
		if u.Host != "" && u.Host != "localhost" || u.Path == "" {
			return nil, errors.New("jwtauth: want file:///path")
		}
		return newCache(r, func(context.Context) (fetched, error) {
			doc, err := outbound.ReadFile(u.Path, 64<<10)
			if err != nil {
				return fetched{}, err
			}
			keys, err := parsePEMs(doc)
			return fetched{keys: keys}, err
		}), nil
	}
	if reason := outbound.CheckURL(address, o.LoopbackHTTP); reason != "" {
		return nil, errors.New("jwtauth: " + reason + ", or file")
	}
	return newWeb(o, r, func(ctx context.Context, c *http.Client) (fetched, error) {
		a, err := outbound.Get(ctx, c, address, 64<<10)
		if err != nil {
			return fetched{}, fmt.Errorf("certificate at %s: %w", host(address), err)
		}
		keys, err := parsePEMs(a.Body)
		return fetched{keys: keys}, err
	})
}

// Together is several sources as one: the keys of all that have some. It fails
// when none has, or when the one that is wanted may be at one that fails.
type Together []KeySource

func (t Together) Keys(ctx context.Context, kid string) ([]Key, error) {
	var all []Key
	var errs []error
	for _, s := range t {
		keys, err := s.Keys(ctx, kid)
		all = append(all, keys...)
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil && (len(all) == 0 || !has(all, kid)) {
		return nil, err
	}
	return all, nil
}

func (t Together) Close() {
	for _, s := range t {
		s.Close()
	}
}

// maxAge is what Cache-Control says; 0: nothing.
func maxAge(h http.Header) time.Duration {
	for _, line := range h.Values("Cache-Control") {
		for d := range strings.SplitSeq(line, ",") {
			d = strings.ToLower(strings.TrimSpace(d))
			if d == "no-store" || d == "no-cache" {
				return minFresh
			}
			if s, ok := strings.CutPrefix(d, "max-age="); ok {
				if n, err := strconv.ParseUint(strings.Trim(s, `"`), 10, 31); err == nil {
					return max(time.Duration(n)*time.Second, minFresh)
				}
			}
		}
	}
	return 0
}

// host names a server in an error, without path and query, where secrets may be.
func host(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "a URL"
	}
	return u.Host
}
