package behaviour

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/eclipse/paho.golang/paho"

	"gridmq/mqtt"
)

// TestReceiveMaximumOfTheClient: no more than that is under way, QoS 1 and 2
// together; QoS 0 is not concerned.
func TestReceiveMaximumOfTheClient(t *testing.T) {
	five(t, func(e *env) {
		for _, durable := range []bool{false, true} {
			sub := e.raw(e.id("sub"), func(p *mqtt.Connect) {
				if durable {
					durableRaw(p)
				}
				p.Properties.ReceiveMaximum = 3
				p.Properties.Mark(mqtt.PropReceiveMaximum)
			})
			sub.to(2, e.topic("a"))
			pub := e.connect(login{id: e.id("pub")})
			for i := range 6 {
				pub.publish(byte(1+i%2), e.topic("a"), fmt.Sprint(i))
			}
			m := []mqtt.Publish{sub.published("0"), sub.published("1"), sub.published("2")}
			sub.silent()
			pub.publish(0, e.topic("a"), "QoS 0")
			sub.published("QoS 0")
			sub.ack(mqtt.PUBACK, m[0].PacketID)
			m = append(m, sub.published("3"))
			sub.ack(mqtt.PUBREC, m[1].PacketID)
			sub.acked(mqtt.PUBREL, m[1].PacketID)
			sub.silent() // it counts until PUBCOMP
			sub.ack(mqtt.PUBCOMP, m[1].PacketID)
			sub.published("4")
			sub.ack(mqtt.PUBACK, m[2].PacketID)
			sub.published("5")
			sub.drop()
			e.connect(login{id: e.id("sub")}).leave()
		}
	})
}

// TestReceiveMaximumOfTheBroker is announced; more ends the connection.
func TestReceiveMaximumOfTheBroker(t *testing.T) {
	fiveOwn(t, func(e *env) {
		e.own(limit("receive_maximum", 2))
		r := e.raw(e.id("r"))
		if p := r.connack.Properties; !p.Has(mqtt.PropReceiveMaximum) || p.ReceiveMaximum != 2 {
			e.Fatalf("Receive Maximum in CONNACK: %d, want 2", p.ReceiveMaximum)
		}
		for range 3 { // acknowledged ones do not count
			r.publish(1, 9, false, e.topic("a"), "m")
			r.acked(mqtt.PUBACK, 9)
		}
		r.publish(2, 1, false, e.topic("a"), "m")
		r.acked(mqtt.PUBREC, 1)
		r.publish(2, 2, false, e.topic("a"), "m")
		r.acked(mqtt.PUBREC, 2)
		r.publish(2, 2, true, e.topic("a"), "m") // again is not one more
		r.acked(mqtt.PUBREC, 2)
		r.publish(0, 0, false, e.topic("a"), "m")
		r.ack(mqtt.PUBREL, 1)
		r.acked(mqtt.PUBCOMP, 1)
		r.publish(2, 3, false, e.topic("a"), "m")
		r.acked(mqtt.PUBREC, 3)
		r.publish(2, 4, false, e.topic("a"), "m")
		r.wantEnd(mqtt.ReceiveMaximumExceeded)
		// A client that obeys gets everything through.
		sub := e.connect(login{id: e.id("sub")})
		sub.subscribe(2, e.topic("b"))
		pub := e.connect(login{id: e.id("pub")})
		var wg sync.WaitGroup
		for _, p := range numbered("m", 30) {
			wg.Go(func() {
				if r := <-pub.later(2, e.topic("b"), p); r.err != nil || r.code != 0 {
					e.Errorf("publish %q: %+v", p, r)
				}
			})
		}
		wg.Wait()
		gather(e, 30, sub)
	})
}

// TestMaximumPacketSizeOfTheClient: what is larger is not sent, as if it had
// been [MQTT-3.1.2-25]; others get it.
func TestMaximumPacketSizeOfTheClient(t *testing.T) {
	five(t, func(e *env) {
		small := login{id: e.id("small"), durable: true, more: func(p *paho.Connect) { p.Properties.MaximumPacketSize = paho.Uint32(500) }}
		sub := e.connect(small)
		sub.subscribe(2, e.topic("a"))
		other := e.connect(login{id: e.id("other")})
		other.subscribe(2, e.topic("a"))
		pub := e.connect(login{id: e.id("pub")})
		large, fits := strings.Repeat("x", 600), strings.Repeat("y", 200)
		send := func() {
			for qos := range byte(3) {
				pub.publish(qos, e.topic("a"), large, fits)
				other.want(large, fits)
			}
		}
		send()
		sub.want(fits, fits, fits)
		sub.settle()
		sub.leave()
		send()
		sub = e.connect(small)
		sub.want(fits, fits)
		sub.settle()
		sub.leave()
		if sub = e.connect(login{id: e.id("small"), durable: true}); !sub.present {
			e.Error("the session is gone")
		}
		sub.silent() // given up, not kept for a client that takes more
	})
}

func TestMaximumPacketSizeOfTheBroker(t *testing.T) {
	bothOwn(t, func(e *env) {
		e.own(limit("maximum_packet_size", "1KiB"))
		sub := e.connect(login{id: e.id("sub")})
		sub.subscribe(1, e.topic("a"))
		r := e.raw(e.id("r"))
		if p := r.connack.Properties; r.v == mqtt.V5 && (!p.Has(mqtt.PropMaximumPacketSize) || p.MaximumPacketSize != 1024) {
			e.Errorf("Maximum Packet Size in CONNACK: %d, want 1024", p.MaximumPacketSize)
		}
		head := len(mqtt.AppendPublish(nil, &mqtt.Message{Topic: e.topic("a"), QoS: 1, Payload: make([]byte, 200)},
			&mqtt.Out{Version: r.v, QoS: 1, PacketID: 1})) - 200
		fits := strings.Repeat("x", 1024-head)
		r.publish(1, 1, false, e.topic("a"), fits)
		r.acked(mqtt.PUBACK, 1)
		sub.want(fits)
		r.publish(1, 2, false, e.topic("a"), fits+"x")
		r.wantEnd(mqtt.PacketTooLarge)
		sub.silent()
	})
}

// TestPayloads arrive as they were sent, whatever their size and content.
func TestPayloads(t *testing.T) {
	both(t, func(e *env) {
		all := make([]byte, 256)
		for i := range all {
			all[i] = byte(i)
		}
		payloads := []string{"", "\x00", string(all), strings.Repeat(string(all), 64), strings.Repeat("0123456789abcdef", 60<<10)}
		live := e.connect(login{id: e.id("live")})
		live.subscribe(2, e.topic("a"))
		away := e.connect(login{id: e.id("away"), durable: true})
		away.subscribe(2, e.topic("a"))
		away.leave()
		pub := e.connect(login{id: e.id("pub")})
		for i, p := range payloads {
			for qos := range byte(3) {
				pub.publish(qos, e.topic("a"), p)
				if got := live.next(); got.payload != p {
					e.Fatalf("payload %d at QoS %d came with %d bytes, want %d", i, qos, len(got.payload), len(p))
				}
			}
		}
		away = e.connect(login{id: e.id("away"), durable: true})
		for i, p := range payloads {
			for range 2 {
				if got := away.next(); got.payload != p {
					e.Fatalf("payload %d came from the queue with %d bytes, want %d", i, len(got.payload), len(p))
				}
			}
		}
	})
}
