package behaviour

import (
	"fmt"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/paho"

	"gridmq/mqtt"
)

// group is a filter shared by a group of this run.
func (e *env) group(name, levels string) string { return "$share/" + name + "/" + e.topic(levels) }

// gather takes n messages from several clients and returns how many each had.
// Each payload must come once in all.
func gather(e *env, n int, clients ...*client) []int {
	e.Helper()
	counts := make([]int, len(clients))
	seen := map[string]string{}
	all := make(chan struct {
		i int
		m message
	})
	stop := make(chan struct{})
	defer close(stop)
	for i, c := range clients {
		go func() { // until stop
			for {
				select {
				case m := <-c.in:
					select {
					case all <- struct {
						i int
						m message
					}{i, m}:
					case <-stop:
						return
					}
				case <-stop:
					return
				}
			}
		}()
	}
	for range n {
		select {
		case got := <-all:
			if who, twice := seen[got.m.payload]; twice {
				e.Fatalf("%q came to %s and to %s", got.m.payload, who, clients[got.i].id)
			}
			seen[got.m.payload] = clients[got.i].id
			counts[got.i]++
		case <-time.After(patience):
			e.Fatalf("%d of %d messages came: %v", len(seen), n, counts)
		}
	}
	select {
	case got := <-all:
		e.Fatalf("got %v, which is one too many", got.m)
	case <-time.After(silence):
	}
	return counts
}

// TestShared: each message to one member, every member has some.
func TestShared(t *testing.T) {
	for qos := range byte(3) {
		t.Run(fmt.Sprint("QoS", qos), func(t *testing.T) {
			both(t, func(e *env) {
				var members []*client
				for i, durable := range []bool{false, true, false} {
					m := e.connect(login{id: e.id(fmt.Sprint("member", i)), durable: durable})
					m.subscribe(2, e.group("g", "+"))
					members = append(members, m)
				}
				pub := e.connect(login{id: e.id("pub")})
				for _, p := range numbered("m", 60) {
					pub.publish(qos, e.topic("a"), p)
				}
				for i, n := range gather(e, 60, members...) {
					if n == 0 {
						e.Errorf("member %d got nothing", i)
					}
				}
			})
		})
	}
}

// TestSharedGroupsAndPlain: each group gets a copy, and a plain subscription its own.
func TestSharedGroupsAndPlain(t *testing.T) {
	both(t, func(e *env) {
		one := e.connect(login{id: e.id("one")})
		one.subscribe(1, e.group("g", "a"), e.topic("a"))
		two := e.connect(login{id: e.id("two")})
		two.subscribe(1, e.group("h", "a"))
		three := e.connect(login{id: e.id("three")})
		three.subscribe(1, e.group("g", "#"))
		pub := e.connect(login{id: e.id("pub")})
		for qos := range byte(3) {
			pub.publish(qos, e.topic("a"), "m")
			one.want("m", "m")
			two.want("m")
			three.want("m") // another filter is another subscription, whatever the group's name
		}
		for _, c := range []*client{one, two, three} {
			c.silent()
		}
		one.unsubscribe(e.group("g", "a"))
		pub.publish(1, e.topic("a"), "m")
		one.want("m")
		one.silent()
	})
}

// TestSharedUnsubscribe: the last one out closes the door.
func TestSharedUnsubscribe(t *testing.T) {
	both(t, func(e *env) {
		pub := e.connect(login{id: e.id("pub")})
		one, two := e.connect(login{id: e.id("one"), durable: true}), e.connect(login{id: e.id("two")})
		one.subscribe(1, e.group("g", "a"))
		two.subscribe(1, e.group("g", "a"))
		one.unsubscribe(e.group("g", "a"))
		for _, p := range numbered("m", 10) {
			pub.publish(1, e.topic("a"), p)
			two.want(p)
		}
		two.unsubscribe(e.group("g", "a"))
		if r := pub.try(message{topic: e.topic("a"), payload: "nobody", qos: 1}); e.version == v5 && r.code != 0x10 {
			e.Errorf("PUBACK %#x, want 0x10: nobody is subscribed", r.code)
		}
		one.silent()
		two.silent()
		one.subscribe(1, e.group("g", "a"))
		one.silent()
	})
}

