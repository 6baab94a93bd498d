// Package role is who may do what where, in the form of Resource Manager: built-in
// roles, and assignments of them to objects of a directory at a scope.
//
// Units: none. Errors: joined *identity.FieldError.
// Source: spec/namespace-topics.md, section 4.5; spec/control-plane.md, sections 9, 10.
package role

import (
	"fmt"
	"strings"

	"gridmq/access"
	"gridmq/identity"
)

// A Definition is a built-in role.
type Definition struct {
	ID, Name    string
	Description string
	Actions     []string // of the management plane; "*" stands for anything
	NotActions  []string
	DataActions []string
}

const (
	provider = "Microsoft.EventGrid/"
	anything = "*"
)

// Ids of roles that others speak of.
const (
	Owner                 = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
	Contributor           = "b24988ac-6180-42a0-ab88-20f7382dd24c"
	Reader                = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
	TopicSpacesPublisher  = "a12b0b94-b317-4dcd-84a8-502ce99884c6"
	TopicSpacesSubscriber = "4b0f2fd7-60b4-4eca-896f-4435034f8bf5"
)

// Definitions are all roles there are.
var Definitions = []Definition{
	{ID: Owner, Name: "Owner", Description: "Everything, and who may do what.", Actions: []string{anything}},
	{ID: Contributor, Name: "Contributor", Description: "Everything but who may do what.", Actions: []string{anything},
		NotActions: []string{"Microsoft.Authorization/*/write", "Microsoft.Authorization/*/delete", "gridmq/operators/*", "gridmq/backup/*"}}, // which holds everybody's secrets
	{ID: Reader, Name: "Reader", Description: "Reads everything but keys.", Actions: []string{"*/read"}},
	{ID: "1e241071-0855-49ea-94dc-649edcd759de", Name: "EventGrid Contributor",
		Description: "Manages all resources of Event Grid.",
		Actions:     []string{provider + anything, "Microsoft.Resources/*/read", "gridmq/namespaces/*", "gridmq/audit/read"}},
	{ID: "428e0ff0-5e57-4d9c-a221-2c70d0e0a443", Name: "EventGrid EventSubscription Contributor",
		Description: "Manages event subscriptions.",
		Actions:     []string{provider + "namespaces/topics/eventSubscriptions/*", provider + "namespaces/read", provider + "namespaces/topics/read"}},
	{ID: "2414bbcf-6497-4faf-8c65-045460748405", Name: "EventGrid EventSubscription Reader",
		Description: "Reads event subscriptions.", Actions: []string{provider + "namespaces/topics/eventSubscriptions/read"}},
	{ID: "1d8c3fe3-8864-474b-8749-01e3783e8157", Name: "EventGrid Data Contributor",
		Description: "Sends and receives events.", DataActions: []string{provider + "events/send/action", provider + "events/receive/action"}},
	{ID: "d5a91429-5739-47e2-a06b-3470a27159e7", Name: "EventGrid Data Sender",
		Description: "Sends events.", DataActions: []string{provider + "events/send/action"}},
	{ID: "78cbd9e7-9798-4e2e-9b5a-547d9ebb31fb", Name: "EventGrid Data Receiver",
		Description: "Receives events.", DataActions: []string{provider + "events/receive/action"}},
	{ID: TopicSpacesPublisher, Name: "EventGrid TopicSpaces Publisher",
		Description: "Publishes over MQTT.", DataActions: []string{provider + "topicSpaces/publish/action"}},
	{ID: TopicSpacesSubscriber, Name: "EventGrid TopicSpaces Subscriber",
		Description: "Subscribes over MQTT.", DataActions: []string{provider + "topicSpaces/subscribe/action"}},
}

// ByID finds a role by its id, or by a resource id that ends in it; nil if unknown.
func ByID(id string) *Definition {
	id = id[strings.LastIndexByte(id, '/')+1:]
	for i := range Definitions {
		if strings.EqualFold(Definitions[i].ID, id) {
			return &Definitions[i]
		}
	}
	return nil
}

// Allows says whether the role holds an action of the management plane.
func (d *Definition) Allows(action string) bool {
	for _, not := range d.NotActions {
		if matches(not, action) {
			return false
		}
	}
	for _, a := range d.Actions {
		if matches(a, action) {
			return true
		}
	}
	return false
}

// matches compares ignoring case; a "*" in pattern stands for any text.
func matches(pattern, action string) bool {
	pattern, action = strings.ToLower(pattern), strings.ToLower(action)
	before, after, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == action
	}
	return len(action) >= len(before)+len(after) && strings.HasPrefix(action, before) && strings.HasSuffix(action, after)
}

// Covers says whether a scope holds a resource id: it is the same, or above it.
// The root "/" holds all.
func Covers(scope, id string) bool {
	scope, id = strings.ToLower(strings.Trim(scope, "/")), strings.ToLower(strings.Trim(id, "/"))
	return scope == "" || id == scope || strings.HasPrefix(id, scope+"/")
}

// principalTypes are what an assignment may be for.
var principalTypes = []string{"User", "Group", "ServicePrincipal"}

// An Assignment gives a role to an object of a directory. Where it holds (its
// scope) is the resource that it lies at.
type Assignment struct {
	Name          string
	Role          *Definition
	PrincipalID   string
	PrincipalType string // empty: any
	Description   string
}

const maxText = 1024

// Decode reads the properties of an assignment.
func Decode(name string, properties []byte) (*Assignment, error) {
	p := identity.ReadProperties(properties)
	a := &Assignment{Name: name}
	if len(name) < 1 || len(name) > 64 || strings.ContainsAny(name, "/\\?#%") {
		p.Fail("name", "want 1 to 64 characters, usually a UUID")
	}
	id, given := p.Text("roleDefinitionId", maxText)
	if a.Role = ByID(id); a.Role == nil {
		if _, wrong := p.Raw("roleDefinitionId"); given || !wrong {
			p.Fail("roleDefinitionId", "want the id of a built-in role")
		}
	}
	if a.PrincipalID, given = p.Text("principalId", 256); a.PrincipalID == "" {
		if _, wrong := p.Raw("principalId"); given || !wrong {
			p.Fail("principalId", "is required: the object id in the directory")
		}
	}
	if at, given := p.Enum("principalType", principalTypes...); given {
		a.PrincipalType = principalTypes[at]
	}
	a.Description, _ = p.Text("description", maxText)
	if err := p.Err(); err != nil {
		return nil, err
	}
	return a, nil
}

// Encode writes the properties.
func (a *Assignment) Encode() []byte {
	return identity.EncodeProperties(struct {
		Role          string `json:"roleDefinitionId"`
		PrincipalID   string `json:"principalId"`
		PrincipalType string `json:"principalType,omitempty"`
		Description   string `json:"description,omitempty"`
	}{DefinitionID(a.Role), a.PrincipalID, a.PrincipalType, a.Description})
}

// Replaces says whether a may take the place of old: the engine refuses changes.
func (a *Assignment) Replaces(*Assignment) error { return nil }

// Access is what an assignment at a scope means for clients. An error says that it
// means nothing to them, as at the root, which is for operators.
func (a *Assignment) Access(scope string) (*access.RoleAssignment, error) {
	return access.DecodeRoleAssignment(a.Name, identity.EncodeProperties(map[string]string{
		"principalId": a.PrincipalID, "principalType": a.PrincipalType, "roleDefinitionId": DefinitionID(a.Role), "scope": scope}))
}

// DefinitionID is the resource id of a role.
func DefinitionID(d *Definition) string {
	return fmt.Sprintf("/providers/Microsoft.Authorization/roleDefinitions/%s", d.ID)
}
