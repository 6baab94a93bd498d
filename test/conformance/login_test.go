package conformance

import "testing"

func userWithoutFlag(t *testing.T, v version) {
	c := dial(t, v)
	c.send(v.rawConnect(0x02, str(name(t)), str("user")))
	c.dropped(0x81, 0x82)
}

func flagWithoutUser(t *testing.T, v version) {
	c := dial(t, v)
	c.send(v.rawConnect(0x82, str(name(t))))
	c.dropped(0x81, 0x82)

	user := "user"
	open(t, v, connect{user: &user}).alive()
}

func passwordWithoutFlag(t *testing.T, v version) {
	c := dial(t, v)
	c.send(v.rawConnect(0x82, str(name(t)), str("user"), str("password")))
	c.dropped(0x81, 0x82)
}

func flagWithoutPassword(t *testing.T, v version) {
	c := dial(t, v)
	c.send(v.rawConnect(0xC2, str(name(t)), str("user")))
	c.dropped(0x81, 0x82)

	user, password := "user", "pass\x00\xFFword" // binary, section 3.1.3.6
	open(t, v, connect{user: &user, password: &password}).alive()
}

func passwordWithoutUser(t *testing.T, v version) {
	c := dial(t, v)
	c.send(v.rawConnect(0x42, str(name(t)), str("password")))
	c.dropped()
}

// malformedConnect tries CONNECTs that no rule of their own speaks of.
func malformedConnect(t *testing.T, v version) {
	id := name(t)
	cases := map[string][]byte{
		"nothing":        packet(0x10),
		"name only":      packet(0x10, str("MQTT")),
		"no keep alive":  packet(0x10, str("MQTT"), v, 0x02),
		"id cut short":   v.rawConnect(0x02, u16(20), "short"),
		"byte too many":  cat(0x10, v.rawConnect(0x02, str(id), 0x00)[1:]),
		"will cut short": v.rawConnect(0x06, str(id), v.props(), str("topic"), u16(99), "x"),
	}
	if v == v5 {
		with := func(props ...any) []byte { return connect{id: id, props: cat(props...)}.encode(v) }
		cases["property twice"] = with(propReceiveMaximum, u16(5), propReceiveMaximum, u16(5))
		cases["property unknown"] = with(0x7F, 0x00)
		cases["property of PUBLISH"] = with(propTopicAlias, u16(1))
		cases["property cut short"] = packet(0x10, str("MQTT"), v, 0x02, u16(0), 2, propReceiveMaximum, 0, str(id))
		cases["properties beyond packet"] = packet(0x10, str("MQTT"), v, 0x02, u16(0), 100, str(id))
		cases["receive maximum 0"] = with(propReceiveMaximum, u16(0))
		cases["packet size 0"] = with(propMaximumPacketSize, u32(0))
		cases["problem information 2"] = with(propRequestProblemInfo, 2)
		cases["response information 2"] = with(propRequestResponseInfo, 2)
		cases["data without method"] = with(propAuthData, str("data"))
		cases["will property unknown"] = connect{id: id, will: &will{topic: id, props: cat(propSessionExpiry, u32(1))}}.encode(v)
		cases["will format 2"] = connect{id: id, will: &will{topic: id, props: cat(propPayloadFormat, 2)}}.encode(v)
	}
	try(t, cases, func(t *testing.T, p []byte) {
		c := dial(t, v)
		c.send(p)
		if len(p) == 2 || len(p) < 10 { // nothing says which version it is
			c.refused(0x81, 0x82)
			return
		}
		c.dropped(0x81, 0x82)
	})
	// A will topic with wildcards: chapter 4.7 forbids it, so a 3.1.1 server may
	// also answer with a return code.
	c := dial(t, v)
	c.send(connect{id: id, will: &will{topic: "a/#", payload: "x"}}.encode(v))
	c.refused(0x90, 0x81, 0x82, 0x05)
}

// unknownMethod is a CONNECT that asks for an authentication nobody has.
func unknownMethod(id string) connect {
	return connect{id: id, props: cat(propAuthMethod, str("no-such-method"), propAuthData, str("data"))}
}

func failedCheck(t *testing.T, v version) {
	c := dial(t, v)
	c.send(unknownMethod(name(t)).encode(v))
	c.refused(0x8C, 0x87)
}

func takesOver(t *testing.T, v version) {
	p := connect{id: name(t)}
	old := open(t, v, p)
	c := open(t, v, p)
	old.dropped(0x8E)
	c.alive()
}

func cleanTakeover(t *testing.T, v version) {
	id, topic := name(t, "id"), name(t, "t")
	old := open(t, v, connect{id: id, keep: true})
	old.subscribe(topic, 1)
	c := open(t, v, connect{id: id})
	if c.sessionPresent() {
		t.Error("the session is present in spite of the clean start")
	}
	old.dropped(0x8E)
	open(t, v, connect{}).put(topic, 1, "x")
	c.quiet()

	old = open(t, v, connect{id: id, keep: true})
	old.subscribe(topic, 1)
	if c = open(t, v, connect{id: id, keep: true}); !c.sessionPresent() {
		t.Error("the session of the connection taken over is not present")
	}
	open(t, v, connect{}).put(topic, 1, "y")
	c.wantMessage(topic, "y")
}

func accepts(t *testing.T, v version) {
	c := open(t, v, connect{}) // wants code 0
	if v == v3 && c.connack.size != 4 {
		t.Errorf("got %v, want four bytes", c.connack)
	}
	c.alive()
}

func nothingAfterRefusal(t *testing.T, v version) {
	watch, pub, topic := pair(t, v, 1)
	refused := map[string][]byte{}
	if v == v5 {
		refused["method"] = unknownMethod(name(t)).encode(v)
	} else {
		refused["level"] = packet(0x10, str("MQTT"), 2, 0x02, u16(0), str(name(t)))
		refused["no id"] = connect{resume: true}.encode(v)
	}
	for n, p := range refused {
		c := dial(t, v)
		c.send(p, v.publish(0x32, topic, 1, nil, "after refusal: "+n), v.subscribe(2, nil, topic, 0))
		for _, p := range c.drain() {
			if p.first != 0x20 || p.code() == 0 {
				t.Errorf("%s: got %v, want the CONNECT refused and nothing else", n, p)
			}
		}
	}
	pub.put(topic, 1, "marker")
	watch.wantMessage(topic, "marker")
}
