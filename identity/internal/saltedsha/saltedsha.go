// Package saltedsha checks the password hashes of mosquitto's password files, so that
// devices keep their passwords when they move:
//
//	$7$<iterations>$<salt>$<hash>   PBKDF2 with HMAC-SHA-512
//	$6$<salt>$<hash>                one SHA-512 of the password and the salt
//
// Salt and hash are base64 with padding; the hash has 64 bytes. It makes none: both are
// cheap to guess against, and new passwords become argon2id. What a hash asks for is
// bounded when it is read, since it may have come from a file or a template.
//
// Errors: ErrFormat. Source: mosquitto_passwd(1); RFC 8018, section 5.2.
package saltedsha

import (
	"bytes"
	"crypto/pbkdf2"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

const (
	// maxIterations takes less than a second of a processor, as the dearest argon2id that
	// we read does; mosquitto_passwd does 101 or 1,000 unless it is told another number.
	maxIterations = 600_000
	minSalt       = 8 // bytes; mosquitto writes 12, later versions 64
	maxSalt       = 64
	maxLength     = 256 // of the string
)

// ErrFormat is returned for a string that is not such a hash, or asks for too much. It
// does not contain the string.
var ErrFormat = fmt.Errorf("want $7$iterations$salt$hash, with at most %d iterations, or $6$salt$hash, in base64 with a salt of %d to %d bytes and a hash of %d", maxIterations, minSalt, maxSalt, sha512.Size)

// A Hash is one that has been read.
type Hash struct {
	iterations int // 0: the form $6$
	salt, sum  []byte
}

// Is says whether a string claims to be such a hash.
func Is(s string) bool { return strings.HasPrefix(s, "$7$") || strings.HasPrefix(s, "$6$") }

// Parse reads a hash. The error is [ErrFormat].
func Parse(s string) (Hash, error) {
	h, err := parse(s)
	if err != nil {
		return Hash{}, ErrFormat
	}
	return h, nil
}

var errParse = errors.New("malformed")

func parse(s string) (h Hash, err error) {
	parts := strings.Split(s, "$")
	if len(s) > maxLength || !Is(s) {
		return h, errParse
	}
	rest := parts[2:]
	if parts[1] == "7" {
		h.iterations, err = strconv.Atoi(rest[0])
		if err != nil || h.iterations < 1 || h.iterations > maxIterations {
			return h, errParse
		}
		rest = rest[1:]
	}
	if len(rest) != 2 {
		return h, errParse
	}
	b64 := base64.StdEncoding.Strict()
	if h.salt, err = b64.DecodeString(rest[0]); err != nil {
		return h, err
	}
	if h.sum, err = b64.DecodeString(rest[1]); err != nil {
		return h, err
	}
	if len(h.salt) < minSalt || len(h.salt) > maxSalt || len(h.sum) != sha512.Size || h.String() != s {
		return h, errParse // base64 skips line breaks, and Atoi takes +101 and 0101
	}
	return h, nil
}

// String writes the hash as it was read.
func (h Hash) String() string {
	b64 := base64.StdEncoding
	tail := b64.EncodeToString(h.salt) + "$" + b64.EncodeToString(h.sum)
	if h.iterations == 0 {
		return "$6$" + tail
	}
	return "$7$" + strconv.Itoa(h.iterations) + "$" + tail
}

// Matches says whether the password is the one, in a time that does not depend on how
// nearly it is. No password has a NUL: to HMAC, which fills its key up with them, those at
// the end would be nothing.
func (h Hash) Matches(password []byte) bool {
	sum := h.compute(password)
	return sum != nil && bytes.IndexByte(password, 0) < 0 && subtle.ConstantTimeCompare(sum, h.sum) == 1
}

func (h Hash) compute(password []byte) []byte {
	if h.iterations == 0 {
		sum := sha512.New()
		sum.Write(password)
		sum.Write(h.salt)
		return sum.Sum(nil)
	}
	sum, err := pbkdf2.Key(sha512.New, string(password), h.salt, h.iterations, sha512.Size)
	if err != nil { // a build that allows FIPS 140 only refuses short salts
		return nil
	}
	return sum
}

// Work is the cost in the unit of argon2id, to compare the two: an iteration takes about
// as long as filling a KiB.
func (h Hash) Work() uint64 { return uint64(h.iterations) }
