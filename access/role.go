package access

import (
	"slices"
	"strings"

	"gridmq/identity"
)

// The data actions that concern topic spaces.
const (
	PublishAction   = "Microsoft.EventGrid/topicSpaces/publish/action"
	SubscribeAction = "Microsoft.EventGrid/topicSpaces/subscribe/action"
)

// The data actions that concern namespace topics: to publish events; to receive and
// settle them. Source: spec/namespace-topics.md, section 4.5.
const (
	SendAction    = "Microsoft.EventGrid/events/send/action"
	ReceiveAction = "Microsoft.EventGrid/events/receive/action"
)

// The built-in roles that have data actions. The other roles are for other doors.
const (
	PublisherRole   = "EventGrid TopicSpaces Publisher"
	SubscriberRole  = "EventGrid TopicSpaces Subscriber"
	SenderRole      = "EventGrid Data Sender"
	ReceiverRole    = "EventGrid Data Receiver"
	ContributorRole = "EventGrid Data Contributor"
)

// roleActions has the built-in roles by name and by id, in lower case.
var roleActions = map[string][]string{
	fold(PublisherRole):                    {PublishAction},
	"a12b0b94-b317-4dcd-84a8-502ce99884c6": {PublishAction},
	fold(SubscriberRole):                   {SubscribeAction},
	"4b0f2fd7-60b4-4eca-896f-4435034f8bf5": {SubscribeAction},
	fold(SenderRole):                       {SendAction},
	"d5a91429-5739-47e2-a06b-3470a27159e7": {SendAction},
	fold(ReceiverRole):                     {ReceiveAction},
	"78cbd9e7-9798-4e2e-9b5a-547d9ebb31fb": {ReceiveAction},
	fold(ContributorRole):                  {SendAction, ReceiveAction},
	"1d8c3fe3-8864-474b-8749-01e3783e8157": {SendAction, ReceiveAction},
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
	// A role without data actions gives nothing here.
	Role string
	// DataActions and NotDataActions are those of a custom role, '*' for any text.
	// What is in both is not given.
	DataActions, NotDataActions []string
	// Scope is the ARM path of a subscription, resource group, namespace, topic
	// space or namespace topic, and includes everything below it.
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
		p.Fail("scope", "want /subscriptions/{s}, continued with /resourceGroups/{g}, /providers/Microsoft.EventGrid/namespaces/{n} and /topicSpaces/{t} or /topics/{t} as far as wanted")
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
	return a.has([...]string{PublishAction, SubscribeAction}[p])
}

// has says whether the role has one of the data actions above.
func (a *RoleAssignment) has(want string) bool {
	role := strings.TrimRight(a.Role, "/")
	role = role[strings.LastIndexByte(role, '/')+1:]
	if strings.EqualFold(a.Role, want) || slices.Contains(roleActions[fold(role)], want) {
		return true
	}
	return anyAction(a.DataActions, want) && !anyAction(a.NotDataActions, want)
}

// Allows says whether a gives who a data action at the resource of that ARM id: a
// namespace or a topic of it (".../namespaces/plant/topics/orders").
// Source: spec/namespace-topics.md, section 4.5.
func (a *RoleAssignment) Allows(who *identity.Principal, action, id string) bool {
	return a.has(action) && a.isFor(who) && contains(a.Scope, id)
}

// contains says whether the resource of that id is scope, or below it.
func contains(scope, id string) bool {
	at, want := segments(scope), segments(id)
	if !strings.HasPrefix(scope, "/") || len(at) > len(want) {
		return false
	}
	switch len(at) { // a subscription, group, namespace, or part of one
	case 2, 4, 8, 10:
		return slices.Equal(at, want[:len(at)])
	}
	return false
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
