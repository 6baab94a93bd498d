package control_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"gridmq/control"
	"gridmq/control/resource"
)

// Codes of success: sections 3.1, 3.2, 3.6.
func TestOperations(t *testing.T) {
	b := newBench(t, nil)
	steps := []struct {
		request, body string
		status        int
	}{
		{"GET " + plant, "", 404}, // a clean 404 before create
		{"DELETE " + plant, "", 204},
		{"PUT " + plant, `{"location":"local"}`, 201},
		{"PUT " + plant, `{"location":"local"}`, 200},
		{"PATCH " + plant, `{"tags":{"a":"b"}}`, 200},
		{"PATCH " + base + "/namespaces/other", `{}`, 404},
		{"GET " + base + "/namespaces", "", 200},
		{"GET /subscriptions/sub/providers/Microsoft.EventGrid/namespaces", "", 200},
		{"POST " + plant + "/listKeys", "", 200},
		{"POST " + plant + "/listkeys", "", 200},
		{"POST " + base + "/namespaces/other/listKeys", "", 404},
		{"POST " + plant + "/regenerateKey", `{"keyName":"key1"}`, 200},
		{"POST " + plant + "/regenerateKey", `{"keyName":"key3"}`, 400},
		{"POST " + plant + "/validateCustomDomainOwnership", "", 200},
		{"PUT " + plant + "/clientGroups/presses", groupBody, 201},
		{"PUT " + plant + "/clientGroups/presses", groupBody, 200},
		{"GET " + plant + "/clientGroups/presses", "", 200},
		{"GET " + plant + "/clientGroups", "", 200},
		{"DELETE " + plant + "/clientGroups/presses", "", 200},
		{"DELETE " + plant + "/clientGroups/presses", "", 204},
		{"GET " + plant + "/privateEndpointConnections", "", 200},
		{"GET " + plant + "/privateEndpointConnections/x", "", 404},
		{"PUT " + plant + "/privateEndpointConnections/x", "{}", 400},
		{"GET " + plant + "/privateLinkResources", "", 200},
		{"GET " + plant + "/privateLinkResources/topicspace", "", 200},
		{"GET /providers/Microsoft.EventGrid/operations", "", 200},
		{"GET " + plant + "/clientGroups/$all", "", 200},
		{"DELETE " + plant + "/clientGroups/$all", "", 400},
		{"DELETE " + plant, "", 200},
		{"DELETE " + plant, "", 204},
	}
	for _, s := range steps {
		a := b.do(s.request, s.body)
		if a.status != s.status {
			t.Errorf("%s %s: %d, want %d: %s", s.request, s.body, a.status, s.status, a.text)
		}
		if a.header.Get("Location")+a.header.Get("Azure-AsyncOperation") != "" {
			t.Errorf("%s: a finished operation sends clients to poll", s.request)
		}
		if s.status == 204 && a.text != "" {
			t.Errorf("%s: a body with 204: %s", s.request, a.text)
		}
	}
}

