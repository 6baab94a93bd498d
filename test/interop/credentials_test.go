package interop

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/messaging"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/messaging/eventgrid/aznamespaces"

	manage "gridmq/control/client"
)

// A pair is a sender and a receiver of the official client, for orders/billing.
type pair struct {
	*testing.T
	sender   *aznamespaces.SenderClient
	receiver *aznamespaces.ReceiverClient
}

// transport leads to the data plane, whatever the host name.
func (b *broker) transport(t *testing.T) *http.Client {
	at := strings.TrimPrefix(b.HTTPS, "https://")
	x := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: b.roots, ServerName: "localhost"}, ForceAttemptHTTP2: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, at)
		}}
	t.Cleanup(x.CloseIdleConnections)
	return &http.Client{Transport: x, Timeout: patience}
}

// withKey is a pair that shows an access key. more are policies that see each request last.
func (b *broker) withKey(t *testing.T, endpoint, topic, subscription, key string, more ...policy.Policy) pair {
	t.Helper()
	o := policy.ClientOptions{Transport: b.transport(t), PerRetryPolicies: more, Retry: policy.RetryOptions{MaxRetries: -1}}
	s, err := aznamespaces.NewSenderClientWithSharedKeyCredential(endpoint, topic, azcore.NewKeyCredential(key), &aznamespaces.SenderClientOptions{ClientOptions: o})
	if err != nil {
		t.Fatal(err)
	}
	r, err := aznamespaces.NewReceiverClientWithSharedKeyCredential(endpoint, topic, subscription, azcore.NewKeyCredential(key), &aznamespaces.ReceiverClientOptions{ClientOptions: o})
	if err != nil {
		t.Fatal(err)
	}
	return pair{t, s, r}
}

// withToken is a pair that shows tokens.
func (b *broker) withToken(t *testing.T, endpoint string, who azcore.TokenCredential) pair {
	t.Helper()
	o := policy.ClientOptions{Transport: b.transport(t), Retry: policy.RetryOptions{MaxRetries: -1}}
	s, err := aznamespaces.NewSenderClient(endpoint, "orders", who, &aznamespaces.SenderClientOptions{ClientOptions: o})
	if err != nil {
		t.Fatal(err)
	}
	r, err := aznamespaces.NewReceiverClient(endpoint, "orders", "billing", who, &aznamespaces.ReceiverClientOptions{ClientOptions: o})
	if err != nil {
		t.Fatal(err)
	}
	return pair{t, s, r}
}

// send sends an event.
func (p pair) send(subject string) error {
	p.Helper()
	e, err := messaging.NewCloudEvent("/shop/7", "shop.order.placed", map[string]any{"total": 19.9}, &messaging.CloudEventOptions{Subject: &subject})
	if err != nil {
		p.Fatal(err)
	}
	_, err = p.sender.SendEvent(p.Context(), &e, nil)
	return err
}

// receive receives an event and acknowledges it.
func (p pair) receive() (subject string, err error) {
	p.Helper()
	got, err := p.receiver.ReceiveEvents(p.Context(), &aznamespaces.ReceiveEventsOptions{MaxWaitTime: to.Ptr[int32](10)})
	if err != nil {
		return "", err
	}
	if len(got.Details) != 1 {
		return "", fmt.Errorf("%d events", len(got.Details))
	}
	done, err := p.receiver.AcknowledgeEvents(p.Context(), []string{*got.Details[0].BrokerProperties.LockToken}, nil)
	if err != nil || len(done.SucceededLockTokens) != 1 {
		return "", fmt.Errorf("acknowledged %v, %w", done.FailedLockTokens, err)
	}
	return *got.Details[0].Event.Subject, nil
}

// works sends an event and receives it.
func (p pair) works(subject string) {
	p.Helper()
	if err := p.send(subject); err != nil {
		p.Errorf("%s: send: %v", subject, err)
		return
	}
	if got, err := p.receive(); err != nil || got != subject {
		p.Errorf("%s: received %q, %v", subject, got, err)
	}
}

// refused wants a status, as the client reads it.
func refused(t *testing.T, what string, err error, status int) {
	t.Helper()
	if e, ok := errors.AsType[*azcore.ResponseError](err); !ok || e.StatusCode != status {
		t.Errorf("%s: %v, want %d", what, err, status)
	}
}

