package tenants

import (
	"gridmq/identity"
)

// Place is the resource id of a namespace and where it says that it is; empty where there
// is none of that name.
func (t *Tenants) Place(namespace string) (id, location string) {
	n := t.tenant(namespace)
	if n == nil {
		return "", ""
	}
	return n.id(), n.noun().Location
}

// ByThumbprint says whether a client's certificate was known by its thumbprint.
func (t *Tenants) ByThumbprint(namespace string, p *identity.Principal) bool {
	n := t.tenant(namespace)
	if n == nil || p.Client == "" {
		return false
	}
	c := n.registry.ByName(p.Client)
	return c != nil && c.Scheme == identity.ThumbprintMatch
}

// ThroughputUnits are those of all namespaces, by name.
func (t *Tenants) ThroughputUnits() map[string]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make(map[string]int, len(t.all))
	for name, n := range t.all {
		all[name] = max(1, n.noun().Capacity)
	}
	return all
}
