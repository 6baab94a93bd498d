package broker

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"gridmq/mqtt"
	"gridmq/session"
)

// A clerk is a Witness that writes down what it is told.
type clerk struct {
	mu   sync.Mutex
	said []string
}

func (c *clerk) add(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.said = append(c.said, fmt.Sprintf(format, args...))
}

func (c *clerk) PublishRefused(v Visit, topic string, qos byte, code mqtt.Code, reason string) {
	c.add("%s %s: %s QoS %d 0x%02X %v", v.Transport, v.ClientID, topic, qos, byte(code), reason != "")
}

func (c *clerk) SubscribeRefused(v Visit, of mqtt.Type, filters []string, code mqtt.Code) {
	c.add("%s %v: %q 0x%02X", v.ClientID, of, filters, byte(code))
}

func (c *clerk) DeliveryFailed(v Visit, topic string, qos byte, why session.Reason) {
	c.add("%s: not delivered: %s QoS %d %s", v.ClientID, topic, qos, reasonLabels[why])
}

// denial refuses what is secret.
type denial struct{ AllowAll }

func (denial) Publish(_ *Identity, topic string) Verdict    { return secret(topic) }
func (denial) Subscribe(_ *Identity, filter string) Verdict { return secret(filter) }

func secret(s string) Verdict {
	if s == "secret" || s == "secret/2" {
		return Verdict{Code: mqtt.NotAuthorized, Reason: "it is secret"}
	}
	return Verdict{}
}

// TestWitness: what connected clients are refused is told, of a packet once for each code;
// what they are not is not.
func TestWitness(t *testing.T) {
	virtual(t, func(t *testing.T, h *house) {
		h.stop()
		h.auth = denial{}
		h.start()
		c := &clerk{}
		h.b.witness = c
		d := h.connect("d", clean)
		d.publish(text{topic: "open", payload: "x", qos: 1})
		d.publish(text{topic: "secret", payload: "x", qos: 1})
		d.subscribe("open", func(p *mqtt.Subscribe) {
			p.Subscriptions = append(p.Subscriptions, mqtt.Subscription{Filter: "secret"}, mqtt.Subscription{Filter: "a/#/b"}, mqtt.Subscription{Filter: "secret/2"})
		})
		d.unsubscribe("open")
		d.unsubscribe("a/#/b")
		h.post(Post{Topic: "secret", QoS: 1})
		h.post(Post{Topic: "open", QoS: 1})
		away := h.connect("away", expiry(1000))
		away.subscribe("a", atQoS(1))
		d.publish(text{topic: "a", payload: "x", qos: 1})
		away.send(mqtt.AppendAck(nil, away.v, mqtt.PUBACK, want[*delivered](away).ID, mqtt.ImplementationSpecificError, ""))
		away.disconnect(mqtt.Success)
		d.publish(text{topic: "a", payload: "x", qos: 1, expiry: 1})
		time.Sleep(5 * time.Second)
		h.connect("away", expiry(1000)).quiet(time.Second)
		c.mu.Lock()
		defer c.mu.Unlock()
		want := []string{
			`pipe d: secret QoS 1 0x87 true`, `d SUBSCRIBE: ["a/#/b"] 0x8F`, `d SUBSCRIBE: ["secret" "secret/2"] 0x87`,
			`away: not delivered:  QoS 1 refused_by_client`, `away: not delivered: a QoS 1 expired`, `d UNSUBSCRIBE: ["a/#/b"] 0x8F`, `http caller: secret QoS 1 0x87 true`,
		}
		slices.Sort(want)
		if slices.Sort(c.said); !slices.Equal(c.said, want) {
			t.Errorf("told\n%q, want\n%q", c.said, want)
		}
	})
}
