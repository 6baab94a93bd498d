package customtopic

import (
	"cmp"
	"encoding/json"
	"errors"
	"strings"

	"gridmq/control/eventtopic"
	"gridmq/control/namespace"
	"gridmq/control/tree"
	"gridmq/delivery/sharedkey"
	"gridmq/identity"
)

// A Schema is what publishers send.
type Schema uint8

const (
	CloudEvents Schema = iota // CloudEventSchemaV1_0
	EventGrid                 // EventGridSchema, an array of Event Grid's own events
)

var schemas = []string{CloudEvents: "CloudEventSchemaV1_0", EventGrid: "EventGridSchema"}

func (s Schema) String() string { return schemas[s] }

const maxText = 2048 // characters of a location

// A Topic is not changed once it is stored.
type Topic struct {
	Name     string
	Location string // empty: not said
	Tags     map[string]string
	Schema   Schema
	Network  identity.Network
	// DisableLocalAuth refuses keys and signatures: tokens only.
	DisableLocalAuth bool
	Keys             sharedkey.Keys
}

// Read reads the whole resource as a request brings it. Keys are not part of it.
func Read(name string, body []byte) (*Topic, error) { return read(name, body) }

// Load reads what EncodeStored wrote.
func Load(name string, body []byte) (*Topic, error) {
	t, err := read(name, body)
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

func read(name string, body []byte) (*Topic, error) {
	whole := identity.ReadProperties(body)
	whole.Join(eventtopic.CheckName(name))
	t := &Topic{Name: name}
	t.Location, _ = whole.Text("location", maxText)
	t.Tags = namespace.ReadTags(whole)
	sku, _ := whole.Object("sku")
	sku.Enum("name", "Basic")
	whole.Enum("kind", "Azure")
	p, _ := whole.Object("properties")
	at, _ := p.Enum("inputSchema", append(schemas, "CustomEventSchema")...)
	if at >= len(schemas) {
		p.Fail("inputSchema", "want CloudEventSchemaV1_0 or EventGridSchema: events of other shapes are not taken")
		at = 0
	}
	t.Schema = Schema(at)
	if raw, given := p.Raw("inputSchemaMapping"); given && string(raw) != "null" {
		p.Fail("inputSchemaMapping", "belongs to CustomEventSchema, which is not supported")
	}
	raw, _ := whole.Raw("properties")
	var err error
	t.Network, err = identity.DecodeNetwork(raw)
	for _, f := range identity.FieldErrors(err) {
		whole.Fail(strings.TrimSuffix("properties."+f.Field, "."), f.Reason)
	}
	t.DisableLocalAuth, _ = p.Boolean("disableLocalAuth")
	if version, _ := p.Enum("minimumTlsVersionAllowed", "1.2", "1.0", "1.1"); version != 0 {
		p.Fail("minimumTlsVersionAllowed", "want 1.2: older versions of TLS are not supported")
	}
	if err := whole.Err(); err != nil {
		return nil, err
	}
	return t, nil
}

// Encode writes the resource without its keys and its endpoint.
func (t *Topic) Encode() []byte { return tree.Encode(t.body()) }

// EncodeStored writes everything, for the store.
func (t *Topic) EncodeStored() []byte {
	b := t.body()
	b["keys"] = map[string]any{"key1": t.Keys[0], "key2": t.Keys[1]}
	return tree.Encode(b)
}

func (t *Topic) body() map[string]any {
	rules := []any{}
	for _, p := range t.Network.Inbound {
		rules = append(rules, map[string]any{"ipMask": p.String(), "action": "Allow"})
	}
	b := map[string]any{"location": t.Location, "sku": map[string]any{"name": "Basic"},
		"properties": map[string]any{"inputSchema": t.Schema.String(), "publicNetworkAccess": t.Network.Access.String(),
			"inboundIpRules": rules, "disableLocalAuth": t.DisableLocalAuth, "minimumTlsVersionAllowed": "1.2"}}
	if t.Tags != nil {
		b["tags"] = t.Tags
	}
	return b
}

// Replaces says whether t may take the place of old, which may be nil, and takes over
// what a request cannot bring: the keys. location is that of a new topic which says none.
func (t *Topic) Replaces(old *Topic, location string) error {
	if old == nil {
		t.Location = cmp.Or(t.Location, location, "local")
		t.Keys = sharedkey.Keys{sharedkey.Generate(), sharedkey.Generate()}
		return nil
	}
	var faults []error
	fail := func(field, reason string) {
		faults = append(faults, &identity.FieldError{Field: field, Reason: reason})
	}
	if t.Location != "" && place(t.Location) != place(old.Location) {
		fail("location", "cannot change after creation, and is "+old.Location)
	}
	if t.Schema != old.Schema {
		fail("properties.inputSchema", "cannot change after creation, and is "+old.Schema.String())
	}
	t.Location, t.Keys = old.Location, old.Keys
	return errors.Join(faults...)
}

// place is a location without case and spaces: "West Europe" is "westeurope".
func place(s string) string { return strings.ToLower(strings.ReplaceAll(s, " ", "")) }

// WithNewKey is t with key1 (0) or key2 (1) made anew.
func (t *Topic) WithNewKey(which int) *Topic {
	c := *t
	c.Keys[which] = sharedkey.Generate()
	return &c
}
