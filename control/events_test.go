package control_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"gridmq/control"
	"gridmq/control/eventtopic"
	"gridmq/control/operator"
	"gridmq/control/resource"
	"gridmq/control/subscription"
	"gridmq/delivery"
)

const (
	orders  = plant + "/topics/orders"
	billing = orders + "/eventSubscriptions/billing"
)

func hookBody(url, more string) string {
	return `{"properties":{"deliveryConfiguration":{"deliveryMode":"Push","push":{"destination":{"endpointType":"WebHook","properties":{"endpointUrl":"` +
		url + `"` + more + `}}}}}}`
}

func lifeBody(ttl string) string {
	return `{"properties":{"deliveryConfiguration":{"deliveryMode":"Queue","queue":{"eventTimeToLive":"` + ttl + `"}}}}`
}

// eventful makes a namespace with a topic.
func (b *bench) eventful() {
	b.t.Helper()
	b.must(201, "PUT "+plant, `{"location":"local"}`)
	b.must(201, "PUT "+orders, `{"properties":{"eventRetentionInDays":2}}`)
}

func TestTopic(t *testing.T) {
	b := newBench(t, nil)
	b.must(404, "PUT "+orders, `{}`)
	b.must(201, "PUT "+plant, `{"location":"local"}`)
	b.must(404, "GET "+orders, "")
	made := b.must(201, "PUT "+plant+"/topics/Orders", `{"properties":{"eventRetentionInDays":3}}`)
	for path, want := range map[string]string{"id": plant + "/topics/Orders", "name": "Orders", "type": "Microsoft.EventGrid/namespaces/topics",
		"properties.provisioningState": "Succeeded", "properties.publisherType": "Custom", "properties.inputSchema": "CloudEventSchemaV1_0",
		"properties.eventRetentionInDays": "3"} {
		if got := fmt.Sprint(made.at(path)); got != want {
			t.Errorf("%s is %s, want %s", path, got, want)
		}
	}
	if made.header.Get("Location")+made.header.Get("Azure-AsyncOperation") != "" {
		t.Error("a topic that is there is answered as one that is being made")
	}
	if again := b.must(200, "PUT "+strings.ToLower(orders), made.text); again.at("id") != plant+"/topics/Orders" {
		t.Errorf("the first spelling is gone: %s", again.text)
	}
	if changed := b.must(200, "PATCH "+orders, `{"properties":{"eventRetentionInDays":7}}`); fmt.Sprint(changed.at("properties.eventRetentionInDays")) != "7" {
		t.Errorf("changed: %s", changed.text)
	}
	if reset := b.must(200, "PUT "+orders, `{}`); fmt.Sprint(reset.at("properties.eventRetentionInDays")) != "1" {
		t.Errorf("replaced: %s", reset.text)
	}
	bad := b.must(400, "PUT "+plant+"/topics/systemic", `{"properties":{"eventRetentionInDays":9}}`)
	if list, _ := bad.at("error.details").([]any); len(list) != 2 {
		t.Errorf("want both faults: %s", bad.text)
	}
	b.must(200, "DELETE "+orders, "")
	b.must(204, "DELETE "+orders, "")
}

