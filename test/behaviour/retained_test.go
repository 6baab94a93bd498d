package behaviour

import (
	"fmt"
	"slices"
	"testing"

	"github.com/eclipse/paho.golang/paho"
)

// keep publishes a retained message; an empty payload clears it.
func (c *client) keep(topic, payload string, props ...*paho.PublishProperties) {
	c.e.Helper()
	c.send(message{topic: topic, payload: payload, qos: 1, retain: true, props: append(props, nil)[0]})
}

// clear removes retained messages when the run is over, from a shared broker.
func (e *env) clear(topics ...string) {
	e.Cleanup(func() {
		c := e.connect(login{id: e.id("clears")})
		for _, topic := range topics {
			c.keep(topic, "")
		}
	})
}

func TestRetained(t *testing.T) {
	both(t, func(e *env) {
		a, b := e.topic("r/a"), e.topic("r/b")
		pub := e.connect(login{id: e.id("pub")})
		live := e.connect(login{id: e.id("live")})
		live.subscribe(1, e.topic("r/#"))
		check := func(what string, wanted ...string) {
			e.Helper()
			late := e.connect(login{id: e.id("late")})
			late.subscribe(1, e.topic("r/#"))
			var got []string
			for range wanted {
				m := late.next()
				if !m.retain || m.dup {
					e.Errorf("%s: %v, want retain and no DUP", what, m)
				}
				got = append(got, m.payload)
			}
			slices.Sort(got)
			if !slices.Equal(got, wanted) {
				e.Errorf("%s: retained are %q, want %q", what, got, wanted)
			}
			late.silent()
			late.leave()
		}
		pub.keep(a, "a1")
		check("set", "a1")
		pub.publish(1, a, "not retained")
		check("an ordinary message changes nothing", "a1")
		pub.keep(b, "b1")
		pub.keep(a, "a2")
		check("replaced", "a2", "b1")
		pub.keep(a, "")
		check("cleared", "b1")
		pub.send(message{topic: b, payload: "b2", retain: true})  // QoS 0
		pub.send(message{topic: b, payload: "b3", retain: true})  // QoS 0
		pub.publish(1, a, "the same reader has passed those two") // so they are set
		check("set at QoS 0", "b3")
		pub.keep(b, "")
		check("all cleared")
		for _, m := range live.want("a1", "not retained", "b1", "a2", "", "b2", "b3", "the same reader has passed those two", "") {
			if m.retain {
				e.Errorf("live: %v, want no retain", m)
			}
		}
	})
}

// TestRetainedAtTheLowerQoS of message and subscription.
func TestRetainedAtTheLowerQoS(t *testing.T) {
	both(t, func(e *env) {
		pub := e.connect(login{id: e.id("pub")})
		var topics []string
		for qos := range byte(3) {
			topics = append(topics, e.topic(fmt.Sprint("r/", qos)))
			pub.send(message{topic: topics[qos], payload: fmt.Sprint(qos), qos: qos, retain: true})
		}
		e.clear(topics...)
		pub.publish(1, e.topic("x"), "all are set")
		for granted := range byte(3) {
			for _, durable := range []bool{false, true} {
				sub := e.connect(login{id: e.id("sub"), durable: durable})
				sub.subscribe(granted, e.topic("r/+"))
				for range 3 {
					m := sub.next()
					if sent := m.payload[0] - '0'; m.qos != min(sent, granted) || !m.retain {
						e.Errorf("granted %d, durable %t: %v, want QoS %d and retain", granted, durable, m, min(sent, granted))
					}
				}
				sub.silent()
				if sub.leave(); durable {
					e.connect(login{id: e.id("sub")}).leave() // and its session is gone
				}
			}
		}
	})
}

// TestRetainedAgain: each SUBSCRIBE sends them again, a resumed session does not.
func TestRetainedAgain(t *testing.T) {
	both(t, func(e *env) {
		topic := e.topic("r")
		pub := e.connect(login{id: e.id("pub")})
		pub.keep(topic, "kept")
		e.clear(topic)
		sub := e.connect(login{id: e.id("sub"), durable: true})
		for range 2 {
			sub.subscribe(1, topic)
			sub.want("kept")
		}
		sub.silent()
		sub.leave()
		sub = e.connect(login{id: e.id("sub"), durable: true})
		sub.silent()
		sub.subscribe(0, topic)
		if m := sub.want("kept")[0]; m.qos != 0 || !m.retain {
			e.Errorf("got %v, want QoS 0 and retain", m)
		}
	})
}

