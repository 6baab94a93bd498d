package authority

import (
	"crypto"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Files of an authority in its directory. They are those of the server's local CA
// too, so that this can sign as well.
const (
	CertFile = "ca.pem"
	KeyFile  = "ca-key.pem"
	// ChainFile of an intermediate has its certificate and those above it, without
	// the root.
	ChainFile = "chain.pem"
)

// maxFile bounds what is read of one file, in bytes.
const maxFile = 1 << 20

// Load reads the authority in a directory.
func Load(dir string) (*Authority, error) {
	a, err := load(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no CA in %s: %w", dir, err)
	}
	if err != nil {
		return nil, fmt.Errorf("CA in %s: %w", dir, err)
	}
	return a, nil
}

func load(dir string) (*Authority, error) {
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, CertFile), filepath.Join(dir, KeyFile))
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		return nil, err
	}
	key, ok := pair.PrivateKey.(crypto.Signer)
	if !ok {
		return nil, errors.New("its key cannot sign")
	}
	if !cert.IsCA {
		return nil, fmt.Errorf("%s is not the certificate of a CA", CertFile)
	}
	a := &Authority{Pair{Certificate: cert, Key: key}}
	chain, err := ReadCertificates(filepath.Join(dir, ChainFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	case !chain[0].Equal(cert):
		return nil, fmt.Errorf("%s does not begin with the certificate in %s", ChainFile, CertFile)
	default:
		a.Issuers = chain[1:]
	}
	return a, nil
}

// Save writes an authority into a directory, which is made if need be. Unless force
// is set it leaves files that are there alone, and fails.
func (a *Authority) Save(dir string, force bool) error {
	list := []file{
		{filepath.Join(dir, KeyFile), keyPEM(a.Key), 0o600},
		{filepath.Join(dir, CertFile), certificatePEM(a.Certificate), 0o644},
	}
	chain := filepath.Join(dir, ChainFile)
	if !a.isRoot() {
		list = append(list, file{chain, a.ChainPEM(), 0o644})
	}
	if err := save(list, force); err != nil {
		return err
	}
	if a.isRoot() && force { // that of another authority, which was here before
		if err := os.Remove(chain); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// Save writes a certificate with its chain, and its key, as Authority.Save does.
func (p *Pair) Save(certFile, keyFile string, force bool) error {
	return save([]file{{keyFile, p.KeyPEM(), 0o600}, {certFile, p.ChainPEM(), 0o644}}, force)
}

// ChainPEM is the certificate and those above it, without the root.
func (p *Pair) ChainPEM() []byte {
	return certificatePEM(append([]*x509.Certificate{p.Certificate}, p.Issuers...)...)
}

// KeyPEM is the key, in PKCS #8.
func (p *Pair) KeyPEM() []byte { return keyPEM(p.Key) }

// TLS is the pair for a connection.
func (p *Pair) TLS() tls.Certificate {
	c := tls.Certificate{Certificate: [][]byte{p.Certificate.Raw}, PrivateKey: p.Key, Leaf: p.Certificate}
	for _, above := range p.Issuers {
		c.Certificate = append(c.Certificate, above.Raw)
	}
	return c
}

func certificatePEM(list ...*x509.Certificate) (text []byte) {
	for _, c := range list {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return text
}

func keyPEM(key crypto.Signer) []byte {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic("authority: a key of its own cannot be written: " + err.Error())
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// ReadCertificates reads all certificates of a PEM file, one at least.
func ReadCertificates(path string) ([]*x509.Certificate, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxFile {
		return nil, fmt.Errorf("%s has more than %d bytes", path, maxFile)
	}
	list, err := ParseCertificates(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return list, nil
}

// ParseCertificates reads PEM, or the DER of one certificate. What is not a
// certificate is left out.
func ParseCertificates(text []byte) (list []*x509.Certificate, err error) {
	if c, err := x509.ParseCertificate(text); err == nil {
		return []*x509.Certificate{c}, nil
	}
	other := ""
	for rest := text; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			other = block.Type
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d: %w", len(list)+1, err)
		}
		list = append(list, c)
	}
	switch {
	case len(list) > 0:
		return list, nil
	case other != "":
		return nil, fmt.Errorf("holds no certificate, but a %s", strings.ToLower(other))
	}
	return nil, errors.New("holds no certificate")
}

// Thumbprint is the SHA-256 of a certificate, in lower case hexadecimal.
func Thumbprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return hex.EncodeToString(sum[:])
}

// ShortThumbprint is the SHA-1, which older tools show.
func ShortThumbprint(c *x509.Certificate) string {
	sum := sha1.Sum(c.Raw)
	return hex.EncodeToString(sum[:])
}

// Expired says whether a certificate is not valid any more.
func Expired(c *x509.Certificate) bool { return time.Now().After(c.NotAfter) }

// CertificatePEM is the authority's own certificate.
func (a *Authority) CertificatePEM() []byte { return certificatePEM(a.Certificate) }
