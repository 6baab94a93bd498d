// Package sharedkey makes and compares the access keys of a namespace and of a topic:
// each has two, so that one can be made anew while the other is in use.
//
// Units: none. Errors: none; a text that is no key matches nothing.
// Source: spec/namespace-topics.md, sections 4.1 and 4.2.
package sharedkey

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"log/slog"
	"strings"
)

// Size is how many random bytes a key has; as base64 they are 64 characters.
const Size = 48

// Keys are the two keys of one resource, in base64. They print as a stand-in.
type Keys [2]string

func (Keys) String() string       { return "[keys]" }
func (Keys) GoString() string     { return "[keys]" }
func (Keys) LogValue() slog.Value { return slog.StringValue("[keys]") }

// Generate makes a key: random bytes in base64, drawn again until the text has
// neither + nor /, which senders forget to encode in a URL.
func Generate() string {
	var b [Size]byte
	for {
		_, _ = rand.Read(b[:]) // never fails
		if key := base64.StdEncoding.EncodeToString(b[:]); !strings.ContainsAny(key, "+/") {
			return key
		}
	}
}

// Matches says whether text is one of the keys. How long it takes tells nothing
// about them: both are compared, and always in full. An empty key matches nothing.
func (k Keys) Matches(text string) bool {
	given, found := sha256.Sum256([]byte(text)), 0
	for _, key := range k {
		kept := sha256.Sum256([]byte(key)) // of one length, whatever was sent
		same := subtle.ConstantTimeCompare(given[:], kept[:])
		found |= same & (1 ^ subtle.ConstantTimeEq(int32(len(key)), 0))
	}
	return found == 1
}
