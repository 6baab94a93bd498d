package behaviour

import (
	"fmt"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/paho"

	"gridmq/mqtt"
)

// These restart the broker in an orderly way, as an upgrade does. What kill -9
// does: process_test.go and test/robustness.

func TestRestartKeepsSessions(t *testing.T) {
	bothOwn(t, func(e *env) {
		h := e.own()
		ids := [3]int{7, 8, 9} // subscription identifiers
		sub := e.connect(login{id: e.id("sub"), durable: true})
		for i, f := range []string{"a", "b", "b/+"} {
			if e.version == v3 {
				sub.subscribe(byte(i), e.topic(f))
				continue
			}
			sub.subscribeTo(ids[i], paho.SubscribeOptions{
				Topic: e.topic(f), QoS: byte(i), NoLocal: i == 1, RetainAsPublished: i == 2})
		}
		sub.unsubscribe(e.topic("a"))
		ended := e.connect(login{id: e.id("ended"), durable: true})
		ended.leave()
		e.connect(login{id: e.id("ended")}).leave() // clean
		transient := e.connect(login{id: e.id("transient")})
		transient.subscribe(1, e.topic("b"))
		sub.leave()
		h.restart(t)

		for _, id := range []string{"ended", "transient"} {
			if e.connect(login{id: e.id(id), durable: true}).present {
				e.Errorf("the session of %q was ended and is present after a restart", id)
			}
		}
		sub = e.connect(login{id: e.id("sub"), durable: true})
		if !sub.present {
			e.Fatal("the session is not present after a restart")
		}
		pub := e.connect(login{id: e.id("pub")})
		pub.publish(2, e.topic("a"), "unsubscribed before")
		pub.publish(2, e.topic("b"), "b at 1")
		pub.send(message{topic: e.topic("b/c"), payload: "c at 2", qos: 2, retain: true})
		sub.publish(1, e.topic("b"), "own, in 3.1.1")
		got := sub.want("b at 1", "c at 2")
		if got[0].qos != 1 || got[1].qos != 2 {
			e.Errorf("got %v, want QoS 1 and 2", got)
		}
		if e.version == v3 {
			sub.want("own, in 3.1.1")
			return
		}
		sub.silent() // No Local
		for i, m := range got {
			if id := m.props.SubscriptionIdentifier; id == nil || *id != ids[i+1] {
				e.Errorf("%v: subscription identifier %v, want %d", m, id, ids[i+1])
			}
		}
		if !got[1].retain {
			e.Error("retain as published was forgotten")
		}
	})
}

func TestRestartKeepsQueues(t *testing.T) {
	bothOwn(t, func(e *env) {
		h := e.own()
		sub := e.connect(login{id: e.id("sub"), durable: true})
		sub.subscribe(2, e.topic("+"))
		sub.leave()
		var wanted []string
		for round := range 3 { // three generations, in one queue
			pub := e.connect(login{id: e.id("pub")})
			for i := range 20 {
				p := fmt.Sprintf("%d.%d", round, i)
				m := message{topic: e.topic(fmt.Sprint(i % 3)), payload: p, qos: byte(1 + i%2)}
				if e.version == v5 {
					m.props = &paho.PublishProperties{ResponseTopic: p}
				}
				pub.send(m)
				wanted = append(wanted, p)
			}
			h.restart(t)
		}
		sub = e.connect(login{id: e.id("sub"), durable: true})
		for i, m := range sub.want(wanted...) {
			i %= 20
			if m.qos != byte(1+i%2) || m.dup || m.topic != e.topic(fmt.Sprint(i%3)) || e.version == v5 && m.props.ResponseTopic != m.payload {
				e.Errorf("message %d is %v", i, m)
			}
		}
		sub.settle()
		sub.leave()
		h.restart(t)
		e.connect(login{id: e.id("sub"), durable: true}).silent() // acknowledged ones are gone
	})
}

