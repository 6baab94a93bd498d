package control

import (
	"net/http"
	"strings"

	"gridmq/control/resource"
)

const (
	namespaceTemplate    = "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/" + eventGrid + "/namespaces/{namespaceName}"
	deploymentsTemplate  = "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/" + deploymentType
	customTopicsTemplate = "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/" + eventGrid + "/topics"
	toolsTemplate        = "/gridmq/namespaces/{namespaceName}"
)

// openAPI describes the paths, made from the table of kinds. Nobody has to be
// known for it.
func (c *call) openAPI() error {
	paths := map[string]any{}
	const ns = namespaceTemplate
	for _, k := range c.plane.set.Kinds() {
		if k.Name == resource.Namespaces {
			describeActions(paths, k, ns)
			paths[ns] = operations(k, ns, "get", "put", "patch", "delete")
			paths[strings.TrimSuffix(ns, "/{namespaceName}")] = operations(k, "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}", "list")
			continue
		}
		var list string
		switch {
		case k.Name == resource.CustomTopics:
			list = customTopicsTemplate
		case k.Name == resource.CustomSubscriptions:
			list = customTopicsTemplate + "/{parentName}/providers/" + eventGrid + "/eventSubscriptions"
			describe(paths, k, customTopicsTemplate+"/{parentName}/eventSubscriptions")
		case k.Name == resource.Bans:
			list = toolsTemplate + "/bans"
		case k.Name == resource.Operators:
			list = "/gridmq/operators"
		case k.Name == resource.ResourceGroups:
			list = "/subscriptions/{subscriptionId}/resourcegroups"
		case k.Name == resource.RoleAssignments:
			list = "/{scope}/providers/" + authorization + "/roleAssignments"
		case k.Parent != "":
			list = ns + "/" + k.Parent + "/{parentName}/" + k.Name
		default:
			list = ns + "/" + k.Name
		}
		describe(paths, k, list)
	}
	for _, r := range others {
		m, _ := paths[r.path].(map[string]any)
		if m == nil {
			m = map[string]any{"parameters": parameters(r.path)}
			paths[r.path] = m
		}
		m[r.method] = operation(r.summary, r.method == "post")
	}
	c.answer(http.StatusOK, map[string]any{
		"openapi":  "3.1.0",
		"info":     map[string]any{"title": "GridMQ management", "version": Newest},
		"servers":  []any{map[string]any{"url": c.base()}},
		"security": []any{map[string]any{"bearer": []any{}}},
		"paths":    paths,
		"components": map[string]any{
			"securitySchemes": map[string]any{"bearer": map[string]any{"type": "http", "scheme": "bearer"}},
			"schemas":         schemas,
		},
	})
	return nil
}

// describe adds a kind whose list is at a path.
func describe(paths map[string]any, k *resource.Kind, list string) {
	paths[list] = operations(k, list, "list")
	one := list + "/{name}"
	verbs := []string{"get", "put", "delete"}
	if k.Patchable {
		verbs = append(verbs, "patch")
	}
	paths[one] = operations(k, one, verbs...)
	describeActions(paths, k, one)
}

// actionTexts say what actions do.
var actionTexts = map[string]string{
	resource.ListKeys:        "Show both access keys",
	resource.RegenerateKey:   "Make an access key anew",
	resource.ValidateDomains: "Look for proofs of ownership",
	resource.FullURL:         "Show the whole URL of a webhook",
	resource.Attributes:      "Show the delivery attributes, secrets too",
}

func describeActions(paths map[string]any, k *resource.Kind, one string) {
	for _, a := range k.Actions {
		path := one + "/" + a
		paths[path] = map[string]any{"parameters": parameters(path), "post": operation(actionTexts[a], true)}
	}
}

