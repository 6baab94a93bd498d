package broker

import (
	"fmt"
	"testing"
	"time"

	"gridmq/mqtt"
)

// UNSUBSCRIBE counts with SUBSCRIBE: spec/mqtt-protocol.md, section 7. UNSUBACK has no
// code for a quota (section 3.11.3), and none at all in 3.1.1, where it waits.
func TestAzureUnsubscribeRate(t *testing.T) {
	l := AzureLimits()
	t.Run("5", func(t *testing.T) {
		virtual(t, func(t *testing.T, h *house) {
			d := h.connect("d", clean)
			d.subscribe("a")
			for i := range l.SessionSubscribeRate - 1 {
				if code := d.unsubscribe("a"); code.IsError() {
					t.Fatalf("UNSUBSCRIBE %d: %v", i, code)
				}
			}
			p := mqtt.Unsubscribe{PacketID: d.nextID(), Filters: []string{"a", "b"}}
			d.send(p.Append(nil, d.v))
			ack := want[*mqtt.Unsuback](d)
			for _, code := range ack.Codes {
				if code != mqtt.ImplementationSpecificError {
					t.Errorf("one too many: %v, want %v", ack.Codes, mqtt.ImplementationSpecificError)
				}
			}
			wantReason(t, ack.Properties.ReasonString, tooManySubscribes, true)
			if code := d.subscribe("a"); code != mqtt.QuotaExceeded {
				t.Errorf("SUBSCRIBE after it: %v, want %v", code, mqtt.QuotaExceeded)
			}
			time.Sleep(time.Second)
			if code := d.unsubscribe("a"); code.IsError() {
				t.Errorf("a second later: %v", code)
			}
			d.lose()
		}, azure)
	})
	t.Run("3.1.1", func(t *testing.T) {
		virtual(t, func(t *testing.T, h *house) {
			d := h.dial(mqtt.V311).login("d", clean)
			start := time.Now()
			for range l.SessionSubscribeRate + 1 {
				p := mqtt.Unsubscribe{PacketID: d.nextID(), Filters: []string{"a"}}
				d.send(p.Append(nil, d.v))
				want[*mqtt.Unsuback](d)
			}
			after(t, start, time.Second/time.Duration(l.SessionSubscribeRate))
			d.lose()
		}, azure)
	})
}

// 100 sessions share one shared subscription: spec/mqtt-protocol.md, section 7.1. Who
// subscribes again takes no further place, and who leaves gives one back.
func TestAzureSharedMembers(t *testing.T) {
	virtual(t, func(t *testing.T, h *house) {
		const filter = "$share/g/x"
		const most = 100
		members := make([]*device, most)
		for i := range members {
			members[i] = h.connect(fmt.Sprint("m", i), expiry(uint32(i%2)*3600))
			if code := members[i].subscribe(filter); code.IsError() {
				t.Fatalf("member %d: %v", i, code)
			}
		}
		late := h.connect("late", clean)
		if code := late.subscribe(filter); code != mqtt.QuotaExceeded {
			t.Errorf("member %d: %v, want %v", most+1, code, mqtt.QuotaExceeded)
		}
		if code := late.subscribe("$share/g/y"); code.IsError() {
			t.Errorf("another filter of the group: %v", code)
		}
		if code := members[0].subscribe(filter); code.IsError() {
			t.Errorf("a member again: %v", code)
		}
		members[0].unsubscribe(filter)
		if code := late.subscribe(filter); code.IsError() {
			t.Errorf("in the place of one that has left: %v", code)
		}
		h.settled()
	}, azure)
}

