package issuer

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"

	"gridmq/identity/jwtauth"
	"gridmq/store"
)

// A Store keeps the document with the signing keys. It is secret.
type Store interface {
	// Load returns the document and its revision; nil and 0 when there is none.
	Load(ctx context.Context) (doc []byte, revision uint64, err error)
	// Save replaces the document at this revision. Errors: store.ErrConflict when
	// somebody else was faster; nothing was saved then.
	Save(ctx context.Context, doc []byte, revision uint64) error
}

const (
	keyBits = 2048
	maxKeys = 8
	// keepOld is added to a token's life: verifiers may be that late with theirs.
	keepOld = time.Hour
)

// A signingKey is one key of the document.
type signingKey struct {
	id      string // RFC 7638 thumbprint
	private *rsa.PrivateKey
	made    time.Time
	retired time.Time // when another took over; zero: it signs
}

// storedKeys is the document.
type storedKeys struct {
	Version int         `json:"version"`
	Keys    []storedKey `json:"keys"` // the one that signs first
}

type storedKey struct {
	PKCS8   string    `json:"pkcs8"` // base64 of DER
	Made    time.Time `json:"made"`
	Retired time.Time `json:"retired,omitzero"`
}

func newKey(now time.Time) (signingKey, error) {
	private, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return signingKey{}, err
	}
	return describe(private, now, time.Time{})
}

func describe(private *rsa.PrivateKey, made, retired time.Time) (signingKey, error) {
	sum, err := (&jose.JSONWebKey{Key: private.Public()}).Thumbprint(crypto.SHA256)
	return signingKey{base64.RawURLEncoding.EncodeToString(sum), private, made, retired}, err
}

func encodeKeys(keys []signingKey) ([]byte, error) {
	doc := storedKeys{Version: 1}
	for _, k := range keys {
		der, err := x509.MarshalPKCS8PrivateKey(k.private)
		if err != nil {
			return nil, err
		}
		doc.Keys = append(doc.Keys, storedKey{base64.StdEncoding.EncodeToString(der), k.made, k.retired})
	}
	return json.Marshal(doc)
}

