package behaviour

import (
	"fmt"
	"slices"
	"testing"

	"github.com/eclipse/paho.golang/paho"

	"gridmq/mqtt"
)

// TestGrantedQoS: a message comes at the lower of its QoS and the subscription's.
func TestGrantedQoS(t *testing.T) {
	both(t, func(e *env) {
		pub := e.connect(login{id: e.id("pub")})
		for granted := range byte(3) {
			for _, durable := range []bool{false, true} {
				sub := e.connect(login{id: e.id(fmt.Sprint("sub", granted)), durable: durable})
				sub.subscribe(granted, e.topic("a"))
				for sent := range byte(3) {
					pub.publish(sent, e.topic("a"), "m")
					if m := sub.want("m")[0]; m.qos != min(sent, granted) || (m.id == 0) != (m.qos == 0) {
						e.Errorf("sent at %d, granted %d: %v", sent, granted, m)
					}
				}
				sub.leave()
			}
		}
	})
}

// TestOverlapping subscriptions: one copy, at the highest QoS, with all identifiers.
func TestOverlapping(t *testing.T) {
	both(t, func(e *env) {
		sub := e.raw(e.id("sub"), durableRaw)
		filters := []string{e.topic("a/b"), e.topic("a/+"), e.topic("#"), e.topic("other")}
		for i, f := range filters {
			id := uint32(0)
			if sub.v == mqtt.V5 && i != 1 { // one without
				id = uint32(100_000 * (i + 1))
			}
			sub.subscribe(id, mqtt.Subscription{Filter: f, QoS: byte(i % 3)})
		}
		pub := e.connect(login{id: e.id("pub")})
		check := func(m mqtt.Publish) {
			e.Helper()
			if m.QoS != 2 {
				e.Errorf("came at QoS %d, want 2, the highest", m.QoS)
			}
			if sub.v == mqtt.V311 {
				return
			}
			p, err := m.Properties()
			slices.Sort(p.SubscriptionIdentifiers)
			if err != nil || !slices.Equal(p.SubscriptionIdentifiers, []uint32{100_000, 300_000}) {
				e.Errorf("subscription identifiers %v (%v), want 100000 and 300000", p.SubscriptionIdentifiers, err)
			}
		}
		pub.publish(2, e.topic("a/b"), "live")
		check(sub.published("live"))
		sub.silent()
		sub.drop()
		pub.publish(2, e.topic("a/b"), "away")
		sub = e.raw(e.id("sub"), durableRaw)
		check(sub.published("live")) // not acknowledged
		check(sub.published("away"))
		sub.silent()
	})
}

func TestSubscriptionIdentifier(t *testing.T) {
	five(t, func(e *env) {
		topic := e.topic("a")
		sub := e.connect(login{id: e.id("sub")})
		pub := e.connect(login{id: e.id("pub")})
		for _, id := range []int{1, 268_435_455, 0} { // replaced, and taken away
			sub.subscribeTo(id, paho.SubscribeOptions{Topic: topic, QoS: 1})
			for qos := range byte(2) {
				pub.publish(qos, topic, "m")
				got := sub.want("m")[0].props.SubscriptionIdentifier
				if (got == nil) != (id == 0) || got != nil && *got != id {
					e.Errorf("subscription identifier %v, want %d", got, id)
				}
			}
		}
	})
}

func TestNoLocal(t *testing.T) {
	five(t, func(e *env) {
		topic := e.topic("a/b")
		for _, durable := range []bool{false, true} {
			c := e.connect(login{id: e.id("c"), durable: durable})
			other := e.connect(login{id: e.id("other")})
			c.subscribeTo(0, paho.SubscribeOptions{Topic: topic, QoS: 1, NoLocal: true})
			for qos := range byte(3) {
				c.publish(qos, topic, "mine")
				other.publish(qos, topic, "other's")
				c.want("other's")
			}
			c.silent()
			// Another subscription without it still brings one's own messages, one copy.
			c.subscribeTo(7, paho.SubscribeOptions{Topic: e.topic("a/+"), QoS: 1})
			c.publish(1, topic, "mine")
			if m := c.want("mine")[0]; m.props.SubscriptionIdentifier == nil || *m.props.SubscriptionIdentifier != 7 {
				e.Errorf("own message came with %+v, want identifier 7 alone", m.props)
			}
			c.silent()
			c.leave()
			other.leave()
			e.connect(login{id: e.id("c")}).leave()
		}
	})
}

