package broker

import (
	"errors"
	"fmt"

	"gridmq/mqtt"
	"gridmq/session"
	"gridmq/tap"
)

// One client can be watched: what it says and is told, and what becomes of its messages.
// Whom things happen to looks at one pointer of the session, once for each read, write and
// message queued, and finds nil.

// mostTaps is how many may be open at a time, over all namespaces.
const mostTaps = 16

// ErrTooManyTraces says that mostTaps are open.
var ErrTooManyTraces = errors.New("too many traces are open")

// ErrNoNamespace says that there is none of the name.
var ErrNoNamespace = errors.New("no such namespace")

// Trace has a tap told of a client, by its identifier, which need not be there yet. stop
// ends it, and must be called; the end of the namespace, or of the broker, ends the tap too.
func (b *Broker) Trace(namespace, client string, t *tap.Tap) (stop func(), err error) {
	ns := b.namespace(namespace)
	if ns == nil {
		return nil, fmt.Errorf("trace: %w: %q", ErrNoNamespace, namespace)
	}
	b.mu.Lock()
	closing, many := b.closing.Load(), b.taps >= mostTaps
	if !closing && !many {
		b.taps++
	}
	b.mu.Unlock()
	switch {
	case closing:
		return nil, errors.New("trace: the broker is shutting down")
	case many:
		return nil, fmt.Errorf("trace: %w (%d)", ErrTooManyTraces, mostTaps)
	}
	ns.addTap(client, t)
	if b.closing.Load() { // endTaps may have come too early
		t.End(tapServerStops)
	}
	return func() {
		ns.removeTap(client, t)
		b.mu.Lock()
		b.taps--
		b.mu.Unlock()
	}, nil
}

// Why taps end, in the words that their readers see.
const (
	tapServerStops   = "the server stops"
	tapNamespaceGone = "the namespace is gone"
)

func (ns *namespace) addTap(client string, t *tap.Tap) {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	if ns.taps == nil {
		ns.taps = make(map[string]*tap.Taps)
	}
	s := ns.taps[client]
	if s == nil {
		s = new(tap.Taps)
		ns.taps[client] = s
	}
	s.Add(t)
	if x := ns.sessions[client]; x != nil {
		x.taps.Store(s)
	}
	ns.tapped.Store(true)
}

func (ns *namespace) removeTap(client string, t *tap.Tap) {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	s := ns.taps[client]
	if s == nil || s.Remove(t) > 0 {
		return
	}
	delete(ns.taps, client)
	ns.tapped.Store(len(ns.taps) > 0)
	if x := ns.sessions[client]; x != nil {
		x.taps.Store(nil)
	}
}

// endTaps ends those of all clients.
func (ns *namespace) endTaps(why string) {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	for _, s := range ns.taps {
		s.End(why)
	}
}

// tapsOf are those of a client that may have no session yet; nil: none.
func (ns *namespace) tapsOf(client string) *tap.Taps {
	if !ns.tapped.Load() {
		return nil
	}
	ns.mu.Lock()
	defer ns.mu.Unlock()
	return ns.taps[client]
}

// watched are the taps of the connection's client; nil: nobody watches.
func (c *conn) watched() *tap.Taps {
	if c.x != nil {
		return c.x.taps.Load()
	}
	return c.early
}

// inward is how packets from the client are read.
func (c *conn) inward() tap.Wire {
	return tap.Wire{Direction: tap.In, Version: c.v, Alias: func(n uint16) string {
		c.x.mu.Lock()
		defer c.x.mu.Unlock()
		return c.x.s.TheirAlias(n)
	}}
}

// tapOut tells of what is written to the client. x.mu is free.
func (c *conn) tapOut(s *tap.Taps, b []byte) {
	s.Packets(tap.Wire{Direction: tap.Out, Version: c.v, Alias: func(n uint16) string {
		x := c.x
		if x == nil {
			return ""
		}
		x.mu.Lock()
		defer x.mu.Unlock()
		return x.s.OurAlias(n)
	}}, b)
}

