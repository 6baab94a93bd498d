package identity

import (
	"slices"
	"strings"
)

// AllClients is the built-in group that holds every client, registered or not. It
// can be neither changed nor deleted.
const AllClients = "$all"

const maxGroupDescription = 4096 // characters

// A Group is a set of clients given by a query over their names and attributes. It
// does not change. Source: spec/access-control.md, section 2.
type Group struct {
	Name        string
	Query       *Query
	Description string
}

// DecodeGroup reads the properties of a client group. The error is a joined
// *FieldError for everything wrong.
func DecodeGroup(name string, properties []byte) (*Group, error) {
	p := ReadProperties(properties)
	g := &Group{Name: name}
	if name == AllClients {
		p.Fail("name", AllClients+" is built in and cannot be changed")
	} else {
		p.Join(CheckName(name))
	}
	text, given := p.Text("query", MaxQuery)
	if given {
		var err error
		if g.Query, err = ParseQuery(text); err != nil {
			p.Fail("query", err.Error())
		}
	} else if _, wrong := p.Raw("query"); !wrong {
		p.Fail("query", `want a query, as: attributes.kind = "press"`)
	}
	g.Description, _ = p.Text("description", maxGroupDescription)
	if err := p.Err(); err != nil {
		return nil, err
	}
	return g, nil
}

// Encode writes the properties.
func (g *Group) Encode() []byte {
	return EncodeProperties(struct {
		Description string `json:"description,omitempty"`
		Query       string `json:"query"`
	}{g.Description, g.Query.String()})
}

// Replaces says whether g may take the place of old, which may be nil: always,
// since nothing of a group is immutable.
func (g *Group) Replaces(*Group) error { return nil }

// Holds says whether a client is in the group.
func (g *Group) Holds(p *Principal) bool { return g.Query.Matches(p.Name, p.Attributes) }

// SetGroups replaces the groups of the namespace; [AllClients] is not among them.
// Who reads sees the old ones or the new ones, never a mixture.
func (r *Registry) SetGroups(groups []*Group) {
	sorted := slices.Clone(groups)
	slices.SortFunc(sorted, func(a, b *Group) int { return strings.Compare(a.Name, b.Name) })
	r.groups.Store(&sorted)
}

// GroupsOf returns the names of the groups that hold p, sorted; [AllClients] is
// always one, and the first.
func (r *Registry) GroupsOf(p *Principal) []string {
	in := []string{AllClients}
	if groups := r.groups.Load(); groups != nil {
		for _, g := range *groups {
			if g.Holds(p) {
				in = append(in, g.Name)
			}
		}
	}
	return in
}
