package broker

import (
	"testing"
	"time"

	"gridmq/mqtt"
)

// What is retained goes after 365 days, or earlier if its publisher says so:
// spec/retain-and-http-publish.md, section 1.1. Also after a restart.
func TestAzureRetainedExpiry(t *testing.T) {
	const year = 365 * 24 * time.Hour
	tests := map[string]struct {
		version mqtt.Version
		expiry  uint32        // seconds
		most    time.Duration // 0: the profile's
		want    time.Duration
	}{
		"3.1.1":               {mqtt.V311, 0, 0, year},
		"5, none":             {mqtt.V5, 0, 0, year},
		"5, an hour":          {mqtt.V5, 3600, 0, time.Hour},
		"5, 365 days":         {mqtt.V5, 365 * 24 * 3600, 0, year},
		"5, more than a year": {mqtt.V5, 400 * 24 * 3600, 0, year},
		"an hour allowed":     {mqtt.V5, 7200, time.Hour, time.Hour}, // a year of heartbeats takes a while
	}
	for name, tt := range tests {
		for _, again := range []bool{false, true} {
			t.Run(name+map[bool]string{true: ", restart"}[again], func(t *testing.T) {
				virtual(t, func(t *testing.T, h *house) {
					pub := h.dial(tt.version).login("pub", clean)
					pub.publish(text{topic: "x", payload: "m", qos: 1, retain: true, expiry: tt.expiry})
					began := time.Now()
					pub.lose()
					if again {
						h.restart()
					}
					m, err := h.b.Retained("test", "x")
					if err != nil || m == nil || m.Expires != began.Add(tt.want).UnixMilli() {
						t.Fatalf("retained: %+v, %v, want it to expire after %v", m, err, tt.want)
					}
					if tt.want > time.Hour {
						return
					}
					time.Sleep(tt.want - time.Second)
					if m, err := h.b.Retained("test", "x"); m == nil {
						t.Fatalf("a second before: gone, %v", err)
					}
					time.Sleep(2 * time.Second)
					if _, there := h.ns().retained.names.Get("x"); there {
						t.Error("a second after: still there")
					}
					h.settled()
				}, azure, func(l *Limits) {
					if tt.most > 0 {
						l.RetainedExpiryMaximum = uint32(tt.most / time.Second)
					}
				})
			})
		}
	}
}

// Retained messages: spec/retain-and-http-publish.md, section 1, spec/mqtt-protocol.md,
// section 10.
func TestAzureRetain(t *testing.T) {
	azureRows(t, map[string]azureRow{
		"retained message too big": {"mqtt 10", func(t *testing.T, h *house, p *porter) {
			sub := h.watch("x")
			d := h.dialSize(mqtt.V5, 1<<20).login("5", clean)
			d.say(text{topic: "x", payload: repeat("x", 64<<10+1), retain: true}, mqtt.QuotaExceeded)
			sub.quiet(time.Second) // nor is it delivered
			d.say(text{topic: "x", payload: repeat("x", 64<<10), retain: true}, mqtt.Success)
			old := h.dialSize(mqtt.V311, 1<<20).login("3", clean)
			old.put(text{topic: "x", payload: repeat("x", 64<<10+1), qos: 1, retain: true})
			old.over()
		}},
		"cleared by an empty payload": {"retain 1.2", func(t *testing.T, h *house, p *porter) {
			d := h.connect("d", clean)
			d.say(text{topic: "x", payload: "m", retain: true}, mqtt.NoMatchingSubscribers)
			d.say(text{topic: "x", retain: true}, mqtt.NoMatchingSubscribers)
			if m, _ := h.b.Retained("test", "x"); m != nil {
				t.Error("still there")
			}
		}},
	})
	full := func(t *testing.T, h *house, p *porter) {
		sub := h.watch("c")
		d := h.connect("d", clean)
		d.say(text{topic: "a", payload: repeat("x", 40), retain: true}, mqtt.NoMatchingSubscribers)
		d.say(text{topic: "b", payload: repeat("x", 40), retain: true}, mqtt.NoMatchingSubscribers)
		d.say(text{topic: "c", payload: repeat("x", 40), retain: true}, mqtt.QuotaExceeded)
		sub.quiet(time.Second)
		d.say(text{topic: "a", payload: repeat("y", 40), retain: true}, mqtt.NoMatchingSubscribers) // replaces one
		d.say(text{topic: "a", retain: true}, mqtt.NoMatchingSubscribers)
		d.say(text{topic: "c", payload: repeat("x", 40), retain: true}, mqtt.Success)
	}
	azureRows(t, map[string]azureRow{"retain store full, messages": {"retain 1.1", full}}, func(l *Limits) { l.RetainedMessages = 2 })
	azureRows(t, map[string]azureRow{"retain store full, bytes": {"retain 1.1", full}}, func(l *Limits) { l.RetainedTotalBytes = 100 })
}
