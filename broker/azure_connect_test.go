package broker

import (
	"fmt"
	"testing"
	"time"

	"gridmq/mqtt"
)

// CONNECT: spec/limits-and-metrics.md, section 1, spec/mqtt-protocol.md, sections 2, 3, 6,
// 9 and 10.
func TestAzureConnect(t *testing.T) {
	azureRows(t, map[string]azureRow{
		"sessions per authentication name": {"mqtt 2.3", func(t *testing.T, h *house, p *porter) {
			h.connect("s1", user("ann"), expiry(600)).lose() // offline ones count
			h.refusedSlowly("s2", mqtt.QuotaExceeded, mqtt.ServerUnavailable, clean, user("Ann"))
			time.Sleep(11 * time.Minute)
			h.connect("s2", user("ann"), clean)
		}},
		"CONNECT requests": {"limits 1", func(t *testing.T, h *house, p *porter) {
			for i := range 200 {
				h.connect(fmt.Sprint("d", i), clean)
			}
			h.refused("more", mqtt.ConnectionRateExceeded, mqtt.ServerUnavailable, clean)
			time.Sleep(time.Second)
			h.connect("more", clean)
		}},
		"CONNECT rate per session": {"limits 1", func(t *testing.T, h *house, p *porter) {
			h.connect("d", clean).lose()
			h.refused("d", mqtt.ConnectionRateExceeded, mqtt.ServerUnavailable, clean)
			time.Sleep(time.Second)
			h.connect("d", clean)
		}},
		"session name": {"mqtt 2.1", func(t *testing.T, h *house, p *porter) {
			h.refused(repeat("i", 129), mqtt.ClientIdentifierNotValid, mqtt.ClientIdentifierNotValid, clean)
			h.connect(repeat("i", 128), clean)
		}},
		"ClientId held by another client": {"mqtt 2.6", func(t *testing.T, h *house, p *porter) {
			d := h.connect("d", user("ann"), expiry(600))
			h.refusedSlowly("d", mqtt.NotAuthorized, mqtt.NotAuthorized, user("bob"))
			d.send(mqtt.AppendPingreq(nil)) // untouched
			want[mqtt.Type](d)
		}},
		"session taken over": {"mqtt 2.6", func(t *testing.T, h *house, p *porter) {
			d := h.connect("d", user("ann"), expiry(600))
			time.Sleep(time.Second)
			h.connect("d", user("ann"), expiry(600))
			d.ended(mqtt.SessionTakenOver)
		}},
		"authentication method unknown": {"mqtt 10", func(t *testing.T, h *house, p *porter) {
			d := h.dial(mqtt.V5)
			ack := d.tryLogin("d", clean, func(p *mqtt.Connect) {
				p.Properties.AuthenticationMethod = "OTHER"
				p.Properties.Mark(mqtt.PropAuthenticationMethod)
			})
			if ack.Code != mqtt.BadAuthenticationMethod {
				t.Errorf("%v, want %v", ack.Code, mqtt.BadAuthenticationMethod)
			}
			d.lose()
		}},
		"keep alive time-out": {"mqtt 2.4", func(t *testing.T, h *house, p *porter) {
			for v, asked := range map[mqtt.Version]uint16{mqtt.V5: 0, mqtt.V311: 2000} {
				start := time.Now()
				d := h.dial(v).login(fmt.Sprint("d", v), clean, keepAlive(asked))
				if got, err := d.read(time.Hour); v == mqtt.V5 {
					if bye, ok := got.(*mqtt.Disconnect); !ok || bye.Code != mqtt.KeepAliveTimeout {
						t.Errorf("got %v (%v), want DISCONNECT %v", show(got), err, mqtt.KeepAliveTimeout)
					}
				}
				<-d.gone
				after(t, start, 1160*3/2*time.Second)
			}
		}},
		"session expiry": {"mqtt 3", func(t *testing.T, h *house, p *porter) {
			d := h.dial(mqtt.V5)
			if ack := d.tryLogin("5", expiry(3601)); ack.Properties.SessionExpiryInterval != 3600 {
				t.Errorf("asked for 3601, was told %d", ack.Properties.SessionExpiryInterval)
			}
			d.lose()
			h.dial(mqtt.V311).login("3").lose()
			time.Sleep(time.Hour - time.Second)
			if h.session("5") == nil || h.session("3") == nil {
				t.Error("a session has gone before its hour is over")
			}
			time.Sleep(10 * time.Second)
			if h.session("5") != nil || h.session("3") != nil {
				t.Error("a session has not gone after its hour")
			}
		}},
		"will delay": {"mqtt 6", func(t *testing.T, h *house, p *porter) {
			sub := h.watch("w")
			d := h.connect("d", expiry(3600), lastWill("w", "gone", 1000))
			start := time.Now()
			d.lose()
			if m, err := sub.read(time.Hour); err != nil || m.(*delivered).Payload != "gone" {
				t.Fatalf("got %v (%v), want the will", show(m), err)
			}
			if got := time.Since(start).Round(time.Second); got != 300*time.Second {
				t.Errorf("the will came after %v, want 300s", got)
			}
		}},
		"will QoS 2": {"mqtt 6", func(t *testing.T, h *house, p *porter) {
			d := h.dial(mqtt.V5)
			ack := d.tryLogin("d", clean, lastWill("w", "x", 0), func(p *mqtt.Connect) { p.Will.QoS = 2 })
			if ack.Code != mqtt.QoSNotSupported {
				t.Errorf("%v, want %v", ack.Code, mqtt.QoSNotSupported)
			}
			d.lose()
		}},
		"will not authorized": {"mqtt 6", func(t *testing.T, h *house, p *porter) {
			p.denied = []string{"w"}
			h.refusedSlowly("d", mqtt.NotAuthorized, mqtt.NotAuthorized, clean, lastWill("w", "x", 0))
		}},
		"CONNACK properties": {"mqtt 9", func(t *testing.T, h *house, p *porter) {
			d := h.dial(mqtt.V5)
			c := d.tryLogin("", clean, keepAlive(1161)).Properties
			if c.MaximumQoS != 1 || c.MaximumPacketSize != 524288 || c.TopicAliasMaximum != 10 || c.ReceiveMaximum != 1000 ||
				c.ServerKeepAlive != 1160 || c.AssignedClientIdentifier == "" || c.Has(mqtt.PropResponseInformation) || c.Has(mqtt.PropServerReference) {
				t.Errorf("CONNACK: %+v", c)
			}
			d.disconnect(mqtt.Success)
		}},
	})
}

// 10,000 sessions, online and offline: here fewer, or the test takes a minute of CONNECTs.
func TestAzureSessions(t *testing.T) {
	azureRows(t, map[string]azureRow{
		"MQTT sessions per namespace": {"limits 1", func(t *testing.T, h *house, p *porter) {
			h.connect("a", expiry(600)).lose()
			h.connect("b", clean)
			h.refusedSlowly("c", mqtt.QuotaExceeded, mqtt.ServerUnavailable, clean)
			time.Sleep(11 * time.Minute)
			h.connect("c", clean)
		}},
	}, func(l *Limits) { l.Sessions = 2 })
}
