package behaviour

import (
	"testing"
	"time"

	"github.com/eclipse/paho.golang/paho"

	"gridmq/mqtt"
)

func TestSessionPresent(t *testing.T) {
	both(t, func(e *env) {
		topic := e.topic("a")
		pub := e.connect(login{id: e.id("pub")})
		sub := e.connect(login{id: e.id("sub"), durable: true})
		if sub.present {
			e.Error("a session is present that never was")
		}
		sub.subscribe(1, topic)
		sub.leave()

		sub = e.connect(login{id: e.id("sub"), durable: true})
		if !sub.present {
			e.Error("the session is not present after a return")
		}
		pub.publish(1, topic, "still subscribed")
		sub.want("still subscribed")
		sub.leave()

		sub = e.connect(login{id: e.id("sub")}) // clean
		if sub.present {
			e.Error("a session is present after a clean start")
		}
		pub.publish(1, topic, "nobody is subscribed")
		sub.silent()
		sub.leave()

		if sub = e.connect(login{id: e.id("sub"), durable: true}); sub.present {
			e.Error("the session of a clean start has outlived its connection")
		}
		sub.silent()
	})
}

func TestCleanStartForgetsWhatWaits(t *testing.T) {
	both(t, func(e *env) {
		topic := e.topic("a")
		sub := e.connect(login{id: e.id("sub"), durable: true})
		sub.subscribe(2, topic)
		sub.leave()
		pub := e.connect(login{id: e.id("pub")})
		pub.publish(1, topic, "old 1")
		pub.publish(2, topic, "old 2")

		sub = e.connect(login{id: e.id("sub")})
		sub.subscribe(2, topic)
		sub.silent()
		pub.publish(2, topic, "new")
		sub.want("new")
	})
}

// TestCleanStartOfADurableSession is MQTT 5's own mixture: clean, and kept.
func TestCleanStartOfADurableSession(t *testing.T) {
	five(t, func(e *env) {
		topic := e.topic("a")
		pub := e.connect(login{id: e.id("pub")})
		for _, present := range []bool{false, true} { // the second time there is something to clean
			sub := e.connect(login{id: e.id("sub"), durable: true, fresh: true})
			if sub.present {
				e.Errorf("the session is present after a clean start (was one before: %t)", present)
			}
			pub.publish(1, topic, "nobody is subscribed")
			sub.silent()
			sub.subscribe(1, topic)
			sub.leave()
			pub.publish(1, topic, "kept")
		}
		sub := e.connect(login{id: e.id("sub"), durable: true})
		if !sub.present {
			e.Error("the session was not kept")
		}
		sub.want("kept")
	})
}

// TestTransientSession: MQTT 5 without clean start, but with an expiry of 0.
func TestTransientSession(t *testing.T) {
	five(t, func(e *env) {
		resume := login{id: e.id("sub"), more: func(p *paho.Connect) { p.CleanStart = false }}
		sub := e.connect(resume)
		sub.subscribe(1, e.topic("a"))
		sub.leave()
		if sub = e.connect(resume); sub.present {
			e.Error("a session with expiry 0 has outlived its connection")
		}
		e.connect(login{id: e.id("pub")}).publish(1, e.topic("a"), "nobody is subscribed")
		sub.silent()
	})
}

// expiring is a client whose session ends some seconds after its connection;
// the session's end is told by its will.
func (e *env) expiring(id string, seconds uint32) login {
	return login{
		id: e.id(id), durable: true,
		will: &will{topic: e.topic("ends/" + id), payload: id, qos: 1, props: &paho.WillProperties{WillDelayInterval: paho.Uint32(hour)}},
		more: func(p *paho.Connect) { p.Properties.SessionExpiryInterval = paho.Uint32(seconds) },
	}
}

// clock lets a time pass: until the session of a client that leaves now has
// expired.
func (e *env) clock(seconds uint32) {
	e.Helper()
	e = e.as(v5)
	id := "clock"
	watcher := e.connect(login{id: e.id("watches-" + id)})
	watcher.subscribe(1, e.topic("ends/"+id))
	e.connect(e.expiring(id, seconds)).drop()
	watcher.want(id)
	watcher.leave()
}

func TestSessionExpiry(t *testing.T) {
	five(t, func(e *env) {
		watcher := e.connect(login{id: e.id("watcher")})
		watcher.subscribe(1, e.topic("ends/+"))
		sub := e.connect(e.expiring("sub", 1))
		if sub.connack.Properties.SessionExpiryInterval != nil {
			e.Error("CONNACK repeats a session expiry that was not reduced")
		}
		sub.subscribe(1, e.topic("a"))
		begin := time.Now()
		sub.drop()
		m := watcher.want("sub")[0]
		if took := m.at.Sub(begin); took < 950*time.Millisecond {
			e.Errorf("the session ended after %v, want 1 s", took)
		}
		watcher.silent() // its end follows its will
		sub = e.connect(login{id: e.id("sub"), durable: true})
		if sub.present {
			e.Error("the session is present after its expiry")
		}
		e.connect(login{id: e.id("pub")}).publish(1, e.topic("a"), "nobody is subscribed")
		sub.silent()
	})
}

