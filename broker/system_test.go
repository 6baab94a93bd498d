package broker

import (
	"strings"
	"testing"
	"time"

	"gridmq/mqtt"
)

// values reads what comes below $SYS until nothing comes for a moment.
func (d *device) values() map[string]string {
	d.t.Helper()
	all := map[string]string{}
	for {
		p, err := d.read(100 * time.Millisecond)
		if err == errQuiet {
			return all
		}
		m, ok := p.(*delivered)
		if !ok {
			d.t.Fatalf("got %v (%v), want values", show(p), err)
		}
		if m.QoS != 0 || m.Retain || !strings.HasPrefix(m.Topic, "$SYS/broker/") {
			d.t.Errorf("got %+v", *m)
		}
		all[strings.TrimPrefix(m.Topic, "$SYS/broker/")] = m.Payload
	}
}

// What the broker counts comes within a second of a subscription, and every ten seconds.
// Nobody is told by a wildcard that does not name $SYS [MQTT-4.7.2-1], of another namespace,
// or by another client.
func TestSystemTopics(t *testing.T) {
	virtual(t, func(t *testing.T, h *house) {
		if err := h.b.Open(NamespaceConfig{Name: "other", Limits: h.limits, Authenticator: AllowAll{}, Authorizer: AllowAll{}}); err != nil {
			t.Fatal(err)
		}
		everything, pub := h.connect("everything"), h.connect("pub", expiry(60))
		everything.subscribe("#")
		everything.subscribe("+/broker/uptime")
		for range 3 {
			pub.publish(text{topic: "a", payload: "12345", qos: 1})
		}
		for range 3 {
			everything.finish(everything.receive())
		}
		pub.publish(text{topic: "kept", payload: "x", qos: 1, retain: true})
		everything.finish(everything.receive())
		pub.disconnect(mqtt.NormalDisconnection)
		watcher, elsewhere := h.connect("watcher"), h.dialTo("other").login("elsewhere")
		watcher.subscribe("$SYS/#")
		elsewhere.subscribe("$SYS/broker/#")
		time.Sleep(1100 * time.Millisecond)
		got := watcher.values()
		for name, want := range map[string]string{"version": "gridmq unknown", "clients/total": "3", "clients/connected": "2", "clients/disconnected": "1",
			"publish/messages/received": "4", "publish/messages/sent": "4", "publish/messages/dropped": "0", "retained messages/count": "1",
			"subscriptions/count": "3", "load/publish/received/1min": "0.00", "uptime": "1 seconds"} {
			if got[name] != want {
				t.Errorf("%s is %q, want %q", name, got[name], want)
			}
		}
		foreign := elsewhere.values()
		for _, name := range []string{"publish/messages/received", "publish/messages/sent", "retained messages/count", "clients/disconnected"} {
			if foreign[name] != "0" {
				t.Errorf("in the other namespace %s is %q, want 0", name, foreign[name])
			}
		}
		if foreign["clients/connected"] != "1" || foreign["subscriptions/count"] != "1" {
			t.Errorf("in the other namespace: %v", foreign)
		}
		everything.quiet(30 * time.Second)
		watcher.values()
		time.Sleep(10 * time.Second)
		got = watcher.values()
		if got["clients/connected"] != "2" || got["load/publish/received/1min"] == "0.00" || got["load/publish/received/1min"] == "" {
			t.Errorf("later: %v", got)
		}
	})
}

// Only the broker publishes there: not a client, not its will, nobody without a session.
func TestSystemTopicsAreOurs(t *testing.T) {
	h := newHouse(t)
	d := h.connect("a")
	for _, name := range []string{"$SYS", "$SYS/broker/uptime"} {
		if code := d.publish(text{topic: name, payload: "x", qos: 1}); code != mqtt.NotAuthorized {
			t.Errorf("PUBLISH to %s: %v", name, code)
		}
		if _, err := h.b.Publish(t.Context(), "test", &Identity{Name: "x"}, &Post{Topic: name}); err == nil {
			t.Errorf("%s is published by somebody without a session", name)
		}
		if ack := h.dial(mqtt.V5).tryLogin("b", lastWill(name, "x", 0)); ack.Code != mqtt.NotAuthorized {
			t.Errorf("a will to %s: %v", name, ack.Code)
		}
	}
	if code := d.publish(text{topic: "$SYSTEM/x", payload: "x", qos: 1}); code.IsError() {
		t.Errorf("PUBLISH to $SYSTEM/x: %v", code)
	}
}

// A namespace that does not want it has none, as those of profile azure.
func TestSystemTopicsOff(t *testing.T) {
	if AzureLimits().SystemInterval != 0 {
		t.Error("profile azure has $SYS")
	}
	virtual(t, func(t *testing.T, h *house) {
		d := h.connect("a", clean)
		d.subscribe("$SYS/#")
		d.quiet(time.Hour)
	}, func(l *Limits) { l.SystemInterval = 0 })
}

// What a namespace has counted stays counted when it is gone.
func TestCountersStayAfterANamespace(t *testing.T) {
	h := newHouse(t)
	if err := h.b.Open(NamespaceConfig{Name: "short", Limits: h.limits, Authenticator: AllowAll{}, Authorizer: AllowAll{}}); err != nil {
		t.Fatal(err)
	}
	d := h.dialTo("short").login("a")
	d.publish(text{topic: "a", payload: "x", qos: 1})
	d.disconnect(mqtt.NormalDisconnection)
	if err := h.b.Remove(t.Context(), "short"); err != nil {
		t.Fatal(err)
	}
	if n := h.b.metrics.gone.received[1].Load(); n != 1 {
		t.Errorf("%d messages are counted of what is gone, want 1", n)
	}
}
