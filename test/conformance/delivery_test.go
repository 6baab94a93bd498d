package conformance

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// Sections 4.1 to 4.6: session state, the QoS flows, sending again, order.
var delivery5 = map[string]test{
	"4.1.0-1":  stateWhileOpen,
	"4.1.0-2":  stateExpires,
	"4.2.0-1":  streamOfBytes,
	"4.3.1-1":  sendsQoS0,
	"4.3.2-1":  assignsFreeIDs,
	"4.3.2-2":  firstTime(1),
	"4.3.2-3":  unacknowledgedUntilPuback,
	"4.3.2-4":  ownsAndAcks(1),
	"4.3.2-5":  sameIDAfterPuback,
	"4.3.3-1":  assignsFreeIDs,
	"4.3.3-2":  firstTime(2),
	"4.3.3-3":  unacknowledgedUntilPubrec,
	"4.3.3-4":  pubrelForPubrec,
	"4.3.3-5":  unacknowledgedUntilPubcomp,
	"4.3.3-6":  noPublishAfterPubrel,
	"4.3.3-7":  sentDoesNotExpire,
	"4.3.3-8":  ownsAndAcks(2),
	"4.3.3-9":  sameIDAfterFailure,
	"4.3.3-10": repeatedBeforePubrel,
	"4.3.3-11": pubcompForPubrel,
	"4.3.3-12": sameIDAfterPubcomp,
	"4.3.3-13": expiredCompletes,
	"4.4.0-1":  all(sendsAgain, sendsAgainInOrder, notAgainMeanwhile),
	"4.4.0-2":  refusedIsDone,
	"4.5.0-1":  addsToEverySession,
	"4.6.0-5":  inOrder,
	"4.6.0-6":  inOrderThroughWildcards,
}

var delivery3 = map[string]test{
	"4.1.0-1": all(resumes, sendsAgain),
	"4.1.0-2": stateWhileOpen,
	"4.3.1-1": sendsQoS0,
	"4.3.2-1": all(assignsFreeIDs, firstTime(1), unacknowledgedUntilPuback),
	"4.3.2-2": all(ownsAndAcks(1), sameIDAfterPuback),
	"4.3.3-1": all(assignsFreeIDs, firstTime(2), unacknowledgedUntilPubrec, pubrelForPubrec,
		unacknowledgedUntilPubcomp, noPublishAfterPubrel),
	"4.3.3-2": all(ownsAndAcks(2), repeatedBeforePubrel, pubcompForPubrel, sameIDAfterPubcomp),
	"4.4.0-1": all(sendsAgain, resendsWithSameID),
	"4.5.0-1": addsToEverySession,
	"4.6.0-1": sendsAgainInOrder,
	"4.6.0-4": pubrelInOrder,
	"4.6.0-5": inOrderThroughWildcards,
	"4.6.0-6": inOrder,
	"7.0.0-2": answersByQoS,
	"7.1.1-1": streamOfBytes,
}

// stateWhileOpen: an expiry of a second does not count while connected.
func stateWhileOpen(t *testing.T, v version) {
	p := connect{id: name(t, "id"), keep: true}
	if v == v5 {
		p = connect{id: p.id, resume: true, props: cat(propSessionExpiry, u32(1))}
	}
	sub, pub, topic := open(t, v, p), open(t, v, connect{}), name(t, "t")
	sub.subscribe(topic, 1)
	pub.put(topic, 1, "unacknowledged")
	first := sub.message()
	pass(1500 * time.Millisecond)
	pub.put(topic, 1, "later")
	if m := sub.message(); m.payload != "later" {
		t.Errorf("got %v, want the later message", m)
	}
	sub = open(t, v, p) // takes over
	if !sub.sessionPresent() {
		t.Error("the session ended while it was connected")
	}
	if m := sub.get(); m.payload != "unacknowledged" || m.id != first.id {
		t.Errorf("got %v, want %v again", m, first)
	}
}

