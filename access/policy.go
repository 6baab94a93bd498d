package access

import (
	"slices"
	"strings"
	"sync"

	"gridmq/identity"
)

// A Policy is who may do what in one namespace. It does not change: make another one
// when a topic space, binding or role assignment does.
type Policy struct {
	namespace string
	spaces    []*TopicSpace // sorted by name
	bySpace   map[string]*TopicSpace
	sources   []source // bindings, then role assignments, each sorted by name
	byGroup   map[string][]int
	roles     int // where those of role assignments begin

	mu      sync.Mutex
	classes map[string]*class // by classKey; see intern
}

// A source gives rights: a binding, or a role assignment.
type source struct {
	binding *Binding
	role    *RoleAssignment
}

// NewPolicy makes the policy of a namespace, whose ARM id it needs for the scopes of
// role assignments ("/subscriptions/.../namespaces/plant"). The resources must not
// be changed afterwards. A binding to a topic space that does not exist gives
// nothing.
func NewPolicy(namespace string, spaces []*TopicSpace, bindings []*Binding, roles []*RoleAssignment) *Policy {
	p := &Policy{
		namespace: namespace, roles: len(bindings), byGroup: map[string][]int{}, bySpace: map[string]*TopicSpace{},
		spaces: sortedBy(spaces, func(s *TopicSpace) string { return s.Name }), classes: map[string]*class{},
	}
	for _, s := range p.spaces {
		p.bySpace[fold(s.Name)] = s
	}
	for i, b := range sortedBy(bindings, func(b *Binding) string { return b.Name }) {
		p.sources = append(p.sources, source{binding: b})
		p.byGroup[fold(b.ClientGroup)] = append(p.byGroup[fold(b.ClientGroup)], i)
	}
	for _, r := range sortedBy(roles, func(r *RoleAssignment) string { return r.Name }) {
		p.sources = append(p.sources, source{role: r})
	}
	return p
}

// sortedBy copies list in the order of names: the order decides which of several
// rules is named as the one that allowed something.
func sortedBy[T any](list []T, name func(T) string) []T {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b T) int { return strings.Compare(name(a), name(b)) })
	return list
}

// sourcesOf returns the numbers of those that concern a client, in order.
func (p *Policy) sourcesOf(who *identity.Principal, groups []string) []int {
	var of []int
	if who.Method == identity.DirectoryToken {
		for i := p.roles; i < len(p.sources); i++ {
			if p.sources[i].role.isFor(who) {
				of = append(of, i)
			}
		}
		return of
	}
	of = append(of, p.byGroup[AllClients]...)
	for _, g := range groups {
		of = append(of, p.byGroup[fold(g)]...)
	}
	slices.Sort(of)
	return slices.Compact(of)
}

// A Rule is a right: a permission on the topics of one template, and where it comes
// from.
type Rule struct {
	Permission Permission `json:"permission"`
	// Binding and Group are the permission binding and its client group; empty when
	// the right comes from a role assignment.
	Binding string `json:"permissionBinding,omitempty"`
	Group   string `json:"clientGroup,omitempty"`
	// Role is the name of the role assignment; empty when there is a binding.
	Role     string `json:"roleAssignment,omitempty"`
	Space    string `json:"topicSpace"`
	Template string `json:"topicTemplate,omitempty"` // as written
}

// source says in words where the right comes from.
func (r *Rule) source() string {
	if r.Binding == "" {
		return "role assignment " + r.Role
	}
	return "binding " + r.Binding + " of group " + r.Group
}

// kind is the resource that the right comes from.
func (r *Rule) kind() string {
	if r.Binding == "" {
		return "role assignment"
	}
	return "permission binding"
}

// grants yields what a source gives: the rule without a template, and the space.
func (p *Policy) grants(s source, yield func(Rule, *TopicSpace)) {
	if b := s.binding; b != nil {
		if space := p.bySpace[fold(b.TopicSpace)]; space != nil {
			yield(Rule{Permission: b.Permission, Binding: b.Name, Group: b.ClientGroup, Space: space.Name}, space)
		}
		return
	}
	for _, permission := range []Permission{Publisher, Subscriber} {
		if !s.role.gives(permission) {
			continue
		}
		for _, space := range p.spaces {
			if covers(s.role.Scope, p.namespace, space.Name) {
				yield(Rule{Permission: permission, Role: s.role.Name, Space: space.Name}, space)
			}
		}
	}
}
