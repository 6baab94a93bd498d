package tenants

import (
	"context"
	"fmt"
	"time"

	"gridmq/access"
	"gridmq/broker"
	"gridmq/identity"
	"gridmq/mqtt"
)

// rights are what has been compiled for one client, under one policy.
type rights struct {
	policy *access.Policy
	grants *access.Grants
	// As the client was looked at last, at its login or by Review. Whoever compiles
	// again in between, as a client that publishes while a change is made known, must
	// not hide from Review that something has changed.
	judged *access.Grants
	client *identity.Client // of the registry
}

// identity makes the broker's view of a principal.
func (n *tenant) identity(p *identity.Principal) *broker.Identity {
	id := &broker.Identity{Name: p.Name, Principal: p}
	n.compile(id)
	return id
}

func (n *tenant) compile(id *broker.Identity) *rights {
	r := &rights{policy: n.policy.Load()}
	p := id.Principal
	if p == nil { // a session that is away, of which only the owner is known
		if c := n.registry.ByAuthenticationName(id.Name); c != nil {
			p = c.Principal(identity.Certificate)
		}
	}
	if p = n.today(p); p != nil {
		r.grants = r.policy.Compile(p, n.registry.GroupsOf(p))
	}
	if before, _ := id.Rights.Load().(*rights); before != nil {
		r.judged, r.client = before.judged, before.client
	} else if r.judged = r.grants; p != nil && p.Client != "" {
		r.client = n.registry.ByName(p.Client)
	}
	id.Rights.Store(r)
	return r
}

// today is a principal as the registry has its client now: a will is judged by that,
// too, and not by what the client was when it connected. nil: it is not there any more,
// or disabled, and may nothing. Source: spec/mqtt-protocol.md, section 6.
func (n *tenant) today(p *identity.Principal) *identity.Principal {
	if p == nil || p.Client == "" || p.Method != identity.Certificate && p.Method != identity.Password {
		return p
	}
	switch c := n.registry.ByName(p.Client); {
	case c != nil && c.State == identity.StateDisabled:
		return nil
	case c != nil && c.AuthenticationName == p.Name:
		return c.Principal(p.Method)
	case n.partial:
		return p
	}
	return nil
}

// grants are those in force. They are compiled again by whoever asks first after
// the policy has changed.
func (n *tenant) grants(id *broker.Identity) *access.Grants {
	r, _ := id.Rights.Load().(*rights)
	if r == nil || r.policy != n.policy.Load() {
		r = n.compile(id)
	}
	return r.grants
}

// Publish implements broker.Authorizer.
func (n *tenant) Publish(id *broker.Identity, topic string) broker.Verdict {
	return verdict(n.grants(id).Publish(topic))
}

// Subscribe implements broker.Authorizer.
func (n *tenant) Subscribe(id *broker.Identity, filter string) broker.Verdict {
	return verdict(n.grants(id).Subscribe(filter))
}

func verdict(d access.Decision) broker.Verdict {
	if d.Allowed {
		return broker.Verdict{}
	}
	return broker.Verdict{Code: mqtt.NotAuthorized, Reason: d.Reason()}
}

// Revision implements broker.Authorizer.
func (n *tenant) Revision() uint64 { return n.revision.Load() }

// reviewTime bounds what is asked of others about a live client.
const reviewTime = 5 * time.Second

// Review implements broker.Reviewer: would the client be let in now, and with the
// same rights?
func (n *tenant) Review(clientID string, p broker.Peer, id *broker.Identity) broker.Judgement {
	now, err := n.again(clientID, p, id)
	if err != nil {
		return broker.Judgement{End: mqtt.NotAuthorized, Reason: err.Error(), Address: !n.noun().Network.Allows(p.Address)}
	}
	before, _ := id.Rights.Load().(*rights)
	next := n.identity(now)
	after := next.Rights.Load().(*rights)
	return broker.Judgement{Identity: next, Changed: before == nil || !before.judged.Same(after.grants)}
}

// again is who the client is now. What is said in the error is told to the client:
// it knows its own credentials.
func (n *tenant) again(clientID string, peer broker.Peer, id *broker.Identity) (*identity.Principal, error) {
	p := id.Principal
	c := &identity.Credentials{ClientID: clientID, Username: &p.Name, Remote: peer.Address}
	if peer.TLS != nil {
		c.Certificates = peer.TLS.PeerCertificates
	}
	if err := n.admit(c, p.Name); err != nil {
		return nil, fmt.Errorf("not admitted any more")
	}
	m := n.methods.Load()
	gone := fmt.Errorf("the way the client has logged in (%v) is not configured any more", p.Method)
	switch p.Method {
	case identity.Certificate:
		if m.certificates == nil {
			return nil, gone
		}
		ctx, cancel := context.WithTimeout(context.Background(), reviewTime)
		defer cancel()
		return m.certificates.Review(ctx, c)
	case identity.Password:
		before, _ := id.Rights.Load().(*rights)
		client := n.registry.ByName(p.Client)
		switch {
		case m.passwords == nil:
			return nil, gone
		case client == nil || client.State == identity.StateDisabled:
			return nil, fmt.Errorf("the client is not in the registry any more, or disabled")
		case before != nil && before.client != nil && before.client.Password != client.Password:
			return nil, fmt.Errorf("the client has another password now")
		}
		return client.Principal(identity.Password), nil
	case identity.CustomToken:
		if m.custom == nil {
			return nil, gone
		}
	case identity.DirectoryToken:
		if m.directory == nil {
			return nil, gone
		}
	case identity.Webhook:
		if m.webhook == nil {
			return nil, gone
		}
	}
	return p, nil
}
