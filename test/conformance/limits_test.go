package conformance

import (
	"strings"
	"testing"
)

func maximumPacketSize(t *testing.T, v version) {
	const most = 200
	topic := name(t)
	sub := open(t, v, connect{props: cat(propMaximumPacketSize, u32(most))})
	sub.subscribe(topic, 1)
	pub := open(t, v, connect{})
	fits := strings.Repeat("f", most-1-2-len(str(topic))-2-1) // first byte, length, topic, identifier, properties
	if n := len(v.publish(0x32, topic, 1, nil, fits)); n != most {
		t.Fatalf("the packet that fits has %d bytes, want %d", n, most)
	}
	for _, payload := range []string{fits + "f", strings.Repeat("x", 5000), fits, "small"} {
		pub.put(topic, 1, payload)
	}
	for _, want := range []string{fits, "small"} {
		m := sub.wantMessage(topic, want)
		if m.raw.size > most {
			t.Errorf("got a packet of %d bytes, want at most %d", m.raw.size, most)
		}
	}
}

func tooLargeCountsAsDelivered(t *testing.T, v version) {
	topic := name(t, "t")
	p := connect{id: name(t, "id"), keep: true,
		props: cat(propMaximumPacketSize, u32(300), propReceiveMaximum, u16(1))}
	sub, pub := open(t, v, p), open(t, v, connect{})
	sub.subscribe(topic, 2)
	for qos := range 3 {
		pub.put(topic, qos, strings.Repeat("x", 500))
	}
	pub.put(topic, 2, "small") // the large ones took no place in the window of one
	sub.wantMessage(topic, "small")
	sub.bye()

	p.props = nil
	sub = open(t, v, p) // and are not brought later
	pub.put(topic, 1, "marker")
	sub.wantMessage(topic, "marker")
}

// aliased subscribes to four topics with a Topic Alias Maximum, and gives the
// aliases of the messages that came. It wants every message to name its topic.
func aliased(t *testing.T, v version, maximum []byte) []int {
	t.Helper()
	sub, pub := open(t, v, connect{props: maximum}), open(t, v, connect{})
	sub.subscribe(name(t, "+"), 1)
	known, used := map[int]string{}, []int(nil)
	for range 3 {
		for _, level := range []string{"a", "b", "c", "d"} {
			pub.put(name(t, level), 1, level)
			m := sub.get()
			topic := m.topic
			if alias := m.props.num(propTopicAlias, -1); alias >= 0 {
				used = append(used, alias)
				if topic == "" {
					topic = known[alias]
				}
				known[alias] = topic
			}
			if topic != name(t, level) || m.payload != level {
				t.Errorf("got %v, want topic %q", m, name(t, level))
			}
		}
	}
	return used
}

func aliasesWithin(t *testing.T, v version) {
	for _, alias := range aliased(t, v, cat(propTopicAliasMaximum, u16(2))) {
		if alias < 1 || alias > 2 {
			t.Errorf("got the alias %d, want 1 or 2", alias)
		}
	}
}

func noAliases(t *testing.T, v version) {
	if used := aliased(t, v, nil); len(used) > 0 {
		t.Errorf("got the aliases %v without a maximum", used)
	}
	if used := aliased(t, v, cat(propTopicAliasMaximum, u16(0))); len(used) > 0 {
		t.Errorf("got the aliases %v with a maximum of 0", used)
	}
}

func noResponseInformation(t *testing.T, v version) {
	for _, props := range [][]byte{nil, {propRequestResponseInfo, 0}} {
		c := open(t, v, connect{props: props})
		if info, ok := c.limits().get(propResponseInfo); ok {
			t.Errorf("got the response information %q, which was not asked for", info)
		}
	}
}

func noProblemInformation(t *testing.T, v version) {
	for kind := range provoked {
		c := open(t, v, connect{props: cat(propRequestProblemInfo, 0)})
		p := c.provoke(kind)
		for _, prop := range c.properties(p, propertiesAt(p)) {
			if prop.id == propReasonString || prop.id == propUserProperty {
				t.Errorf("got %v with the property %02x, want no information about problems", p, prop.id)
			}
		}
	}
}
