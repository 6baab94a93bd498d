package broker

import (
	"testing"
	"testing/synctest"
	"time"

	"gridmq/mqtt"
)

// PUBLISH: spec/limits-and-metrics.md, section 1, spec/mqtt-protocol.md, sections 4, 5
// and 10.
func TestAzurePublish(t *testing.T) {
	levels := func(n int) string { return repeat("l/", n-1) + "l" }
	azureRows(t, map[string]azureRow{
		"QoS 2 publish": {"mqtt 10", func(t *testing.T, h *house, p *porter) {
			d := h.connect("5", clean)
			d.put(text{topic: "x", qos: 2})
			d.ended(mqtt.QoSNotSupported)
			old := h.dial(mqtt.V311).login("3", clean)
			old.put(text{topic: "x", qos: 2})
			old.over()
		}},
		"packet larger than 512 KiB": {"mqtt 10", func(t *testing.T, h *house, p *porter) {
			const head = 4 + 2 + 1 + 2 + 1 // fixed header, topic, identifier, properties
			h.dialSize(mqtt.V5, 1<<20).login("fits", clean).say(text{topic: "x", payload: repeat("x", 512<<10-head)}, mqtt.NoMatchingSubscribers)
			d := h.dialSize(mqtt.V5, 1<<20).login("5", clean)
			d.put(text{topic: "x", payload: repeat("x", 512<<10-head+1), qos: 1})
			d.ended(mqtt.PacketTooLarge)
			old := h.dialSize(mqtt.V311, 1<<20).login("3", clean)
			old.put(text{topic: "x", payload: repeat("x", 512<<10), qos: 1})
			old.over()
		}},
		"topic, bytes and segments": {"mqtt 4", func(t *testing.T, h *house, p *porter) {
			d := h.connect("5", clean)
			for _, good := range []string{repeat("y", 256), levels(15)} {
				d.say(text{topic: good}, mqtt.NoMatchingSubscribers)
			}
			for i, bad := range []string{repeat("y", 257), levels(16)} {
				d.say(text{topic: bad}, mqtt.TopicNameInvalid)
				old := h.dial(mqtt.V311).login([]string{"a", "b"}[i], clean)
				old.put(text{topic: bad, qos: 1})
				old.over()
			}
		}},
		"wildcard in topic": {"mqtt 10", func(t *testing.T, h *house, p *porter) {
			d := h.connect("5", clean)
			d.put(text{topic: "a/+", qos: 1})
			d.ended(mqtt.TopicNameInvalid)
		}},
		"response topic, content type, correlation data, user properties": {"mqtt 4", func(t *testing.T, h *house, p *porter) {
			d := h.dialSize(mqtt.V5, 1<<20).login("d", clean)
			user := func(n int) []mqtt.UserProperty { return []mqtt.UserProperty{{Name: "k", Value: repeat("x", n-1)}} }
			for n, want := range map[int]mqtt.Code{0: mqtt.NoMatchingSubscribers, 1: mqtt.QuotaExceeded} {
				var list [4]mqtt.Properties
				list[0].ResponseTopic = repeat("r", 256+n)
				list[0].Mark(mqtt.PropResponseTopic)
				list[1].ContentType = repeat("c", 256+n)
				list[1].Mark(mqtt.PropContentType)
				list[2].CorrelationData = []byte(repeat("d", 256+n))
				list[2].Mark(mqtt.PropCorrelationData)
				list[3].UserProperties = user(32<<10 + n)
				for i, p := range list {
					if got := d.props("x", p); got != want {
						t.Errorf("property %d with %d bytes too many: %v, want %v", i, n, got, want)
					}
				}
			}
		}},
		"topic alias 0 or above 10, or unknown": {"mqtt 10", func(t *testing.T, h *house, p *porter) {
			aliased := func(name string, alias uint16) []byte {
				b := mqtt.AppendPublish(nil, &mqtt.Message{Topic: name, Payload: []byte("m")}, &mqtt.Out{Version: mqtt.V5, Alias: max(1, alias), OmitTopic: name == ""})
				b[len(b)-2] = byte(alias) // 0 too
				return b
			}
			for id, packet := range map[string][]byte{"zero": aliased("x", 0), "eleven": aliased("x", 11)} {
				d := h.connect(id, clean)
				d.send(packet)
				d.ended(mqtt.TopicAliasInvalid)
			}
			d := h.connect("ten", clean)
			d.send(aliased("x", 10))
			d.send(aliased("", 10))
			d.say(text{topic: "x"}, mqtt.NoMatchingSubscribers)
			d.send(aliased("", 9))
			d.ended(mqtt.ProtocolError) // section 3.3.4: it names no topic
		}},
		"more than Receive Maximum": {"mqtt 10", func(t *testing.T, h *house, p *porter) {
			d := h.dialSize(mqtt.V5, 1<<20).login("d", clean)
			synctest.Wait()
			h.st.Hold() // no PUBACK
			for range 1001 {
				d.put(text{topic: "x", payload: "x", qos: 1, retain: true})
			}
			d.ended(mqtt.ReceiveMaximumExceeded)
			h.st.Release()
		}},
		"publish not authorized": {"mqtt 10", func(t *testing.T, h *house, p *porter) {
			p.denied = []string{"no"}
			d := h.connect("5", clean)
			d.say(text{topic: "no"}, mqtt.NotAuthorized)
			d.put(text{topic: "no"})
			d.ended(mqtt.NotAuthorized)
			old := h.dial(mqtt.V311).login("3", clean)
			old.put(text{topic: "no", qos: 1})
			old.over()
		}},
		"publish throttled, per session": {"limits 1", func(t *testing.T, h *house, p *porter) {
			d := h.dialSize(mqtt.V5, 1<<20).login("d", clean)
			for range 1000 {
				d.say(text{topic: "x"}, mqtt.NoMatchingSubscribers)
			}
			d.say(text{topic: "x"}, mqtt.QuotaExceeded)
			d.put(text{topic: "x"}) // QoS 0 is lost
			d.send(mqtt.AppendPingreq(nil))
			want[mqtt.Type](d)
			time.Sleep(time.Second)
			d.say(text{topic: "x"}, mqtt.NoMatchingSubscribers)
		}},
		"publish throttled, 3.1.1": {"mqtt 10", func(t *testing.T, h *house, p *porter) {
			d := h.dial(mqtt.V311).login("d", clean)
			start := time.Now()
			for range 1001 {
				d.say(text{topic: "x"}, mqtt.Success)
			}
			after(t, start, throttlePause)
		}},
		"publish throttled, per namespace": {"limits 1", func(t *testing.T, h *house, p *porter) {
			a, b := h.connect("a", clean), h.connect("b", clean)
			for range 500 {
				a.say(text{topic: "x"}, mqtt.NoMatchingSubscribers)
				b.say(text{topic: "x"}, mqtt.NoMatchingSubscribers)
			}
			b.say(text{topic: "x"}, mqtt.QuotaExceeded)
		}},
		"1 MB a second": {"limits 1", func(t *testing.T, h *house, p *porter) {
			d := h.dialSize(mqtt.V5, 4<<20).login("d", clean)
			for _, code := range []mqtt.Code{mqtt.NoMatchingSubscribers, mqtt.NoMatchingSubscribers, mqtt.QuotaExceeded} {
				d.say(text{topic: "x", payload: repeat("x", 400<<10)}, code)
			}
		}},
		"message expiry 0": {"mqtt 4", func(t *testing.T, h *house, p *porter) {
			sub := h.connect("sub", expiry(3600))
			sub.subscribe("x")
			sub.lose()
			d := h.connect("d", clean)
			d.send(mqtt.AppendPublish(nil, &mqtt.Message{Topic: "x", Payload: []byte("m")},
				&mqtt.Out{Version: mqtt.V5, QoS: 1, PacketID: d.nextID(), HasExpiry: true}))
			if a := want[*mqtt.Ack](d); a.Code.IsError() {
				t.Fatal(a.Code)
			}
			time.Sleep(30 * time.Minute)
			h.connect("sub", expiry(3600)).receives("m")
		}},
		"PUBACK with error code from client": {"mqtt 10", func(t *testing.T, h *house, p *porter) {
			sub := h.connect("sub", clean)
			sub.subscribe("x")
			h.connect("d", clean).say(text{topic: "x", payload: "m"}, mqtt.Success)
			sub.send(mqtt.AppendAck(nil, sub.v, mqtt.PUBACK, want[*delivered](sub).ID, mqtt.UnspecifiedError, ""))
			sub.ended(mqtt.ImplementationSpecificError)
		}},
	})
}

