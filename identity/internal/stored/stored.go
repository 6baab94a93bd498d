// Package stored reads password hashes of every form that the registry may hold: our
// own (argon2id), and those that came from another broker (saltedsha).
//
// Errors: those of the form that the string claims to be. They do not contain it.
package stored

import (
	"gridmq/identity/internal/argon"
	"gridmq/identity/internal/saltedsha"
)

// A Hash is one that has been read.
type Hash interface {
	// Matches says whether the password is the one, in a time that does not depend on
	// how nearly it is.
	Matches(password []byte) bool
	// Work is what Matches costs, in the KiB that argon2id fills in that time.
	Work() uint64
}

// Parse reads a hash. What it may cost to check is bounded.
func Parse(s string) (Hash, error) {
	if saltedsha.Is(s) {
		return saltedsha.Parse(s)
	}
	return argon.Parse(s)
}