func TestKeysOfTopics(t *testing.T) {
	b := newBench(t, nil)
	b.must(201, "PUT "+plant, `{"location":"local"}`)
	made := b.must(201, "PUT "+orders, `{}`)
	keys := b.must(200, "POST "+orders+"/LISTKEYS", "")
	key1, key2 := fmt.Sprint(keys.at("key1")), fmt.Sprint(keys.at("key2"))
	if len(key1) != 64 || len(key2) != 64 || key1 == key2 {
		t.Fatal("want two keys of 48 bytes in base64")
	}
	next := b.must(200, "POST "+orders+"/regenerateKey", `{"keyName":"key2"}`)
	if next.at("key1") != key1 || next.at("key2") == key2 {
		t.Error("want key2 anew, and key1 as it was")
	}
	b.must(400, "POST "+orders+"/regenerateKey", `{"keyName":"key3"}`)
	b.must(404, "POST "+plant+"/topics/none/listKeys", "")
	b.must(403, "POST "+orders+"/listKeys", "", "Authorization", "Bearer reader-token")
	for _, a := range []answer{made, b.must(200, "GET "+orders, ""), b.must(200, "GET "+plant+"/topics", ""), b.must(200, "PATCH "+orders, `{}`)} {
		if strings.Contains(a.text, key1) || strings.Contains(a.text, "key1") {
			t.Errorf("a key is shown: %s", a.text)
		}
	}
	if k := b.must(200, "POST "+orders+"/listKeys", ""); k.at("key1") != key1 {
		t.Error("a change of the topic has changed its key")
	}
	b.must(200, "DELETE "+orders, "")
	b.must(201, "PUT "+orders, `{}`)
	if k := b.must(200, "POST "+orders+"/listKeys", ""); k.at("key1") == key1 {
		t.Error("another topic has the keys of the one before it")
	}
}

func TestEventSubscription(t *testing.T) {
	b := newBench(t, nil)
	b.eventful()
	if a := b.must(404, "PUT "+plant+"/topics/none/eventSubscriptions/billing", `{}`); a.code() != "ParentResourceNotFound" {
		t.Error(a.text)
	}
	if a := b.must(404, "GET "+billing, ""); a.code() != "ResourceNotFound" {
		t.Error(a.text)
	}
	made := b.must(201, "PUT "+plant+"/topics/ORDERS/eventsubscriptions/Billing", lifeBody("P1DT0H"))
	for path, want := range map[string]string{"id": orders + "/eventSubscriptions/Billing", "name": "Billing",
		"type": "Microsoft.EventGrid/namespaces/topics/eventsubscriptions", "properties.provisioningState": "Succeeded",
		"properties.deliveryConfiguration.deliveryMode": "Queue", "properties.deliveryConfiguration.queue.eventTimeToLive": "P1DT0H",
		"properties.deliveryConfiguration.queue.maxDeliveryCount": "10", "properties.deliveryConfiguration.queue.receiveLockDurationInSeconds": "60",
		"properties.eventDeliverySchema": "CloudEventSchemaV1_0"} {
		if got := fmt.Sprint(made.at(path)); got != want {
			t.Errorf("%s is %s, want %s", path, got, want)
		}
	}
	again := b.must(200, "PUT "+billing, made.text)
	if got, want := quote(again.at("properties")), quote(made.at("properties")); got != want {
		t.Errorf("GET and PUT have changed %s to %s", want, got)
	}
	// as the Go SDK sends it
	patched := b.must(200, "PATCH "+billing, `{"properties":{"deliveryConfiguration":{"deliveryMode":"Queue","queue":{"maxDeliveryCount":4}}}}`)
	if got := quote(patched.at("properties.deliveryConfiguration.queue")); got != `{"eventTimeToLive":"P1DT0H","maxDeliveryCount":4,"receiveLockDurationInSeconds":60}` {
		t.Errorf("patched to %s", got)
	}
	if a := b.must(400, "PUT "+billing, hookBody("https://a.example", "")); a.at("error.target") != "properties.deliveryConfiguration.deliveryMode" {
		t.Error(a.text)
	}
	a := b.must(400, "PUT "+billing, `{"properties":{"filtersConfiguration":{"filters":[{"operatorType":"x","key":"subject"}]}}}`)
	if a.at("error.target") != "properties.filtersConfiguration.filters[0].operatorType" {
		t.Error(a.text)
	}
	b.must(400, "POST "+billing+"/getFullUrl", "")
	if a := b.must(200, "POST "+billing+"/getDeliveryAttributes", ""); quote(a.at("value")) != "[]" {
		t.Error(a.text)
	}
	b.must(405, "GET "+billing+"/getFullUrl", "")
	b.must(200, "DELETE "+billing, "")
	b.must(204, "DELETE "+billing, "")
}

