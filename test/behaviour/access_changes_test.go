package behaviour

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/paho"
)

// The operator changes groups, topic spaces and bindings while clients are there,
// and while they are away: spec/access-control.md, section 5.

// reader makes a client that may read in the topic spaces a and b, by a binding for
// each, and a writer that may write everywhere. c is in both.
func reader(f *fleet) {
	f.clientGroup("readers", "attributes.kind = 'reader'")
	f.clientGroup("writers", "attributes.kind = 'writer'")
	f.topicSpace("space-a", "a/#", "c/#")
	f.topicSpace("space-b", "b/#", "c/+")
	f.topicSpace("all", "a/#", "b/#", "c/#")
	f.bind("readers", "Subscriber", "space-a")
	f.bind("readers", "Subscriber", "space-b")
	f.bind("writers", "Publisher", "all")
	f.bind("writers", "Subscriber", "all")
	f.client("reader", object{"kind": "reader"})
	f.client("writer", object{"kind": "writer"})
}

// losesGrant waits for the end of a connection because of its rights.
func (f *fleet) losesGrant(c *client, filter string) {
	f.Helper()
	if d := c.wantEnd(0x87); f.version == v5 && !strings.Contains(d.reason, filter) {
		f.Errorf("%s: DISCONNECT has the reason string %q, want %q in it", c.id, d.reason, filter)
	}
}

// stays proves that a client is connected: it may publish on a topic.
func (f *fleet) stays(c *client, topic string) {
	f.Helper()
	select {
	case d := <-c.down:
		f.Fatalf("%s: the connection ended: %+v", c.id, d)
	default:
		c.publish(1, topic, "still here")
	}
}

// TestAccessBindingDeletedLive: who holds a subscription that it may not have any
// more is cut off, and comes back without it.
func TestAccessBindingDeletedLive(t *testing.T) {
	secured(t, func(f *fleet) {
		reader(f)
		writer := f.enter("writer", login{})
		c := f.enter("reader", login{durable: true})
		c.subscribe(1, "a/1", "b/1", "c/#", "c/+")
		begin := time.Now()
		f.unbind("readers", "Subscriber", "space-a")
		d := c.wantEnd(0x87)
		if took := time.Since(begin); took > 5*time.Second { // a second on a machine that is not busy
			f.Errorf("the connection ended %v after the change", took)
		}
		if f.version == v5 && !strings.Contains(d.reason, "2 subscriptions") {
			f.Errorf("DISCONNECT with the reason string %q", d.reason)
		}
		c = f.enter("reader", login{durable: true})
		if !c.present {
			f.Error("the session is gone")
		}
		for _, topic := range []string{"a/1", "c/1/2", "c/1", "b/1"} {
			writer.publish(1, topic, "on "+topic)
		}
		c.want("on c/1", "on b/1")
		c.silent()
		f.wants(`
			reader  subscribe  a/1  no
			reader  subscribe  c/#  no
			reader  subscribe  c/+  yes
			reader  subscribe  b/1  yes
		`)
		f.bind("readers", "Subscriber", "space-a")
		writer.publish(1, "a/1", "again")
		c.silent() // a subscription does not come back by itself
		c.subscribe(1, "a/1")
		writer.publish(1, "a/1", "anew")
		c.want("anew")
	})
}

// TestAccessBindingDeletedAway: what waits for a client because of filters that it
// may not have any more is not sent when it returns; everything else is.
func TestAccessBindingDeletedAway(t *testing.T) {
	secured(t, func(f *fleet) {
		reader(f)
		writer := f.enter("writer", login{})
		c := f.enter("reader", login{durable: true})
		c.subscribe(1, "a/1", "b/1", "c/+", "c/#")
		c.leave()
		for i := range 3 {
			for _, topic := range []string{"a/1", "b/1", "c/1", "c/1/2"} {
				writer.publish(1, topic, fmt.Sprint(topic, " before ", i))
			}
		}
		f.unbind("readers", "Subscriber", "space-a")
		for _, topic := range []string{"a/1", "c/1/2", "b/1"} {
			writer.publish(1, topic, topic+" after")
		}
		c = f.enter("reader", login{durable: true})
		var want []string
		for i := range 3 {
			want = append(want, fmt.Sprint("b/1 before ", i), fmt.Sprint("c/1 before ", i))
		}
		f.wantOnce(c, append(want, "b/1 after")...)
		s, err := f.plane.Session(f.Context(), f.ns, "reader")
		if err != nil || len(s.Subscriptions) != 2 {
			f.Errorf("the session is %+v (%v), want it with two subscriptions", s, err)
		}
	})
}

