package broker

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"gridmq/mqtt"
)

// What clients are sent: spec/limits-and-metrics.md, section 1, spec/mqtt-protocol.md,
// sections 3 and 5.
func TestAzureDeliver(t *testing.T) {
	away := func(h *house, id string) {
		d := h.connect(id, expiry(3600))
		d.subscribe(id)
		d.lose()
	}
	azureRows(t, map[string]azureRow{
		"session queue, 100 messages": {"mqtt 3", func(t *testing.T, h *house, p *porter) {
			away(h, "fits")
			away(h, "over")
			pub := h.connect("pub", clean)
			for i := range 101 {
				pub.say(text{topic: "over", payload: "m"}, mqtt.Success)
				if i < 100 {
					pub.say(text{topic: "fits", payload: "m"}, mqtt.Success)
				}
			}
			synctest.Wait()
			if h.session("fits") == nil || h.session("over") != nil {
				t.Errorf("with 100 messages there: %v; with 101 gone: %v", h.session("fits") != nil, h.session("over") == nil)
			}
		}},
		"session queue, 1 MB": {"mqtt 3", func(t *testing.T, h *house, p *porter) {
			away(h, "over")
			pub := h.dialSize(mqtt.V5, 4<<20).login("pub", clean)
			for i := range 3 {
				if h.session("over") == nil {
					t.Errorf("gone after %d messages of 400 KiB", i)
				}
				pub.say(text{topic: "over", payload: repeat("x", 400<<10)}, mqtt.Success)
				time.Sleep(time.Second)
			}
			if h.session("over") != nil {
				t.Error("still there with 1,200 KiB")
			}
		}},
		"queue full, connected": {"mqtt 10", func(t *testing.T, h *house, p *porter) {
			d := h.connect("d", expiry(3600), receiveMaximum(1))
			d.subscribe("x")
			pub := h.connect("pub", clean)
			for range 102 {
				pub.put(text{topic: "x", payload: "m", qos: 1})
			}
			time.Sleep(time.Minute) // holding acknowledgements back does not help
			pub.put(text{topic: "x", payload: "m", qos: 1})
			d.ended(mqtt.QuotaExceeded)
			if h.session("d") != nil {
				t.Error("the session is still there")
			}
		}},
		"outbound in flight, messages": {"mqtt 5", func(t *testing.T, h *house, p *porter) {
			away(h, "d")
			pub := h.connect("pub", clean)
			for range 100 {
				pub.say(text{topic: "d", payload: "m"}, mqtt.Success)
			}
			time.Sleep(time.Second)
			d := h.connect("d", expiry(3600))
			pub.put(text{topic: "d", payload: "last", qos: 1})
			var ids []uint16
			for range 100 {
				ids = append(ids, want[*delivered](d).ID)
			}
			d.quiet(5 * time.Second)
			d.ack(mqtt.PUBACK, ids[0])
			d.receives("last")
		}},
		"outbound in flight, 64 KB": {"mqtt 5", func(t *testing.T, h *house, p *porter) {
			d := h.dialSize(mqtt.V5, 1<<20).login("d", clean)
			d.subscribe("x")
			pub := h.dialSize(mqtt.V5, 1<<20).login("pub", clean)
			for range 3 {
				pub.put(text{topic: "x", payload: repeat("x", 40<<10), qos: 1})
			}
			first := want[*delivered](d)
			want[*delivered](d) // the first did not fill the window
			d.quiet(5 * time.Second)
			d.ack(mqtt.PUBACK, first.ID)
			want[*delivered](d)
		}},
		"outbound per session, 100 a second": {"limits 1", func(t *testing.T, h *house, p *porter) {
			d := h.connect("d", clean)
			d.subscribe("x", atQoS(0))
			pub := h.connect("pub", clean)
			for i := range 150 {
				pub.put(text{topic: "x", payload: fmt.Sprint(i)})
			}
			paced(t, d, 150, 100, 100)
		}},
		"outbound per namespace, 1,000 a second": {"limits 1", func(t *testing.T, h *house, p *porter) {
			var subs []*device
			for i := range 21 {
				d := h.connect(fmt.Sprint("d", i), clean)
				d.subscribe("x", atQoS(0))
				subs = append(subs, d)
			}
			pub := h.connect("pub", clean)
			for range 50 { // 1,050 messages, no session at its own limit
				pub.put(text{topic: "x", payload: "m"})
			}
			start, late := time.Now(), 0
			for _, d := range subs {
				for range 50 {
					d.receive()
				}
				if time.Since(start) > 0 {
					late++
				}
			}
			if wait := time.Since(start); late == 0 || wait > 100*time.Millisecond {
				t.Errorf("50 more than 1,000 messages took %v, want about 50ms", wait)
			}
		}},
		"outbound per session, 1 MB a second": {"limits 1", func(t *testing.T, h *house, p *porter) {
			away(h, "d")
			pub := h.dialSize(mqtt.V5, 4<<20).login("pub", clean)
			send := func() { pub.put(text{topic: "d", payload: repeat("x", 400<<10), qos: 1}) }
			send()
			send()
			time.Sleep(time.Second) // the publisher and the namespace have bounds of their own
			d := h.dialSize(mqtt.V5, 4<<20).login("d", expiry(3600))
			start := time.Now()
			send()
			for range 3 {
				d.receive()
			}
			if wait := time.Since(start); wait < 100*time.Millisecond || wait > 250*time.Millisecond {
				t.Errorf("1,200 KiB took %v, want some 170ms", wait)
			}
		}},
		"outbound per namespace, 1 MB a second": {"limits 1", func(t *testing.T, h *house, p *porter) {
			var subs []*device
			for i := range 3 {
				d := h.dialSize(mqtt.V5, 1<<20).login(fmt.Sprint("d", i), clean)
				d.subscribe("x", atQoS(0))
				subs = append(subs, d)
			}
			start := time.Now()
			h.dialSize(mqtt.V5, 1<<20).login("pub", clean).put(text{topic: "x", payload: repeat("x", 400<<10)})
			for _, d := range subs {
				d.receive()
			}
			if wait := time.Since(start); wait < 100*time.Millisecond || wait > 250*time.Millisecond {
				t.Errorf("three times 400 KiB took %v, want some 170ms", wait)
			}
		}},
		"no topic aliases out": {"mqtt 4", func(t *testing.T, h *house, p *porter) {
			d := h.connect("d", clean, func(p *mqtt.Connect) {
				p.Properties.TopicAliasMaximum = 5
				p.Properties.Mark(mqtt.PropTopicAliasMaximum)
			})
			d.subscribe("x")
			pub := h.connect("pub", clean)
			for range 2 {
				pub.say(text{topic: "x", payload: "m"}, mqtt.Success)
				if m := d.receive(); m.HasAlias || m.Topic != "x" {
					t.Errorf("got %+v, want the topic and no alias", *m)
				}
			}
		}},
		"permission changed under a live subscription": {"mqtt 10", func(t *testing.T, h *house, p *porter) {
			d := h.connect("d", user("d"), clean)
			d.subscribe("x")
			p.change(h, func() { p.denied = []string{"x"} })
			d.ended(mqtt.NotAuthorized)
		}},
		"client changed while connected": {"mqtt 10", func(t *testing.T, h *house, p *porter) {
			d := h.connect("d", user("d"), clean)
			p.change(h, func() { p.expelled = "d" })
			d.ended(mqtt.NotAuthorized)
		}},
		"token expired": {"mqtt 10", func(t *testing.T, h *house, p *porter) {
			p.life = time.Minute
			d := h.connect("d", user("d"), clean)
			time.Sleep(time.Minute + time.Second)
			d.ended(mqtt.NotAuthorized)
		}},
	})
}
