package behaviour

import (
	"fmt"
	"testing"

	"github.com/eclipse/paho.golang/paho"
)

const sessionTakenOver = 0x8E

func TestTakeOver(t *testing.T) {
	both(t, func(e *env) {
		topic := e.topic("a")
		pub := e.connect(login{id: e.id("pub")})
		old := e.connect(login{id: e.id("sub"), durable: true})
		old.subscribe(1, topic)
		c := e.connect(login{id: e.id("sub"), durable: true})
		old.wantEnd(sessionTakenOver)
		if !c.present {
			e.Error("the session did not go on")
		}
		pub.publish(1, topic, "for the new one")
		c.want("for the new one")

		clean := e.connect(login{id: e.id("sub")})
		c.wantEnd(sessionTakenOver)
		if clean.present {
			e.Error("a clean start took the session over")
		}
		pub.publish(1, topic, "nobody is subscribed")
		clean.silent()
		if again := e.connect(login{id: e.id("sub"), durable: true}); again.present {
			e.Error("a transient session was taken over")
		}
		clean.wantEnd(sessionTakenOver)
	})
}

func TestTakeOverAcrossVersions(t *testing.T) {
	both(t, func(e *env) {
		other := e.as(v3 + v5 - e.version)
		topic := e.topic("a")
		pub := e.connect(login{id: e.id("pub")})
		old := e.connect(login{id: e.id("sub"), durable: true, byHand: true})
		old.subscribe(2, topic)
		pub.publish(2, topic, "1", "2")
		first := old.want("1", "2")
		c := other.connect(login{id: e.id("sub"), durable: true})
		old.wantEnd(sessionTakenOver)
		if !c.present {
			e.Error("the session did not go on")
		}
		for i, m := range c.want("1", "2") {
			if !m.dup || m.id != first[i].id {
				e.Errorf("unacknowledged %v came as %v", first[i], m)
			}
		}
		pub.publish(1, topic, "3")
		c.want("3")
	})
}

func TestTakeOverAndTheWill(t *testing.T) {
	tests := map[string]struct {
		five, delay, clean, want bool
	}{
		"at once: the connection is lost":          {want: true},
		"at once, clean":                           {clean: true, want: true},
		"delayed: the session goes on":             {five: true, delay: true},
		"delayed, clean: the session ends, so now": {five: true, delay: true, clean: true, want: true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			body := func(e *env) {
				watcher := e.connect(login{id: e.id("watcher")})
				watcher.subscribe(1, e.topic("will"))
				w := &will{topic: e.topic("will"), payload: "will", qos: 1}
				if test.delay {
					w.props = &paho.WillProperties{WillDelayInterval: paho.Uint32(3)}
				}
				old := e.connect(login{id: e.id("c"), durable: true, will: w})
				e.connect(login{id: e.id("c"), durable: !test.clean})
				old.wantEnd(sessionTakenOver)
				if test.want {
					watcher.want("will")
				} else if test.delay {
					e.clock(4)
				}
				watcher.silent()
			}
			if test.five {
				five(t, body)
			} else {
				both(t, body)
			}
		})
	}
}

// TestTakeOverStorm: of many at once exactly one remains, and it works.
func TestTakeOverStorm(t *testing.T) {
	both(t, func(e *env) {
		const clients = 8
		all := make(chan *client, clients)
		house := e.broker()
		for range clients {
			go func() { // e.tryConnect would end the test from here
				w, err := house.dial(e.transport)
				if err != nil {
					all <- nil
					return
				}
				c := &client{e: e, version: e.version, id: e.id("sub"), wire: w, in: make(chan message, 64), down: make(chan ended, 4)}
				if c.driver = driver(&driver3{c: c}); e.version == v5 {
					c.driver = &driver5{c: c}
				}
				_, _ = c.driver.connect(login{id: c.id, durable: true})
				all <- c
			}()
		}
		var list []*client
		for range clients {
			c := <-all
			if c == nil {
				e.Fatal("dial failed")
			}
			list = append(list, c)
			e.Cleanup(c.stop)
		}
		c := e.connect(login{id: e.id("sub"), durable: true})
		if !c.present {
			e.Error("the session was lost")
		}
		c.subscribe(1, e.topic("a"))
		pub := e.connect(login{id: e.id("pub")})
		for i := range 5 {
			pub.publish(1, e.topic("a"), fmt.Sprint(i))
			c.want(fmt.Sprint(i))
		}
		for _, other := range list { // connected or not: it is over for them
			_ = other.wire.Close()
		}
		c.silent()
	})
}
