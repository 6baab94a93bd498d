package broker

import (
	"strings"
	"testing"
	"time"

	"gridmq/mqtt"
)

// patient is the limit of profile standard for clients in a loop.
func patient(l *Limits) { l.ReconnectRate = StandardLimits().ReconnectRate }

// A client that connects again and again is let in as often as the limits say, and no
// more; nobody else notices. Profile standard.
func TestReconnectRate(t *testing.T) {
	l := StandardLimits()
	come := func(h *house, v mqtt.Version, id, name string) mqtt.Code {
		d := h.dial(v)
		ack := d.tryLogin(id, clean, user(name))
		d.lose()
		return ack.Code
	}
	guarded(t, func(t *testing.T, h *house, p *porter) {
		for i := range l.ReconnectBurst {
			if code := come(h, mqtt.V5, "d", "loop"); code != mqtt.Success {
				t.Fatalf("CONNECT %d: %v", i, code)
			}
		}
		d := h.dial(mqtt.V5)
		ack := d.tryLogin("d", clean, user("LOOP"))
		if ack.Code != mqtt.ConnectionRateExceeded || !strings.Contains(ack.Properties.ReasonString, "in a loop") {
			t.Errorf("one more: %v %q, want %v", ack.Code, ack.Properties.ReasonString, mqtt.ConnectionRateExceeded)
		}
		d.lose()
		if code := come(h, mqtt.V311, "d", "loop"); code != mqtt.ServerUnavailable {
			t.Errorf("3.1.1: %v, want %v", code, mqtt.ServerUnavailable)
		}
		for id, name := range map[string]string{"d": "another", "e": "loop", "": "loop"} { // the first may, if it is its session
			if code := come(h, mqtt.V5, id, name); code != mqtt.Success {
				t.Errorf("client %q of %q: %v", id, name, code)
			}
		}
		in := 0
		for range 50 * 10 { // for ten seconds
			if come(h, mqtt.V5, "d", "loop") == mqtt.Success {
				in++
			}
			time.Sleep(20 * time.Millisecond)
		}
		if most := 10 * l.ReconnectRate; in < most-1 || in > most {
			t.Errorf("50 times a second for ten seconds: let in %d times, want %d", in, most)
		}
		time.Sleep(time.Minute)
		for range l.ReconnectBurst {
			if code := come(h, mqtt.V5, "d", "loop"); code != mqtt.Success {
				t.Fatalf("after a minute: %v", code)
			}
		}
	}, patient)
}

// Who cannot show who it is uses up nothing of who can.
func TestReconnectRateIsProved(t *testing.T) {
	guarded(t, func(t *testing.T, h *house, p *porter) {
		h.stop()
		h.who = DenyAll{}
		h.start()
		for range 1000 {
			d := h.dial(mqtt.V5)
			if ack := d.tryLogin("d", user("victim")); ack.Code != mqtt.NotAuthorized {
				t.Fatalf("somebody else: %v", ack.Code)
			}
			d.lose()
		}
		if n := len(h.ns().rates.sessions); n != 0 {
			t.Errorf("%d clients are remembered that were not let in", n)
		}
	}, patient)
}

// Nobody is recognised without a name and an identifier: as many such as like may come.
func TestReconnectRateOfNobody(t *testing.T) {
	virtual(t, func(t *testing.T, h *house) {
		for range 200 {
			h.connect("", clean).disconnect(mqtt.Success)
		}
	}, patient)
}

// What is remembered of a crowd goes when its clients may do everything again.
func TestReconnectMemory(t *testing.T) {
	virtual(t, func(t *testing.T, h *house) {
		for i := range 300 {
			h.connect("c"+string(rune('A'+i)), clean)
		}
		count := func() int { // -1: no memory at all
			r := &h.ns().rates
			r.mu.Lock()
			defer r.mu.Unlock()
			if r.sessions == nil {
				return -1
			}
			return len(r.sessions)
		}
		if n := count(); n != 300 {
			t.Errorf("%d clients remembered, want 300", n)
		}
		time.Sleep(11 * time.Second)
		if n := count(); n != 300 {
			t.Errorf("%d clients remembered although their buckets are not full again", n)
		}
		time.Sleep(3*time.Second + beatEvery)
		if n := count(); n >= 0 {
			t.Errorf("memory of %d clients for ever", n)
		}
	}, patient)
}
