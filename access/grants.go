package access

import (
	"slices"
	"strings"

	"gridmq/topic"
)

// Grants are the rights of one client, ready to decide. They do not change, take no
// lock and allocate nothing. A nil *Grants grants nothing.
//
// A client costs 48 bytes, and 16 for each variable beyond one; clients whose
// templates have no variables share theirs. The names and attributes are those of
// the principal, not copies.
type Grants struct {
	class  *class
	values []topic.Alternatives // of class.variables
	one    [1]topic.Alternatives
}

func newGrants(c *class, values []topic.Alternatives) *Grants {
	g := &Grants{class: c, values: values}
	if len(values) == 1 { // the common case, in one piece of memory
		g.one[0] = values[0]
		g.values = g.one[:]
	}
	return g
}

// Publish says whether the client may publish to name, a valid topic name.
func (g *Grants) Publish(name string) Decision {
	d := Decision{asked: name}
	if g == nil || hasWildcard(name) || topic.IsSystem(name) {
		return d // a name with a wildcard would be a filter; what is below $SYS only the broker tells
	}
	d.Rule = g.find(Publisher, name, false)
	d.Allowed = d.Rule != nil
	return d
}

// Subscribe says whether the client may subscribe to filter, a whole and valid one
// of which a share name has been taken off: whether one template alone covers it.
func (g *Grants) Subscribe(filter string) Decision {
	d := Decision{asked: filter, permission: Subscriber}
	if g == nil || topic.ValidFilter(filter) != nil {
		return d
	}
	d.Rule = g.find(Subscriber, filter, true)
	d.Allowed = d.Rule != nil
	return d
}

// MayReceive says whether a message on name may be delivered: whether some template
// that the client may subscribe to matches it.
func (g *Grants) MayReceive(name string) bool {
	return g != nil && g.find(Subscriber, name, false) != nil
}

// find finds the rule that opens a name, or a filter.
func (g *Grants) find(p Permission, asked string, filter bool) *Rule {
	rules := &g.class.rules[p]
	at := 0
	if filter {
		at = rules.set.Cover(asked, g.values)
	} else {
		at = rules.set.Match(asked, g.values)
	}
	if at < 0 {
		return nil
	}
	return &rules.rules[at]
}

func hasWildcard(name string) bool {
	return strings.IndexByte(name, '+') >= 0 || strings.IndexByte(name, '#') >= 0
}

// Same says whether two grants decide alike in everything, so that a client which
// has g and would get other need not be looked at again. It may say no when they
// do. What they name as the reason can differ.
func (g *Grants) Same(other *Grants) bool {
	if g == other {
		return true
	}
	if g == nil || other == nil {
		return false
	}
	return (g.class == other.class || g.class.digest == other.class.digest) && slices.Equal(g.values, other.values)
}
