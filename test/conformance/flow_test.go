package conformance

import (
	"fmt"
	"testing"
)

var flow5 = map[string]test{
	"3.3.4-7":  receiveMaximumOfServer,
	"3.3.4-9":  receiveMaximumOfClient,
	"3.3.4-10": othersAtQuotaZero,
	"4.9.0-1":  quotaStarts,
	"4.9.0-2":  receiveMaximumOfClient,
	"4.9.0-3":  all(othersAtQuotaZero, acksAtQuotaZero),
}

// receiveMaximumOfServer leaves QoS 2 messages without PUBREL, one more than
// the server allows.
func receiveMaximumOfServer(t *testing.T, v version) {
	c, topic := open(t, v, connect{}), name(t)
	most := c.limits().num(propReceiveMaximum, 65535)
	if most > 5000 {
		t.Skip("the target allows too many messages to exceed that fast")
	}
	for id := 1; id <= most; id++ {
		c.send(v.publish(0x34, topic, id, nil, "x"))
	}
	for id := 1; id <= most; id++ {
		c.ack(0x50, id)
	}
	c.alive() // that many are allowed
	c.send(v.publish(0x34, topic, most+1, nil, "x"))
	c.dropped(0x93)
}

// limited is a subscriber with this Receive Maximum, and more messages for it.
func limited(t *testing.T, v version, most, messages int) (sub *conn, topic string) {
	t.Helper()
	topic = name(t, "t")
	sub = open(t, v, connect{props: cat(propReceiveMaximum, u16(most))})
	sub.subscribe(topic, 2)
	pub := open(t, v, connect{})
	for i := range messages {
		pub.put(topic, 1+i%2, fmt.Sprint(i))
	}
	return sub, topic
}

func receiveMaximumOfClient(t *testing.T, v version) {
	sub, _ := limited(t, v, 3, 8)
	var held []message
	for range 3 {
		held = append(held, sub.message())
	}
	sub.quiet()
	sub.acknowledge(held[0]) // QoS 1: PUBACK makes room
	held = append(held, sub.message())
	sub.quiet()
	sub.send(ack(0x50, held[1].id)) // QoS 2: PUBREC does not
	sub.ack(0x62, held[1].id)
	sub.quiet()
	sub.send(ack(0x70, held[1].id)) // but PUBCOMP does
	held = append(held, sub.message())
	sub.quiet()
	sub.send(ackCode(0x50, held[3].id, 0x83)) // and a PUBREC that refuses
	sub.message()
	sub.quiet()
}

// quotaStarts wants one message at a time, but that one at once.
func quotaStarts(t *testing.T, v version) {
	sub, topic := limited(t, v, 1, 3)
	for i := range 3 {
		m := sub.message()
		if m.topic != topic || m.payload != fmt.Sprint(i) {
			t.Fatalf("got %v, want message %d", m, i)
		}
		sub.quiet()
		sub.acknowledge(m)
	}
}

func othersAtQuotaZero(t *testing.T, v version) {
	sub, topic := limited(t, v, 1, 3)
	held := sub.message()
	sub.alive()
	sub.subscribe(name(t, "other"), 0)
	sub.unsubscribed([]string{name(t, "other")}, 0x00)
	sub.put(name(t, "nobody"), 1, "x") // PUBACK
	sub.put(name(t, "nobody"), 2, "x") // PUBREC, PUBCOMP
	sub.acknowledge(held)
	sub.wantMessage(topic, "1")
}

// acksAtQuotaZero: the flow of a message sent before goes on.
func acksAtQuotaZero(t *testing.T, v version) {
	topic := name(t)
	sub, pub := open(t, v, connect{props: cat(propReceiveMaximum, u16(1))}), open(t, v, connect{})
	sub.subscribe(topic, 2)
	pub.put(topic, 2, "one")
	pub.put(topic, 2, "two")
	sub.wantMessage(topic, "one") // PUBREC, PUBREL, PUBCOMP
	sub.wantMessage(topic, "two")
}
