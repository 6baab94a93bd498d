package control_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"gridmq/control"
	"gridmq/control/operator"
)

// Who may do what: section 10.
func TestRights(t *testing.T) {
	b := newBench(t, nil)
	b.furnish()
	b.must(201, "PUT "+base+"/namespaces/other", "{}")
	assignment := plant + "/providers/Microsoft.Authorization/roleAssignments/11111111-1111-1111-1111-111111111111"
	role := `{"properties":{"roleDefinitionId":"/providers/Microsoft.Authorization/roleDefinitions/a12b0b94-b317-4dcd-84a8-502ce99884c6","principalId":"p"}}`
	tests := []struct {
		request, body string
		may           string // first letters of who may: owner, contributor, reader, plantreader
	}{
		{"GET " + plant, "", "ocrp"},
		{"GET " + base + "/namespaces/other", "", "ocr"},
		{"GET " + plant + "/clients", "", "ocrp"},
		{"PUT " + plant + "/clients/x", "{}", "oc"},
		{"PATCH " + plant, "{}", "oc"},
		{"DELETE " + plant + "/clients/x", "", "oc"},
		{"POST " + plant + "/listKeys", "", "oc"},
		{"POST " + plant + "/regenerateKey", `{"keyName":"key1"}`, "oc"},
		{"POST " + plant + "/validateCustomDomainOwnership", "", "oc"},
		{"PUT " + assignment, role, "o"},
		{"GET " + assignment, "", "ocrp"},
		{"DELETE " + assignment, "", "o"},
		{"PUT /gridmq/operators/ann", `{"properties":{"role":"owner"}}`, "o"},
		{"POST /gridmq/operators/ann/newToken", "", "o"},
		{"GET /gridmq/operators", "", "or"},
		{"GET /gridmq/audit", "", "ocr"},
		{"PUT /gridmq/namespaces/plant/bans/x", `{"properties":{"clientId":"x"}}`, "oc"},
		{"GET /gridmq/namespaces/plant/bans", "", "ocrp"},
		{"GET /gridmq/namespaces/other/bans", "", "ocr"},
		{"DELETE /subscriptions/sub/resourcegroups/none", "", "oc"},
		{"PUT /subscriptions/sub/resourcegroups/new", `{"location":"local"}`, "oc"},
	}
	for _, tt := range tests {
		for _, who := range []string{"owner", "contributor", "reader", "plantreader"} {
			a := b.do(tt.request, tt.body, "Authorization", "Bearer "+who+"-token")
			if may := strings.Contains(tt.may, who[:1]); may != (a.status != 403) || !may && a.code() != "AuthorizationFailed" {
				t.Errorf("%s by %s: %d %.200s", tt.request, who, a.status, a.text)
			}
		}
	}
	// Rights come before existence: who may not read is not told.
	for _, path := range []string{base + "/namespaces/other", base + "/namespaces/none", base + "/namespaces/none/clients/x"} {
		if a := b.do("GET "+path, "", "Authorization", "Bearer plantreader-token"); a.status != 403 {
			t.Errorf("%s: %d", path, a.status)
		}
	}
	if a := b.do("GET "+base+"/namespaces", "", "Authorization", "Bearer plantreader-token"); fmt.Sprint(a.names()) != "[plant]" {
		t.Errorf("list of one who sees plant only: %s", a.text)
	}
}

func TestOperators(t *testing.T) {
	b := newBench(t, nil)
	b.must(201, "PUT /gridmq/operators/ann", `{"properties":{"role":"contributor","scope":"/subscriptions/sub"}}`)
	token := number(b.must(200, "POST /gridmq/operators/ann/newToken", "").at("token"))
	ann := []string{"Authorization", "Bearer " + token}
	b.must(201, "PUT "+plant, "{}", ann...)
	b.must(403, "PUT "+strings.Replace(plant, "/sub/", "/sub2/", 1), "{}", ann...)
	if who := b.must(200, "GET /gridmq/whoami", "", ann...); who.at("name") != "ann" {
		t.Errorf("%s", who.text)
	}
	shown := b.must(200, "GET /gridmq/operators/ann", "")
	b.must(200, "PUT /gridmq/operators/ann", shown.text) // keeps the token
	b.must(200, "GET "+plant, "", ann...)
	second := number(b.must(200, "POST /gridmq/operators/ann/newToken", "").at("token"))
	b.must(401, "GET "+plant, "", ann...)
	ann[1] = "Bearer " + second
	b.must(200, "GET "+plant, "", ann...)
	b.must(200, "PUT /gridmq/operators/ann", `{"properties":{"role":"contributor","disabled":true}}`)
	b.must(401, "GET "+plant, "", ann...)
	b.must(200, "DELETE /gridmq/operators/ann", "")
	b.must(401, "GET "+plant, "", ann...)
	stored := fmt.Sprint(b.documents(""))
	if strings.Contains(stored, token) || strings.Contains(stored, second) {
		t.Error("a token is stored")
	}
}

