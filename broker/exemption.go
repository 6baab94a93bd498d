package broker

import "gridmq/session"

// An Exemption is what a session of the house itself, as a bridge's, has instead of
// the limits of its namespace.
type Exemption struct {
	Limits Limits
	// Dropped is told of every message that the session was to get and does not, under
	// the lock of the session: it must be quick. nil: nobody is.
	Dropped func(why session.Reason)
}

// Exempt is asked when a session is made, recovered and connected, with the limits of
// the namespace. It returns nil for everybody who has those. Who comes under a client
// identifier that it knows is for the Authenticator to judge.
type Exempt func(clientID string, l *Limits) *Exemption

func (ns *namespace) exemption(clientID string) *Exemption {
	if ns.exempt == nil {
		return nil
	}
	return ns.exempt(clientID, ns.limits.Load())
}

// limits are the session's own, or else its namespace's. x.mu is held, or nobody else
// has x yet.
func (x *mailbox) limits() *Limits {
	if x.exempt != nil {
		return &x.exempt.Limits
	}
	return x.ns.limits.Load()
}

// lost counts a message that the session does not get. x.mu is held.
func (x *mailbox) lost(why session.Reason) {
	x.ns.traffic.drop(why)
	if x.exempt != nil && x.exempt.Dropped != nil {
		x.exempt.Dropped(why)
	}
}
