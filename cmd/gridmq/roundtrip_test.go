package main

import (
	"encoding/json"
	stdflag "flag"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"gridmq/internal/authority"
)

// A draft is documents of one namespace, with everything a resource may have.
type draft struct {
	t  *rapid.T
	ca string // a CA certificate, PEM
	// routed is whether the namespace routes to a custom topic, which then takes CloudEvents.
	routed bool
	docs   []map[string]any
}

type members = map[string]any

func (d *draft) add(kind, name string, more members) {
	doc := members{"kind": kind, "name": name}
	if kind != "Namespace" && !strings.HasPrefix(kind, "CustomTopic") {
		doc["namespace"] = "plant"
	}
	for k, v := range more {
		doc[k] = v
	}
	d.docs = append(d.docs, doc)
}

// maybe is v, or nothing: the member is then left out.
func (d *draft) maybe(to members, name string, v any) {
	if rapid.Bool().Draw(d.t, name) {
		to[name] = v
	}
}

func (d *draft) one(label string, of ...string) string {
	return rapid.SampledFrom(of).Draw(d.t, label)
}

// some are names without one twice.
func (d *draft) some(label string, most int) (names []string) {
	for i := range rapid.IntRange(0, most).Draw(d.t, label+"s") {
		names = append(names, fmt.Sprintf("%s-%d", label, i))
	}
	return names
}

const place = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/gridmq/providers/Microsoft.EventGrid/"

func (d *draft) namespace(topics, customs []string) {
	spaces := members{"state": d.one("state", "Enabled", "Disabled")}
	d.maybe(spaces, "maximumSessionExpiryInHours", rapid.IntRange(1, 8).Draw(d.t, "hours"))
	d.maybe(spaces, "maximumClientSessionsPerAuthenticationName", rapid.IntRange(1, 100).Draw(d.t, "sessions"))
	auth := members{}
	d.maybe(auth, "alternativeAuthenticationNameSources", []string{"ClientCertificateSubject", "ClientCertificateDns"})
	d.maybe(auth, "customJwtAuthentication", members{"tokenIssuer": "issuer.example", "encodedIssuerCertificates": []any{members{"kid": "a", "encodedCertificate": d.ca}}})
	d.maybe(auth, "webhookAuthentication", members{"endpointUrl": "https://hook.example/in", "azureActiveDirectoryApplicationIdOrUri": "app", "azureActiveDirectoryTenantId": "tenant", "identity": members{"type": "SystemAssigned"}})
	spaces["clientAuthentication"] = auth
	d.maybe(spaces, "routingEnrichments", members{"static": []any{members{"key": "site", "value": "north", "valueType": "String"}}, "dynamic": []any{members{"key": "who", "value": "${client.authenticationName}"}}})
	own := members{"profile": d.one("profile", "standard", "azure")}
	switch d.one("route", "none", "own", "custom", "several") {
	case "own":
		if len(topics) > 0 {
			spaces["routeTopicResourceId"] = place + "namespaces/plant/topics/" + topics[0]
		}
	case "custom":
		if len(customs) > 0 {
			d.routed, spaces["routeTopicResourceId"] = true, place+"topics/"+customs[0]
		}
	case "several":
		if len(topics) > 0 {
			own["routes"] = []any{members{"topicFilter": "a/#", "destination": topics[0]}}
		}
	}
	d.maybe(own, "hosts", []string{"plant.example"})
	d.maybe(own, "passwords", members{"enabled": true})
	d.maybe(own, "registryFirst", true)
	d.maybe(own, "rateLimits", members{"publishes": 100, "connects": 7})
	d.maybe(own, "limits", members{"sessions_per_name": 5})
	d.maybe(own, "registerOnFirstConnect", members{"enabled": true})
	p := members{"topicSpacesConfiguration": spaces, "gridmq": own, "publicNetworkAccess": d.one("access", "Enabled", "Disabled"),
		"topicsConfiguration": members{}}
	d.maybe(p, "inboundIpRules", []any{members{"ipMask": "10.0.0.0/8", "action": "Allow"}})
	d.maybe(p, "isZoneRedundant", rapid.Bool().Draw(d.t, "zones"))
	body := members{"properties": p, "identity": members{"type": "SystemAssigned"}, "sku": members{"name": "Standard", "capacity": rapid.IntRange(1, 40).Draw(d.t, "units")}}
	d.maybe(body, "location", "westeurope")
	d.maybe(body, "tags", members{"owner": d.text("tag"), "[x]": "[concat('a')]"})
	d.add("Namespace", "plant", body)
}

// text is for descriptions: what notations stumble over.
func (d *draft) text(label string) string {
	return d.one(label, "plain", "", "[concat('a', 'b')]", "yes", "a: b # c", "two\nlines\n", "ä ☃ \u0085", "${client.authenticationName}", "'\"\\")
}