type verifier struct{ err error }

func (v verifier) Verify(_ context.Context, token string) (operator.Claims, error) {
	if v.err != nil {
		return operator.Claims{}, v.err
	}
	var c operator.Claims
	if json.Unmarshal([]byte(token), &c) != nil {
		return c, fmt.Errorf("%w: no claims", operator.ErrBadToken)
	}
	return c, nil
}

// Tokens of a directory get their rights from role assignments.
func TestDirectoryTokens(t *testing.T) {
	b := newBench(t, func(o *control.Options) { o.Verifier = verifier{} })
	b.furnish()
	ann := []string{"Authorization", `Bearer {"Name":"ann","Object":"O-1","Groups":["G-1"]}`}
	a := b.must(403, "GET "+plant, "", ann...)
	if !strings.Contains(a.text, "ann") {
		t.Errorf("%s", a.text)
	}
	const reader, contributor = "acdd72a7-3385-48ef-bd42-f606fba81ae7", "b24988ac-6180-42a0-ab88-20f7382dd24c"
	assign := func(scope, id, role, principal string) {
		b.must(201, "PUT "+scope+"/providers/Microsoft.Authorization/roleAssignments/"+id,
			`{"properties":{"roleDefinitionId":"`+role+`","principalId":"`+principal+`"}}`)
	}
	assign("/subscriptions/sub", "a-1", reader, "o-1")
	b.must(200, "GET "+plant, "", ann...)
	b.must(403, "PUT "+plant+"/clients/x", "{}", ann...)
	assign(plant, "a-2", contributor, "g-1")
	if made := b.must(201, "PUT "+plant+"/clients/x", "{}", ann...); made.at("systemData.createdBy") != "ann" || made.at("systemData.createdByType") != "User" {
		t.Errorf("%s", made.text)
	}
	b.must(200, "DELETE "+plant+"/providers/Microsoft.Authorization/roleAssignments/a-2", "")
	b.must(403, "PUT "+plant+"/clients/x", "{}", ann...)
	if a := b.do("GET "+plant, "", "Authorization", "Bearer x"); a.status != 401 || a.code() != "InvalidAuthenticationToken" {
		t.Errorf("%d %s", a.status, a.text)
	}
	b = newBench(t, func(o *control.Options) { o.Verifier = verifier{context.DeadlineExceeded} })
	if a := b.do("GET "+plant, "", ann...); a.status != 503 || a.header.Get("Retry-After") == "" {
		t.Errorf("the issuer is away: %d %s", a.status, a.text)
	}
}

func TestRoleAssignments(t *testing.T) {
	b := newBench(t, nil)
	b.furnish()
	const publisher = "/subscriptions/sub/providers/Microsoft.Authorization/roleDefinitions/A12b0b94-b317-4dcd-84a8-502ce99884c6"
	at := func(scope, name string) string {
		return strings.TrimSuffix(scope, "/") + "/providers/microsoft.authorization/roleassignments/" + name
	}
	body := `{"properties":{"roleDefinitionId":"` + publisher + `","principalId":"p-1","principalType":"serviceprincipal"}}`
	scopes := []string{"/", "/subscriptions/sub", "/subscriptions/sub/resourcegroups/rg", strings.ToLower(plant), plant + "/topicspaces/telemetry"}
	for i, scope := range scopes {
		name := fmt.Sprintf("as-%d", i)
		a := b.must(201, "PUT "+at(scope, name), body)
		if a.at("name") != name || a.at("type") != "Microsoft.Authorization/roleAssignments" || a.at("properties.principalType") != "ServicePrincipal" ||
			!strings.EqualFold(number(a.at("properties.scope")), scope) {
			t.Errorf("%s", a.text)
		}
		b.must(200, "PUT "+at(scope, name), body)
		b.must(409, "PUT "+at(scope, name), strings.Replace(body, "p-1", "p-2", 1))
		b.must(200, "GET "+at(scope, name), "")
	}
	b.must(409, "PUT "+at("/subscriptions/sub2", "as-1"), body) // the name is taken
	b.must(404, "GET "+at("/subscriptions/sub2", "as-1"), "")
	b.must(204, "DELETE "+at("/subscriptions/sub2", "as-1"), "")
	for name, request := range map[string]string{
		"no namespace":   at(base+"/namespaces/none", "x"),
		"no topic space": at(plant+"/topicSpaces/none", "x"),
		"half a scope":   at("/subscriptions", "x"),
		"another type":   at("/subscriptions/sub/providers/Microsoft.Web/sites/x", "x"),
	} {
		if a := b.do("PUT "+request, body); a.status != 404 {
			t.Errorf("%s: %d %s", name, a.status, a.text)
		}
	}
	for _, bad := range []string{`{"properties":{"roleDefinitionId":"x","principalId":"p"}}`, `{"properties":{"roleDefinitionId":"` + publisher + `"}}`} {
		b.must(400, "PUT "+at(plant, "x"), bad)
	}
	counts := map[string]int{ // at, above and below
		at(plant, ""): 5,
		at(plant, "") + "?api-version=2022-04-01&$filter=atScope()":            4,
		at(plant, "") + "?api-version=2022-04-01&$filter=principalId+eq+'p-1'": 5,
		at(plant, "") + "?api-version=2022-04-01&$filter=principalId+eq+'p-2'": 0,
		at("/subscriptions/sub2", ""):                                          1,
	}
	for request, want := range counts {
		if n := len(b.must(200, "GET "+request, "").names()); n != want {
			t.Errorf("%s: %d, want %d", request, n, want)
		}
	}
	roles := b.must(200, "GET "+plant+"/providers/Microsoft.Authorization/roleDefinitions?api-version=2022-04-01&$filter=roleName+eq+'EventGrid+TopicSpaces+Publisher'", "")
	if fmt.Sprint(roles.names()) != "[a12b0b94-b317-4dcd-84a8-502ce99884c6]" {
		t.Errorf("%s", roles.text)
	}
	if n := len(b.must(200, "GET /providers/Microsoft.Authorization/roleDefinitions", "").names()); n != 11 {
		t.Errorf("%d roles", n)
	}
	b.must(200, "DELETE "+plant, "")
	if n := len(b.must(200, "GET "+at("/subscriptions/sub", ""), "").names()); n != 3 {
		t.Errorf("%d assignments after the namespace went, want 3", n)
	}
}