// TestSharedMemberLeaves: what it has not acknowledged goes to another.
func TestSharedMemberLeaves(t *testing.T) {
	both(t, func(e *env) {
		leaver := e.raw(e.id("leaver"))
		leaver.to(1, e.group("g", "a"))
		pub := e.connect(login{id: e.id("pub")})
		pub.publish(1, e.topic("a"), numbered("m", 5)...)
		leaver.ack(mqtt.PUBACK, leaver.published("m-1").PacketID)
		for _, p := range numbered("m", 5)[1:] {
			leaver.published(p)
		}
		stayer := e.connect(login{id: e.id("stayer")})
		stayer.subscribe(1, e.group("g", "a"))
		stayer.silent() // the other one has them
		leaver.drop()
		got := map[string]bool{}
		for range 4 {
			got[stayer.next().payload] = true
		}
		for _, p := range numbered("m", 5)[1:] {
			if !got[p] {
				e.Errorf("%q did not come to the member that stayed: %v", p, got)
			}
		}
		stayer.silent()
	})
}

// TestSharedStartedQoS2 stays with its member, even if that one is gone for good.
func TestSharedStartedQoS2(t *testing.T) {
	both(t, func(e *env) {
		leaver := e.connect(login{id: e.id("leaver"), durable: true, byHand: true})
		leaver.subscribe(2, e.group("g", "a"))
		pub := e.connect(login{id: e.id("pub")})
		pub.publish(2, e.topic("a"), "1")
		first := leaver.want("1")[0]
		stayer := e.connect(login{id: e.id("stayer")})
		stayer.subscribe(2, e.group("g", "a"))
		leaver.drop()
		stayer.silent()
		leaver = e.connect(login{id: e.id("leaver"), durable: true, byHand: true})
		if m := leaver.want("1")[0]; !m.dup || m.id != first.id {
			e.Errorf("resent as %v, first time %v [MQTT-4.8.2-4]", m, first)
		}
		e.connect(login{id: e.id("leaver")}) // clean: the session ends
		stayer.silent()                      // [MQTT-4.8.2-5]
	})
}

// TestSharedDurableMember: what it has not acknowledged when its connection is
// lost goes to another, as new ones do; nothing comes twice when it is back.
func TestSharedDurableMember(t *testing.T) {
	both(t, func(e *env) {
		filter := e.group("g", "a")
		sleeper := e.connect(login{id: e.id("sleeper"), durable: true, byHand: true, flare: true})
		sleeper.subscribe(1, filter)
		pub := e.connect(login{id: e.id("pub")})
		pub.publish(1, e.topic("a"), numbered("held", 3)...)
		sleeper.want(numbered("held", 3)...)
		worker := e.connect(login{id: e.id("worker")})
		worker.subscribe(1, filter)
		sleeper.vanish()
		pub.publish(1, e.topic("a"), numbered("new", 3)...)
		gather(e, 6, worker) // nothing waits for a member that is away
		sleeper = e.connect(login{id: e.id("sleeper"), durable: true})
		sleeper.silent()
	})
}

// TestSharedDurableMemberEnds: its session ends with unacknowledged messages;
// another member gets them (section 4.8.2 of MQTT 5).
func TestSharedDurableMemberEnds(t *testing.T) {
	both(t, func(e *env) {
		filter := e.group("g", "a")
		sleeper := e.connect(login{id: e.id("sleeper"), durable: true, byHand: true})
		sleeper.subscribe(1, filter)
		pub := e.connect(login{id: e.id("pub")})
		pub.publish(1, e.topic("a"), numbered("held", 3)...)
		sleeper.want(numbered("held", 3)...)
		worker := e.connect(login{id: e.id("worker")})
		worker.subscribe(1, filter)
		e.connect(login{id: e.id("sleeper")}) // clean: the session ends
		gather(e, 3, worker)
	})
}