// wantOnce wants these payloads in this order, each once or, for overlapping
// subscriptions, more often, and nothing else.
func (f *fleet) wantOnce(c *client, payloads ...string) {
	f.Helper()
	last := ""
	for _, p := range payloads {
		m := c.next()
		for m.payload == last {
			m = c.next()
		}
		if last = m.payload; m.payload != p {
			f.Fatalf("%s: got %v, want %q", c.id, m, p)
		}
	}
	c.silent()
}

// TestAccessBindingDeletedRestart is that with a restart in between: the change is
// kept, and what the store brings back is judged by it.
func TestAccessBindingDeletedRestart(t *testing.T) {
	securedOwn(t, func(f *fleet) {
		reader(f)
		writer := f.enter("writer", login{})
		c := f.enter("reader", login{durable: true})
		c.subscribe(1, "a/1", "b/1")
		c.leave()
		writer.publish(1, "a/1", "a")
		writer.publish(1, "b/1", "b")
		f.unbind("readers", "Subscriber", "space-a")
		f.house.restart(f.T)
		f.plane = planeOf(f.env)
		c = f.enter("reader", login{durable: true})
		if !c.present {
			f.Error("the session is gone")
		}
		c.want("b")
		c.silent()
		f.wants(`
			reader  subscribe  a/1  no
			reader  subscribe  b/1  yes
			writer  publish    a/1  yes
		`)
	})
}

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

// TestAccessTemplateNarrowed: of a topic space only a part is left.
func TestAccessTemplateNarrowed(t *testing.T) {
	secured(t, func(f *fleet) {
		f.topicSpace("cells", "cells/#")
		f.bind("$all", "Subscriber", "cells")
		f.bind("$all", "Publisher", "cells")
		for _, name := range []string{"all", "one", "two", "none"} {
			f.client(name, nil)
		}
		all, one, two, none := f.enter("all", login{}), f.enter("one", login{}), f.enter("two", login{}), f.enter("none", login{})
		all.subscribe(1, "cells/#")
		one.subscribe(1, "cells/1/temp")
		two.subscribe(1, "cells/2/temp")
		none.publish(1, "cells/2/temp", "hot")
		two.want("hot")
		f.topicSpace("cells", "cells/1/#")
		f.losesGrant(all, "cells/#")
		f.losesGrant(two, "cells/2/temp")
		none.publish(1, "cells/1/temp", "cold")
		one.want("cold")
		if none.mayPublish("cells/2/temp") {
			f.Error("a live connection may still publish on what was taken away")
		}
		f.topicSpace("cells", "cells/#")
		f.stays(one, "cells/3")
	})
}

// TestAccessPublisherLoses: who only publishes stays connected when it loses a
// grant, until it uses it.
func TestAccessPublisherLoses(t *testing.T) {
	secured(t, func(f *fleet) {
		f.topicSpace("space-a", "a/#")
		f.topicSpace("space-b", "b/#")
		f.bind("$all", "Publisher", "space-a")
		f.bind("$all", "Publisher", "space-b")
		f.client("p", nil)
		c := f.enter("p", login{})
		c.publish(1, "a/1", "m")
		f.unbind("$all", "Publisher", "space-a")
		f.stays(c, "b/1")
		if c.mayPublish("a/1") { // the topic that it has used last, too
			f.Error("publish on a/1 is allowed")
		}
		c = f.enter("p", login{id: "again"})
		c.publish(1, "b/1", "m")
		f.unbind("$all", "Publisher", "space-b")
		if c.mayPublish("b/1") {
			f.Error("publish on b/1 is allowed")
		}
		f.bind("$all", "Publisher", "space-b")
		f.enter("p", login{}).publish(1, "b/1", "m")
	})
}

// TestAccessBusyPublisher: a client that publishes all the time loses its
// subscription all the same.
func TestAccessBusyPublisher(t *testing.T) {
	secured(t, func(f *fleet) {
		f.topicSpace("out", "out/#")
		f.topicSpace("inbound", "in/#")
		f.topicSpace("other", "other/#")
		f.bind("$all", "Publisher", "out")
		f.client("busy", nil)
		for round := range 8 {
			f.bind("$all", "Subscriber", "inbound")
			c := f.enter("busy", login{})
			c.subscribe(0, "in/1")
			stop, stopped := make(chan struct{}), make(chan struct{})
			go func() { // until stop, or the connection ends
				defer close(stopped)
				for i := 0; ; i++ {
					select {
					case <-stop:
						return
					case <-c.driver.publish(message{topic: fmt.Sprint("out/", i%7), payload: "m"}):
					}
				}
			}()
			f.unbind("$all", "Subscriber", "inbound")
			select {
			case <-c.down:
			case <-time.After(5 * time.Second):
				f.Errorf("round %d: the subscription has survived its binding", round)
			}
			close(stop)
			c.drop()
			<-stopped
			f.away("busy")
			if f.Failed() {
				return
			}
		}
	})
}

