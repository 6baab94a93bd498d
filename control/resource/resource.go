package resource

import (
	"cmp"
	"encoding/json"
	"fmt"
	"time"
)

// A Resource is one as it is stored. It does not change.
type Resource struct {
	Kind      *Kind
	Namespace string // in lower case; Process for those of the whole process
	Name      string // in the spelling of its first PUT
	// Subscription and Group are where a namespace or a group of resources is.
	Subscription, Group string
	// Scope is the id of what a role assignment is about.
	Scope  string
	System SystemData
	// Deleting: a namespace whose children are being removed. It serves nobody.
	Deleting bool
	// Revision grows with every write. Created is that of the first: it tells two
	// resources apart that had one name after each other.
	Revision, Created uint64
	// Noun is what its room made of it, as *identity.Client.
	Noun any
}

// Key finds it.
func (r *Resource) Key() Key { return NewKey(r.Namespace, r.Kind, r.Name) }

// SystemData says who made and changed a resource, and when.
type SystemData struct {
	CreatedBy          string    `json:"createdBy"`
	CreatedByType      string    `json:"createdByType"`
	CreatedAt          time.Time `json:"createdAt"`
	LastModifiedBy     string    `json:"lastModifiedBy"`
	LastModifiedByType string    `json:"lastModifiedByType"`
	LastModifiedAt     time.Time `json:"lastModifiedAt"`
}

// An envelope is a resource in the store.
type envelope struct {
	Version      int    `json:"v"`
	Name         string `json:"name"`
	Subscription string `json:"subscription,omitempty"`
	Group        string `json:"group,omitempty"`
	Scope        string `json:"scope,omitempty"`
	Deleting     bool   `json:"deleting,omitempty"`
	// Created is left out by the first write, which does not know its revision yet.
	Created uint64          `json:"created,omitempty"`
	System  SystemData      `json:"system"`
	Body    json.RawMessage `json:"body"`
}

const envelopeVersion = 1

func (r *Resource) encode() []byte {
	b, err := json.Marshal(envelope{
		envelopeVersion, r.Name, r.Subscription, r.Group, r.Scope, r.Deleting, r.Created, r.System, r.Kind.Stored(r.Noun)})
	if err != nil {
		panic("resource: a noun is not JSON: " + err.Error())
	}
	return b
}

func decode(k *Kind, key Key, value []byte, revision uint64) (*Resource, error) {
	var e envelope
	if err := json.Unmarshal(value, &e); err != nil {
		return nil, err
	}
	if e.Version != envelopeVersion {
		return nil, fmt.Errorf("format %d is not known", e.Version)
	}
	r := &Resource{
		Kind: k, Namespace: key.Namespace, Name: e.Name, Subscription: e.Subscription, Group: e.Group, Scope: e.Scope,
		System: e.System, Deleting: e.Deleting, Revision: revision, Created: cmp.Or(e.Created, revision),
	}
	if r.Key() != key {
		return nil, fmt.Errorf("it calls itself %q", e.Name)
	}
	var err error
	r.Noun, err = k.Load(last(e.Name), e.Body)
	return r, err
}

// A Change is what happened to one resource. Old is nil for a new one, New for
// one that is gone.
type Change struct {
	Namespace string // in lower case; Process for those of the whole process
	Kind      string
	Name      string // in its stored spelling
	Old, New  *Resource
}
