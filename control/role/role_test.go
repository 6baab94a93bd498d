package role

import "testing"

func TestAllows(t *testing.T) {
	tests := []struct {
		id, action string
		want       bool
	}{
		{Owner, "Microsoft.Authorization/roleAssignments/write", true},
		{Contributor, "microsoft.authorization/roleassignments/WRITE", false},
		{Contributor, "Microsoft.Authorization/roleAssignments/read", true},
		{Contributor, "Microsoft.EventGrid/namespaces/listKeys/action", true},
		{Contributor, "gridmq/operators/write", false},
		{Reader, "Microsoft.EventGrid/namespaces/read", true},
		{Reader, "Microsoft.EventGrid/namespaces/listKeys/action", false},
		{TopicSpacesPublisher, "Microsoft.EventGrid/namespaces/read", false},
		{"/x/2414BBCF-6497-4faf-8c65-045460748405", "Microsoft.EventGrid/namespaces/topics/eventSubscriptions/read", true},
		{"2414bbcf-6497-4faf-8c65-045460748405", "Microsoft.EventGrid/namespaces/topics/read", false},
	}
	for _, tt := range tests {
		if got := ByID(tt.id).Allows(tt.action); got != tt.want {
			t.Errorf("%s allows %s: %v", tt.id, tt.action, got)
		}
	}
	if ByID("") != nil || ByID("owner") != nil {
		t.Error("roles are found by nothing")
	}
}

// What an assignment means for clients is read by the room that decides about them.
func TestAccess(t *testing.T) {
	a, err := Decode("x", []byte(`{"roleDefinitionId":"`+TopicSpacesPublisher+`","principalId":"p","principalType":"group"}`))
	if err != nil {
		t.Fatal(err)
	}
	const scope = "/subscriptions/s/resourceGroups/g/providers/Microsoft.EventGrid/namespaces/n"
	for at, good := range map[string]bool{scope: true, scope + "/topicSpaces/t-1": true, "/subscriptions/s": true, "/": false} {
		if got, err := a.Access(at); (err == nil) != good || good && (got.Principal != "p" || got.Scope != at) {
			t.Errorf("at %s: %+v, %v", at, got, err)
		}
	}
}
