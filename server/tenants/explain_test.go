package tenants

import (
	"testing"

	"gridmq/control"
	"gridmq/control/resource"
	"gridmq/control/role"
)

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