func TestUnsubscribe(t *testing.T) {
	both(t, func(e *env) {
		sub := e.connect(login{id: e.id("sub"), durable: true, byHand: true})
		sub.subscribe(1, e.topic("a"), e.topic("b"))
		pub := e.connect(login{id: e.id("pub")})
		pub.publish(1, e.topic("a"), "started")
		first := sub.want("started")[0]
		codes := sub.unsubscribe(e.topic("a"), e.topic("never"))
		if want := []byte{0, 0x11}; e.version == v5 && !slices.Equal(codes, want) {
			e.Errorf("UNSUBACK %x, want %x", codes, want)
		}
		pub.publish(1, e.topic("a"), "not for us")
		pub.publish(1, e.topic("b"), "for us")
		second := sub.want("for us")[0]
		sub.silent()
		sub.leave()
		// What was started is completed although nobody is subscribed any more.
		sub = e.connect(login{id: e.id("sub"), durable: true})
		for _, m := range sub.want("started", "for us") {
			if !m.dup || m.id != first.id && m.id != second.id {
				e.Errorf("resent as %v", m)
			}
		}
		pub.publish(1, e.topic("a"), "not for us")
		sub.silent()
	})
}

func TestSubscribeAgainChangesQoS(t *testing.T) {
	both(t, func(e *env) {
		for _, durable := range []bool{false, true} {
			sub := e.connect(login{id: e.id("sub"), durable: durable})
			pub := e.connect(login{id: e.id("pub")})
			for _, qos := range []byte{0, 2, 1} {
				sub.subscribe(qos, e.topic("a"))
				pub.publish(2, e.topic("a"), "m")
				if m := sub.want("m")[0]; m.qos != qos {
					e.Errorf("got %v, want QoS %d", m, qos)
				}
				sub.silent() // one copy: replaced, not added
			}
			sub.leave()
			e.connect(login{id: e.id("sub")}).leave()
		}
	})
}

func TestWildcards(t *testing.T) {
	both(t, func(e *env) {
		tests := []struct {
			filter  string
			matches []string
			misses  []string
		}{
			{"a/+/c", []string{"a/b/c", "a//c", "a/$x/c"}, []string{"a/c", "a/b/c/d", "a/b/C"}},
			{"a/#", []string{"a", "a/", "a/b/c", "a/ü/€"}, []string{"b", "aa"}},
			{"+/+", []string{"a/b", "/", "/b"}, []string{"a", "a/b/c"}},
			{"a b/ c", []string{"a b/ c"}, []string{"a b/c"}},
		}
		pub := e.connect(login{id: e.id("pub")})
		for i, test := range tests {
			sub := e.connect(login{id: e.id("sub")})
			root := e.topic(fmt.Sprint(i, "/"))
			sub.subscribe(1, root+test.filter)
			for _, name := range append(slices.Clone(test.misses), test.matches...) {
				pub.publish(1, root+name, name)
			}
			for _, m := range sub.want(test.matches...) {
				if m.topic != root+m.payload {
					e.Errorf("filter %q: %v", test.filter, m)
				}
			}
			sub.silent()
			sub.leave()
		}
	})
}

// TestWildcardsPassOverDollar at the start.
func TestWildcardsPassOverDollar(t *testing.T) {
	both(t, func(e *env) {
		own := "$" + e.prefix
		sub := e.connect(login{id: e.id("sub")})
		sub.subscribe(1, "+/dollar/"+e.prefix, own+"/#")
		pub := e.connect(login{id: e.id("pub")})
		pub.publish(1, "$x/dollar/"+e.prefix, "hidden")
		pub.publish(1, "x/dollar/"+e.prefix, "seen")
		pub.publish(1, own+"/a", "named")
		sub.want("seen", "named")
		sub.silent()
	})
}

func TestInvalidFilters(t *testing.T) {
	both(t, func(e *env) {
		sub := e.raw(e.id("sub"))
		bad := []string{"a/#/b", "a#", "a+/b", "$share//a", "$share/g", "$share/g+/a", "$share/g/"}
		for _, f := range bad {
			codes := sub.subscribe(0, mqtt.Subscription{Filter: e.topic("good"), QoS: 1}, mqtt.Subscription{Filter: f})
			want := mqtt.TopicFilterInvalid
			if sub.v == mqtt.V311 {
				want = mqtt.UnspecifiedError // 0x80, which is all that 3.1.1 has
			}
			if !slices.Equal(codes, []mqtt.Code{mqtt.GrantedQoS1, want}) {
				e.Errorf("subscribe to a good filter and %q: %v, want %v for the second", f, codes, want)
			}
		}
		pub := e.connect(login{id: e.id("pub")})
		pub.publish(1, e.topic("good"), "m")
		sub.published("m")
	})
}
