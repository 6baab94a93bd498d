package server

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"gridmq/listener"
)

// tlsDirectory holds the certificates that the server made itself.
const tlsDirectory = "tls"

// certificates loads them once, for all listeners.
func (s *Server) certificates() (*listener.Certificates, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.certs != nil {
		return s.certs, nil
	}
	files, err := s.certificateFiles(&s.cfg)
	if err != nil {
		return nil, err
	}
	s.certs, err = listener.LoadCertificates(files...)
	return s.certs, err
}

// certificateFiles are the configured ones, in the order of their names; or
// those of the local CA, made when they are not there.
func (s *Server) certificateFiles(c *Config) ([]listener.CertificateFiles, error) {
	if len(c.TLS.Certificates) == 0 {
		return s.localCertificates(c)
	}
	var files []listener.CertificateFiles
	for _, name := range slices.Sorted(maps.Keys(c.TLS.Certificates)) {
		one := c.TLS.Certificates[name]
		files = append(files, listener.CertificateFiles{CertFile: one.Certificate, KeyFile: one.Key})
	}
	return files, nil
}

func (s *Server) localCertificates(c *Config) ([]listener.CertificateFiles, error) {
	ca, err := listener.EnsureLocalCA(filepath.Join(c.Data, tlsDirectory), c.TLS.Hosts)
	if err != nil {
		return nil, fmt.Errorf("local certificates: %w", err)
	}
	if ca.Made {
		s.log.Info("made a local CA and server certificates; clients have to trust the CA",
			"ca", ca.CertFile, "hosts", c.TLS.Hosts)
	}
	s.localCA = ca.CertFile
	return ca.Server, nil
}
