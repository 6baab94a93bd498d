package server

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"gridmq/internal/outbound"
)

// maxPEM bounds a file of certificates or a key, in bytes.
const maxPEM = 1 << 20

// errNotFile says that a certificate is where we cannot fetch it.
var errNotFile = errors.New("want file:///path; certificates of vaults cannot be fetched")

// readDomain reads the certificate of a domain. It has to be for that domain: what
// a file of somebody else holds must not be shown under any name.
func readDomain(host, address string) (*tls.Certificate, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "file" || u.Host != "" && u.Host != "localhost" || !strings.HasPrefix(u.Path, "/") {
		return nil, errNotFile
	}
	chain, err := outbound.ReadFile(u.Path, maxPEM)
	if err != nil {
		return nil, err
	}
	key, err := keyOf(u.Path, chain)
	if err != nil {
		return nil, err
	}
	cert, err := tls.X509KeyPair(chain, key)
	if err == nil && cert.Leaf == nil { // GODEBUG=x509keypairleaf=0
		cert.Leaf, err = x509.ParseCertificate(cert.Certificate[0])
	}
	if err == nil {
		err = cert.Leaf.VerifyHostname(host)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", u.Path, err)
	}
	return &cert, nil
}

// keyOf finds the key of a chain: in the same file or beside it.
func keyOf(path string, chain []byte) ([]byte, error) {
	if strings.Contains(string(chain), "PRIVATE KEY-----") {
		return chain, nil
	}
	base := strings.TrimSuffix(path, filepath.Ext(path))
	key, err := outbound.ReadFile(base+".key", maxPEM)
	if err == nil {
		return key, nil
	}
	other, err2 := outbound.ReadFile(base+"-key.pem", maxPEM)
	if err2 != nil {
		return nil, fmt.Errorf("%s holds no key, and there is none beside it: %w", path, errors.Join(err, err2))
	}
	return other, nil
}
