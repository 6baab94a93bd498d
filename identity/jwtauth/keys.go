package jwtauth

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"gridmq/identity/strictjson"
)

// A Key is a public key of an issuer.
type Key struct {
	ID     string // kid; empty when it has none
	Public crypto.PublicKey
	// Algorithm is the only one it is for; empty: all of its type.
	Algorithm string
	// NotAfter is the end of its certificate. Zero: it has none.
	NotAfter time.Time
}

// expired says whether the key's certificate has ended. An issuer that goes on
// with it has to be looked at: the certificate of the next one may be missing.
func (k *Key) expired(now time.Time) error {
	if !k.NotAfter.IsZero() && now.After(k.NotAfter) {
		return fmt.Errorf("the issuer's certificate expired at %s", k.NotAfter.UTC().Format(time.RFC3339))
	}
	return nil
}

// A KeySource gives the keys of one issuer. It may be used concurrently.
type KeySource interface {
	// Keys returns all keys. kid is the one that is wanted ("": any), for a source
	// that may look again when it does not have it. The keys must not be changed.
	// Errors: there is no key at all.
	Keys(ctx context.Context, kid string) ([]Key, error)
	// Close ends what the source has started, and waits for it.
	Close()
}

// FixedKeys are keys that were given.
type FixedKeys []Key

func (f FixedKeys) Keys(context.Context, string) ([]Key, error) { return f, nil }
func (f FixedKeys) Close()                                      {}

// ParsePEM reads one certificate or public key. The line breaks may be missing, as
// they are in what people put into JSON.
func ParsePEM(text string) (Key, error) {
	if len(text) > 64<<10 {
		return Key{}, errors.New("longer than 64 KiB")
	}
	kind, der, err := pemBlock(text)
	if err != nil {
		return Key{}, err
	}
	var k Key
	switch kind {
	case "CERTIFICATE":
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return k, fmt.Errorf("the certificate cannot be read: %w", err)
		}
		k = Key{Public: c.PublicKey, NotAfter: c.NotAfter}
	case "PUBLIC KEY":
		if k.Public, err = x509.ParsePKIXPublicKey(der); err != nil {
			return k, fmt.Errorf("the public key cannot be read: %w", err)
		}
	case "RSA PUBLIC KEY":
		if k.Public, err = x509.ParsePKCS1PublicKey(der); err != nil {
			return k, fmt.Errorf("the public key cannot be read: %w", err)
		}
	default:
		return k, errors.New("want CERTIFICATE or PUBLIC KEY in PEM") // it may be a private key: not told
	}
	return k, checkKey(k.Public)
}

// pemBlock finds the one block of text.
func pemBlock(text string) (kind string, der []byte, err error) {
	malformed := errors.New("want one certificate or public key in PEM, with its BEGIN and END lines")
	text = strings.TrimSpace(text)
	rest, ok := strings.CutPrefix(text, "-----BEGIN ")
	if !ok {
		return "", nil, malformed
	}
	kind, rest, ok = strings.Cut(rest, "-----")
	body, after, ended := strings.Cut(rest, "-----END "+kind+"-----")
	if !ok || !ended {
		return "", nil, malformed
	}
	if strings.Contains(after, "-----BEGIN") {
		return "", nil, errors.New("holds several certificates or keys, want one")
	}
	der, err = base64.StdEncoding.DecodeString(strings.Join(strings.Fields(body), ""))
	if err != nil {
		return "", nil, malformed
	}
	return kind, der, nil
}

// Bounds of a key set.
const (
	maxSet    = 1 << 20 // bytes
	maxInSet  = 100     // entries
	maxUsable = 64      // keys kept
)

// private are the members of a JWK that nobody should have published.
var private = []string{"d", "p", "q", "dp", "dq", "qi", "k", "oth", "priv"}

// parseSet reads a JWK set. Entries that are not for signatures or not understood
// are passed over (RFC 7517, section 5), and so are secret ones.
func parseSet(doc []byte) ([]Key, error) {
	if len(doc) > maxSet {
		return nil, fmt.Errorf("the key set is larger than %d bytes", maxSet)
	}
	set, err := strictjson.Rules{}.Object(doc)
	if err != nil {
		return nil, fmt.Errorf("the key set: %w", err)
	}
	var entries []json.RawMessage
	if err := json.Unmarshal(set["keys"], &entries); err != nil {
		return nil, errors.New(`the key set: want an array "keys"`)
	}
	if len(entries) > maxInSet {
		return nil, fmt.Errorf("the key set: %d keys, want %d at most", len(entries), maxInSet)
	}
	var keys []Key
	for _, e := range entries {
		if k, ok := parseEntry(e); ok && len(keys) < maxUsable {
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("the key set: none of %d keys can be used", len(entries))
	}
	return keys, nil
}

func parseEntry(doc json.RawMessage) (k Key, ok bool) {
	var members claims
	if json.Unmarshal(doc, &members) != nil {
		return k, false
	}
	for _, name := range private {
		if _, given := members[name]; given {
			return k, false
		}
	}
	if ops, _ := members.texts("key_ops"); ops != nil && !slices.Contains(ops, "verify") {
		return k, false
	}
	var j jose.JSONWebKey
	if j.UnmarshalJSON(doc) != nil || j.Use != "" && j.Use != "sig" || len(j.KeyID) > maxKid {
		return k, false
	}
	return Key{ID: j.KeyID, Public: j.Key, Algorithm: j.Algorithm}, checkKey(j.Key) == nil
}

// parsePEMs reads a document that holds one certificate or key, and maybe the
// certificates above it, which do not matter here.
func parsePEMs(doc []byte) ([]Key, error) {
	block, _ := pem.Decode(doc)
	if block == nil {
		k, err := ParsePEM(string(doc))
		return []Key{k}, err
	}
	k, err := ParsePEM(string(pem.EncodeToMemory(block)))
	return []Key{k}, err
}