// TestSharedEverybodyAway: a group with a durable member waits for it.
func TestSharedEverybodyAway(t *testing.T) {
	both(t, func(e *env) {
		filter := e.group("g", "a")
		one := e.connect(login{id: e.id("one"), durable: true})
		one.subscribe(2, filter)
		two := e.connect(login{id: e.id("two"), durable: true})
		two.subscribe(2, filter)
		one.leave()
		two.leave()
		pub := e.connect(login{id: e.id("pub")})
		for qos := range byte(3) {
			for _, p := range numbered(fmt.Sprint("at ", qos), 4) {
				pub.publish(qos, e.topic("a"), p)
			}
		}
		one = e.connect(login{id: e.id("one"), durable: true})
		two = e.connect(login{id: e.id("two"), durable: true})
		gather(e, 8, one, two) // QoS 0 did not wait
	})
}

// TestSharedTransientGroup ends with its members.
func TestSharedTransientGroup(t *testing.T) {
	both(t, func(e *env) {
		member := e.connect(login{id: e.id("member"), flare: true})
		member.subscribe(1, e.group("g", "a"))
		member.vanish()
		pub := e.connect(login{id: e.id("pub")})
		for qos := range byte(3) {
			pub.publish(qos, e.topic("a"), "nobody is there")
		}
		member = e.connect(login{id: e.id("member")})
		member.subscribe(1, e.group("g", "a"))
		member.silent()
	})
}

// TestSharedFullWindow: a member that has no room left is passed over.
func TestSharedFullWindow(t *testing.T) {
	five(t, func(e *env) {
		slow := e.connect(login{id: e.id("slow"), byHand: true, more: func(p *paho.Connect) { p.Properties.ReceiveMaximum = paho.Uint16(1) }})
		slow.subscribe(1, e.group("g", "a"))
		pub := e.connect(login{id: e.id("pub")})
		pub.publish(1, e.topic("a"), "takes the whole window")
		held := slow.want("takes the whole window")[0]
		quick := e.connect(login{id: e.id("quick")})
		quick.subscribe(1, e.group("g", "a"))
		pub.publish(1, e.topic("a"), numbered("m", 20)...)
		if n := gather(e, 20, quick, slow); n[1] > 0 {
			e.Errorf("the member without room got %d", n[1])
		}
		held.ack()
		quick.leave()
		pub.publish(1, e.topic("a"), "room again")
		slow.want("room again")
	})
}

// TestSharedNoRetained: they are not sent for shared subscriptions, and the
// flag is off for live ones.
func TestSharedNoRetained(t *testing.T) {
	both(t, func(e *env) {
		pub := e.connect(login{id: e.id("pub")})
		pub.keep(e.topic("r"), "kept")
		e.clear(e.topic("r"))
		for _, durable := range []bool{false, true} {
			sub := e.connect(login{id: e.id("sub"), durable: durable})
			sub.subscribe(1, e.group("g", "r"))
			sub.silent()
			pub.keep(e.topic("r"), "live")
			if m := sub.want("live")[0]; m.retain {
				e.Errorf("got %v, want no retain", m)
			}
			sub.leave()
			e.connect(login{id: e.id("sub")}).leave()
		}
	})
}

// TestSharedNoLocal is a protocol error [MQTT-3.8.3-4].
func TestSharedNoLocal(t *testing.T) {
	five(t, func(e *env) {
		c := e.connect(login{id: e.id("c")})
		go func() { // it gets no SUBACK
			_, _ = c.driver.subscribe([]paho.SubscribeOptions{{Topic: e.group("g", "a"), QoS: 1, NoLocal: true}}, 0)
		}()
		c.wantEnd(0x82)
	})
}

// TestSharedAcrossVersions: members of both versions in one group.
func TestSharedAcrossVersions(t *testing.T) {
	both(t, func(e *env) {
		one, other := e.connect(login{id: e.id("one")}), e.as(v3+v5-e.version).connect(login{id: e.id("other")})
		one.subscribe(1, e.group("g", "a"))
		other.subscribe(1, e.group("g", "a"))
		pub := e.connect(login{id: e.id("pub")})
		pub.publish(1, e.topic("a"), numbered("m", 40)...)
		if n := gather(e, 40, one, other); n[0] == 0 || n[1] == 0 {
			e.Errorf("spread %v, want both to have some", n)
		}
	})
}
