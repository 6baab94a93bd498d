package x509auth

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"

	"gridmq/identity"
)

// Thumbprint is the SHA-256 of a certificate, in lower case hexadecimal.
func Thumbprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return hex.EncodeToString(sum[:])
}

// hasThumbprint says whether the certificate is one of the client's. SHA-1 is
// enough for that: somebody would have to find a certificate with a given sum.
func hasThumbprint(client *identity.Client, c *x509.Certificate) bool {
	long, short := sha256.Sum256(c.Raw), sha1.Sum(c.Raw)
	for _, t := range client.Thumbprints {
		if sum, ok := identity.ParseThumbprint(t); ok && (bytes.Equal(sum, long[:]) || bytes.Equal(sum, short[:])) {
			return true
		}
	}
	return false
}