// What every answer has: sections 1, 2, 4.10.
func TestShape(t *testing.T) {
	b := newBench(t, nil)
	b.must(201, "PUT /subscriptions/Sub/resourcegroups/Rg", `{"location":"local"}`)
	b.must(201, "PUT "+strings.Replace(plant, "plant", "Plant", 1), `{"properties":{"topicSpacesConfiguration":{"state":"Enabled"}}}`)
	for _, one := range [][2]string{{"/clients/Press-7", "{}"}, {"/clientGroups/Presses", groupBody}, {"/topicSpaces/Telemetry", spaceBody},
		{"/permissionBindings/Binding", bindingBody}, {"/caCertificates/Ca-1", caBody(authority("x"))}} {
		b.must(201, "PUT "+plant+one[0], one[1])
	}
	tests := map[string]struct{ path, id, kind string }{
		"namespace":   {"", "", ""},
		"client":      {"/clients/Press-7", "/clients/Press-7", "/clients"},
		"group":       {"/CLIENTGROUPS/presses", "/clientGroups/", "/clientGroups"},
		"space":       {"/topicspaces/TELEMETRY", "/topicSpaces/", "/topicSpaces"},
		"binding":     {"/permissionbindings/binding", "/permissionBindings/", "/permissionBindings"},
		"certificate": {"/cacertificates/ca-1", "/caCertificates/Ca-1", "/caCertificates"},
	}
	const first = "/subscriptions/Sub/resourceGroups/Rg/providers/Microsoft.EventGrid/namespaces/Plant"
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b.t = t
			a := b.must(200, "GET "+plant+tt.path, "")
			if id := number(a.at("id")); !strings.HasPrefix(id, first+tt.id) {
				t.Errorf("id %q, want the spelling %q", id, first+tt.id)
			}
			if kind := a.at("type"); kind != "Microsoft.EventGrid/namespaces"+tt.kind {
				t.Errorf("type %q", kind)
			}
			if a.at("properties.provisioningState") != "Succeeded" || a.at("systemData.createdBy") != "owner" ||
				a.at("systemData.createdAt") != "2026-03-02T07:41:09Z" {
				t.Errorf("%s", a.text)
			}
			if a.at("keys") != nil || strings.Contains(a.text, "key1") {
				t.Errorf("keys are shown: %s", a.text)
			}
			checkRoundTrip(t, b, plant+tt.path)
		})
	}
	a := b.must(200, "GET "+plant, "")
	if a.at("properties.topicsConfiguration.hostname") != "plant.mq.test" || a.at("properties.topicSpacesConfiguration.hostname") != "plant.mq.test" {
		t.Errorf("host names: %s", a.text)
	}
	b.must(200, "PATCH "+plant, `{"properties":{"topicSpacesConfiguration":{"state":"Disabled"}}}`)
	if a := b.must(200, "GET "+plant, ""); a.at("properties.topicSpacesConfiguration.hostname") != nil {
		t.Error("MQTT host name while disabled")
	}
	ca := b.must(200, "GET "+plant+"/caCertificates/ca-1", "")
	if ca.at("properties.issueTimeInUtc") != "2026-01-01T00:00:00Z" || ca.at("properties.expiryTimeInUtc") != "2036-01-01T00:00:00Z" {
		t.Errorf("%s", ca.text)
	}
}

// PATCH: section 4.2.
func TestPatch(t *testing.T) {
	tests := map[string]struct {
		patch string
		path  string // member to look at
		want  string // JSON of it; an error's code if it begins with a letter
	}{
		"tags replace":           {`{"tags":{"z":"1"}}`, "tags", `{"z":"1"}`},
		"tags of null":           {`{"tags":null}`, "tags", `null`},
		"tags stay":              {`{}`, "tags", `{"a":"b"}`},
		"state, others stay":     {`{"properties":{"topicSpacesConfiguration":{"state":"Disabled"}}}`, "properties.topicSpacesConfiguration.maximumSessionExpiryInHours", `8`},
		"state":                  {`{"properties":{"topicspacesconfiguration":{"STATE":"disabled"}}}`, "properties.topicSpacesConfiguration.state", `"Disabled"`},
		"null is the default":    {`{"properties":{"publicNetworkAccess":null}}`, "properties.publicNetworkAccess", `"Enabled"`},
		"a list replaces":        {`{"properties":{"inboundIpRules":[{"ipMask":"10.1.0.0/16","action":"Allow"}]}}`, "properties.inboundIpRules", `[{"action":"Allow","ipMask":"10.1.0.0/16"}]`},
		"sku":                    {`{"sku":{"capacity":3}}`, "sku", `{"capacity":3,"name":"Standard"}`},
		"identity":               {`{"identity":{"type":"None"}}`, "identity.type", `"None"`},
		"location, equal":        {`{"location":"LOCAL"}`, "location", `"local"`},
		"location, other":        {`{"location":"mars"}`, "", `InvalidRequest`},
		"zone, equal":            {`{"properties":{"isZoneRedundant":true}}`, "properties.isZoneRedundant", `true`},
		"zone, other":            {`{"properties":{"isZoneRedundant":false}}`, "", `InvalidRequest`},
		"tls, other":             {`{"properties":{"minimumTlsVersionAllowed":"1.0"}}`, "", `InvalidRequest`},
		"ours, one member":       {`{"properties":{"gridmq":{"registryFirst":true}}}`, "properties.gridmq.passwords.enabled", `true`},
		"ours, removed":          {`{"properties":{"gridmq":{"passwords":null}}}`, "properties.gridmq.passwords", `null`},
		"given in two spellings": {`{"tags":{},"Tags":{}}`, "", `InvalidRequestContent`},
		"not an object":          {`"x"`, "", `InvalidRequestContent`},
		"read-only is ignored":   {`{"id":"` + plant + `","properties":{"provisioningState":"Failed"}}`, "properties.provisioningState", `"Succeeded"`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, nil)
			b.must(201, "PUT "+plant, `{"tags":{"a":"b"},"properties":{"publicNetworkAccess":"Disabled",
				"inboundIpRules":[{"ipMask":"10.0.0.0/8","action":"Allow"}],"gridmq":{"passwords":{"enabled":true}},
				"topicSpacesConfiguration":{"state":"Enabled","maximumSessionExpiryInHours":8}}}`)
			a := b.do("PATCH "+plant, tt.patch)
			if code := a.code(); code != "" || tt.want[0] == 'I' {
				if code != tt.want {
					t.Errorf("%d %s", a.status, a.text)
				}
				return
			}
			if got := quote(b.must(200, "GET "+plant, "").at(tt.path)); got != tt.want {
				t.Errorf("%s = %s, want %s", tt.path, got, tt.want)
			}
		})
	}
}

