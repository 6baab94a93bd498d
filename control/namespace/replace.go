package namespace

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"gridmq/delivery/sharedkey"
	"gridmq/identity"
)

// Replaces says whether n may take the place of old, which may be nil, and takes
// over what a request cannot bring: keys and proofs of ownership. What it left out
// is the matter of Fill.
// Source: spec/control-plane.md, sections 4.1, 8.
func (n *Namespace) Replaces(old *Namespace, rules Rules) error {
	if old == nil {
		n.Location = cmp.Or(n.Location, rules.Location, "local")
		if !n.given.zone {
			n.ZoneRedundant = true
		}
		n.Keys = sharedkey.Keys{sharedkey.Generate(), sharedkey.Generate()}
		n.domainsAfter(nil)
		return nil
	}
	var faults []error
	fail := func(field, reason string) {
		faults = append(faults, &identity.FieldError{Field: field, Reason: reason})
	}
	if n.given.location && place(n.Location) != place(old.Location) {
		fail("location", "cannot change after creation, and is "+old.Location)
	}
	n.Location = old.Location
	if n.given.zone && n.ZoneRedundant != old.ZoneRedundant {
		fail("properties.isZoneRedundant", "cannot change after creation")
	}
	n.ZoneRedundant = old.ZoneRedundant
	n.Keys = old.Keys
	n.domainsAfter(old)
	return errors.Join(faults...)
}

// place is a location without case and spaces: "West Europe" is "westeurope".
func place(s string) string { return strings.ToLower(strings.ReplaceAll(s, " ", "")) }

// domainsAfter gives each domain its proof: the old one, or a new text.
func (n *Namespace) domainsAfter(old *Namespace) {
	was := map[string]Domain{}
	if old != nil {
		old.AllDomains(func(d *Domain) { was[d.Name] = *d })
	}
	n.AllDomains(func(d *Domain) {
		before := was[d.Name]
		d.TXT, d.State = cmp.Or(before.TXT, NewTXT()), cmp.Or(before.State, Pending)
	})
}

// WithNewKey is n with key1 (0) or key2 (1) made anew.
func (n *Namespace) WithNewKey(which int) *Namespace {
	c := *n
	c.Keys[which] = sharedkey.Generate()
	return &c
}

// Clone is n with domains of its own, to be changed.
func (n *Namespace) Clone() *Namespace {
	c := *n
	c.MQTTDomains, c.HTTPDomains = slices.Clone(n.MQTTDomains), slices.Clone(n.HTTPDomains)
	return &c
}
