package main

import (
	"strings"
	"testing"
)

// TestGetRole: a role assignment is found by its name wherever it is; only if there are
// several of that name the scope has to be said.
func TestGetRole(t *testing.T) {
	d := newDesk(t, nil)
	const own, above = "0a7d3e6e-0000-4000-8000-000000000001", "0a7d3e6e-0000-4000-8000-000000000002"
	if s := d.run("apply -f", d.file("plant.yaml", plantDocuments+`
---
kind: RoleAssignment
name: `+above+`
scope: /subscriptions/00000000-0000-0000-0000-000000000000
properties: {roleDefinitionId: a12b0b94-b317-4dcd-84a8-502ce99884c6, principalId: robots, principalType: Group}
`)); s.code != 0 {
		t.Fatal(s.errs)
	}
	for name, scope := range map[string]string{own: "/namespaces/plant/topicSpaces/telemetry", above: "/subscriptions/00000000-0000-0000-0000-000000000000"} {
		s := d.run("get role "+strings.ToUpper(name), "-n", "plant", "-o", "json")
		if s.code != 0 || !strings.Contains(s.out, scope+"/providers/Microsoft.Authorization/roleAssignments/"+name) {
			t.Errorf("get role %s: exit code %d, %s%s; want it at %s", name, s.code, s.out, s.errs, scope)
		}
	}
	if s := d.run("get role none -n plant"); s.code != exitDenied || !strings.Contains(s.errs, "there is no RoleAssignment plant/none") {
		t.Errorf("exit code %d, %s", s.code, s.errs)
	}
	if s := d.run("get role " + own + " -n plant --scope topicSpaces/telemetry"); s.code != 0 {
		t.Errorf("with its scope: %s", s.errs)
	}

	// The same name once more, above.
	if s := d.run("apply -f", d.file("twin.yaml", `
kind: RoleAssignment
name: `+own+`
scope: /subscriptions/00000000-0000-0000-0000-000000000000
properties: {roleDefinitionId: a12b0b94-b317-4dcd-84a8-502ce99884c6, principalId: robots, principalType: Group}
`)); s.code != 0 {
		t.Fatal(s.errs)
	}
	if s := d.run("get role " + own + " -n plant"); s.code != exitUsage || !strings.Contains(s.errs, "--scope") || !strings.Contains(s.errs, "/topicSpaces/telemetry") {
		t.Errorf("two of a name: exit code %d, %s%s", s.code, s.out, s.errs)
	}
}