// PUT replaces, except what its api-version does not know and what it did not
// mention of ours: sections 1.1, 8.
func TestPutReplaces(t *testing.T) {
	b := newBench(t, nil)
	b.must(201, "PUT "+plant, `{"tags":{"a":"b"},"properties":{"ipV6Enabled":true,
		"gridmq":{"profile":"azure","passwords":{"enabled":true}},
		"topicSpacesConfiguration":{"state":"Enabled","customDomains":[{"fullyQualifiedDomainName":"a.example"}],
		"clientAuthentication":{"alternativeAuthenticationNameSources":["ClientCertificateDns"],
		  "customJwtAuthentication":{"tokenIssuer":"x","encodedIssuerCertificates":[{"kid":"k","encodedCertificate":`+quote(rsaCertificate)+`}]}}}}}`)
	spaces := "properties.topicSpacesConfiguration."
	auth := spaces + "clientAuthentication"
	tests := []struct {
		version string
		kept    []string // and everything else is back at its default
	}{
		{"2023-06-01-preview", []string{auth + ".customJwtAuthentication", spaces + "customDomains", "properties.ipV6Enabled"}},
		{"2024-06-01-preview", []string{"properties.ipV6Enabled"}},
		{"2025-02-15", []string{auth, "properties.ipV6Enabled"}},
		{control.Newest, nil},
	}
	for _, tt := range tests {
		t.Run(tt.version, func(t *testing.T) {
			b.t = t
			before := b.must(200, "GET "+plant, "")
			after := b.must(200, "PUT "+plant+"?api-version="+tt.version, `{"location":"local"}`)
			for _, path := range append([]string{"properties.gridmq"}, tt.kept...) {
				if quote(before.at(path)) != quote(after.at(path)) {
					t.Errorf("%s became %s", path, quote(after.at(path)))
				}
			}
			for _, path := range []string{"tags", auth + ".alternativeAuthenticationNameSources"} {
				if after.at(path) != nil && !slices.Contains(tt.kept, auth) {
					t.Errorf("%s stayed: %s", path, quote(after.at(path)))
				}
			}
			if after.at(spaces+"state") != "Disabled" {
				t.Error("state stayed")
			}
			b.must(200, "PUT "+plant, before.text)
		})
	}
	a := b.must(200, "PUT "+plant+"?api-version=2025-02-15",
		`{"properties":{"topicSpacesConfiguration":{"clientAuthentication":{"alternativeAuthenticationNameSources":[]}}}}`)
	if !strings.Contains(a.header.Get("gridmq-warning"), "clientAuthentication is not part of api-version 2025-02-15") {
		t.Errorf("no warning: %v", a.header)
	}
}

