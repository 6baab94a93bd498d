package behaviour

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/eclipse/paho.golang/paho"

	"gridmq/mqtt"
)

// The profile azure: limits and refusals of an Event Grid namespace.

const quotaExceeded = 0x97

func TestAzureQoS2(t *testing.T) {
	bothOwn(t, func(e *env) {
		e.own(azure()...)
		sub := e.connect(login{id: e.id("sub")})
		if code := sub.trySubscribe(2, e.topic("a")); code != 1 {
			e.Errorf("subscribe at QoS 2: %#x, want 1", code)
		}
		r := e.raw(e.id("r"))
		if p := r.connack.Properties; r.v == mqtt.V5 && (!p.Has(mqtt.PropMaximumQoS) || p.MaximumQoS != 1) {
			e.Errorf("Maximum QoS in CONNACK: %d, want 1", p.MaximumQoS)
		}
		r.publish(1, 1, false, e.topic("a"), "QoS 1")
		r.acked(mqtt.PUBACK, 1)
		r.publish(2, 2, false, e.topic("a"), "QoS 2")
		r.wantEnd(mqtt.QoSNotSupported)
		sub.want("QoS 1")
		sub.silent()
		c, refused := e.tryConnect(login{id: e.id("w"), will: &will{topic: e.topic("w"), payload: "w", qos: 2}})
		if c != nil || e.version == v5 && refused.code != 0x9B {
			e.Errorf("a will at QoS 2: %+v, want 0x9B", refused)
		}
	})
}

func TestAzureSubscriptions(t *testing.T) {
	bothOwn(t, func(e *env) {
		e.own(azure()...)
		refused := byte(quotaExceeded)
		if e.version == v3 {
			refused = 0x80
		}
		c := e.connect(login{id: e.id("c"), durable: true})
		filters := func(from, n int) (subs []paho.SubscribeOptions) {
			for i := range n {
				subs = append(subs, paho.SubscribeOptions{Topic: e.topic(fmt.Sprint(from + i)), QoS: 1})
			}
			return subs
		}
		if codes := c.subscribeTo(0, filters(0, 11)...); !slices.Equal(codes, slices.Repeat([]byte{refused}, 11)) {
			e.Errorf("11 filters in one SUBSCRIBE: %x, want %#x each", codes, refused)
		}
		for from := 0; from < 50; from += 10 {
			if codes := c.subscribeTo(0, filters(from, 10)...); !slices.Equal(codes, slices.Repeat([]byte{1}, 10)) {
				e.Fatalf("subscriptions %d to %d: %x", from, from+9, codes)
			}
		}
		if code := c.trySubscribe(1, e.topic("50")); code != refused {
			e.Errorf("subscription 51: %#x, want %#x", code, refused)
		}
		c.subscribe(0, e.topic("7")) // replaces one
		c.unsubscribe(e.topic("8"))
		c.subscribe(1, e.topic("50"))
		c.publish(1, e.topic("50"), "m")
		c.want("m")
	})
}

func TestAzureTopics(t *testing.T) {
	bothOwn(t, func(e *env) {
		e.own(azure()...)
		levels := func(n int) string { return strings.TrimSuffix(strings.Repeat("x/", n), "/") }
		good := []string{levels(15), strings.Repeat("y", 256)}
		bad := []string{levels(16), strings.Repeat("y", 257)}
		sub := e.connect(login{id: e.id("sub")})
		pub := e.connect(login{id: e.id("pub")})
		sub.subscribe(1, good...)
		for _, topic := range good {
			pub.publish(1, topic, "m")
			sub.want("m")
		}
		for _, topic := range bad {
			if code := sub.trySubscribe(1, topic); code != 0x8F && e.version == v5 || code < 0x80 {
				e.Errorf("subscribe to %q: %#x", topic, code)
			}
			r := e.raw(e.id("r"))
			r.publish(1, 1, false, topic, "m")
			if r.v == mqtt.V311 {
				r.wantEnd(0)
			} else if code := r.acked(mqtt.PUBACK, 1); code != mqtt.TopicNameInvalid {
				e.Errorf("publish to %q: %v", topic, code)
			}
		}
	})
}

