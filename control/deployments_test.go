package control_test

import (
	"slices"
	"strings"
	"testing"
)

const deployments = "/subscriptions/sub/resourceGroups/rg/providers/Microsoft.Resources/deployments"

// az writes template without quotes.
const anTemplate = `{"properties": {"mode": "Incremental", "parameters": {"name": {"value": "second"}}, template: {
  "parameters": {"name": {"type": "string"}, "topic": {"type": "string", "defaultValue": "orders"}},
  "resources": [
    {"type": "Microsoft.EventGrid/namespaces/topics/eventSubscriptions", "name": "[concat(parameters('name'), '/', parameters('topic'), '/billing')]", "apiVersion": "2025-02-15",
     "properties": {"deliveryConfiguration": {"deliveryMode": "Queue", "queue": {}}}},
    {"type": "Microsoft.EventGrid/namespaces/topics", "name": "[concat(parameters('name'), '/', parameters('topic'))]", "apiVersion": "2025-02-15", "properties": {}},
    {"type": "Microsoft.EventGrid/namespaces", "name": "[parameters('name')]", "apiVersion": "2025-02-15", "location": "[resourceGroup().location]",
     "properties": {"topicSpacesConfiguration": {"state": "Enabled", "routeTopicResourceId": "[resourceId('Microsoft.EventGrid/namespaces/topics', parameters('name'), parameters('topic'))]"}}}],
  "outputs": {"topic": {"type": "string", "value": "[parameters('topic')]"}, "hush": {"type": "secureString", "value": "x"}}}}}`

// A template is deployed in the order in which it can be, whatever its own.
func TestDeployments(t *testing.T) {
	b := newBench(t, nil)
	b.must(404, "PUT "+deployments+"/one", anTemplate) // no such group
	b.must(201, "PUT /subscriptions/sub/resourcegroups/rg", `{"location":"local"}`)
	v := b.must(200, "POST "+deployments+"/one/validate", anTemplate)
	if !strings.Contains(v.text, `"validatedResources"`) {
		t.Errorf("validated: %s", v.text)
	}
	b.must(404, "GET "+base+"/namespaces/second", "")
	a := b.must(201, "PUT "+deployments+"/one", anTemplate)
	for _, want := range []string{`"provisioningState":"Succeeded"`, `"topic":{"type":"string","value":"orders"}`, `/namespaces/second/topics/orders/eventSubscriptions/billing"`} {
		if !strings.Contains(a.text, want) {
			t.Errorf("%s\nhas no %s", a.text, want)
		}
	}
	if strings.Contains(a.text, "hush") {
		t.Errorf("a secret comes back: %s", a.text)
	}
	b.must(200, "GET "+base+"/namespaces/second/topics/orders/eventsubscriptions/billing", "")
	if ns := b.must(200, "GET "+base+"/namespaces/second", ""); !strings.Contains(ns.text, "/topics/orders") {
		t.Errorf("nothing is routed: %s", ns.text)
	}
	b.must(200, "PUT "+deployments+"/ONE", anTemplate) // again: nothing changes
	b.must(200, "GET "+deployments+"/one", "")
	if list := b.must(200, "GET "+deployments, ""); !slices.Equal(list.names(), []string{"ONE"}) {
		t.Errorf("deployments %q", list.names())
	}
	if ops := b.must(200, "GET "+deployments+"/one/operations", ""); strings.Count(ops.text, "targetResource") != 3 {
		t.Errorf("operations %s", ops.text)
	}
	b.must(204, "DELETE "+deployments+"/one", "")
	b.must(404, "GET "+deployments+"/one", "")
	b.must(200, "GET "+base+"/namespaces/second", "")
	if list := b.must(200, "GET /subscriptions/sub/resources?$filter=resourceGroup%20eq%20'RG'%20and%20resourceType%20eq%20'Microsoft.EventGrid/namespaces'&api-version=2021-04-01", ""); !slices.Equal(list.names(), []string{"second"}) {
		t.Errorf("resources %q", list.names())
	}
	b.must(400, "GET /subscriptions/sub/resources?$filter=tagName%20eq%20'a'&api-version=2021-04-01", "")
}

func TestDeploymentsRefused(t *testing.T) {
	b := newBench(t, nil)
	b.must(201, "PUT /subscriptions/sub/resourcegroups/rg", `{"location":"local"}`)
	for name, tt := range map[string]struct{ old, next, want string }{
		"mode Complete":       {"Incremental", "Complete", "Complete"},
		"no value":            {`{"value": "second"}`, `{"reference": {}}`, "vaults"},
		"unknown type":        {"Microsoft.EventGrid/namespaces/topics\"", "Microsoft.Web/sites\"", "Microsoft.Web/sites"},
		"unknown parameter":   {"parameters('topic')]\"}, \"hush", "parameters('nope')]\"}, \"hush", "nope"},
		"not JSON":            {`"resources": [`, `"resources": [[[`, ""},
		"template from a URL": {"template: {", `"templateLink": {"uri": "https://x"}, x: {`, "not fetched"},
	} {
		body := strings.Replace(anTemplate, tt.old, tt.next, 1)
		if body == anTemplate {
			t.Fatalf("%s: nothing replaced", name)
		}
		if a := b.must(400, "PUT "+deployments+"/bad", body); !strings.Contains(a.text, tt.want) {
			t.Errorf("%s: %s", name, a.text)
		}
	}
	b.must(404, "GET "+base+"/namespaces/second", "")
	// Files of the server are not read.
	file := `{"properties": {"template": {"resources": [{"type": "Microsoft.EventGrid/namespaces/caCertificates", "name": "second/ca", "properties": {"encodedCertificateFile": "/etc/passwd"}}]}}}`
	if a := b.must(400, "PUT "+deployments+"/file", file); !strings.Contains(a.text, "not read") {
		t.Errorf("a file: %s", a.text)
	}
	// What fails half way says what, and stays.
	half := strings.Replace(anTemplate, `"queue": {}`, `"queue": {"maxDeliveryCount": 99}`, 1)
	if a := b.must(400, "PUT "+deployments+"/half", half); !strings.Contains(a.text, "DeploymentFailed") || !strings.Contains(a.text, "maxDeliveryCount") {
		t.Errorf("half: %s", a.text)
	}
	if a := b.must(200, "GET "+deployments+"/half", ""); !strings.Contains(a.text, `"provisioningState":"Failed"`) {
		t.Errorf("half: %s", a.text)
	}
	b.must(200, "GET "+base+"/namespaces/second/topics/orders", "")
}

// A deployment may do what its caller may.
func TestDeploymentsRights(t *testing.T) {
	b := newBench(t, nil)
	b.must(201, "PUT /subscriptions/sub/resourcegroups/rg", `{"location":"local"}`)
	as := func(name, role, scope string) string {
		b.must(201, "PUT /gridmq/operators/"+name, `{"properties":{"role":"`+role+`","scope":"`+scope+`"}}`)
		return "Bearer " + number(b.must(200, "POST /gridmq/operators/"+name+"/newToken", "").at("token"))
	}
	b.must(403, "PUT "+deployments+"/one", anTemplate, "Authorization", as("rea", "reader", "/"))
	narrow := as("ann", "contributor", "/subscriptions/sub/resourceGroups/rg/providers/Microsoft.Resources")
	if a := b.must(403, "PUT "+deployments+"/one", anTemplate, "Authorization", narrow); !strings.Contains(a.text, "namespaces/write") {
		t.Errorf("parts are not the caller's: %s", a.text)
	}
	b.must(404, "GET "+base+"/namespaces/second", "")
}
