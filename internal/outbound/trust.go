package outbound

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
)

// maxFile bounds a file of certificates.
const maxFile = 1 << 20

// TLS is the client's side of a connection as o says, for protocols other than HTTP. Errors:
// a file cannot be read, a pin is none.
func (o Options) TLS() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	var err error
	if c.RootCAs, err = o.roots(); err != nil {
		return nil, err
	}
	pins := map[[32]byte]bool{}
	for _, p := range o.Pins {
		sum, err := ParsePin(p)
		if err != nil {
			return nil, err
		}
		pins[sum] = true
	}
	if len(pins) > 0 {
		c.VerifyConnection = func(s tls.ConnectionState) error { return checkPins(s, pins) }
	}
	if (o.CertificateFile == "") != (o.KeyFile == "") {
		return nil, errors.New("want both a certificate file and a key file")
	}
	if o.CertificateFile != "" {
		own := &certificate{certFile: o.CertificateFile, keyFile: o.KeyFile}
		if _, err := own.load(); err != nil {
			return nil, err
		}
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return own.load() }
	}
	return c, nil
}

// roots are those to trust; nil: the system's.
func (o Options) roots() (pool *x509.CertPool, err error) {
	if o.CAFile != "" {
		pool = x509.NewCertPool()
		if err := appendFile(pool, o.CAFile); err != nil {
			return nil, err
		}
	}
	if o.AlsoTrust == "" {
		return pool, nil
	}
	if pool == nil {
		if pool, err = x509.SystemCertPool(); err != nil {
			return nil, err
		}
	}
	return pool, appendFile(pool, o.AlsoTrust)
}

func appendFile(pool *x509.CertPool, file string) error {
	pem, err := ReadFile(file, maxFile)
	if err != nil {
		return err
	}
	if !pool.AppendCertsFromPEM(pem) {
		return fmt.Errorf("%s: holds no certificate in PEM", file)
	}
	return nil
}

// ParsePin reads the SHA-256 of a SubjectPublicKeyInfo: 64 hex digits, also with
// colons, or base64 with or without "sha256/" before it.
func ParsePin(s string) (sum [32]byte, err error) {
	b, err := hex.DecodeString(strings.ReplaceAll(s, ":", ""))
	if err != nil {
		b, err = base64.StdEncoding.DecodeString(strings.TrimPrefix(s, "sha256/"))
	}
	if err != nil || len(b) != len(sum) {
		return sum, errors.New("want the SHA-256 of a public key, in hex or base64")
	}
	copy(sum[:], b)
	return sum, nil
}

// ErrPin says that the peer is somebody else than was pinned.
var ErrPin = errors.New("no certificate of the peer's chain has a pinned key")

// checkPins looks at verified chains only: what else the peer has sent proves
// nothing.
func checkPins(s tls.ConnectionState, pins map[[32]byte]bool) error {
	for _, chain := range s.VerifiedChains {
		for _, c := range chain {
			if pins[sha256.Sum256(c.RawSubjectPublicKeyInfo)] {
				return nil
			}
		}
	}
	return ErrPin
}

// A certificate is our own, read again when its file has changed.
type certificate struct {
	certFile, keyFile string

	mu     sync.Mutex
	loaded *tls.Certificate
	seen   time.Time // modification time of certFile
}

func (c *certificate) load() (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	info, err := os.Stat(c.certFile)
	if err != nil {
		return c.keep(err)
	}
	if c.loaded != nil && info.ModTime().Equal(c.seen) {
		return c.loaded, nil
	}
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return c.keep(err) // between the writing of the two files
	}
	c.loaded, c.seen = &pair, info.ModTime()
	return c.loaded, nil
}

// keep stays with the certificate there is.
func (c *certificate) keep(err error) (*tls.Certificate, error) {
	if c.loaded == nil {
		return nil, err
	}
	return c.loaded, nil
}

// ReadFile reads a regular file of at most limit bytes.
func ReadFile(name string, limit int64) ([]byte, error) {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s: want a regular file", name)
	case info.Size() > limit:
		return nil, fmt.Errorf("%s: %d bytes, want %d at most", name, info.Size(), limit)
	}
	return os.ReadFile(name)
}
