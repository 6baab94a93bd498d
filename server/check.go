package server

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"reflect"
	"slices"
	"strings"

	"gridmq/broker"
	"gridmq/control/namespace"
	"gridmq/internal/settings"
)

// Check says what is wrong with a configuration that was not loaded but made.
func (c *Config) Check() error {
	l := settings.New(c)
	check(c, l)
	return l.Err()
}

// check finds what the types alone cannot: names that lead nowhere, addresses
// that are none, and everything that would open dev to the network.
func check(c *Config, l *settings.Loader) {
	if c.Data == "" {
		l.Problem("data", "want a directory")
	}
	oneOf(l, "log.format", c.Log.Format, "text", "json")
	oneOf(l, "store.engine", c.Store.Engine, "pebble", "memory")
	oneOf(l, "store.durability", c.Store.Durability, "synced", "relaxed")
	oneOf(l, "tls.minimum_version", c.TLS.MinimumVersion, "1.2", "1.3")
	if c.Shutdown.Timeout <= 0 {
		l.Problem("shutdown.timeout", "want a duration above zero")
	}
	if c.Management.Enabled {
		checkAddress(l, "management.address", c.Management.Address)
	}
	if c.Operations.Enabled {
		checkAddress(l, "operations.address", c.Operations.Address)
	}
	if c.Dev.Enabled {
		checkLoopback(l, "dev.listen", c.Dev.Listen)
		checkLoopback(l, "dev.ws_listen", c.Dev.WSListen)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Listeners)) {
		checkListener(c, l, name)
	}
	for _, name := range slices.Sorted(maps.Keys(c.TLS.Certificates)) {
		if one := c.TLS.Certificates[name]; one.Certificate == "" || one.Key == "" {
			l.Problem("tls.certificates."+name, "want both certificate and key")
		}
	}
	if len(c.TLS.Certificates) == 0 && len(c.TLS.Hosts) == 0 {
		l.Problem("tls.hosts", "want at least one name for the certificate that is made at first start")
	}
	checkACME(c, l)
	checkResourceLog(&c.Log.Resource, l)
	checkTracing(&c.Tracing, l)
	checkWebhooks(&c.Webhooks, l)
	checkDeadLetters(c.Events.DeadLetters, l)
	checkKafka(c, l)
	checkOIDC(c, l)
	checkNamespaces(c, l)
	checkBridges(c, l)
	checkTwice(c, l)
}

func checkListener(c *Config, l *settings.Loader, name string) {
	one, path := c.Listeners[name], "listeners."+name
	if name == devListener || name == devWSListener {
		l.Problem(path, "this name belongs to the listeners of --dev; set dev.listen and dev.ws_listen")
	}
	if !one.Enabled {
		return
	}
	checkAddress(l, path+".address", one.Address)
	oneOf(l, path+".transport", one.Transport, "tls", "wss", "tcp", "ws")
	if !strings.HasPrefix(one.Path, "/") {
		l.Problem(path+".path", "want a path that begins with /, have %q", one.Path)
	}
	for _, from := range one.ProxyTrusted {
		if _, err := parsePrefix(from); err != nil {
			l.Problem(path+".proxy_trusted", "want an address or a network such as 10.0.0.0/8, have %q", from)
		}
	}
	if one.ProxyProtocol && len(one.ProxyTrusted) == 0 {
		l.Problem(path+".proxy_trusted", "want the addresses of the proxies: without them everybody could name any address")
	}
	if one.MaxConnections < 0 || one.MaxConnectionsPerAddress < 0 || one.HandshakeTimeout <= 0 {
		l.Problem(path, "want limits of 0 (none) or more, and a handshake_timeout above zero")
	}
	switch {
	case one.Namespace == DevNamespace && !c.Dev.Enabled:
		l.Problem(path+".namespace", "namespace %q allows everything and exists only with --dev", DevNamespace)
	case one.Namespace == DevNamespace && !isLoopback(one.Address):
		l.Problem(path+".address", "namespace %q allows everything, so it is served on loopback addresses only, "+
			"not on %q; or set namespace", DevNamespace, one.Address)
	case !has(c.Namespaces, one.Namespace) && !(c.Quickstart.Enabled && one.Namespace == QuickstartNamespace):
		l.Problem(path+".namespace", "there is no namespace %q; add it below namespaces", one.Namespace)
	}
}

