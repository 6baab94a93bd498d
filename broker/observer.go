package broker

import (
	"net/netip"
	"sync"

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
	// Epoch grows with each connection of the client identifier, over the ends of
	// sessions and restarts too. 0: it never came to be one.
	Epoch uint64
}

// An Observer is told who comes and goes, by goroutines that have something else to do:
// it must be quick. Of each connection it is told Connected, and then Disconnected, once
// each; and of one client identifier the Disconnected of a connection before the Connected
// of the next. A connection that was taken over before it began is not told of.
type Observer interface {
	Refused(v Visit, err error)
	Connected(v Visit)
	// Disconnected tells why, as gridmq_disconnects_total does, and the error
	// behind it if there is one; of an end from outside, what the client is told. [Crashed] is why for who was connected when the broker
	// last ended without saying so; that is told by New and Open, which wait for it.
	Disconnected(v Visit, why string, err error)
}

// Crashed is why connections ended that nobody saw end. Those of sessions that end with
// their connection are only known if NamespaceConfig.RememberConnections says so.
const Crashed = "crash"

type unobserved struct{}

func (unobserved) Refused(Visit, error)              {}
func (unobserved) Connected(Visit)                   {}
func (unobserved) Disconnected(Visit, string, error) {}

func (c *conn) visit() Visit {
	return Visit{Namespace: c.peer.Namespace, ClientID: c.client, Identity: c.id.Load(), Username: c.username, Version: c.v,
		Address: c.peer.Address, Transport: c.peer.Transport, Epoch: c.epoch}
}

// A told is what the Observer knows of a connection.
type told struct {
	mu         sync.Mutex // held while the Observer is told, so that it hears things in order
	here, gone bool
}

// announce tells that the connection is there.
func (c *conn) announce() {
	c.told.mu.Lock()
	defer c.told.mu.Unlock()
	if !c.told.gone {
		c.told.here = true
		c.b.observer.Connected(c.visit())
	}
}

// retract tells that the connection is not there any more: because of otherwise, if
// nothing has ended it yet. Whoever lets another connection have the session calls it
// before, the reader itself at its end.
func (c *conn) retract(otherwise cause, err error) {
	c.told.mu.Lock()
	defer c.told.mu.Unlock()
	if c.told.here && !c.told.gone {
		why, _ := c.why.Load().(cause)
		if why == causeLost {
			why = otherwise
		}
		c.b.observer.Disconnected(c.visit(), string(why), c.behind(err))
	}
	c.told.gone = true
}

// crashed tells that a session was connected when the broker ended. x is nobody else's.
func (x *mailbox) crashed() {
	x.ns.b.observer.Disconnected(Visit{Namespace: x.ns.name, ClientID: x.clientID, Identity: &Identity{Name: x.owner},
		Version: x.doc.Version, Epoch: x.doc.Epoch}, Crashed, nil)
}

// firstEpoch is what a new session counts from. It is a time, so that it is above what
// any session of its name has had: nobody connects a thousand times a second for long.
// Should the clock have gone back, it is above what was loaded and the last heartbeat.
func (ns *namespace) firstEpoch() uint64 {
	return max(uint64(nowMillis()), ns.epochs.Load())
}

// sawEpoch notes an epoch that is or was in use.
func (ns *namespace) sawEpoch(epoch uint64) {
	for old := ns.epochs.Load(); epoch >= old && !ns.epochs.CompareAndSwap(old, epoch+1); {
		old = ns.epochs.Load()
	}
}
