package access

import (
	"testing"

	"gridmq/identity"
)

const (
	objectA = "0A9d1c6e-0000-4000-8000-00000000000A"
	groupB  = "0b9d1c6e-0000-4000-8000-00000000000b"
)

// spec/identity.md, section 4.
func TestRoleAssignments(t *testing.T) {
	const custom = "Plant Device"
	base := RoleAssignment{Name: "r", Principal: objectA, Role: PublisherRole, Scope: plant}
	tests := map[string]struct {
		change             func(r *RoleAssignment)
		publish, subscribe bool // "one/x" of space one
		other              bool // "two/x" of space two, to publish
	}{
		"publisher":            {func(r *RoleAssignment) {}, true, false, true},
		"subscriber":           {func(r *RoleAssignment) { r.Role = SubscriberRole }, false, true, false},
		"role in another case": {func(r *RoleAssignment) { r.Role = "eventgrid topicspaces PUBLISHER" }, true, false, true},
		"role id":              {func(r *RoleAssignment) { r.Role = "A12B0B94-b317-4dcd-84a8-502ce99884c6" }, true, false, true},
		"role definition": {func(r *RoleAssignment) {
			r.Role = "/subscriptions/x/providers/Microsoft.Authorization/roleDefinitions/4b0f2fd7-60b4-4eca-896f-4435034f8bf5"
		}, false, true, false},
		"data action":             {func(r *RoleAssignment) { r.Role = "microsoft.eventgrid/TopicSpaces/publish/action" }, true, false, true},
		"a role for other things": {func(r *RoleAssignment) { r.Role = "EventGrid Data Sender" }, false, false, false},
		"owner":                   {func(r *RoleAssignment) { r.Role = "Owner" }, false, false, false},
		"custom role":             {func(r *RoleAssignment) { r.Role, r.DataActions = custom, []string{PublishAction, SubscribeAction} }, true, true, true},
		"custom role, star":       {func(r *RoleAssignment) { r.Role, r.DataActions = custom, []string{"Microsoft.EventGrid/topicSpaces/*"} }, true, true, true},
		"custom role, stars":      {func(r *RoleAssignment) { r.Role, r.DataActions = custom, []string{"*/topicSpaces/sub*/action"} }, false, true, false},
		"custom role, everything": {func(r *RoleAssignment) { r.Role, r.DataActions = custom, []string{"*"} }, true, true, true},
		"custom role, not actions": {func(r *RoleAssignment) {
			r.Role, r.DataActions, r.NotDataActions = custom, []string{"*"}, []string{"*/publish/*"}
		}, false, true, false},
		"custom role, other stars": {func(r *RoleAssignment) {
			r.Role, r.DataActions = custom, []string{"Microsoft.Storage/*", "Microsoft.EventGrid/events/*"}
		}, false, false, false},
		"custom role without any": {func(r *RoleAssignment) { r.Role = custom }, false, false, false},

		"scope: subscription":          {func(r *RoleAssignment) { r.Scope = "/subscriptions/s1" }, true, false, true},
		"scope: resource group":        {func(r *RoleAssignment) { r.Scope = "/subscriptions/s1/resourceGroups/g1/" }, true, false, true},
		"scope: one topic space":       {func(r *RoleAssignment) { r.Scope = plant + "/topicSpaces/one" }, true, false, false},
		"scope: another topic space":   {func(r *RoleAssignment) { r.Scope = plant + "/topicSpaces/two" }, false, false, true},
		"scope: a missing topic space": {func(r *RoleAssignment) { r.Scope = plant + "/topicSpaces/on" }, false, false, false},
		"scope: case and slashes": {func(r *RoleAssignment) {
			r.Scope = "/SUBSCRIPTIONS/S1//resourcegroups/G1/providers/microsoft.eventgrid/NAMESPACES/Plant/TopicSpaces/ONE/"
		}, true, false, false},
		"scope: another namespace":      {func(r *RoleAssignment) { r.Scope = plant + "2" }, false, false, false},
		"scope: its space of that name": {func(r *RoleAssignment) { r.Scope = plant + "2/topicSpaces/one" }, false, false, false},
		"scope: another subscription":   {func(r *RoleAssignment) { r.Scope = "/subscriptions/s" }, false, false, false},
		"scope: another group":          {func(r *RoleAssignment) { r.Scope = "/subscriptions/s1/resourceGroups/g" }, false, false, false},
		"scope: no level of its own":    {func(r *RoleAssignment) { r.Scope = "/subscriptions/s1/resourceGroups/g1/providers/Microsoft.EventGrid" }, false, false, false},
		"scope: a type is no level":     {func(r *RoleAssignment) { r.Scope = "/subscriptions" }, false, false, false},
		"scope: below the topic space":  {func(r *RoleAssignment) { r.Scope = plant + "/topicSpaces/one/x/y" }, false, false, false},
		"scope: a topic":                {func(r *RoleAssignment) { r.Scope = plant + "/topics/one" }, false, false, false},
		"scope: everything":             {func(r *RoleAssignment) { r.Scope = "/" }, false, false, false},
		"scope: empty":                  {func(r *RoleAssignment) { r.Scope = "" }, false, false, false},

		"principal: other case of a UUID":    {func(r *RoleAssignment) { r.Principal = "0a9D1C6E-0000-4000-8000-00000000000a" }, true, false, true},
		"principal: a group":                 {func(r *RoleAssignment) { r.Principal = groupB }, true, false, true},
		"principal: a group, said to be one": {func(r *RoleAssignment) { r.Principal, r.PrincipalType = groupB, "Group" }, true, false, true},
		"principal: a group, said to be not": {func(r *RoleAssignment) { r.Principal, r.PrincipalType = groupB, "User" }, false, false, false},
		"principal: no group, said to be":    {func(r *RoleAssignment) { r.PrincipalType = "Group" }, false, false, false},
		"principal: a service":               {func(r *RoleAssignment) { r.PrincipalType = "ServicePrincipal" }, true, false, true},
		"principal: somebody else":           {func(r *RoleAssignment) { r.Principal = groupB[:35] + "c" }, false, false, false},
		"principal: the name":                {func(r *RoleAssignment) { r.Principal = "name" }, false, false, false},
		"principal: a text, other case":      {func(r *RoleAssignment) { r.Principal = "TEAM" }, false, false, false},
		"principal: nobody":                  {func(r *RoleAssignment) { r.Principal = "" }, false, false, false},
	}
	who := &identity.Principal{Name: "name", Method: identity.DirectoryToken, Object: objectA, Groups: []string{"", groupB, "team"}}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := base
			tt.change(&r)
			p := NewPolicy(plant, []*TopicSpace{space(t, "one", "one/x"), space(t, "two", "two/x")}, []*Binding{bind("b", AllClients, "one", Publisher)}, []*RoleAssignment{&r})
			check(t, p.Compile(who, []string{AllClients}), asking{Publish, "one/x", tt.publish}, asking{Subscribe, "one/x", tt.subscribe},
				asking{Publish, "two/x", tt.other}, mayNot(Publish, "in/no/space"))
			check(t, p.Compile(registered(objectA, nil), []string{groupB}), may(Publish, "one/x"), mayNot(Subscribe, "one/x"), mayNot(Publish, "two/x"))
			nobody := &identity.Principal{Method: identity.DirectoryToken}
			check(t, p.Compile(nobody, nil), mayNot(Publish, "one/x"), mayNot(Subscribe, "one/x"))
			check(t, NewPolicy("", p.spaces, nil, []*RoleAssignment{&r}).Compile(who, nil), mayNot(Publish, "one/x"))
		})
	}
}

