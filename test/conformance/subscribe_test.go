package conformance

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
)

var subscribe5 = map[string]test{
	"3.8.1-1":  refusesFlagsOf(0x82),
	"3.8.3-1":  refusesText(illFormed, inSubscribe),
	"3.8.3-2":  noFilters(0x82),
	"3.8.3-3":  noLocalMessages,
	"3.8.3-4":  noLocalShared,
	"3.8.3-5":  reservedOptions,
	"3.8.4-1":  getsSuback,
	"3.8.4-2":  subacksRepeatID,
	"3.8.4-3":  replaces,
	"3.8.4-4":  replacesWithoutLoss,
	"3.8.4-5":  severalFilters,
	"3.8.4-6":  codeForEachFilter,
	"3.8.4-7":  grantedOrFailure,
	"3.8.4-8":  lowerQoS,
	"3.9.3-1":  subackOrder,
	"3.10.1-1": refusesFlagsOf(0xA2),
	"3.10.3-1": refusesText(illFormed, inUnsubscribe),
	"3.10.3-2": noFilters(0xA2),
	"3.10.4-1": comparesFilters,
	"3.10.4-2": stopsDelivery,
	"3.10.4-3": completesDelivery,
	"3.10.4-4": getsUnsuback,
	"3.10.4-5": getsUnsubackForNothing,
	"3.10.4-6": unsubscribesSeveral,
	"3.11.3-1": unsubackOrder,
}

var subscribe3 = map[string]test{
	"3.8.1-1":  refusesFlagsOf(0x82),
	"3.8.3-1":  refusesText(illFormed, inSubscribe),
	"3.8.3-2":  wildcardsGranted,
	"3.8.3-3":  noFilters(0x82),
	"3.8.3-4":  reservedOptions,
	"3.8.4-1":  getsSuback,
	"3.8.4-2":  subacksRepeatID,
	"3.8.4-3":  all(replaces, replacesWithoutLoss),
	"3.8.4-4":  severalFilters,
	"3.8.4-5":  all(codeForEachFilter, grantedOrFailure),
	"3.8.4-6":  lowerQoS,
	"3.9.3-1":  subackOrder,
	"3.9.3-2":  grantedOrFailure,
	"3.10.1-1": refusesFlagsOf(0xA2),
	"3.10.3-1": refusesText(illFormed, inUnsubscribe),
	"3.10.3-2": noFilters(0xA2),
	"3.10.4-1": comparesFilters,
	"3.10.4-2": stopsDelivery,
	"3.10.4-3": completesDelivery,
	"3.10.4-4": all(getsUnsuback, subacksRepeatID),
	"3.10.4-5": getsUnsubackForNothing,
	"3.10.4-6": unsubscribesSeveral,
}

func noFilters(first int) test {
	return func(t *testing.T, v version) {
		c := open(t, v, connect{})
		c.send(packet(first, u16(1), v.props()))
		c.dropped(0x82, 0x81)
	}
}

func noLocalMessages(t *testing.T, v version) {
	c, other, topic := open(t, v, connect{}), open(t, v, connect{}), name(t)
	c.subscribe(topic, 1|noLocal)
	c.put(topic, 1, "own")
	c.put(topic, 0, "own")
	other.put(topic, 1, "other's")
	c.wantMessage(topic, "other's")
	c.subscribe(topic, 1) // without No Local
	c.send(v.publish(0x30, topic, 0, nil, "own"))
	c.wantMessage(topic, "own")
}

func noLocalShared(t *testing.T, v version) {
	c := open(t, v, connect{})
	c.send(v.subscribe(1, nil, "$share/g/"+name(t), 1|noLocal))
	c.dropped(0x82)
}

func reservedOptions(t *testing.T, v version) {
	cases := map[string]int{"bit 6": 0x41, "bit 7": 0x81, "QoS 3": 0x03}
	if v == v3 {
		for bit := 2; bit < 6; bit++ {
			cases[fmt.Sprint("bit ", bit)] = 1<<bit | 1
		}
	} else {
		cases["retain handling 3"] = 0x31
	}
	try(t, cases, func(t *testing.T, options int) {
		c := open(t, v, connect{})
		c.send(v.subscribe(1, nil, name(t), options))
		c.dropped(0x81, 0x82)
	})
}

func getsSuback(t *testing.T, v version) {
	c := open(t, v, connect{})
	for id := 1; id <= 3; id++ {
		c.send(v.subscribe(id, nil, name(t), 0))
		c.suback(id)
	}
	c.alive() // one for each
}

func replaces(t *testing.T, v version) {
	sub, pub, topic := pair(t, v, 2)
	sub.subscribe(topic, 0)
	pub.put(topic, 2, "x")
	if m := sub.wantMessage(topic, "x"); m.qos != 0 {
		t.Errorf("got %v, want QoS 0 as in the new subscription", m)
	}
	pub.put(topic, 2, "y") // and no second copy of x
	sub.wantMessage(topic, "y")
	sub.send(v.unsubscribe(9, topic)) // one subscription, so one UNSUBSCRIBE
	sub.want(0xB0)
	pub.put(topic, 1, "z")
	sub.quiet()
}

