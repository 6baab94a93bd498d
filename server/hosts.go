package server

import (
	"net"
	"strings"

	"gridmq/listener"
)

// hosts finds the namespace that a client meant by the host name it used: SNI
// of TLS, else the Host of a WebSocket request. These are the names of the
// configuration; the management plane knows more.
type hosts struct {
	domain string            // "" or ".example.com"
	byHost map[string]string // to namespaces
	spaces map[string]bool
}

func newHosts(c *Config) hosts {
	h := hosts{byHost: map[string]string{}, spaces: map[string]bool{}}
	if c.Domain != "" {
		h.domain = "." + canonicalHost(c.Domain)
	}
	for name, ns := range c.Namespaces {
		if name == DevNamespace {
			continue // has no host: a name in a handshake must not open it
		}
		h.spaces[name] = true
		for _, host := range ns.Hosts {
			h.byHost[canonicalHost(host)] = name
		}
	}
	return h
}

func (h hosts) namespace(in listener.Info, more func(host string) (string, bool)) string {
	host := ""
	if in.TLS != nil {
		host = in.TLS.ServerName
	}
	if host == "" {
		host = in.Host
	}
	if ns := h.named(canonicalHost(host), more); ns != "" {
		return ns
	}
	return in.Namespace
}

// named is the namespace that a canonical host name leads to; "": to none.
func (h hosts) named(host string, more func(host string) (string, bool)) string {
	if ns, ok := h.byHost[host]; ok {
		return ns
	}
	if ns, ok := more(host); ok {
		return ns
	}
	if ns, ok := strings.CutSuffix(host, h.domain); ok && h.domain != "" && h.spaces[ns] {
		return ns
	}
	return ""
}

// canonicalHost is a host name in lower case, without port and final dot.
func canonicalHost(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}