// others are the routes that no kind of resource makes.
var others = []struct{ method, path, summary string }{
	{"get", namespaceTemplate + "/privateEndpointConnections", "List private end points; there are none"},
	{"get", namespaceTemplate + "/privateEndpointConnections/{name}", "Show a private end point; there is none"},
	{"put", namespaceTemplate + "/privateEndpointConnections/{name}", "Refused: there are no private end points"},
	{"delete", namespaceTemplate + "/privateEndpointConnections/{name}", "Delete a private end point; there is none"},
	{"get", namespaceTemplate + "/privateLinkResources", "List private link resources; there are none"},
	{"get", namespaceTemplate + "/privateLinkResources/{name}", "Show a private link resource; there is none"},

	{"get", "/metadata/endpoints", "Where everything is, for tools"},
	{"get", "/tenants", "List tenants"},
	{"get", "/subscriptions", "List subscriptions"},
	{"get", "/subscriptions/{subscriptionId}", "Show a subscription"},
	{"get", "/subscriptions/{subscriptionId}/providers", "List resource providers"},
	{"get", "/subscriptions/{subscriptionId}/providers/{providerName}", "Show a resource provider"},
	{"post", "/subscriptions/{subscriptionId}/providers/" + eventGrid + "/register", "Register the resource provider; it always is"},
	{"get", "/subscriptions/{subscriptionId}/providers/" + eventGrid + "/namespaces", "List namespaces of a subscription"},
	{"get", "/subscriptions/{subscriptionId}/providers/" + eventGrid + "/topics", "List custom topics of a subscription"},
	{"get", "/subscriptions/{subscriptionId}/providers/" + eventGrid + "/locations/{location}/{operationKind}/{operationId}", "Show a long-running operation; there is none"},
	{"get", "/subscriptions/{subscriptionId}/resourcegroups/{resourceGroupName}/resources", "List what is in a resource group"},
	{"get", "/subscriptions/{subscriptionId}/resources", "List what is in a subscription"},
	{"get", deploymentsTemplate, "List deployments"},
	{"get", deploymentsTemplate + "/{name}", "Show a deployment"},
	{"put", deploymentsTemplate + "/{name}", "Deploy a template"},
	{"delete", deploymentsTemplate + "/{name}", "Forget a deployment; what it made stays"},
	{"post", deploymentsTemplate + "/{name}/validate", "Check a template"},
	{"get", deploymentsTemplate + "/{name}/operations", "What a deployment made"},
	{"get", "/providers/" + eventGrid + "/operations", "List what can be done"},
	{"get", "/{scope}/providers/" + authorization + "/roleDefinitions", "List roles"},
	{"get", "/{scope}/providers/" + authorization + "/roleDefinitions/{name}", "Show a role"},

	{"get", "/gridmq/audit", "Who changed what, newest first"},
	{"post", "/gridmq/backup", "Stream a backup of everything, as a tar archive; for owners of everything"},
	{"get", "/gridmq/metrics", "What the metrics are now"},
	{"get", "/gridmq/openapi.json", "This document"},
	{"get", "/gridmq/refused", "Connections that were refused before a namespace was found, newest first"},
	{"get", "/gridmq/whoami", "Whom the token belongs to"},
	{"post", "/gridmq/operators/{name}/newToken", "Give an operator another token"},
	{"get", toolsTemplate + "/addresses", "Where clients reach the namespace"},
	{"get", toolsTemplate + "/deadLetters", "List events that were not delivered, newest first"},
	{"get", toolsTemplate + "/deadLetters/accounts", "List where events that were not delivered are, besides the server's disk"},
	{"post", toolsTemplate + "/deadLetters/replay", "Publish events that were not delivered to their topics again"},
	{"get", toolsTemplate + "/retained", "List retained messages that a topic filter matches"},
	{"get", toolsTemplate + "/retained/message", "Show the retained message of a topic, with its payload"},
	{"delete", toolsTemplate + "/retained/message", "Delete the retained message of a topic"},
	{"get", toolsTemplate + "/eventCounts", "What topics and event subscriptions have done, and what waits in them"},
	{"get", toolsTemplate + "/refused", "Connections that were refused, newest first"},
	{"get", toolsTemplate + "/history", "Who came, went and was refused, newest first"},
	{"get", toolsTemplate + "/slow", "List the sessions with the longest queues, by messages, bytes or age"},
	{"post", toolsTemplate + "/trace/{clientId}", "Stream what a client says and is told, as lines of JSON; parameters for, topic, payload"},
	{"post", toolsTemplate + "/explain", "Why would this be allowed or refused?"},
	{"get", toolsTemplate + "/sessions", "List sessions"},
	{"get", toolsTemplate + "/sessions/{clientId}", "Show a session with its subscriptions"},
	{"delete", toolsTemplate + "/sessions/{clientId}", "End a connection and its session"},
	{"post", toolsTemplate + "/sessions/{clientId}/disconnect", "End a connection"},
}

var verbs = map[string]string{"get": "Show one of", "put": "Create or replace one of", "patch": "Change one of", "delete": "Delete one of", "list": "List"}

func operations(k *resource.Kind, path string, which ...string) map[string]any {
	m := map[string]any{"parameters": parameters(path)}
	for _, verb := range which {
		method := verb
		if verb == "list" {
			method = "get"
		}
		m[method] = operation(verbs[verb]+" "+k.Name, verb == "put" || verb == "patch")
	}
	return m
}

func operation(summary string, body bool) map[string]any {
	reference := func(name string) map[string]any {
		return map[string]any{"content": map[string]any{"application/json": map[string]any{
			"schema": map[string]any{"$ref": "#/components/schemas/" + name}}}}
	}
	ok, bad := reference("Resource"), reference("Error")
	ok["description"], bad["description"] = "Done", "Refused"
	o := map[string]any{"summary": summary, "responses": map[string]any{"2XX": ok, "default": bad}}
	if body {
		o["requestBody"] = reference("Resource")
	}
	return o
}

// parameters are those in braces, and what every path below /subscriptions takes.
func parameters(path string) []any {
	list := []any{}
	for part := range strings.SplitSeq(path, "{") {
		if name, _, found := strings.Cut(part, "}"); found {
			list = append(list, map[string]any{"name": name, "in": "path", "required": true, "schema": map[string]any{"type": "string"}})
		}
	}
	if !strings.HasPrefix(path, "/gridmq") {
		list = append(list, map[string]any{"name": "api-version", "in": "query", "required": true,
			"schema": map[string]any{"type": "string", "examples": versions}})
	}
	return list
}

var schemas = map[string]any{
	"Resource": map[string]any{"type": "object", "properties": map[string]any{
		"id": text, "name": text, "type": text, "location": text, "tags": map[string]any{"type": "object"},
		"properties": map[string]any{"type": "object"}, "systemData": map[string]any{"type": "object"}}},
	"Error": map[string]any{"type": "object", "properties": map[string]any{"error": map[string]any{"type": "object",
		"required": []string{"code", "message"},
		"properties": map[string]any{"code": text, "message": text, "target": text,
			"details": map[string]any{"type": "array", "items": map[string]any{"type": "object"}}}}}},
}

var text = map[string]any{"type": "string"}
