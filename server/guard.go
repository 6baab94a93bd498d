package server

import (
	"context"
	"errors"
	"strings"

	"gridmq/bridge"
	"gridmq/broker"
	"gridmq/identity"
	"gridmq/mqtt"
)

// A guard stands before what decides about the clients of a namespace. It lets our own
// bridges in, with the rights that their maps give them, and nobody else under their
// names.
type guard struct {
	bridges   *bridges
	namespace string
	broker.Authenticator
	broker.Authorizer
}

// guarded is a namespace with bridges.
func (b *bridges) guarded(c broker.NamespaceConfig) broker.NamespaceConfig {
	g := &guard{b, c.Name, c.Authenticator, c.Authorizer}
	c.Authenticator, c.Authorizer, c.Exempt = g, g, b.exempt(c.Name)
	return c
}

// Authenticate implements broker.Authenticator.
func (g *guard) Authenticate(ctx context.Context, l broker.Login) (*broker.Identity, error) {
	id := l.Connect.ClientID
	if l.Peer.Transport != bridgeTransport {
		if strings.HasPrefix(id, bridgePrefix) {
			return nil, &mqtt.Error{Op: "connect", Code: mqtt.ClientIdentifierNotValid, Err: errors.New("client identifiers that begin with " + bridgePrefix + " are for bridges")}
		}
		return g.Authenticator.Authenticate(ctx, l)
	}
	r := g.bridges.of(g.namespace, id)
	if r == nil {
		return nil, &mqtt.Error{Op: "connect", Code: mqtt.NotAuthorized, Err: errors.New("there is no such bridge")}
	}
	who := &broker.Identity{Name: id, Principal: &identity.Principal{Name: id, Method: identity.Bridge}}
	who.Rights.Store(r.maps)
	return who, nil
}

// mapsOf are the rights of a bridge; nil for everybody else.
func mapsOf(id *broker.Identity) bridge.Maps {
	if id == nil {
		return nil
	}
	m, _ := id.Rights.Load().(bridge.Maps)
	return m
}

// Publish implements broker.Authorizer.
func (g *guard) Publish(id *broker.Identity, topic string) broker.Verdict {
	m := mapsOf(id)
	if m == nil {
		return g.Authorizer.Publish(id, topic)
	}
	if m.MayPublish(topic) {
		return broker.Verdict{}
	}
	return broker.Verdict{Code: mqtt.NotAuthorized, Reason: "no map of the bridge brings messages in to this topic"}
}

// Subscribe implements broker.Authorizer.
func (g *guard) Subscribe(id *broker.Identity, filter string) broker.Verdict {
	m := mapsOf(id)
	if m == nil {
		return g.Authorizer.Subscribe(id, filter)
	}
	if m.MaySubscribe(filter) {
		return broker.Verdict{}
	}
	return broker.Verdict{Code: mqtt.NotAuthorized, Reason: "no map of the bridge goes out from this filter"}
}

// Method implements broker.MethodAuthenticator.
func (g *guard) Method(name string) bool {
	m, ok := g.Authenticator.(broker.MethodAuthenticator)
	return ok && m.Method(name)
}

// Renew implements broker.MethodAuthenticator.
func (g *guard) Renew(ctx context.Context, l broker.Login, old *broker.Identity) (*broker.Identity, error) {
	m, ok := g.Authenticator.(broker.MethodAuthenticator)
	if !ok { // Method has said so
		return nil, &mqtt.Error{Op: "renew", Code: mqtt.BadAuthenticationMethod, Err: errors.New("the namespace has no authentication methods")}
	}
	return m.Renew(ctx, l, old)
}

// Review implements broker.Reviewer: a change of clients does not concern a bridge.
func (g *guard) Review(clientID string, p broker.Peer, id *broker.Identity) broker.Judgement {
	if r, ok := g.Authenticator.(broker.Reviewer); ok && mapsOf(id) == nil {
		return r.Review(clientID, p, id)
	}
	return broker.Judgement{}
}