func stateExpires(t *testing.T, v version) {
	p := connect{id: name(t, "id"), resume: true, props: cat(propSessionExpiry, u32(1))}
	sub, topic := open(t, v, p), name(t, "t")
	sub.subscribe(topic, 1)
	sub.bye()
	none := connect{id: name(t, "none"), resume: true}
	open(t, v, none).bye()
	if open(t, v, none).sessionPresent() {
		t.Error("a session without expiry is there after its connection")
	}
	pass(2500 * time.Millisecond)
	sub = open(t, v, p)
	if sub.sessionPresent() {
		t.Error("the session is there after its expiry")
	}
	open(t, v, connect{}).put(topic, 1, "x")
	sub.quiet()
}

// streamOfBytes sends one byte at a time, and then much at once.
func streamOfBytes(t *testing.T, v version) {
	topic := name(t)
	c := dial(t, v)
	for _, b := range cat(connect{id: topic}.encode(v), v.subscribe(1, nil, topic, 0)) {
		c.send([]byte{b})
	}
	c.accepted()
	c.suback(1)
	large := strings.Repeat("0123456789abcdef", 4096)
	var all []byte
	for i := range 10 {
		all = cat(all, v.publish(0x30, topic, 0, nil, fmt.Sprint(i, large)))
	}
	c.send(all)
	for i := range 10 {
		c.wantMessage(topic, fmt.Sprint(i, large))
	}
}

func sendsQoS0(t *testing.T, v version) {
	sub, pub, topic := pair(t, v, 2)
	pub.put(topic, 0, "x")
	sub.exactly(packet(0x30, str(topic), v.props(), "x"))
	sub.quiet()
}

// addsToEverySession: connected, absent, with several filters, and no other.
func addsToEverySession(t *testing.T, v version) {
	topic := name(t, "a", "b")
	absent := connect{id: name(t, "absent"), keep: true}
	away(t, v, absent.id, name(t, "a", "+"), 1)
	live := late(t, v, topic, 1)
	hash := late(t, v, name(t, "#"), 0)
	not := late(t, v, name(t, "a"), 1)
	open(t, v, connect{}).put(topic, 1, "x")
	for _, c := range []*conn{live, hash, open(t, v, absent)} {
		c.wantMessage(topic, "x")
	}
	not.quiet()
}

func inOrder(t *testing.T, v version) {
	for qos := range 3 {
		topic := name(t, fmt.Sprint(qos))
		sub, pub := late(t, v, topic, qos), open(t, v, connect{})
		ordered(t, sub, pub, qos, func(int) string { return topic })
	}
}

func inOrderThroughWildcards(t *testing.T, v version) {
	sub, pub := late(t, v, name(t, "#"), 1), open(t, v, connect{})
	ordered(t, sub, pub, 1, func(i int) string { return name(t, fmt.Sprint(i%2)) })
}

// ordered publishes a hundred messages, many at once, and wants those of each
// topic in order.
func ordered(t *testing.T, sub, pub *conn, qos int, topic func(int) string) {
	t.Helper()
	const messages, atOnce = 100, 10
	for i := 0; i < messages; i += atOnce {
		for j := i; j < i+atOnce; j++ {
			pub.send(pub.v.publish(0x30|qos<<1, topic(j), j+1, nil, fmt.Sprintf("%04d", j)))
		}
		for j := i; j < i+atOnce && qos > 0; j++ {
			pub.ack([]byte{0, 0x40, 0x50}[qos], j+1)
		}
		for j := i; j < i+atOnce && qos == 2; j++ {
			pub.send(ack(0x62, j+1))
			pub.ack(0x70, j+1)
		}
	}
	last := map[string]string{}
	for range messages {
		m := sub.next()
		for m.first>>4 == 6 { // answers of QoS 2 between
			id, _ := m.ack(t)
			sub.send(ack(0x70, id))
			m = sub.next()
		}
		got := sub.parse(m)
		if got.payload <= last[got.topic] {
			t.Fatalf("on %s got %s after %s", got.topic, got.payload, last[got.topic])
		}
		last[got.topic] = got.payload
		if got.qos > 0 {
			sub.send(ack([]int{0, 0x40, 0x50}[got.qos], got.id))
		}
	}
}
