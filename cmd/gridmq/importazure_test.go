package main

import (
	"strings"
	"testing"
)

// azureTemplate is what az group export writes of a namespace and its neighbours.
const azureTemplate = `{
  "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#", "contentVersion": "1.0.0.0",
  "parameters": {
    "namespaces_plant_name": {"defaultValue": "plant-we", "type": "String"},
    "accounts_ext": {"defaultValue": "/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/letters", "type": "String"}},
  "variables": {},
  "resources": [
    {"type": "Microsoft.Storage/storageAccounts", "apiVersion": "2023-01-01", "name": "letters", "properties": {}},
    {"type": "Microsoft.EventGrid/namespaces", "apiVersion": "2025-02-15", "name": "[parameters('namespaces_plant_name')]", "location": "westeurope",
     "sku": {"name": "Standard", "capacity": 2}, "identity": {"type": "SystemAssigned"},
     "properties": {"isZoneRedundant": true, "publicNetworkAccess": "Enabled", "inboundIpRules": [],
       "privateEndpointConnections": [{"name": "pe", "properties": {}}],
       "topicsConfiguration": {},
       "topicSpacesConfiguration": {"state": "Enabled", "maximumSessionExpiryInHours": 2, "maximumClientSessionsPerAuthenticationName": 3,
         "routeTopicResourceId": "[resourceId('Microsoft.EventGrid/namespaces/topics', parameters('namespaces_plant_name'), 'orders')]",
         "customDomains": [{"fullyQualifiedDomainName": "mqtt.plant.example", "certificateUrl": "https://v.vault.azure.net/certificates/c", "identity": {"type": "SystemAssigned"}}]}}},
    {"type": "Microsoft.EventGrid/namespaces/clients", "apiVersion": "2025-02-15", "name": "[concat(parameters('namespaces_plant_name'), '/press-07')]",
     "dependsOn": ["[resourceId('Microsoft.EventGrid/namespaces', parameters('namespaces_plant_name'))]"],
     "properties": {"authenticationName": "press-07", "state": "Enabled", "attributes": {"kind": "press"}, "clientCertificateAuthentication": {"validationScheme": "SubjectMatchesAuthenticationName"}}},
    {"type": "Microsoft.EventGrid/namespaces/clientGroups", "apiVersion": "2025-02-15", "name": "[concat(parameters('namespaces_plant_name'), '/$all')]", "properties": {"query": "true"}},
    {"type": "Microsoft.EventGrid/namespaces/topics", "apiVersion": "2025-02-15", "name": "[concat(parameters('namespaces_plant_name'), '/orders')]",
     "properties": {"publisherType": "Custom", "inputSchema": "CloudEventSchemaV1_0", "eventRetentionInDays": 1}},
    {"type": "Microsoft.EventGrid/namespaces/topics/eventSubscriptions", "apiVersion": "2025-02-15", "name": "[concat(parameters('namespaces_plant_name'), '/orders/billing')]",
     "properties": {"eventDeliverySchema": "CloudEventSchemaV1_0", "deliveryConfiguration": {"deliveryMode": "Queue", "queue": {"receiveLockDurationInSeconds": 60, "maxDeliveryCount": 10, "eventTimeToLive": "P1D",
       "deadLetterDestinationWithResourceIdentity": {"identity": {"type": "SystemAssigned"}, "deadLetterDestination": {"endpointType": "StorageBlob", "properties": {"resourceId": "[parameters('accounts_ext')]", "blobContainerName": "dead"}}}}}}},
    {"type": "Microsoft.EventGrid/namespaces/topics/eventSubscriptions", "apiVersion": "2025-02-15", "name": "[concat(parameters('namespaces_plant_name'), '/orders/hook')]",
     "properties": {"eventDeliverySchema": "CloudEventSchemaV1_0", "deliveryConfiguration": {"deliveryMode": "Push", "push": {"maxDeliveryCount": 10, "eventTimeToLive": "P7D",
       "destination": {"endpointType": "WebHook", "properties": {"endpointBaseUrl": "https://hook.example/in", "maxEventsPerBatch": 1}}}}}}
  ]}`