func TestAzureAliases(t *testing.T) {
	fiveOwn(t, func(e *env) {
		e.own(azure()...)
		sub := e.connect(login{id: e.id("sub"), more: func(p *paho.Connect) { p.Properties.TopicAliasMaximum = paho.Uint16(5) }})
		sub.subscribe(1, e.topic("a"))
		pub := e.connect(login{id: e.id("pub")})
		if most := pub.connack.Properties.TopicAliasMaximum; most == nil || *most != 10 {
			e.Fatalf("Topic Alias Maximum %v, want 10", most)
		}
		pub.send(message{topic: e.topic("a"), payload: "1", qos: 1, props: alias(10)})
		pub.send(message{payload: "2", qos: 1, props: alias(10)})
		for _, m := range sub.want("1", "2") {
			if m.topic != e.topic("a") || m.props.TopicAlias != nil {
				e.Errorf("got %v with alias %v; the broker uses none", m, m.props.TopicAlias)
			}
		}
		r := e.raw(e.id("r"))
		r.write(aliased(e.topic("a"), 11))
		r.wantEnd(mqtt.TopicAliasInvalid)
	})
}

func TestAzureSessionOverflow(t *testing.T) {
	bothOwn(t, func(e *env) {
		e.own(azure()...)
		away := func(id string) {
			c := e.connect(login{id: e.id(id), durable: true, flare: true})
			c.subscribe(1, e.topic(id))
			c.vanish()
		}
		away("messages")
		away("bytes")
		away("fits")
		pub := e.connect(login{id: e.id("pub")})
		pub.publish(1, e.topic("messages"), numbered("m", 101)...)
		pub.publish(1, e.topic("fits"), numbered("m", 100)...)
		large := strings.Repeat("x", 400<<10)
		pub.publish(1, e.topic("bytes"), large, large, large)
		for _, id := range []string{"messages", "bytes"} {
			if c := e.connect(login{id: e.id(id), durable: true}); c.present {
				e.Errorf("the session with too many %s waiting is present", id)
			}
		}
		c := e.connect(login{id: e.id("fits"), durable: true})
		if !c.present {
			e.Error("the session with 100 messages is gone")
		}
		c.want(numbered("m", 100)...)
	})
}

func TestAzureSharedSubscriptions(t *testing.T) {
	bothOwn(t, func(e *env) {
		e.own(azure()...)
		r := e.raw(e.id("r"))
		if r.v == mqtt.V311 {
			p := mqtt.Subscribe{PacketID: 1, Subscriptions: []mqtt.Subscription{{Filter: e.group("g", "a"), QoS: 1}}}
			r.write(p.Append(nil, r.v))
			r.wantEnd(0)
			return
		}
		for i := range 10 {
			r.to(1, e.group("g", fmt.Sprint(i)))
		}
		if codes := r.subscribe(0, mqtt.Subscription{Filter: e.group("g", "10"), QoS: 1}); codes[0] != mqtt.QuotaExceeded {
			e.Errorf("the 11th shared subscription: %v, want %v", codes[0], mqtt.QuotaExceeded)
		}
		e.connect(login{id: e.id("pub")}).publish(1, e.topic("9"), "m")
		r.published("m")
	})
}

func TestAzureConnect(t *testing.T) {
	bothOwn(t, func(e *env) {
		e.own(azure()...)
		one := e.connect(login{id: e.id("one"), durable: true, user: "ann", alive: 2000})
		if e.version == v5 {
			p := one.connack.Properties
			if p.SessionExpiryInterval != nil {
				e.Errorf("an expiry of an hour was changed to %d", *p.SessionExpiryInterval)
			}
			if p.ServerKeepAlive == nil || *p.ServerKeepAlive != 1160 || p.ReceiveMaximum == nil || *p.ReceiveMaximum != 1000 ||
				p.MaximumPacketSize == nil || *p.MaximumPacketSize != 512<<10 {
				e.Errorf("CONNACK: %v", p)
			}
			c := e.connect(login{id: e.id("long"), durable: true, user: "bob", more: func(p *paho.Connect) { p.Properties.SessionExpiryInterval = paho.Uint32(hour + 1) }})
			if got := c.connack.Properties.SessionExpiryInterval; got == nil || *got != hour {
				e.Errorf("session expiry %v, want an hour", got)
			}
		}
		one.leave() // its session counts
		want := byte(quotaExceeded)
		if e.version == v3 {
			want = 3
		}
		if c, refused := e.tryConnect(login{id: e.id("two"), user: "ann"}); c != nil || refused.code != want {
			e.Errorf("a second session of one user: %+v, want %#x", refused, want)
		}
		e.connect(login{id: e.id("one"), user: "ann"}).leave() // clean, and over
		e.connect(login{id: e.id("two"), user: "ann"})
		if c, refused := e.tryConnect(login{id: strings.Repeat("i", 129), user: "eve"}); c != nil || refused.code != 0x85 && refused.code != 2 {
			e.Errorf("a client identifier of 129 bytes: %+v", refused)
		}
		e.connect(login{id: strings.Repeat("i", 128), user: "eve"})
	})
}

