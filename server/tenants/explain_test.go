package tenants

import (
	"testing"

	"gridmq/control"
	"gridmq/control/resource"
	"gridmq/control/role"
)

// What is assumed is answered as if it were so, and is not so afterwards. It agrees
// with what the answer is once the change has been made.
func TestExplainAssumed(t *testing.T) {
	b := newBench(t)
	b.settle()
	b.t.all[b.name] = b.tenant
	other := func(kind, name string, properties map[string]any) resource.Change {
		return resource.Change{Namespace: b.name, Kind: kind, Name: name, New: b.decode(kind, name, properties)}
	}
	press := b.decode("clients", "press-1", map[string]any{"state": "Disabled", "attributes": map[string]any{"kind": "press", "hall": 4}})
	gone := func(kind, name string, old map[string]any) resource.Change {
		return resource.Change{Namespace: b.name, Kind: kind, Name: name, Old: b.decode(kind, name, old)}
	}
	publish := func(client, topic string) control.Question {
		return control.Question{Action: "publish", Client: client, Topic: topic}
	}
	space := other("topicSpaces", "alarms", map[string]any{"topicTemplates": []string{"alarms/${client.authenticationName}"}})
	tests := map[string]struct {
		q         control.Question
		assume    []resource.Change
		now, then bool
	}{
		"a space alone opens nothing": {publish("press-1", "alarms/press-1"), []resource.Change{space}, false, false},
		"with a binding it does": {publish("press-1", "alarms/press-1"), []resource.Change{space, other("permissionBindings", "alarm",
			map[string]any{"clientGroupName": "$all", "topicSpaceName": "alarms", "permission": "Publisher"})}, false, true},
		"a client that is disabled": {publish("press-1", "out/4"), []resource.Change{
			{Namespace: b.name, Kind: "clients", Name: "press-1", Old: press, New: press}}, true, false},
		"a client that would be new": {publish("press-9", "out/7"), []resource.Change{other("clients", "press-9",
			map[string]any{"attributes": map[string]any{"kind": "press", "hall": 7}})}, false, true},
		"a space that goes": {publish("press-1", "out/4"), []resource.Change{gone("topicSpaces", "outbound",
			map[string]any{"topicTemplates": []string{"out/#"}})}, true, false},
		"another client's change": {publish("press-1", "out/4"), []resource.Change{other("clients", "press-9",
			map[string]any{"attributes": map[string]any{"kind": "press", "hall": 7}})}, true, true},
	}
	ask := func(t *testing.T, q control.Question, want bool) {
		t.Helper()
		if e, err := b.t.Explain(t.Context(), b.name, q); err != nil || e.Allowed != want {
			t.Errorf("%+v, %v; want allowed: %t", e, err, want)
		}
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			ask(t, tt.q, tt.now)
			with := tt.q
			with.Changes = tt.assume
			ask(t, with, tt.then)
			ask(t, tt.q, tt.now)
		})
	}
}

// TestExplain asks about clients of every kind; the answers are those of the grants.
func TestExplain(t *testing.T) {
	b := newBench(t)
	const robot = "0c4a7a52-robot"
	body := map[string]any{"principalId": robot, "roleDefinitionId": role.DefinitionID(role.ByID(role.TopicSpacesPublisher))}
	r := b.decode(resource.RoleAssignments, "ra", body)
	r.Scope = b.id()
	b.put("topicSpaces", "robots", map[string]any{"topicTemplates": []string{"robots/#"}})
	b.apply(resource.Change{Namespace: b.name, Kind: resource.RoleAssignments, Name: "ra", New: r})
	b.settle()
	b.t.all[b.name] = b.tenant
	tests := map[string]struct {
		q    control.Question
		want bool
	}{
		"a client, its topic":           {control.Question{Action: "publish", Client: "press-1", Topic: "out/4"}, true},
		"a client, another's":           {control.Question{Action: "publish", Client: "press-1", Topic: "out/5"}, false},
		"a client that shares":          {control.Question{Action: "subscribe", Client: "press-1", Topic: "$share/g/in/4"}, true},
		"the directory, a role":         {control.Question{Action: "publish", Client: robot, Topic: "robots/1"}, true},
		"the directory, no role":        {control.Question{Action: "subscribe", Client: robot, Topic: "robots/1"}, false},
		"nobody":                        {control.Question{Action: "connect", Client: "nobody"}, false},
		"a token with these attributes": {control.Question{Action: "publish", Client: "x", Topic: "out/7", Attributes: map[string]any{"kind": "press", "hall": 7}}, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			e, err := b.t.Explain(t.Context(), b.name, tt.q)
			if err != nil || e.Allowed != tt.want || e.Reason == "" {
				t.Errorf("%+v, %v; want allowed: %t", e, err, tt.want)
			}
		})
	}
}
