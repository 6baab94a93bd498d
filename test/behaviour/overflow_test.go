package behaviour

import (
	"strings"
	"testing"
)

// overflow fills the queue of a client that is away beyond its bound and
// returns the client.
func overflow(e *env, policy string) (sub *client, payloads []string) {
	e.Helper()
	e.own(limit("queue.messages", 5), limit("queue.policy", policy))
	sub = e.connect(login{id: e.id("sub"), durable: true, flare: true})
	sub.subscribe(2, e.topic("a"))
	sub.vanish()
	pub := e.connect(login{id: e.id("pub")})
	payloads = numbered("m", 8)
	for i, p := range payloads {
		pub.publish(byte(1+i%2), e.topic("a"), p) // never refused: the publisher is not to blame
	}
	return e.connect(login{id: e.id("sub"), durable: true}), payloads
}

func TestQueueDropsTheOldest(t *testing.T) {
	bothOwn(t, func(e *env) {
		sub, payloads := overflow(e, "drop-oldest")
		sub.want(payloads[3:]...)
		sub.silent()
	})
}

func TestQueueDropsTheNewest(t *testing.T) {
	bothOwn(t, func(e *env) {
		sub, payloads := overflow(e, "drop-newest")
		sub.want(payloads[:5]...)
		sub.silent()
	})
}

func TestQueueTerminates(t *testing.T) {
	bothOwn(t, func(e *env) {
		sub, _ := overflow(e, "terminate")
		if sub.present {
			e.Error("the session is present although its queue was full")
		}
		e.connect(login{id: e.id("pub")}).publish(1, e.topic("a"), "nobody is subscribed")
		sub.silent()
	})
}

// TestQueueSurvivesARestart: what was dropped stays dropped.
func TestQueueDropsAndRestarts(t *testing.T) {
	bothOwn(t, func(e *env) {
		h := e.own(limit("queue.messages", 5), limit("queue.policy", "drop-oldest"))
		sub := e.connect(login{id: e.id("sub"), durable: true, flare: true})
		sub.subscribe(1, e.topic("a"))
		sub.vanish()
		pub := e.connect(login{id: e.id("pub")})
		pub.publish(1, e.topic("a"), numbered("m", 8)...)
		h.restart(t)
		pub = e.connect(login{id: e.id("pub")})
		pub.publish(1, e.topic("a"), "m-9")
		sub = e.connect(login{id: e.id("sub"), durable: true})
		sub.want(numbered("m", 9)[4:]...)
		sub.silent()
	})
}

// TestQueueBytes: the bound in bytes.
func TestQueueBytes(t *testing.T) {
	bothOwn(t, func(e *env) {
		e.own(limit("queue.bytes", "4KiB"), limit("queue.policy", "drop-oldest"))
		sub := e.connect(login{id: e.id("sub"), durable: true, flare: true})
		sub.subscribe(1, e.topic("a"))
		sub.vanish()
		pub := e.connect(login{id: e.id("pub")})
		payload := func(i int) string { return strings.Repeat(string(rune('a'+i)), 900) }
		for i := range 10 {
			pub.publish(1, e.topic("a"), payload(i))
		}
		sub = e.connect(login{id: e.id("sub"), durable: true})
		sub.want(payload(6), payload(7), payload(8), payload(9)) // 4 x 900 bytes and topics
		sub.silent()
		// One that is larger than the bound alone is let through when nothing waits.
		sub.leave()
		large := strings.Repeat("x", 5000)
		pub.publish(1, e.topic("a"), large)
		sub = e.connect(login{id: e.id("sub"), durable: true})
		sub.want(large)
	})
}

// TestQueueOfAClientThatIsThere: the policy applies only after its publishers
// were held back for a while.
func TestQueueOfAClientThatIsThere(t *testing.T) {
	for _, policy := range []string{"drop-oldest", "drop-newest", "terminate"} {
		t.Run(policy, func(t *testing.T) {
			bothOwn(t, func(e *env) {
				e.own(limit("queue.messages", 4), limit("queue.policy", policy), limit("hold_acknowledgements", "200ms"))
				sub := e.connect(login{id: e.id("sub"), durable: true, byHand: true})
				sub.subscribe(1, e.topic("a"))
				pub := e.connect(login{id: e.id("pub")})
				pub.publish(1, e.topic("a"), numbered("m", 12)...) // each waits at most the 200 ms
				if policy == "terminate" {
					sub.wantEnd(0x97)
					if e.connect(login{id: e.id("sub"), durable: true}).present {
						e.Error("the session is present although it was terminated")
					}
					return
				}
				// What was sent cannot be taken back; it has its place in the window.
				var got []message
				for m := sub.next(); ; m = sub.next() {
					if got = append(got, m); m.payload == "m-12" || policy == "drop-newest" && len(sub.in) == 0 {
						break
					}
				}
				ackAll(got)
				pub.publish(1, e.topic("a"), "after")
				for sub.next().payload != "after" {
				}
			})
		})
	}
}