func TestRestartKeepsWhatIsInFlight(t *testing.T) {
	bothOwn(t, func(e *env) {
		h := e.own()
		sub := e.raw(e.id("sub"), durableRaw)
		sub.to(2, e.topic("a"))
		pub := e.raw(e.id("pub"), durableRaw)
		pub.publish(1, 1, false, e.topic("a"), "QoS 1, not acknowledged")
		pub.acked(mqtt.PUBACK, 1)
		pub.publish(2, 2, false, e.topic("a"), "QoS 2, not received")
		pub.acked(mqtt.PUBREC, 2) // and not released
		pub.publish(2, 3, false, e.topic("a"), "QoS 2, received")
		pub.acked(mqtt.PUBREC, 3)
		pub.ack(mqtt.PUBREL, 3)
		pub.acked(mqtt.PUBCOMP, 3)
		one, two, three := sub.published("QoS 1, not acknowledged"), sub.published("QoS 2, not received"), sub.published("QoS 2, received")
		sub.ack(mqtt.PUBREC, three.PacketID)
		sub.acked(mqtt.PUBREL, three.PacketID)
		for range 2 { // whatever comes again does so after each restart
			h.restart(t)
			sub = e.raw(e.id("sub"), durableRaw)
			for _, before := range []mqtt.Publish{one, two} {
				if m := sub.published(string(before.Payload)); !m.Dup || m.PacketID != before.PacketID || m.QoS != before.QoS {
					e.Errorf("%q came as %+v after the restart, want DUP, identifier %d, QoS %d", before.Payload, m, before.PacketID, before.QoS)
				}
			}
			sub.acked(mqtt.PUBREL, three.PacketID)
		}
		sub.ack(mqtt.PUBACK, one.PacketID)
		sub.ack(mqtt.PUBREC, two.PacketID)
		sub.acked(mqtt.PUBREL, two.PacketID)
		sub.ack(mqtt.PUBCOMP, two.PacketID)
		sub.ack(mqtt.PUBCOMP, three.PacketID)
		sub.silent()
		// The publisher repeats what it has not released: no second copy.
		pub = e.raw(e.id("pub"), durableRaw)
		pub.publish(2, 2, true, e.topic("a"), "QoS 2, not received")
		pub.acked(mqtt.PUBREC, 2)
		pub.publish(2, 3, false, e.topic("a"), "the identifier is free")
		pub.acked(mqtt.PUBREC, 3)
		sub.published("the identifier is free")
		sub.silent()
	})
}

func TestRestartKeepsRetained(t *testing.T) {
	bothOwn(t, func(e *env) {
		h := e.own()
		pub := e.connect(login{id: e.id("pub")})
		pub.keep(e.topic("r/a"), "replaced")
		pub.keep(e.topic("r/a"), "a")
		pub.keep(e.topic("r/b"), "cleared")
		pub.keep(e.topic("r/b"), "")
		pub.send(message{topic: e.topic("r/c"), payload: "c", retain: true}) // QoS 0
		if e.version == v5 {
			pub.keep(e.topic("r/d"), "d", &paho.PublishProperties{ContentType: "x", MessageExpiry: paho.Uint32(500)})
			pub.keep(e.topic("r/e"), "expires meanwhile", &paho.PublishProperties{MessageExpiry: paho.Uint32(1)})
		} else {
			pub.keep(e.topic("r/d"), "d")
		}
		h.restart(t, func() { e.elsewhere().clock(2) })
		for range 2 {
			sub := e.connect(login{id: e.id("sub")})
			sub.subscribe(2, e.topic("r/+"))
			got := map[string]message{}
			for range 3 {
				m := sub.next()
				got[m.payload] = m
			}
			sub.silent()
			a, c, d := got["a"], got["c"], got["d"]
			if !a.retain || a.qos != 1 || !c.retain || c.qos != 0 || !d.retain || d.topic != e.topic("r/d") {
				e.Errorf("retained messages after a restart: %v", got)
			}
			if e.version == v5 {
				if p := d.props; p.ContentType != "x" || p.MessageExpiry == nil || *p.MessageExpiry > 499 {
					e.Errorf("properties after a restart: %+v", p)
				}
			}
			sub.leave()
			h.restart(t)
		}
	})
}

// TestRestartPublishesWills: the broker has ended the connections.
func TestRestartPublishesWills(t *testing.T) {
	bothOwn(t, func(e *env) {
		h := e.own()
		watcher := e.connect(login{id: e.id("watcher"), durable: true})
		watcher.subscribe(1, e.topic("wills/#"))
		watcher.leave()
		plain := e.connect(login{id: e.id("transient"), will: e.aWill("transient", 0)})
		e.connect(login{id: e.id("durable"), durable: true, will: e.aWill("durable", 0)})
		e.connect(login{id: e.id("goodbye"), durable: true, will: e.aWill("goodbye", 0)}).leave()
		h.restart(t)
		plain.wantEnd(serverShuttingDown)
		watcher = e.connect(login{id: e.id("watcher"), durable: true})
		got := map[string]bool{watcher.next().payload: true, watcher.next().payload: true}
		if !got["transient"] || !got["durable"] {
			e.Errorf("wills after a restart: %v", got)
		}
		watcher.silent()
		watcher.leave()
		h.restart(t)
		e.connect(login{id: e.id("watcher"), durable: true}).silent() // each once
	})
}