func TestListsOfEventSubscriptions(t *testing.T) {
	b := newBench(t, nil)
	b.eventful()
	b.must(201, "PUT "+plant+"/topics/orders2", `{}`)
	b.must(201, "PUT "+plant+"/topics/orders2/eventSubscriptions/other", `{}`)
	var want []string
	for i := range 45 {
		want = append(want, fmt.Sprintf("Sub-%02d", i))
		b.must(201, "PUT "+orders+"/eventSubscriptions/"+want[i], `{}`)
	}
	var got, sizes []string
	for next := "https://manage.test" + plant + "/topics/ORDERS/eventsubscriptions?api-version=" + control.Newest; next != ""; {
		u, err := url.Parse(next)
		if err != nil {
			t.Fatal(err)
		}
		page := b.must(200, "GET "+u.RequestURI(), "")
		got, sizes = append(got, page.names()...), append(sizes, number(len(page.names())))
		next, _ = page.at("nextLink").(string)
	}
	if !slices.Equal(got, want) || strings.Join(sizes, " ") != "20 20 5" {
		t.Errorf("pages of %v: %v", sizes, got)
	}
	chosen := b.must(200, "GET "+orders+"/eventSubscriptions?api-version="+control.Newest+"&$filter=contains(name,'4')+and+name+ne+'sub-04'", "")
	if names := strings.Join(chosen.names(), " "); names != "Sub-14 Sub-24 Sub-34 Sub-40 Sub-41 Sub-42 Sub-43 Sub-44" {
		t.Errorf("chosen: %s", names)
	}
	if a := b.must(404, "GET "+plant+"/topics/none/eventSubscriptions", ""); a.code() != "ParentResourceNotFound" {
		t.Error(a.text)
	}
}

func TestSecretsOfEventSubscriptions(t *testing.T) {
	b := newBench(t, nil)
	b.eventful()
	const attributes = `,"deliveryAttributeMappings":[{"name":"Authorization","type":"Static","properties":{"value":"hidden2","isSecret":true}}]`
	made := b.must(201, "PUT "+billing, hookBody("https://a.example/x?key=hidden1", attributes))
	shown := b.must(200, "GET "+billing, "")
	dry := b.must(200, "PUT "+billing+"?gridmq-dry-run=true&api-version="+control.Newest, shown.text)
	for _, a := range []answer{made, shown, dry, b.must(200, "GET "+orders+"/eventSubscriptions", ""), b.must(200, "GET /gridmq/audit", "")} {
		if strings.Contains(a.text, "hidden") {
			t.Errorf("a secret is shown: %s", a.text)
		}
	}
	if dry.at("operation") != "none" {
		t.Errorf("putting what was shown would change something: %s", dry.text)
	}
	b.must(200, "PUT "+billing, shown.text)
	b.must(403, "POST "+billing+"/getFullUrl", "", "Authorization", "Bearer reader-token")
	b.must(403, "POST "+billing+"/getDeliveryAttributes", "", "Authorization", "Bearer reader-token")
	if a := b.must(200, "POST "+billing+"/getFullUrl", ""); a.at("endpointUrl") != "https://a.example/x?key=hidden1" {
		t.Error(a.text)
	}
	if a := b.must(200, "POST "+billing+"/getDeliveryAttributes", ""); !strings.Contains(a.text, "hidden2") {
		t.Error(a.text)
	}
	bad := b.must(400, "PATCH "+billing, `{"properties":{"deliveryConfiguration":{"push":{"destination":{"properties":{"endpointUrl":"https://evil.example"}}}}}}`)
	if !strings.HasSuffix(fmt.Sprint(bad.at("error.target")), "deliveryAttributeMappings[0].properties.value") {
		t.Errorf("a secret would go to another host: %s", bad.text)
	}
	if log := b.must(200, "GET /gridmq/audit", ""); !strings.Contains(log.text, "getFullUrl/action") || strings.Contains(log.text, "hidden") {
		t.Error("who was shown a secret is not in the audit log, or the secret is")
	}
}