func checkNamespaces(c *Config, l *settings.Loader) {
	owner := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(c.Namespaces)) {
		one, path := c.Namespaces[name], "namespaces."+name
		if err := namespace.CheckName(name); err != nil { // else it could not be made
			l.Problem(path, "name %q: %v", name, err)
		}
		oneOf(l, path+".profile", one.Profile, "standard", "azure")
		checkLimits(l, path+".limits", one.limits())
		if name == DevNamespace && len(one.Hosts) > 0 {
			l.Problem(path+".hosts", "namespace %q has no host names: it is reached through loopback listeners only", name)
		}
		for _, host := range one.Hosts {
			host = canonicalHost(host)
			if other, taken := owner[host]; taken {
				l.Problem(path+".hosts", "host %q belongs to namespace %q already", host, other)
			}
			owner[host] = name
		}
	}
}

// packetSizeMost is the largest Maximum Packet Size that MQTT can express.
const packetSizeMost = 256 << 20

func checkLimits(l *settings.Loader, path string, limits broker.Limits) {
	settings.Walk(&limits, func(key string, v reflect.Value, _ reflect.StructTag) {
		if v.CanInt() && v.Int() < 0 {
			l.Problem(path+"."+key, "want 0 or more, have %s", settings.Format(v))
		}
	})
	for _, one := range []struct {
		key   string
		value uint64
		least uint64
		most  uint64
	}{
		{"maximum_qos", uint64(limits.MaximumQoS), 0, 2},
		{"maximum_packet_size", uint64(limits.MaximumPacketSize), 0, packetSizeMost},
		{"connect_bytes", uint64(limits.ConnectBytes), 64, packetSizeMost},
		{"receive_maximum", uint64(limits.ReceiveMaximum), 1, 65535},
		{"send_maximum", uint64(limits.SendMaximum), 1, 65535},
	} {
		if one.value < one.least || one.value > one.most {
			l.Problem(path+"."+one.key, "want %d to %d, have %d", one.least, one.most, one.value)
		}
	}
	if limits.ConnectTimeout <= 0 || limits.WriteTimeout <= 0 {
		l.Problem(path, "want connect_timeout and write_timeout above zero: a client must not hold memory for ever")
	}
}

// checkTwice finds two listeners on one address before the system does.
func checkTwice(c *Config, l *settings.Loader) {
	used := map[string]string{}
	try := func(path, address string) {
		if _, port, err := net.SplitHostPort(address); err != nil || port == "0" {
			return
		}
		if other, taken := used[address]; taken {
			l.Problem(path, "address %s is also %s", address, other)
		}
		used[address] = path
	}
	if c.Dev.Enabled {
		try("dev.listen", c.Dev.Listen)
		try("dev.ws_listen", c.Dev.WSListen)
	}
	if c.Operations.Enabled {
		try("operations.address", c.Operations.Address)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Listeners)) {
		if c.Listeners[name].Enabled {
			try("listeners."+name+".address", c.Listeners[name].Address)
		}
	}
}

func oneOf(l *settings.Loader, path, have string, want ...string) {
	if !slices.Contains(want, have) {
		l.Problem(path, "want %s, have %q", strings.Join(want, " or "), have)
	}
}

func checkAddress(l *settings.Loader, path, address string) bool {
	_, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = net.LookupPort("tcp", port)
	}
	if err != nil {
		l.Problem(path, "want host:port such as 0.0.0.0:8883 or :8883, have %q", address)
	}
	return err == nil
}

func checkLoopback(l *settings.Loader, path, address string) {
	if checkAddress(l, path, address) && !isLoopback(address) {
		l.Problem(path, "--dev allows everything to everybody, so it listens on loopback addresses only "+
			"(127.0.0.1, ::1, localhost), not on %q", address)
	}
}

func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

func parsePrefix(s string) (netip.Prefix, error) {
	if ip, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(ip, ip.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return p, fmt.Errorf("network %q: %w", s, err)
	}
	return p.Masked(), nil
}

func has[V any](m map[string]V, key string) bool { _, ok := m[key]; return ok }
