package listener

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// LocalCA is a certificate authority of this machine's own, made on first start
// so that TLS works before anybody has bought or asked for a certificate.
type LocalCA struct {
	CertFile string // for clients to trust
	KeyFile  string
	// Server are the certificates for Certificates, EC first, then RSA.
	Server []CertificateFiles
	// Made says that something was created or renewed by this call.
	Made bool
}

const (
	caLife     = 10 * 365 * 24 * time.Hour
	serverLife = 397 * 24 * time.Hour // what browsers accept at most
	renewAhead = 30 * 24 * time.Hour
)

// EnsureLocalCA makes sure that dir holds a local CA and server certificates,
// EC P-256 and RSA 2048, that are valid for hosts (names or IP addresses; one
// at least) for another 30 days. What is there and fits is left alone, so
// clients that trust the CA go on trusting it. Key files have mode 0600.
func EnsureLocalCA(dir string, hosts []string) (LocalCA, error) {
	ca, err := ensureLocalCA(dir, hosts)
	if err != nil {
		return LocalCA{}, fmt.Errorf("local CA in %q: %w", dir, err)
	}
	return ca, nil
}

func ensureLocalCA(dir string, hosts []string) (LocalCA, error) {
	if len(hosts) == 0 {
		return LocalCA{}, errors.New("no host name given")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return LocalCA{}, err
	}
	out := LocalCA{CertFile: filepath.Join(dir, "ca.pem"), KeyFile: filepath.Join(dir, "ca-key.pem")}
	issuer, key, err := readPair(out.CertFile, out.KeyFile)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return out, err // damaged: to make another would break every client's trust
	}
	if err != nil || time.Until(issuer.NotAfter) < serverLife {
		if issuer, key, err = makeCA(out); err != nil {
			return out, err
		}
		out.Made = true
	}
	for _, k := range serverKeys {
		f := CertificateFiles{
			CertFile: filepath.Join(dir, "server-"+k.name+".pem"),
			KeyFile:  filepath.Join(dir, "server-"+k.name+"-key.pem"),
		}
		out.Server = append(out.Server, f)
		if leaf, _, err := readPair(f.CertFile, f.KeyFile); err == nil && fits(leaf, issuer, hosts) {
			continue
		}
		if err := makeServer(f, issuer, key, hosts, k.generate); err != nil {
			return out, err
		}
		out.Made = true
	}
	return out, nil
}

// serverKeys, the preferred one first, are the two kinds of spec/mqtt-protocol.md section 1. P-256 and
// not P-384: signing is some ten times cheaper, and a handshake is a signature.
var serverKeys = []struct {
	name     string
	generate func() (crypto.Signer, error)
}{
	{"ec", func() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }},
	{"rsa", func() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, 2048) }},
}

func makeCA(files LocalCA) (*x509.Certificate, crypto.Signer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	host, _ := os.Hostname()
	t := template(caLife)
	t.Subject = pkix.Name{CommonName: "GridMQ local CA " + host}
	t.IsCA, t.BasicConstraintsValid = true, true
	t.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	cert, err := sign(files.CertFile, files.KeyFile, t, t, key, key)
	return cert, key, err
}

func makeServer(f CertificateFiles, issuer *x509.Certificate, issuerKey crypto.Signer, hosts []string,
	generate func() (crypto.Signer, error)) error {
	key, err := generate()
	if err != nil {
		return err
	}
	t := template(serverLife)
	t.Subject = pkix.Name{CommonName: hosts[0]}
	t.KeyUsage = x509.KeyUsageDigitalSignature
	if _, ok := key.(*rsa.PrivateKey); ok {
		t.KeyUsage |= x509.KeyUsageKeyEncipherment
	}
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	t.DNSNames, t.IPAddresses = split(hosts)
	_, err = sign(f.CertFile, f.KeyFile, t, issuer, key, issuerKey)
	return err
}

func template(life time.Duration) *x509.Certificate {
	now := time.Now()
	return &x509.Certificate{
		// SerialNumber: x509.CreateCertificate picks a random one.
		NotBefore: now.Add(-time.Hour), // clocks of devices run behind
		NotAfter:  now.Add(life),
	}
}

// sign makes the certificate and stores it with its key, the key first: a
// certificate without its key could not be told from a damaged pair.
func sign(certFile, keyFile string, t, issuer *x509.Certificate, key, issuerKey crypto.Signer) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, t, issuer, key.Public(), issuerKey)
	if err != nil {
		return nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	if err := writePEM(keyFile, "PRIVATE KEY", keyDER, 0o600); err != nil {
		return nil, err
	}
	if err := writePEM(certFile, "CERTIFICATE", der, 0o644); err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

func split(hosts []string) (names []string, ips []net.IP) {
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			ips = append(ips, ip)
		} else {
			names = append(names, canonicalHost(h))
		}
	}
	return names, ips
}

// fits reports whether a server certificate need not be made again.
func fits(leaf, issuer *x509.Certificate, hosts []string) bool {
	names, ips := split(hosts)
	return time.Until(leaf.NotAfter) > renewAhead &&
		leaf.CheckSignatureFrom(issuer) == nil &&
		!slices.ContainsFunc(names, func(n string) bool { return !slices.Contains(leaf.DNSNames, n) }) &&
		!slices.ContainsFunc(ips, func(ip net.IP) bool { return !slices.ContainsFunc(leaf.IPAddresses, ip.Equal) })
}

func readPair(certFile, keyFile string) (*x509.Certificate, crypto.Signer, error) {
	pair, err := loadPair(certFile, keyFile)
	if err != nil {
		return nil, nil, err
	}
	key, ok := pair.PrivateKey.(crypto.Signer)
	if !ok {
		return nil, nil, fmt.Errorf("key %q cannot sign", keyFile)
	}
	return pair.Leaf, key, nil
}

// writePEM replaces the file in one step: whoever reloads in between sees the
// old one or the new one.
func writePEM(file, kind string, der []byte, mode os.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(file), ".new-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	err = pem.Encode(f, &pem.Block{Type: kind, Bytes: der})
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), file)
}
