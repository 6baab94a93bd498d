package access

import (
	"strings"

	"gridmq/identity"
)

// The data actions that concern topic spaces.
const (
	PublishAction   = "Microsoft.EventGrid/topicSpaces/publish/action"
	SubscribeAction = "Microsoft.EventGrid/topicSpaces/subscribe/action"
)

// The built-in roles that have them. The other roles are for other doors.
const (
	PublisherRole  = "EventGrid TopicSpaces Publisher"
	SubscriberRole = "EventGrid TopicSpaces Subscriber"
)

// roleActions has the built-in roles by name and by id, in lower case.
var roleActions = map[string]string{
	fold(PublisherRole):                    PublishAction,
	"a12b0b94-b317-4dcd-84a8-502ce99884c6": PublishAction,
	fold(SubscriberRole):                   SubscribeAction,
	"4b0f2fd7-60b4-4eca-896f-4435034f8bf5": SubscribeAction,
}

const (
	maxRoleText    = 1024 // characters of a role, principal or scope
	maxDataActions = 100
)

// A RoleAssignment gives clients that come with a directory token a role in a scope.
// Source: spec/identity.md, section 4.
type RoleAssignment struct {
	Name string
	// Principal is the object id of a user, service or group of the directory.
	Principal string
	// PrincipalType is "User", "ServicePrincipal" or "Group"; empty: any of them.
	PrincipalType string
	// Role is a built-in role by its name, its id or the ARM id of its definition;
	// one of the data actions; or the name of a custom role, which has DataActions.
	// A role that knows nothing of topic spaces gives nothing.
	Role string
	// DataActions and NotDataActions are those of a custom role, '*' for any text.
	// What is in both is not given.
	DataActions, NotDataActions []string
	// Scope is the ARM path of a subscription, resource group, namespace or topic
	// space, and includes everything below it.
	Scope string
}

// DecodeRoleAssignment reads the properties of roleAssignments/{name}. "principal"
// and "role" are read as "principalId" and "roleDefinitionId". The error joins an
// *identity.FieldError for each fault.
func DecodeRoleAssignment(name string, properties []byte) (*RoleAssignment, error) {
	p := identity.ReadProperties(properties)
	if err := p.Err(); err != nil { // there are no members to speak of
		return nil, err
	}
	if name == "" || len(name) > 128 || strings.ContainsAny(name, "/\x00") {
		p.Fail("name", "want 1 to 128 characters without '/'")
	}
	a := &RoleAssignment{
		Name:      name,
		Principal: required(p, "principalId", "principal"),
		Role:      required(p, "roleDefinitionId", "role"),
		Scope:     required(p, "scope", ""),
	}
	if at, given := p.Enum("principalType", principalTypes...); given {
		a.PrincipalType = principalTypes[at]
	}
	a.DataActions, _ = p.Texts("dataActions", maxDataActions)
	a.NotDataActions, _ = p.Texts("notDataActions", maxDataActions)
	if a.Scope != "" && !validScope(a.Scope) {
		p.Fail("scope", "want /subscriptions/{s}, continued with /resourceGroups/{g}, /providers/Microsoft.EventGrid/namespaces/{n} and /topicSpaces/{t} as far as wanted")
	}
	if err := p.Err(); err != nil {
		return nil, err
	}
	return a, nil
}

var principalTypes = []string{"", "User", "ServicePrincipal", "Group"}

// required reads a text that must not be empty, under either of its two names.
func required(p *identity.Properties, field, synonym string) string {
	name := field
	if _, given := p.Raw(field); !given && synonym != "" {
		if _, given := p.Raw(synonym); given {
			name = synonym
		}
	}
	s, ok := p.Text(name, maxRoleText)
	if _, given := p.Raw(name); s == "" && (ok || !given) {
		p.Fail(field, "is required")
	}
	return s
}

// Encode writes the properties of a.
func (a *RoleAssignment) Encode() []byte {
	return identity.EncodeProperties(struct {
		PrincipalID      string   `json:"principalId"`
		PrincipalType    string   `json:"principalType,omitempty"`
		RoleDefinitionID string   `json:"roleDefinitionId"`
		Scope            string   `json:"scope"`
		DataActions      []string `json:"dataActions,omitempty"`
		NotDataActions   []string `json:"notDataActions,omitempty"`
	}{a.Principal, a.PrincipalType, a.Role, a.Scope, a.DataActions, a.NotDataActions})
}

// Replaces says whether a may take the place of old, which may be nil. As in Resource
// Manager, neither principal nor scope of an assignment can change: another one is
// made for those.
func (a *RoleAssignment) Replaces(old *RoleAssignment) error {
	p := identity.ReadProperties(nil)
	if old != nil && objectID(a.Principal) != objectID(old.Principal) {
		p.Fail("principalId", "cannot change; make another role assignment")
	}
	if old != nil && !sameScope(a.Scope, old.Scope) {
		p.Fail("scope", "cannot change; make another role assignment")
	}
	return p.Err()
}

// gives says whether the role has the permission.
func (a *RoleAssignment) gives(p Permission) bool {
	want := [...]string{PublishAction, SubscribeAction}[p]
	role := strings.TrimRight(a.Role, "/")
	role = role[strings.LastIndexByte(role, '/')+1:]
	if strings.EqualFold(a.Role, want) || roleActions[fold(role)] == want {
		return true
	}
	return anyAction(a.DataActions, want) && !anyAction(a.NotDataActions, want)
}

func anyAction(patterns []string, action string) bool {
	for _, p := range patterns {
		if matchAction(fold(p), fold(action)) {
			return true
		}
	}
	return false
}

// matchAction says whether a pattern in which '*' is any text fits all of s. It goes
// forward only: the first place where the text between two stars is found is as
// good as a later one.
func matchAction(pattern, s string) bool {
	first, rest, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == s
	}
	s, ok := strings.CutPrefix(s, first)
	for ok {
		if first, rest, star = strings.Cut(rest, "*"); !star {
			return strings.HasSuffix(s, first)
		}
		_, s, ok = strings.Cut(s, first)
	}
	return false
}

// isFor says whether the assignment concerns a client.
func (a *RoleAssignment) isFor(who *identity.Principal) bool {
	id := objectID(a.Principal)
	if a.PrincipalType != "Group" && who.Object != "" && objectID(who.Object) == id {
		return true
	}
	if a.PrincipalType == "" || a.PrincipalType == "Group" {
		for _, g := range who.Groups {
			if g != "" && objectID(g) == id {
				return true
			}
		}
	}
	return false
}

// objectID gives the spelling to compare. Ids of a directory are UUIDs, whose letters
// have no case; where it takes another claim for the id, case may tell people apart.
func objectID(s string) string {
	if len(s) != 36 {
		return s
	}
	for i := range len(s) {
		c := s[i]
		hex := '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
		if dash := i == 8 || i == 13 || i == 18 || i == 23; dash && c != '-' || !dash && !hex {
			return s
		}
	}
	return fold(s)
}
