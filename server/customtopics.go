package server

import (
	"context"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"

	"gridmq/control/resource"
	"gridmq/delivery"
	"gridmq/identity"
	"gridmq/identity/jwtauth"
	"gridmq/server/customtopics"
	"gridmq/server/tenants"
)

// customOrigin is what endpoints are told that events of custom topics come from: what
// Azure says for all of them, which endpoints written for it look for.
const customOrigin = "eventgrid.azure.net"

// openCustomTopics makes the custom topics, and lets namespaces route to them.
func (s *Server) openCustomTopics(who *tenants.Options) error {
	o := customtopics.Options{Events: s.events, Domain: s.cfg.Domain, Log: s.log}
	if who.Issuer != nil {
		d, err := jwtauth.NewDirectory(jwtauth.DirectoryConfig{Issuers: []jwtauth.Issuer{*who.Issuer}}) // no goroutine: its keys are here
		if err != nil {
			return fmt.Errorf("custom topics: %w", err)
		}
		o.Tokens = d
	}
	s.custom = customtopics.New(o)
	who.CustomTopic = s.custom.Stream
	return nil
}

// changed follows one change of the management plane.
func (s *Server) changed(c resource.Change) {
	s.custom.Apply(c)
	s.tenants.Apply(c)
}

// bearers judge bearer tokens: those of a namespace by its directory, those of custom
// topics by the local issuer.
type bearers struct {
	tenants *tenants.Tenants
	custom  *customtopics.Topics
}

// Verify implements gateway.Bearer.
func (b bearers) Verify(ctx context.Context, namespace string, token []byte) (*identity.Principal, error) {
	if namespace == delivery.CustomTopics {
		return b.custom.Verify(ctx, token)
	}
	return b.tenants.Verify(ctx, namespace, token)
}

// May implements gateway.Bearer.
func (b bearers) May(who *identity.Principal, namespace, action, scope string) bool {
	if namespace == delivery.CustomTopics {
		return b.custom.May(who, action, scope)
	}
	return b.tenants.May(who, namespace, action, scope)
}

// topicEndpoint is the URL at which a custom topic takes events: with a domain at its own
// host name, else by its path at the first listener that serves HTTP, TLS ones first.
func (s *Server) topicEndpoint(topic string) string {
	scheme, host, port := s.httpListener()
	if scheme == "" {
		return ""
	}
	path := "/api/events"
	if s.cfg.Domain != "" {
		host = strings.ToLower(topic + "." + s.cfg.Domain)
	} else {
		path = "/topics/" + topic + path
	}
	if scheme == "https" && port == "443" || scheme == "http" && port == "80" {
		return scheme + "://" + host + path
	}
	return scheme + "://" + net.JoinHostPort(host, port) + path
}

// httpListener is where clients reach the HTTP data plane; nothing while nobody listens.
func (s *Server) httpListener() (scheme, host, port string) {
	all := s.Addresses()
	for _, want := range []string{"wss", "ws"} {
		for _, name := range slices.Sorted(maps.Keys(all)) {
			kind, _, _ := strings.Cut(all[name].URL, ":")
			host, port, err := net.SplitHostPort(all[name].Address)
			if kind != want || err != nil || name == devWSListener { // which has MQTT only
				continue
			}
			if ip := net.ParseIP(host); ip == nil || ip.IsLoopback() || ip.IsUnspecified() {
				host = s.publicHost()
			}
			return map[string]string{"wss": "https", "ws": "http"}[want], host, port
		}
	}
	return "", "", ""
}

// publicHost is the first name in our own certificate, as somebody else may know it.
func (s *Server) publicHost() string {
	for _, h := range s.cfg.TLS.Hosts {
		if net.ParseIP(h) == nil && h != "" {
			return h
		}
	}
	return "localhost"
}
