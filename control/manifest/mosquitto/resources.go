package mosquitto

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"gridmq/control/manifest"
	"gridmq/identity"
)

// rolesAttribute is the attribute of clients that groups of several ask for. It is not
// called roles, as claims of tokens are, which become attributes too.
const rolesAttribute = "mosquittoRoles"

const (
	maxTemplates  = 10   // of a topic space
	maxNames      = 50   // that a query compares; the server takes 64
	maxQuery      = 3500 // bytes; the server takes 4,096
	maxAttributes = 4000 // bytes of JSON; the server takes less than 4,096
)

// everybody is the group that is there in every namespace.
const everybody = "$all"

// A set is rights, and who has them.
type set struct {
	share   *share
	members []*subject
}

// sets finds who has the same rights. Rights of one's own are made general if another has
// the same ones then.
func sets(all []*subject) (list []*set) {
	general := map[string]int{}
	for _, s := range all {
		for _, one := range s.shares {
			if one.name == "" && s.client != nil {
				general[one.general(s.name).key()]++
			}
		}
	}
	known := map[string]*set{}
	for _, s := range all {
		for _, one := range s.shares {
			if g := one.general(s.name); one.name == "" && s.client != nil && general[g.key()] > 1 {
				one = g
			}
			key := one.key()
			if one.name == "" && s.client == nil { // a query of its own
				key += "\x00" + s.name
			}
			if known[key] == nil {
				known[key] = &set{share: one}
				list = append(list, known[key])
			}
			known[key].members = append(known[key].members, s)
		}
	}
	return list
}

// A builder makes resources.
type builder struct {
	namespace string
	out       []*manifest.Resource
	said      *remarks
	names     namer
	roles     map[*subject][]string // the groups that hold it by its attribute
}

func (b *builder) add(kind *manifest.Kind, name string, at manifest.Source, properties map[string]any) {
	b.out = append(b.out, &manifest.Resource{Kind: kind, Namespace: b.namespace, Name: name,
		Body: map[string]any{"properties": properties}, Source: at})
}

// build makes the resources of all subjects.
func (b *builder) build(all []*subject) {
	for _, one := range sets(all) {
		b.set(one, all)
	}
	for _, s := range all {
		if s.client != nil {
			b.client(s)
		}
	}
}

// excluded are the users who are not of a set, for one that has everybody else in it.
func excluded(all []*subject, from *set) (names []string) {
	for _, s := range all {
		if !s.other && !slices.Contains(from.members, s) {
			names = append(names, s.name)
		}
	}
	return names
}

// set makes a group, its topic spaces and its bindings.
func (b *builder) set(s *set, all []*subject) {
	base := s.share.name
	if base == "" {
		base = "acl-" + slug(s.members[0].name)
		if len(s.members) > 1 {
			base += "-etc"
		}
	}
	base = b.names.name(base)
	query, why := b.query(s, base, all)
	if why != "" {
		b.said.lost(s.share.at, "group "+base, "%s", why)
		return
	}
	group := base
	if query == "" {
		group = everybody
	} else {
		b.add(manifest.ClientGroup, group, s.share.at, map[string]any{"query": query})
	}
	for _, one := range []struct {
		may    access
		suffix string
	}{{read | write, "rw"}, {read, "read"}, {write, "write"}} {
		var templates []any
		for _, r := range s.share.rights {
			if r.may == one.may {
				templates = append(templates, r.template)
			}
		}
		for i := 0; i*maxTemplates < len(templates); i++ {
			name := base + "-" + one.suffix
			if i > 0 {
				name = fmt.Sprintf("%s-%d", name, i+1)
			}
			b.space(group, name, s.share.at, one.may, templates[i*maxTemplates:min(len(templates), (i+1)*maxTemplates)])
		}
	}
}

