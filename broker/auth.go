package broker

import (
	"context"
	"crypto/tls"
	"net/netip"
	"sync/atomic"
	"time"

	"gridmq/identity"
	"gridmq/mqtt"
)

// A Login is what a CONNECT says about who is there.
type Login struct {
	Namespace string
	Peer      Peer
	Connect   *mqtt.Connect
}

// A Peer is where a connection came from.
type Peer struct {
	// Namespace is the tenant that the listener chose (SNI, Host, default).
	Namespace string
	// Transport is "tcp", "tls", "ws" or "wss"; Listener its name in the configuration.
	Transport, Listener string
	// TLS is nil on plain connections. Certificates in it are not verified.
	TLS *tls.ConnectionState
	// Address is the client's, also behind a proxy.
	Address netip.Addr
}

// An Identity is who a client has been found to be.
type Identity struct {
	// Name is the client authentication name. Sessions belong to it, in any case of
	// its letters.
	Name string
	// Principal is what else is known; nil in a namespace without a registry.
	Principal *identity.Principal
	// Rights are the Authorizer's: what it has found out about this client.
	Rights atomic.Value
	// Own is asked instead of the Authorizer; nil for everybody but sessions of the
	// house itself. It does not change.
	Own Grants
}

// Grants say what one identity may do.
type Grants interface {
	Publish(topic string) Verdict
	Subscribe(filter string) Verdict
}

// expires is when the credential ends; zero: never.
func (id *Identity) expires() (t time.Time) {
	if id.Principal != nil {
		t = id.Principal.Expires
	}
	return t
}

// An Authenticator decides who a client is. The error is an *mqtt.Error whose
// code goes into the CONNACK; any other error is told as ServerUnavailable.
type Authenticator interface {
	Authenticate(ctx context.Context, l Login) (*Identity, error)
}

// An Authenticator that is a MethodAuthenticator knows Authentication Methods
// (section 4.12). A CONNECT with one that it does not know is refused.
type MethodAuthenticator interface {
	Method(name string) bool
	// Renew answers an AUTH of a client that is connected, whose new data is in
	// l.Connect. The identity is the old one with another credential.
	Renew(ctx context.Context, l Login, old *Identity) (*Identity, error)
}

// An Authenticator that is a Reviewer looks again at clients that are connected.
type Reviewer interface {
	Review(clientID string, p Peer, id *Identity) Judgement
}

// A Judgement is what becomes of a client that was looked at again.
type Judgement struct {
	// End is the reason code with which its connection ends, if not Success.
	End    mqtt.Code
	Reason string
	// Identity takes the place of the old one, if it is not nil.
	Identity *Identity
	// Address says that it ends because of where the client comes from.
	Address bool
	// Changed says that it may do other things than before.
	Changed bool
}

// A Verdict answers "may it?". The zero value is yes.
type Verdict struct {
	Code   mqtt.Code // Success, or why not
	Reason string    // for the client's reason string and our log
}

// An Authorizer decides what a client may do. It must be quick: it is asked
// again whenever a connection publishes to another topic than before, or when
// Revision has changed.
type Authorizer interface {
	Publish(id *Identity, topic string) Verdict
	Subscribe(id *Identity, filter string) Verdict
	// Revision changes when an answer may have become different.
	Revision() uint64
}

// mayPublish and maySubscribe ask whoever decides about id.
func (ns *namespace) mayPublish(id *Identity, topic string) Verdict {
	if id != nil && id.Own != nil {
		return id.Own.Publish(topic)
	}
	return ns.authorizer.Publish(id, topic)
}

func (ns *namespace) maySubscribe(id *Identity, filter string) Verdict {
	if id != nil && id.Own != nil {
		return id.Own.Subscribe(filter)
	}
	return ns.authorizer.Subscribe(id, filter)
}

// AllowAll lets everybody do everything. It is for the namespace dev.
type AllowAll struct{}

// Authenticate takes the user name, or the client identifier, for the name.
func (AllowAll) Authenticate(_ context.Context, l Login) (*Identity, error) {
	return &Identity{Name: l.Connect.Username}, nil
}

// Publish allows.
func (AllowAll) Publish(*Identity, string) Verdict { return Verdict{} }

// Subscribe allows.
func (AllowAll) Subscribe(*Identity, string) Verdict { return Verdict{} }

// Revision never changes.
func (AllowAll) Revision() uint64 { return 0 }

// DenyAll refuses everybody: a namespace without configured identities.
type DenyAll struct{}

// Authenticate refuses.
func (DenyAll) Authenticate(context.Context, Login) (*Identity, error) {
	return nil, &mqtt.Error{Op: "authenticate", Code: mqtt.NotAuthorized}
}

// Publish refuses.
func (DenyAll) Publish(*Identity, string) Verdict { return Verdict{Code: mqtt.NotAuthorized} }

// Subscribe refuses.
func (DenyAll) Subscribe(*Identity, string) Verdict { return Verdict{Code: mqtt.NotAuthorized} }

// Revision never changes.
func (DenyAll) Revision() uint64 { return 0 }
