package issuer

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"strings"
	"unicode/utf8"

	"gridmq/identity/internal/argon"
)

// An App is an application that may have tokens.
type App struct {
	ClientID string
	// Object is the object id that role assignments name: claims oid and sub.
	Object string
	// Subject is sub, where it is to be another: the client authentication name of a
	// CUSTOM-JWT. Default: Object.
	Subject string
	// Secrets are hashes ([NewSecret], [HashSecret]); two or more while one is
	// being replaced, at most 4.
	Secrets []string
	// Audiences it may have tokens for. Default: those of the issuer.
	Audiences []string
	Roles     []string
	Groups    []string
	// Claims are added, and become attributes of a CUSTOM-JWT. Names that the
	// issuer itself writes are not overwritten.
	Claims   map[string]any
	Disabled bool
}

// Apps finds applications. It is asked once for each request.
type Apps interface {
	// App returns the application with this client id; ok is false without one.
	// Errors: it cannot be said now.
	App(ctx context.Context, clientID string) (a App, ok bool, err error)
}

const (
	maxSecrets  = 4
	maxSecret   = 256 // bytes of a secret that is presented
	minChosen   = 16  // characters of one that people choose
	randomLabel = "$sha256$"
)

// NewSecret makes a secret of 256 random bits, to be shown once, and its hash. A
// fast hash is enough for it: it cannot be guessed.
func NewSecret() (secret, hash string) {
	b := make([]byte, 32)
	rand.Read(b)
	secret = base64.RawURLEncoding.EncodeToString(b)
	sum := sha256.Sum256([]byte(secret))
	return secret, randomLabel + base64.RawStdEncoding.EncodeToString(sum[:])
}

// HashSecret hashes a secret that somebody chose, slowly (argon2id).
func HashSecret(secret string) (hash string, err error) {
	if n := utf8.RuneCountInString(secret); n < minChosen || len(secret) > maxSecret {
		return "", errors.New("want a secret of 16 to 256 characters")
	}
	return argon.New([]byte(secret), argon.Default).PHC(), nil
}

// CheckHash says whether a hash is one that this package made.
func CheckHash(hash string) error {
	if rest, ok := strings.CutPrefix(hash, randomLabel); ok {
		if sum, err := base64.RawStdEncoding.DecodeString(rest); err != nil || len(sum) != sha256.Size {
			return errors.New("the hash of a secret is malformed")
		}
		return nil
	}
	_, err := argon.Parse(hash)
	return err
}

// matches says whether the secret is one of the app's. Slow hashes come last.
func (a *App) matches(secret string, slow func(func() bool) bool) bool {
	sum := sha256.Sum256([]byte(secret))
	presented := randomLabel + base64.RawStdEncoding.EncodeToString(sum[:])
	hashes := a.Secrets[:min(len(a.Secrets), maxSecrets)]
	for _, h := range hashes {
		if subtle.ConstantTimeCompare([]byte(h), []byte(presented)) == 1 {
			return true
		}
	}
	for _, h := range hashes {
		if parsed, err := argon.Parse(h); err == nil && slow(func() bool { return parsed.Matches([]byte(secret)) }) {
			return true
		}
	}
	return false
}
