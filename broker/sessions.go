package broker

import (
	"net/netip"
	"time"

	"gridmq/mqtt"
	"gridmq/session"
)

// What the management plane may know of sessions, and do to them.

// A SessionInfo is what the management plane shows of a session.
type SessionInfo struct {
	ClientID           string
	AuthenticationName string
	Connected          bool
	Since              time.Time // of the connection, or of its end
	Version            mqtt.Version
	Transport          string
	Address            netip.Addr
	Port               uint16 // of the client's end; 0: away, or the transport has none
	KeepAlive          uint16 // in force on the connection, seconds; 0: none, or away
	Durable            bool
	Expiry             uint32    // seconds; session.Never
	Ends               time.Time // of a session that is away; zero: connected, or never
	Epoch              uint64
	Queued             int // messages of QoS 1 and 2
	QueuedBytes        int
	Inflight           int
	Oldest             Backlog
	CredentialEnds     time.Time // zero: never
	Identity           *Identity // of the connection; nil while away
	Peer               Peer      // of the connection; the zero Peer while away
	Subscriptions      []SubscriptionInfo
}

// A SubscriptionInfo is one subscription of a session.
type SubscriptionInfo struct {
	Filter            string
	QoS               byte
	NoLocal           bool
	RetainAsPublished bool
	ID                uint32
}

// Sessions calls visit for the sessions of a namespace, without subscriptions, in
// no order, until it returns false.
func (b *Broker) Sessions(namespace string, visit func(SessionInfo) bool) {
	ns := b.namespace(namespace)
	if ns == nil {
		return
	}
	for _, x := range ns.mailboxes() {
		if i, ok := x.info(false); ok && !visit(i) {
			return
		}
	}
}

// Session shows one session.
func (b *Broker) Session(namespace, client string) (SessionInfo, bool) {
	if x := b.mailbox(namespace, client); x != nil {
		return x.info(true)
	}
	return SessionInfo{}, false
}

// Disconnect ends the connection of a session, telling its client the code and
// the reason. It returns false when there is none.
func (b *Broker) Disconnect(namespace, client string, code mqtt.Code, reason string) bool {
	x := b.mailbox(namespace, client)
	return x != nil && x.endConn(code, causeEnded, reason)
}

// EndSession ends a session with its queue, and its connection. It returns false
// when there is none.
func (b *Broker) EndSession(namespace, client string) bool {
	x := b.mailbox(namespace, client)
	if x == nil {
		return false
	}
	x.ns.end(x, "administrative", nil)
	return true
}

func (b *Broker) mailbox(namespace, client string) *mailbox {
	ns := b.namespace(namespace)
	if ns == nil {
		return nil
	}
	ns.mu.Lock()
	defer ns.mu.Unlock()
	return ns.sessions[client]
}

func (x *mailbox) info(full bool) (i SessionInfo, ok bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.ended {
		return i, false
	}
	i = SessionInfo{ClientID: x.clientID, AuthenticationName: x.owner, Durable: x.durable, Expiry: x.doc.Expiry,
		Since: time.UnixMilli(x.doc.Closed), Epoch: x.doc.Epoch, Version: x.doc.Version}
	i.Queued, i.QueuedBytes = x.s.Waiting()
	i.Inflight = i.Queued - x.s.Unsent()
	i.Oldest = x.oldest()
	if c := x.conn; c != nil {
		i.Connected, i.Version, i.Transport, i.Address = true, c.v, c.peer.Transport, c.peer.Address
		i.Identity, i.Peer = c.id.Load(), c.peer
		i.CredentialEnds = i.Identity.expires()
		i.Port = portOf(c.nc)
		if c.greeted { // else the keep alive is being decided on
			i.KeepAlive = uint16(c.keep / keepAliveGrace)
		}
	} else if ends := session.EndsAt(x.doc.Closed, x.doc.Expiry); ends != 0 {
		i.Ends = time.UnixMilli(ends)
	}
	if full {
		for _, sub := range x.subs {
			i.Subscriptions = append(i.Subscriptions, SubscriptionInfo{sub.full, sub.qos, sub.noLocal, sub.asPub, sub.id})
		}
	}
	return i, true
}

// portOf is the port that the client's connection comes from, behind a proxy too.
func portOf(nc Conn) uint16 {
	if at, ok := nc.RemoteAddr().(interface{ AddrPort() netip.AddrPort }); ok {
		return at.AddrPort().Port()
	}
	return 0
}
