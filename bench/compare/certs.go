//go:build linux

package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// certs are a CA and a server certificate for 127.0.0.1, as PEM files, all on P-256
// and made for this run. Both brokers get the same, and so do the clients.
type certs struct {
	ca, serverCert, serverKey string
	roots                     *x509.CertPool
	authority                 *x509.Certificate
	key                       *ecdsa.PrivateKey // of the CA
}

func makeCerts(dir string) (certs, error) {
	c := certs{ca: filepath.Join(dir, "ca.pem"), serverCert: filepath.Join(dir, "server.pem"), serverKey: filepath.Join(dir, "server-key.pem")}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return c, err
	}
	der, key, err := sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: "gridmq bench CA"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}, nil, nil)
	if err != nil {
		return c, err
	}
	if c.authority, err = x509.ParseCertificate(der); err != nil {
		return c, err
	}
	c.key, c.roots = key, x509.NewCertPool()
	c.roots.AddCert(c.authority)
	if err := writePEM(c.ca, "CERTIFICATE", der, 0o644); err != nil {
		return c, err
	}
	der, key, err = sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: "127.0.0.1"}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"},
	}, c.authority, c.key)
	if err != nil {
		return c, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return c, err
	}
	return c, errors.Join(writePEM(c.serverCert, "CERTIFICATE", der, 0o644), writePEM(c.serverKey, "PRIVATE KEY", private, 0o600))
}

// device makes the certificate of a client.
func (c *certs) device(name string) (tls.Certificate, error) {
	der, key, err := sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: name}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, c.authority, c.key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

// sign makes a key and a certificate for it. Without a parent it signs itself.
func sign(c, parent *x509.Certificate, parentKey *ecdsa.PrivateKey) (der []byte, key *ecdsa.PrivateKey, err error) {
	if key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, nil, err
	}
	if parent == nil {
		parent, parentKey = c, key
	}
	if c.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)); err != nil {
		return nil, nil, err
	}
	c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(48*time.Hour)
	der, err = x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, parentKey)
	return der, key, err
}

func writePEM(file, kind string, der []byte, mode os.FileMode) error {
	return os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), mode)
}