// Everything that is not taken over is said, with the reason; nothing is changed unless
// the rest is wanted.
func TestImportAzure(t *testing.T) {
	d := newDesk(t, nil)
	file := d.file("template.json", azureTemplate)
	s := d.run("import azure -n plant", file)
	if s.code != exitDenied || !strings.Contains(s.errs, "nothing was changed, as 3 of the things above cannot be imported") {
		t.Fatalf("exit code %d\n%s%s", s.code, s.out, s.errs)
	}
	d.wantLines(s.out, "not imported Microsoft.Storage/storageAccounts letters: type: resources of the type \"Microsoft.Storage/storageAccounts\" are not known here: left out",
		"not imported Namespace plant-we: properties.privateEndpointConnections: private endpoints belong to Azure's networks",
		"not imported EventSubscription plant-we/orders/hook: properties.deliveryConfiguration: the URL of its webhook is not in the file",
		"note Namespace plant-we: name: is plant now",
		"note Namespace plant-we: identity: a managed identity has no power outside Azure",
		"note Namespace plant-we: properties.topicSpacesConfiguration.customDomains[0].certificateUrl: vaults are not read",
		"note Namespace plant: properties.topicSpacesConfiguration.routeTopicResourceId: is "+place+"namespaces/plant/topics/orders now",
		"note EventSubscription plant-we/orders/billing: properties: where dead letters are kept is in events.dead_letters")
	if s := d.run("namespaces -o json"); strings.TrimSpace(s.out) != "[]" {
		t.Errorf("there is %s", s.out)
	}
	if s := d.run("import azure -n plant --dry-run", file); s.code != 0 || !strings.Contains(s.out, "would create Client plant/press-07\n") {
		t.Errorf("dry run: %s%s", s.out, s.errs)
	}
	s = d.run("import azure -n plant --partial", file)
	d.wantLines(s.out, "created Namespace plant", "created Client plant/press-07", "created Topic plant/orders", "created EventSubscription plant/orders/billing", "note ClientGroup plant-we/$all: is there in every namespace")
	if s.code != 0 || strings.Contains(s.out, "plant/orders/hook\n") {
		t.Errorf("exit code %d\n%s%s", s.code, s.out, s.errs)
	}
	if s := d.run("get namespace plant -o yaml"); !strings.Contains(s.out, "routeTopicResourceId: "+place+"namespaces/plant/topics/orders") {
		t.Errorf("the namespace is %s", s.out)
	}
}

// wantLines wants each of some beginnings of lines, whatever place in a file they have.
func (d *desk) wantLines(out string, wants ...string) {
	d.t.Helper()
	for _, want := range wants {
		word, rest, _ := strings.Cut(want, " ")
		if word == "not" {
			word, rest = "not imported", strings.TrimPrefix(rest, "imported ")
		}
		found := false
		for line := range strings.Lines(out) {
			found = found || strings.HasPrefix(line, word+" ") && strings.Contains(line, rest)
		}
		if !found {
			d.t.Errorf("no line %q in\n%s", want, out)
		}
	}
}

