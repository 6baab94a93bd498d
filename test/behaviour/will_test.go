package behaviour

import (
	"fmt"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/paho"

	"gridmq/mqtt"
)

// watch is a client subscribed to the wills of this run.
func (e *env) watch() *client {
	e.Helper()
	w := e.connect(login{id: e.id("watcher")})
	w.subscribe(2, e.topic("wills/#"))
	return w
}

// aWill is one that watch sees. delay in seconds is for MQTT 5.
func (e *env) aWill(payload string, delay uint32) *will {
	w := &will{topic: e.topic("wills/" + payload), payload: payload, qos: 1}
	if e.version == v5 && delay > 0 {
		w.props = &paho.WillProperties{WillDelayInterval: paho.Uint32(delay)}
	}
	return w
}

func TestWill(t *testing.T) {
	both(t, func(e *env) {
		watcher := e.watch()
		for qos := range byte(3) {
			payload := fmt.Sprint("at QoS ", qos)
			w := e.aWill(payload, 0)
			w.qos = qos
			c := e.connect(login{id: e.id("c"), will: w})
			watcher.silent()
			c.drop()
			if m := watcher.want(payload)[0]; m.qos != qos || m.retain || m.topic != w.topic {
				e.Errorf("got %v, want it on %q at QoS %d", m, w.topic, qos)
			}
		}
		c := e.connect(login{id: e.id("c"), will: e.aWill("said goodbye", 0)})
		c.leave()
		c = e.connect(login{id: e.id("c"), durable: true, will: e.aWill("said goodbye, too", 0)})
		c.leave()
		// The next connection has no will; it does not have the old one either.
		c = e.connect(login{id: e.id("c"), durable: true})
		c.drop()
		watcher.silent()
	})
}

// TestWillOfAnEmptyPayload: the will is there although it says nothing.
func TestWillOfAnEmptyPayload(t *testing.T) {
	both(t, func(e *env) {
		watcher := e.watch()
		r := e.raw(e.id("c"), func(p *mqtt.Connect) { p.Will = &mqtt.Will{Topic: e.topic("wills/empty"), QoS: 1} })
		r.drop()
		watcher.want("")
	})
}

func TestWillWaitsForThoseAway(t *testing.T) {
	both(t, func(e *env) {
		for qos := byte(1); qos <= 2; qos++ {
			sub := e.connect(login{id: e.id("sub"), durable: true})
			sub.subscribe(2, e.topic("wills/#"))
			sub.leave()
			watcher := e.watch()
			w := e.aWill("for later", 0)
			w.qos = qos
			e.connect(login{id: e.id("c"), will: w}).drop()
			watcher.want("for later")
			watcher.leave()
			sub = e.connect(login{id: e.id("sub"), durable: true})
			if m := sub.want("for later")[0]; m.qos != qos {
				e.Errorf("got %v, want QoS %d", m, qos)
			}
			sub.silent()
			sub.leave()
		}
	})
}

// TestWillAfterABrokenRule: whoever is thrown out has a will as well.
func TestWillAfterABrokenRule(t *testing.T) {
	both(t, func(e *env) {
		watcher := e.watch()
		r := e.raw(e.id("c"), func(p *mqtt.Connect) {
			p.Will = &mqtt.Will{Topic: e.topic("wills/broken"), Payload: []byte("broken"), QoS: 1}
		})
		r.write([]byte{0x60, 2, 0, 1}) // PUBREL without its flags
		r.wantEnd(mqtt.MalformedPacket)
		watcher.want("broken")
	})
}

func TestDisconnectWithWill(t *testing.T) {
	five(t, func(e *env) {
		watcher := e.watch()
		c := e.connect(login{id: e.id("c"), will: e.aWill("asked for", 0)})
		c.leaveWith(&paho.Disconnect{ReasonCode: 4})
		watcher.want("asked for")
	})
}

