package broker

import (
	"net/netip"

	"gridmq/mqtt"
)

// A Visit is one connection, as others may know of it.
type Visit struct {
	Namespace string
	ClientID  string
	// Identity is nil when nobody was found to be behind the connection.
	Identity  *Identity
	Username  string // of a CONNECT that was refused; it is not verified
	Version   mqtt.Version
	Address   netip.Addr
	Transport string
	Epoch     uint64 // counts the connections of the session
}

// An Observer is told who comes and goes, in the connection's own goroutine: it
// must be quick. It may be told of a Disconnected while the next Connected of the
// same session is on its way.
type Observer interface {
	Refused(v Visit, err error)
	Connected(v Visit)
	// Disconnected tells why, as gridmq_disconnects_total does, and the error
	// behind it if there is one.
	Disconnected(v Visit, why string, err error)
}

type unobserved struct{}

func (unobserved) Refused(Visit, error)              {}
func (unobserved) Connected(Visit)                   {}
func (unobserved) Disconnected(Visit, string, error) {}

func (c *conn) visit() Visit {
	v := Visit{Namespace: c.peer.Namespace, ClientID: c.client, Identity: c.id.Load(), Username: c.username, Version: c.v,
		Address: c.peer.Address, Transport: c.peer.Transport}
	if c.x != nil {
		c.x.mu.Lock()
		v.Epoch = c.x.doc.Epoch
		c.x.mu.Unlock()
	}
	return v
}