// 64 KB are in flight from a session: spec/mqtt-protocol.md, section 5. Nothing more is
// read then; one message always passes, and a receiver that is slow does not count.
func TestAzureInboundWindow(t *testing.T) {
	tests := map[string]struct {
		size, sent, want int
	}{
		"small ones":   {20 << 10, 10, 4}, // the fourth fills the window
		"a large one":  {400 << 10, 2, 1},
		"all that fit": {6 << 10, 10, 10},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T, h *house) {
				d := h.dialSize(mqtt.V5, 4<<20).login("d", clean)
				synctest.Wait()
				h.st.Hold()
				for range tt.sent {
					d.put(text{topic: "x", payload: repeat("x", tt.size), qos: 1, retain: true})
				}
				synctest.Wait()
				x := h.session("d")
				x.mu.Lock()
				got := x.s.Owed()
				x.mu.Unlock()
				if got != tt.want {
					t.Errorf("%d messages of %d bytes in flight, want %d", got, tt.size, tt.want)
				}
				h.st.Release()
				for i := range tt.sent {
					if a := want[*mqtt.Ack](d); a.Type != mqtt.PUBACK || a.Code.IsError() {
						t.Fatalf("answer %d: %+v", i, *a)
					}
				}
				h.settled()
			}, azure, func(l *Limits) { l.RetainedBytes = 512 << 10 })
		})
	}
}
