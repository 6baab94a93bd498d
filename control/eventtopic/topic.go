// Package eventtopic is the resource Microsoft.EventGrid/namespaces/topics: a topic that
// events are published to, read from JSON with every rule checked, and written back.
//
// Units: retention is whole days in JSON. Errors: joined *identity.FieldError, whose
// Field is the path below properties.
// Source: spec/control-plane.md, sections 3.3, 4.8 and 4.11; spec/namespace-topics.md,
// sections 4.2 and 7.
package eventtopic

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"gridmq/control/tree"
	"gridmq/delivery"
	"gridmq/delivery/sharedkey"
	"gridmq/identity"
)

const (
	publisherType = "Custom"
	inputSchema   = "CloudEventSchemaV1_0"

	day = 24 * time.Hour
)

// A Topic is not changed once it is stored.
type Topic struct {
	delivery.Topic
	// Keys let a publisher or a consumer in at this topic only.
	Keys sharedkey.Keys
}

// Read reads the whole resource as a request brings it. Keys are not part of it.
func Read(name string, body []byte) (*Topic, error) {
	whole := identity.ReadProperties(body)
	raw, _ := whole.Raw("properties")
	p := identity.ReadProperties(raw)
	p.Join(CheckName(name))
	t := &Topic{Topic: delivery.Topic{Name: name, Retention: delivery.MinRetention}}
	p.Enum("publisherType", publisherType)
	p.Enum("inputSchema", inputSchema)
	if days, given := p.Integer("eventRetentionInDays", int64(delivery.MinRetention/day), int64(delivery.MaxRetention/day)); given {
		t.Retention = time.Duration(days) * day
	}
	if err := errors.Join(whole.Err(), p.Err()); err != nil {
		return nil, err
	}
	return t, nil
}

// Load reads what EncodeStored wrote.
func Load(name string, body []byte) (*Topic, error) {
	t, err := Read(name, body)
	if err != nil {
		return nil, err
	}
	var stored struct{ Keys struct{ Key1, Key2 string } }
	if err := json.Unmarshal(body, &stored); err != nil {
		return nil, err
	}
	t.Keys = sharedkey.Keys{stored.Keys.Key1, stored.Keys.Key2}
	return t, nil
}

// CheckName says whether name may be that of a topic. The error is an
// *identity.FieldError.
func CheckName(name string) error {
	if err := identity.CheckName(name); err != nil {
		return err
	}
	for _, reserved := range []string{"microsoft", "system", "eventgrid"} {
		if strings.HasPrefix(strings.ToLower(name), reserved) {
			return &identity.FieldError{Field: "name", Reason: fmt.Sprintf("cannot begin with %q", reserved)}
		}
	}
	return nil
}

// Encode writes the resource without its keys.
func (t *Topic) Encode() []byte { return tree.Encode(t.body()) }

// EncodeStored writes everything, for the store.
func (t *Topic) EncodeStored() []byte {
	b := t.body()
	b["keys"] = map[string]any{"key1": t.Keys[0], "key2": t.Keys[1]}
	return tree.Encode(b)
}

func (t *Topic) body() map[string]any {
	return map[string]any{"properties": map[string]any{
		"publisherType": publisherType, "inputSchema": inputSchema, "eventRetentionInDays": int(t.Retention / day)}}
}

// Replaces takes over what a request cannot bring, the keys of old; a new topic
// gets its own. The error is always nil.
func (t *Topic) Replaces(old *Topic) error {
	if old != nil {
		t.Keys = old.Keys
		return nil
	}
	t.Keys = sharedkey.Keys{sharedkey.Generate(), sharedkey.Generate()}
	return nil
}

// WithNewKey is t with key1 (0) or key2 (1) made anew.
func (t *Topic) WithNewKey(which int) *Topic {
	c := *t
	c.Keys[which] = sharedkey.Generate()
	return &c
}