func (b *builder) space(group, name string, at manifest.Source, may access, templates []any) {
	b.add(manifest.TopicSpace, name, at, map[string]any{"topicTemplates": templates})
	for _, one := range []struct {
		may                access
		permission, suffix string
	}{{write, "Publisher", "pub"}, {read, "Subscriber", "sub"}} {
		if may&one.may != 0 {
			b.add(manifest.PermissionBinding, name+"-"+one.suffix, at,
				map[string]any{"clientGroupName": group, "topicSpaceName": name, "permission": one.permission})
		}
	}
}

// query finds the members of a set; empty: it has all clients. Members of which no client
// is made are named.
func (b *builder) query(s *set, group string, all []*subject) (query, why string) {
	var parts, named []string
	for _, m := range s.members {
		switch {
		case m.other:
			return everybodyElse(excluded(all, s))
		case m.client == nil || len(s.members) == 1 && !m.client.unnameable():
			named = append(named, m.name)
		default:
			b.roles[m] = append(b.roles[m], group)
		}
	}
	if len(named) < len(s.members) {
		parts = append(parts, fmt.Sprintf("attributes.%s = '%s'", rolesAttribute, group))
	}
	more, wrong := comparisons(named, "=")
	if wrong != "" {
		return "", "no query can name user " + quoted(wrong) + ", which has both kinds of quotes"
	}
	if query, ok := joined(append(parts, more...), " or "); ok {
		return query, ""
	}
	return "", fmt.Sprintf("no query can name its %d members; give the password file, so that clients can be made", len(named))
}

// everybodyElse is a query for all but some.
func everybodyElse(names []string) (query, why string) {
	parts, wrong := comparisons(names, "<>")
	if wrong != "" {
		return "", "no query can leave out user " + quoted(wrong) + ", which has both kinds of quotes"
	}
	if query, ok := joined(parts, " and "); ok {
		return query, ""
	}
	return "", fmt.Sprintf("no query can leave out the %d users that have rules of their own; give the password file, so that clients can be made", len(names))
}

// comparisons compare the name of a client with each of names; wrong is one that no query
// can spell.
func comparisons(names []string, operator string) (parts []string, wrong string) {
	for _, name := range names {
		text, ok := queryString(name)
		if !ok {
			return nil, name
		}
		parts = append(parts, "authenticationName "+operator+" "+text)
	}
	return parts, ""
}

// joined is a query of parts, unless it is more than the server takes.
func joined(parts []string, by string) (query string, ok bool) {
	query = strings.Join(parts, by)
	return query, len(parts) <= maxNames && len(query) <= maxQuery
}

// unnameable is whether no query can name the account.
func (a *account) unnameable() bool {
	_, ok := queryString(a.name)
	return !ok
}

// queryString is a string as queries spell it, which have no escapes.
func queryString(s string) (text string, ok bool) {
	for _, quote := range []string{"'", `"`} {
		if !strings.Contains(s, quote) {
			return quote + s + quote, true
		}
	}
	return "", false
}

// client makes the client of a subject.
func (b *builder) client(s *subject) {
	c := s.client
	properties := map[string]any{}
	if reason := identity.CheckAuthenticationName(c.name); reason != "" {
		b.said.lost(c.at, "user "+quoted(c.name), "%s", reason)
		return
	}
	name := clientName(c.name)
	if name != c.name {
		properties["authenticationName"] = c.name
	}
	if roles := b.roles[s]; len(roles) > 0 {
		if text, _ := json.Marshal(roles); len(text) > maxAttributes {
			b.said.lost(c.at, "user "+quoted(c.name), "is in %d groups, more than the attributes of a client can hold; it gets none", len(roles))
		} else {
			list := make([]any, len(roles))
			for i := range roles {
				list[i] = roles[i]
			}
			properties["attributes"] = map[string]any{rolesAttribute: list}
		}
	}
	if c.disabled {
		properties["state"] = "Disabled"
	}
	if c.description != "" {
		properties["description"] = c.description
	}
	if c.hash != "" {
		properties["gridmq"] = map[string]any{"passwordHash": c.hash}
	}
	b.add(manifest.Client, name, c.at, properties)
}
