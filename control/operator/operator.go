// Package operator is who may use the management plane: tokens, roles, and what
// happens to those who guess.
//
// A token is 256 random bits, so what is kept of it is its SHA-256; nobody can
// guess one, and nothing that is stored or logged lets somebody in.
//
// Units: instants are time.Time. Errors: ErrNoToken, ErrBadToken, *ThrottledError.
// Source: spec/control-plane.md, section 10.
package operator

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"log/slog"
	"strings"

	"gridmq/control/role"
	"gridmq/identity"
)

// A Token is what an operator shows. It prints as a stand-in; string(t) is the token.
type Token string

func (Token) String() string       { return "[token]" }
func (Token) GoString() string     { return "[token]" }
func (Token) LogValue() slog.Value { return slog.StringValue("[token]") }

// A Hash is what is kept of a token: its SHA-256 in hexadecimal.
type Hash string

const tokenPrefix = "gmq_" // so that scanners for leaked secrets know it

// NewToken makes a token with the hash to keep.
func NewToken() (Token, Hash) {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	t := Token(tokenPrefix + base64.RawURLEncoding.EncodeToString(b[:]))
	return t, HashOf(string(t))
}

// HashOf is the hash of a token.
func HashOf(token string) Hash {
	sum := sha256.Sum256([]byte(token))
	return Hash(hex.EncodeToString(sum[:]))
}

// ParseHash reads a hash that somebody configured.
func ParseHash(text string) (Hash, bool) {
	text = strings.ToLower(strings.TrimSpace(text))
	b, err := hex.DecodeString(text)
	return Hash(text), err == nil && len(b) == sha256.Size
}

func (h Hash) is(other Hash) bool { return subtle.ConstantTimeCompare([]byte(h), []byte(other)) == 1 }

// An Operator may do what its role holds, within its scope.
type Operator struct {
	Name        string
	Role        *role.Definition
	Scope       string // resource id; "/" for everything
	Hash        Hash   // empty: its token has been withdrawn
	Disabled    bool
	Description string

	given bool // a hash was
}

// Roles by the names that operators know them by.
var roleNames = []string{"reader", "contributor", "owner"}

var rolesByName = map[string]string{"reader": role.Reader, "contributor": role.Contributor, "owner": role.Owner}

// RoleNamed is one of reader, contributor and owner; nil for anything else.
func RoleNamed(name string) *role.Definition { return role.ByID(rolesByName[strings.ToLower(name)]) }

const maxText = 1024

// Decode reads the properties of an operator. A new token is not made here: give
// tokenHash, or ask the management plane for one.
func Decode(name string, properties []byte) (*Operator, error) {
	p := identity.ReadProperties(properties)
	p.Join(identity.CheckClientName(name))
	o := &Operator{Name: name, Scope: "/"}
	at, given := p.Enum("role", roleNames...)
	if _, wrong := p.Raw("role"); !given && !wrong {
		p.Fail("role", "is required: "+strings.Join(roleNames, ", "))
	}
	o.Role = RoleNamed(roleNames[at])
	if scope, given := p.Text("scope", maxText); given && scope != "" {
		if o.Scope = "/" + strings.Trim(scope, "/"); strings.ContainsAny(scope, "?#") {
			p.Fail("scope", `want a resource id, or "/"`)
		}
	}
	if text, given := p.Text("tokenHash", maxText); given {
		var ok bool
		if o.Hash, ok = ParseHash(text); !ok && text != "" {
			p.Fail("tokenHash", "want the SHA-256 of a token in hexadecimal")
		}
		o.given = true
	}
	o.Disabled, _ = p.Boolean("disabled")
	o.Description, _ = p.Text("description", maxText)
	if err := p.Err(); err != nil {
		return nil, err
	}
	return o, nil
}

// Encode writes the properties without the token's hash.
func (o *Operator) Encode() []byte { return o.encode(false) }

// EncodeStored writes all of them.
func (o *Operator) EncodeStored() []byte { return o.encode(true) }

func (o *Operator) encode(stored bool) []byte {
	shown := map[string]any{"role": roleName(o.Role), "scope": o.Scope, "hasToken": o.Hash != ""}
	if o.Disabled {
		shown["disabled"] = true
	}
	if o.Description != "" {
		shown["description"] = o.Description
	}
	if stored {
		shown["tokenHash"] = string(o.Hash)
	}
	return identity.EncodeProperties(shown)
}

func roleName(d *role.Definition) string {
	for _, name := range roleNames {
		if RoleNamed(name) == d {
			return name
		}
	}
	return d.Name
}

// Replaces lets o take over the token of old when none is given.
func (o *Operator) Replaces(old *Operator) error {
	if old != nil && !o.given {
		o.Hash = old.Hash
	}
	return nil
}

// WithToken is o with another token's hash.
func (o *Operator) WithToken(h Hash) *Operator {
	c := *o
	c.Hash = h
	return &c
}

// String tells who it is, for errors.
func (o *Operator) String() string { return fmt.Sprintf("%s (%s)", o.Name, roleName(o.Role)) }
