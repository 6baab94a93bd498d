package behaviour

import (
	"strings"
	"testing"
	"time"
)

// A slow subscriber costs its publishers, never strangers.

// pressed is a subscriber that acknowledges by hand, its publisher, and the
// answers to what that one has published: some came, the last ones are held.
func pressed(e *env, hold string) (sub, pub *client, got []message, held []<-chan result) {
	e.Helper()
	e.own(limit("queue.messages", 10), limit("hold_acknowledgements", hold))
	sub = e.connect(login{id: e.id("sub"), byHand: true})
	sub.subscribe(1, e.topic("a"))
	pub = e.connect(login{id: e.id("pub")})
	for i, p := range numbered("m", 8) {
		r := pub.later(1, e.topic("a"), p)
		got = append(got, sub.want(p)...) // the message itself is not held
		if i < 5 {                        // up to half of the queue
			if a := answered(e, r); a.err != nil {
				e.Fatalf("publish %q: %+v", p, a)
			}
		} else {
			held = append(held, r)
		}
	}
	return sub, pub, got, held
}

func TestBackPressure(t *testing.T) {
	bothOwn(t, func(e *env) {
		_, pub, got, held := pressed(e, "1h")
		for _, r := range held {
			unanswered(e, r)
		}
		// What the publisher sends elsewhere is delivered, and answered in its turn.
		elsewhere := e.connect(login{id: e.id("elsewhere")})
		elsewhere.subscribe(1, e.topic("b"))
		behind := pub.later(1, e.topic("b"), "behind the held ones")
		elsewhere.want("behind the held ones")
		unanswered(e, behind)
		// Strangers do not notice.
		stranger := e.connect(login{id: e.id("stranger")})
		stranger.publish(1, e.topic("b"), "1", "2", "3")
		stranger.publish(2, e.topic("b"), "4")
		elsewhere.want("1", "2", "3", "4")
		ackAll(got)
		for _, r := range append(held, behind) {
			if a := answered(e, r); a.err != nil || a.code != 0 {
				e.Errorf("held answer: %+v", a)
			}
		}
		pub.publish(1, e.topic("a"), "flows again")
	})
}

// TestBackPressureIsBounded in time.
func TestBackPressureIsBounded(t *testing.T) {
	bothOwn(t, func(e *env) {
		begin := time.Now()
		_, _, _, held := pressed(e, "1s")
		for _, r := range held {
			if a := answered(e, r); a.err != nil || a.code != 0 {
				e.Errorf("held answer: %+v", a)
			}
		}
		if took := time.Since(begin); took < 900*time.Millisecond {
			e.Errorf("the answers came after %v, want 1 s", took)
		}
	})
}

// TestBackPressureEnds with the subscriber's connection.
func TestBackPressureEnds(t *testing.T) {
	bothOwn(t, func(e *env) {
		sub, _, _, held := pressed(e, "1h")
		unanswered(e, held[0])
		sub.drop()
		for _, r := range held {
			if a := answered(e, r); a.err != nil || a.code != 0 {
				e.Errorf("held answer: %+v", a)
			}
		}
	})
}

// TestBackPressureOfADurableSubscriber: its messages are safe, the publisher is
// held all the same; away, it holds nobody.
func TestBackPressureOfADurableSubscriber(t *testing.T) {
	bothOwn(t, func(e *env) {
		e.own(limit("queue.messages", 10), limit("hold_acknowledgements", "1h"))
		sub := e.connect(login{id: e.id("sub"), durable: true, byHand: true})
		sub.subscribe(2, e.topic("a"))
		pub := e.connect(login{id: e.id("pub")})
		for i, p := range numbered("m", 5) {
			pub.publish(byte(1+i%2), e.topic("a"), p)
		}
		sub.want(numbered("m", 5)...)
		held := pub.later(1, e.topic("a"), "m-6")
		unanswered(e, held)
		sub.drop()
		answered(e, held)
		pub.publish(1, e.topic("a"), "m-7", "m-8")
		sub = e.connect(login{id: e.id("sub"), durable: true})
		sub.want(numbered("m", 8)...)
	})
}

// TestSocketThatTakesNothing: the subscriber's socket is full. QoS 0 is dropped
// when too much waits, QoS 1 holds its publisher, nobody else notices.
func TestSocketThatTakesNothing(t *testing.T) {
	bothOwn(t, func(e *env) {
		e.own(limit("queue.messages", 40), limit("queue.bytes", "64MiB"), limit("hold_acknowledgements", "1h"),
			limit("write_timeout", "1h"))
		slow := e.connect(login{id: e.id("slow")})
		slow.subscribe(1, e.topic("a"))
		quick := e.connect(login{id: e.id("quick")})
		quick.subscribe(1, e.topic("a"))
		slow.wire.stall()
		pub := e.connect(login{id: e.id("pub")})
		large := strings.Repeat("x", 256<<10)
		for range 64 { // 16 MiB, more than sockets hold
			pub.publish(0, e.topic("a"), large)
			if got := quick.next(); got.payload != large {
				e.Fatalf("the quick one got %d bytes", len(got.payload))
			}
		}
		var flows []<-chan result
		const n = 30
		for range n {
			flows = append(flows, pub.later(1, e.topic("a"), large))
		}
		unanswered(e, flows[n-1])
		stranger := e.connect(login{id: e.id("stranger")})
		stranger.subscribe(1, e.topic("b"))
		stranger.publish(1, e.topic("b"), "undisturbed")
		stranger.want("undisturbed")
		slow.wire.flow()
		for _, r := range flows {
			answered(e, r)
		}
		for ones := 0; ones < n; { // every QoS 1, and some of QoS 0
			if slow.next().qos == 1 {
				ones++
			}
		}
	})
}
