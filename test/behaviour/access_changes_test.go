package behaviour

import (
	"fmt"
	"strings"
	"testing"
	"time"
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