func TestAzureMessages(t *testing.T) {
	fiveOwn(t, func(e *env) {
		e.own(azure()...)
		sub := e.connect(login{id: e.id("sub"), durable: true})
		sub.subscribe(1, e.topic("a"))
		sub.leave()
		pub := e.connect(login{id: e.id("pub")})
		pub.send(message{topic: e.topic("a"), payload: "0 is never", qos: 1, props: &paho.PublishProperties{MessageExpiry: paho.Uint32(0)}})
		long := strings.Repeat("x", 257)
		for what, p := range map[string]*paho.PublishProperties{
			"response topic":   {ResponseTopic: long},
			"content type":     {ContentType: long},
			"correlation data": {CorrelationData: []byte(long)},
			"user properties":  {User: paho.UserProperties{{Key: "k", Value: strings.Repeat("x", 32<<10)}}},
		} {
			if r := pub.try(message{topic: e.topic("a"), payload: "m", qos: 1, props: p}); r.code != quotaExceeded {
				e.Errorf("a message with too much %s: %+v", what, r)
			}
		}
		if r := pub.try(message{topic: e.topic("r"), payload: strings.Repeat("x", 64<<10+1), qos: 1, retain: true}); r.code != quotaExceeded {
			e.Errorf("a retained message of more than 64 KiB: %+v", r)
		}
		sub = e.connect(login{id: e.id("sub"), durable: true})
		if m := sub.want("0 is never")[0]; m.props.MessageExpiry != nil && *m.props.MessageExpiry != 0 {
			e.Errorf("expiry %d out of nothing", *m.props.MessageExpiry)
		}
		sub.silent()
	})
}

// TestAzureNegativeAcknowledgement ends the connection; the message is done.
func TestAzureNegativeAcknowledgement(t *testing.T) {
	fiveOwn(t, func(e *env) {
		e.own(azure()...)
		sub := e.raw(e.id("sub"), durableRaw)
		sub.to(1, e.topic("a"))
		e.connect(login{id: e.id("pub")}).publish(1, e.topic("a"), "m")
		sub.ack(mqtt.PUBACK, sub.published("m").PacketID, mqtt.UnspecifiedError)
		sub.wantEnd(mqtt.ImplementationSpecificError)
	})
}

// TestAzureWindow: 100 messages, or 64 KiB, are under way to a client.
func TestAzureWindow(t *testing.T) {
	fiveOwn(t, func(e *env) {
		e.own(azure(limit("queue.messages", 1000), limit("hold_acknowledgements", "1h"))...)
		pub := e.connect(login{id: e.id("pub")})
		sub := e.raw(e.id("sub"), durableRaw)
		sub.to(1, e.topic("a"), e.topic("b"))
		pub.publish(1, e.topic("a"), numbered("m", 101)...)
		var got []mqtt.Publish
		for _, p := range numbered("m", 100) {
			got = append(got, sub.published(p))
		}
		sub.silent()
		for _, m := range got {
			sub.ack(mqtt.PUBACK, m.PacketID)
		}
		sub.ack(mqtt.PUBACK, sub.published("m-101").PacketID)
		large := strings.Repeat("x", 40<<10)
		pub.publish(1, e.topic("b"), large, large, large)
		first := sub.published(large)
		sub.published(large) // the first did not fill the window
		sub.silent()
		sub.ack(mqtt.PUBACK, first.PacketID)
		sub.published(large)
	})
}
