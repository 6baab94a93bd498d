package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gridmq/broker"
	"gridmq/client"
	"gridmq/mqtt"
)

// bridged is a configuration whose namespace dev is bridged to url.
func bridged(url string, more ...string) string {
	text := "bridges:\n  cloud:\n    namespace: dev\n    address: " + url + "\n    retry: {first: 20ms, most: 100ms}\n"
	for _, m := range more {
		text += "    " + m + "\n"
	}
	return text
}

const telemetry = `topics: {up: {filter: "up/#", remote_prefix: "edge/"}}`

// device connects to a listener of a node.
func (n *node) device(t *testing.T, id string, got chan<- *client.Message) (*client.Client, error) {
	t.Helper()
	c, err := client.Connect(t.Context(), client.Options{Target: client.Target{URL: n.Addresses()[devListener].URL}, ClientID: id,
		OnMessage: func(m *client.Message) {
			if got != nil {
				got <- m
			}
		}})
	if err == nil {
		t.Cleanup(func() { c.Close(); _ = c.Wait() })
	}
	return c, err
}

func (n *node) mustDevice(t *testing.T, id string, got chan<- *client.Message) *client.Client {
	t.Helper()
	c, err := n.device(t, id, got)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func publish(t *testing.T, c *client.Client, topic, payload string) {
	t.Helper()
	if _, err := c.Publish(t.Context(), &client.Message{Topic: topic, QoS: 1, Payload: []byte(payload)}); err != nil {
		t.Fatal(err)
	}
}

func next(t *testing.T, got <-chan *client.Message) string {
	t.Helper()
	select {
	case m := <-got:
		return m.Topic + " " + string(m.Payload)
	case <-time.After(20 * time.Second):
		t.Fatal("no message came within 20 s")
		return ""
	}
}

func (n *node) session(name string) (broker.SessionInfo, bool) {
	return n.broker.Session(DevNamespace, bridgePrefix+name)
}

// metric is the line of a metric, as an operator sees it.
func (n *node) metric(t *testing.T, line string) bool {
	t.Helper()
	resp, err := http.Get(n.Addresses()["operations"].URL + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Contains(string(b), "\n"+line+"\n")
}

func until(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within 20 s: %s", what)
		}
	}
}

// TestBridge: two servers, the configuration from a file, metrics, and what SIGHUP
// changes.
func TestBridge(t *testing.T) {
	cloud := run(t, Sources{Flags: flags(t.TempDir())})
	got := make(chan *client.Message, 100)
	far := cloud.mustDevice(t, "far", got)
	if _, err := far.Subscribe(t.Context(), mqtt.Subscription{Filter: "#", QoS: 1}); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "gridmq.yaml")
	url := cloud.Addresses()[devListener].URL
	write(t, file, bridged(url, telemetry))
	sources := Sources{File: file, Flags: flags(t.TempDir())}
	edge := run(t, sources, func(o *Options) {
		o.Load = func() (Config, error) { c, _, err := sources.Load(); return c, err }
	})
	near := edge.mustDevice(t, "near", nil)
	publish(t, near, "up/a", "1")
	if m := next(t, got); m != "edge/up/a 1" {
		t.Errorf("got %q", m)
	}
	until(t, "metrics", func() bool {
		return edge.metric(t, `gridmq_bridge_connected{bridge="cloud"} 1`) && edge.metric(t, `gridmq_bridge_forwarded_messages_total{bridge="cloud",direction="out"} 1`) &&
			edge.metric(t, `gridmq_bridge_queue_messages{bridge="cloud"} 0`) && edge.metric(t, `gridmq_bridge_last_failure{bridge="cloud",reason="none"} 1`)
	})

	// A bridge that cannot reach anybody keeps what there is, also when it is led elsewhere.
	nobody := "mqtt://127.0.0.1:1"
	write(t, file, bridged(nobody, telemetry))
	if err := edge.Reload(); err != nil {
		t.Fatal(err)
	}
	publish(t, near, "up/a", "2")
	until(t, "queued", func() bool { return edge.metric(t, `gridmq_bridge_queue_messages{bridge="cloud"} 1`) })
	until(t, "failure told", func() bool { return edge.metric(t, `gridmq_bridge_last_failure{bridge="cloud",reason="connection"} 1`) })
	write(t, file, bridged(url, `topics: {up: {filter: "up/#", remote_prefix: "other/"}}`))
	if err := edge.Reload(); err != nil {
		t.Fatal(err)
	}
	if m := next(t, got); m != "other/up/a 2" {
		t.Errorf("got %q", m)
	}
	write(t, file, "bridges: {cloud: {namespace: dev, address: nonsense}}\n")
	if err := edge.Reload(); err == nil {
		t.Error("a bridge without maps was accepted")
	}
	publish(t, near, "up/a", "3")
	if m := next(t, got); m != "other/up/a 3" {
		t.Errorf("after a refused reload: got %q", m)
	}

	write(t, file, "")
	if err := edge.Reload(); err != nil {
		t.Fatal(err)
	}
	if _, there := edge.session("cloud"); there {
		t.Error("the session of a bridge that is gone is still there")
	}
	left, err := filepath.Glob(filepath.Join(edge.cfg.Data, bridgeDirectory, "*.json"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}
}

