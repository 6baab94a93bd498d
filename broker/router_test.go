package broker

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"gridmq/mqtt"
	"gridmq/store"
	"gridmq/tracing"
)

// A gazette is a Router that keeps what it is given in a log of its own, but for the
// topic "private".
type gazette struct {
	st store.Store

	mu     sync.Mutex
	full   bool
	events []string // as "name topic payload"
	traced []bool   // whether the messages came with spans
}

func (g *gazette) Route(m *mqtt.Message, by *Identity, span *tracing.Span) (store.Ticket, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if m.Topic == "private" {
		return 0, nil
	}
	if g.full {
		return 0, store.ErrFull
	}
	name := "nobody"
	if by != nil {
		name = by.Name
	}
	g.traced = append(g.traced, span != nil)
	g.events = append(g.events, fmt.Sprintf("%s %s %s", name, m.Topic, m.Payload))
	_, t, err := g.st.Submit(&store.Batch{Log: store.LogID{Namespace: "events"}, Entries: [][]byte{m.Payload}})
	return t, err
}

func (g *gazette) expect(t *testing.T, events ...string) {
	t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	if !slices.Equal(g.events, events) {
		t.Errorf("events %q, want %q", g.events, events)
	}
	g.events = nil
}

// routed is virtual with a Router.
func routed(t *testing.T, f func(t *testing.T, h *house, g *gazette), change ...func(*Limits)) {
	t.Helper()
	virtual(t, func(t *testing.T, h *house) {
		h.stop()
		g := &gazette{st: h.st}
		h.router = g
		h.start()
		f(t, h, g)
	}, change...)
}

// What is routed: every message that is accepted, of every QoS, retained ones once, the
// empty one that removes them, wills. spec/routing.md, section 2.
func TestRouted(t *testing.T) {
	routed(t, func(t *testing.T, h *house, g *gazette) {
		pub := h.connect("p", clean, user("Press-7"))
		for qos := range byte(3) {
			pub.publish(text{topic: "a", payload: fmt.Sprint("QoS ", qos), qos: qos})
		}
		pub.publish(text{topic: "private", payload: "x", qos: 1})
		pub.publish(text{topic: "r", payload: "kept", qos: 1, retain: true})
		sub := h.connect("s", clean)
		sub.subscribe("r", atQoS(1))
		sub.receives("kept") // is not an event again
		pub.publish(text{topic: "r", qos: 1, retain: true})
		h.connect("w", clean, user("Oven-1"), lastWill("w", "gone", 0)).lose()
		g.expect(t, "Press-7 a QoS 0", "Press-7 a QoS 1", "Press-7 a QoS 2", "Press-7 r kept", "Press-7 r ", "Oven-1 w gone")
	})
}

// A QoS 2 message that comes again is one event.
func TestRoutedOnce(t *testing.T) {
	routed(t, func(t *testing.T, h *house, g *gazette) {
		pub := h.connect("p", clean)
		id := pub.put(text{topic: "a", payload: "x", qos: 2})
		want[*mqtt.Ack](pub)
		pub.put(text{topic: "a", payload: "x", qos: 2, id: id, dup: true})
		want[*mqtt.Ack](pub)
		g.expect(t, " a x")
	})
}

// The acknowledgement waits until the event is durable, though nobody subscribes.
func TestRoutedIsDurable(t *testing.T) {
	routed(t, func(t *testing.T, h *house, g *gazette) {
		pub := h.connect("p", clean)
		h.st.Hold()
		pub.put(text{topic: "a", payload: "x", qos: 1})
		pub.quiet(time.Second)
		h.st.Release()
		if a := want[*mqtt.Ack](pub); a.Type != mqtt.PUBACK || a.Code.IsError() {
			t.Errorf("%v %v", a.Type, a.Code)
		}
	})
}

// An event that finds no room refuses the message; nobody has got it.
func TestRoutedFindsNoRoom(t *testing.T) {
	routed(t, func(t *testing.T, h *house, g *gazette) {
		sub, pub := h.connect("s", clean), h.connect("p", clean)
		sub.subscribe("#", atQoS(1))
		g.full = true
		if code := pub.publish(text{topic: "a", payload: "x", qos: 1}); code != mqtt.QuotaExceeded {
			t.Errorf("PUBACK %v, want %v", code, mqtt.QuotaExceeded)
		}
		pub.publish(text{topic: "a", payload: "x"}) // QoS 0 is lost
		sub.quiet(time.Second)
		if code := pub.publish(text{topic: "private", payload: "y", qos: 1}); code.IsError() {
			t.Errorf("what is not routed: %v", code)
		}
		sub.receives("y")
	})
}

// A publisher of QoS 0, whom no acknowledgement holds, is not read on while too much of
// what it sent waits for the disk.
func TestRoutedFloodWaits(t *testing.T) {
	routed(t, func(t *testing.T, h *house, g *gazette) {
		pub := h.connect("p", clean)
		h.st.Hold()
		const many = 20_000
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			for range many {
				pub.put(text{topic: "a", payload: repeat("x", 100)})
			}
		}()
		time.Sleep(time.Minute)
		g.mu.Lock()
		n := len(g.events)
		g.mu.Unlock()
		if n < 1000 || n > 3000 {
			t.Errorf("%d messages wait for the disk, want about 1,024", n)
		}
		h.st.Release()
		<-sent
		eventually(t, "all events", func() bool {
			g.mu.Lock()
			defer g.mu.Unlock()
			return len(g.events) == many
		})
	})
}

// A Router that fails for good ends the connection: nothing is acknowledged.
func TestRouterFails(t *testing.T) {
	routed(t, func(t *testing.T, h *house, g *gazette) {
		pub := h.connect("p", clean)
		h.st.Crash(errors.New("gone"))
		pub.put(text{topic: "a", payload: "x", qos: 1})
		<-pub.gone
	})
}