func TestSecretsStayHidden(t *testing.T) {
	b := newBench(t, nil)
	hook := func(endpoint, credential string) string {
		return `{"properties":{"topicSpacesConfiguration":{"clientAuthentication":{"webhookAuthentication":{"endpointUrl":"` + endpoint +
			`"}}},"gridmq":{"webhookAuthentication":{"credential":` + credential + `}}}}`
	}
	const bearer = `{"type":"Bearer","secret":"hush-hush"}`
	a := b.must(201, "PUT "+plant, hook("https://a.example/x", bearer))
	b.must(201, "PUT "+plant+"/clients/c", `{"properties":{"gridmq":{"password":"hush-hush"}}}`)
	client := b.must(200, "GET "+plant+"/clients/c", "")
	if client.at("properties.gridmq.hasPassword") != true || a.at("properties.gridmq.webhookAuthentication.credential.hasSecret") != true {
		t.Errorf("%s %s", client.text, a.text)
	}
	b.must(200, "PUT "+plant+"/clients/c", client.text)
	b.must(200, "PUT "+plant, b.must(200, "GET "+plant, "").text)
	b.must(200, "PUT "+plant, hook("https://a.example/other?x=1", `{"type":"bearer"}`)) // same origin
	b.must(200, "PATCH "+plant, `{"tags":{"a":"b"}}`)
	stored := fmt.Sprint(b.documents("c/"))
	if !strings.Contains(stored, "hush-hush") || !strings.Contains(stored, "$argon2id$") {
		t.Error("a secret was lost")
	}
	for name, request := range map[string][2]string{
		"put elsewhere":   {"PUT " + plant, hook("https://b.example/x", `{"type":"Bearer"}`)},
		"patch elsewhere": {"PATCH " + plant, `{"properties":{"topicSpacesConfiguration":{"clientAuthentication":{"webhookAuthentication":{"endpointUrl":"https://b.example/"}}}}}`},
		"other header":    {"PATCH " + plant, `{"properties":{"gridmq":{"webhookAuthentication":{"credential":{"type":"Header","headerName":"x-key"}}}}}`},
	} {
		if a := b.do(request[0], request[1]); a.status != 400 {
			t.Errorf("%s: the secret went along: %d %s", name, a.status, a.text)
		}
	}
	b.must(200, "PUT "+plant, hook("https://b.example/x", bearer))
	for _, where := range []string{"GET " + plant, "GET " + plant + "/clients/c", "GET /gridmq/audit", "GET " + base + "/namespaces",
		"PATCH " + plant + "?api-version=2025-02-15&gridmq-dry-run=true"} {
		a := b.must(200, where, `{}`)
		for _, secret := range []string{"hush-hush", "argon2id", number(b.must(200, "POST "+plant+"/listKeys", "").at("key1"))} {
			if strings.Contains(a.text, secret) {
				t.Errorf("%s shows a secret: %s", where, a.text)
			}
		}
	}
}

func TestRegenerateKey(t *testing.T) {
	b := newBench(t, nil)
	b.furnish()
	before := b.must(200, "POST "+plant+"/listKeys", "")
	after := b.must(200, "POST "+plant+"/regenerateKey", `{"keyName":"KEY1"}`)
	if before.at("key1") == after.at("key1") || before.at("key2") != after.at("key2") || len(number(after.at("key1"))) != 64 {
		t.Error("want another key1 and the same key2")
	}
	if again := b.must(200, "POST "+plant+"/listKeys", ""); again.text != after.text {
		t.Error("listKeys shows other keys")
	}
}

func TestReferences(t *testing.T) {
	b := newBench(t, nil)
	b.furnish()
	for path, code := range map[string]string{"/clientGroups/presses": "Conflict", "/topicSpaces/telemetry": "Conflict"} {
		if a := b.do("DELETE "+plant+path, ""); a.status != 409 || a.code() != code || !strings.Contains(a.text, "press-telemetry") {
			t.Errorf("delete %s: %d %s", path, a.status, a.text)
		}
	}
	for field, body := range map[string]string{
		"properties.clientGroupName": strings.Replace(bindingBody, "presses", "ovens", 1),
		"properties.topicSpaceName":  strings.Replace(bindingBody, "telemetry", "ovens", 1),
	} {
		if a := b.do("PUT "+plant+"/permissionBindings/b-2", body); a.status != 400 || a.at("error.target") != field {
			t.Errorf("%s: %d %s", field, a.status, a.text)
		}
	}
	b.must(201, "PUT "+plant+"/permissionBindings/b-3", strings.Replace(bindingBody, "presses", "$all", 1))
	if a := b.do("PUT "+plant+"/clients/b", `{"properties":{"authenticationName":"PRESS-07"}}`); a.status != 409 || a.at("error.target") != "properties.authenticationName" {
		t.Errorf("%d %s", a.status, a.text)
	}
	pem := authority("again")
	b.must(201, "PUT "+plant+"/caCertificates/ca-2", caBody(strings.ReplaceAll(pem, "\n", "")))
	if a := b.do("PUT "+plant+"/caCertificates/ca-3", caBody(pem)); a.status != 400 || !strings.Contains(a.text, "ca-2") {
		t.Errorf("same certificate: %d %s", a.status, a.text)
	}
	if a := b.do("PUT "+plant+"/caCertificates/ca-3", caBody(certificate("leaf", false))); a.status != 400 {
		t.Errorf("no CA: %d %s", a.status, a.text)
	}
	if a := b.must(200, "GET "+plant+"/clientGroups", ""); !slices.Equal(a.names(), []string{"presses"}) {
		t.Errorf("groups %q", a.names())
	}
}