// SUBSCRIBE: spec/limits-and-metrics.md, section 1, spec/mqtt-protocol.md, sections 7 and
// 10.
func TestAzureSubscribe(t *testing.T) {
	numbered := func(from, n int) (list []string) {
		for i := range n {
			list = append(list, fmt.Sprint(from+i))
		}
		return list
	}
	azureRows(t, map[string]azureRow{
		"more than 10 filters": {"mqtt 10", func(t *testing.T, h *house, p *porter) {
			d := h.connect("d", clean)
			d.subscribes(mqtt.QuotaExceeded, numbered(0, 11)...)
			d.subscribes(mqtt.GrantedQoS1, numbered(0, 10)...)
		}},
		"more than 50 subscriptions": {"mqtt 10", func(t *testing.T, h *house, p *porter) {
			d := h.connect("d", clean)
			for i := range 5 {
				d.subscribes(mqtt.GrantedQoS1, numbered(10*i, 10)...)
			}
			time.Sleep(time.Second)
			d.subscribes(mqtt.QuotaExceeded, "50")
			d.subscribes(mqtt.GrantedQoS1, "7") // replaces one
			d.unsubscribe("8")
			d.subscribes(mqtt.GrantedQoS1, "50")
		}},
		"rate per session": {"limits 1", func(t *testing.T, h *house, p *porter) {
			d, old := h.connect("5", clean), h.dial(mqtt.V311).login("3", clean)
			for range 5 {
				d.subscribes(mqtt.GrantedQoS1, "x")
				old.subscribes(mqtt.GrantedQoS1, "x")
			}
			d.subscribes(mqtt.QuotaExceeded, "x")
			old.subscribes(0x80, "x")
			time.Sleep(time.Second)
			d.subscribes(mqtt.GrantedQoS1, "x")
		}},
		"rate per namespace": {"limits 1", func(t *testing.T, h *house, p *porter) {
			for i := range 40 {
				d := h.connect(fmt.Sprint(i), clean)
				for range 5 {
					d.subscribes(mqtt.GrantedQoS1, "x")
				}
			}
			h.connect("more", clean).subscribes(mqtt.QuotaExceeded, "x")
		}},
		"bad filter": {"mqtt 10", func(t *testing.T, h *house, p *porter) {
			bad := []string{"a#", repeat("l/", 15) + "l", repeat("y", 257)}
			h.connect("5", clean).subscribes(mqtt.TopicFilterInvalid, bad...)
			h.dial(mqtt.V311).login("3", clean).subscribes(0x80, bad...)
			h.connect("good", clean).subscribes(mqtt.GrantedQoS1, repeat("l/", 14)+"l", repeat("y", 256))
		}},
		"subscribe not authorized": {"mqtt 10", func(t *testing.T, h *house, p *porter) {
			p.denied = []string{"no"}
			h.connect("5", clean).subscribes(mqtt.NotAuthorized, "no")
			h.dial(mqtt.V311).login("3", clean).subscribes(0x80, "no")
		}},
		"QoS 2 requested": {"mqtt 7", func(t *testing.T, h *house, p *porter) {
			if code := h.connect("d", clean).subscribe("x", atQoS(2)); code != mqtt.GrantedQoS1 {
				t.Errorf("granted %v, want %v", code, mqtt.GrantedQoS1)
			}
		}},
		"$share from 3.1.1": {"mqtt 10", func(t *testing.T, h *house, p *porter) {
			d := h.dial(mqtt.V311).login("d", clean)
			d.send(d.subscribing("$share/g/x"))
			d.over()
		}},
		"shared subscriptions per session": {"mqtt 7.1", func(t *testing.T, h *house, p *porter) {
			d := h.connect("d", clean)
			for i := range 10 {
				time.Sleep(200 * time.Millisecond)
				d.subscribes(mqtt.GrantedQoS1, fmt.Sprint("$share/g/", i))
			}
			d.subscribes(mqtt.QuotaExceeded, "$share/g/10")
		}},
		"shared subscriptions per broker, groups, subscriptions per group": {"mqtt 7.1", func(t *testing.T, h *house, p *porter) {
			for i := range 100 { // one in 50 groups, 50 in one
				d := h.connect(fmt.Sprint(i), clean)
				d.subscribes(mqtt.GrantedQoS1, []string{"$share/g/" + fmt.Sprint(i), "$share/g" + fmt.Sprint(i) + "/x"}[i%2])
			}
			d := h.connect("more", clean)
			d.subscribes(mqtt.QuotaExceeded, "$share/g/more", "$share/more/x")
			d.subscribes(mqtt.GrantedQoS1, "$share/g/0")
		}},
	})
	azureRows(t, map[string]azureRow{
		"subscriptions per namespace": {"limits 1", func(t *testing.T, h *house, p *porter) {
			h.connect("a", clean).subscribes(mqtt.GrantedQoS1, "1", "2")
			h.connect("b", clean).subscribes(mqtt.QuotaExceeded, "3")
		}},
	}, func(l *Limits) { l.NamespaceSubscriptions = 2 }) // a million would take a while
}

// subscribing is a SUBSCRIBE at QoS 1.
func (d *device) subscribing(filters ...string) []byte {
	p := mqtt.Subscribe{PacketID: d.nextID()}
	for _, f := range filters {
		p.Subscriptions = append(p.Subscriptions, mqtt.Subscription{Filter: f, QoS: 1})
	}
	return p.Append(nil, d.v)
}

// subscribes sends a SUBSCRIBE that must have the same code for each filter.
func (d *device) subscribes(code mqtt.Code, filters ...string) {
	d.t.Helper()
	d.send(d.subscribing(filters...))
	for i, got := range want[*mqtt.Suback](d).Codes {
		if got != code {
			d.t.Errorf("SUBSCRIBE to %.40q: %v, want %v", filters[i], got, code)
		}
	}
}
