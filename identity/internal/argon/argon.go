// Package argon makes and checks argon2id hashes in PHC string form:
//
//	$argon2id$v=19$m=19456,t=2,p=1$<salt>$<hash>
//
// Salt and hash are base64 without padding. What a hash asks for is bounded when it
// is read, since it may have come from a file or a template.
//
// Units: memory is KiB, as in the string. Source: RFC 9106; the PHC string format.
package argon

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// Params are what one hash costs.
type Params struct {
	Memory  uint32 // KiB
	Time    uint32 // passes over the memory
	Threads uint8
}

// Default is the least that OWASP recommends for argon2id: a broker has to check
// many passwords at once after a network has come back.
var Default = Params{Memory: 19 * 1024, Time: 2, Threads: 1}

// What a hash may ask for.
const (
	maxMemory  = 64 * 1024 // KiB
	maxTime    = 16
	maxThreads = 4
	maxLength  = 256 // of the string
	saltLength = 16
	hashLength = 32
)

// ErrFormat is returned for a string that is not such a hash, or asks for too much.
// It does not contain the string.
var ErrFormat = fmt.Errorf("want a PHC string of argon2id, version 19, with at most m=%d, t=%d and p=%d", maxMemory, maxTime, maxThreads)

// A Hash is one that has been read.
type Hash struct {
	Params
	salt, sum []byte
}

// New hashes a password with a new salt.
func New(password []byte, p Params) Hash {
	h := Hash{Params: p, salt: make([]byte, saltLength)}
	rand.Read(h.salt)
	h.sum = h.compute(password, hashLength)
	return h
}

// Valid says whether p is within the bounds.
func (p Params) Valid() bool {
	return p.Time >= 1 && p.Time <= maxTime && p.Threads >= 1 && p.Threads <= maxThreads &&
		p.Memory >= 8*uint32(p.Threads) && p.Memory <= maxMemory
}

// Work is the blocks that are filled, to compare costs.
func (p Params) Work() uint64 { return uint64(p.Memory) * uint64(p.Time) }

// Parse reads a PHC string. The error is [ErrFormat].
func Parse(phc string) (Hash, error) {
	h, err := parse(phc)
	if err != nil {
		return Hash{}, ErrFormat
	}
	return h, nil
}

var errParse = errors.New("malformed")

func parse(phc string) (h Hash, err error) {
	parts := strings.Split(phc, "$")
	if len(phc) > maxLength || len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != "v=19" {
		return h, errParse
	}
	if _, err = fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &h.Memory, &h.Time, &h.Threads); err != nil {
		return h, err
	}
	if parts[3] != h.Params.String() || !h.Valid() { // Sscanf ignores what follows
		return h, errParse
	}
	if h.salt, err = base64.RawStdEncoding.Strict().DecodeString(parts[4]); err != nil {
		return h, err
	}
	if h.sum, err = base64.RawStdEncoding.Strict().DecodeString(parts[5]); err != nil {
		return h, err
	}
	if len(h.salt) < 8 || len(h.salt) > 64 || len(h.sum) < 16 || len(h.sum) > 64 || h.PHC() != phc {
		return h, errParse // base64 skips line breaks
	}
	return h, nil
}

func (p Params) String() string { return fmt.Sprintf("m=%d,t=%d,p=%d", p.Memory, p.Time, p.Threads) }

// PHC writes the hash.
func (h Hash) PHC() string {
	b64 := base64.RawStdEncoding
	return "$argon2id$v=19$" + h.Params.String() + "$" + b64.EncodeToString(h.salt) + "$" + b64.EncodeToString(h.sum)
}

// Matches says whether the password is the one, in a time that does not depend on
// how nearly it is. It takes milliseconds and h.Memory.
func (h Hash) Matches(password []byte) bool {
	return subtle.ConstantTimeCompare(h.compute(password, uint32(len(h.sum))), h.sum) == 1
}

func (h Hash) compute(password []byte, length uint32) []byte {
	return argon2.IDKey(password, h.salt, h.Time, h.Memory, h.Threads, length)
}

// Decoy is a hash that costs as much to check as one that New makes, and that no
// password has.
func Decoy(p Params) Hash {
	h := Hash{Params: p, salt: make([]byte, saltLength), sum: make([]byte, hashLength)}
	rand.Read(h.salt)
	rand.Read(h.sum)
	return h
}
