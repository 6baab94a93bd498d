package push

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"syscall"
	"time"

	"gridmq/internal/outbound"
)

// metadata are addresses at which clouds answer to machines inside them and which are
// not link-local.
var metadata = []netip.Prefix{
	netip.MustParsePrefix("168.63.129.16/32"),   // Azure
	netip.MustParsePrefix("100.100.100.200/32"), // Alibaba
	netip.MustParsePrefix("192.0.0.192/32"),     // Oracle
	netip.MustParsePrefix("fd00:ec2::254/128"),  // AWS
}

var nat64 = netip.MustParsePrefix("64:ff9b::/96")

// checkAddress says why an endpoint may not be at a.
func (o *Options) checkAddress(a netip.Addr) error {
	a = plainAddress(a)
	in := func(list []netip.Prefix) bool {
		return slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(a) })
	}
	switch {
	case in(o.Allow):
		return nil
	case a.IsLinkLocalUnicast(), a.IsMulticast(), a.IsUnspecified(), in(metadata), in(o.Deny):
		return fmt.Errorf("the address %v is not allowed for endpoints", a)
	}
	return nil
}

// plainAddress is a without zone, and the IPv4 address if a is one inside IPv6.
func plainAddress(a netip.Addr) netip.Addr {
	a = a.WithZone("").Unmap()
	if nat64.Contains(a) {
		b := a.As16()
		return netip.AddrFrom4([4]byte(b[12:]))
	}
	return a
}

// checkURL says why a request to u is not made. Names are looked at when they have been
// resolved, by the dialer: an address is used as it was checked.
func (p *Pool) checkURL(u *url.URL) error {
	if u.Scheme != "https" && !(u.Scheme == "http" && p.o.PlainHTTP) {
		return errors.New("the endpoint is not https")
	}
	if a, err := netip.ParseAddr(u.Hostname()); err == nil {
		return p.o.checkAddress(a)
	}
	return nil
}

const (
	connectTime = 5 * time.Second
	pingAfter   = 15 * time.Second
)

// newClient makes the client of all pushers: redirects are not followed, connections
// are kept for as many requests as one subscription has under way.
func newClient(o *Options) (*http.Client, error) {
	web := o.Web
	if web.Connect == 0 {
		web.Connect = connectTime
	}
	client, err := outbound.NewClient(web)
	if err != nil {
		return nil, fmt.Errorf("push: %w", err)
	}
	if o.Transport != nil {
		client.Transport = o.Transport
		return client, nil
	}
	dialer := &net.Dialer{Timeout: web.Connect, KeepAlive: pingAfter, Control: func(_, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			return err
		}
		return o.checkAddress(at.Addr())
	}}
	t := client.Transport.(*http.Transport)
	t.DialContext = dialer.DialContext
	t.MaxConnsPerHost = 0 // a request does not wait for those of other subscriptions
	t.MaxIdleConnsPerHost = o.PerSubscription
	t.MaxIdleConns = o.Workers
	return client, nil
}