// replacesWithoutLoss subscribes again and again while messages come.
func replacesWithoutLoss(t *testing.T, v version) {
	const messages, every = 60, 10
	topic, kept := name(t, "+"), name(t, "kept")
	pub := open(t, v, connect{})
	pub.putRaw(0x33, kept, nil, "kept")
	sub := late(t, v, topic, 1)
	sub.wantMessage(kept, "kept")
	for i := range messages {
		pub.put(name(t, "t"), 1, fmt.Sprint(i))
		if i%every == 0 {
			sub.send(v.subscribe(1000+i, nil, topic, 1))
		}
	}
	live, subacks := map[string]bool{}, 0
	for len(live) < messages || subacks < messages/every {
		p, err := sub.read(soon)
		if err != nil {
			t.Fatalf("%v after %d of %d messages and %d of %d SUBACKs", err, len(live), messages, subacks, messages/every)
		}
		if p.first == 0x90 {
			subacks++
			continue
		}
		m := sub.parse(p)
		sub.acknowledge(m)
		if m.topic != kept {
			live[m.payload] = true
		}
	}
	// SUBSCRIBEs in quick succession may share a copy of the retained message;
	// one that comes later gets its own.
	sub.collect()
	sub.subscribe(topic, 1)
	sub.wantMessage(kept, "kept")
	forget(t, v, kept)
}

func severalFilters(t *testing.T, v version) {
	kept := name(t, "kept")
	pub := open(t, v, connect{})
	pub.putRaw(0x33, kept, nil, "kept")
	sub := open(t, v, connect{})
	sub.send(v.subscribe(7, nil, name(t, "a"), 0, kept, 1, name(t, "b"), 2, name(t, "a"), 2)) // a twice: the last counts
	if p := sub.suback(7); !bytes.Equal(sub.grants(p), []byte{0, 1, 2, 2}) {
		t.Errorf("got %v, want the codes 00 01 02 02", p)
	}
	sub.wantMessage(kept, "kept")
	for _, level := range []string{"a", "b"} {
		pub.put(name(t, level), 2, level)
		if m := sub.wantMessage(name(t, level), level); m.qos != 2 {
			t.Errorf("got %v, want QoS 2", m)
		}
	}
	forget(t, v, kept)
}

// grants are the codes of a SUBACK.
func (c *conn) grants(p reply) []byte {
	c.t.Helper()
	if c.v == v3 {
		return p.body[2:]
	}
	return c.codes(p)
}

func codeForEachFilter(t *testing.T, v version) {
	c := open(t, v, connect{})
	for n := 1; n <= 20; n++ {
		var filters []any
		for i := range n {
			filters = append(filters, name(t, fmt.Sprint(i)), i%3)
		}
		c.send(v.subscribe(n, nil, filters...))
		if got := c.grants(c.suback(n)); len(got) != n {
			t.Errorf("%d filters were answered by % x", n, got)
		}
	}
}

// grantedOrFailure asks for some filters that are wrong; a server may answer
// these with a failure or end the connection.
func grantedOrFailure(t *testing.T, v version) {
	for _, bad := range []string{"", name(t, "#", "x"), name(t, "a+"), name(t, "b#"), "$share/g"} {
		c := open(t, v, connect{})
		c.send(v.subscribe(1, nil, name(t, "a"), 1, bad, 2, name(t, "b"), 2))
		p, err := c.read(soon)
		if err != nil || p.first == 0xE0 {
			continue
		}
		got := c.grants(p)
		failed := []byte{0x80}
		if v == v5 {
			failed = reasonCodes[0x90]
		}
		if len(got) != 3 || got[0] > 1 || got[2] > 2 || got[1] > 2 && !slices.Contains(failed, got[1]) {
			t.Errorf("with filter %q: got %v", bad, p)
		}
	}
}

func lowerQoS(t *testing.T, v version) {
	pub := open(t, v, connect{})
	for granted := range 3 {
		topic := name(t, fmt.Sprint(granted))
		sub := late(t, v, topic, granted)
		for sent := range 3 {
			pub.put(topic, sent, "x")
			if m := sub.wantMessage(topic, "x"); m.qos != min(granted, sent) {
				t.Errorf("sent with QoS %d, granted %d: got %v", sent, granted, m)
			}
		}
	}
}

func subackOrder(t *testing.T, v version) {
	c := open(t, v, connect{})
	want := []byte{2, 0, 1, 1, 0, 2}
	var filters []any
	for i, qos := range want {
		filters = append(filters, name(t, fmt.Sprint(i)), int(qos))
	}
	c.send(v.subscribe(1, nil, filters...))
	if got := c.grants(c.suback(1)); !bytes.Equal(got, want) {
		t.Errorf("got the codes % x, want % x", got, want)
	}
}

func wildcardsGranted(t *testing.T, v version) {
	pub := open(t, v, connect{})
	for _, filter := range []string{name(t, "+"), name(t, "#"), name(t, "+", "#")} {
		sub := late(t, v, filter, 1)
		pub.put(name(t, "x"), 1, "x")
		sub.wantMessage(name(t, "x"), "x")
	}
}