// TestRestartKeepsDelayedWills: they go on waiting, and a return cancels them.
func TestRestartKeepsDelayedWills(t *testing.T) {
	fiveOwn(t, func(e *env) {
		h := e.own()
		watcher := e.connect(login{id: e.id("watcher"), durable: true})
		watcher.subscribe(1, e.topic("wills/#"))
		watcher.leave()
		const delay = 6
		back := e.connect(login{id: e.id("back"), durable: true, will: e.aWill("back in time", delay)})
		gone := e.connect(login{id: e.id("gone"), durable: true, will: e.aWill("gone before", delay)})
		open := e.connect(login{id: e.id("open"), durable: true, will: e.aWill("connected until then", delay)})
		begin := time.Now()
		gone.drop()
		back.drop()
		h.restart(t)
		open.end()
		e.connect(login{id: e.id("back"), durable: true}).leave()
		watcher = e.connect(login{id: e.id("watcher"), durable: true})
		got := map[string]time.Duration{}
		for range 2 {
			m := watcher.next()
			got[m.payload] = m.at.Sub(begin)
		}
		for _, p := range []string{"gone before", "connected until then"} {
			if got[p] < (delay*time.Second - 50*time.Millisecond) {
				e.Errorf("wills came after %v, want both after %d s", got, delay)
			}
		}
		watcher.silent()
	})
}

func TestRestartKeepsExpiries(t *testing.T) {
	fiveOwn(t, func(e *env) {
		h := e.own()
		watcher := e.connect(login{id: e.id("watcher"), durable: true})
		watcher.subscribe(1, e.topic("ends/#"))
		watcher.leave()
		sub := e.connect(login{id: e.id("sub"), durable: true})
		sub.subscribe(1, e.topic("a"))
		sub.leave()
		e.connect(e.expiring("meanwhile", 1)).drop()
		e.connect(e.expiring("open", 2)) // until the broker stops
		pub := e.connect(login{id: e.id("pub")})
		for _, seconds := range []uint32{1, 500} {
			pub.send(message{topic: e.topic("a"), payload: fmt.Sprint("expiry ", seconds), qos: 1,
				props: &paho.PublishProperties{MessageExpiry: &seconds}})
		}
		h.restart(t, func() { e.elsewhere().clock(2) })
		watcher = e.connect(login{id: e.id("watcher"), durable: true})
		if got := map[string]bool{watcher.next().payload: true, watcher.next().payload: true}; len(got) != 2 {
			e.Errorf("sessions that ended meanwhile: %v", got)
		}
		watcher.silent()
		for _, id := range []string{"meanwhile", "open"} {
			if e.connect(login{id: e.id(id), durable: true}).present {
				e.Errorf("the session of %q is present after its expiry", id)
			}
		}
		sub = e.connect(login{id: e.id("sub"), durable: true})
		if left := sub.want("expiry 500")[0].props.MessageExpiry; left == nil || *left > 499 || *left < 400 {
			e.Errorf("remaining expiry interval %v, want about 499", left)
		}
		sub.silent()
	})
}

func TestRestartKeepsSharedGroups(t *testing.T) {
	bothOwn(t, func(e *env) {
		h := e.own()
		filter := e.group("g", "a")
		one := e.connect(login{id: e.id("one"), durable: true, byHand: true})
		one.subscribe(1, filter)
		two := e.connect(login{id: e.id("two"), durable: true})
		two.subscribe(1, filter)
		two.leave()
		pub := e.connect(login{id: e.id("pub")})
		pub.publish(1, e.topic("a"), "held")
		one.want("held")
		one.leave() // without acknowledging
		pub.publish(1, e.topic("a"), numbered("waits", 6)...)
		h.restart(t)
		pub = e.connect(login{id: e.id("pub")})
		pub.publish(1, e.topic("a"), "new")
		h.restart(t)
		one = e.connect(login{id: e.id("one"), durable: true})
		two = e.connect(login{id: e.id("two"), durable: true})
		gather(e, 8, one, two)
		one.settle()
		two.settle()
		one.leave()
		two.leave()
		h.restart(t)
		one = e.connect(login{id: e.id("one"), durable: true})
		two = e.connect(login{id: e.id("two"), durable: true})
		one.silent()
		two.silent()
		one.unsubscribe(filter)
		two.unsubscribe(filter)
		h.restart(t)
		pub = e.connect(login{id: e.id("pub")})
		if r := pub.try(message{topic: e.topic("a"), payload: "nobody", qos: 1}); e.version == v5 && r.code != 0x10 {
			e.Errorf("PUBACK %#x after the group has ended, want 0x10", r.code)
		}
	})
}
