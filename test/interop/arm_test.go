package interop

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	eg "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/eventgrid/armeventgrid/v2"

	"gridmq/client"
	"gridmq/internal/authority"
	"gridmq/mqtt"
)

const (
	group = "factory"
	plant = "plant"

	armSubscription = "00000000-0000-0000-0000-0000000000aa"
)

// A house is a broker and the SDK before it.
type house struct {
	*testing.T
	*broker
	sdk *eg.ClientFactory
}

// newHouse starts a broker; more are flags of gridmq serve.
func newHouse(t *testing.T, more ...string) *house {
	b := start(t, more...)
	return &house{t, b, b.sdk(t, armSubscription)}
}

// await waits for the end of what the SDK takes for a long-running operation.
func await[T any](h *house, p *runtime.Poller[T], err error) T {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(h.Context(), patience)
	defer cancel()
	r, err := p.PollUntilDone(ctx, &runtime.PollUntilDoneOptions{Frequency: time.Second})
	if err != nil {
		h.Fatal(err)
	}
	return r
}

// at once: a PUT is done when it is answered, and the SDK need not ask again.
func atOnce[T any](h *house, what string, begin func() (*runtime.Poller[T], error)) T {
	h.Helper()
	before := h.requests.Load()
	p, err := begin()
	r := await(h, p, err)
	if n := h.requests.Load() - before; n != 1 {
		h.Errorf("%s took %d requests, want 1", what, n)
	}
	return r
}

// refused wants an error of this status and code, as the SDK reads it.
func (h *house) refused(err error, status int, code string) {
	h.Helper()
	var e *azcore.ResponseError
	if !errors.As(err, &e) || e.StatusCode != status || e.ErrorCode != code {
		h.Errorf("error %v, want %d %s", err, status, code)
	}
}

// namespace makes the namespace with everything that its model has.
func (h *house) namespace() eg.NamespacesClientCreateOrUpdateResponse {
	h.Helper()
	n := eg.Namespace{
		Location: to.Ptr("local"), Tags: map[string]*string{"a": to.Ptr("b")},
		Identity: &eg.IdentityInfo{Type: to.Ptr(eg.IdentityTypeSystemAssigned)},
		SKU:      &eg.NamespaceSKU{Name: to.Ptr(eg.SKUNameStandard), Capacity: to.Ptr[int32](1)},
		Properties: &eg.NamespaceProperties{
			InboundIPRules:           []*eg.InboundIPRule{{Action: to.Ptr(eg.IPActionTypeAllow), IPMask: to.Ptr("127.0.0.0/8")}},
			IsZoneRedundant:          to.Ptr(true),
			MinimumTLSVersionAllowed: to.Ptr(eg.TLSVersionOne2),
			PublicNetworkAccess:      to.Ptr(eg.PublicNetworkAccessEnabled),
			TopicsConfiguration:      &eg.TopicsConfiguration{CustomDomains: []*eg.CustomDomainConfiguration{}},
			TopicSpacesConfiguration: &eg.TopicSpacesConfiguration{
				State:                       to.Ptr(eg.TopicSpacesConfigurationStateEnabled),
				MaximumSessionExpiryInHours: to.Ptr[int32](8), MaximumClientSessionsPerAuthenticationName: to.Ptr[int32](3),
				RoutingIdentityInfo: &eg.RoutingIdentityInfo{Type: to.Ptr(eg.RoutingIdentityTypeNone)},
				CustomDomains: []*eg.CustomDomainConfiguration{{FullyQualifiedDomainName: to.Ptr("mqtt.contoso.com"),
					CertificateURL: to.Ptr("https://kv/certificates/c"), Identity: &eg.CustomDomainIdentity{Type: to.Ptr(eg.CustomDomainIdentityTypeSystemAssigned)}}},
				RoutingEnrichments: &eg.RoutingEnrichments{
					Dynamic: []*eg.DynamicRoutingEnrichment{{Key: to.Ptr("clientname"), Value: to.Ptr("${client.authenticationName}")}},
					Static: []eg.StaticRoutingEnrichmentClassification{&eg.StaticStringRoutingEnrichment{
						Key: to.Ptr("namespaceid"), Value: to.Ptr("123"), ValueType: to.Ptr(eg.StaticRoutingEnrichmentTypeString)}}},
			},
		},
	}
	return atOnce(h, "namespace", func() (*runtime.Poller[eg.NamespacesClientCreateOrUpdateResponse], error) {
		return h.sdk.NewNamespacesClient().BeginCreateOrUpdate(h.Context(), group, plant, n, nil)
	})
}