func TestDirectoryClientsHaveAnObjectIDAndNoAttributes(t *testing.T) {
	who := &identity.Principal{Name: "name", Method: identity.DirectoryToken, Object: objectA, Attributes: identity.Attributes{"hall": identity.Text("4")}}
	p := NewPolicy(plant, []*TopicSpace{space(t, "own", "m/${client.authenticationName}", "h/${client.attributes.hall}")}, nil,
		[]*RoleAssignment{{Name: "r", Principal: objectA, Role: PublisherRole, Scope: plant + "/topicSpaces/own"}})
	g := p.Compile(who, nil)
	check(t, g, may(Publish, "m/"+objectA), mayNot(Publish, "m/name"), mayNot(Publish, "h/4"))
	if want := "role assignment r allows to publish to topic space own, template m/${client.authenticationName}"; g.Publish("m/"+objectA).Reason() != want {
		t.Errorf("Reason() = %q, want %q", g.Publish("m/"+objectA).Reason(), want)
	}
}

// spec/namespace-topics.md, section 4.5.
func TestRoleAssignmentsForNamespaceTopics(t *testing.T) {
	const orders = plant + "/topics/orders"
	who := &identity.Principal{Name: "name", Method: identity.DirectoryToken, Object: objectA, Groups: []string{groupB}}
	tests := map[string]struct {
		role, scope   string
		send, receive bool
		id            string // of what is asked for; default: orders
	}{
		"sender":                       {SenderRole, plant, true, false, ""},
		"sender's id":                  {"D5A91429-5739-47e2-a06b-3470a27159e7", plant, true, false, ""},
		"receiver":                     {ReceiverRole, plant, false, true, ""},
		"receiver's id":                {"78cbd9e7-9798-4e2e-9b5a-547d9ebb31fb", plant, false, true, ""},
		"contributor":                  {ContributorRole, plant, true, true, ""},
		"contributor's definition":     {"/providers/Microsoft.Authorization/roleDefinitions/1d8c3fe3-8864-474b-8749-01e3783e8157", plant, true, true, ""},
		"data action":                  {SendAction, plant, true, false, ""},
		"MQTT publisher":               {PublisherRole, plant, false, false, ""},
		"management":                   {"EventGrid Contributor", plant, false, false, ""},
		"owner":                        {"Owner", plant, false, false, ""},
		"scope: subscription":          {ContributorRole, "/subscriptions/s1", true, true, ""},
		"scope: group":                 {ContributorRole, "/subscriptions/s1/resourceGroups/g1", true, true, ""},
		"scope: topic":                 {ContributorRole, orders, true, true, ""},
		"scope: topic, other case":     {ContributorRole, plant + "/Topics/ORDERS/", true, true, ""},
		"scope: begins like the topic": {ContributorRole, plant + "/topics/order", false, false, ""},
		"scope: another topic":         {ContributorRole, plant + "/topics/ordersx", false, false, ""},
		"scope: topic space":           {ContributorRole, plant + "/topicSpaces/orders", false, false, ""},
		"scope: provider":              {ContributorRole, "/subscriptions/s1/resourceGroups/g1/providers/Microsoft.EventGrid", false, false, ""},
		"scope: below":                 {ContributorRole, orders + "/eventSubscriptions/s", false, false, ""},
		"scope: another namespace":     {ContributorRole, plant + "2", false, false, ""},
		"scope: nothing":               {ContributorRole, "", false, false, ""},
		"scope: everything":            {ContributorRole, "/", false, false, ""},
		"scope: topic, of namespace":   {ContributorRole, orders, false, false, plant},
		"scope: namespace, of it":      {ContributorRole, plant, true, true, plant},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if tt.id == "" {
				tt.id = orders
			}
			a := &RoleAssignment{Name: "r", Principal: groupB, Role: tt.role, Scope: tt.scope}
			if send, receive := a.Allows(who, SendAction, tt.id), a.Allows(who, ReceiveAction, tt.id); send != tt.send || receive != tt.receive {
				t.Errorf("send %v, receive %v; want %v, %v", send, receive, tt.send, tt.receive)
			}
			if a.Allows(&identity.Principal{Object: groupB[:35] + "c"}, SendAction, tt.id) {
				t.Error("somebody else may send")
			}
		})
	}
	custom := &RoleAssignment{Principal: objectA, Role: "Plant", DataActions: []string{"Microsoft.EventGrid/events/*"}, NotDataActions: []string{ReceiveAction}, Scope: plant}
	if !custom.Allows(who, SendAction, orders) || custom.Allows(who, ReceiveAction, orders) {
		t.Error("a custom role is judged wrongly")
	}
}

func TestMatchAction(t *testing.T) {
	tests := []struct {
		pattern, s string
		want       bool
	}{
		{"a/b", "a/b", true}, {"a/b", "a/bc", false}, {"", "", true}, {"", "a", false},
		{"*", "", true}, {"*", "a/b", true}, {"**", "a", true}, {"a*", "a", true}, {"a*", "b", false},
		{"*a", "ba", true}, {"*a", "ab", false}, {"a*b*c", "axxbyyc", true}, {"a*b*c", "axxcyyb", false},
		{"a*a", "a", false}, {"a*a", "aa", true}, {"*ab*ab", "ab", false}, {"*ab*ab", "abab", true}, {"a*ab", "aab", true}, {"a**b", "ab", true},
	}
	for _, tt := range tests {
		if got := matchAction(tt.pattern, tt.s); got != tt.want {
			t.Errorf("matchAction(%q, %q) = %v, want %v", tt.pattern, tt.s, got, tt.want)
		}
	}
}
