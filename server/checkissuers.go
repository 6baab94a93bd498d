package server

import (
	"net/netip"
	"strings"

	"gridmq/internal/outbound"
	"gridmq/internal/settings"
)

// checkACME looks at who is to issue certificates.
func checkACME(c *Config, l *settings.Loader) {
	if !c.ACME.Enabled {
		return
	}
	if reason := outbound.CheckURL(c.ACME.Directory, false); reason != "" {
		l.Problem("acme.directory", "%s", reason)
	}
	if !c.ACME.AcceptTerms {
		l.Problem("acme.accept_terms", "want true: read the terms of service of the directory, and accept them")
	}
	for _, host := range c.ACME.Hosts {
		_, err := netip.ParseAddr(host)
		if err == nil || !strings.Contains(host, ".") || strings.ContainsAny(host, "*:/ ") {
			l.Problem("acme.hosts", "want host names such as mqtt.example.com, have %q", host)
		}
	}
	for _, one := range c.Listeners {
		if one.Enabled && one.secure() {
			return
		}
	}
	l.Problem("acme.enabled", "want a listener with transport tls or wss, where the directory can see that a host is ours")
}

// checkOIDC looks at who else issues operators' tokens.
func checkOIDC(c *Config, l *settings.Loader) {
	o := c.Management.OIDC
	if o == (OIDC{}) {
		return
	}
	if reason := outbound.CheckURL(o.Issuer, false); reason != "" {
		l.Problem("management.oidc.issuer", "%s", reason)
	}
	if o.Audience == "" {
		l.Problem("management.oidc.audience", "want the audience of tokens that are for us: others must not let anybody in")
	}
}