func properties(p members) members { return members{"properties": p} }

func (d *draft) access() {
	groups, spaces, clients := d.some("group", 3), d.some("space", 3), d.some("client", 4)
	for _, name := range clients {
		p := members{"state": d.one("client state", "Enabled", "Disabled")}
		d.maybe(p, "authenticationName", name+":x/"+d.one("suffix", "a", "ü", "[b]"))
		d.maybe(p, "description", d.text("description"))
		d.maybe(p, "attributes", members{"kind": d.one("kind", "press", "[oven]"), "floor": rapid.IntRange(-5, 1<<30).Draw(d.t, "floor"), "on": "true", "lines": []string{"a", "b"}})
		d.maybe(p, "clientCertificateAuthentication", d.scheme())
		d.add("Client", name, properties(p))
	}
	for _, name := range groups {
		p := members{"query": d.one("query", "attributes.kind = 'press'", "attributes.floor > 3 and authenticationName IN ['a', 'b']")}
		d.maybe(p, "description", d.text("group text"))
		d.add("ClientGroup", name, properties(p))
	}
	for _, name := range spaces {
		p := members{"topicTemplates": []string{name + "/${client.authenticationName}/#", name + "/+/[x]"}}
		d.maybe(p, "description", d.text("space text"))
		d.add("TopicSpace", name, properties(p))
	}
	for i, space := range spaces {
		group := "$all"
		if i < len(groups) {
			group = groups[i]
		}
		p := members{"clientGroupName": group, "topicSpaceName": space, "permission": d.one("permission", "Publisher", "Subscriber")}
		d.maybe(p, "description", d.text("binding text"))
		d.add("PermissionBinding", fmt.Sprintf("binding-%d", i), properties(p))
		if rapid.Bool().Draw(d.t, "role") {
			d.add("RoleAssignment", fmt.Sprintf("role-%d", i), members{"scope": "topicSpaces/" + space, "properties": members{
				"roleDefinitionId": "/providers/Microsoft.Authorization/roleDefinitions/a12b0b94-b317-4dcd-84a8-502ce99884c6", "principalId": "robots", "principalType": "Group"}})
		}
	}
	if rapid.Bool().Draw(d.t, "ca") {
		d.add("CACertificate", "plant-ca", properties(members{"encodedCertificate": d.ca, "description": d.text("ca text")}))
	}
	if rapid.Bool().Draw(d.t, "role of all") {
		d.add("RoleAssignment", "reader", properties(members{"roleDefinitionId": "/providers/Microsoft.Authorization/roleDefinitions/4b0f2fd7-60b4-4eca-896f-4435034f8bf5", "principalId": "p-1"}))
	}
}

func (d *draft) scheme() members {
	if d.one("scheme", "name", "thumbprint") == "name" {
		return members{"validationScheme": "DnsMatchesAuthenticationName"}
	}
	return members{"validationScheme": "ThumbprintMatch", "allowedThumbprints": []string{strings.Repeat("AB12", 10)}}
}

// destination is where an event subscription pushes to.
func (d *draft) destination() members {
	mapping := []any{members{"name": "x-site", "type": "Static", "properties": members{"value": "north", "isSecret": false}},
		members{"name": "x-kind", "type": "Dynamic", "properties": members{"sourceField": "data.kind"}}}
	if d.one("endpoint", "webhook", "hub") == "hub" {
		p := members{"resourceId": "/subscriptions/s/resourceGroups/g/providers/Microsoft.EventHub/namespaces/n/eventhubs/h"}
		d.maybe(p, "deliveryAttributeMappings", mapping)
		return members{"endpointType": "EventHub", "properties": p}
	}
	p := members{"endpointUrl": "https://hook.example/events/in"}
	d.maybe(p, "deliveryAttributeMappings", mapping)
	d.maybe(p, "maxEventsPerBatch", 20)
	d.maybe(p, "preferredBatchSizeInKilobytes", 128)
	d.maybe(p, "azureActiveDirectoryTenantId", "tenant")
	return members{"endpointType": "WebHook", "properties": p}
}