func TestReturnStopsTheExpiry(t *testing.T) {
	five(t, func(e *env) {
		sub := e.connect(e.expiring("sub", 4))
		sub.subscribe(1, e.topic("a"))
		sub.leave()
		sub = e.connect(login{id: e.id("sub"), durable: true})
		if !sub.present {
			e.Fatal("the session is gone before its expiry")
		}
		e.clock(5)
		pub := e.connect(login{id: e.id("pub")})
		pub.publish(1, e.topic("a"), "connected")
		sub.want("connected")
		sub.leave()
		pub.publish(1, e.topic("a"), "away") // now with an expiry of an hour
		sub = e.connect(login{id: e.id("sub"), durable: true})
		sub.want("away")
	})
}

// TestSessionExpiryCap: larger wishes are reduced and told; 3.1.1 sessions
// expire after the maximum.
func TestSessionExpiryCap(t *testing.T) {
	fiveOwn(t, func(e *env) {
		e.own(limit("session_expiry_maximum", 1))
		for _, wish := range []uint32{2, hour, 0xFFFFFFFF} {
			c := e.connect(login{id: e.id("c"), durable: true, more: func(p *paho.Connect) {
				p.Properties.SessionExpiryInterval = paho.Uint32(wish)
			}})
			if got := c.connack.Properties.SessionExpiryInterval; got == nil || *got != 1 {
				e.Errorf("CONNACK for an expiry of %d: %v, want 1", wish, got)
			}
			c.leave()
		}
		old := e.as(v3)
		last := old.connect(login{id: e.id("old"), durable: true})
		last.leave()
		// The cap holds for an expiry given in DISCONNECT, too.
		watcher := e.connect(login{id: e.id("watcher")})
		watcher.subscribe(1, e.topic("ends/+"))
		sub := e.connect(e.expiring("sub", 1))
		sub.leaveWith(&paho.Disconnect{ReasonCode: 4, Properties: &paho.DisconnectProperties{
			SessionExpiryInterval: paho.Uint32(hour)}})
		watcher.want("sub")
		watcher.silent()
		for _, id := range []string{"c", "old", "sub"} {
			if e.connect(login{id: e.id(id), durable: true}).present {
				e.Errorf("the session of %q is present after the largest expiry", id)
			}
		}
	})
}

func TestSessionExpiryInDisconnect(t *testing.T) {
	five(t, func(e *env) {
		sub := e.connect(login{id: e.id("sub"), durable: true})
		sub.leaveWith(&paho.Disconnect{Properties: &paho.DisconnectProperties{SessionExpiryInterval: paho.Uint32(0)}})
		if e.connect(login{id: e.id("sub"), durable: true}).present {
			e.Error("the session is present although DISCONNECT has ended it")
		}
		// From 0 it cannot be raised.
		r := e.raw(e.id("transient"))
		d := mqtt.Disconnect{}
		d.Properties.SessionExpiryInterval = 10
		d.Properties.Mark(mqtt.PropSessionExpiryInterval)
		r.write(d.Append(nil, r.v))
		r.wantEnd(mqtt.ProtocolError)
	})
}

func TestAssignedClientIdentifier(t *testing.T) {
	five(t, func(e *env) {
		one := e.connect(login{durable: true})
		other := e.connect(login{durable: true})
		if one.id == "" || one.id == other.id {
			e.Fatalf("assigned identifiers %q and %q", one.id, other.id)
		}
		one.subscribe(1, e.topic("a"))
		one.leave()
		e.connect(login{id: e.id("pub")}).publish(1, e.topic("a"), "for the assigned one")
		again := e.connect(login{id: one.id, durable: true})
		if !again.present {
			e.Error("the assigned identifier does not resume the session")
		}
		if again.connack.Properties.AssignedClientID != "" {
			e.Error("an identifier was assigned to a client that has one")
		}
		again.want("for the assigned one")
		for _, c := range []*client{again, other} { // leave nothing behind in the shared broker
			c.leaveWith(&paho.Disconnect{Properties: &paho.DisconnectProperties{SessionExpiryInterval: paho.Uint32(0)}})
		}
	})
}

// TestEmptyClientIdentifier of 3.1.1: with a clean session only.
func TestEmptyClientIdentifier(t *testing.T) {
	run(t, func(e *env) {
		one, other := e.connect(login{}), e.connect(login{})
		one.subscribe(1, e.topic("a"))
		other.publish(1, e.topic("a"), "both live")
		one.want("both live")
		if c, r := e.tryConnect(login{durable: true}); c != nil || r.code != 2 {
			e.Errorf("an empty identifier without clean session: %+v, want code 2", r)
		}
	}, rows(t.Name(), v3))
}

// TestSessionBelongsToItsUser: another user cannot take it, online or not.
func TestSessionBelongsToItsUser(t *testing.T) {
	both(t, func(e *env) {
		refused := byte(0x87)
		if e.version == v3 {
			refused = 5
		}
		ann := e.connect(login{id: e.id("s"), durable: true, user: "ann"})
		ann.subscribe(1, e.topic("a"))
		for _, away := range []bool{false, true} {
			for _, durable := range []bool{false, true} {
				if c, r := e.tryConnect(login{id: e.id("s"), durable: durable, user: "bob"}); c != nil || r.code != refused {
					e.Errorf("bob takes ann's session (away %t, durable %t): %+v, want %#x", away, durable, r, refused)
				}
			}
			if !away {
				ann.leave()
			}
		}
		e.connect(login{id: e.id("pub")}).publish(1, e.topic("a"), "for ann")
		ann = e.connect(login{id: e.id("s"), durable: true, user: "ann"})
		ann.want("for ann")
	})
}