func TestThrottle(t *testing.T) {
	b := newBench(t, nil)
	b.furnish()
	bad := []string{"Authorization", "Bearer x"}
	for range 10 {
		b.must(401, "GET "+plant, "", bad...)
	}
	a := b.must(429, "GET "+plant, "", bad...)
	if a.header.Get("Retry-After") == "" {
		t.Error("429 without Retry-After")
	}
	b.must(200, "GET "+plant, "") // who has a token is let in
	b.now = b.now.Add(7 * time.Second)
	b.must(401, "GET "+plant, "", bad...)
	b.must(429, "GET "+plant, "", bad...)
}

func TestAudit(t *testing.T) {
	b := newBench(t, nil)
	b.furnish()
	b.must(200, "PATCH "+plant, `{"tags":{"secret-tag":"secret-value"}}`)
	b.must(403, "PUT "+plant+"/clients/x", "{}", "Authorization", "Bearer reader-token")
	b.must(409, "DELETE "+plant+"/clientGroups/presses", "")
	b.must(200, "POST "+plant+"/listKeys", "")
	b.must(200, "GET "+plant, "")
	a := b.must(200, "GET /gridmq/audit", "")
	entries, _ := a.at("value").([]any)
	want := []string{
		"owner Microsoft.EventGrid/namespaces/listKeys/action Succeeded  []",
		"owner Microsoft.EventGrid/namespaces/clientGroups/delete Failed Conflict []",
		"reader Microsoft.EventGrid/namespaces/clients/write Failed AuthorizationFailed []",
		"owner Microsoft.EventGrid/namespaces/write Succeeded  [tags.secret-tag]",
	}
	seen := map[string]bool{} // the clock of the test stands still, so the order is open
	for _, e := range entries {
		m := e.(map[string]any)
		text := func(name string) string { s, _ := m[name].(string); return s }
		members, _ := m["members"].([]any)
		seen[fmt.Sprintf("%s %s %s %s %v", text("operator"), text("operation"), text("result"), text("code"), members)] = true
		if m["resource"] == "" || m["time"] == "" || m["from"] == "" || m["request"] == "" && m["operator"] == "owner" {
			t.Errorf("%v", m)
		}
	}
	for _, w := range want {
		if !seen[w] {
			t.Errorf("no entry %q in %s", w, a.text)
		}
	}
	if strings.Contains(a.text, "secret-value") {
		t.Error("a value is shown")
	}
	if n := len(b.must(200, "GET /gridmq/audit?resource="+plant+"/clientGroups", "").at("value").([]any)); n != 2 {
		t.Errorf("%d entries about groups, want 2", n)
	}
	if n := len(b.must(200, "GET /gridmq/audit?result=failed&operator=READER", "").at("value").([]any)); n != 1 {
		t.Errorf("%d failures of reader, want 1", n)
	}
}