// The namespace itself: written, read, written back, patched, its keys and domains.
func TestNamespace(t *testing.T) {
	h := newHouse(t)
	ctx, ns := t.Context(), h.sdk.NewNamespacesClient()
	_, err := ns.Get(ctx, group, plant, nil)
	h.refused(err, 404, "ResourceNotFound")
	made := h.namespace()
	spaces := made.Properties.TopicSpacesConfiguration
	if *made.Properties.ProvisioningState != eg.NamespaceProvisioningStateSucceeded || *made.Type != "Microsoft.EventGrid/namespaces" || *spaces.Hostname != "plant.mq.test" {
		t.Errorf("made: type %s, state %s, host %s", *made.Type, *made.Properties.ProvisioningState, *spaces.Hostname)
	}
	_, err = ns.Get(ctx, group, "another", nil)
	h.refused(err, 404, "ResourceNotFound")

	read, err := ns.Get(ctx, group, plant, nil)
	if err != nil {
		t.Fatal(err)
	}
	p, err := ns.BeginCreateOrUpdate(ctx, group, plant, read.Namespace, nil) // what is read can be written
	again := await(h, p, err)
	if *again.ID != *made.ID || len(again.Properties.InboundIPRules) != 1 || len(again.Properties.TopicSpacesConfiguration.RoutingEnrichments.Static) != 1 {
		t.Errorf("written back: %+v", again.Properties)
	}

	u, err := ns.BeginUpdate(ctx, group, plant, eg.NamespaceUpdateParameters{Tags: map[string]*string{"z": to.Ptr("1")},
		Properties: &eg.NamespaceUpdateParameterProperties{TopicSpacesConfiguration: &eg.UpdateTopicSpacesConfigurationInfo{
			State: to.Ptr(eg.TopicSpacesConfigurationStateDisabled)}}}, nil)
	patched := await(h, u, err)
	if len(patched.Tags) != 1 || *patched.Properties.TopicSpacesConfiguration.State != eg.TopicSpacesConfigurationStateDisabled ||
		*patched.Properties.TopicSpacesConfiguration.MaximumSessionExpiryInHours != 8 {
		t.Errorf("patched: tags %v, %+v", patched.Tags, patched.Properties.TopicSpacesConfiguration)
	}

	keys, err := ns.ListSharedAccessKeys(ctx, group, plant, nil)
	if err != nil || *keys.Key1 == "" {
		t.Fatalf("keys: %v", err)
	}
	k, err := ns.BeginRegenerateKey(ctx, group, plant, eg.NamespaceRegenerateKeyRequest{KeyName: to.Ptr("key1")}, nil)
	if next := await(h, k, err); *next.Key1 == *keys.Key1 || *next.Key2 != *keys.Key2 {
		t.Error("key1 is to be another one, and key2 the same")
	}
	v, err := ns.BeginValidateCustomDomainOwnership(ctx, group, plant, nil)
	if domains := await(h, v, err); len(domains.CustomDomainsForTopicSpacesConfiguration) != 1 {
		t.Errorf("domains: %+v", domains)
	}
	for range 2 { // it is no error that there is none
		d, err := ns.BeginDelete(ctx, group, plant, nil)
		await(h, d, err)
	}
	_, err = ns.Get(ctx, group, plant, nil)
	h.refused(err, 404, "ResourceNotFound")
}

