package listener

import (
	"net"
	"net/netip"
	"sync"
)

// A gate counts who is inside, in all and per neighbourhood.
type gate struct {
	max, maxPer int // 0: no limit

	mu   sync.Mutex
	open int
	per  map[netip.Prefix]int // only kept when there is a limit per address
}

// A pass is held by a connection that was let in, and has to be given back.
type pass struct {
	gate *gate
	from netip.Prefix // valid once counted per address
}

func (g *gate) enter() (*pass, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.max > 0 && g.open >= g.max {
		return nil, false
	}
	g.open++
	return &pass{gate: g}, true
}

// comesFrom counts the holder under its address. It is a second step because
// behind a proxy the address is known only after the PROXY header.
func (p *pass) comesFrom(addr net.Addr) bool {
	from, ok := neighbourhood(addr)
	if !ok || p.gate.maxPer <= 0 {
		return true
	}
	p.gate.mu.Lock()
	defer p.gate.mu.Unlock()
	if p.gate.per[from] >= p.gate.maxPer {
		return false
	}
	if p.gate.per == nil {
		p.gate.per = make(map[netip.Prefix]int)
	}
	p.gate.per[from]++
	p.from = from
	return true
}

func (p *pass) leave() {
	p.gate.mu.Lock()
	defer p.gate.mu.Unlock()
	p.gate.open--
	if !p.from.IsValid() {
		return
	}
	if p.gate.per[p.from]--; p.gate.per[p.from] == 0 {
		delete(p.gate.per, p.from)
	}
}

// neighbourhood is what counts as one address: an IPv4 address, or an IPv6 /64.
func neighbourhood(addr net.Addr) (netip.Prefix, bool) {
	ip, ok := addrOf(addr)
	if !ok {
		return netip.Prefix{}, false
	}
	return prefixOf(ip)
}

func prefixOf(ip netip.Addr) (netip.Prefix, bool) {
	bits := 64
	if ip.Is4() {
		bits = 32
	}
	p, err := ip.Prefix(bits)
	return p, err == nil
}

// addrOf is the IP of a TCP address, without zone, IPv4 as IPv4.
func addrOf(addr net.Addr) (netip.Addr, bool) {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok {
		return netip.Addr{}, false
	}
	ip, ok := netip.AddrFromSlice(tcp.IP)
	return ip.Unmap(), ok
}