// What az resource show and az resource list print.
func TestImportAzureAnswers(t *testing.T) {
	d := newDesk(t, nil)
	const id = "/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/rg/providers/Microsoft.EventGrid/namespaces/plant"
	shown := `{"id":"` + id + `","identity":null,"kind":null,"location":"westeurope","managedBy":null,"name":"plant","plan":null,"resourceGroup":"rg",
 "properties":{"provisioningState":"Succeeded","publicNetworkAccess":"Enabled","topicSpacesConfiguration":{"hostname":"plant.westeurope-1.ts.eventgrid.azure.net","state":"Enabled",
 "routeTopicResourceId":"` + id + `/topics/orders"},"topicsConfiguration":{"hostname":"plant.westeurope-1.eventgrid.azure.net"}},"sku":{"capacity":1,"name":"Standard","tier":null},"tags":null,"type":"Microsoft.EventGrid/namespaces"}`
	topics := `{"value":[{"id":"` + id + `/topics/orders","name":"orders","type":"Microsoft.EventGrid/namespaces/topics","systemData":{"createdBy":"a@b.example"},"properties":{"provisioningState":"Succeeded","publisherType":"Custom","inputSchema":"CloudEventSchemaV1_0","eventRetentionInDays":7}}]}`
	s := d.run("import azure", d.file("namespace.json", shown), d.file("topics.json", topics))
	d.wantLines(s.out, "note Namespace plant: properties.topicSpacesConfiguration.routeTopicResourceId: is "+place+"namespaces/plant/topics/orders now",
		"created Namespace plant", "created Topic plant/orders", "changed Namespace plant")
	if !strings.Contains(s.errs, "2 created, 1 changed") {
		t.Errorf("%s", s.errs)
	}
	// az resource list has names only.
	names := `[{"id":"` + id + `","location":"westeurope","name":"plant","properties":null,"type":"Microsoft.EventGrid/namespaces"}]`
	s = d.runAs(ownerToken, names, "import azure -")
	if s.code != exitDenied || !strings.Contains(s.out, "not imported standard input:1:") || !strings.Contains(s.out, "az resource list shows names only") {
		t.Errorf("exit code %d\n%s%s", s.code, s.out, s.errs)
	}
}

// Secrets are not exported; whoever exports and whoever imports is told what is missing.
func TestExportWithholds(t *testing.T) {
	d := newDesk(t, nil)
	file := d.file("plant.yaml", `
kind: Namespace
name: plant
properties: {topicSpacesConfiguration: {state: Enabled}, gridmq: {passwords: {enabled: true}}}
---
kind: Client
namespace: plant
name: lamp
properties: {gridmq: {password: a long phrase that nobody guesses}}
---
kind: Topic
namespace: plant
name: orders
properties: {}
---
kind: EventSubscription
namespace: plant
name: orders/hook
properties:
  deliveryConfiguration:
    deliveryMode: Push
    push:
      destination: {endpointType: WebHook, properties: {endpointUrl: 'https://hook.example/in?code=hidden1', deliveryAttributeMappings: [
        {name: x-key, type: Static, properties: {value: hidden2, isSecret: true}}]}}
`)
	if s := d.run("apply -f", file); s.code != 0 {
		t.Fatal(s.errs)
	}
	for _, format := range []string{"yaml", "arm", "json"} {
		s := d.run("export -n plant --format " + format)
		for _, want := range []string{"Client plant/lamp: its password", "EventSubscription plant/orders/hook: the URL of its webhook", "the value of its delivery attribute x-key", "the access keys"} {
			if !strings.Contains(s.errs, "gridmq: not exported: ") || !strings.Contains(s.errs, want) || format != "json" && !strings.Contains(s.out, want) {
				t.Errorf("%s: %q is not said in\n%s%s", format, want, s.errs, s.out)
			}
		}
		for _, secret := range []string{"hidden1", "hidden2", "nobody guesses"} {
			if strings.Contains(s.out+s.errs, secret) {
				t.Errorf("%s: %q is exported", format, secret)
			}
		}
		next := newDesk(t, nil)
		i := next.runAs(ownerToken, s.out, "import azure -")
		if i.code != exitDenied || !strings.Contains(i.out, "not imported") || format == "arm" && !strings.Contains(i.out, "note not in the file: Client plant/lamp: its password") {
			t.Errorf("%s: import: exit code %d\n%s%s", format, i.code, i.out, i.errs)
		}
	}
	if s := d.run("export -n plant --format arm -o json"); s.code != exitUsage {
		t.Errorf("two formats: %+v", s)
	}
}
