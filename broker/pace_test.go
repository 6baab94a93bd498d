package broker

import (
	"fmt"
	"testing"
	"time"

	"gridmq/mqtt"
)

// fire publishes n messages and sees their acknowledgements, which do not wait for
// receivers that are held back.
func fire(pub *device, topic string, qos byte, n int) {
	pub.t.Helper()
	for i := range n {
		pub.publish(text{topic: topic, payload: fmt.Sprint(i), qos: qos})
	}
}

// paced receives n messages in order and checks that each comes when the rate allows:
// burst of them at once, then rate a second.
func paced(t *testing.T, sub *device, n, burst, rate int) {
	t.Helper()
	start := time.Now()
	releases := 0               // that came, less those that are due
	next := func() *delivered { // PUBREL is not held back, and comes in between
		for {
			p, err := sub.read(time.Minute)
			switch p := p.(type) {
			case *delivered:
				if p.QoS > 0 {
					sub.ack(map[byte]mqtt.Type{1: mqtt.PUBACK, 2: mqtt.PUBREC}[p.QoS], p.ID)
				}
				if p.QoS == 2 {
					releases--
				}
				return p
			case *mqtt.Ack:
				sub.ack(mqtt.PUBCOMP, p.PacketID)
				releases++
			default:
				t.Fatalf("got %v, %v", p, err)
			}
		}
	}
	for i := range n {
		if m := next(); m.Payload != fmt.Sprint(i) {
			t.Fatalf("message %d is %q", i, m.Payload)
		}
		due := time.Duration(max(0, i+1-burst)) * time.Second / time.Duration(rate)
		if late := time.Since(start) - due; late < -time.Millisecond || late > 2*pacePause*time.Millisecond {
			t.Fatalf("message %d after %v, want %v", i, time.Since(start), due)
		}
	}
	for releases < 0 { // those of the last messages
		a := want[*mqtt.Ack](sub)
		sub.ack(mqtt.PUBCOMP, a.PacketID)
		releases++
	}
}

// What one session is sent. spec/limits-and-metrics.md, "Delivering, outbound".
func TestSessionDeliveryRate(t *testing.T) {
	for qos := range byte(3) {
		t.Run(fmt.Sprint("QoS ", qos), func(t *testing.T) {
			virtual(t, func(t *testing.T, h *house) {
				slow, pub := h.connect("slow", clean), h.connect("pub", clean)
				slow.subscribe("a", atQoS(qos))
				fire(pub, "a", qos, 35)
				paced(t, slow, 35, 10, 10)
				slow.quiet(2 * time.Second)
				fire(pub, "a", qos, 12) // a second's worth may come at once again
				paced(t, slow, 12, 10, 10)
			}, func(l *Limits) { l.SessionDeliveryRate = 10 })
		})
	}
}

// Each session has a rate of its own, the namespace one for all.
func TestNamespaceDeliveryRate(t *testing.T) {
	virtual(t, func(t *testing.T, h *house) {
		one, two, pub := h.connect("one", clean), h.connect("two", clean), h.connect("pub", clean)
		one.subscribe("a", atQoS(1))
		two.subscribe("a", atQoS(1))
		fire(pub, "a", 1, 10)
		start := time.Now()
		for _, d := range []*device{one, two} {
			for i := range 10 {
				if m := d.receive(); m.Payload != fmt.Sprint(i) {
					t.Fatalf("message %d is %q", i, m.Payload)
				}
			}
		}
		if took := time.Since(start); took < 900*time.Millisecond || took > 1200*time.Millisecond {
			t.Errorf("20 messages at 10 a second, 10 of them at once: %v", took)
		}
	}, func(l *Limits) { l.DeliveryRate, l.SessionDeliveryRate = 10, 10 })
}

// Bytes are those of the payloads; one that is larger than a second's worth waits for
// a full bucket.
func TestDeliveryBytes(t *testing.T) {
	for name, limit := range map[string]func(*Limits){
		"session":   func(l *Limits) { l.SessionDeliveryBytes, l.SessionDeliveryRate = 1000, 10 },
		"namespace": func(l *Limits) { l.DeliveryBytes, l.DeliveryRate = 1000, 10 },
		"both":      func(l *Limits) { l.DeliveryBytes, l.SessionDeliveryBytes, l.SessionDeliveryRate = 1000, 2000, 10 },
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T, h *house) {
				sub, pub := h.connect("sub", clean), h.connect("pub", clean)
				sub.subscribe("a", atQoS(1))
				start := time.Now()
				for _, size := range []int{600, 600, 3000, 10} {
					pub.publish(text{topic: "a", payload: repeat("x", size), qos: 1})
				}
				for i, due := range []time.Duration{0, 200, 1200, 3210} { // ms
					m := sub.receive()
					if late := time.Since(start) - due*time.Millisecond; late < -time.Millisecond || late > 2*pacePause*time.Millisecond {
						t.Errorf("message %d of %d bytes after %v, want %v ms", i, len(m.Payload), time.Since(start), due)
					}
				}
			}, limit)
		})
	}
}

// What waited for a client that was away is held to the rate too, and a connection that
// is lost while something waits leaves nothing behind; the next begins where it stopped.
func TestDeliveryRateOfBacklog(t *testing.T) {
	virtual(t, func(t *testing.T, h *house) {
		sub := h.connect("sub", expiry(1000))
		sub.subscribe("a", atQoS(1))
		sub.disconnect(mqtt.Success)
		pub := h.connect("pub", clean)
		fire(pub, "a", 1, 25)
		sub = h.connect("sub", expiry(1000))
		for i := range 10 {
			sub.receives(fmt.Sprint(i))
		}
		sub.lose()
		time.Sleep(time.Second)
		sub = h.connect("sub", expiry(1000))
		start := time.Now()
		for i := 10; i < 25; i++ {
			sub.receives(fmt.Sprint(i))
		}
		if took := time.Since(start); took < 500*time.Millisecond || took > 550*time.Millisecond {
			t.Errorf("the rest after %v, want 500ms", took)
		}
	}, func(l *Limits) { l.SessionDeliveryRate = 10 })
}

// Retained messages, many at once, are held to the rate and all arrive.
func TestDeliveryRateOfRetained(t *testing.T) {
	virtual(t, func(t *testing.T, h *house) {
		pub := h.connect("pub", clean)
		for i := range 40 {
			pub.publish(text{topic: fmt.Sprint("r/", i), payload: "x", qos: 1, retain: true})
		}
		sub := h.connect("sub", clean)
		sub.subscribe("r/+", atQoS(1))
		start := time.Now()
		for range 40 {
			sub.receive()
		}
		if took := time.Since(start); took < 2900*time.Millisecond || took > 3200*time.Millisecond {
			t.Errorf("40 retained messages at 10 a second: %v", took)
		}
	}, func(l *Limits) { l.SessionDeliveryRate = 10 })
}
