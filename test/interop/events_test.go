package interop

import (
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	eg "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/eventgrid/armeventgrid/v2"
)

// Topics and event subscriptions, written, read, written back, patched and deleted.
func TestTopics(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	h.namespace()
	topics, subs := h.sdk.NewNamespaceTopicsClient(), h.sdk.NewNamespaceTopicEventSubscriptionsClient()
	_, err := topics.Get(ctx, group, plant, "orders", nil)
	h.refused(err, 404, "ResourceNotFound")
	made := atOnce(h, "topic", func() (*runtime.Poller[eg.NamespaceTopicsClientCreateOrUpdateResponse], error) {
		return topics.BeginCreateOrUpdate(ctx, group, plant, "orders", eg.NamespaceTopic{Properties: &eg.NamespaceTopicProperties{
			EventRetentionInDays: to.Ptr[int32](2), InputSchema: to.Ptr(eg.EventInputSchemaCloudEventSchemaV10), PublisherType: to.Ptr(eg.PublisherTypeCustom)}}, nil)
	})
	if p := made.Properties; *p.EventRetentionInDays != 2 || *p.ProvisioningState != eg.NamespaceTopicProvisioningStateSucceeded {
		t.Errorf("topic %+v", p)
	}
	keys, err := topics.ListSharedAccessKeys(ctx, group, plant, "orders", nil)
	if err != nil {
		t.Fatal(err)
	}
	again, err := topics.BeginRegenerateKey(ctx, group, plant, "orders", eg.TopicRegenerateKeyRequest{KeyName: to.Ptr("key1")}, nil)
	if next := await(h, again, err); *next.Key1 == *keys.Key1 || *next.Key2 != *keys.Key2 {
		t.Error("want key1 anew, and key2 as it was")
	}

	queue := eg.Subscription{Properties: &eg.SubscriptionProperties{
		DeliveryConfiguration: &eg.DeliveryConfiguration{DeliveryMode: to.Ptr(eg.DeliveryModeQueue), Queue: &eg.QueueInfo{
			ReceiveLockDurationInSeconds: to.Ptr[int32](60), MaxDeliveryCount: to.Ptr[int32](4), EventTimeToLive: to.Ptr("P1D")}},
		EventDeliverySchema: to.Ptr(eg.DeliverySchemaCloudEventSchemaV10),
		FiltersConfiguration: &eg.FiltersConfiguration{IncludedEventTypes: []*string{}, Filters: []eg.FilterClassification{
			&eg.NumberInRangeFilter{Key: to.Ptr("data.n"), OperatorType: to.Ptr(eg.FilterOperatorTypeNumberInRange), Values: [][]*float64{{to.Ptr(1.0), to.Ptr(2.5)}}}}}}}
	put := func(name string, s eg.Subscription) eg.NamespaceTopicEventSubscriptionsClientCreateOrUpdateResponse {
		t.Helper()
		return atOnce(h, name, func() (*runtime.Poller[eg.NamespaceTopicEventSubscriptionsClientCreateOrUpdateResponse], error) {
			return subs.BeginCreateOrUpdate(ctx, group, plant, "orders", name, s, nil)
		})
	}
	put("billing", queue)
	p, err := subs.BeginUpdate(ctx, group, plant, "orders", "billing", eg.SubscriptionUpdateParameters{Properties: &eg.SubscriptionUpdateParametersProperties{
		DeliveryConfiguration: &eg.DeliveryConfiguration{DeliveryMode: to.Ptr(eg.DeliveryModeQueue), Queue: &eg.QueueInfo{MaxDeliveryCount: to.Ptr[int32](7)}}}}, nil)
	await(h, p, err)
	got, err := subs.Get(ctx, group, plant, "orders", "billing", nil)
	if err != nil {
		t.Fatal(err)
	}
	q := got.Properties.DeliveryConfiguration.Queue
	f, ok := got.Properties.FiltersConfiguration.Filters[0].(*eg.NumberInRangeFilter)
	if *q.MaxDeliveryCount != 7 || *q.EventTimeToLive != "P1D" || !ok || *f.Values[0][1] != 2.5 {
		t.Errorf("%+v, filter %+v", q, f)
	}
	topicAgain, err := topics.BeginUpdate(ctx, group, plant, "orders", eg.NamespaceTopicUpdateParameters{
		Properties: &eg.NamespaceTopicUpdateParameterProperties{EventRetentionInDays: to.Ptr[int32](7)}}, nil)
	if shown := await(h, topicAgain, err); *shown.Properties.EventRetentionInDays != 7 {
		t.Errorf("patched to %+v", shown.Properties)
	}

	count := 0
	for pages := subs.NewListByNamespaceTopicPager(group, plant, "orders", nil); pages.More(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		count += len(page.Value)
	}
	if count != 1 {
		t.Errorf("the topic has %d event subscriptions, want 1", count)
	}
	d, err := subs.BeginDelete(ctx, group, plant, "orders", "billing", nil)
	await(h, d, err)
	gone, err := topics.BeginDelete(ctx, group, plant, "orders", nil)
	await(h, gone, err)
	_, err = subs.Get(ctx, group, plant, "orders", "billing", nil)
	h.refused(err, 404, "ParentResourceNotFound")
}