// decodeKeys reads the document. Its errors do not quote it.
func decodeKeys(b []byte) ([]signingKey, error) {
	var doc storedKeys
	if json.Unmarshal(b, &doc) != nil || doc.Version != 1 || len(doc.Keys) == 0 || len(doc.Keys) > maxKeys {
		return nil, errors.New("issuer: the stored signing keys cannot be read")
	}
	var keys []signingKey
	for _, s := range doc.Keys {
		der, err := base64.StdEncoding.DecodeString(s.PKCS8)
		if err != nil {
			return nil, errors.New("issuer: a stored signing key is damaged")
		}
		private, err := x509.ParsePKCS8PrivateKey(der)
		r, ok := private.(*rsa.PrivateKey)
		if err != nil || !ok {
			return nil, errors.New("issuer: a stored signing key is damaged")
		}
		k, err := describe(r, s.Made, s.Retired)
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// load reads the keys, if there are some.
func (i *Issuer) load(ctx context.Context) error {
	doc, revision, err := i.store.Load(ctx)
	if err != nil {
		return fmt.Errorf("issuer: load the signing keys: %w", err)
	}
	if doc == nil {
		return nil
	}
	keys, err := decodeKeys(doc)
	if err != nil {
		return err
	}
	i.use(keys, revision)
	return nil
}

// ensure makes the first key when it is needed and not before: that takes up to a
// second, and most servers never sign a token. Two nodes that do so at once end with
// the same: the slower one reads again.
func (i *Issuer) ensure(ctx context.Context) error {
	if keys, _ := i.current(); len(keys) > 0 {
		return nil
	}
	i.rotating.Lock()
	defer i.rotating.Unlock()
	for range 5 {
		if err := i.load(ctx); err != nil {
			return err
		}
		if keys, _ := i.current(); len(keys) > 0 {
			return nil
		}
		k, err := newKey(time.Now())
		if err != nil {
			return err
		}
		if err := i.save(ctx, []signingKey{k}, 0); err != nil && !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
	return fmt.Errorf("issuer: make the first signing key: %w", store.ErrConflict)
}

func (i *Issuer) save(ctx context.Context, keys []signingKey, revision uint64) error {
	doc, err := encodeKeys(keys)
	if err != nil {
		return err
	}
	if err := i.store.Save(ctx, doc, revision); err != nil {
		return fmt.Errorf("issuer: save the signing keys: %w", err)
	}
	return nil
}

// use takes keys that have been read, unless somebody has read newer ones since.
func (i *Issuer) use(keys []signingKey, revision uint64) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.keys == nil || revision >= i.revision {
		i.keys, i.revision = keys, revision
	}
}

// current returns the keys; they are not changed any more.
func (i *Issuer) current() (keys []signingKey, revision uint64) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.keys, i.revision
}

// Rotate makes a new key and signs with it from now on. The old one is published
// until no token of it can be good any more. Errors: it could not be saved; then
// the old one goes on.
func (i *Issuer) Rotate(ctx context.Context) error {
	i.rotating.Lock()
	defer i.rotating.Unlock()
	return i.rotate(ctx)
}

func (i *Issuer) rotate(ctx context.Context) error {
	if err := i.load(ctx); err != nil {
		return err
	}
	old, revision := i.current()
	now := time.Now()
	k, err := newKey(now)
	if err != nil {
		return err
	}
	next := []signingKey{k}
	for _, o := range old {
		if o.retired.IsZero() {
			o.retired = now
		}
		if now.Sub(o.retired) < i.o.Lifetime+keepOld && len(next) < maxKeys {
			next = append(next, o)
		}
	}
	if err := i.save(ctx, next, revision); err != nil {
		return err
	}
	return i.load(ctx)
}

// signer is the key to sign with. An old one is replaced by one request while the
// others go on with it, and kept when that fails: tokens matter more than its age.
func (i *Issuer) signer(ctx context.Context) (signingKey, error) {
	if err := i.ensure(ctx); err != nil {
		return signingKey{}, err
	}
	keys, _ := i.current()
	if time.Since(keys[0].made) >= i.o.RotateAfter && i.rotating.TryLock() {
		defer i.rotating.Unlock()
		if err := i.rotateIfOld(ctx); err != nil {
			i.o.Logger.Warn("signing key was not rotated", "error", err)
		}
		keys, _ = i.current()
	}
	return keys[0], nil
}

// rotateIfOld first looks whether another node has done it.
func (i *Issuer) rotateIfOld(ctx context.Context) error {
	if err := i.load(ctx); err != nil {
		return err
	}
	if keys, _ := i.current(); time.Since(keys[0].made) < i.o.RotateAfter {
		return nil
	}
	return i.rotate(ctx)
}

// Reload reads the keys again: after another node has rotated them.
func (i *Issuer) Reload(ctx context.Context) error { return i.load(ctx) }

// Keys makes an Issuer a [jwtauth.KeySource], for verifying without a detour over
// HTTP. A kid that is not here may be another node's new one.
func (i *Issuer) Keys(ctx context.Context, kid string) ([]jwtauth.Key, error) {
	keys := i.published()
	if kid != "" && !hasID(keys, kid) && i.reloads.Allow() {
		if err := i.load(ctx); err == nil {
			keys = i.published()
		}
	}
	return keys, nil
}

// Close does nothing: an Issuer starts nothing.
func (i *Issuer) Close() {}

func hasID(keys []jwtauth.Key, kid string) bool {
	for _, k := range keys {
		if k.ID == kid {
			return true
		}
	}
	return false
}

func (i *Issuer) published() (all []jwtauth.Key) {
	keys, _ := i.current()
	for _, k := range keys {
		if k.retired.IsZero() || time.Since(k.retired) < i.o.Lifetime+keepOld {
			all = append(all, jwtauth.Key{ID: k.id, Public: k.private.Public(), Algorithm: string(jose.RS256)})
		}
	}
	return all
}