// Where the client finds a namespace: by a path, by a host name of it, by neither where
// there is but one.
func TestEventsEndpoints(t *testing.T) {
	h := newHouse(t)
	key := h.orders()
	port := h.HTTPS[strings.LastIndexByte(h.HTTPS, ':'):]
	for _, endpoint := range []string{h.HTTPS + "/ns/plant", h.HTTPS + "/ns/PLANT/", "https://plant.mq.test" + port, "https://plant.mq.test" + port + "/ns/plant/"} {
		h.withKey(t, endpoint, "orders", "billing", key).works(endpoint)
	}
	refused(t, "another namespace", h.withKey(t, h.HTTPS+"/ns/none", "orders", "billing", key).send("x"), 404)
	refused(t, "host and path contradict each other", h.withKey(t, "https://plant.mq.test"+port+"/ns/other", "orders", "billing", key).send("x"), 404)
	refused(t, "another topic", h.withKey(t, h.HTTPS+"/ns/plant", "none", "billing", key).send("x"), 410)
	_, err := h.withKey(t, h.HTTPS+"/ns/plant", "orders", "none", key).receive()
	refused(t, "another event subscription", err, 404)
}

// The quickstart: an endpoint without a namespace leads to it.
func TestEventsQuickstart(t *testing.T) {
	b := start(t, "--quickstart")
	key, _, err := b.plane(t).Keys(t.Context(), manage.Place{}.ID("quickstart"))
	if err != nil {
		t.Fatal(err)
	}
	b.withKey(t, b.HTTPS, "telemetry", "all", key).works("without a namespace")
	b.withKey(t, b.HTTPS+"/ns/quickstart", "telemetry", "all", key).works("with one")
}

// plane is the management plane.
func (b *broker) plane(t *testing.T) *manage.Client {
	t.Helper()
	ca, err := os.ReadFile(b.CA)
	if err != nil {
		t.Fatal(err)
	}
	c, err := manage.New(manage.Options{URL: b.Management, Token: b.token, CA: ca})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// A signature is a policy of the client that shows a shared access signature in place of
// the key: the client itself has none for namespaces.
type signature string

// Do implements policy.Policy.
func (s signature) Do(r *policy.Request) (*http.Response, error) {
	r.Raw().Header.Set("Authorization", "SharedAccessSignature "+string(s))
	return r.Next()
}

// sign signs a resource until then: spec/namespace-topics.md, section 4.3.
func sign(t *testing.T, resource, key string, until time.Time) signature {
	t.Helper()
	secret, err := base64.StdEncoding.DecodeString(key)
	if err != nil {
		t.Fatal(err)
	}
	text := "r=" + url.QueryEscape(resource) + "&e=" + url.QueryEscape(until.UTC().Format("1/2/2006 3:04:05 PM"))
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(text))
	return signature(text + "&s=" + url.QueryEscape(base64.StdEncoding.EncodeToString(mac.Sum(nil))))
}

// Shared access signatures: of the namespace, a topic, an event subscription.
func TestEventsSignatures(t *testing.T) {
	h := newHouse(t)
	key := h.orders()
	endpoint, soon := h.HTTPS+"/ns/plant", time.Now().Add(time.Hour)
	as := func(s signature) pair { return h.withKey(t, endpoint, "orders", "billing", "", s) }
	as(sign(t, endpoint, key, soon)).works("of the namespace")
	as(sign(t, endpoint+"/topics/orders", key, soon)).works("of the topic")
	narrow := as(sign(t, endpoint+"/topics/orders/eventsubscriptions/billing", key, soon))
	refused(t, "send with a signature of the event subscription", narrow.send("x"), 403)
	if err := as(sign(t, endpoint, key, soon)).send("narrow"); err != nil {
		t.Error(err)
	}
	if got, err := narrow.receive(); got != "narrow" {
		t.Errorf("received %q, %v", got, err)
	}
	refused(t, "of another topic", as(sign(t, endpoint+"/topics/others", key, soon)).send("x"), 403)
	refused(t, "of another namespace", as(sign(t, h.HTTPS+"/ns/other", key, soon)).send("x"), 401)
	refused(t, "of an hour ago", as(sign(t, endpoint, key, time.Now().Add(-time.Hour))).send("x"), 401)
	forged := sign(t, endpoint, base64.StdEncoding.EncodeToString(make([]byte, 32)), soon)
	refused(t, "forged", as(forged).send("x"), 401)
	_, _, err := h.plane(t).RegenerateKey(t.Context(), fmt.Sprintf("/subscriptions/%s/resourceGroups/%s/providers/Microsoft.EventGrid/namespaces/%s", armSubscription, group, plant), "key1")
	if err != nil {
		t.Fatal(err)
	}
	refused(t, "with a key that was made anew", as(sign(t, endpoint, key, soon)).send("x"), 401)
}

