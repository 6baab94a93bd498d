package broker

import (
	"context"
	"slices"
	"strings"
	"testing"

	"gridmq/mqtt"
	"gridmq/tap"
)

// kinds are the events that a tap has now, in words.
func kinds(t *tap.Tap) (list []string) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, e := range t.Next(ctx) {
		word := string(e.Kind)
		if e.Kind == tap.Packet {
			word = e.Direction + " " + e.Packet
		}
		list = append(list, strings.TrimSpace(word+" "+e.Topic))
	}
	return list
}

func (h *house) trace(client string, o tap.Options) (*tap.Tap, func()) {
	h.t.Helper()
	x := tap.New(o)
	stop, err := h.b.Trace("test", client, x)
	if err != nil {
		h.t.Fatalf("Trace: %v", err)
	}
	return x, stop
}

// A client is seen from its first CONNECT to the end of its session, over the time that
// it is away; another is not.
func TestTrace(t *testing.T) {
	h := newHouse(t)
	x, stop := h.trace("a", tap.Options{})
	defer stop()
	other := h.connect("b")
	a := h.connect("a", expiry(60))
	a.subscribe("t/#")
	a.disconnect(mqtt.NormalDisconnection)
	other.publish(text{topic: "t/1", payload: "one", qos: 1})
	a = h.connect("a", clean)
	a.publish(text{topic: "t/2", payload: "two", qos: 1})
	a.disconnect(mqtt.NormalDisconnection)
	got := kinds(x)
	order := []string{"in CONNECT", "access", "out CONNACK", "in SUBSCRIBE", "access t/#", "out SUBACK", "in DISCONNECT", "disconnected",
		"queued t/1", "in CONNECT", "access", "session ended", "out CONNACK", "in PUBLISH t/2", "access t/2", "published t/2", "out PUBACK",
		"in DISCONNECT", "disconnected", "session ended"}
	got = slices.DeleteFunc(got, func(s string) bool { return s == "dropped" || strings.HasPrefix(s, "dropped ") })
	if !slices.Equal(got, order) {
		t.Errorf("seen\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(order, "\n"))
	}
}

// A tap that nobody reads holds nobody up, one that is taken away hears nothing, and all
// end with the broker.
func TestTraceIsNotWaitedFor(t *testing.T) {
	h := newHouse(t)
	a := h.connect("a")
	unread, stopUnread := h.trace("a", tap.Options{})
	defer stopUnread()
	gone, stop := h.trace("a", tap.Options{})
	stop()
	for range 3000 {
		a.publish(text{topic: "t", payload: "x", qos: 1})
	}
	list := kinds(unread)
	if last := list[len(list)-1]; last != "lost" || len(list) < 1000 {
		t.Errorf("%d events, the last is %q; want more, and that some were lost", len(list), last)
	}
	if list := kinds(gone); len(list) != 0 {
		t.Errorf("a tap that was taken away has %d events", len(list))
	}
	h.stop()
	list = kinds(unread)
	if last := list[len(list)-1]; last != "ended" {
		t.Errorf("after the end of the broker: %q, want ended", last)
	}
	if _, err := h.b.Trace("test", "a", tap.New(tap.Options{})); err == nil {
		t.Error("a broker that has stopped lets clients be traced")
	}
}

// There is a bound of how many may watch.
func TestTracesAreBounded(t *testing.T) {
	h := newHouse(t)
	for range mostTaps {
		_, stop := h.trace("a", tap.Options{})
		defer stop()
	}
	if _, err := h.b.Trace("test", "a", tap.New(tap.Options{})); err == nil {
		t.Errorf("more than %d traces", mostTaps)
	}
	if _, err := h.b.Trace("elsewhere", "a", tap.New(tap.Options{})); err == nil {
		t.Error("a trace in a namespace that is not there")
	}
}
