package conformance

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

var properties5 = map[string]test{
	"3.3.2-4":  passedOn(propPayloadFormat, []byte{1}, "\x01"),
	"3.3.2-5":  expiredIsDropped,
	"3.3.2-6":  expiryCountsDown,
	"3.3.2-7":  aliasEndsWithConnection,
	"3.3.2-8":  aliasZero,
	"3.3.2-9":  aliasBeyondServer(65535),
	"3.3.2-11": all(aliasesWithin, noAliases),
	"3.3.2-12": everyAlias,
	"3.3.2-13": refusesText(illFormed, inResponse),
	"3.3.2-14": responseWildcards,
	"3.3.2-15": passedOn(propResponseTopic, str("answers/to/\u00e9"), "answers/to/\u00e9"),
	"3.3.2-16": passedOn(propCorrelationData, str("\x00\xFF binary"), "\x00\xFF binary"),
	"3.3.2-17": passedOn(propUserProperty, cat(str("name"), str("")), "name\x00"),
	"3.3.2-18": userPropertyOrder,
	"3.3.2-19": refusesText(illFormed, inContentType),
	"3.3.2-20": passedOn(propContentType, str("text/plain"), "text/plain"),
}

// passedOn publishes with a property, live, to an absent session and retained,
// and wants it back.
func passedOn(id int, wire []byte, want string) test {
	return func(t *testing.T, v version) {
		topic, p := name(t, "t"), connect{id: name(t, "id"), keep: true}
		away(t, v, p.id, topic, 2)
		live, pub := late(t, v, topic, 2), open(t, v, connect{})
		check := func(how string, c *conn) {
			m := c.wantMessage(topic, "x")
			if got := m.props.all(byte(id)); len(got) != 1 || got[0] != want {
				t.Errorf("%s: got %v, want property %02x as %q", how, m, id, want)
			}
		}
		pub.putRaw(0x35, topic, cat(id, wire), "x")
		check("live", live)
		check("absent", open(t, v, p))
		check("retained", late(t, v, topic, 2))
		forget(t, v, topic)
	}
}

func userPropertyOrder(t *testing.T, v version) {
	sub, pub, topic := pair(t, v, 1)
	var props []byte
	var want []string
	for i := range 20 {
		n := strings.Repeat("n", i%3) // the same names again and again, also the empty one
		props = cat(props, userProperty(n, string(rune('z'-i))))
		want = append(want, n+"\x00"+string(rune('z'-i)))
	}
	pub.putRaw(0x32, topic, props, "x")
	if got := sub.wantMessage(topic, "x").props.all(propUserProperty); !slices.Equal(got, want) {
		t.Errorf("got the user properties %q, want %q", got, want)
	}
}

func expiredIsDropped(t *testing.T, v version) {
	topic, kept := name(t, "t"), name(t, "kept")
	p := connect{id: name(t, "id"), keep: true}
	away(t, v, p.id, topic, 2)
	pub := open(t, v, connect{})
	second := cat(propMessageExpiry, u32(1))
	for _, first := range []int{0x32, 0x34} {
		pub.putRaw(first, topic, second, "expired")
	}
	pub.putRaw(0x33, kept, second, "expired")
	pub.put(topic, 1, "kept")
	pass(2200 * time.Millisecond)
	sub := open(t, v, p)
	sub.wantMessage(topic, "kept")
	sub.subscribe(kept, 1)
	sub.quiet() // the retained one is gone too
	forget(t, v, kept)
}

func expiryCountsDown(t *testing.T, v version) {
	topic := name(t, "t")
	p := connect{id: name(t, "id"), keep: true}
	away(t, v, p.id, topic, 1)
	live, pub := late(t, v, topic, 1), open(t, v, connect{})
	pub.putRaw(0x32, topic, cat(propMessageExpiry, u32(100)), "x")
	if got := live.wantMessage(topic, "x").props.num(propMessageExpiry, -1); got < 99 || got > 100 {
		t.Errorf("sent on at once, the expiry is %d, want 100", got)
	}
	at := time.Now()
	pass(2100 * time.Millisecond)
	got := open(t, v, p).wantMessage(topic, "x").props.num(propMessageExpiry, -1)
	waited := int(time.Since(at).Seconds())
	if got > 98 || got < 98-waited {
		t.Errorf("after %d s the expiry is %d, want %d", waited, got, 100-waited)
	}
}

func aliasEndsWithConnection(t *testing.T, v version) {
	sub, _, topic := pair(t, v, 1)
	p := connect{id: name(t, "id"), keep: true}
	pub := open(t, v, p)
	if pub.limits().num(propTopicAliasMaximum, 0) == 0 {
		t.Skip("the target takes no aliases")
	}
	alias := cat(propTopicAlias, u16(1))
	pub.putRaw(0x32, topic, alias, "known")
	pub.putRaw(0x32, "", alias, "by alias")
	sub.wantMessage(topic, "known")
	sub.wantMessage(topic, "by alias")
	pub.bye()
	pub = open(t, v, p) // the same session
	pub.send(v.publish(0x32, "", 1, alias, "by alias"))
	pub.declined(0x82, 0x94)
}

func aliasZero(t *testing.T, v version) {
	c := open(t, v, connect{})
	c.send(v.publish(0x30, name(t), 0, cat(propTopicAlias, u16(0)), "x"))
	c.dropped(0x94, 0x82, 0x81)
}

func everyAlias(t *testing.T, v version) {
	sub, pub := late(t, v, name(t, "+"), 0), open(t, v, connect{})
	most := pub.limits().num(propTopicAliasMaximum, 0)
	if most == 0 {
		t.Skip("the target takes no aliases")
	}
	aliases := []int{1, most, (most + 1) / 2} // all of them, or some of very many
	if most <= 1000 {
		aliases = nil
		for a := 1; a <= most; a++ {
			aliases = append(aliases, a)
		}
	}
	topics := map[int]string{}
	for _, round := range []string{"set", "", "again", ""} { // "" uses what was set
		for _, a := range aliases {
			topic := ""
			if round != "" {
				topic = name(t, fmt.Sprint(round, a))
				topics[a] = topic
			}
			pub.send(v.publish(0x30, topic, 0, cat(propTopicAlias, u16(a)), "x"))
			sub.wantMessage(topics[a], "x")
		}
	}
}

func responseWildcards(t *testing.T, v version) {
	try(t, map[string]string{"hash": "#", "last hash": "a/#", "plus": "a/+/b"}, func(t *testing.T, topic string) {
		for qos := range 2 {
			c := open(t, v, connect{})
			c.send(v.publish(0x30|qos<<1, name(t), 1, cat(propResponseTopic, str(topic)), "x"))
			c.declined(0x82, 0x81, 0x90)
		}
	})
}