// TestBridgeSession: nobody but a bridge has its session, and a bridge that is not
// configured any more after a restart leaves none.
func TestBridgeSession(t *testing.T) {
	data, file := t.TempDir(), filepath.Join(t.TempDir(), "gridmq.yaml")
	write(t, file, bridged("mqtt://127.0.0.1:1", telemetry, "queue: {messages: 5, policy: drop-newest}"))
	edge := run(t, Sources{File: file, Flags: flags(data)})
	for _, id := range []string{bridgePrefix + "cloud", bridgePrefix + "other"} {
		_, err := edge.device(t, id, nil)
		if r, ok := errors.AsType[*client.RefusedError](err); !ok || r.Code != mqtt.ClientIdentifierNotValid {
			t.Errorf("a client connects as %q: %v", id, err)
		}
	}
	near := edge.mustDevice(t, "near", nil)
	for i := range 8 {
		publish(t, near, "up/a", fmt.Sprint(i))
	}
	if i, _ := edge.session("cloud"); i.Queued != 5 || i.Ends != (time.Time{}) || len(i.Subscriptions) != 1 {
		t.Errorf("the session is %+v", i)
	}
	if !edge.metric(t, `gridmq_bridge_dropped_messages_total{bridge="cloud",direction="out",reason="overflow"} 3`) {
		t.Error("what did not fit is not in the metrics")
	}
	edge.end(t)

	write(t, file, strings.Replace(bridged("mqtt://127.0.0.1:1", telemetry), "cloud:", "cloud2:", 1))
	edge = run(t, Sources{File: file, Flags: flags(data)})
	if _, there := edge.session("cloud"); there {
		t.Error("the session of a bridge that is gone is still there")
	}
	if _, there := edge.session("cloud2"); !there {
		t.Error("the new bridge has no session")
	}
}

// TestBridgeRights: a bridge may do on our own broker what its maps say.
func TestBridgeRights(t *testing.T) {
	file := filepath.Join(t.TempDir(), "gridmq.yaml")
	write(t, file, bridged("mqtt://127.0.0.1:1", `topics: {up: {filter: "up/#"}, down: {filter: "down/#", direction: in}}`))
	edge := run(t, Sources{File: file, Flags: flags(t.TempDir())})
	id, err := edge.bridges.guarded(broker.NamespaceConfig{Name: DevNamespace, Authenticator: broker.DenyAll{}, Authorizer: broker.DenyAll{}}).
		Authenticator.Authenticate(context.Background(), broker.Login{Peer: broker.Peer{Transport: bridgeTransport}, Connect: &mqtt.Connect{ClientID: bridgePrefix + "cloud"}})
	if err != nil {
		t.Fatal(err)
	}
	g := id.Own
	for what, got := range map[string]mqtt.Code{
		"publish down/a": g.Publish("down/a").Code, "subscribe up/#": g.Subscribe("up/#").Code,
	} {
		if got != mqtt.Success {
			t.Errorf("%s: %v, want yes", what, got)
		}
	}
	for what, got := range map[string]mqtt.Code{
		"publish up/a": g.Publish("up/a").Code, "subscribe #": g.Subscribe("#").Code, "subscribe down/#": g.Subscribe("down/#").Code,
	} {
		if got != mqtt.NotAuthorized {
			t.Errorf("%s: %v, want no", what, got)
		}
	}
	other := edge.bridges.guarded(broker.NamespaceConfig{Name: "other", Authenticator: broker.AllowAll{}, Authorizer: broker.AllowAll{}}).Authenticator
	if _, err := other.Authenticate(t.Context(), broker.Login{Peer: broker.Peer{Transport: bridgeTransport}, Connect: &mqtt.Connect{ClientID: bridgePrefix + "cloud"}}); err == nil {
		t.Error("the bridge gets into another namespace")
	}
	if another, err := other.Authenticate(t.Context(), broker.Login{Connect: &mqtt.Connect{ClientID: "x"}}); err != nil || another.Own != nil {
		t.Errorf("another client has the rights of a bridge, %v", err)
	}
	if _, err := os.Stat(filepath.Join(edge.cfg.Data, bridgeDirectory, "node")); err != nil {
		t.Error(err)
	}
}
