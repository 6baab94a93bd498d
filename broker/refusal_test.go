package broker

import (
	"strings"
	"testing"
	"time"

	"gridmq/mqtt"
	"gridmq/session"
)

func withoutProblems(p *mqtt.Connect) {
	p.Properties.RequestProblemInformation = 0
	p.Properties.Mark(mqtt.PropRequestProblemInformation)
}

func atMostBytes(n uint32) wish {
	return func(p *mqtt.Connect) {
		p.Properties.MaximumPacketSize = n
		p.Properties.Mark(mqtt.PropMaximumPacketSize)
	}
}

// What is not authorized is explained to clients of MQTT 5 that want to know
// (section 3.1.2.11.7), if it fits [MQTT-3.4.2-2] [MQTT-3.5.2-2] [MQTT-3.9.2-1].
func TestRefusalExplained(t *testing.T) {
	const size = uint32(len(mayNotPublish)) + 2 + 3 + 4 // header, identifier and code, property
	tests := map[string]struct {
		wish wish
		want bool
	}{
		"as it is":              {clean, true},
		"no problem info":       {withoutProblems, false},
		"fits to the byte":      {atMostBytes(size), true},
		"one byte too much":     {atMostBytes(size - 1), false},
		"next to nothing fits":  {atMostBytes(10), false},
		"not even the code can": {atMostBytes(4), false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			guarded(t, func(t *testing.T, h *house, p *porter) {
				p.denied = []string{"secret/topic"}
				d := h.connect("d", user("d"), tt.wish)
				for qos, typ := range map[byte]mqtt.Type{1: mqtt.PUBACK, 2: mqtt.PUBREC} {
					for range 3 {
						id := d.put(text{topic: "secret/topic", qos: qos, payload: "x"})
						a := want[*mqtt.Ack](d)
						if a.Type != typ || a.PacketID != id || a.Code != mqtt.NotAuthorized {
							t.Fatalf("got %+v, want %v of %d with 0x87", *a, typ, id)
						}
						wantReason(t, a.ReasonString, mayNotPublish, tt.want)
					}
				}
			})
		})
	}
}

func wantReason(t *testing.T, got, text string, given bool) {
	t.Helper()
	if !given {
		text = ""
	}
	if got != text {
		t.Errorf("reason string %q, want %q", got, text)
	}
	if strings.Contains(got, "secret") {
		t.Errorf("reason string %q names what was asked for", got)
	}
}

// A SUBACK has one reason for all its filters.
func TestRefusalExplainedSuback(t *testing.T) {
	for name, tt := range map[string]struct {
		wish wish
		want bool
	}{
		"as it is":        {clean, true},
		"no problem info": {withoutProblems, false},
		"does not fit":    {atMostBytes(50), false},
	} {
		t.Run(name, func(t *testing.T) {
			guarded(t, func(t *testing.T, h *house, p *porter) {
				p.denied = []string{"secret/topic"}
				d := h.connect("d", user("d"), tt.wish)
				s := mqtt.Subscribe{PacketID: d.nextID(), Subscriptions: []mqtt.Subscription{{Filter: "open"}, {Filter: "secret/topic"}}}
				d.send(s.Append(nil, d.v))
				a := want[*mqtt.Suback](d)
				if a.Codes[0] != mqtt.Success || a.Codes[1] != mqtt.NotAuthorized {
					t.Fatalf("SUBACK %v", a.Codes)
				}
				wantReason(t, a.Properties.ReasonString, mayNotSubscribe, tt.want)
				s = mqtt.Subscribe{PacketID: d.nextID(), Subscriptions: []mqtt.Subscription{{Filter: "open"}}}
				d.send(s.Append(nil, d.v))
				if a = want[*mqtt.Suback](d); a.Properties.ReasonString != "" {
					t.Errorf("a SUBACK without a refusal has the reason %q", a.Properties.ReasonString)
				}
			})
		})
	}
}

// Refusals do not use up the Receive Maximum, keep their order among others, and are
// bounded in what they make us write.
func TestRefusalsInOrder(t *testing.T) {
	guarded(t, func(t *testing.T, h *house, p *porter) {
		p.denied = []string{"secret/topic"}
		away := h.connect("away", user("away"), expiry(1000)) // what it is owed is stored
		away.subscribe("open", atQoS(1))
		away.lose()
		d := h.connect("d", user("d"), expiry(1000))
		var ids []uint16
		for range 10 {
			for i, topic := range []string{"open", "secret/topic", "secret/topic"} {
				ids = append(ids, d.put(text{topic: topic, qos: byte(1 + i%2), payload: "x"}))
			}
		}
		for i, id := range ids {
			a := want[*mqtt.Ack](d)
			if a.PacketID != id || a.Code.IsError() == (i%3 == 0) {
				t.Fatalf("answer %d: %+v, want that of %d", i, *a, id)
			}
			if a.Code.IsError() { // although it has waited for those before it
				wantReason(t, a.ReasonString, mayNotPublish, true)
			}
		}
		d.quiet(time.Second)
		if owed := h.session("d").s.Owed(); owed != 0 {
			t.Errorf("%d messages not answered, want none", owed)
		}
		var flood []byte
		for range 1000 {
			o := mqtt.Out{Version: mqtt.V5, QoS: 1, PacketID: d.nextID()}
			flood = mqtt.AppendPublish(flood, &mqtt.Message{Topic: "secret/topic"}, &o)
		}
		d.send(flood)
		explained := 0
		for range 1000 {
			if want[*mqtt.Ack](d).ReasonString != "" {
				explained++
			}
		}
		if most := (len(flood)/readSize + 4) * (session.ExplainWithin/len(mayNotPublish) + 2); explained == 0 || explained > most {
			t.Errorf("%d of 1,000 refusals explained, want some, at most %d", explained, most)
		}
	}, func(l *Limits) { l.ReceiveMaximum = 1000 })
}