func TestQuotas(t *testing.T) {
	b := newBench(t, nil)
	b.must(201, "PUT "+plant, `{"properties":{"gridmq":{"profile":"azure"}}}`)
	for i := range 10 {
		b.must(201, fmt.Sprintf("PUT %s/clientGroups/group-%d", plant, i), groupBody)
	}
	if a := b.do("PUT "+plant+"/clientGroups/one-more", groupBody); a.status != 409 || a.code() != "QuotaExceeded" {
		t.Errorf("%d %s", a.status, a.text)
	}
	b.must(200, "PUT "+plant+"/clientGroups/group-1", groupBody)
	b.must(200, "DELETE "+plant+"/clientGroups/group-1", "")
	b.must(201, "PUT "+plant+"/clientGroups/one-more", groupBody)
}

// All faults at once: section 7.
func TestDetails(t *testing.T) {
	b := newBench(t, nil)
	b.furnish()
	a := b.do("PUT "+plant+"/clients/a", `{"properties":{"state":"On","clientCertificateAuthentication":{"validationScheme":"ThumbprintMatch"},"attributes":{"a-b":1}}}`)
	details, _ := a.at("error.details").([]any)
	if a.status != 400 || a.code() != "InvalidRequest" || len(details) < 3 {
		t.Errorf("%d details: %s", len(details), a.text)
	}
}

func TestDryRun(t *testing.T) {
	b := newBench(t, func(o *control.Options) {
		o.Impact = func(changes []resource.Change) resource.Impact {
			return resource.Impact{Effects: []resource.Effect{{Namespace: "plant", Client: "press-07", Loses: "publish a/b", Reason: changes[0].Kind}}, More: 3}
		}
	})
	b.furnish()
	before := quote(b.documents(""))
	tests := map[string]struct {
		request, body   string
		headers         []string
		operation, code string
		members         string
	}{
		"create":    {"PUT " + plant + "/clients/new", `{}`, nil, "create", "", ""},
		"change":    {"PUT " + plant + "/clientGroups/presses", strings.Replace(groupBody, "press", "oven", 1), nil, "update", "", `["properties.query"]`},
		"nothing":   {"PUT " + plant + "/clientGroups/presses", groupBody, nil, "none", "", `[]`},
		"patch":     {"PATCH " + plant, `{"tags":{"a":"b"}}`, nil, "update", "", `["tags.a"]`},
		"delete":    {"DELETE " + plant + "/permissionBindings/press-telemetry", "", nil, "delete", "", ""},
		"all":       {"DELETE " + plant, "", nil, "delete", "", ""},
		"group":     {"DELETE /subscriptions/sub/resourcegroups/rg", "", nil, "delete", "", ""},
		"no such":   {"DELETE " + plant + "/clients/none", "", nil, "none", "", ""},
		"refused":   {"DELETE " + plant + "/clientGroups/presses", "", nil, "", "Conflict", ""},
		"bad":       {"PUT " + plant + "/clients/new", `{"properties":{"state":"x"}}`, nil, "", "InvalidRequest", ""},
		"forbidden": {"PUT " + plant + "/clients/new", `{}`, []string{"Authorization", "Bearer reader-token"}, "", "AuthorizationFailed", ""},
		"namespace": {"PUT " + base + "/namespaces/new", `{}`, nil, "create", "", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b.t = t
			a := b.do(tt.request, tt.body, append(tt.headers, "gridmq-dry-run", "true")...)
			if a.code() != tt.code || tt.code == "" && (a.status != 200 || a.at("operation") != tt.operation) {
				t.Fatalf("%d %s", a.status, a.text)
			}
			if tt.members != "" && quote(a.at("members")) != tt.members {
				t.Errorf("members %s, want %s", quote(a.at("members")), tt.members)
			}
			if effects, _ := a.at("effects").([]any); tt.operation == "update" && (len(effects) != 1 || quote(a.at("moreEffects")) != "3") {
				t.Errorf("not the effects: %s", a.text)
			}
			if after := quote(b.documents("")); after != before {
				t.Error("a dry run stored something")
				before = after
			}
		})
	}
}

