package conformance

import (
	"strings"
	"testing"
)

func payloadOrder(t *testing.T, v version) {
	watch, topic := watched(t, v)
	user, password := "user", "password"
	p := connect{id: name(t, "id"), user: &user, password: &password,
		will: &will{topic: topic, payload: "payload", qos: 1, retain: false}}
	old := open(t, v, p)
	p.will = nil
	c := open(t, v, p) // the ClientID was read as one
	old.dropped(0x8E)
	watch.wantMessage(topic, "payload") // and the will
	c.alive()
}

func idNamesSession(t *testing.T, v version) {
	base := name(t)
	ids := []string{base + "/id", base + "/ID", base + "/id ", base + "/i\u0307d"}
	pub := open(t, v, connect{})
	for _, id := range ids {
		away(t, v, id, "t/"+id, 1)
		pub.put("t/"+id, 1, id)
	}
	for _, id := range ids {
		c := open(t, v, connect{id: id, keep: true})
		if !c.sessionPresent() {
			t.Errorf("%q has no session", id)
		}
		c.wantMessage("t/"+id, id)
		c.alive()
	}
}

func idMissing(t *testing.T, v version) {
	c := dial(t, v)
	c.send(v.rawConnect(0x02))
	c.dropped(0x81, 0x82, 0x85)
}

func plainIDs(t *testing.T, v version) {
	const letters = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	ids := []string{letters[:23], letters[23:46], letters[62-23:], letters[:1], letters[61:]}
	for _, id := range ids {
		if v == v3 { // other ids than the tests of MQTT 5 use at the same time
			id = strings.ToUpper(id[len(id)-1:]) + id[:len(id)-1]
			if len(id) == 1 {
				id = string(id[0] - 1)
			}
		}
		if id == "/" {
			id = "8"
		}
		open(t, v, connect{id: id}).alive()
	}
}

func emptyID(t *testing.T, v version) {
	a, b := dial(t, v), dial(t, v)
	for _, c := range []*conn{a, b} {
		c.send(v.rawConnect(0x02, str("")))
		p := c.next()
		if p.code() == 0x85 || v == v3 && p.code() == 2 { // allowed, but then always
			c.closed()
			continue
		}
		if p.first != 0x20 || p.code() != 0 {
			t.Fatalf("got %v, want a CONNACK", p)
		}
		c.connack = p
	}
	if (a.connack.body == nil) != (b.connack.body == nil) {
		t.Fatal("one empty ClientID was refused, one accepted")
	}
	if a.connack.body != nil { // two clients, not one that was taken over
		a.alive()
		b.alive()
	}
}

func assignedIDWorks(t *testing.T, v version) {
	c := dial(t, v)
	c.send(packet(0x10, str("MQTT"), v, 0x02, u16(0), v.props(propSessionExpiry, u32(300)), str("")))
	c.accepted()
	id, ok := c.limits().get(propAssignedClientID)
	if !ok || id == "" {
		t.Fatalf("CONNACK %v assigns no ClientID", c.connack)
	}
	c.subscribe(name(t), 1)
	c.bye()
	open(t, v, connect{}).put(name(t), 1, "x")
	c = open(t, v, connect{id: id, keep: true})
	if !c.sessionPresent() {
		t.Errorf("the assigned ClientID %q has no session", id)
	}
	c.wantMessage(name(t), "x")
}

func emptyIDNotClean(t *testing.T, v version) {
	c := dial(t, v)
	c.send(v.rawConnect(0x00, str("")))
	c.refusedWith(0x02)
}

// hugeID: whether 65,535 bytes are too long is the server's choice; how it
// says so is not.
func hugeID(t *testing.T, v version) {
	c := dial(t, v)
	c.send(connect{id: strings.Repeat("x", 65535-len(name(t))) + name(t)}.encode(v))
	p, err := c.read(soon)
	switch {
	case err != nil && !isTimeout(err) && v == v5:
		return // closed without CONNACK
	case err != nil:
		t.Fatalf("waiting for a CONNACK: %v", err)
	case p.code() == 0:
		c.connack = p
		c.alive()
	default:
		c.isRefusal(p, map[version]byte{v3: 0x02, v5: 0x85}[v])
	}
}
