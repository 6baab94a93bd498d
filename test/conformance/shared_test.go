package conformance

import (
	"fmt"
	"testing"
)

var shared5 = map[string]test{
	"4.8.2-1": all(sharedFilters("$share//t", "$share/", "$share//"), sharesOut),
	"4.8.2-2": sharedFilters("$share/g", "$share/g/", "$share/g+/t", "$share/g#/t", "$share/+/t", "$share/#"),
	"4.8.2-3": sharedQoS,
	"4.8.2-4": sharedCompletes,
	"4.8.2-5": sharedEndsWithSession,
	"4.8.2-6": sharedRefused,
}

func sharedFilters(wrong ...string) test {
	return func(t *testing.T, v version) {
		for _, filter := range wrong {
			refusedFilter(t, v, filter)
		}
	}
}

// sharesOut: of two members, one gets each message; a subscriber of its own gets all.
func sharesOut(t *testing.T, v version) {
	const messages = 20
	topic := name(t)
	a, b := late(t, v, "$share/g/"+topic, 1), late(t, v, "$share/g/"+topic, 1)
	own, pub := late(t, v, topic, 1), open(t, v, connect{})
	for i := range messages {
		pub.put(topic, 1, fmt.Sprint(i))
		own.wantMessage(topic, fmt.Sprint(i))
	}
	got := map[string]int{}
	for _, c := range []*conn{a, b} {
		for _, p := range c.collect() {
			m := c.parse(p)
			got[m.payload]++
			c.acknowledge(m)
		}
	}
	for i := range messages {
		if n := got[fmt.Sprint(i)]; n != 1 {
			t.Errorf("message %d came %d times in the group, want once", i, n)
		}
	}
}

func sharedQoS(t *testing.T, v version) {
	topic, pub := name(t), open(t, v, connect{})
	for qos := range 3 {
		member := late(t, v, fmt.Sprintf("$share/g%d/%s", qos, topic), qos)
		for sent := range 3 {
			pub.put(topic, sent, "x")
			if m := member.wantMessage(topic, "x"); m.qos != min(qos, sent) {
				t.Errorf("granted QoS %d, sent %d: got %v", qos, sent, m)
			}
		}
	}
}

// group is two members, of which the first has an unacknowledged message.
func group(t *testing.T, v version, p connect, qos int) (first, second *conn, m message) {
	t.Helper()
	filter, topic := "$share/g/"+name(t, "t"), name(t, "t")
	first, pub := open(t, v, p), open(t, v, connect{})
	first.subscribe(filter, 2)
	pub.put(topic, qos, "x")
	m = first.message()
	second = late(t, v, filter, 2)
	return first, second, m
}

func sharedCompletes(t *testing.T, v version) {
	p := connect{id: name(t, "id"), keep: true}
	first, second, m := group(t, v, p, 2)
	first.cut()
	second.quiet()
	first = open(t, v, p)
	first.again(m)
	first.acknowledge(m)
	second.alive()
}

func sharedEndsWithSession(t *testing.T, v version) {
	first, second, _ := group(t, v, connect{}, 2)
	first.bye()
	second.quiet()
}

func sharedRefused(t *testing.T, v version) {
	for qos := 1; qos <= 2; qos++ {
		t.Run(fmt.Sprint(qos), func(t *testing.T) {
			first, second, m := group(t, v, connect{}, qos)
			first.send(ackCode([]int{0, 0x40, 0x50}[qos], m.id, 0x83))
			second.quiet()
			first.alive()
			first.bye()
			second.quiet()
		})
	}
}
