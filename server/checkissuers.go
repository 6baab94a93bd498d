package server

import (
	"net/netip"
	"net/url"
	"slices"
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
	if o.Issuer == "" && o.Audience == "" && o.ObjectClaim == "" && o.CAFile == "" && o.SignIn.ClientID == "" {
		return
	}
	if reason := outbound.CheckURL(o.Issuer, false); reason != "" {
		l.Problem("management.oidc.issuer", "%s", reason)
	}
	if o.Audience == "" {
		l.Problem("management.oidc.audience", "want the audience of tokens that are for us: others must not let anybody in")
	}
	for _, origin := range o.SignIn.Origins {
		if !isOrigin(origin) {
			l.Problem("management.oidc.sign_in.origins", "want origins such as https://login.example.com, have %q", origin)
		}
	}
	if o.SignIn.ClientID != "" && len(o.SignIn.Scopes) > 0 && !slices.Contains(o.SignIn.Scopes, "openid") {
		l.Problem("management.oidc.sign_in.scopes", "want openid among them: without it the issuer does not say whom it signed in")
	}
}

// isOrigin says whether a policy of the console can name it: of a host, and all of it.
func isOrigin(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Scheme == "https" && u.Host != "" && text == "https://"+u.Host && !strings.ContainsAny(u.Host, "*[]")
}
