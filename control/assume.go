package control

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"gridmq/control/resource"
)

// An Assumption is a change that a Question supposes: a resource that is made or
// replaced, or deleted.
type Assumption struct {
	Kind       string          `json:"kind"` // as in paths: clients, clientGroups, topicSpaces, permissionBindings
	Name       string          `json:"name"`
	Properties json.RawMessage `json:"properties,omitempty"`
	Deleted    bool            `json:"deleted,omitempty"`
}

const maxAssumptions = 20

// assumable are the kinds that decide about access.
var assumable = []string{"clients", "clientGroups", "topicSpaces", "permissionBindings"}

// assumed reads assumptions as the rooms of their nouns do. What they refer to need
// not exist: it may be another assumption, and what is missing gives nothing.
func (c *call) assumed(ns *resource.Resource, list []Assumption) (changes []resource.Change, err error) {
	if len(list) > maxAssumptions {
		return nil, refuse(http.StatusBadRequest, codeInvalid, "assume may have %d entries.", maxAssumptions).at("assume")
	}
	for i, a := range list {
		at := "assume[" + strconv.Itoa(i) + "]"
		kind := c.plane.set.Kind(a.Kind)
		if kind == nil || !slices.Contains(assumable, kind.Name) {
			return nil, refuse(http.StatusBadRequest, codeInvalid, "kind must be %s.", strings.Join(assumable, ", ")).at(at + ".kind")
		}
		old := c.plane.set.Get(resource.NewKey(ns.Namespace, kind, a.Name))
		change := resource.Change{Namespace: ns.Namespace, Kind: kind.Name, Name: a.Name, Old: old}
		if old != nil {
			change.Name = old.Name
		}
		if !a.Deleted {
			noun, err := resource.Read(kind, a.Name, a.Properties)
			if err != nil {
				return nil, errorFor(err).below(at)
			}
			change.New = &resource.Resource{Kind: kind, Namespace: ns.Namespace, Name: change.Name, Noun: noun}
		}
		changes = append(changes, change)
	}
	return changes, nil
}
