package identity

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"hash/crc32"
	"log/slog"
	"strings"

	"gridmq/identity/internal/argon"
	"gridmq/identity/internal/stored"
)

// A PasswordHash is an argon2id hash in PHC string form, or one of mosquitto that was
// imported. It prints as a stand-in; string(h) is the hash.
type PasswordHash string

func (PasswordHash) String() string       { return "[password hash]" }
func (PasswordHash) GoString() string     { return "[password hash]" }
func (PasswordHash) LogValue() slog.Value { return slog.StringValue("[password hash]") }

// generatedCost is for passwords that we made: nobody guesses 256 random bits,
// however little a guess costs. It lets a fleet of 10,000 reconnect in a second
// after a restart, and not in two minutes.
var generatedCost = argon.Params{Memory: 64, Time: 1, Threads: 1}

// hashing lets one password be hashed at a time: each takes 19 MiB.
var hashing = make(chan struct{}, 1)

// HashPassword hashes a password with a new salt. It takes some 20 ms, and next to
// nothing for one of [GeneratePassword].
func HashPassword(plain []byte) PasswordHash {
	cost := argon.Default
	if isGenerated(string(plain)) {
		cost = generatedCost
	}
	hashing <- struct{}{}
	defer func() { <-hashing }()
	return PasswordHash(argon.New(plain, cost).PHC())
}

// matches says whether h is of a password. It takes as long as [HashPassword].
func (h PasswordHash) matches(plain []byte) bool {
	hash, err := stored.Parse(string(h))
	if err != nil {
		return false
	}
	hashing <- struct{}{}
	defer func() { <-hashing }()
	return hash.Matches(plain)
}

// CheckPasswordHash says whether h is one that we read. The error does not contain it.
func CheckPasswordHash(h PasswordHash) error {
	_, err := stored.Parse(string(h))
	return err
}

const (
	generatedPrefix = "gmq_"
	generatedSecret = 32 // random bytes
)

// GeneratePassword makes a password for a device: "gmq_", 256 random bits and a
// checksum, by which HashPassword knows it, and a scanner of leaked secrets.
func GeneratePassword() string {
	secret := make([]byte, generatedSecret)
	rand.Read(secret)
	body := generatedPrefix + base64.RawURLEncoding.EncodeToString(secret)
	return body + checksum(body)
}

func isGenerated(s string) bool {
	const length = len(generatedPrefix) + (generatedSecret*8+5)/6
	return len(s) == length+8 && strings.HasPrefix(s, generatedPrefix) && s[length:] == checksum(s[:length])
}

func checksum(s string) string {
	sum := crc32.ChecksumIEEE([]byte(s))
	return hex.EncodeToString([]byte{byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum)})
}