func TestRetainHandling(t *testing.T) {
	five(t, func(e *env) {
		topic := e.topic("r")
		pub := e.connect(login{id: e.id("pub")})
		pub.keep(topic, "kept")
		e.clear(topic)
		tests := []struct {
			handling   byte
			first, yet bool // sent to a new subscription, to one that was there
		}{{0, true, true}, {1, true, false}, {2, false, false}}
		for _, test := range tests {
			sub := e.connect(login{id: e.id("sub")})
			for _, sent := range []bool{test.first, test.yet} {
				sub.subscribeTo(0, paho.SubscribeOptions{Topic: topic, QoS: 1, RetainHandling: test.handling})
				if sent {
					sub.want("kept")
				}
				sub.silent()
			}
			sub.unsubscribe(topic)
			sub.subscribeTo(0, paho.SubscribeOptions{Topic: topic, QoS: 1, RetainHandling: test.handling})
			if test.first { // it is new again
				sub.want("kept")
			}
			sub.silent()
			sub.leave()
		}
	})
}

func TestRetainAsPublished(t *testing.T) {
	five(t, func(e *env) {
		topic := e.topic("r")
		e.clear(topic)
		sub := e.connect(login{id: e.id("sub")})
		sub.subscribeTo(0, paho.SubscribeOptions{Topic: topic, QoS: 2, RetainAsPublished: true})
		away := e.connect(login{id: e.id("away"), durable: true})
		away.subscribeTo(0, paho.SubscribeOptions{Topic: topic, QoS: 2, RetainAsPublished: true})
		away.leave()
		plain := e.connect(login{id: e.id("plain")})
		plain.subscribe(2, topic)
		pub := e.connect(login{id: e.id("pub")})
		for qos := range byte(3) {
			for _, retain := range []bool{false, true} {
				pub.send(message{topic: topic, payload: "p", qos: qos, retain: retain})
				if m := sub.want("p")[0]; m.retain != retain {
					e.Errorf("published with retain %t: got %v", retain, m)
				}
				if m := plain.want("p")[0]; m.retain {
					e.Errorf("without retain as published: got %v", m)
				}
			}
		}
		away = e.connect(login{id: e.id("away"), durable: true})
		for i, m := range away.want("p", "p", "p", "p") { // not those of QoS 0
			if want := i%2 == 1; m.retain != want {
				e.Errorf("queued message %d: %v, want retain %t", i, m, want)
			}
		}
	})
}

func TestRetainedExpires(t *testing.T) {
	five(t, func(e *env) {
		soon, later := e.topic("r/soon"), e.topic("r/later")
		pub, early := e.connect(login{id: e.id("pub")}), e.connect(login{id: e.id("early")})
		pub.keep(later, "later", &paho.PublishProperties{MessageExpiry: paho.Uint32(500)})
		e.clear(later)
		pub.keep(soon, "soon", &paho.PublishProperties{MessageExpiry: paho.Uint32(2)})
		early.subscribe(1, soon)
		early.want("soon")
		e.clock(3)
		late := e.connect(login{id: e.id("late")})
		late.subscribe(1, e.topic("r/#"))
		m := late.want("later")[0]
		if left := m.props.MessageExpiry; left == nil || *left > 497 || *left < 400 {
			e.Errorf("the remaining interval is %v, want 3 s less than 500", left)
		}
		late.silent()
	})
}

// TestManyRetained: more than fit into the client's window, or into one packet.
func TestManyRetained(t *testing.T) {
	both(t, func(e *env) {
		const n = 100
		pub := e.connect(login{id: e.id("pub")})
		var topics []string
		for i := range n {
			topics = append(topics, e.topic(fmt.Sprint("r/", i)))
			pub.send(message{topic: topics[i], payload: fmt.Sprint(i), qos: byte(i % 2), retain: true})
		}
		e.clear(topics...)
		pub.publish(1, e.topic("x"), "all are set")
		sub := e.connect(login{id: e.id("sub"), more: func(p *paho.Connect) { p.Properties.ReceiveMaximum = paho.Uint16(5) }})
		sub.subscribe(1, e.topic("r/+"))
		seen := map[string]bool{}
		for range n {
			m := sub.next()
			if seen[m.payload] || m.topic != e.topic("r/"+m.payload) {
				e.Fatalf("got %v, seen %d others", m, len(seen))
			}
			seen[m.payload] = true
		}
		sub.silent()
	})
}
