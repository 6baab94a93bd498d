package behaviour

import (
	"fmt"
	"testing"

	"gridmq/mqtt"
)

// TestRedelivery: what was sent and not acknowledged comes again after a
// reconnect, with DUP and the same identifier, before anything newer.
func TestRedelivery(t *testing.T) {
	for _, qos := range []byte{1, 2} {
		t.Run(fmt.Sprint("QoS", qos), func(t *testing.T) {
			both(t, func(e *env) {
				topic := e.topic("a")
				sub := e.connect(login{id: e.id("sub"), durable: true, byHand: true, flare: true})
				sub.subscribe(qos, topic)
				pub := e.connect(login{id: e.id("pub")})
				pub.publish(qos, topic, "1", "2", "3")
				first := sub.want("1", "2", "3")
				sub.silent() // once per connection [MQTT-4.4.0-1]
				first[0].ack()
				pub.publish(0, topic, "the acknowledgement is read before") // by the same reader, in order
				sub.want("the acknowledgement is read before")
				sub.vanish()
				pub.publish(qos, topic, "4")

				sub = e.connect(login{id: e.id("sub"), durable: true, byHand: true})
				again := e.again(sub, first, "2", "3", "4")
				for i, m := range again {
					if sent := i < 2; m.dup != sent || sent && m.id != first[i+1].id || m.qos != qos {
						e.Errorf("message %v, first time %v: want DUP only if it was sent, and the same identifier", m, first)
					}
				}
				ackAll(again)
				sub.silent()
				sub.leave()

				sub = e.connect(login{id: e.id("sub"), durable: true, byHand: true})
				sub.silent()
			})
		})
	}
}

// again waits for messages; the acknowledgement of the first may have been
// lost together with the connection, then that one is there as well.
func (e *env) again(sub *client, first []message, payloads ...string) []message {
	e.Helper()
	m := sub.next()
	if m.payload == first[0].payload && m.dup && m.id == first[0].id {
		m.ack()
		return sub.want(payloads...)
	}
	if m.payload != payloads[0] {
		e.Fatalf("got %v first after the reconnect, want %q", m, payloads[0])
	}
	return append([]message{m}, sub.want(payloads[1:]...)...)
}

// TestRedeliveryOfPubrel: after PUBREC the message itself never comes again,
// PUBREL does.
func TestRedeliveryOfPubrel(t *testing.T) {
	both(t, func(e *env) {
		topic := e.topic("a")
		sub := e.raw(e.id("sub"), durableRaw)
		sub.to(2, topic)
		pub := e.connect(login{id: e.id("pub")})
		pub.publish(2, topic, "1", "2")
		one, two := sub.published("1"), sub.published("2")
		sub.ack(mqtt.PUBREC, one.PacketID)
		sub.acked(mqtt.PUBREL, one.PacketID)
		sub.drop()

		sub = e.raw(e.id("sub"), durableRaw)
		sub.acked(mqtt.PUBREL, one.PacketID)
		if m := sub.published("2"); !m.Dup || m.PacketID != two.PacketID {
			e.Errorf("resent as %+v, want DUP and identifier %d", m, two.PacketID)
		}
		sub.ack(mqtt.PUBCOMP, one.PacketID)
		sub.ack(mqtt.PUBREC, two.PacketID)
		sub.acked(mqtt.PUBREL, two.PacketID)
		sub.ack(mqtt.PUBREC, two.PacketID) // said twice: answered twice
		sub.acked(mqtt.PUBREL, two.PacketID)
		sub.ack(mqtt.PUBCOMP, two.PacketID)
		sub.silent()
		sub.drop()

		sub = e.raw(e.id("sub"), durableRaw)
		sub.silent()
	})
}

// TestPublisherRepeatsQoS2: a publisher that has lost the answer and repeats
// does not make a second message, until it has released the identifier.
func TestPublisherRepeatsQoS2(t *testing.T) {
	both(t, func(e *env) {
		topic := e.topic("a")
		sub := e.connect(login{id: e.id("sub"), durable: true})
		sub.subscribe(2, topic)
		pub := e.raw(e.id("pub"), durableRaw)
		pub.publish(2, 7, false, topic, "once")
		pub.acked(mqtt.PUBREC, 7)
		pub.publish(2, 7, true, topic, "once")
		pub.acked(mqtt.PUBREC, 7)
		pub.drop()

		pub = e.raw(e.id("pub"), durableRaw)
		pub.publish(2, 7, true, topic, "once")
		pub.acked(mqtt.PUBREC, 7)
		pub.ack(mqtt.PUBREL, 7)
		pub.acked(mqtt.PUBCOMP, 7)
		pub.ack(mqtt.PUBREL, 7)
		if code := pub.acked(mqtt.PUBCOMP, 7); pub.v == mqtt.V5 && code != mqtt.PacketIdentifierNotFound {
			e.Errorf("the second PUBREL is answered with %v", code)
		}
		pub.publish(2, 7, false, topic, "another with the same identifier")
		pub.acked(mqtt.PUBREC, 7)
		sub.want("once", "another with the same identifier")
		sub.silent()
	})
}

// TestPublisherRepeatsQoS1: at least once, both copies in order.
func TestPublisherRepeatsQoS1(t *testing.T) {
	both(t, func(e *env) {
		topic := e.topic("a")
		sub := e.connect(login{id: e.id("sub")})
		sub.subscribe(1, topic)
		pub := e.raw(e.id("pub"))
		for _, dup := range []bool{false, true} {
			pub.publish(1, 7, dup, topic, "at least once")
			pub.acked(mqtt.PUBACK, 7)
		}
		for _, m := range sub.want("at least once", "at least once") {
			if m.dup {
				e.Errorf("%v: DUP of the publisher was passed on [MQTT-3.3.1-3]", m)
			}
		}
	})
}

// TestSubscriberTakesWhatItWasSent: unknown and wrong acknowledgements do no harm.
func TestAcknowledgementsOutOfPlace(t *testing.T) {
	both(t, func(e *env) {
		topic := e.topic("a")
		sub := e.raw(e.id("sub"))
		sub.to(2, topic)
		sub.ack(mqtt.PUBACK, 99)
		sub.ack(mqtt.PUBCOMP, 99)
		sub.ack(mqtt.PUBREC, 99)
		if code := sub.acked(mqtt.PUBREL, 99); sub.v == mqtt.V5 && code != mqtt.PacketIdentifierNotFound {
			e.Errorf("PUBREL for an unknown identifier says %v", code)
		}
		pub := e.connect(login{id: e.id("pub")})
		pub.publish(2, topic, "1")
		pub.publish(1, topic, "2")
		one, two := sub.published("1"), sub.published("2")
		sub.ack(mqtt.PUBACK, one.PacketID) // of QoS 2
		sub.ack(mqtt.PUBACK, two.PacketID) // out of order
		sub.ack(mqtt.PUBREC, one.PacketID)
		sub.acked(mqtt.PUBREL, one.PacketID)
		sub.ack(mqtt.PUBCOMP, one.PacketID)
		pub.publish(1, topic, "3")
		sub.published("3")
		sub.silent()
	})
}
