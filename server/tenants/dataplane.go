package tenants

import (
	"context"

	"gridmq/control/namespace"
	"gridmq/delivery/sharedkey"
	"gridmq/gateway"
	"gridmq/identity"
)

// View is what the HTTP data plane must know of a namespace; nil: there is none.
func (t *Tenants) View(name string) *gateway.Namespace {
	n := t.tenant(name)
	if n == nil {
		return nil
	}
	return n.view.Load()
}

func (n *tenant) newView() *gateway.Namespace {
	r, noun := n.resource.Load(), n.noun()
	v := &gateway.Namespace{
		Name: r.Name, ID: n.id(), Hosts: n.hosts(), Keys: noun.Keys, Network: noun.Network, Disabled: r.Deleting,
		TopicKeys: func(topic string) sharedkey.Keys { return n.t.TopicKeys(n.name, topic) },
	}
	if noun.GridMQ.Profile == namespace.Azure {
		v.Rates = gateway.AzureRates(noun.Capacity)
	}
	v.MessageBytes = int(n.t.o.Limits(noun).MaximumPacketSize)
	return v
}

// Only is the namespace if there is but one; "" otherwise.
func (t *Tenants) Only() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.all) != 1 {
		return ""
	}
	for name := range t.all {
		return name
	}
	return ""
}

// Verify says who a bearer token of the data plane is of: gateway.Bearer.
func (t *Tenants) Verify(ctx context.Context, namespace string, token []byte) (*identity.Principal, error) {
	if n := t.tenant(namespace); n != nil {
		if d := n.methods.Load().directory; d != nil {
			return d.Verify(ctx, token)
		}
	}
	return nil, &identity.Error{Kind: identity.NotAuthorized, Reason: "the namespace has no issuer of bearer tokens: use an access key, or configure properties.gridmq.directory"}
}

// May says whether role assignments give a data action at a scope: gateway.Bearer.
func (t *Tenants) May(who *identity.Principal, namespace, action, scope string) bool {
	n := t.tenant(namespace)
	if n == nil {
		return false
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, a := range n.roles {
		if a.Allows(who, action, scope) {
			return true
		}
	}
	return false
}
