package resource

import (
	"strings"

	"gridmq/control/audit"
)

// An Actor is who asks for a change.
type Actor struct {
	Name string
	Type string // User, Application, ManagedIdentity or Key, as in systemData
	From string // address
}

// A Match is a condition on what is there. The zero value has none.
type Match struct {
	Revision uint64 // it is exactly this one
	Exists   bool   // If-Match: *
	New      bool   // If-None-Match: *
}

// A Request asks for a change of one resource.
type Request struct {
	Kind      *Kind
	Namespace string // in any case; Process
	Name      string // as spelled by the caller, with its parent's
	Match     Match
	DryRun    bool // say what would happen
	Actor     Actor
	// ID, Operation and RequestID are for the audit log.
	ID, Operation, RequestID string
}

func (r *Request) key() Key { return NewKey(r.Namespace, r.Kind, r.Name) }

func (r *Request) audit(members []string) audit.Entry {
	return audit.Entry{Operator: r.Actor.Name, From: r.Actor.From, Operation: r.Operation, Resource: r.ID,
		Result: audit.Succeeded, Members: members, Request: r.RequestID}
}

// A Put asks for a resource to be what Body says.
type Put struct {
	Request
	// Body is a JSON object: the resource, or with Patch a merge patch of it.
	Body  []byte
	Patch bool
	// Version is the api-version; empty: the newest.
	Version string
	// Subscription, Group and Scope are where a new resource is.
	Subscription, Group, Scope string
}

// An Outcome is what a change did, or with DryRun would do.
type Outcome struct {
	Old, New *Resource
	// Unchanged: the content is what it was.
	Unchanged bool
	// Members are the names of what changed.
	Members []string
	// Changes and Impact are filled for a DryRun.
	Changes []Change
	Impact  Impact
	// Warnings tell what was left aside.
	Warnings []string
}

// Created says whether there was none before.
func (o *Outcome) Created() bool { return o.Old == nil && o.New != nil }

// met says whether a condition holds for what is there, nil for nothing.
func (m Match) met(old *Resource, name string) error {
	switch {
	case m.New && old != nil:
		return fail(Precondition, "If-None-Match", "%s exists already.", name)
	case m.Exists && old == nil:
		return fail(Precondition, "If-Match", "%s does not exist.", name)
	case m.Revision != 0 && (old == nil || old.Revision != m.Revision):
		return fail(Precondition, "If-Match", "%s has been changed by somebody else since it was read; read it again.", name)
	}
	return nil
}

// last is the resource's own name, without its parent's.
func last(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }
