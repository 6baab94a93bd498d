package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/caddyserver/certmagic"
	"go.uber.org/zap"

	"gridmq/internal/outbound"
)

// Certificates by ACME (RFC 8555). The proof that a host is ours is TLS-ALPN-01
// (RFC 8737): the directory's server opens a TLS connection to port 443 of the host,
// which has to lead to one of the secure listeners. certmagic talks to the directory,
// keeps accounts and certificates in DATA/acme, tries again and renews; we answer the
// proofs and show the certificates, so that no handshake of a client waits for it.

// acmeDirectory is where certmagic keeps its files, in the data directory.
const acmeDirectory = "acme"

const (
	// acmeAgain is the pause when certmagic has given up, after a month of tries.
	acmeAgain = 6 * time.Hour
	// acmeStop bounds the end: whoever waits for the directory must not hold it up.
	acmeStop = 3 * time.Second
)

// An acme cares for the certificates of hosts.
type acme struct {
	log    *slog.Logger
	cache  *certmagic.Cache
	config *certmagic.Config
	issuer *certmagic.ACMEIssuer
	got    func(host string, cert *tls.Certificate)

	ctx  context.Context
	end  context.CancelFunc
	jobs sync.WaitGroup // one for each host without a certificate, and the first look at renewals

	mu    sync.Mutex
	hosts map[string]*managed
	ready bool // the listeners answer
	over  bool
}

// managed is a host that we care for.
type managed struct {
	ctx   context.Context
	end   context.CancelFunc
	cared bool // it has a certificate, or a job that gets one
}

// newACME reads the roots and opens the storage. Nothing is asked of the directory
// before begin. got is told of every certificate, old ones and new ones.
func newACME(c *Config, log *slog.Logger, got func(string, *tls.Certificate)) (*acme, error) {
	roots, err := readRoots(c.ACME.CAFile)
	if err != nil {
		return nil, fmt.Errorf("acme: %w", err)
	}
	a := &acme{log: log, got: got, hosts: map[string]*managed{}}
	a.ctx, a.end = context.WithCancel(context.Background())
	z := zap.New(slogCore{log: log})
	a.cache = certmagic.NewCache(certmagic.CacheOptions{Logger: z,
		GetConfigForCert: func(certmagic.Certificate) (*certmagic.Config, error) { return a.config, nil }})
	a.config = certmagic.New(a.cache, certmagic.Config{
		Storage: &certmagic.FileStorage{Path: filepath.Join(c.Data, acmeDirectory)},
		OnEvent: a.event, Logger: z,
		// Loading would wait for the responder, and MQTT clients do not ask.
		OCSP: certmagic.OCSPConfig{DisableStapling: true},
	})
	a.issuer = certmagic.NewACMEIssuer(a.config, certmagic.ACMEIssuer{
		CA: c.ACME.Directory, Email: c.ACME.Email, Agreed: c.ACME.AcceptTerms, TrustedRoots: roots, Logger: z,
		DisableHTTPChallenge: true, DisableDistributedSolvers: true,
	})
	a.config.Issuers = []certmagic.Issuer{a.issuer}
	return a, nil
}

// readRoots reads PEM certificates; no file is nil, for the system's.
func readRoots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := outbound.ReadFile(file, maxPEM)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s: holds no certificate in PEM", file)
	}
	return roots, nil
}

// want says which hosts are to have certificates from now on. Those that are on the
// disk are there at once.
func (a *acme) want(hosts []string) {
	a.mu.Lock()
	if a.over {
		a.mu.Unlock()
		return
	}
	keep, fresh := make(map[string]*managed, len(hosts)), []string(nil)
	for _, host := range hosts {
		m := a.hosts[host]
		if m == nil {
			m, fresh = &managed{}, append(fresh, host)
			m.ctx, m.end = context.WithCancel(a.ctx)
		}
		keep[host] = m
	}
	var gone []certmagic.SubjectIssuer
	for host, m := range a.hosts {
		if keep[host] == nil {
			m.end()
			gone = append(gone, certmagic.SubjectIssuer{Subject: host})
		}
	}
	a.hosts = keep
	a.mu.Unlock()
	a.cache.RemoveManaged(gone)
	for _, host := range fresh {
		a.load(host)
	}
	a.obtain()
}

// load takes a host's certificate from the disk, if it is there.
func (a *acme) load(host string) bool {
	a.mu.Lock()
	m := a.hosts[host]
	a.mu.Unlock()
	if m == nil {
		return false
	}
	cert, err := a.config.CacheManagedCertificate(m.ctx, host)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			a.log.Error("stored ACME certificate not loaded", "host", host, "err", err)
		}
		return false
	}
	a.mu.Lock()
	m.cared = true
	a.mu.Unlock()
	a.got(host, &cert.Certificate)
	return true
}

// begin asks the directory for what is missing, now that the listeners can answer
// proofs. certmagic wants to listen itself: it is given the address of one of them,
// finds it taken, and leaves the answer to us.
func (a *acme) begin(listener net.Addr) {
	host, port, err := net.SplitHostPort(listener.String())
	a.mu.Lock()
	a.issuer.ListenHost = host
	a.issuer.AltTLSALPNPort, _ = strconv.Atoi(port)
	a.ready = err == nil
	a.mu.Unlock()
	a.obtain()
	a.jobs.Go(func() { // ends with a.ctx: what expired while we were away
		if err := a.cache.RenewManagedCertificates(a.ctx); err != nil {
			a.log.Error("renewals not begun", "err", err)
		}
	})
}

// obtain starts a job for each host that has neither a certificate nor a job.
func (a *acme) obtain() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.ready || a.over {
		return
	}
	for host, m := range a.hosts {
		if !m.cared {
			m.cared = true
			a.jobs.Go(func() { a.persist(m.ctx, host) })
		}
	}
}

// persist gets the host's first certificate. It ends with that, or with ctx.
func (a *acme) persist(ctx context.Context, host string) {
	for {
		// not asynchronous: it returns when it has one, or after a month
		err := a.config.ObtainCertAsync(ctx, host)
		if err == nil && a.load(host) {
			a.log.Info("certificate obtained", "host", host)
			return
		}
		if ctx.Err() == nil {
			a.log.Error("certificate not obtained", "host", host, "pause", acmeAgain, "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(acmeAgain):
		}
	}
}

// stop ends all jobs and the renewals. It has to come before the listeners close,
// else certmagic would take the port to answer by itself. A nil acme is off.
func (a *acme) stop() {
	if a == nil {
		return
	}
	a.mu.Lock()
	again := a.over
	a.over = true
	a.mu.Unlock()
	if again {
		return
	}
	a.end()
	done := make(chan struct{})
	go func() { // ends with what it waits for, none of which outlives a call to the directory
		defer close(done)
		a.jobs.Wait()
		a.cache.Stop()
	}()
	select {
	case <-done:
	case <-time.After(acmeStop):
		a.log.Warn("a call to the ACME directory is left to end by itself")
	}
}