// TestAccessUnconcerned: changes that take nothing away from a client leave its
// connection alone.
func TestAccessUnconcerned(t *testing.T) {
	secured(t, func(f *fleet) {
		reader(f)
		writer, c := f.enter("writer", login{}), f.enter("reader", login{})
		c.subscribe(1, "a/1", "b/1")
		f.client("neighbour", object{"kind": "reader"})
		steps := map[string]func(){
			"another client comes":       func() { f.client("other", object{"kind": "reader"}) },
			"another client is disabled": func() { f.register("other", object{"state": "Disabled"}) },
			"another client goes":        func() { f.remove("clients", "other") },
			"its description": func() {
				f.register("reader", object{"description": "a reader", "attributes": object{"kind": "reader"}})
			},
			"more attributes":             func() { f.client("reader", object{"kind": "reader", "hall": 4}) },
			"another query with it":       func() { f.clientGroup("readers", "attributes.kind IN ['reader', 'x']") },
			"a wider template":            func() { f.topicSpace("space-a", "a/#", "c/#", "d/#") },
			"a narrower one":              func() { f.topicSpace("space-a", "a/+", "c/#") },
			"another topic space":         func() { f.topicSpace("new", "new/#") },
			"a binding for others":        func() { f.bind("writers", "Subscriber", "new") },
			"that binding goes":           func() { f.unbind("writers", "Subscriber", "new") },
			"that topic space goes":       func() { f.remove("topicSpaces", "new") },
			"another CA comes":            func() { f.trust("second", newAuthority(f.env, "second")) },
			"another CA goes":             func() { f.remove("caCertificates", "second") },
			"a setting of the namespace":  func() { f.configure(object{"maximumClientSessionsPerAuthenticationName": 7}) },
			"the namespace, as it is now": func() { f.configure(object{"maximumClientSessionsPerAuthenticationName": 7}) },
		}
		for _, what := range []string{"another client comes", "another client is disabled", "another client goes", "its description", "more attributes",
			"another query with it", "a wider template", "a narrower one", "another topic space", "a binding for others", "that binding goes",
			"that topic space goes", "another CA comes", "another CA goes", "a setting of the namespace", "the namespace, as it is now"} {
			steps[what]()
			for _, topic := range []string{"a/1", "b/1"} {
				writer.publish(1, topic, what)
				select {
				case m := <-c.in:
					if m.payload != what || m.topic != topic {
						f.Errorf("after %s: got %v", what, m)
					}
				case d := <-c.down:
					f.Fatalf("%s: the connection ended: %+v", what, d)
				case <-time.After(patience):
					f.Fatalf("%s: nothing comes on %s", what, topic)
				}
			}
		}
		// A grant from two sides is there until both are gone.
		f.topicSpace("a-again", "a/+")
		f.bind("$all", "Subscriber", "a-again")
		f.unbind("readers", "Subscriber", "space-a")
		writer.publish(1, "a/1", "by the other")
		c.want("by the other")
		f.unbind("$all", "Subscriber", "a-again")
		f.losesGrant(c, "a/1")
	})
}

// TestAccessDryRun says beforehand who will be cut off.
func TestAccessDryRun(t *testing.T) {
	secured(t, func(f *fleet) {
		reader(f)
		writer, c := f.enter("writer", login{}), f.enter("reader", login{})
		c.subscribe(1, "a/1", "b/1")
		writer.subscribe(1, "a/1")
		id := fleets.ID(f.ns, "permissionBindings", bindingName("readers", "Subscriber", "space-a"))
		d, err := f.plane.DryRun(f.Context(), "DELETE", id, nil)
		if err != nil {
			f.Fatal(err)
		}
		if len(d.Effects) != 1 || d.Effects[0].Session != "reader" || !strings.Contains(d.Effects[0].Loses, "a/1") {
			f.Errorf("effects: %+v, want that the reader loses a/1", d.Effects)
		}
		writer.publish(1, "b/1", "nothing has happened")
		c.want("nothing has happened")
		f.unbind("readers", "Subscriber", "space-a")
		f.losesGrant(c, "a/1")
		f.stays(writer, "a/1")
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
