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
}

// guarded is a namespace with bridges.
func (b *bridges) guarded(c broker.NamespaceConfig) broker.NamespaceConfig {
	c.Authenticator, c.Exempt = &guard{b, c.Name, c.Authenticator}, b.exempt(c.Name)
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
	return &broker.Identity{Name: id, Principal: &identity.Principal{Name: id, Method: identity.Bridge}, Own: mapped{r.maps}}, nil
}

// mapped are the rights of a bridge.
type mapped struct{ bridge.Maps }

// Publish implements broker.Grants.
func (m mapped) Publish(topic string) broker.Verdict {
	if m.MayPublish(topic) {
		return broker.Verdict{}
	}
	return broker.Verdict{Code: mqtt.NotAuthorized, Reason: "no map of the bridge brings messages in to this topic"}
}

// Subscribe implements broker.Grants.
func (m mapped) Subscribe(filter string) broker.Verdict {
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
	if r, ok := g.Authenticator.(broker.Reviewer); ok && id.Own == nil {
		return r.Review(clientID, p, id)
	}
	return broker.Judgement{}
}
