package behaviour

import (
	"testing"

	"github.com/eclipse/paho.golang/paho"

	"gridmq/mqtt"
)

const noMatchingSubscribers = 0x10

// TestNoMatchingSubscribers is said to MQTT 5 publishers.
func TestNoMatchingSubscribers(t *testing.T) {
	five(t, func(e *env) {
		pub := e.connect(login{id: e.id("pub")})
		for qos := byte(1); qos <= 2; qos++ {
			if r := pub.try(message{topic: e.topic("a"), payload: "m", qos: qos}); r.err != nil || qos == 1 && r.code != noMatchingSubscribers {
				e.Errorf("nobody subscribed, QoS %d: %+v", qos, r)
			}
		}
		away := e.connect(login{id: e.id("away"), durable: true})
		away.subscribe(0, e.topic("a"))
		for _, present := range []bool{true, false} {
			if r := pub.try(message{topic: e.topic("a"), payload: "m", qos: 1}); present && r.code != 0 {
				e.Errorf("a subscriber is there, and the answer is %+v", r)
			}
			away.leave()
		}
		// PUBREC carries it (Paho shows PUBCOMP only).
		r := e.raw(e.id("r"))
		r.publish(2, 1, false, e.topic("b"), "m")
		if code := r.acked(mqtt.PUBREC, 1); code != mqtt.NoMatchingSubscribers {
			e.Errorf("PUBREC says %v", code)
		}
		r.ack(mqtt.PUBREL, 1)
		r.acked(mqtt.PUBCOMP, 1)
	})
}

// TestReasonStrings come with refusals, unless the client does not want them.
func TestReasonStrings(t *testing.T) {
	five(t, func(e *env) {
		e.connect(login{id: e.id("owned"), user: "ann"})
		for _, wanted := range []bool{true, false} {
			_, refused := e.tryConnect(login{id: e.id("owned"), user: "bob", more: func(p *paho.Connect) {
				p.Properties.RequestProblemInfo = wanted
			}})
			if refused.code != 0x87 || (refused.reason != "") != wanted {
				e.Errorf("CONNACK %#x %q, problem information wanted: %t", refused.code, refused.reason, wanted)
			}
			r := e.raw(e.id("r"), func(p *mqtt.Connect) {
				if !wanted {
					p.Properties.Mark(mqtt.PropRequestProblemInformation) // 0
				}
			})
			r.write(aliased(e.topic("a"), 1000))
			if reason := r.wantEnd(mqtt.TopicAliasInvalid); (reason != "") != wanted {
				e.Errorf("DISCONNECT with reason %q, wanted: %t", reason, wanted)
			}
		}
	})
}

// TestNegativeAcknowledgements of a subscriber: the message is done, the
// connection stays (profile standard).
func TestNegativeAcknowledgements(t *testing.T) {
	five(t, func(e *env) {
		sub := e.raw(e.id("sub"), durableRaw)
		sub.to(2, e.topic("a"))
		pub := e.connect(login{id: e.id("pub")})
		pub.publish(1, e.topic("a"), "refused at PUBACK")
		sub.ack(mqtt.PUBACK, sub.published("refused at PUBACK").PacketID, mqtt.QuotaExceeded)
		pub.publish(2, e.topic("a"), "refused at PUBREC")
		sub.ack(mqtt.PUBREC, sub.published("refused at PUBREC").PacketID, mqtt.ImplementationSpecificError)
		sub.silent() // no PUBREL
		pub.publish(1, e.topic("a"), "accepted")
		sub.ack(mqtt.PUBACK, sub.published("accepted").PacketID)
		sub.silent()
		sub.drop()
		sub = e.raw(e.id("sub"), durableRaw)
		sub.silent()
	})
}

// TestFirstPacketMustBeConnect, and there is one of it.
func TestConnectOnce(t *testing.T) {
	both(t, func(e *env) {
		r := e.raw(e.id("twice"))
		r.write((&mqtt.Connect{Version: r.v, CleanStart: true, ClientID: e.id("twice")}).Append(nil))
		r.wantEnd(mqtt.ProtocolError)
		w, err := e.broker().dial(e.transport)
		if err != nil {
			e.Fatal(err)
		}
		defer w.Close()
		if _, err := w.Write(mqtt.AppendPingreq(nil)); err != nil {
			e.Fatal(err)
		}
		if n, err := w.Read(make([]byte, 1)); err == nil {
			e.Errorf("%d bytes in answer to a PINGREQ before CONNECT, want the end of the connection", n)
		}
	})
}
