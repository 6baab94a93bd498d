package gateway

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// checkNetwork judges where the request comes from (section 4.6).
func (c *call) checkNetwork() error {
	if c.g.o.Private(c.r) || c.ns.Network.Allows(c.from) {
		return nil
	}
	return Refuse(http.StatusForbidden, "The network rules of the namespace do not allow this address; see publicNetworkAccess and inboundIpRules.")
}

// client is the address of the client. What proxies say of it counts as far as they
// are ours: from the last one backwards to the first that is not.
func (c *call) client() netip.Addr {
	from, ok := c.peer()
	if !ok {
		return netip.Addr{} // rules allow no such address
	}
	hops := strings.Split(strings.Join(c.r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		if hop = strings.TrimSpace(hop); hop == "" || !c.g.isProxy(from) {
			break
		}
		a, err := netip.ParseAddr(hop)
		if err != nil {
			return netip.Addr{}
		}
		from = a.Unmap()
	}
	return from
}

// peer is who is at the other end of the connection.
func (c *call) peer() (netip.Addr, bool) {
	at, err := netip.ParseAddrPort(c.r.RemoteAddr)
	return at.Addr().Unmap(), err == nil
}

func (g *Gateway) isProxy(a netip.Addr) bool {
	return slices.ContainsFunc(g.o.Proxies, func(p netip.Prefix) bool { return p.Contains(a) })
}
