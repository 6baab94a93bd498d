package conformance

import (
	"fmt"
	"testing"
)

var publish5 = map[string]test{
	"3.3.1-1":  dupWhenSentAgain,
	"3.3.1-2":  qos0WithoutDup,
	"3.3.1-3":  dupNotHandedOn,
	"3.3.1-4":  qos3,
	"3.3.1-5":  retainReplaces,
	"3.3.1-6":  emptyRemoves,
	"3.3.1-7":  emptyNotRetained,
	"3.3.1-8":  plainLeavesRetained,
	"3.3.1-9":  retainedEveryTime,
	"3.3.1-10": retainedOnlyWhenNew,
	"3.3.1-11": retainedNever,
	"3.3.1-12": liveRetainCleared,
	"3.3.1-13": liveRetainKept,
	"3.3.2-1":  all(refusesText(illFormed, inTopic), topicMissing),
	"3.3.2-2":  wildcardsInTopic,
	"3.3.2-3":  topicMatchesFilter,
	"3.3.4-1":  answersByQoS,
	"3.3.4-2":  overlapHighestQoS,
	"3.3.4-3":  overlapIdentifiers,
	"3.3.4-4":  overlapIdentifiers,
	"3.3.4-5":  overlapIdentifiers,
	"3.3.4-6":  identifierFromClient,
}

var publish3 = map[string]test{
	"3.3.1-1":  dupWhenSentAgain,
	"3.3.1-2":  qos0WithoutDup,
	"3.3.1-3":  dupNotHandedOn,
	"3.3.1-4":  qos3,
	"3.3.1-5":  retainReplaces,
	"3.3.1-6":  retainedOfEachTopic,
	"3.3.1-7":  qos0ReplacesRetained,
	"3.3.1-8":  retainFlagWhenNew,
	"3.3.1-9":  liveRetainCleared,
	"3.3.1-10": emptyRemoves,
	"3.3.1-11": emptyNotRetained,
	"3.3.1-12": plainLeavesRetained,
	"3.3.2-1":  all(refusesText(illFormed, inTopic), topicMissing),
	"3.3.2-2":  wildcardsInTopic,
	"3.3.2-3":  topicMatchesFilter,
	"3.3.4-1":  answersByQoS,
	"3.3.5-1":  overlapHighestQoS,
	"3.3.5-2":  forbiddenPublish,
	"3.6.1-1":  refusesFlagsOf(0x62),
}

func dupWhenSentAgain(t *testing.T, v version) {
	p, topic := connect{id: name(t, "id"), keep: true}, name(t, "t")
	sub, pub := open(t, v, p), open(t, v, connect{})
	sub.subscribe(topic, 2)
	for qos := 1; qos <= 2; qos++ {
		pub.put(topic, qos, "x")
		if m := sub.message(); m.dup {
			t.Errorf("got %v at first, want DUP 0", m)
		}
	}
	sub.cut()
	sub = open(t, v, p)
	for range 2 {
		if m := sub.get(); !m.dup {
			t.Errorf("got %v again, want DUP 1", m)
		}
	}
}

func qos0WithoutDup(t *testing.T, v version) {
	sub, pub, topic := pair(t, v, 0)
	for qos := range 3 {
		pub.putRaw(0x30|qos<<1, topic, nil, "x")
		if m := sub.wantMessage(topic, "x"); m.dup || m.qos != 0 {
			t.Errorf("got %v, want QoS 0 and DUP 0", m)
		}
	}
	pub.send(v.publish(0x38, topic, 0, nil, "x"))
	pub.dropped(0x81, 0x82)
}

func dupNotHandedOn(t *testing.T, v version) {
	sub, pub, topic := pair(t, v, 2)
	for _, first := range []int{0x3A, 0x3C} {
		pub.putRaw(first, topic, nil, "x")
		if m := sub.wantMessage(topic, "x"); m.dup {
			t.Errorf("published with DUP 1, got %v, want DUP 0", m)
		}
	}
}

func qos3(t *testing.T, v version) {
	c := open(t, v, connect{})
	c.send(packet(0x36, str(name(t)), u16(1), v.props(), "x"))
	c.dropped(0x81, 0x82)
}

// topicMissing sends PUBLISHs that end within the topic or begin with
// something else.
func topicMissing(t *testing.T, v version) {
	try(t, map[string][]byte{
		"nothing":       packet(0x30),
		"half a length": packet(0x30, 0),
		"cut short":     packet(0x30, u16(5), "abc"),
		"payload first": packet(0x30, "payload", str("t")),
	}, func(t *testing.T, p []byte) {
		c := open(t, v, connect{})
		c.send(p)
		c.dropped(0x81, 0x82)
	})
}