func (d *draft) events(topics, customs []string) {
	letters := members{"deadLetterDestination": members{"endpointType": "StorageBlob", "properties": members{
		"resourceId": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/letters", "blobContainerName": "dead"}}, "identity": members{"type": "SystemAssigned"}}
	for _, topic := range topics {
		p := members{}
		d.maybe(p, "eventRetentionInDays", rapid.IntRange(1, 7).Draw(d.t, "days"))
		d.add("Topic", topic, properties(p))
		for _, name := range d.some(topic+"-sub", 2) {
			mode := members{}
			d.maybe(mode, "eventTimeToLive", "PT2H")
			d.maybe(mode, "maxDeliveryCount", 4)
			d.maybe(mode, "deadLetterDestinationWithResourceIdentity", letters)
			delivery := members{"deliveryMode": "Queue", "queue": mode}
			if d.one("mode", "queue", "push") == "push" {
				if to := d.destination(); rapid.Bool().Draw(d.t, "with identity") {
					mode["deliveryWithResourceIdentity"] = members{"identity": members{"type": "SystemAssigned"}, "destination": to}
				} else {
					mode["destination"] = to
				}
				delivery = members{"deliveryMode": "Push", "push": mode}
			} else {
				d.maybe(mode, "receiveLockDurationInSeconds", 120)
			}
			sub := members{"deliveryConfiguration": delivery}
			d.maybe(sub, "filtersConfiguration", members{"includedEventTypes": []string{"a.b"}, "filters": []any{
				members{"operatorType": "NumberInRange", "key": "data.n", "values": []any{[]any{1.5, 2}}}, members{"operatorType": "IsNotNull", "key": "data.k"}}})
			d.maybe(sub, "expirationTimeUtc", "2099-01-02T03:04:05Z")
			d.add("EventSubscription", topic+"/"+name, properties(sub))
		}
	}
	for _, topic := range customs {
		p := members{"inputSchema": d.one("schema", "CloudEventSchemaV1_0", "EventGridSchema")}
		if d.routed {
			delete(p, "inputSchema")
		}
		d.maybe(p, "disableLocalAuth", true)
		body := properties(p)
		d.maybe(body, "tags", members{"a": "b"})
		d.add("CustomTopic", topic, body)
		for _, name := range d.some(topic+"-sub", 1) {
			sub := members{"destination": d.destination(), "eventDeliverySchema": "CloudEventSchemaV1_0"}
			d.maybe(sub, "retryPolicy", members{"maxDeliveryAttempts": 5, "eventTimeToLiveInMinutes": 60})
			d.maybe(sub, "filter", members{"subjectBeginsWith": "x", "includedEventTypes": []string{"a"}})
			d.maybe(sub, "labels", []string{"l"})
			d.add("CustomTopicSubscription", topic+"/"+name, properties(sub))
		}
	}
}

// TestExportImport: what one broker has, another has after export and import, whatever
// the notation; and everything of it can be exported again.
func TestExportImport(t *testing.T) {
	ca, err := authority.NewCA(authority.CAOptions{Name: "plant CA"})
	if err != nil {
		t.Fatal(err)
	}
	old, next := newDesk(t, nil), newDesk(t, nil)
	file := filepath.Join(t.TempDir(), "export")
	const checks = "rapid.checks" // a whole broker each; -rapid.checks=1000 for more
	if f := stdflag.Lookup(checks); f != nil && f.Value.String() == f.DefValue {
		_ = stdflag.Set(checks, "20")
		t.Cleanup(func() { _ = stdflag.Set(checks, f.DefValue) })
	}
	seen, done := map[string]bool{}, regexp.MustCompile(`(?m)^(created|changed|failed) `)
	rapid.Check(t, func(t *rapid.T) {
		d := &draft{t: t, ca: string(ca.CertificatePEM())}
		topics, customs := d.some("topic", 2), d.some("custom", 1)
		d.namespace(topics, customs)
		d.access()
		d.events(topics, customs)
		text, err := json.Marshal(d.docs)
		if err != nil {
			t.Fatal(err)
		}
		remove := func(desk *desk) {
			if s := desk.runAs(ownerToken, string(text), "delete --yes -f -"); s.code != 0 {
				t.Fatalf("delete: %s", s.errs)
			}
		}
		defer remove(old)
		defer remove(next)
		if s := old.runAs(ownerToken, string(text), "apply -f -"); s.code != 0 {
			t.Fatalf("apply: %s\n%s", s.errs, text)
		}
		want := old.run("export --all").out
		for _, d := range d.docs {
			seen[d["kind"].(string)] = true
		}
		format := d.one("format", "arm", "json", "yaml")
		if s := old.run("export --all --format "+format+" -O", file+"."+format); s.code != 0 {
			t.Fatalf("export: %s", s.errs)
		}
		s := next.run("import azure", file+"."+format)
		if s.code != 0 || strings.Contains(s.out, "not imported") {
			t.Fatalf("import %s: %s%s", format, s.out, s.errs)
		}
		got := next.run("export --all").out
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%s: exported again (-want +got):\n%s", format, diff)
		}
		if s := next.run("import azure", file+"."+format); s.code != 0 || done.MatchString(s.out) {
			t.Fatalf("imported a second time: %s%s", s.out, s.errs)
		}
	})
	for _, kind := range []string{"Namespace", "CACertificate", "ClientGroup", "TopicSpace", "Client", "PermissionBinding", "Topic", "EventSubscription", "CustomTopic", "CustomTopicSubscription", "RoleAssignment"} {
		if !seen[kind] {
			t.Errorf("there was no %s", kind)
		}
	}
}
