package identity

import (
	"errors"
	"net/netip"
)

// maxInboundRules is how many a namespace may have.
const maxInboundRules = 16

// A Network says from which addresses the clients of a namespace may come. The zero
// value lets everybody in. Source: spec/identity.md, section 8.
type Network struct {
	Access  NetworkAccess
	Inbound []netip.Prefix // those allowed, while Access is NetworkEnabled; none: all
}

// A NetworkAccess is the publicNetworkAccess of a namespace.
type NetworkAccess uint8

const (
	NetworkEnabled NetworkAccess = iota
	NetworkDisabled
	NetworkSecuredByPerimeter // we have no perimeter: as disabled
)

var accessNames = [...]string{"Enabled", "Disabled", "SecuredByPerimeter"}

func (a NetworkAccess) String() string { return accessNames[a] }

// DecodeNetwork reads publicNetworkAccess and inboundIpRules from the properties of
// a namespace. The error is a joined *FieldError for everything wrong.
func DecodeNetwork(properties []byte) (Network, error) {
	var n Network
	p := ReadProperties(properties)
	if at, given := p.Enum("publicNetworkAccess", accessNames[:]...); given {
		n.Access = NetworkAccess(at)
	}
	rules, _ := p.Objects("inboundIpRules", maxInboundRules)
	for _, rule := range rules {
		rule.Enum("action", "Allow")
		mask, _ := rule.Text("ipMask", 64)
		prefix, err := parsePrefix(mask)
		if err != nil {
			rule.Fail("ipMask", `want addresses as "10.0.0.0/8" or "fd00::/8"`)
			continue
		}
		n.Inbound = append(n.Inbound, prefix)
	}
	if err := p.Err(); err != nil {
		return Network{}, err
	}
	return n, nil
}

// parsePrefix reads a CIDR; a single address is one too.
func parsePrefix(mask string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(mask); err == nil && a.Zone() == "" {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(mask)
	if p.Addr().Is4In6() {
		return p, errors.New("IPv4 within IPv6") // would contain no address that we ask about
	}
	return p.Masked(), err
}

// Allows says whether a client may come from this address.
func (n Network) Allows(from netip.Addr) bool {
	if n.Access != NetworkEnabled {
		return false
	}
	from = from.Unmap().WithZone("")
	for _, p := range n.Inbound {
		if p.Contains(from) {
			return true
		}
	}
	return len(n.Inbound) == 0
}
