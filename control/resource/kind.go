package resource

import (
	"context"
	"encoding/json"

	"gridmq/identity"
)

// Names of kinds that others speak of.
const (
	Namespaces      = "namespaces"
	ResourceGroups  = "resourceGroups"
	RoleAssignments = "roleAssignments"
	Operators       = "operators"
	Bans            = "bans"
	Topics          = "topics"
	Subscriptions   = "eventSubscriptions"

	CustomTopics        = "customTopics"
	CustomSubscriptions = "customTopicSubscriptions"
)

// Actions of kinds.
const (
	ListKeys        = "listKeys"
	RegenerateKey   = "regenerateKey"
	ValidateDomains = "validateCustomDomainOwnership"
	FullURL         = "getFullUrl"
	Attributes      = "getDeliveryAttributes"
)

// A Kind is one sort of resource: how it is found in paths, and what the room
// that owns its noun says about it. Functions that are nil ask for nothing.
type Kind struct {
	Name string // in paths and keys, as "clientGroups"
	Type string // of Resource Manager, as "Microsoft.EventGrid/namespaces/clientGroups"
	// Parent is the kind below which it lies; empty: below the namespace. Its
	// names are then "<parent's name>/<name>".
	Parent string
	// Order is where it stands in a replay: after everything it may refer to.
	Order int
	// CaseSensitive is whether names differ by case.
	CaseSensitive bool
	// Extension is whether it is ours alone, outside of Resource Manager's tree.
	Extension bool
	// Apart is whether it lies below a resource group, beside namespaces, or below what
	// does: Name is then for keys only, and paths have the last word of Type.
	Apart bool
	// Actions are what a POST can do with one, as "listKeys".
	Actions []string
	// Patchable is whether PATCH works.
	Patchable bool
	// Frozen is whether a PUT that changes something is refused.
	Frozen bool
	// Compact is whether there may be so many that only their JSON is kept.
	Compact bool
	// Limit is how many a namespace may have at most by itself; see Options.Quota.
	Limit int
	// Crowd names those that are counted together whatever namespace they are in, and
	// CrowdLimit is how many that may be. "" counts with nobody.
	Crowd      func(*Resource) string
	CrowdLimit int

	// Decode reads a request, Load what Stored wrote. Both get the JSON object of
	// the whole resource. Errors are joined *identity.FieldError.
	Decode, Load func(name string, body []byte) (any, error)
	// Fill puts into what is asked for what the request did not mention and is kept:
	// see namespace.Fill. All are trees.
	Fill func(asked, request, stored any, patch bool) any
	// Replaces says whether noun may take old's place (nil: there is none), and
	// lets it take over what a request cannot bring.
	Replaces func(noun, old any) error
	// Shown and Stored write the JSON object of the resource, without and with secrets.
	Shown, Stored func(noun any) []byte
	// Claims is what no other resource may have.
	Claims func(namespace string, noun any) []Claim
	// Referred is whether References of other kinds may name this one.
	Referred bool
	// References are resources that must exist as long as this one.
	References func(noun any) []Reference
	// Fits says whether noun may lie below its parent in a namespace, Holds whether
	// noun may be as it is with one that lies below it.
	Fits  func(noun, parent, namespace any) error
	Holds func(noun, below any) error
	// Prepare does what takes time, before the write. It may change noun.
	Prepare func(ctx context.Context, noun, old any) error
	// Asks is what somebody outside has to agree to before noun takes old's place (nil:
	// there is none); empty: nothing. Ask asks, once for each such text, without a lock
	// and not in a dry run: it may take as long as the request.
	Asks func(noun, old any) string
	Ask  func(ctx context.Context, namespace string, noun any) error
	// Keeps are members that not every api-version knows.
	Keeps []Versioned

	whole bool // faults name paths from the top of the resource, not below properties
}

// A Claim is something that one resource has and no other may have.
type Claim struct {
	Scope   string // a namespace in lower case, or Process
	Value   string // as "name/press-07", compared exactly
	Reason  Reason // of the error, when it is another's
	Field   string // as "properties.authenticationName"
	Message string // what to tell, with the other's name behind it
}

// A Reference is to a resource of the same namespace.
type Reference struct {
	Kind, Name string
	Field      string // as "properties.clientGroupName"
}

// A Versioned member is left as stored by a request of an api-version that does
// not know it.
type Versioned struct {
	Path  string // as "properties.topicSpacesConfiguration.clientAuthentication"
	Since string // first api-version with it
	Lacks string // a later one without it
	// Inside is whether it only makes sense in an object that is given.
	Inside bool
}

func (v Versioned) knownTo(version string) bool {
	return version == "" || version >= v.Since && version != v.Lacks
}

// noun is what children of a namespace have in common.
type noun[T any] interface {
	Encode() []byte
	Replaces(old T) error
}

// child makes a kind of a noun whose JSON is the member properties.
func child[T noun[T]](name string, order int, decode func(string, []byte) (T, error)) *Kind {
	read := func(name string, body []byte) (any, error) {
		properties, err := properties(body)
		if err != nil {
			return nil, err
		}
		n, err := decode(name, properties)
		if err != nil {
			return nil, err
		}
		return n, nil
	}
	show := func(n any) []byte { return wrap(n.(T).Encode()) }
	return &Kind{
		Name: name, Type: "Microsoft.EventGrid/namespaces/" + name, Order: order,
		Decode: read, Load: read, Shown: show, Stored: show,
		Replaces: func(n, old any) error {
			was, _ := old.(T)
			return n.(T).Replaces(was)
		},
	}
}

// properties is that member of a resource; null and nothing are an empty object.
func properties(body []byte) ([]byte, error) {
	var o struct{ Properties json.RawMessage } // in any case; twice is refused before
	if err := json.Unmarshal(body, &o); err != nil {
		return nil, &identity.FieldError{Reason: "want a JSON object"}
	}
	if o.Properties == nil {
		return []byte("{}"), nil
	}
	return o.Properties, nil
}

func wrap(properties []byte) []byte {
	return append(append([]byte(`{"properties":`), properties...), '}')
}

// Read is a noun of a kind from the properties of a resource, which no resource need
// have. The error is an *Error when the properties are wrong.
func Read(k *Kind, name string, properties []byte) (any, error) {
	if len(properties) == 0 {
		properties = []byte("{}")
	}
	noun, err := k.Decode(name, wrap(properties))
	if err != nil {
		return nil, invalid(k, err)
	}
	return noun, nil
}
