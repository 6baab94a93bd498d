package gateway

import (
	"net/http"
	"slices"
	"strings"

	"gridmq/delivery/sharedkey"
	"gridmq/event"
	"gridmq/gateway/sas"
	"gridmq/identity"
)

// Namespaces finds a namespace. All return nil if there is none. They are asked for
// every request, by many goroutines.
type Namespaces interface {
	// ByHost finds it by a host name of its own (that of its topics, that of its MQTT
	// broker, approved custom domains), in lower case and without a port.
	ByHost(host string) *Namespace
	// ByName ignores case.
	ByName(name string) *Namespace
	// Default is the one of requests that name none.
	Default() *Namespace
}

// A Namespace is what the gateway must know of one. It does not change: a changed
// namespace is another value.
type Namespace struct {
	Name string // in its first spelling
	ID   string // its ARM id: the scope of roles
	// Hosts are all host names that ByHost knows for it, in lower case. Shared access
	// signatures name one of them.
	Hosts []string
	// Keys are good for all topics, TopicKeys for one; nil or empty keys: none.
	Keys      sharedkey.Keys
	TopicKeys func(topic string) sharedkey.Keys
	// NoKeys refuses keys and shared access signatures: tokens only (section 4.2).
	NoKeys bool
	// Open lets everybody in: for development.
	Open bool
	// Disabled answers as if the namespace did not exist.
	Disabled bool
	// Network says where requests may come from.
	Network identity.Network
	// Rates bound its traffic, Event what one request may bring.
	Rates Rates
	Event event.Limits
	// MessageBytes bounds the payload of an MQTT message sent by HTTP. 0: 512 KiB.
	MessageBytes int
}

// find finds the namespace of a request: by host, by path, the default (section 2).
func (c *call) find() (*Namespace, error) {
	ns := c.g.o.Namespaces.ByHost(sas.Host(c.r.Host))
	if ns == nil && c.r.TLS != nil && c.r.TLS.ServerName != "" {
		ns = c.g.o.Namespaces.ByHost(sas.Host(c.r.TLS.ServerName))
	}
	switch {
	case ns != nil && c.target.prefixed && !strings.EqualFold(ns.Name, c.target.namespace):
		ns = nil // host and path contradict each other
	case ns == nil && c.target.prefixed:
		ns = c.g.o.Namespaces.ByName(c.target.namespace)
	case ns == nil:
		ns = c.g.o.Namespaces.Default()
	}
	if ns == nil || ns.Disabled {
		return nil, Refuse(http.StatusNotFound, "There is no such namespace: use its host name, or begin the path with /ns/<namespace>.")
	}
	return ns, nil
}

// isHost says whether a name stands for ns in this request: one of its own, or the one
// that the client used.
func (c *call) isHost(host string) bool {
	return slices.Contains(c.ns.Hosts, host) || host == sas.Host(c.r.Host)
}
