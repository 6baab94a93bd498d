package behaviour

import (
	"strings"
	"time"

	manage "gridmq/control/client"
)

// What a client may do is found out by doing it.

// Actions, as an operator asks about them.
const (
	publishes  = "publish"
	subscribes = "subscribe"
)

// may says whether a client is allowed to do something, with a connection that is
// opened when it is needed: 3.1.1 loses it with every publish that is refused.
func (f *fleet) may(name, action, topic string) bool {
	f.Helper()
	c := f.probes[name]
	if c == nil {
		c = f.enter(name, login{id: name + "-probe"})
		f.probes[name] = c
	}
	if action == subscribes {
		return c.maySubscribe(topic)
	}
	ok := c.mayPublish(topic)
	if !ok && f.version == v3 {
		delete(f.probes, name)
	}
	return ok
}

// mayPublish publishes at QoS 1. A client of 3.1.1 loses its connection when it is
// refused.
func (c *client) mayPublish(topic string) bool {
	c.e.Helper()
	answer := c.driver.publish(message{topic: topic, payload: "may I?", qos: 1})
	if c.version == v3 {
		select {
		case r := <-answer:
			if r.err == nil {
				return true
			}
			c.end()
		case <-c.down: // the flow of a durable session has no end then
		case <-time.After(patience):
			c.e.Fatalf("%s: publish on %q: neither an answer nor the end", c.id, topic)
		}
		return false
	}
	r := answered(c.e, answer)
	if r.err != nil || r.code >= 0x80 && r.code != 0x87 {
		c.e.Fatalf("%s: publish on %q: code %#x %q, %v; want 0x87 or yes", c.id, topic, r.code, r.reason, r.err)
	}
	return r.code < 0x80
}

// maySubscribe subscribes, and takes it back.
func (c *client) maySubscribe(filter string) bool {
	c.e.Helper()
	switch code := c.trySubscribe(1, filter); {
	case code == 1:
		c.unsubscribe(filter)
		return true
	case c.version == v5 && code != 0x87 || c.version == v3 && code != 0x80:
		c.e.Fatalf("%s: subscribe to %q: %#x", c.id, filter, code)
	}
	return false
}

// wants is what clients may do and may not, with one line for each:
//
//	van-1 publish vans/van-1/position          yes
//	van-1 publish vans/van-2/position          no
//
// The broker is asked for its explanation of each as well, which has to agree.
func (f *fleet) wants(table string) {
	f.Helper()
	for line := range strings.Lines(table) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		if len(words) != 4 || words[3] != "yes" && words[3] != "no" {
			f.Fatalf("a line of the table is %q", line)
		}
		want := words[3] == "yes"
		if got := f.may(words[0], words[1], words[2]); got != want {
			f.Errorf("%s may %s %s: %t, want %t", words[0], words[1], words[2], got, want)
		}
		if e := f.explain(words[0], words[1], words[2]); e.Allowed != want {
			f.Errorf("explain %s %s %s: allowed %t (%s), want %t", words[0], words[1], words[2], e.Allowed, e.Reason, want)
		}
	}
}

func (f *fleet) explain(client, action, topic string) *manage.Explanation {
	f.Helper()
	e, err := f.plane.Explain(f.Context(), f.ns, manage.Question{Action: action, Client: client, Topic: topic})
	if err != nil {
		f.Fatalf("explain %s %s %s: %v", client, action, topic, err)
	}
	if e.Reason == "" {
		f.Errorf("explain %s %s %s: %+v without a reason", client, action, topic, e)
	}
	return e
}