// A topic keeps events as long as its subscriptions may want them, whichever changes.
func TestRetentionAndTimeToLive(t *testing.T) {
	b := newBench(t, nil)
	b.eventful()
	if a := b.must(400, "PUT "+billing, lifeBody("PT48H1M")); a.at("error.target") != "properties.deliveryConfiguration.queue.eventTimeToLive" {
		t.Error(a.text)
	}
	b.must(201, "PUT "+billing, lifeBody("P2D"))
	for _, method := range []string{"PUT ", "PATCH "} {
		a := b.must(400, method+orders, `{"properties":{"eventRetentionInDays":1}}`)
		if a.at("error.target") != "properties.eventRetentionInDays" || !strings.Contains(a.text, "billing") {
			t.Error(a.text)
		}
	}
	b.must(400, "PUT "+orders, `{}`) // the default is a day
	b.must(200, "PATCH "+orders, `{"properties":{"eventRetentionInDays":3}}`)
	b.must(200, "PATCH "+billing, lifeBody("P1D"))
	b.must(200, "PUT "+orders, `{}`)
}

// another is a second plane on the same store, as another node would be: only fences
// are between the two.
func (b *bench) another() *bench {
	b.t.Helper()
	p, err := control.Open(context.Background(), control.Options{Store: b.store, Operators: []operator.Operator{local("owner", "owner", "/")}})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = p.Close() })
	return &bench{t: b.t, plane: p, store: b.store}
}

// Both at once cannot come to a retention that is too short.
func TestRetentionAndTimeToLiveAtOnce(t *testing.T) {
	b := newBench(t, nil)
	b.eventful()
	other := b.another()
	for i := range 30 {
		b.must(200, "PUT "+orders, `{"properties":{"eventRetentionInDays":2}}`)
		sub := fmt.Sprintf("%s/eventSubscriptions/sub-%d", orders, i)
		var all sync.WaitGroup
		all.Go(func() { other.do("PUT "+sub, lifeBody("P2D")) })
		all.Go(func() { b.do("PUT "+orders, `{}`) })
		all.Wait()
		there := b.do("GET "+sub, "").status == 200
		if short := fmt.Sprint(b.do("GET "+orders, "").at("properties.eventRetentionInDays")) == "1"; there == short {
			t.Fatalf("the subscription was made: %v, retention was shortened: %v; want one of them", there, short)
		}
		b.do("DELETE "+sub, "")
	}
}

func TestTopicTakesItsSubscriptionsAlong(t *testing.T) {
	b := newBench(t, nil)
	b.eventful()
	b.must(201, "PUT "+billing, `{}`)
	b.must(201, "PUT "+plant+"/topics/orders-2", `{}`)
	b.must(201, "PUT "+plant+"/topics/orders-2/eventSubscriptions/billing", `{}`)
	b.must(200, "DELETE "+orders, "")
	b.must(201, "PUT "+orders, `{}`)
	b.must(404, "GET "+billing, "")
	b.must(200, "GET "+plant+"/topics/orders-2/eventSubscriptions/billing", "")
	b.must(200, "DELETE "+plant, "")
	if left := b.documents("c/plant/"); len(left) > 0 {
		t.Errorf("left of the namespace: %v", left)
	}
}

// A subscription that is made while its topic goes is not left behind.
func TestTopicGoesMeanwhile(t *testing.T) {
	b := newBench(t, nil)
	b.must(201, "PUT "+plant, `{"location":"local"}`)
	other := b.another()
	for range 30 {
		b.must(201, "PUT "+orders, `{}`)
		var all sync.WaitGroup
		all.Go(func() { other.do("PUT "+billing, `{}`) })
		all.Go(func() { b.must(200, "DELETE "+orders, "") })
		all.Wait()
		if left := b.documents("c/plant/eventSubscriptions/"); len(left) > 0 {
			t.Fatalf("left behind: %v", left)
		}
	}
}

