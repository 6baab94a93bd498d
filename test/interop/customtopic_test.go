package interop

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/messaging"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/messaging/eventgrid/azeventgrid"
	eg "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/eventgrid/armeventgrid/v2"
)

// hook is a webhook that agrees to everything, and gives the subjects that it gets.
func hook(t *testing.T) (url string, subjects chan string) {
	subjects = make(chan string, 100)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("WebHook-Allowed-Origin", "*")
		var e struct{ Subject string }
		if b, _ := io.ReadAll(r.Body); r.Method == http.MethodPost && json.Unmarshal(b, &e) == nil {
			subjects <- e.Subject
		}
	}))
	t.Cleanup(s.Close)
	return s.URL, subjects
}

// The official clients of custom topics, unchanged: the topic and its event subscriptions
// by both names are made, read, changed and deleted; the publisher sends CloudEvents with
// key and signature, and Event Grid's own events, to the endpoint that the topic shows.
func TestCustomTopicsGo(t *testing.T) {
	h := newHouse(t, "--set", "webhooks.plain_http=true")
	ctx := t.Context()
	topics, nested, subs := h.sdk.NewTopicsClient(), h.sdk.NewTopicEventSubscriptionsClient(), h.sdk.NewEventSubscriptionsClient()
	_, err := topics.Get(ctx, group, "orders", nil)
	h.refused(err, 404, "ResourceNotFound")
	topic := func(name string, schema eg.InputSchema) (endpoint string) {
		t.Helper()
		body := eg.Topic{Location: to.Ptr("local"), Properties: &eg.TopicProperties{InputSchema: to.Ptr(schema)}}
		for range 2 { // made, and written again
			made := atOnce(h, name, func() (*runtime.Poller[eg.TopicsClientCreateOrUpdateResponse], error) {
				return topics.BeginCreateOrUpdate(ctx, group, name, body, nil)
			})
			if p := made.Properties; *p.InputSchema != schema || *p.ProvisioningState != eg.TopicProvisioningStateSucceeded {
				t.Errorf("topic %+v", p)
			}
			endpoint = *made.Properties.Endpoint
		}
		return endpoint
	}
	endpoint := topic("orders", eg.InputSchemaCloudEventSchemaV10)
	keys, err := topics.ListSharedAccessKeys(ctx, group, "orders", nil)
	if err != nil {
		t.Fatal(err)
	}

	url, subjects := hook(t)
	scope := "/subscriptions/" + armSubscription + "/resourceGroups/" + group + "/providers/Microsoft.EventGrid/topics/"
	subscription := eg.EventSubscription{Properties: &eg.EventSubscriptionProperties{
		Destination: &eg.WebHookEventSubscriptionDestination{EndpointType: to.Ptr(eg.EndpointTypeWebHook),
			Properties: &eg.WebHookEventSubscriptionDestinationProperties{EndpointURL: to.Ptr(url)}},
		Filter:      &eg.EventSubscriptionFilter{SubjectBeginsWith: to.Ptr("lyon/"), IncludedEventTypes: []*string{to.Ptr("order.placed")}},
		RetryPolicy: &eg.RetryPolicy{MaxDeliveryAttempts: to.Ptr[int32](30), EventTimeToLiveInMinutes: to.Ptr[int32](1440)}}}
	for range 2 {
		atOnce(h, "subscription", func() (*runtime.Poller[eg.EventSubscriptionsClientCreateOrUpdateResponse], error) {
			return subs.BeginCreateOrUpdate(ctx, scope+"orders", "hook", subscription, nil)
		})
		atOnce(h, "subscription by its other name", func() (*runtime.Poller[eg.TopicEventSubscriptionsClientCreateOrUpdateResponse], error) {
			return nested.BeginCreateOrUpdate(ctx, group, "orders", "hook", subscription, nil)
		})
	}
	change, err := subs.BeginUpdate(ctx, scope+"orders", "hook", eg.EventSubscriptionUpdateParameters{Labels: []*string{to.Ptr("l")}}, nil)
	await(h, change, err)
	again, err := nested.BeginUpdate(ctx, group, "orders", "hook", eg.EventSubscriptionUpdateParameters{RetryPolicy: &eg.RetryPolicy{MaxDeliveryAttempts: to.Ptr[int32](3)}}, nil)
	await(h, again, err)
	got, err := subs.Get(ctx, scope+"orders", "hook", nil)
	if err != nil {
		t.Fatal(err)
	}
	if p := got.Properties; len(p.Labels) != 1 || *p.RetryPolicy.MaxDeliveryAttempts != 3 || *p.Filter.SubjectBeginsWith != "lyon/" || *p.Topic != scope+"orders" {
		t.Errorf("subscription %+v", p)
	}
	if full, err := nested.GetFullURL(ctx, group, "orders", "hook", nil); err != nil || *full.EndpointURL != url {
		t.Errorf("URL %v, %v", full.EndpointURL, err)
	}

	o := &azeventgrid.ClientOptions{ClientOptions: policy.ClientOptions{Transport: h.transport(t), Retry: policy.RetryOptions{MaxRetries: -1}}}
	byKey, err := azeventgrid.NewClientWithSharedKeyCredential(endpoint, azcore.NewKeyCredential(*keys.Key1), o)
	if err != nil {
		t.Fatal(err)
	}
	bySignature, err := azeventgrid.NewClientWithSAS(endpoint, azcore.NewSASCredential(string(sign(t, endpoint+"?apiVersion=2018-01-01", *keys.Key2, time.Now().Add(time.Hour)))), o)
	if err != nil {
		t.Fatal(err)
	}
	cloudEvent := func(subject string) messaging.CloudEvent {
		e, err := messaging.NewCloudEvent("/shop/7", "order.placed", map[string]any{"total": 19.9}, &messaging.CloudEventOptions{Subject: &subject})
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	arrived := func(want string) {
		t.Helper()
		select {
		case got := <-subjects:
			if got != want {
				t.Errorf("event %q, want %q", got, want)
			}
		case <-time.After(patience):
			t.Fatalf("no event, want %q", want)
		}
	}
	for name, c := range map[string]*azeventgrid.Client{"key": byKey, "signature": bySignature} {
		if _, err := c.PublishCloudEvents(ctx, []messaging.CloudEvent{cloudEvent("oslo/1"), cloudEvent("lyon/" + name)}, nil); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		arrived("lyon/" + name)
	}
	event := azeventgrid.Event{ID: to.Ptr("1"), Subject: to.Ptr("lyon/grid"), EventType: to.Ptr("order.placed"), DataVersion: to.Ptr("1"), Data: map[string]any{"x": 1}, EventTime: to.Ptr(time.Now())}
	_, err = byKey.PublishEvents(ctx, []azeventgrid.Event{event}, nil)
	refused(t, "Event Grid's schema to a topic of CloudEvents", err, 400)
	wrong, err := azeventgrid.NewClientWithSharedKeyCredential(endpoint, azcore.NewKeyCredential("guessed"), o)
	if err != nil {
		t.Fatal(err)
	}
	_, err = wrong.PublishCloudEvents(ctx, []messaging.CloudEvent{cloudEvent("lyon/x")}, nil)
	refused(t, "a key that was guessed", err, 401)

	old := topic("legacy", eg.InputSchemaEventGridSchema)
	atOnce(h, "subscription", func() (*runtime.Poller[eg.EventSubscriptionsClientCreateOrUpdateResponse], error) {
		return subs.BeginCreateOrUpdate(ctx, scope+"legacy", "hook", subscription, nil)
	})
	legacyKeys, err := topics.ListSharedAccessKeys(ctx, group, "legacy", nil)
	if err != nil {
		t.Fatal(err)
	}
	legacy, err := azeventgrid.NewClientWithSharedKeyCredential(old, azcore.NewKeyCredential(*legacyKeys.Key1), o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := legacy.PublishEvents(ctx, []azeventgrid.Event{event}, nil); err != nil {
		t.Fatal(err)
	}
	arrived("lyon/grid")

	count := 0
	for pages := topics.NewListByResourceGroupPager(group, nil); pages.More(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		count += len(page.Value)
	}
	if count != 2 {
		t.Errorf("%d topics, want 2", count)
	}
	patched, err := topics.BeginUpdate(ctx, group, "orders", eg.TopicUpdateParameters{Tags: map[string]*string{"a": to.Ptr("b")}}, nil)
	await(h, patched, err)
	regenerated, err := topics.BeginRegenerateKey(ctx, group, "orders", eg.TopicRegenerateKeyRequest{KeyName: to.Ptr("key1")}, nil)
	await(h, regenerated, err)
	_, err = byKey.PublishCloudEvents(ctx, []messaging.CloudEvent{cloudEvent("lyon/x")}, nil)
	refused(t, "a key that was made anew", err, 401)
	gone, err := nested.BeginDelete(ctx, group, "orders", "hook", nil)
	await(h, gone, err)
	deleted, err := topics.BeginDelete(ctx, group, "orders", nil)
	await(h, deleted, err)
	_, err = topics.Get(ctx, group, "orders", nil)
	h.refused(err, 404, "ResourceNotFound")
}
