package tenants

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"gridmq/broker"
	"gridmq/control/resource"
	"gridmq/identity"
	"gridmq/topic"
)

// Impact says whom changes would concern: for dry runs. It changes nothing. Sessions
// are looked at one after the other, each as briefly as a list of them does; what is
// compiled is compiled aside.
func (t *Tenants) Impact(changes []resource.Change) (all resource.Impact) {
	b := t.serving()
	if b == nil {
		return all
	}
	byTenant := map[*tenant][]resource.Change{}
	for _, c := range changes {
		for _, n := range t.reached(c) {
			byTenant[n] = append(byTenant[n], c)
		}
	}
	for n, list := range byTenant {
		n.forecast(list).tell(b, &all)
	}
	return all
}

// reached are the namespaces in which a change can concern somebody: its own, or all
// when it is a role assignment above them.
func (t *Tenants) reached(c resource.Change) []*tenant {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n := t.all[strings.ToLower(c.Namespace)]; n != nil {
		return []*tenant{n}
	}
	if c.Kind == resource.RoleAssignments && c.Namespace == resource.Process {
		return slices.Collect(maps.Values(t.all))
	}
	return nil
}

// tell adds what live clients would lose.
func (f *forecast) tell(b *broker.Broker, all *resource.Impact) {
	if len(f.concerned) == 0 {
		return
	}
	b.Sessions(f.now.name, func(s broker.SessionInfo) bool {
		if !s.Connected || s.Identity == nil || s.Identity.Principal == nil || s.Identity.Principal.Method == identity.Bridge ||
			!slices.ContainsFunc(f.concerned, func(is func(*broker.Identity) bool) bool { return is(s.Identity) }) {
			return true
		}
		lose := func(what, reason string) {
			all.Add(resource.Effect{Namespace: f.now.name, Client: s.AuthenticationName, Session: s.ClientID, Loses: what, Reason: reason})
		}
		if why := f.closed(s); why != "" {
			lose("connection", why)
			return true
		}
		f.rights(b, s, lose)
		return true
	})
}

// closed says why the connection would end; empty: it would not. The rules are those
// of Review.
func (f *forecast) closed(s broker.SessionInfo) string {
	p := s.Identity.Principal
	if f.end != "" {
		return f.end
	}
	if f.admission {
		if err := f.next.admit(&identity.Credentials{ClientID: s.ClientID, Remote: s.Address}, p.Name); err != nil {
			return reasonOf(err)
		}
		if !f.next.offers(p.Method) {
			return fmt.Sprintf("the way the client has logged in (%v) would not be configured any more", p.Method)
		}
	}
	if p.Method != identity.Certificate && p.Method != identity.Password {
		return ""
	}
	why, ca := "", f.lost(s.Peer)
	switch c, changes := f.clients[p.Client]; {
	case changes && c.New == nil:
		return "the client is deleted"
	case changes && c.New.Noun.(*identity.Client).State == identity.StateDisabled:
		return "the client is disabled"
	case changes:
		why = "the client is changed"
	case p.Method == identity.Certificate && ca != "":
		why = ca
	default:
		return ""
	}
	if _, err := f.next.again(s.ClientID, s.Peer, s.Identity); err != nil {
		return why + ": " + reasonOf(err)
	}
	return ""
}

// lost says which CA certificate that goes the client's certificates name as their
// issuer; empty: none, and no signature has to be checked.
func (f *forecast) lost(p broker.Peer) string {
	if p.TLS == nil {
		return ""
	}
	for _, ca := range f.cas {
		for _, c := range p.TLS.PeerCertificates {
			if bytes.Equal(c.RawIssuer, ca.certificate.RawSubject) {
				return ca.why
			}
		}
	}
	return ""
}

// maxLostFilters bounds the filters that one effect names.
const maxLostFilters = 5

// rights tells what the client may not do any more, of what it is doing or might.
func (f *forecast) rights(b *broker.Broker, s broker.SessionInfo, lose func(what, reason string)) {
	who := f.now.today(s.Identity.Principal)
	if who == nil {
		return
	}
	before, groups := f.now.policy.Load(), f.now.registry.GroupsOf(who)
	next := f.next.identity(s.Identity.Principal)
	after := next.Rights.Load().(*rights).grants
	if before.Compile(who, groups).Same(after) {
		return
	}
	if full, ok := b.Session(f.now.name, s.ClientID); ok {
		for _, sub := range full.Subscriptions {
			_, filter, _, err := topic.ParseShare(sub.Filter)
			if err != nil {
				continue
			}
			if v := f.next.Subscribe(next, filter); v.Code != 0 {
				lose("subscription "+sub.Filter, v.Reason)
			}
		}
	}
	for _, l := range before.Losses(who, groups, after) {
		lose("the right to publish to "+someOf(l.Filters), "topic space "+l.Space+", "+source(l.Rule))
	}
}

func someOf(filters []string) string {
	n := min(len(filters), maxLostFilters)
	text := strings.Join(filters[:n], ", ")
	if more := len(filters) - n; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