// What is below a namespace, all made by the SDK, lets a client in over MQTT and bounds
// what it may do.
func TestResources(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	h.namespace()
	ca, err := authority.NewCA(authority.CAOptions{Name: "plant"})
	if err != nil {
		t.Fatal(err)
	}
	cert := atOnce(h, "CA certificate", func() (*runtime.Poller[eg.CaCertificatesClientCreateOrUpdateResponse], error) {
		return h.sdk.NewCaCertificatesClient().BeginCreateOrUpdate(ctx, group, plant, "plant-ca",
			eg.CaCertificate{Properties: &eg.CaCertificateProperties{EncodedCertificate: to.Ptr(string(ca.CertificatePEM()))}}, nil)
	})
	if got := cert.Properties.ExpiryTimeInUTC; got == nil || !got.Equal(ca.Certificate.NotAfter) {
		t.Errorf("the CA certificate ends %v, want %v", got, ca.Certificate.NotAfter)
	}
	press := atOnce(h, "client", func() (*runtime.Poller[eg.ClientsClientCreateOrUpdateResponse], error) {
		return h.sdk.NewClientsClient().BeginCreateOrUpdate(ctx, group, plant, "press-1", eg.Client{Properties: &eg.ClientProperties{
			State: to.Ptr(eg.ClientStateEnabled), Attributes: map[string]any{"kind": "press", "floor": 12, "lines": []string{"north", "south"}, "on": true},
			ClientCertificateAuthentication: &eg.ClientCertificateAuthentication{
				ValidationScheme: to.Ptr(eg.ClientCertificateValidationSchemeSubjectMatchesAuthenticationName)}}}, nil)
	})
	if got := press.Properties; *got.AuthenticationName != "press-1" || fmt.Sprint(got.Attributes["floor"], got.Attributes["lines"]) != "12 [north south]" {
		t.Errorf("client: %s, attributes %v", *got.AuthenticationName, got.Attributes)
	}
	atOnce(h, "group", func() (*runtime.Poller[eg.ClientGroupsClientCreateOrUpdateResponse], error) {
		return h.sdk.NewClientGroupsClient().BeginCreateOrUpdate(ctx, group, plant, "presses",
			eg.ClientGroup{Properties: &eg.ClientGroupProperties{Query: to.Ptr("attributes.kind IN ['press', 'oven']")}}, nil)
	})
	atOnce(h, "topic space", func() (*runtime.Poller[eg.TopicSpacesClientCreateOrUpdateResponse], error) {
		return h.sdk.NewTopicSpacesClient().BeginCreateOrUpdate(ctx, group, plant, "own",
			eg.TopicSpace{Properties: &eg.TopicSpaceProperties{TopicTemplates: []*string{to.Ptr("machines/${client.authenticationName}/#")}}}, nil)
	})
	for name, permission := range map[string]eg.PermissionType{"report": eg.PermissionTypePublisher, "obey": eg.PermissionTypeSubscriber} {
		atOnce(h, "binding", func() (*runtime.Poller[eg.PermissionBindingsClientCreateOrUpdateResponse], error) {
			return h.sdk.NewPermissionBindingsClient().BeginCreateOrUpdate(ctx, group, plant, name, eg.PermissionBinding{
				Properties: &eg.PermissionBindingProperties{ClientGroupName: to.Ptr("presses"), TopicSpaceName: to.Ptr("own"), Permission: to.Ptr(permission)}}, nil)
		})
	}
	h.speaks(ca)

	_, err = h.sdk.NewClientGroupsClient().BeginDelete(ctx, group, plant, "presses", nil)
	h.refused(err, 409, "Conflict") // bindings use it
	_, err = h.sdk.NewTopicSpacesClient().BeginCreateOrUpdate(ctx, group, plant, "bad", eg.TopicSpace{Properties: &eg.TopicSpaceProperties{TopicTemplates: []*string{to.Ptr("a/#/b")}}}, nil)
	h.refused(err, 400, "InvalidRequest")
	for _, name := range []string{"report", "obey"} {
		d, err := h.sdk.NewPermissionBindingsClient().BeginDelete(ctx, group, plant, name, nil)
		await(h, d, err)
	}
	d, err := h.sdk.NewClientGroupsClient().BeginDelete(ctx, group, plant, "presses", nil)
	await(h, d, err)
	s, err := h.sdk.NewTopicSpacesClient().BeginDelete(ctx, group, plant, "own", nil)
	await(h, s, err)
	c, err := h.sdk.NewClientsClient().BeginDelete(ctx, group, plant, "press-1", nil)
	await(h, c, err)
	a, err := h.sdk.NewCaCertificatesClient().BeginDelete(ctx, group, plant, "plant-ca", nil)
	await(h, a, err)
	_, err = h.sdk.NewClientsClient().Get(ctx, group, plant, "press-1", nil)
	h.refused(err, 404, "ResourceNotFound")
}

