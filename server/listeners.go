package server

import (
	"context"
	"crypto/tls"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"

	"gridmq/broker"
	"gridmq/listener"
)

// Names of the listeners that --dev adds.
const (
	devListener   = "dev"
	devWSListener = "dev-ws"
)

// startListeners opens every address. They close in drain, not with ctx, so
// that the order of stopping is ours.
func (s *Server) startListeners(ctx context.Context) error {
	all := withDev(&s.cfg)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if one := all[name]; one.Enabled {
			if err := s.startListener(context.WithoutCancel(ctx), name, one); err != nil {
				return err
			}
		}
	}
	s.registry.MustRegister(listenerCollector(s.listeners))
	return nil
}

// withDev are the configured listeners and those of --dev.
func withDev(c *Config) map[string]Listener {
	all := maps.Clone(c.Listeners)
	if !c.Dev.Enabled {
		return all
	}
	plain := Listener{}
	plain.SetDefaults()
	plain.Namespace, plain.MaxConnections = DevNamespace, 0
	plain.Transport, plain.Address = "tcp", c.Dev.Listen
	all[devListener] = plain
	plain.Transport, plain.Address = "ws", c.Dev.WSListen
	all[devWSListener] = plain
	return all
}

func (s *Server) startListener(ctx context.Context, name string, one Listener) error {
	cfg, err := s.listenerConfig(name, one)
	if err != nil {
		return err
	}
	l, err := listener.Listen(ctx, cfg, s.serve)
	if err != nil {
		return err
	}
	if !one.secure() && name != devListener && name != devWSListener {
		s.log.Warn("listener is not encrypted: put something before it that is", "listener", name, "address", one.Address)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listeners = append(s.listeners, l)
	s.addresses[name] = addressOf(one, l.Addr().String())
	return nil
}

func (s *Server) listenerConfig(name string, one Listener) (listener.Config, error) {
	cfg := listener.Config{
		Name: name, Address: one.Address, Namespace: one.Namespace,
		WebSocket: one.websocket(), Path: one.Path, Origins: one.Origins, ProxyProtocol: one.ProxyProtocol,
		MaxConnections: one.MaxConnections, MaxConnectionsPerAddress: one.MaxConnectionsPerAddress,
		HandshakeTimeout: one.HandshakeTimeout, Penalty: s.penalty, Budget: s.budget, Logger: s.log,
	}
	if cfg.MaxConnectionsPerAddress == 0 && s.budget != nil && name != devListener && name != devWSListener {
		cfg.MaxConnectionsPerAddress = max(1, s.budget.Max()*3/4) // nobody takes all there are
	}
	for _, from := range one.ProxyTrusted {
		p, err := parsePrefix(from)
		if err != nil {
			return cfg, err
		}
		cfg.ProxyTrusted = append(cfg.ProxyTrusted, p)
	}
	if one.websocket() && name != devWSListener { // whatever is not an upgrade
		cfg.Handler = s.gateway
	}
	if one.secure() {
		certs, err := s.certificates()
		if err != nil {
			return cfg, fmt.Errorf("listener %q: %w", name, err)
		}
		cfg.TLS = &listener.TLSConfig{Certificates: certs, MinVersion: tls.VersionTLS12}
		if s.cfg.ACME.Enabled {
			cfg.TLS.Challenge = answerChallenge
		}
		if s.cfg.TLS.MinimumVersion == "1.3" {
			cfg.TLS.MinVersion = tls.VersionTLS13
		}
	}
	return cfg, nil
}

// addressIn is the address without the port; the zero Addr when there is none.
func addressIn(a net.Addr) netip.Addr {
	if a == nil {
		return netip.Addr{}
	}
	p, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.Addr{}
	}
	return p.Addr().Unmap()
}

// connectionBudget leaves descriptors to the store, the management plane and what
// calls others: a quarter, and 1,000 at most. nil: there is no limit.
func connectionBudget() *listener.Budget {
	n := descriptors()
	if n == 0 {
		return nil
	}
	return listener.NewBudget(n - min(n/4, 1000))
}

// serve is a connection's whole life.
func (s *Server) serve(c listener.Conn) listener.Step {
	in := c.Info()
	return step(s.broker.Serve(c, broker.Peer{Namespace: s.hosts.namespace(in, s.tenants.ByHost),
		Transport: in.Transport, Listener: in.Listener, TLS: in.TLS, Address: addressIn(c.RemoteAddr())}))
}

// step is a step of the broker for the listener, which does not know the broker.
func step(next broker.Step) listener.Step {
	if next == nil {
		return nil
	}
	return func() listener.Step { return step(next()) }
}
