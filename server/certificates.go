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
	if s.loaded {
		return s.certs, nil
	}
	files, err := s.certificateFiles(&s.cfg)
	if err != nil {
		return nil, err
	}
	if err := s.certs.Replace(files...); err != nil {
		return nil, err
	}
	s.loaded = true
	return s.certs, nil
}

// covered says for which hosts the configuration has certificates. Those that the
// server made itself do not count: no client trusts them without being told.
func (s *Server) covered(c *Config) func(host string) bool {
	if len(c.TLS.Certificates) == 0 {
		return func(string) bool { return false }
	}
	return s.certs.Covers
}

// openACME finds the certificates that are on the disk, before anybody connects.
func (s *Server) openACME() error {
	if !s.cfg.ACME.Enabled {
		return nil
	}
	if _, err := s.certificates(); err != nil {
		return err
	}
	a, err := newACME(&s.cfg, s.log, s.domains.got)
	if err != nil {
		return err
	}
	s.acme = a
	s.domains.issue(a, s.cfg.ACME.Hosts, s.covered(&s.cfg))
	return nil
}

// beginACME gets what is missing, now that the listeners answer.
func (s *Server) beginACME() {
	if s.acme == nil {
		return
	}
	for _, l := range s.listeners { // any: certmagic has to find it taken
		if one := s.cfg.Listeners[l.Name()]; one.secure() {
			s.acme.begin(l.Addr())
			return
		}
	}
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
