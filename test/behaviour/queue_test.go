package behaviour

import (
	"fmt"
	"sync"
	"testing"
)

func TestOfflineQueue(t *testing.T) {
	both(t, func(e *env) {
		topic := e.topic("a")
		sub := e.connect(login{id: e.id("sub"), durable: true, flare: true})
		sub.subscribe(2, topic)
		sub.vanish()
		pub := e.connect(login{id: e.id("pub")})
		var wanted []string
		for i := range 30 {
			qos := byte(i % 3)
			payload := fmt.Sprintf("%d at QoS %d", i, qos)
			pub.publish(qos, topic, payload)
			if qos > 0 { // QoS 0 does not wait
				wanted = append(wanted, payload)
			}
		}
		sub = e.connect(login{id: e.id("sub"), durable: true})
		seen := map[uint16]bool{}
		for i, m := range sub.want(wanted...) {
			if qos := byte(1 + i%2); m.qos != qos || m.dup || m.topic != topic || m.retain || seen[m.id] {
				e.Errorf("message %d is %v, want QoS %d, no DUP, an identifier of its own", i, m, qos)
			}
			seen[m.id] = true
		}
		pub.publish(1, topic, "live")
		sub.want("live")
		sub.silent()
	})
}

// TestBacklogComesBeforeLive: a client that returns while others publish gets
// everything in order, without a gap.
func TestBacklogComesBeforeLive(t *testing.T) {
	both(t, func(e *env) {
		topic := e.topic("a")
		sub := e.connect(login{id: e.id("sub"), durable: true})
		sub.subscribe(1, topic)
		sub.leave()
		pub := e.connect(login{id: e.id("pub")})
		payloads := numbered("m", 160)
		pub.publish(1, topic, payloads[:80]...)
		var wg sync.WaitGroup
		wg.Go(func() {
			for _, p := range payloads[80:] {
				if r := <-pub.later(1, topic, p); r.err != nil {
					e.Errorf("publish: %v", r.err)
				}
			}
		})
		sub = e.connect(login{id: e.id("sub"), durable: true})
		sub.want(payloads...)
		wg.Wait()
		sub.silent()
	})
}

// TestManyReturns: each return takes some, acknowledged ones never come again.
func TestManyReturns(t *testing.T) {
	both(t, func(e *env) {
		topic := e.topic("a")
		sub := e.connect(login{id: e.id("sub"), durable: true})
		sub.subscribe(2, topic)
		sub.leave()
		pub := e.connect(login{id: e.id("pub")})
		for round := range 4 {
			payloads := numbered(fmt.Sprint("round ", round), 5)
			for i, p := range payloads {
				pub.publish(byte(1+i%2), topic, p)
			}
			sub = e.connect(login{id: e.id("sub"), durable: true})
			sub.want(payloads...)
			sub.settle()
			sub.leave()
		}
	})
}

// TestOrder: messages of one publisher on one topic keep their order, per QoS,
// with several publishers at once.
func TestOrder(t *testing.T) {
	both(t, func(e *env) {
		const publishers, each = 3, 40
		live := e.connect(login{id: e.id("live")})
		live.subscribe(2, e.topic("+"))
		away := e.connect(login{id: e.id("away"), durable: true})
		away.subscribe(2, e.topic("+"))
		away.leave()
		var wg sync.WaitGroup
		for p := range publishers {
			pub := e.connect(login{id: e.id(fmt.Sprint("pub", p))})
			wg.Go(func() {
				var flows []<-chan result
				for i := range each {
					r := pub.later(byte(p), e.topic(fmt.Sprint(p)), fmt.Sprint(i))
					if e.version == v5 { // Paho 5 publishes at once only from several goroutines
						<-r
					} else {
						flows = append(flows, r)
					}
				}
				for _, r := range flows {
					<-r
				}
			})
		}
		wg.Wait()
		check := func(c *client, want int) {
			next := [publishers]int{}
			for range want {
				m := c.next()
				p := int(m.topic[len(m.topic)-1] - '0')
				if m.payload != fmt.Sprint(next[p]) || m.qos != byte(p) {
					e.Fatalf("%s: got %v of publisher %d, want %d", c.id, m, p, next[p])
				}
				next[p]++
			}
			c.silent()
		}
		check(live, publishers*each)
		away = e.connect(login{id: e.id("away"), durable: true})
		check(away, (publishers-1)*each)
	})
}
