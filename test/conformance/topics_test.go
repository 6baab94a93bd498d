package conformance

import (
	"strings"
	"testing"
)

var topics5 = map[string]test{
	"4.7.0-1":  all(wildcardsGranted, wildcardsInTopic),
	"4.7.1-1":  multiLevel,
	"4.7.1-2":  singleLevel,
	"4.7.2-1":  dollarTopics,
	"4.7.3-1":  emptyTopics,
	"4.7.3-2":  refusesText(withNUL, inTopic, inSubscribe, inUnsubscribe),
	"4.7.3-3":  longestTopic,
	"4.7.3-4":  asWritten,
	"4.13.1-1": errorsClose,
	"4.13.2-1": closesWithCode,
}

var topics3 = map[string]test{
	"4.7.1-1": all(wildcardsGranted, wildcardsInTopic),
	"4.7.1-2": multiLevel,
	"4.7.1-3": singleLevel,
	"4.7.2-1": dollarTopics,
	"4.7.3-1": emptyTopics,
	"4.7.3-2": refusesText(withNUL, inTopic, inSubscribe, inUnsubscribe),
	"4.7.3-3": longestTopic,
	"4.7.3-4": asWritten,
	"4.8.0-1": errorsClose,
	"4.8.0-2": packetBeyondServer,
}

// refusedFilter wants a filter turned down: in its SUBACK, or by the end of
// the connection.
func refusedFilter(t *testing.T, v version, filter string) {
	t.Helper()
	c := open(t, v, connect{})
	c.send(v.subscribe(1, nil, filter, 1))
	p, err := c.read(soon)
	switch {
	case isTimeout(err):
		t.Errorf("SUBSCRIBE %q: no answer", filter)
	case err != nil:
	case p.first == 0xE0 && v == v5:
		c.wantOwnCodes(p)
		c.closed()
	case p.first != 0x90 || p.body[len(p.body)-1] < 0x80:
		t.Errorf("SUBSCRIBE %q was answered %v, want it refused", filter, p)
	}
}

// matching wants a filter to match exactly the levels marked true, in the order given.
func matching(t *testing.T, v version, filter string, levels []string, match map[string]bool) {
	t.Helper()
	sub, pub := late(t, v, filter, 1), open(t, v, connect{})
	for _, l := range levels {
		pub.put(name(t)+l, 1, l)
	}
	for _, l := range levels {
		if match[l] {
			sub.wantMessage(name(t)+l, l)
		}
	}
	sub.quiet()
}

func multiLevel(t *testing.T, v version) {
	for _, filter := range []string{"a/#/b", "a#", "#/a", "a/b#", "##", "/##", "#+"} {
		refusedFilter(t, v, filter)
	}
	matching(t, v, name(t, "#"), []string{"", "/", "/a", "/a/b/c", "b"},
		map[string]bool{"": true, "/": true, "/a": true, "/a/b/c": true})
}

func singleLevel(t *testing.T, v version) {
	for _, filter := range []string{"a+", "+a", "a/b+/c", "a/+b", "++", "+/++"} {
		refusedFilter(t, v, filter)
	}
	levels := []string{"", "/", "/a", "/a/", "/a/b", "/a/c/b", "/x/y"}
	matching(t, v, name(t, "+"), levels, map[string]bool{"/": true, "/a": true})
	t.Run("middle", func(t *testing.T) {
		matching(t, v, name(t, "+", "b"), levels, map[string]bool{"/a/b": true})
	})
	t.Run("first and last", func(t *testing.T) {
		rest := strings.TrimPrefix(name(t), "c"+run)
		matching(t, v, "+"+rest+"/+/+", levels, map[string]bool{"/a/": true, "/a/b": true, "/x/y": true})
	})
}

func dollarTopics(t *testing.T, v version) {
	pub, tail := open(t, v, connect{}), strings.TrimPrefix(name(t), "c")
	everything, plus, exact := late(t, v, "#", 0), late(t, v, "+/"+tail, 1), late(t, v, "$c/"+tail, 1)
	pub.put("$c/"+tail, 1, "hidden")
	pub.put("c/"+tail, 1, "marker")
	plus.wantMessage("c/"+tail, "marker")
	for {
		m := everything.get() // among what the other tests send
		if strings.HasPrefix(m.topic, "$") {
			t.Errorf("# matched %q", m.topic)
		}
		if m.topic == "c/"+tail {
			break
		}
	}
	everything.bye()
	// The server may keep such topics to itself; if it passes them on, then to
	// those who name the $.
	for _, p := range exact.collect() {
		if m := exact.parse(p); m.topic != "$c/"+tail {
			t.Errorf("got %v, want topic %q", m, "$c/"+tail)
		}
	}
}

func emptyTopics(t *testing.T, v version) {
	refusedFilter(t, v, "")
	for qos := range 3 {
		c := open(t, v, connect{})
		c.send(v.publish(0x30|qos<<1, "", 1, nil, "x"))
		c.declined(0x82, 0x81, 0x90)
	}
	c := open(t, v, connect{})
	c.subscribe("/", 1) // two empty levels, but one character
	c.send(v.publish(0x30, "/", 0, nil, "x"))
	for m := c.get(); m.topic != "/"; m = c.get() {
	}
}

// longestTopic: two bytes of length say no more than 65,535; that much works.
func longestTopic(t *testing.T, v version) {
	topic := name(t) + strings.Repeat("x", 65535-len(name(t)))
	sub, pub := late(t, v, topic, 1), open(t, v, connect{})
	pub.put(topic[:65534], 1, "one shorter")
	pub.put(topic, 1, "x")
	sub.wantMessage(topic, "x")
}

func asWritten(t *testing.T, v version) {
	alike := []string{"/\u00e9", "/e\u0301", "/\u00c9", "/x", "/X", "//x", "/x/", "/ x", "/x ", "/\u200bx", "/\ufffdx"}
	for _, level := range alike {
		sub, pub := late(t, v, name(t)+level, 1), open(t, v, connect{})
		for _, other := range alike {
			pub.put(name(t)+other, 1, other)
		}
		sub.wantMessage(name(t)+level, level)
		sub.alive() // alone
	}
}

// errorsClose is a list of what no connection survives.
func errorsClose(t *testing.T, v version) {
	for _, p := range [][]byte{
		packet(0x36, str("a"), u16(1), v.props(), "x"), // QoS 3
		packet(0x82, u16(1), v.props()),                // SUBSCRIBE without filters
		packet(0xA2, u16(1), v.props()),                // UNSUBSCRIBE without filters
		packet(0x30, u16(9), "short"),                  // topic beyond the packet
		packet(0x40, 0),                                // half an identifier
		{0x20, 0x02, 0x00, 0x00},                       // a server's packet
		{0x00, 0x00},                                   // no type
	} {
		c := open(t, v, connect{})
		c.send(p)
		c.dropped(0x81, 0x82)
	}
}

func closesWithCode(t *testing.T, v version) {
	c := open(t, v, connect{})
	c.send(packet(0x82, u16(1), 0), pingreq)
	c.dropped(0x82, 0x81) // wants the end behind the DISCONNECT
	c = dial(t, v)
	c.send(unknownMethod(name(t)).encode(v), pingreq)
	c.refused(0x8C, 0x87)
}
