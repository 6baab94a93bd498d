package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gridmq/control"
	"gridmq/control/namespace"
	"gridmq/control/operator"
	"gridmq/control/resource"
	"gridmq/control/subscription"
	"gridmq/identity"
	"gridmq/identity/jwtauth"
	"gridmq/server/tenants"
	"gridmq/store"
)

const managementName = "management"

// TokenFile in the data directory holds the token of the local operator, who may
// do everything. Take it away, and the next start makes another one.
const TokenFile = "operator.token"

// A management is the management plane and its listener.
type management struct {
	plane  *control.Plane
	listen net.Listener       // nil: nobody listens
	tokens *directory         // nil: there is no token endpoint
	oidc   *jwtauth.Directory // of operators' tokens; nil: there is none
	server *http.Server
	done   chan struct{} // closed when Serve has returned; nil before
}

// openManagement reads the resources, and makes what the configuration names.
// Nobody is served yet.
func (s *Server) openManagement(ctx context.Context, st store.Store) (*management, error) {
	m := &management{}
	if s.cfg.Management.Enabled {
		var err error
		if m.listen, err = net.Listen("tcp", s.cfg.Management.Address); err != nil {
			return nil, fmt.Errorf("management plane: %w", err)
		}
		address := m.listen.Addr().String()
		s.mu.Lock()
		s.addresses[managementName] = Address{Address: address, URL: "https://" + address}
		s.mu.Unlock()
	}
	if err := s.openPlane(ctx, m, st); err != nil {
		m.stop()
		return nil, err
	}
	return m, nil
}

func (s *Server) openPlane(ctx context.Context, m *management, st store.Store) error {
	token, err := s.operatorToken()
	if err != nil {
		return err
	}
	url := s.managementURL(m)
	if m.tokens, err = s.openDirectory(ctx, st, url); err != nil {
		return err
	}
	s.directory = m.tokens
	who := tenants.Options{Limits: s.limitsOf, Domain: s.cfg.Domain, Hosts: s.cfg.TLS.Hosts, Register: s.register, Blame: s.penalty.Blame,
		Follow: s.follow, Guard: s.bridges.guarded, Events: s.events, Logger: s.log}
	m.tokens.trust(&who)
	if err := s.openCustomTopics(&who); err != nil {
		return err
	}
	s.tenants = tenants.New(who)
	o := control.Options{
		Store: st, Apply: s.changed, TopicEndpoint: s.topicEndpoint, Impact: s.tenants.Impact, Domain: s.cfg.Domain,
		Rules:     namespace.Rules{Limits: checkResourceLimits},
		Endpoints: s.push, EventSubscriptions: subscription.Rules{PlainHTTP: s.cfg.Webhooks.PlainHTTP},
		Operators: []operator.Operator{{Name: "local", Role: operator.RoleNamed("owner"), Scope: "/", Hash: operator.HashOf(token)}},
		Sessions:  s.tenants, Refusals: s.tenants, Explain: s.tenants, History: s.tenants, Slow: s.tenants, Trace: s.tenants, Backup: s.backuper(st),
		Metrics: observer{s}, Events: observer{s}, Addresses: observer{s}, Retained: s.tenants, DeadLetters: newLetterOffice(s),
		Resolver: s.opts.Resolver, SkipOwnership: s.cfg.Management.TrustDomains, BaseURL: s.cfg.Management.URL, Logger: s.log,
	}
	if m.tokens != nil {
		if o.Verifier, err = s.verifiers(m); err != nil {
			return err
		}
		o.LoginEndpoint, o.Audiences = url+"/adfs", []string{url}
	}
	if m.plane, err = control.Open(ctx, o); err != nil {
		return err
	}
	s.plane = m.plane
	for name, ns := range s.cfg.Namespaces {
		if name == DevNamespace {
			continue
		}
		if err := m.plane.EnsureNamespace(ctx, name, configured(ns)); err != nil {
			return fmt.Errorf("namespace %q of the configuration: %w", name, err)
		}
	}
	return s.quickstart(ctx, m.plane)
}

// managementURL is the public one: of the configuration, or where it listens.
func (s *Server) managementURL(m *management) string {
	switch {
	case m.listen == nil:
		return ""
	case s.cfg.Management.URL != "":
		return strings.TrimSuffix(s.cfg.Management.URL, "/")
	}
	host, port, err := net.SplitHostPort(m.listen.Addr().String())
	if ip := net.ParseIP(host); err != nil || ip.IsLoopback() || ip.IsUnspecified() {
		host = "localhost"
	}
	return "https://" + net.JoinHostPort(host, port)
}

// configured is the resource that a namespace of the configuration begins as.
func configured(ns Namespace) []byte {
	return fmt.Appendf(nil, `{"properties":{"topicSpacesConfiguration":{"state":"Enabled"},"gridmq":{"profile":%q}}}`, ns.Profile)
}

// operatorToken reads the local operator's token, and makes it at the first start.
func (s *Server) operatorToken() (string, error) {
	path := filepath.Join(s.cfg.Data, TokenFile)
	b, err := os.ReadFile(path)
	if err == nil {
		if token := strings.TrimSpace(string(b)); len(token) >= 32 {
			return token, nil
		}
		return "", fmt.Errorf("%s does not hold a token: remove it, and the next start makes another one", path)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("operator token: %w", err)
	}
	token, _ := operator.NewToken()
	if err := os.WriteFile(path, []byte(string(token)+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("operator token: %w", err)
	}
	s.log.Info("made the token of the local operator", "file", path)
	return string(token), nil
}

// register is "register on first connect": it creates, and replaces nobody.
func (s *Server) register(ctx context.Context, ns string, c *identity.Client) error {
	err := s.plane.Create(ctx, "register on first connect", ns, "clients", c.Name, c.EncodeStored())
	if e, ok := errors.AsType[*resource.Error](err); ok && (e.Reason == resource.Conflict || e.Reason == resource.Precondition) {
		return identity.ErrNameTaken
	}
	return err
}

// serve answers from now on.
func (m *management) serve(s *Server) error {
	if m.listen == nil {
		return nil
	}
	certs, err := s.certificates()
	if err != nil {
		return fmt.Errorf("management plane: %w", err)
	}
	m.server = &http.Server{Handler: s.withConsole(m.tokens.front(m.plane)), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: time.Minute, IdleTimeout: 2 * time.Minute,
		WriteTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		TLSConfig: &tls.Config{GetCertificate: certs.Get, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}}
	m.done = make(chan struct{})
	go func() { // ends with stop
		defer close(m.done)
		if err := m.server.ServeTLS(m.listen, "", ""); !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("management plane ended", "err", err)
		}
	}()
	return nil
}

// stop ends the listener and what follows the resources.
func (m *management) stop() error {
	switch {
	case m.done != nil:
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		if err := m.server.Shutdown(ctx); err != nil {
			m.server.Close()
		}
		<-m.done
	case m.listen != nil:
		m.listen.Close()
	}
	if m.oidc != nil {
		m.oidc.Close()
	}
	if m.plane == nil {
		return nil
	}
	return m.plane.Close()
}