func TestRoutedTopicStays(t *testing.T) {
	b := newBench(t, nil)
	b.must(201, "PUT "+plant, `{"location":"local"}`)
	route := `{"properties":{"topicSpacesConfiguration":{"routeTopicResourceId":"` + orders + `"}}}`
	if a := b.must(400, "PATCH "+plant, route); a.at("error.target") != "properties.topicSpacesConfiguration.routeTopicResourceId" {
		t.Error(a.text)
	}
	b.must(201, "PUT "+orders, `{}`)
	b.must(200, "PATCH "+plant, route)
	a := b.must(409, "DELETE "+plant+"/topics/ORDERS", "")
	if !strings.Contains(a.text, "routeTopicResourceId of namespace plant") {
		t.Errorf("it does not say why: %s", a.text)
	}
	b.must(200, "PATCH "+plant, `{"properties":{"topicSpacesConfiguration":{"routeTopicResourceId":null}}}`)
	b.must(200, "DELETE "+orders, "")
	b.must(201, "PUT "+orders, `{}`)
	b.must(200, "PATCH "+plant, route)
	b.must(200, "DELETE "+plant, "") // takes both along
}

func TestQuotasOfTopics(t *testing.T) {
	limit := 3
	b := newBench(t, func(o *control.Options) {
		o.Quota = func(ns *resource.Resource, kind *resource.Kind) int {
			if kind.Name == resource.Subscriptions {
				return limit
			}
			return control.Quota(ns, kind)
		}
	})
	b.must(201, "PUT "+plant, `{"location":"local","properties":{"gridmq":{"profile":"azure"}}}`)
	for i := range 100 {
		b.must(201, fmt.Sprintf("PUT %s/topics/t-%03d", plant, i), `{}`)
	}
	if a := b.must(409, "PUT "+orders, `{}`); a.code() != "QuotaExceeded" {
		t.Error(a.text)
	}
	b.must(200, "PATCH "+plant, `{"sku":{"capacity":2}}`)
	b.must(201, "PUT "+orders, `{}`)
	for _, topic := range []string{"t-001", "t-002"} { // each for itself
		for i := range limit {
			b.must(201, fmt.Sprintf("PUT %s/topics/%s/eventSubscriptions/sub-%d", plant, topic, i), `{}`)
		}
		if a := b.must(409, "PUT "+plant+"/topics/"+topic+"/eventSubscriptions/more", `{}`); a.code() != "QuotaExceeded" {
			t.Error(a.text)
		}
	}
	for _, kind := range b.plane.Resources().Kinds() {
		if kind.Name == resource.Subscriptions && (kind.Limit != 500 || control.Quota(b.plane.Resources().Namespace("plant"), kind) != 500) {
			t.Errorf("a topic may have %d event subscriptions, want 500", kind.Limit)
		}
	}
}

func TestIdentitiesOfEventSubscriptions(t *testing.T) {
	b := newBench(t, nil)
	b.eventful()
	const body = `{"properties":{"deliveryConfiguration":{"deliveryMode":"Push","push":{"deliveryWithResourceIdentity":{"identity":{"type":"SystemAssigned"},
		"destination":{"endpointType":"EventHub","properties":{"resourceId":"/subscriptions/s/resourceGroups/g/providers/Microsoft.EventHub/namespaces/n/eventhubs/h"}}}}}}}`
	if a := b.must(400, "PUT "+billing, body); a.at("error.target") != "properties.deliveryConfiguration.push.deliveryWithResourceIdentity.identity" {
		t.Error(a.text)
	}
	b.must(200, "PATCH "+plant, `{"identity":{"type":"SystemAssigned"}}`)
	made := b.must(201, "PUT "+billing, body)
	if again := b.must(200, "PUT "+billing, made.text); quote(again.at("properties")) != quote(made.at("properties")) {
		t.Errorf("GET and PUT have changed it: %s", again.text)
	}
}

