package server

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"gridmq/identity/jwtauth"
	"gridmq/identity/jwtauth/issuer"
	"gridmq/server/tenants"
	"gridmq/store"
)

// The token endpoint of the server: it stands in for a cloud directory where there
// is none. Applications are in the configuration; their rights are role assignments.

// issuerKey is the document with the signing keys.
var issuerKey = []byte("i/keys")

// keyStore keeps the signing keys in the table of the store.
type keyStore struct{ store.Store }

// Load implements issuer.Store. Keys that are damaged are as good as none: others are
// made, and tokens that the old ones have signed are refused.
func (k keyStore) Load(context.Context) (doc []byte, revision uint64, err error) {
	d, err := k.Get(issuerKey)
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrDamaged) {
		return nil, 0, nil
	}
	return d.Value, d.Revision, err
}

// Save implements issuer.Store.
func (k keyStore) Save(ctx context.Context, doc []byte, revision uint64) error {
	var b store.Batch
	b.Put(issuerKey, doc)
	b.Fences = append(b.Fences, store.Fence{Key: issuerKey, Revision: revision})
	_, err := k.Commit(ctx, &b)
	return err
}

// apps are the applications of the configuration.
type apps map[string]App

// App implements issuer.Apps.
func (a apps) App(_ context.Context, clientID string) (issuer.App, bool, error) {
	for _, one := range a {
		if subtle.ConstantTimeCompare([]byte(one.ClientID), []byte(clientID)) == 1 {
			return issuer.App{ClientID: one.ClientID, Object: one.ObjectID, Secrets: one.SecretHashes, Groups: one.Groups, Roles: one.Roles}, true, nil
		}
	}
	return issuer.App{}, false, nil
}

// broker is the application that the broker itself is, towards webhooks.
var brokerApp = issuer.App{ClientID: "gridmq-broker", Object: "gridmq-broker"}

// directory is the token endpoint with whoever checks its tokens.
type directory struct {
	issuer   *issuer.Issuer
	verifier *jwtauth.Directory // of the management plane
}

// openDirectory makes the token endpoint at the URL of the management plane.
func (s *Server) openDirectory(ctx context.Context, st store.Store, url string) (*directory, error) {
	if url == "" {
		return nil, nil
	}
	ours := []string{url, url + "/"} // spec/control-plane.md, section 10
	for _, host := range []string{"management.azure.com", "management.core.windows.net"} {
		ours = append(ours, "https://"+host, "https://"+host+"/")
	}
	audiences := append(ours[:len(ours):len(ours)], jwtauth.DirectoryAudiences...)
	is, err := issuer.New(ctx, issuer.Options{BaseURL: url, Audiences: audiences, Apps: apps(s.cfg.Tokens.Apps),
		Store: keyStore{st}, Lifetime: s.cfg.Tokens.Lifetime, Logger: s.log})
	if err != nil {
		return nil, fmt.Errorf("token endpoint: %w", err)
	}
	v, err := jwtauth.NewDirectory(jwtauth.DirectoryConfig{Audiences: ours, // a token for MQTT is not one for us
		Issuers: []jwtauth.Issuer{{Name: is.Name(), Keys: is}}})
	if err != nil {
		return nil, fmt.Errorf("token endpoint: %w", err)
	}
	return &directory{is, v}, nil
}

// trust lets the tenants take its tokens, and their webhooks get some.
func (d *directory) trust(o *tenants.Options) {
	if d == nil {
		return
	}
	o.Issuer = &jwtauth.Issuer{Name: d.issuer.Name(), Keys: d.issuer}
	o.Tokens = func(ctx context.Context, scope string) (string, time.Time, error) {
		return d.issuer.Issue(ctx, brokerApp, strings.TrimSuffix(scope, "/.default"))
	}
}

// front sends requests of the token endpoint to it, all others to the plane.
func (d *directory) front(plane http.Handler) http.Handler {
	if d == nil {
		return plane
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		first, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		if strings.EqualFold(first, "adfs") || strings.EqualFold(first, issuer.DefaultTenant) {
			d.issuer.ServeHTTP(w, r)
			return
		}
		plane.ServeHTTP(w, r)
	})
}

// NewAppSecret makes a secret for an application, and the hash to configure.
func NewAppSecret() (secret, hash string) { return issuer.NewSecret() }