// Concurrent writers with ETags: exactly one wins each time.
func TestConcurrentWriters(t *testing.T) {
	b := newBench(t, nil)
	b.furnish()
	tag := b.must(200, "GET "+plant+"/clients/press-7", "").header.Get("ETag")
	for round := range 10 {
		var won sync.Map
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				a := b.do("PUT "+plant+"/clients/press-7", fmt.Sprintf(`{"properties":{"description":"%d-%d"}}`, round, i), "If-Match", tag)
				if a.status == http.StatusOK {
					won.Store(i, a.header.Get("ETag"))
				} else if a.status != http.StatusPreconditionFailed {
					t.Errorf("%d %s", a.status, a.text)
				}
			})
		}
		all.Wait()
		n := 0
		won.Range(func(_, next any) bool { n++; tag = next.(string); return true })
		if n != 1 {
			t.Fatalf("%d writers replaced one revision", n)
		}
	}
}

func TestCustomDomains(t *testing.T) {
	b := newBench(t, nil)
	const path = "properties.topicSpacesConfiguration.customDomains"
	body := `{"properties":{"topicSpacesConfiguration":{"customDomains":[{"fullyQualifiedDomainName":"mqtt.plant.example","certificateInfo":{"keyVaultArmId":"/x/vaults/kv","certificateName":"c"}}]}}}`
	first := func(a answer) map[string]any {
		t.Helper()
		list, _ := a.at(path).([]any)
		if len(list) != 1 {
			t.Fatalf("domains: %s", a.text)
		}
		return list[0].(map[string]any)
	}
	a := first(b.must(201, "PUT "+plant, body))
	if a["expectedTxtRecordName"] != "_eg.mqtt.plant.example" || a["validationState"] != "Pending" || len(b.dns.asked) != 0 ||
		a["certificateUrl"] != "https://kv.vault.azure.net/certificates/c" {
		t.Fatalf("%v, asked %q", a, b.dns.asked)
	}
	if again := first(b.must(200, "PUT "+plant, body)); again["expectedTxtRecordValue"] != a["expectedTxtRecordValue"] || again["validationState"] != "Pending" {
		t.Errorf("%v became %v", a, again)
	}
	b.dns.fail = errors.New("no network")
	if failed := first(b.must(200, "PUT "+plant, body)); failed["validationState"] != "ErrorRetrievingDnsRecord" {
		t.Errorf("%v", failed)
	}
	b.dns.fail = nil
	b.dns.set("_eg.mqtt.plant.example", "something else")
	validated := b.must(200, "POST "+plant+"/validateCustomDomainOwnership", "")
	list, _ := validated.at("customDomainsForTopicSpacesConfiguration").([]any)
	if len(list) != 1 || list[0].(map[string]any)["validationState"] != "Pending" || quote(validated.at("customDomainsForTopicsConfiguration")) != "[]" {
		t.Errorf("%s", validated.text)
	}
	b.dns.set("_eg.mqtt.plant.example", number(a["expectedTxtRecordValue"]))
	b.must(200, "POST "+plant+"/validateCustomDomainOwnership", "")
	b.dns.texts = map[string]string{} // once approved it stays
	if done := first(b.must(200, "PUT "+plant, body)); done["validationState"] != "Approved" {
		t.Errorf("%v", done)
	}
	b.must(200, "PUT "+plant, `{}`)
	b.must(201, "PUT "+base+"/namespaces/other", body) // the name is free again
}
