package access

import (
	"encoding/json"
	"strings"
)

// AllClients is the group that every client is in. It has no resource.
const AllClients = "$all"

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
	var f faults
	f.name(name)
	read := f.object(properties)
	b := &Binding{
		Name:        name,
		ClientGroup: f.resource("clientGroupName", read["clientgroupname"], AllClients),
		TopicSpace:  f.resource("topicSpaceName", read["topicspacename"], ""),
		Permission:  f.permission(read["permission"]),
		Description: f.text("description", read["description"], maxDescription),
	}
	if err := f.err(); err != nil {
		return nil, err
	}
	return b, nil
}

// resource reads the name of another resource, or the one that is built in.
func (f *faults) resource(field string, raw json.RawMessage, builtIn string) string {
	before := len(*f)
	s := f.text(field, raw, 50)
	switch {
	case len(*f) > before:
	case builtIn != "" && strings.EqualFold(s, builtIn):
		return builtIn
	case s == "":
		f.add(field, "is required")
	case !validName(s):
		f.add(field, "want a name of 3 to 50 letters, digits and hyphens")
	}
	return s
}

func (f *faults) permission(raw json.RawMessage) Permission {
	before := len(*f)
	s := f.text("permission", raw, 50)
	switch {
	case strings.EqualFold(s, "Subscriber"):
		return Subscriber
	case len(*f) == before && !strings.EqualFold(s, "Publisher"):
		f.add("permission", "want Publisher or Subscriber")
	}
	return Publisher
}

// Encode writes the properties of b.
func (b *Binding) Encode() []byte {
	return encode(struct {
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