// An endpoint is asked once before it gets events.
func TestEndpointsAreAsked(t *testing.T) {
	e := &endpoints{}
	b := newBench(t, func(o *control.Options) { o.Endpoints = e })
	b.eventful()
	b.must(201, "PUT "+orders+"/eventSubscriptions/pulled", `{}`)
	e.err = &url.Error{Op: "Options", URL: "https://a.example/x?key=hidden", Err: errors.New("connection refused")}
	a := b.must(400, "PUT "+billing, hookBody("https://a.example/x?key=hidden", ""))
	if !strings.Contains(a.text, "connection refused") || strings.Contains(a.text, "hidden") ||
		a.at("error.target") != "properties.deliveryConfiguration.push.destination.properties.endpointUrl" {
		t.Errorf("want the reason without the URL: %s", a.text)
	}
	b.must(404, "GET "+billing, "")
	e.err = nil
	b.must(200, "PUT "+billing+"?gridmq-dry-run=true&api-version="+control.Newest, hookBody("https://dry.example", ""))
	b.must(400, "PUT "+billing, hookBody("https://faulty.example", `,"maxEventsPerBatch":0`))
	made := b.must(201, "PUT "+billing, hookBody("https://a.example/x?key=hidden", ""))
	b.must(200, "PUT "+billing, made.text)
	b.must(200, "PATCH "+billing, `{"properties":{"tags":{"a":"b"}}}`)
	b.must(200, "PUT "+billing, hookBody("https://b.example", ""))
	want := []string{"plant https://a.example/x?key=hidden", "plant https://a.example/x?key=hidden", "plant https://b.example"}
	if !slices.Equal(e.asked, want) {
		t.Errorf("asked %q, want %q", e.asked, want)
	}
}

// While an endpoint takes its time, others go on; and what has changed meanwhile counts.
func TestSlowEndpoint(t *testing.T) {
	e := &endpoints{}
	b := newBench(t, func(o *control.Options) { o.Endpoints = e })
	b.eventful()
	e.during = func() {
		e.during = nil
		b.must(201, "PUT "+orders+"/eventSubscriptions/other", `{}`)
		b.must(200, "PATCH "+orders, `{"properties":{"eventRetentionInDays":1}}`)
	}
	a := b.must(400, "PUT "+billing, strings.Replace(hookBody("https://a.example", ""), `"push":{`, `"push":{"eventTimeToLive":"P2D",`, 1))
	if a.at("error.target") != "properties.deliveryConfiguration.push.eventTimeToLive" {
		t.Error(a.text)
	}
	e.during = func() {
		e.during = nil
		b.must(200, "DELETE "+orders, "")
	}
	if a := b.must(404, "PUT "+billing, hookBody("https://a.example", "")); a.code() != "ParentResourceNotFound" {
		t.Error(a.text)
	}
}

type endpoints struct {
	asked  []string
	err    error
	during func()
}

func (e *endpoints) ValidateEndpoint(_ context.Context, namespace string, d *delivery.Destination) error {
	e.asked = append(e.asked, namespace+" "+d.WebHook.URL)
	if e.during != nil {
		e.during()
	}
	return e.err
}

// Who serves them is told of each change, and can tell apart what had one name.
func TestTopicsAreTold(t *testing.T) {
	var told []string
	created := map[uint64]bool{}
	apply := func(c resource.Change) {
		if c.New == nil {
			told = append(told, "without "+c.Kind+" "+c.Name)
			return
		}
		switch n := c.New.Noun.(type) {
		case *eventtopic.Topic:
			told = append(told, fmt.Sprint(c.Name, " ", n.Retention))
		case *subscription.Subscription:
			told = append(told, fmt.Sprint(c.Name, " ", n.MaxDeliveryCount))
			created[c.New.Created] = true
		}
	}
	b := newBench(t, func(o *control.Options) { o.Apply = apply })
	b.eventful()
	b.must(201, "PUT "+plant+"/topics/ORDERS/eventSubscriptions/Billing", `{}`)
	b.must(200, "PUT "+billing, `{}`) // means nothing
	b.must(200, "PATCH "+billing, `{"properties":{"deliveryConfiguration":{"queue":{"maxDeliveryCount":4}}}}`)
	if len(created) != 1 {
		t.Errorf("a change made another one of it: %v", created)
	}
	b.must(200, "DELETE "+billing, "")
	b.must(201, "PUT "+billing, `{}`)
	if len(created) != 2 || created[0] {
		t.Errorf("two of one name are made at %v", created)
	}
	b.must(200, "DELETE "+orders, "")
	want := []string{"orders 48h0m0s", "orders/Billing 10", "orders/Billing 4", "without eventSubscriptions orders/Billing", "orders/billing 10",
		"without topics orders", "without eventSubscriptions orders/billing"}
	if !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
}