func TestWillDelay(t *testing.T) {
	five(t, func(e *env) {
		watcher := e.watch()
		late := e.connect(login{id: e.id("late"), durable: true, will: e.aWill("late", 1)})
		now := e.connect(login{id: e.id("now"), durable: true, will: e.aWill("now", 0)})
		begin := time.Now()
		late.drop()
		now.drop()
		got := watcher.want("now", "late")
		if took := got[1].at.Sub(begin); took < 950*time.Millisecond {
			e.Errorf("the will with a delay of 1 s came after %v", took)
		}
	})
}

func TestReturnCancelsTheWill(t *testing.T) {
	five(t, func(e *env) {
		watcher := e.watch()
		c := e.connect(login{id: e.id("c"), durable: true, will: e.aWill("never", 4)})
		c.drop()
		c = e.connect(login{id: e.id("c"), durable: true})
		e.clock(5)
		watcher.silent()
		c.drop()
		watcher.silent()
	})
}

// TestWillAtTheEndOfTheSession: the session's end comes before the delay.
func TestWillAtTheEndOfTheSession(t *testing.T) {
	five(t, func(e *env) {
		watcher := e.watch()
		e.connect(login{id: e.id("transient"), will: e.aWill("transient", hour)}).drop()
		watcher.want("transient")
		soon := e.expiring("soon", 1)
		soon.will = e.aWill("soon", hour)
		c := e.connect(soon)
		begin := time.Now()
		c.drop()
		if took := watcher.want("soon")[0].at.Sub(begin); took < 950*time.Millisecond {
			e.Errorf("the will came after %v, want 1 s, when the session ends", took)
		}
		// A clean start ends the session, too.
		e.connect(login{id: e.id("clean"), durable: true, will: e.aWill("clean", hour)}).drop()
		e.connect(login{id: e.id("clean")})
		watcher.want("clean")
		watcher.silent()
	})
}

func TestRetainedWill(t *testing.T) {
	both(t, func(e *env) {
		watcher := e.watch()
		w := e.aWill("kept", 0)
		w.retain = true
		e.connect(login{id: e.id("c"), will: w}).drop()
		if m := watcher.want("kept")[0]; m.retain {
			e.Errorf("got %v with retain, although it is live", m)
		}
		late := e.connect(login{id: e.id("late")})
		late.subscribe(1, w.topic)
		if m := late.want("kept")[0]; !m.retain {
			e.Errorf("got %v without retain", m)
		}
		late.send(message{topic: w.topic, qos: 1, retain: true}) // clear it
	})
}

// TestWillProperties: all of them reach the subscriber. (Paho leaves most of
// them out of its CONNECT.)
func TestWillProperties(t *testing.T) {
	five(t, func(e *env) {
		watcher := e.watch()
		c := e.raw(e.id("c"), func(p *mqtt.Connect) {
			p.Will = &mqtt.Will{Topic: e.topic("wills/p"), Payload: []byte("with properties"), QoS: 1}
			p.Will.Properties = mqtt.Properties{
				PayloadFormatIndicator: 1, MessageExpiryInterval: 77, ContentType: "text/plain",
				ResponseTopic: "answer/here", CorrelationData: []byte{0, 1, 2},
				UserProperties: []mqtt.UserProperty{{Name: "a", Value: "1"}, {Name: "a", Value: "2"}},
			}
			p.Will.Properties.Mark(mqtt.PropWillDelayInterval, mqtt.PropPayloadFormatIndicator, mqtt.PropMessageExpiryInterval,
				mqtt.PropContentType, mqtt.PropResponseTopic, mqtt.PropCorrelationData, mqtt.PropUserProperty)
		})
		c.drop()
		p := watcher.want("with properties")[0].props
		if p.PayloadFormat == nil || *p.PayloadFormat != 1 || p.ContentType != "text/plain" || p.ResponseTopic != "answer/here" ||
			string(p.CorrelationData) != "\x00\x01\x02" || fmt.Sprint(p.User) != "[{a 1} {a 2}]" {
			e.Errorf("properties of the will: %+v", p)
		}
		if p.MessageExpiry == nil || *p.MessageExpiry < 70 || *p.MessageExpiry > 77 {
			e.Errorf("message expiry of the will: %v, want 77", p.MessageExpiry)
		}
	})
}
