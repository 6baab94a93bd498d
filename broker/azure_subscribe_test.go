package broker

import (
	"fmt"
	"testing"
	"time"

	"gridmq/mqtt"
)

func azure(l *Limits) { *l = AzureLimits() }

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
