package access

import (
	"strings"

	"gridmq/identity"
)

const maxDescription = 4096 // characters

// AllClients is the group that every client is in. It has no resource.
const AllClients = identity.AllClients

// A Permission is what a binding gives on a topic space. One does not include the
// other.
type Permission uint8

const (
	Publisher  Permission = iota // may publish to the topics
	Subscriber                   // may subscribe to filters within the topics
)

func (p Permission) String() string { return [...]string{"Publisher", "Subscriber"}[p] }

// MarshalText is for JSON.
func (p Permission) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// verb completes "may ... topics of".
func (p Permission) verb() string { return [...]string{"publish to", "subscribe to"}[p] }

// A Binding gives the clients of a group a permission on a topic space.
// Source: spec/access-control.md, section 4.
type Binding struct {
	Name string
	// ClientGroup and TopicSpace are names, looked up ignoring case. That they
	// exist is for the caller to check; a missing one gives nothing.
	ClientGroup, TopicSpace string
	Permission              Permission
	Description             string
}

// DecodeBinding reads the properties of permissionBindings/{name}. The error joins
// an *identity.FieldError for each fault.
func DecodeBinding(name string, properties []byte) (*Binding, error) {
	p := identity.ReadProperties(properties)
	if err := p.Err(); err != nil { // there are no members to speak of
		return nil, err
	}
	p.Join(identity.CheckName(name))
	b := &Binding{
		Name:        name,
		ClientGroup: nameOf(p, "clientGroupName", AllClients),
		TopicSpace:  nameOf(p, "topicSpaceName", ""),
	}
	if at, ok := p.Enum("permission", Publisher.String(), Subscriber.String()); ok {
		b.Permission = Permission(at)
	} else if _, given := p.Raw("permission"); !given {
		p.Fail("permission", "is required: Publisher or Subscriber")
	}
	b.Description, _ = p.Text("description", maxDescription)
	if err := p.Err(); err != nil {
		return nil, err
	}
	return b, nil
}

// nameOf reads the name of another resource, or the one that is built in.
func nameOf(p *identity.Properties, field, builtIn string) string {
	s, ok := p.Text(field, 50)
	_, given := p.Raw(field)
	switch {
	case given && !ok: // and it has been said why
	case builtIn != "" && strings.EqualFold(s, builtIn):
		return builtIn
	case s == "":
		p.Fail(field, "is required")
	case identity.CheckName(s) != nil:
		p.Fail(field, "want a name of 3 to 50 letters, digits and hyphens")
	}
	return s
}

// Encode writes the properties of b.
func (b *Binding) Encode() []byte {
	return identity.EncodeProperties(struct {
		ClientGroupName string `json:"clientGroupName"`
		TopicSpaceName  string `json:"topicSpaceName"`
		Permission      string `json:"permission"`
		Description     string `json:"description,omitempty"`
	}{b.ClientGroup, b.TopicSpace, b.Permission.String(), b.Description})
}

// Replaces says whether b may take the place of old, which may be nil: always, as
// nothing of a binding is fixed.
func (b *Binding) Replaces(*Binding) error { return nil }

// fold makes names equal that differ in the case of letters; they are ASCII.
func fold(name string) string { return strings.ToLower(name) }