// push writes what is not the session's, as the last DISCONNECT.
func (c *conn) push(b []byte) (done bool, err error) {
	if s := c.watched(); s != nil {
		c.tapOut(s, b)
	}
	return c.nc.Push(b)
}

// tapConnect tells of a CONNECT; from now on the connection is watched, though it has no
// session yet.
func (c *conn) tapConnect(p *mqtt.Connect) {
	if c.early = c.ns.tapsOf(p.ClientID); c.early != nil {
		c.early.Connect(p, c.address(), c.peer.Transport)
	}
}

func (c *conn) address() string {
	if !c.peer.Address.IsValid() {
		return ""
	}
	return c.peer.Address.String()
}

// tapRefused tells that the connection does not come to be.
func (c *conn) tapRefused(err error) {
	if c.early == nil {
		return
	}
	e := tap.Event{Kind: tap.Refused, Address: c.address(), Transport: c.peer.Transport, Reason: Reason(err)}
	if refusal, ok := errors.AsType[*mqtt.Error](err); ok {
		e.Code = tap.Code(refusal.Code)
	}
	c.early.Note(e)
}

// tapGone tells that the connection has ended.
func (c *conn) tapGone(why cause, err error) {
	s := c.watched()
	if s == nil {
		return
	}
	e := tap.Event{Kind: tap.Gone, Reason: string(why)}
	if refusal, ok := errors.AsType[*mqtt.Error](err); ok {
		e.Code, e.Reason = tap.Code(refusal.Code), e.Reason+": "+Reason(err)
	}
	s.Note(e)
}

// tapAllowed tells whom the client has been found to be.
func (c *conn) tapAllowed() {
	if c.early == nil {
		return
	}
	reason := "it is " + c.id.Load().Name
	if p := c.id.Load().Principal; p != nil {
		reason += ", by " + p.Method.String()
	}
	c.early.Note(c.access("connect", "", mqtt.Success, reason))
}

// access is a decision.
func (c *conn) access(action, about string, code mqtt.Code, reason string) tap.Event {
	allowed := code == mqtt.Success
	e := tap.Event{Kind: tap.Access, Action: action, Topic: about, Allowed: &allowed, Reason: reason, Who: c.id.Load()}
	if !allowed {
		e.Code = tap.Code(code)
	}
	return e
}

// tapPublished tells what has become of a message of the client.
func (c *conn) tapPublished(s *tap.Taps, name string) {
	s.Note(c.access("publish", name, mqtt.Success, ""))
	p := &c.pub
	count := p.count
	s.Note(tap.Event{Kind: tap.Published, Topic: name, PacketID: c.in.PacketID, Receivers: &count, Stored: len(p.stored), Retain: p.retain != nil, Event: p.routed})
}

// tapQueued tells that a message waits for the client. x.mu is held.
func (x *mailbox) tapQueued(s *tap.Taps, m *mqtt.Message, seq uint64, qos byte) {
	e := tap.Event{Kind: tap.Queued, Topic: m.Topic, QoS: &qos, Number: seq}
	e.Messages, e.Waiting = x.s.Waiting()
	switch {
	case x.conn == nil:
		e.Reason = "the client is away"
	case x.above.Load():
		e.Reason = "the client is slow: its queue is over half of its bounds"
	default:
		e.Reason = "the window, the rate or the connection of the client is full, or the message is not on disk yet"
	}
	s.Note(e)
}

// tapDropped tells of a message that the client does not get. it is nil for one of
// QoS 0, of which the session has told nothing else. x.mu is held.
func tapDropped(s *tap.Taps, seq uint64, it *session.Item, why session.Reason) {
	e := tap.Event{Kind: tap.Dropped, Number: seq, Reason: reasonLabels[why]}
	if it != nil {
		if e.QoS = &it.QoS; it.Msg != nil {
			e.Topic = it.Msg.Topic
		}
	}
	s.Note(e)
}
