package behaviour

import (
	"fmt"
	"slices"
	"testing"

	"github.com/eclipse/paho.golang/paho"
)

// What stops with a grant, besides the messages of a plain subscription.

// TestAccessRetainedStops: what is retained is not shown to who may not have it.
func TestAccessRetainedStops(t *testing.T) {
	secured(t, func(f *fleet) {
		reader(f)
		f.enter("writer", login{}).send(message{topic: "a/1", payload: "kept", qos: 1, retain: true})
		c := f.enter("reader", login{})
		c.subscribe(1, "a/#")
		c.want("kept")
		f.unbind("readers", "Subscriber", "space-a")
		f.losesGrant(c, "a/#")
		c = f.enter("reader", login{})
		if code := c.trySubscribe(1, "a/#"); code < 0x80 {
			f.Errorf("subscribe to a/#: %#x", code)
		}
		c.silent()
		f.bind("readers", "Subscriber", "space-a")
		c.subscribe(1, "a/#")
		c.want("kept")
	})
}

// TestAccessSharedStops: a member of a shared subscription that loses its grant has
// nothing more of it; the other member has it all.
func TestAccessSharedStops(t *testing.T) {
	secured(t, func(f *fleet) {
		reader(f)
		writer := f.enter("writer", login{})
		loses, keeps := f.enter("reader", login{durable: true}), f.enter("writer", login{id: "member"})
		loses.subscribe(1, "$share/team/a/#")
		keeps.subscribe(1, "$share/team/a/#")
		f.unbind("readers", "Subscriber", "space-a")
		f.losesGrant(loses, "$share/team/a/#")
		writer.publish(1, "a/1", numbered("late", 6)...)
		keeps.wantAll(numbered("late", 6)...)
		loses = f.enter("reader", login{durable: true})
		loses.silent()
		if code := loses.trySubscribe(1, "$share/team/a/#"); code < 0x80 {
			f.Errorf("subscribe to the shared filter: %#x", code)
		}
	})
}

// TestAccessSharedUnacknowledged: what such a member had and did not acknowledge is
// for the others, as when it goes for any other reason [MQTT-4.8.2-5].
func TestAccessSharedUnacknowledged(t *testing.T) {
	for _, durable := range []bool{true, false} {
		t.Run(fmt.Sprintf("durable=%t", durable), func(t *testing.T) {
			secured(t, func(f *fleet) {
				reader(f)
				loses := f.enter("reader", login{durable: durable, byHand: true})
				loses.subscribe(1, "$share/team/a/#")
				writer := f.enter("writer", login{})
				writer.publish(1, "a/1", numbered("m", 3)...)
				loses.want(numbered("m", 3)...)
				keeps := f.enter("writer", login{id: "member"})
				keeps.subscribe(1, "$share/team/a/#")
				f.unbind("readers", "Subscriber", "space-a")
				f.losesGrant(loses, "$share/team/a/#")
				writer.publish(1, "a/1", numbered("late", 3)...)
				keeps.wantAll(append(numbered("late", 3), numbered("m", 3)...)...)
			})
		})
	}
}

// wantAll wants these payloads in any order, each once, and nothing else.
func (c *client) wantAll(payloads ...string) {
	c.e.Helper()
	var got []string
	for range payloads {
		got = append(got, c.next().payload)
	}
	slices.Sort(got)
	if want := slices.Sorted(slices.Values(payloads)); !slices.Equal(got, want) {
		c.e.Errorf("%s: got %q, want %q", c.id, got, want)
	}
	c.silent()
}

// TestAccessSharedStopsAway: the only member is away, and loses its grant.
func TestAccessSharedStopsAway(t *testing.T) {
	secured(t, func(f *fleet) {
		reader(f)
		writer := f.enter("writer", login{})
		c := f.enter("reader", login{durable: true})
		c.subscribe(1, "$share/team/a/1", "$share/team/b/1")
		c.leave()
		writer.publish(1, "a/1", "a")
		writer.publish(1, "b/1", "b")
		f.unbind("readers", "Subscriber", "space-a")
		writer.publish(1, "a/1", "a, later")
		writer.publish(1, "b/1", "b, later")
		c = f.enter("reader", login{durable: true})
		c.want("b", "b, later")
		c.silent()
	})
}

// TestAccessReceiveAfterLoss: of what was under way in MQTT 5 nothing comes after
// the DISCONNECT, and what was not acknowledged does not come again.
func TestAccessReceiveAfterLoss(t *testing.T) {
	securedFive(t, func(f *fleet) {
		reader(f)
		writer := f.enter("writer", login{})
		few := func(p *paho.Connect) { p.Properties.ReceiveMaximum = paho.Uint16(2) }
		c := f.enter("reader", login{durable: true, byHand: true, more: few})
		c.subscribe(1, "a/1", "b/1")
		writer.publish(1, "a/1", "a-1", "a-2", "a-3")
		writer.publish(1, "b/1", "b-1")
		c.want("a-1", "a-2") // the window is full
		f.unbind("readers", "Subscriber", "space-a")
		f.losesGrant(c, "a/1")
		c = f.enter("reader", login{durable: true})
		c.want("b-1")
		c.silent()
	})
}