// appSecret makes the secret of an application, and the hash to configure.
func appSecret(t *testing.T) (secret, hash string) {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(path, "token", "secret").Output()
	for line := range strings.Lines(string(out)) {
		if name, value, ok := strings.Cut(line, ":"); ok {
			value, _, _ = strings.Cut(strings.TrimSpace(value), " ")
			if name == "secret" {
				secret = value
			} else {
				hash = value
			}
		}
	}
	if err != nil || secret == "" || hash == "" {
		t.Fatalf("gridmq token secret: %v", err)
	}
	return secret, hash
}

// Tokens of the server's own token endpoint, by azidentity, offline: what they open is in
// role assignments.
func TestEventsTokens(t *testing.T) {
	secret, hash := appSecret(t)
	var flags []string
	for _, app := range []string{"shop", "biller", "both", "nobody"} {
		for name, value := range map[string]string{"client_id": app, "object_id": "object-of-" + app, "secret_hashes": hash} {
			flags = append(flags, "--set", "tokens.apps."+app+"."+name+"="+value)
		}
	}
	h := newHouse(t, flags...)
	h.orders()
	scope := fmt.Sprintf("/subscriptions/%s/resourceGroups/%s/providers/Microsoft.EventGrid/namespaces/%s", armSubscription, group, plant)
	plane := h.plane(t)
	assign := func(app, role, scope string) {
		t.Helper()
		body := fmt.Sprintf(`{"properties":{"principalId":"object-of-%s","roleDefinitionId":"/providers/Microsoft.Authorization/roleDefinitions/%s"}}`, app, role)
		if _, _, _, err := plane.Put(t.Context(), scope+"/providers/Microsoft.Authorization/roleAssignments/"+app, []byte(body), manage.Condition{}); err != nil {
			t.Fatal(err)
		}
	}
	authority := strings.Replace(h.Management, "127.0.0.1", "localhost", 1) // azidentity wants the name that the issuer has
	as := func(app, secret string) pair {
		t.Helper()
		x := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: h.roots}}
		t.Cleanup(x.CloseIdleConnections)
		who, err := azidentity.NewClientSecretCredential("00000000-0000-0000-0000-000000000001", app, secret, &azidentity.ClientSecretCredentialOptions{
			DisableInstanceDiscovery: true, ClientOptions: policy.ClientOptions{Cloud: cloud.Configuration{ActiveDirectoryAuthorityHost: authority},
				Transport: &http.Client{Transport: x, Timeout: patience}, Retry: policy.RetryOptions{MaxRetries: -1}}})
		if err != nil {
			t.Fatal(err)
		}
		return h.withToken(t, h.HTTPS+"/ns/plant", who)
	}
	shop, biller, both, nobody := as("shop", secret), as("biller", secret), as("both", secret), as("nobody", secret)
	refused(t, "before the assignment", shop.send("x"), 403)
	assign("shop", "d5a91429-5739-47e2-a06b-3470a27159e7", scope+"/topics/orders") // EventGrid Data Sender
	assign("biller", "78cbd9e7-9798-4e2e-9b5a-547d9ebb31fb", scope)                // EventGrid Data Receiver
	assign("both", "1d8c3fe3-8864-474b-8749-01e3783e8157", scope)                  // EventGrid Data Contributor
	if err := shop.send("17"); err != nil {
		t.Errorf("a sender: %v", err)
	}
	if got, err := biller.receive(); got != "17" {
		t.Errorf("a receiver has %q, %v", got, err)
	}
	both.works("18")
	_, err := shop.receive()
	refused(t, "a sender who receives", err, 403)
	refused(t, "a receiver who sends", biller.send("x"), 403)
	refused(t, "without a role", nobody.send("x"), 403)
	if err := as("shop", "guessed").send("x"); err == nil {
		t.Error("somebody with a wrong secret has sent")
	}
	refused(t, "the operator's token", h.withToken(t, h.HTTPS+"/ns/plant", h.broker).send("x"), 401)
	if existed, err := plane.Delete(t.Context(), scope+"/topics/orders/providers/Microsoft.Authorization/roleAssignments/shop", manage.Condition{}); err != nil || !existed {
		t.Fatalf("delete the assignment: %t, %v", existed, err)
	}
	refused(t, "after the assignment was deleted", shop.send("x"), 403)
}
