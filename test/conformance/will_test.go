package conformance

import (
	"slices"
	"testing"
	"time"
)

// watched is a subscriber of a fresh will topic.
func watched(t *testing.T, v version) (watch *conn, topic string) {
	t.Helper()
	topic = name(t, "will")
	watch = open(t, v, connect{})
	watch.subscribe(topic, 2)
	return watch, topic
}

func willAfterCut(t *testing.T, v version) {
	watch, topic := watched(t, v)
	c := open(t, v, connect{will: &will{topic: topic, payload: "gone", qos: 1}})
	watch.quiet()
	c.cut()
	watch.wantMessage(topic, "gone")

	c = open(t, v, connect{will: &will{topic: topic, payload: "", qos: 0}})
	c.send([]byte{0x36, 0x00}) // closed by the server, for an error
	watch.wantMessage(topic, "")
}

func willDelayed(t *testing.T, v version) {
	watch, topic := watched(t, v)
	c := open(t, v, connect{id: name(t, "id"), keep: true,
		will: &will{topic: topic, payload: "late", qos: 1, props: cat(propWillDelay, u32(1))}})
	at := time.Now()
	c.cut()
	watch.quiet()
	watch.wantMessage(topic, "late")
	if d := time.Since(at); d < 900*time.Millisecond {
		t.Errorf("the will came after %v, want 1 s", d)
	}
}

// willAtSessionEnd: the session ends before the delay does.
func willAtSessionEnd(t *testing.T, v version) {
	watch, topic := watched(t, v)
	delay := cat(propWillDelay, u32(3600))
	c := open(t, v, connect{will: &will{topic: topic, payload: "at once", qos: 1, props: delay}})
	c.cut()
	watch.wantMessage(topic, "at once")

	c = open(t, v, connect{id: name(t, "id"), resume: true, props: cat(propSessionExpiry, u32(1)),
		will: &will{topic: topic, payload: "after a second", qos: 1, props: delay}})
	c.cut()
	watch.wantMessage(topic, "after a second")
}

func willWithdrawn(t *testing.T, v version) {
	watch, topic := watched(t, v)
	id := name(t, "id")
	c := open(t, v, connect{id: id, keep: true, will: &will{topic: topic, payload: "withdrawn", qos: 1}})
	c.bye()
	c = open(t, v, connect{id: id, keep: true}) // without a will: none is left
	c.cut()
	watch.quiet()
}

// willOnRequest: DISCONNECT 0x04 asks for the will.
func willOnRequest(t *testing.T, v version) {
	watch, topic := watched(t, v)
	c := open(t, v, connect{will: &will{topic: topic, payload: "asked for", qos: 1}})
	c.send(packet(0xE0, 0x04))
	c.drain()
	watch.wantMessage(topic, "asked for")
}

// willStopped: the client is back within the delay.
func willStopped(t *testing.T, v version) {
	watch, topic := watched(t, v)
	p := connect{id: name(t, "id"), keep: true,
		will: &will{topic: topic, payload: "too early", qos: 1, props: cat(propWillDelay, u32(1))}}
	open(t, v, p).cut()
	p.will = nil
	c := open(t, v, p)
	pass(1300 * time.Millisecond)
	watch.quiet()
	c.alive()
}

func willOnce(t *testing.T, v version) {
	watch, topic := watched(t, v)
	p := connect{id: name(t, "id"), keep: true, will: &will{topic: topic, payload: "once", qos: 1}}
	open(t, v, p).cut()
	watch.wantMessage(topic, "once")
	p.will = nil
	open(t, v, p).cut()
	watch.quiet()
}

func willFieldsMissing(t *testing.T, v version) {
	id := str(name(t))
	try(t, map[string][]byte{
		"no will at all": v.rawConnect(0x06, id),
		"topic only":     v.rawConnect(0x06, id, v.props(), str("topic")),
		"payload short":  v.rawConnect(0x06, id, v.props(), str("topic"), u16(5), "abc"),
	}, func(t *testing.T, p []byte) {
		c := dial(t, v)
		c.send(p)
		c.dropped(0x81, 0x82)
	})
}

func willFieldsWithoutWill(t *testing.T, v version) {
	c := dial(t, v)
	c.send(v.rawConnect(0x02, str(name(t)), v.props(), str("topic"), str("payload")))
	c.dropped(0x81, 0x82)
}

func willQoSWithoutWill(t *testing.T, v version) {
	try(t, map[string]int{"1": 0x0A, "2": 0x12, "3": 0x1A}, func(t *testing.T, flags int) {
		c := dial(t, v)
		c.send(v.rawConnect(flags, str(name(t))))
		c.dropped(0x81, 0x82)
	})
}

func willRetainWithoutWill(t *testing.T, v version) {
	c := dial(t, v)
	c.send(v.rawConnect(0x22, str(name(t))))
	c.dropped(0x81, 0x82)
}

func willQoS(t *testing.T, v version) {
	for qos := range 3 {
		watch, topic := watched(t, v)
		open(t, v, connect{will: &will{topic: topic, payload: "x", qos: qos}}).cut()
		if m := watch.wantMessage(topic, "x"); m.qos != qos {
			t.Errorf("will of QoS %d came as %v", qos, m)
		}
	}
	c := dial(t, v)
	c.send(v.rawConnect(0x1E, str(name(t)), v.props(), str("topic"), str("x")))
	c.dropped(0x81, 0x82)
}

func willNotRetained(t *testing.T, v version) {
	watch, topic := watched(t, v)
	open(t, v, connect{will: &will{topic: topic, payload: "x", qos: 1}}).cut()
	if m := watch.wantMessage(topic, "x"); m.retain {
		t.Errorf("got %v, want RETAIN 0", m)
	}
	late := open(t, v, connect{})
	late.subscribe(topic, 1)
	late.quiet()
}

func willRetained(t *testing.T, v version) {
	watch, topic := watched(t, v)
	open(t, v, connect{will: &will{topic: topic, payload: "x", qos: 1, retain: true}}).cut()
	watch.wantMessage(topic, "x")
	late := open(t, v, connect{})
	late.subscribe(topic, 1)
	if m := late.wantMessage(topic, "x"); !m.retain || m.qos != 1 {
		t.Errorf("got %v, want it retained with QoS 1", m)
	}
	forget(t, v, topic)
}

func willUserProperties(t *testing.T, v version) {
	watch, topic := watched(t, v)
	open(t, v, connect{will: &will{topic: topic, payload: "x", props: cat(
		userProperty("b", "2"), propContentType, str("text"), userProperty("a", "1"), userProperty("b", "2"))}}).cut()
	m := watch.wantMessage(topic, "x")
	if got, want := m.props.all(propUserProperty), []string{"b\x002", "a\x001", "b\x002"}; !slices.Equal(got, want) {
		t.Errorf("got the user properties %q, want %q", got, want)
	}
	if got, _ := m.props.get(propContentType); got != "text" {
		t.Errorf("got the content type %q, want %q", got, "text")
	}
}
