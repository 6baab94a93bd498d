package control_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"gridmq/control"
	"gridmq/control/customtopic"
	"gridmq/control/resource"
	"gridmq/delivery"
)

const (
	custom = base + "/topics/Orders"
	asAz   = custom + "/providers/Microsoft.EventGrid/eventSubscriptions/hook"
	nested = custom + "/eventSubscriptions/hook"
)

// hook is an event subscription of a custom topic; more are members of its properties.
func hook(url, more string) string {
	return `{"properties":{"destination":{"endpointType":"WebHook","properties":{"endpointUrl":"` + url + `"}}` + more + `}}`
}

func (b *bench) wantMembers(a answer, want map[string]string) {
	b.t.Helper()
	for path, w := range want {
		if got := fmt.Sprint(a.at(path)); got != w {
			b.t.Errorf("%s is %s, want %s", path, got, w)
		}
	}
}

func TestCustomTopicResource(t *testing.T) {
	b := newBench(t, func(o *control.Options) {
		o.TopicEndpoint = func(topic string) string { return "https://mq.test/topics/" + topic + "/api/events" }
	})
	b.must(404, "GET "+custom, "")
	b.must(404, "PATCH "+custom, `{}`)
	b.must(204, "DELETE "+custom, "")
	made := b.must(201, "PUT "+custom, `{"location":"West Europe","tags":{"a":"b"},"properties":{"inboundIpRules":[{"ipMask":"10.0.0.0/8","action":"Allow"}]}}`)
	b.wantMembers(made, map[string]string{"id": custom, "name": "Orders", "type": "Microsoft.EventGrid/topics", "location": "West Europe",
		"properties.inputSchema": "CloudEventSchemaV1_0", "properties.publicNetworkAccess": "Enabled", "properties.provisioningState": "Succeeded",
		"properties.endpoint": "https://mq.test/topics/Orders/api/events", "tags.a": "b", "properties.disableLocalAuth": "false"})
	tag := made.header.Get("ETag")
	b.must(412, "PUT "+custom, `{}`, "If-None-Match", "*")
	again := b.must(201, "PUT "+strings.ToLower(custom), made.text, "If-Match", tag)
	b.wantMembers(again, map[string]string{"id": custom, "name": "Orders"})
	b.must(412, "PUT "+custom, `{}`, "If-Match", `"1"`)
	b.wantMembers(b.must(200, "PATCH "+custom, `{"tags":{"c":"d"},"properties":{"publicNetworkAccess":"Disabled"}}`),
		map[string]string{"tags": "map[c:d]", "properties.publicNetworkAccess": "Disabled", "properties.inboundIpRules": "[map[action:Allow ipMask:10.0.0.0/8]]"})
	for body, target := range map[string]string{
		`{"location":"east"}`:                                "location",
		`{"properties":{"inputSchema":"EventGridSchema"}}`:   "properties.inputSchema",
		`{"properties":{"inputSchema":"CustomEventSchema"}}`: "properties.inputSchema",
		`{"properties":{"inboundIpRules":[{"ipMask":"x"}]}}`: "properties.inboundIpRules",
		`{"properties":{"minimumTlsVersionAllowed":"1.0"}}`:  "properties.minimumTlsVersionAllowed",
	} {
		if a := b.must(400, "PUT "+custom, body); !strings.HasPrefix(fmt.Sprint(a.at("error.target")), target) {
			t.Errorf("%s: %s", body, a.text)
		}
	}
	// A name is one topic's, since it is part of a host name.
	b.must(409, "PUT "+strings.Replace(custom, "/rg/", "/other/", 1), `{}`)
	b.must(404, "GET "+strings.Replace(custom, "/rg/", "/other/", 1), "")
	b.must(201, "PUT "+base+"/topics/alarms", `{}`)
	b.must(201, "PUT "+strings.Replace(base, "/rg/", "/other/", 1)+"/topics/elsewhere", `{}`)
	for path, want := range map[string]string{base + "/topics": "[alarms Orders]", "/subscriptions/sub/providers/Microsoft.EventGrid/topics": "[alarms elsewhere Orders]",
		"/subscriptions/nobody/providers/Microsoft.EventGrid/topics": "[]"} {
		if got := fmt.Sprint(b.must(200, "GET "+path, "").names()); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	if got := b.must(200, "GET "+strings.TrimSuffix(base, "/providers/Microsoft.EventGrid")+"/resources", "").names(); !slices.Contains(got, "Orders") {
		t.Errorf("resources of the group: %v", got)
	}
	// A namespace of the same name is another thing, and its topics are.
	b.must(201, "PUT "+base+"/namespaces/orders", `{}`)
	b.must(404, "GET "+base+"/namespaces/orders/topics/orders", "")
	b.must(404, "GET "+base+"/namespaces/orders/customTopics/orders", "")

	b.must(403, "PUT "+custom, `{}`, "Authorization", "Bearer reader-token")
	b.must(403, "GET "+custom, "", "Authorization", "Bearer plantreader-token")
	b.must(204, "DELETE "+custom, "")
	b.must(404, "GET "+custom, "")
}

func TestKeysOfCustomTopics(t *testing.T) {
	b := newBench(t, nil)
	made := b.must(201, "PUT "+custom, `{}`)
	keys := b.must(200, "POST "+custom+"/listKeys", "")
	key1, key2 := fmt.Sprint(keys.at("key1")), fmt.Sprint(keys.at("key2"))
	if len(key1) != 64 || key1 == key2 {
		t.Fatal("want two keys")
	}
	next := b.must(200, "POST "+custom+"/regenerateKey", `{"keyName":"key1"}`)
	if next.at("key1") == key1 || next.at("key2") != key2 {
		t.Error("want key1 anew, and key2 as it was")
	}
	b.must(403, "POST "+custom+"/listKeys", "", "Authorization", "Bearer reader-token")
	for _, a := range []answer{made, b.must(200, "GET "+custom, ""), b.must(201, "PUT "+custom, `{"keys":{"key1":"mine"}}`), b.must(200, "GET "+base+"/topics", "")} {
		if strings.Contains(a.text, "key2") || strings.Contains(a.text, key2) {
			t.Errorf("a key is shown: %s", a.text)
		}
	}
	if k := b.must(200, "POST "+custom+"/listKeys", ""); k.at("key2") != key2 || k.at("key1") == "mine" {
		t.Error("a request has brought a key")
	}
}

// Both names of an event subscription are of the same one; a PATCH has its members without
// properties around them, as az sends it.
func TestCustomSubscription(t *testing.T) {
	b := newBench(t, nil)
	if a := b.must(404, "PUT "+asAz, hook("https://a.example/in", "")); a.code() != "ParentResourceNotFound" {
		t.Error(a.text)
	}
	b.must(201, "PUT "+custom, `{}`)
	const filter = `,"filter":{"subjectBeginsWith":"a/","includedEventTypes":["x"],"advancedFilters":[{"operatorType":"NumberIn","key":"data.n","values":[1]}]},"labels":["l"]`
	made := b.must(201, "PUT "+asAz, hook("https://a.example/in?code=secret", filter))
	b.wantMembers(made, map[string]string{"id": asAz, "type": "Microsoft.EventGrid/eventSubscriptions", "name": "hook", "properties.topic": custom,
		"properties.retryPolicy": "map[eventTimeToLiveInMinutes:1440 maxDeliveryAttempts:30]", "properties.eventDeliverySchema": "CloudEventSchemaV1_0",
		"properties.filter.subjectBeginsWith": "a/", "properties.labels": "[l]", "properties.provisioningState": "Succeeded",
		"properties.destination.properties.endpointBaseUrl": "https://a.example/in"})
	b.wantMembers(b.must(200, "GET "+nested, ""), map[string]string{"id": nested, "type": "Microsoft.EventGrid/topics/eventSubscriptions"})
	for _, patch := range []string{`{"filter":{"subjectEndsWith":"/b"},"retryPolicy":{"maxDeliveryAttempts":3}}`, `{"properties":{"retryPolicy":{"maxDeliveryAttempts":3}}}`} {
		b.wantMembers(b.must(201, "PATCH "+asAz, patch), map[string]string{"properties.filter.subjectEndsWith": "/b", "properties.filter.subjectBeginsWith": "a/",
			"properties.retryPolicy.maxDeliveryAttempts": "3"})
	}
	for _, a := range []answer{made, b.must(200, "GET "+asAz, ""), b.must(200, "GET "+custom+"/eventSubscriptions", "")} {
		if strings.Contains(a.text, "secret") {
			t.Errorf("the URL of a webhook is shown: %s", a.text)
		}
	}
	if full := b.must(200, "POST "+asAz+"/getFullUrl", ""); full.at("endpointUrl") != "https://a.example/in?code=secret" {
		t.Error(full.text) // also after a PATCH that did not give it
	}
	b.must(200, "POST "+nested+"/getDeliveryAttributes", "")
	b.must(201, "PUT "+custom+"/eventSubscriptions/second", hook("https://b.example/in", ""))
	for _, list := range []string{custom + "/eventSubscriptions", custom + "/providers/Microsoft.EventGrid/eventSubscriptions"} {
		if got := fmt.Sprint(b.must(200, "GET "+list, "").names()); got != "[hook second]" {
			t.Errorf("%s: %s", list, got)
		}
	}
	for body, want := range map[string]string{
		hook("http://a.example/in", ""): "properties.destination.properties.endpointUrl",
		`{"properties":{}}`:             "properties.destination",
		hook("https://a.example/in", `,"filter":{"isSubjectCaseSensitive":true}`):                       "properties.filter.isSubjectCaseSensitive",
		hook("https://a.example/in", `,"filter":{"advancedFilters":[{"operatorType":"No","key":"x"}]}`): "properties.filter.advancedFilters[0].operatorType",
		hook("https://a.example/in", `,"filter":{"advancedFilters":{}}`):                                "properties.filter.advancedFilters",
		hook("https://a.example/in", `,"retryPolicy":{"eventTimeToLiveInMinutes":1441}`):                "properties.retryPolicy.eventTimeToLiveInMinutes",
		hook("https://a.example/in", `,"deadLetterDestination":{"endpointType":"Folder"}`):              "properties.deadLetterWithResourceIdentity.deadLetterDestination.endpointType",
		hook("https://a.example/in", `,"eventDeliverySchema":"EventGridSchema"`):                        "properties.eventDeliverySchema",
		hook("https://a.example/in", `,"filter":{"subjectBeginsWith":"`+strings.Repeat("x", 600)+`"}`):  "properties.filter.subjectBeginsWith or subjectEndsWith",
		`{"properties":{"destination":{"endpointType":"StorageQueue","properties":{}}}}`:                "properties.destination.endpointType",
		hook("https://a.example/topics/t/api/events", `,"gridmq":{"forward":true}`):                     "properties.gridmq.forward",
	} {
		a := b.do("PUT "+custom+"/eventSubscriptions/third", body)
		if a.status != 400 || a.at("error.target") != want {
			t.Errorf("%.120s: %d %s, want %s", body, a.status, a.text, want)
		}
	}
	b.must(204, "DELETE "+custom, "")
	b.must(201, "PUT "+custom, `{}`)
	if got := b.must(200, "GET "+custom+"/eventSubscriptions", "").names(); len(got) != 0 {
		t.Errorf("a new topic has the event subscriptions of the one before it: %v", got)
	}
}

// A secret header stays while its endpoint does, and nobody can send it home.
func TestSecretsOfCustomSubscriptions(t *testing.T) {
	b := newBench(t, nil)
	b.must(201, "PUT "+custom, `{}`)
	with := func(url, value string) string {
		return `{"properties":{"gridmq":{"forward":true},"destination":{"endpointType":"WebHook","properties":{"endpointUrl":"` + url + `",
			"deliveryAttributeMappings":[{"name":"aeg-sas-key","type":"Static","properties":{"isSecret":true` + value + `}}]}}}}`
	}
	const there = "https://far.example/topics/t/api/events"
	b.must(201, "PUT "+asAz, with(there, `,"value":"s3cret"`))
	b.must(201, "PUT "+asAz, with(there, ""))
	if a := b.must(200, "POST "+asAz+"/getDeliveryAttributes", ""); !strings.Contains(a.text, "s3cret") {
		t.Errorf("the secret is gone: %s", a.text)
	}
	b.must(400, "PUT "+asAz, with("https://home.example/topics/t/api/events", ""))
}

// The endpoint is asked before there is a subscription, and again when it is not
// forwarded to any more; with the namespace of custom topics.
func TestAskedEndpoint(t *testing.T) {
	var mu sync.Mutex
	var asked []string
	b := newBench(t, func(o *control.Options) {
		o.Endpoints = validator(func(ns string, d *delivery.Destination) error {
			mu.Lock()
			defer mu.Unlock()
			asked = append(asked, fmt.Sprint(ns, " ", d.WebHook.URL, " ", d.WebHook.Forward))
			if strings.Contains(d.WebHook.URL, "refuses") {
				return errors.New("it does not want to")
			}
			return nil
		})
	})
	b.must(201, "PUT "+custom, `{}`)
	if a := b.must(400, "PUT "+asAz, hook("https://refuses.example/in", "")); a.at("error.target") != "properties.destination.properties.endpointUrl" {
		t.Error(a.text)
	}
	b.must(404, "GET "+asAz, "")
	const url = "https://far.example/api/events"
	const header = `,"deliveryAttributeMappings":[{"name":"Authorization","type":"Static","properties":{"value":"v","isSecret":true}}]`
	body := func(forward bool) string {
		return fmt.Sprintf(`{"properties":{"gridmq":{"forward":%v},"destination":{"endpointType":"WebHook","properties":{"endpointUrl":"%s"%s}}}}`, forward, url, header)
	}
	b.must(201, "PUT "+asAz, body(true))
	b.must(201, "PUT "+asAz, body(true))
	b.must(201, "PUT "+asAz, body(false))
	want := []string{"custom_topics https://refuses.example/in false", "custom_topics " + url + " true", "custom_topics " + url + " false"}
	if !slices.Equal(asked, want) {
		t.Errorf("asked %q, want %q", asked, want)
	}
}

type validator func(ns string, d *delivery.Destination) error

func (v validator) ValidateEndpoint(_ context.Context, ns string, d *delivery.Destination) error {
	return v(ns, d)
}

// What is changed is told in order, after a start first all that is there.
func TestCustomTopicsAreTold(t *testing.T) {
	var mu sync.Mutex
	var told []string
	tell := func(o *control.Options) {
		o.Apply = func(c resource.Change) {
			mu.Lock()
			defer mu.Unlock()
			if c.Kind != resource.CustomTopics && c.Kind != resource.CustomSubscriptions {
				return
			}
			told = append(told, fmt.Sprint(c.Kind, " ", c.Name, " ", c.Old != nil, c.New != nil))
			if c.New != nil && c.Kind == resource.CustomSubscriptions {
				if s := c.New.Noun.(*customtopic.Subscription); s.MaxDeliveryCount != 30 || s.Mode != delivery.Push || s.Schedule != delivery.TopicSchedule {
					t.Errorf("%+v", s)
				}
			}
		}
	}
	b := newBench(t, tell)
	b.must(201, "PUT "+custom, `{}`)
	b.must(201, "PUT "+asAz, hook("https://a.example/in", ""))
	b.must(200, "DELETE "+strings.TrimSuffix(base, "/providers/Microsoft.EventGrid"), "")
	b.must(404, "GET "+custom, "")
	want := "[customTopics Orders false true customTopicSubscriptions Orders/hook false true customTopicSubscriptions Orders/hook true false customTopics Orders true false]"
	slices.Sort(told[2:])
	if fmt.Sprint(told) != want {
		t.Errorf("told %v, want %s", told, want)
	}

	b.must(201, "PUT "+custom, `{}`)
	b.must(201, "PUT "+asAz, hook("https://a.example/in", ""))
	_ = b.plane.Close()
	told = nil
	o := control.Options{Store: b.store}
	tell(&o)
	again, err := control.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if want := "[customTopics Orders false true customTopicSubscriptions Orders/hook false true]"; fmt.Sprint(told) != want {
		t.Errorf("told %v, want %s", told, want)
	}
}

// A role can be given at a custom topic; a subscription's topic bounds how many there are.
func TestRolesAtCustomTopics(t *testing.T) {
	b := newBench(t, nil)
	const at = custom + "/providers/Microsoft.Authorization/roleAssignments/"
	const body = `{"properties":{"roleDefinitionId":"d5a91429-5739-47e2-a06b-3470a27159e7","principalId":"p"}}`
	b.must(404, "PUT "+at+"a-1", body)
	b.must(201, "PUT "+custom, `{}`)
	made := b.must(201, "PUT "+strings.ToLower(at)+"a-1", body)
	b.wantMembers(made, map[string]string{"properties.scope": custom})
	if got := b.must(200, "GET "+strings.TrimSuffix(at, "/"), "").names(); fmt.Sprint(got) != "[a-1]" {
		t.Error(got)
	}
}

func TestRouteToCustomTopics(t *testing.T) {
	b := newBench(t, nil)
	b.must(201, "PUT "+custom, `{}`)
	b.must(201, "PUT "+base+"/topics/legacy", `{"properties":{"inputSchema":"EventGridSchema"}}`)
	route := func(topic string) string {
		return `{"properties":{"topicSpacesConfiguration":{"state":"Enabled","routeTopicResourceId":"` + topic + `"}}}`
	}
	for _, wrong := range []string{base + "/topics/legacy", base + "/topics/missing", strings.Replace(custom, "/rg/", "/other/", 1)} {
		if a := b.must(400, "PUT "+plant, route(wrong)); a.at("error.target") != "properties.topicSpacesConfiguration.routeTopicResourceId" {
			t.Error(a.text)
		}
	}
	b.must(201, "PUT "+plant, route(strings.ToLower(custom)))
	b.must(200, "PATCH "+plant, `{"properties":{"gridmq":{"routes":[{"destination":"`+custom+`","topicFilter":"a/#"}]}}}`)
	b.must(204, "DELETE "+custom, "") // as in Azure: messages are dropped and counted from now on
}
