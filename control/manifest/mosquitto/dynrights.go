package mosquitto

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"gridmq/topic"
)

// maxPairs bounds what one client's rules may make of each other.
const maxPairs = 1 << 18

// isVariable says whether a topic has what some versions of mosquitto take for a variable.
func isVariable(filter string) bool {
	return strings.Contains(filter, userVariable) || strings.Contains(filter, clientVariable)
}

// anyName is a filter for all that one with variables may mean.
func anyName(filter string) string {
	return widest(strings.ReplaceAll(filter, userVariable, clientVariable))
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// A dynJudge finds out what is open to each client.
type dynJudge struct {
	f    *dynFile
	o    Options
	said *remarks
	verdicts
}

// subjects are the clients of the file.
func (f *dynFile) subjects(o Options, said *remarks) (all []*subject) {
	j := &dynJudge{f: f, o: o, said: said}
	if g := f.groups[f.anonymous]; g != nil && len(g.roles) > 0 {
		said.lost(g.at, "group "+quoted(g.name), "is for clients without a user name; here every client is somebody")
	}
	for _, name := range []string{dynSend, "subscribe"} {
		if f.defaults[name] {
			said.note(f.at[name], "defaultACLAccess", "%s is allowed where no rule decides: taken over, but for topics that begin with $ other than those of $SYS/", name)
		}
	}
	for _, c := range f.clients {
		if c.clientID != "" && !o.AnyClientID {
			said.lost(c.at, "client "+quoted(c.name), "may log in with the client id %s only, which cannot be said here; --any-client-id imports it for every id", quoted(c.clientID))
			continue
		}
		all = append(all, j.subject(c))
	}
	j.tell(said)
	return all
}

// subject finds the rights of a client, in shares by the role that gives them.
func (j *dynJudge) subject(c *dynClient) *subject {
	s := &subject{name: c.name, client: &c.account, at: c.at}
	order := j.f.order(c, j.said)
	shares := map[string]*share{}
	open := func(e *dynEntry, filter string, may access) {
		template, why := templateOf(filter, false)
		if why != "" {
			j.about(s, e.at, e.text(), true, why)
			return
		}
		name := "role-" + slug(e.role)
		if e.stage == 2 {
			name = "role-default"
		}
		if shares[name] == nil {
			shares[name] = &share{name: name}
			s.shares = append(s.shares, shares[name])
		}
		shares[name].add(template, may, e.at)
	}
	var received, subscribed []*dynEntry
	for _, e := range order {
		if !j.fit(s, e, order) {
			continue
		}
		switch e.kind {
		case dynSend:
			open(e, e.filter, write)
		case dynReceive:
			received = append(received, e)
		case dynLiteral, dynPattern:
			subscribed = append(subscribed, e)
		}
	}
	j.read(s, received, subscribed, order, open)
	s.shares = slices.DeleteFunc(s.shares, func(one *share) bool { return len(one.rights) == 0 })
	return s
}

// fit says whether a rule opens something that can be opened here, and tells if not.
func (j *dynJudge) fit(s *subject, e *dynEntry, order []*dynEntry) bool {
	const control = "$CONTROL"
	system := topic.IsSystem(e.filter)
	switch {
	case e.kind == dynUnLiteral || e.kind == dynUnPattern:
		if !e.allow {
			j.about(s, e.at, e.text(), false, "here a client may always end its subscriptions")
		}
		return false
	case !e.allow:
		return false
	case e.filter == control || strings.HasPrefix(e.filter, control+"/"):
		j.about(s, e.at, e.text(), false, "is for managing mosquitto; here that needs the token of an operator")
		return false
	case system && e.kind == dynSend:
		j.about(s, e.at, e.text(), false, "nobody but the broker publishes to $SYS/")
		return false
	case isVariable(e.filter):
		j.about(s, e.at, e.text(), true, "%u and %c are text in mosquitto 2.0 and variables in later versions; write the template by hand, with "+ourVariable)
		return false
	}
	if e.kind == dynReceive { // see read: only what is subscribed to has to be free of denials
		return true
	}
	deny, whole := denial(e, order)
	switch {
	case deny == nil:
		return true
	case whole:
		j.about(s, e.at, e.text(), false, fmt.Sprintf("opens nothing, as line %d (%s) denies all of it", deny.at.Line, deny.text()))
	default:
		j.denied(s, e, deny)
	}
	return false
}

func (j *dynJudge) denied(s *subject, e, deny *dynEntry) {
	j.about(s, e.at, e.text(), true, fmt.Sprintf("line %d (%s, role %s) denies a part of it, or has the same priority, and nothing is denied here: name what is open instead", deny.at.Line, deny.text(), quoted(deny.role)))
}

// read opens what may be subscribed to and received.
func (j *dynJudge) read(s *subject, received, subscribed, order []*dynEntry, open func(*dynEntry, string, access)) {
	if len(received)*len(subscribed) > maxPairs {
		j.about(s, s.at, "client "+quoted(s.name), true, "has too many rules about what it may receive and subscribe to")
		return
	}
	for _, e := range subscribed {
		if e.kind == dynLiteral && topic.HasWildcard(e.filter) {
			j.about(s, e.at, e.text(), false, "narrower filters are taken too; they show nothing more")
		}
		parts, deny := receivable(e.filter, received, order)
		if slices.ContainsFunc(parts, func(p string) bool { return topic.Covers(p, e.filter) }) {
			open(e, e.filter, read)
			continue
		}
		for _, p := range parts {
			open(e, p, read)
		}
		switch {
		case deny != nil:
			j.denied(s, e, deny)
		case e.stage == 2: // nothing that somebody has written
		case len(parts) == 0:
			j.about(s, e.at, e.text(), false, "opens nothing, as nothing of it may be received")
		default:
			j.about(s, e.at, e.text(), false, "only a part of it may be received, which is what the client has to subscribe to here")
		}
	}
}

// receivable are the parts of a filter that may be received whole; deny is what denies
// something of another part.
func receivable(filter string, received, order []*dynEntry) (parts []string, deny *dynEntry) {
	for _, r := range received {
		part, ok := meet(filter, r.filter)
		if !ok {
			continue
		}
		entry := *r
		entry.part = part
		switch d, whole := denial(&entry, order); {
		case d == nil:
			parts = append(parts, part)
		case !whole:
			deny = d
		}
	}
	return parts, deny
}
