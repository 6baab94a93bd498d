package conformance

import (
	"fmt"
	"testing"
)

// sendsAgain has one message in each state of each flow.
func sendsAgain(t *testing.T, v version) {
	p, topic := connect{id: name(t, "id"), keep: true}, name(t, "t")
	sub, pub := open(t, v, p), open(t, v, connect{})
	sub.subscribe(topic, 2)
	pub.put(topic, 0, "qos 0")
	sub.wantMessage(topic, "qos 0")
	sent := map[string]message{}
	for _, m := range []struct {
		qos     int
		payload string
	}{{1, "no puback"}, {1, "puback"}, {2, "no pubrec"}, {2, "pubrec"}, {2, "pubcomp"}} {
		pub.put(topic, m.qos, m.payload)
		got := sub.message()
		if got.payload != m.payload {
			t.Fatalf("got %v, want payload %q", got, m.payload)
		}
		sent[m.payload] = got
		if m.payload == "puback" || m.payload == "pubcomp" {
			sub.acknowledge(got)
		}
		if m.payload == "pubrec" {
			sub.send(ack(0x50, got.id))
			sub.ack(0x62, got.id)
		}
	}
	sub.alive()
	sub.cut()

	sub = open(t, v, p)
	want := map[string]bool{
		again(0x3A, sent["no puback"].id): true,
		again(0x3C, sent["no pubrec"].id): true,
		again(0x62, sent["pubrec"].id):    true,
	}
	for range 3 {
		r := sub.next()
		var got string
		if r.first>>4 == 3 {
			got = again(r.first, sub.parse(r).id)
		} else {
			id, _ := r.ack(t)
			got = again(r.first, id)
		}
		if !want[got] {
			t.Errorf("got %v; of what is under way %v is missing", r, want)
		}
		delete(want, got)
	}
	sub.quiet()
}

// again names a packet by its first byte and identifier.
func again(first byte, id int) string { return fmt.Sprintf("%02x id %d", first, id) }

func sendsAgainInOrder(t *testing.T, v version) {
	for qos := 1; qos <= 2; qos++ {
		p, topic := connect{id: name(t, fmt.Sprint("id", qos)), keep: true}, name(t, fmt.Sprint(qos))
		sub, pub := open(t, v, p), open(t, v, connect{})
		sub.subscribe(topic, 2)
		for i := range 12 {
			pub.put(topic, qos, fmt.Sprint(i))
		}
		var sent []message
		for range 12 {
			sent = append(sent, sub.message())
		}
		// The second is done before, so that its identifier is free again.
		sub.acknowledge(sent[1])
		pub.put(topic, qos, "12")
		sent = append(sent, sub.message())
		sub.cut()
		sub = open(t, v, p)
		for i, m := range sent {
			if i != 1 {
				sub.again(m)
			}
		}
	}
}

// pubrelInOrder sends PUBRECs in another order than the messages came.
func pubrelInOrder(t *testing.T, v version) {
	p, topic := connect{id: name(t, "id"), keep: true}, name(t, "t")
	sub, pub := open(t, v, p), open(t, v, connect{})
	sub.subscribe(topic, 2)
	var ids []int
	for range 5 {
		pub.put(topic, 2, "x")
		ids = append(ids, sub.message().id)
	}
	for _, i := range []int{3, 0, 4, 1, 2} {
		sub.send(ack(0x50, ids[i]))
	}
	for _, i := range []int{3, 0, 4, 1, 2} {
		sub.ack(0x62, ids[i])
	}
}

// notAgainMeanwhile: while the connection is open, nothing is sent again.
func notAgainMeanwhile(t *testing.T, v version) {
	_, sub, pub, m := underWay(t, v, 1)
	sub.quiet()
	pub.put(m.topic, 1, "next")
	if got := sub.message(); got.payload != "next" || got.dup {
		t.Errorf("got %v, want the next message", got)
	}
	sub.send(v.subscribe(9, nil, m.topic, 2))
	sub.want(0x90)
	sub.quiet()
}

func refusedIsDone(t *testing.T, v version) {
	p, topic := connect{id: name(t, "id"), keep: true}, name(t, "t")
	sub, pub := open(t, v, p), open(t, v, connect{})
	sub.subscribe(topic, 2)
	for qos := 1; qos <= 2; qos++ {
		pub.put(topic, qos, "x")
		m := sub.message()
		sub.send(ackCode([]int{0, 0x40, 0x50}[qos], m.id, 0x83))
	}
	sub.alive()
	sub.cut()
	sub = open(t, v, p)
	pub.put(topic, 1, "marker")
	if m := sub.wantMessage(topic, "marker"); m.dup {
		t.Errorf("got %v, want DUP 0", m)
	}
}