func wildcardsInTopic(t *testing.T, v version) {
	for _, topic := range []string{"#", "+", name(t, "#"), name(t, "+", "x"), name(t, "a+b"), name(t, "a#")} {
		for qos := range 2 {
			c := open(t, v, connect{})
			c.send(v.publish(0x30|qos<<1, topic, 1, nil, "x"))
			c.declined(0x90, 0x81, 0x82)
		}
	}
}

// declined wants a PUBLISH turned down: with 0x80 or more in its PUBACK or
// PUBREC (MQTT 5), or by the end of the connection.
func (c *conn) declined(codes ...byte) {
	c.t.Helper()
	p, err := c.read(soon)
	switch {
	case isTimeout(err):
		c.t.Fatalf("no answer after %v, want the message declined", soon)
	case err != nil:
		return
	case c.v == v5 && (p.first == 0x40 || p.first == 0x50):
		if _, code := p.ack(c.t); code < 0x80 {
			c.t.Fatalf("got %v, want the message declined", p)
		}
	default:
		c.early = append(c.early, p)
		c.dropped(codes...)
	}
}

func topicMatchesFilter(t *testing.T, v version) {
	sub, pub := open(t, v, connect{}), open(t, v, connect{})
	sub.subscribe(name(t, "+", "x"), 1)
	for _, level := range []string{"a", "", "b/c"} {
		pub.put(name(t, level, "x"), 1, level)
	}
	pub.put(name(t, "a", "y"), 1, "no")
	pub.put(name(t, "end", "x"), 1, "end")
	for _, level := range []string{"a", "", "end"} {
		sub.wantMessage(name(t, level, "x"), level)
	}
}

func answersByQoS(t *testing.T, v version) {
	sub, pub, topic := pair(t, v, 2)
	pub.put(topic, 0, "0") // nothing before its PINGRESP
	pub.put(topic, 1, "1") // PUBACK
	pub.put(topic, 2, "2") // PUBREC, PUBCOMP
	for _, want := range []string{"0", "1", "2"} {
		sub.wantMessage(topic, want)
	}
	pub.alive()
}

// overlapping has three subscriptions that match one message, and gives the
// copies that come.
func overlapping(t *testing.T, v version) []message {
	t.Helper()
	sub, pub := open(t, v, connect{}), open(t, v, connect{})
	topic := name(t, "a", "b")
	for i, filter := range []string{name(t, "a", "#"), name(t, "+", "b"), topic} {
		var id []byte
		if v == v5 {
			id = cat(propSubscriptionID, varint(100*(i+1))) // 100, 200, 300: one and two bytes
		}
		sub.subscribeWith(filter, []int{0, 2, 1}[i], id)
	}
	pub.put(topic, 2, "x")
	pub.put(name(t, "end", "b"), 2, "end") // matches only the second
	var copies []message
	for {
		if m := sub.get(); m.payload == "x" {
			copies = append(copies, m)
		} else if m.payload == "end" {
			return copies
		}
	}
}

func overlapHighestQoS(t *testing.T, v version) {
	best := -1
	for _, m := range overlapping(t, v) {
		best = max(best, m.qos)
	}
	if best != 2 {
		t.Errorf("the copies have at most QoS %d, want 2", best)
	}
}

// overlapIdentifiers takes both ways: one copy with all identifiers, or a copy
// for each subscription with its own.
func overlapIdentifiers(t *testing.T, v version) {
	copies := overlapping(t, v)
	got := map[string]int{}
	for _, m := range copies {
		ids := m.props.all(propSubscriptionID)
		if len(copies) > 1 && len(ids) != 1 {
			t.Errorf("got %v as one of %d copies, want one identifier", m, len(copies))
		}
		for _, id := range ids {
			got[id]++
		}
	}
	for i := 1; i <= 3; i++ {
		if got[string(varint(100*i))] != 1 {
			t.Errorf("identifier %d came %d times in %v, want once", 100*i, got[string(varint(100*i))], copies)
		}
	}
}

func identifierFromClient(t *testing.T, v version) {
	c := open(t, v, connect{})
	c.send(v.publish(0x30, name(t), 0, cat(propSubscriptionID, 1), "x"))
	c.dropped(0x82, 0x81)
}

// forbiddenPublish uses the server's own topics, which are no client's to write.
func forbiddenPublish(t *testing.T, v version) {
	for _, topic := range []string{"$SYS/broker/uptime", "$SYS/" + name(t)} {
		c := open(t, v, connect{})
		c.send(v.publish(0x32, topic, 5, nil, "x"))
		p, err := c.read(soon)
		if isTimeout(err) || err == nil && fmt.Sprintf("%x%x", p.first, p.body) != "400005" {
			t.Errorf("PUBLISH to %s: got %v %v, want a PUBACK or the connection closed", topic, p, err)
		}
	}
}