// What is made survives, and is the same thing after a restart.
func TestTopicsSurvive(t *testing.T) {
	b := newBench(t, nil)
	b.eventful()
	b.must(201, "PUT "+billing, hookBody("https://a.example/x?key=1", ""))
	b.must(200, "PATCH "+billing, `{"properties":{"tags":{"a":"b"}}}`)
	keys := b.must(200, "POST "+orders+"/listKeys", "").text
	find := func() *resource.Resource {
		set := b.plane.Resources()
		return set.Get(resource.NewKey("plant", set.Kind(resource.Subscriptions), "orders/billing"))
	}
	before := find()
	_ = b.plane.Close()
	var told []string
	var err error
	b.plane, err = control.Open(t.Context(), control.Options{Store: b.store, Apply: func(c resource.Change) { told = append(told, c.Kind) },
		Operators: nil, Now: nil})
	if err != nil {
		t.Fatal(err)
	}
	after := find()
	if after == nil || after.Created != before.Created || after.Created == after.Revision || after.Noun.(*subscription.Subscription).Endpoint() != "https://a.example/x?key=1" {
		t.Errorf("before %+v, after %+v", before, after)
	}
	if at := slices.Index(told, resource.Topics); at < slices.Index(told, resource.Namespaces) || slices.Index(told, resource.Subscriptions) < at {
		t.Errorf("told in the order %v", told)
	}
	set := b.plane.Resources()
	topic := set.Get(resource.NewKey("plant", set.Kind(resource.Topics), "orders")).Noun.(*eventtopic.Topic)
	if !strings.Contains(keys, topic.Keys[0]) {
		t.Error("the keys are others")
	}
}

// The roles of the data plane can be given for a namespace and for a topic.
func TestDataRoles(t *testing.T) {
	b := newBench(t, nil)
	b.eventful()
	for id, want := range map[string]string{"d5a91429-5739-47e2-a06b-3470a27159e7": "send", "78cbd9e7-9798-4e2e-9b5a-547d9ebb31fb": "receive",
		"1d8c3fe3-8864-474b-8749-01e3783e8157": "send receive"} {
		d := b.must(200, "GET /providers/Microsoft.Authorization/roleDefinitions/"+id, "")
		for action := range strings.SplitSeq(want, " ") {
			if !strings.Contains(quote(d.at("properties.permissions")), "Microsoft.EventGrid/events/"+action+"/action") {
				t.Errorf("%s lacks %s: %s", id, action, d.text)
			}
		}
		body := `{"properties":{"roleDefinitionId":"/providers/Microsoft.Authorization/roleDefinitions/` + id + `","principalId":"11111111-1111-1111-1111-111111111111","principalType":"ServicePrincipal"}}`
		for i, scope := range []string{plant, plant + "/topics/ORDERS"} {
			name := fmt.Sprintf("%s-%d", id, i)
			a := b.must(201, "PUT "+scope+"/providers/Microsoft.Authorization/roleAssignments/"+name, body)
			if i == 1 && !strings.EqualFold(fmt.Sprint(a.at("properties.scope")), orders) {
				t.Errorf("scope %v", a.at("properties.scope"))
			}
		}
	}
	b.must(404, "PUT "+plant+"/topics/none/providers/Microsoft.Authorization/roleAssignments/r", `{}`)
	list := b.must(200, "GET "+orders+"/providers/Microsoft.Authorization/roleAssignments", "")
	if value, _ := list.at("value").([]any); len(value) != 6 {
		t.Errorf("the topic has %d role assignments, want its own 3 and those of its namespace", len(value))
	}
}
