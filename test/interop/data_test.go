package interop

import (
	"crypto/tls"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/messaging"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/messaging/eventgrid/aznamespaces"
	eg "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/eventgrid/armeventgrid/v2"
)

// orders makes the topic orders with the event subscription billing, and returns an
// access key of the namespace.
func (h *house) orders() (key string) {
	h.Helper()
	ctx := h.Context()
	h.namespace()
	atOnce(h, "topic", func() (*runtime.Poller[eg.NamespaceTopicsClientCreateOrUpdateResponse], error) {
		return h.sdk.NewNamespaceTopicsClient().BeginCreateOrUpdate(ctx, group, plant, "orders", eg.NamespaceTopic{Properties: &eg.NamespaceTopicProperties{}}, nil)
	})
	atOnce(h, "subscription", func() (*runtime.Poller[eg.NamespaceTopicEventSubscriptionsClientCreateOrUpdateResponse], error) {
		return h.sdk.NewNamespaceTopicEventSubscriptionsClient().BeginCreateOrUpdate(ctx, group, plant, "orders", "billing", eg.Subscription{Properties: &eg.SubscriptionProperties{
			DeliveryConfiguration: &eg.DeliveryConfiguration{DeliveryMode: to.Ptr(eg.DeliveryModeQueue), Queue: &eg.QueueInfo{ReceiveLockDurationInSeconds: to.Ptr[int32](60)}}}}, nil)
	})
	keys, err := h.sdk.NewNamespacesClient().ListSharedAccessKeys(ctx, group, plant, nil)
	if err != nil {
		h.Fatal(err)
	}
	return *keys.Key1
}

// The official Go client, unchanged: it sends, receives, renews, releases, rejects and
// acknowledges, with the namespace in the path of the endpoint.
func TestEventsGo(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	key := azcore.NewKeyCredential(h.orders())
	endpoint := h.HTTPS + "/ns/" + plant + "/"
	o := policy.ClientOptions{Transport: &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: h.roots}, ForceAttemptHTTP2: true}}}
	sender, err := aznamespaces.NewSenderClientWithSharedKeyCredential(endpoint, "orders", key, &aznamespaces.SenderClientOptions{ClientOptions: o})
	if err != nil {
		t.Fatal(err)
	}
	receiver, err := aznamespaces.NewReceiverClientWithSharedKeyCredential(endpoint, "orders", "billing", key, &aznamespaces.ReceiverClientOptions{ClientOptions: o})
	if err != nil {
		t.Fatal(err)
	}
	one, err := messaging.NewCloudEvent("/shop/7", "shop.order.placed", map[string]any{"total": 19.9}, &messaging.CloudEventOptions{Subject: to.Ptr("orders/17")})
	if err != nil {
		t.Fatal(err)
	}
	two, err := messaging.NewCloudEvent("/shop/7", "shop.receipt", []byte{0, 1, 255}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sender.SendEvent(ctx, &one, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := sender.SendEvents(ctx, []*messaging.CloudEvent{&two}, nil); err != nil {
		t.Fatal(err)
	}

	receive := func() (ids, tokens []string, counts []int32) {
		t.Helper()
		got, err := receiver.ReceiveEvents(ctx, &aznamespaces.ReceiveEventsOptions{MaxEvents: to.Ptr[int32](10), MaxWaitTime: to.Ptr[int32](10)})
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range got.Details {
			ids, tokens, counts = append(ids, d.Event.ID), append(tokens, *d.BrokerProperties.LockToken), append(counts, *d.BrokerProperties.DeliveryCount)
		}
		return ids, tokens, counts
	}
	ids, tokens, counts := receive()
	if len(ids) != 2 || ids[0] != one.ID || ids[1] != two.ID || counts[0] != 1 {
		t.Fatalf("received %q, deliveries %v; want %q and %q, once", ids, counts, one.ID, two.ID)
	}
	renewed, err := receiver.RenewEventLocks(ctx, tokens, nil)
	if err != nil || len(renewed.SucceededLockTokens) != 2 {
		t.Fatalf("renewed %v, %v", renewed, err)
	}
	acked, err := receiver.AcknowledgeEvents(ctx, tokens[:1], nil)
	if err != nil || len(acked.SucceededLockTokens) != 1 {
		t.Fatalf("acknowledged %v, %v", acked, err)
	}
	released, err := receiver.ReleaseEvents(ctx, tokens[1:], &aznamespaces.ReleaseEventsOptions{ReleaseDelayInSeconds: to.Ptr(aznamespaces.ReleaseDelayNoDelay)})
	if err != nil || len(released.SucceededLockTokens) != 1 {
		t.Fatalf("released %v, %v", released, err)
	}
	ids, again, counts := receive()
	if len(ids) != 1 || ids[0] != two.ID || counts[0] != 2 {
		t.Fatalf("received %q, deliveries %v; want %q, twice", ids, counts, two.ID)
	}
	rejected, err := receiver.RejectEvents(ctx, []string{again[0], tokens[0], "garbage"}, nil)
	if err != nil || len(rejected.SucceededLockTokens) != 1 || len(rejected.FailedLockTokens) != 2 {
		t.Fatalf("rejected %v, %v", rejected, err)
	}
	for i, code := range []string{"TokenLost", "BadToken"} {
		if e := rejected.FailedLockTokens[i].Error; e == nil || *e.Code != code {
			t.Errorf("token %d: %v, want %s", i, e, code)
		}
	}

	one.Type = ""
	_, err = sender.SendEvent(ctx, &one, nil)
	if refusal, ok := errors.AsType[*azcore.ResponseError](err); !ok || refusal.StatusCode != 400 || refusal.ErrorCode != "BadRequest" {
		t.Errorf("an event without a type: %v", err)
	}
	wrong, err := aznamespaces.NewSenderClientWithSharedKeyCredential(endpoint, "orders", azcore.NewKeyCredential("guessed"), &aznamespaces.SenderClientOptions{ClientOptions: o})
	if err != nil {
		t.Fatal(err)
	}
	_, err = wrong.SendEvent(ctx, &two, nil)
	if refusal, ok := errors.AsType[*azcore.ResponseError](err); !ok || refusal.StatusCode != 401 {
		t.Errorf("a wrong key: %v", err)
	}
}

// The official JavaScript client, unchanged: javascript/events.mjs says what it does.
func TestEventsJavaScript(t *testing.T) {
	t.Parallel() // it waits for the clock
	node := nodeWith(t, "@azure", "eventgrid-namespaces")
	h := newHouse(t)
	key := h.orders()
	cmd := exec.CommandContext(t.Context(), node, "events.mjs", h.HTTPS+"/ns/"+plant)
	cmd.Dir = "javascript"
	cmd.Env = append(os.Environ(), "NODE_EXTRA_CA_CERTS="+h.CA, "GRIDMQ_EVENTS_KEY="+key)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.HasSuffix(strings.TrimSpace(string(out)), "done") {
		t.Errorf("%v\n%s", err, out)
	}
}

// nodeWith is the program node, for what is in a folder of node_modules.
func nodeWith(t *testing.T, folder ...string) (node string) {
	t.Helper()
	node, err := exec.LookPath("node")
	if err == nil {
		_, err = os.Stat(filepath.Join(append([]string{"javascript", "node_modules"}, folder...)...))
	}
	if err != nil {
		say := "needs Node.js and the npm packages: make javascript installs them (" + err.Error() + ")"
		if os.Getenv("CI") == "true" {
			t.Fatal(say)
		}
		t.Skip(say)
	}
	return node
}
