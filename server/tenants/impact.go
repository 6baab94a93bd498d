package tenants

import (
	"maps"

	"gridmq/broker"
	"gridmq/control/resource"
	"gridmq/identity"
	"gridmq/topic"
)

// maxEffects bounds what a dry run tells.
const maxEffects = 1000

// impact applies changes to a copy of the tenant, and compares what clients that
// are connected may do with what they have.
func (n *tenant) impact(b *broker.Broker, changes []resource.Change) (effects []resource.Effect) {
	next := n.copy(changes)
	gone := map[string]string{} // clients that would not be let in, by resource name
	for _, c := range changes {
		if c.Kind == "clients" {
			switch {
			case c.New == nil:
				gone[c.Name] = "the client is deleted"
			case c.New.Noun.(*identity.Client).State == identity.StateDisabled:
				gone[c.Name] = "the client is disabled"
			}
		}
	}
	b.Sessions(n.name, func(s broker.SessionInfo) bool {
		if !s.Connected || s.Identity == nil || s.Identity.Principal == nil {
			return true
		}
		tell := func(loses, reason string) {
			effects = append(effects, resource.Effect{Namespace: n.name, Client: s.AuthenticationName, Session: s.ClientID, Loses: loses, Reason: reason})
		}
		p := s.Identity.Principal
		if why := gone[p.Client]; p.Client != "" && why != "" {
			tell("connection", why)
			return len(effects) < maxEffects
		}
		if c := next.registry.ByName(p.Client); p.Client != "" && c != nil {
			p = c.Principal(p.Method)
		}
		id := next.identity(p)
		full, ok := b.Session(n.name, s.ClientID)
		if !ok {
			return true
		}
		for _, sub := range full.Subscriptions {
			_, filter, _, err := topic.ParseShare(sub.Filter)
			if err != nil {
				continue
			}
			if v := next.Subscribe(id, filter); v.Code != 0 {
				tell("subscription "+sub.Filter, v.Reason)
			}
		}
		return len(effects) < maxEffects
	})
	return effects[:min(len(effects), maxEffects)]
}

// copy is the tenant as it would be after changes. Clients that do not change are
// not in its registry: impact needs those that do.
func (n *tenant) copy(changes []resource.Change) *tenant {
	next := newTenant(n.t, n.name)
	next.partial = true
	next.resource.Store(n.resource.Load())
	n.mu.Lock()
	maps.Copy(next.groups, n.groups)
	maps.Copy(next.spaces, n.spaces)
	maps.Copy(next.bindings, n.bindings)
	maps.Copy(next.roles, n.roles)
	n.mu.Unlock()
	for _, c := range changes {
		switch c.Kind {
		case "caCertificates", resource.Bans, resource.Namespaces: // what they do depends on credentials
		default:
			next.apply(c)
		}
	}
	next.stale.cas, next.stale.bans = false, false
	next.settle()
	return next
}