// speaks lets press-1 in over MQTT: it hears what it says, and may not say it elsewhere.
func (h *house) speaks(ca *authority.Authority) {
	h.Helper()
	badge, err := ca.NewClient(authority.LeafOptions{Name: "press-1"})
	if err != nil {
		h.Fatal(err)
	}
	heard := make(chan string, 1)
	c, err := client.Connect(h.Context(), client.Options{ClientID: "press-1", Username: "press-1", OnMessage: func(m *client.Message) { heard <- m.Topic },
		Target: client.Target{URL: "mqtts://" + h.MQTTS, TLS: &tls.Config{Certificates: []tls.Certificate{badge.TLS()},
			ServerName: "plant.mq.test", InsecureSkipVerify: true}}}) // the name chooses the namespace
	if err != nil {
		h.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Subscribe(h.Context(), mqtt.Subscription{Filter: "machines/press-1/commands", QoS: 1}); err != nil {
		h.Fatal(err)
	}
	if _, err := c.Publish(h.Context(), &client.Message{Topic: "machines/press-1/commands", QoS: 1}); err != nil {
		h.Error(err)
	}
	select {
	case <-heard:
	case <-time.After(patience):
		h.Error("press-1 hears nothing")
	}
	if _, err := c.Publish(h.Context(), &client.Message{Topic: "machines/press-2/commands", QoS: 1}); err == nil {
		h.Error("press-1 may speak for press-2")
	}
}

// Lists come in pages, with a filter; those of a subscription and a group, too.
func TestLists(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	h.namespace()
	clients := h.sdk.NewClientsClient()
	for i := range 45 {
		p, err := clients.BeginCreateOrUpdate(ctx, group, plant, fmt.Sprintf("n%02d", i), eg.Client{}, nil)
		await(h, p, err)
	}
	p, err := clients.BeginCreateOrUpdate(ctx, group, plant, "other", eg.Client{}, nil)
	await(h, p, err)
	var pages []int
	var names []string
	pager := clients.NewListByNamespacePager(group, plant, &eg.ClientsClientListByNamespaceOptions{
		Top: to.Ptr[int32](20), Filter: to.Ptr("contains(name,'n') and name ne 'n07'")})
	for pager.More() {
		page, err := pager.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, len(page.Value))
		for _, c := range page.Value {
			names = append(names, *c.Name)
		}
	}
	if !slices.Equal(pages, []int{20, 20, 4}) || !slices.IsSorted(names) || slices.Contains(names, "n07") || slices.Contains(names, "other") {
		t.Errorf("pages of %v clients: %q", pages, names)
	}
	ns := h.sdk.NewNamespacesClient()
	page, err := ns.NewListBySubscriptionPager(nil).NextPage(ctx)
	if err != nil || len(page.Value) != 1 {
		t.Errorf("namespaces of the subscription: %d, %v", len(page.Value), err)
	}
	inGroup, err := ns.NewListByResourceGroupPager(group, nil).NextPage(ctx)
	if err != nil || len(inGroup.Value) != 1 || *inGroup.Value[0].Name != plant {
		t.Errorf("namespaces of the group: %d, %v", len(inGroup.Value), err)
	}
	_, err = clients.NewListByNamespacePager(group, plant, &eg.ClientsClientListByNamespaceOptions{Filter: to.Ptr("name like 'n'")}).NextPage(ctx)
	h.refused(err, 400, "InvalidRequest")
}

// A token that is not good is told as such, and is not tried again and again.
func TestWrongToken(t *testing.T) {
	h := newHouse(t)
	h.token = "nobody"
	before := h.requests.Load()
	_, err := h.sdk.NewNamespacesClient().Get(t.Context(), group, plant, nil)
	h.refused(err, 401, "InvalidAuthenticationToken")
	if n := h.requests.Load() - before; n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
}
