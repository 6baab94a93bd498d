package client

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gridmq/internal/bubble"
	"gridmq/mqtt"
)

// collect makes o gather what arrives.
func collect(o *Options) *[]string {
	var got []string
	o.OnMessage = func(m *Message) { got = append(got, string(m.Payload)) }
	return &got
}

// TestPieces: packets have no borders in a stream of bytes.
func TestPieces(t *testing.T) {
	small := []int{1, 10, 200, 2}
	large := []int{1, readBuffer - 9, readBuffer, 3 * readBuffer, keepBuffer + 1, 2, 3}
	tests := map[string]struct {
		sizes []int // of payloads
		piece int   // bytes of one write
	}{
		"byte by byte": {small, 1},
		"odd pieces":   {large, 1021},
		"all at once":  {large, 1 << 30},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				var stream []byte
				var want []string
				for i, size := range test.sizes {
					m := mqtt.Message{Topic: "t", Payload: bytes.Repeat([]byte{'a' + byte(i)}, size)}
					want = append(want, string(m.Payload))
					stream = mqtt.AppendPublish(stream, &m, &mqtt.Out{Version: mqtt.V5})
				}
				o := Options{}
				got := collect(&o)
				c, f := login(t, o, mqtt.Connack{})
				for piece := range slices.Chunk(stream, test.piece) {
					f.send(piece)
				}
				f.nc.Close()
				c.Wait()
				if !slices.Equal(*got, want) {
					t.Errorf("%d messages came, want %d as they were sent", len(*got), len(want))
				}
			})
		})
	}
}

// TestLargeBuffersAreGivenBack: one large message must not cost for ever.
func TestLargeBuffersAreGivenBack(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		c, f := login(t, Options{}, mqtt.Connack{})
		f.sendPublish(&mqtt.Message{Topic: "t", Payload: make([]byte, 2*keepBuffer)}, mqtt.Out{})
		f.sendPublish(&mqtt.Message{Topic: "t"}, mqtt.Out{})
		f.sendPublish(&mqtt.Message{Topic: "t"}, mqtt.Out{})
		f.nc.Close()
		c.Wait()
		if n := len(c.in.buf); n > keepBuffer {
			t.Errorf("the read buffer has %d bytes", n)
		}
	})
}

// TestMisbehaviour: a broker that breaks a rule is told which, and left.
func TestMisbehaviour(t *testing.T) {
	big := mqtt.AppendPublish(nil, &mqtt.Message{Topic: "t", Payload: make([]byte, 100)}, &mqtt.Out{Version: mqtt.V5})
	tests := map[string]struct {
		packet []byte
		code   mqtt.Code
	}{
		"packet above our maximum":   {big, mqtt.PacketTooLarge},
		"announced above it":         {big[:3], mqtt.PacketTooLarge},
		"type 0":                     {[]byte{0x00, 0x00}, mqtt.MalformedPacket},
		"endless length":             {[]byte{0x30, 0xff, 0xff, 0xff, 0xff, 0x7f}, mqtt.MalformedPacket},
		"QoS 3":                      {[]byte{0x36, 6, 0, 1, 't', 0, 1, 0}, mqtt.MalformedPacket},
		"QoS 1 without a packet id":  {[]byte{0x32, 6, 0, 1, 't', 0, 0, 0}, mqtt.ProtocolError},
		"reserved flags of PUBREL":   {[]byte{0x60, 2, 0, 1}, mqtt.MalformedPacket},
		"a client's packet":          {[]byte{0xc0, 0}, mqtt.ProtocolError},
		"CONNACK again":              {[]byte{0x20, 3, 0, 0, 0}, mqtt.ProtocolError},
		"topic with a wildcard":      {[]byte{0x30, 4, 0, 1, '#', 0}, mqtt.TopicNameInvalid},
		"alias we have not allowed":  {[]byte{0x30, 7, 0, 1, 't', 3, 0x23, 0, 3}, mqtt.TopicAliasInvalid},
		"alias that was not set up":  {[]byte{0x30, 6, 0, 0, 3, 0x23, 0, 2}, mqtt.ProtocolError},
		"no topic and no alias":      {[]byte{0x30, 3, 0, 0, 0}, mqtt.ProtocolError},
		"bad UTF-8":                  {[]byte{0x30, 4, 0, 1, 0xff, 0}, mqtt.MalformedPacket},
		"a property cut off":         {[]byte{0x30, 6, 0, 1, 't', 2, 0x23, 0}, mqtt.MalformedPacket},
		"SUBACK without a packet id": {[]byte{0x90, 1, 0}, mqtt.MalformedPacket},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				c, f := login(t, Options{MaximumPacketSize: 64, TopicAliasMaximum: 2}, mqtt.Connack{})
				f.send(test.packet)
				code, said := f.wantEnd()
				e, ok := errors.AsType[*mqtt.Error](c.Wait())
				if !said || !ok || code != e.Code || code != test.code {
					t.Errorf("the broker was told %v, we are told %v, want %v", code, c.Err(), test.code)
				}
			})
		})
	}
	t.Run("3.1.1 has no word for it", func(t *testing.T) {
		bubble.Test(t, func(t *testing.T) {
			c, f := login(t, Options{Version: mqtt.V311}, mqtt.Connack{})
			f.send([]byte{0xc0, 0})
			if code, said := f.wantEnd(); said {
				t.Errorf("the client sent a DISCONNECT with %v", code)
			}
			if c.Wait() == nil {
				t.Error("no error")
			}
		})
	})
}

// TestHalfPacketAtTheEnd is a connection that is lost in the middle.
func TestHalfPacketAtTheEnd(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		o := Options{}
		got := collect(&o)
		c, f := login(t, o, mqtt.Connack{})
		b := mqtt.AppendPublish(nil, &mqtt.Message{Topic: "t", Payload: []byte("whole")}, &mqtt.Out{Version: mqtt.V5})
		f.send(append(b, b[:len(b)-1]...))
		f.nc.Close()
		closed(t, c.Wait(), mqtt.Success)
		if !slices.Equal(*got, []string{"whole"}) {
			t.Errorf("got %q", *got)
		}
	})
}

func TestBrokerDisconnects(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		c, f := login(t, Options{}, mqtt.Connack{})
		d := mqtt.Disconnect{Code: mqtt.ServerShuttingDown}
		d.Properties.ReasonString = "maintenance"
		d.Properties.Mark(mqtt.PropReasonString)
		f.send(d.Append(nil, mqtt.V5))
		if _, said := f.wantEnd(); said {
			t.Error("the client answered a DISCONNECT")
		}
		err := c.Wait()
		closed(t, err, mqtt.ServerShuttingDown)
		if !strings.Contains(err.Error(), "maintenance") {
			t.Errorf("%v does not give the reason", err)
		}
	})
}

// TestReceiveMaximum: a broker must not send more QoS 1 and 2 than we said.
func TestReceiveMaximum(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		var first *Message
		o := Options{Queue: 3, ManualAck: true, OnMessage: func(m *Message) {
			if first == nil {
				first = m
			}
		}}
		c, f := login(t, o, mqtt.Connack{})
		m := &mqtt.Message{Topic: "t", QoS: 1}
		for id := range uint16(3) {
			f.sendPublish(m, mqtt.Out{PacketID: id + 1})
		}
		f.sendPublish(&mqtt.Message{Topic: "t"}, mqtt.Out{}) // QoS 0 does not count
		synctest.Wait()
		first.Ack(mqtt.Success)
		f.wantAck(mqtt.PUBACK, 1, mqtt.Success)
		f.sendPublish(m, mqtt.Out{PacketID: 1})
		f.sendPublish(m, mqtt.Out{PacketID: 4})
		if code, _ := f.wantEnd(); code != mqtt.ReceiveMaximumExceeded {
			t.Errorf("the broker was told %v", code)
		}
		c.Wait()
	})
}

// TestAcknowledgementOrder: whatever the order of Ack, the broker gets them in
// the order of arrival.
func TestAcknowledgementOrder(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		var got []*Message
		_, f := login(t, Options{ManualAck: true, OnMessage: func(m *Message) { got = append(got, m) }}, mqtt.Connack{})
		for id, qos := range []byte{1, 2, 1, 1} {
			f.sendPublish(&mqtt.Message{Topic: "t", QoS: qos}, mqtt.Out{PacketID: uint16(id + 1)})
		}
		synctest.Wait()
		got[3].Ack(mqtt.Success)
		got[1].Ack(mqtt.Success)
		got[1].Ack(mqtt.QuotaExceeded) // a second one counts for nothing
		f.wantNothing(time.Second)
		got[0].Ack(mqtt.Success)
		f.wantAck(mqtt.PUBACK, 1, mqtt.Success)
		f.wantAck(mqtt.PUBREC, 2, mqtt.Success)
		f.wantNothing(time.Second)
		got[2].Ack(mqtt.PayloadFormatInvalid)
		f.wantAck(mqtt.PUBACK, 3, mqtt.PayloadFormatInvalid)
		f.wantAck(mqtt.PUBACK, 4, mqtt.Success)
	})
}

// TestReceiveQoS2 walks through section 4.3.3 as the receiver.
func TestReceiveQoS2(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		o := Options{}
		got := collect(&o)
		_, f := login(t, o, mqtt.Connack{})
		m := &mqtt.Message{Topic: "t", QoS: 2, Payload: []byte("once")}
		f.sendPublish(m, mqtt.Out{PacketID: 7})
		f.wantAck(mqtt.PUBREC, 7, mqtt.Success)
		f.sendPublish(m, mqtt.Out{PacketID: 7, Dup: true})
		f.wantAck(mqtt.PUBREC, 7, mqtt.Success)
		f.sendAck(mqtt.PUBREL, 7, mqtt.Success)
		f.wantAck(mqtt.PUBCOMP, 7, mqtt.Success)
		f.sendAck(mqtt.PUBREL, 7, mqtt.Success)
		f.wantAck(mqtt.PUBCOMP, 7, mqtt.PacketIdentifierNotFound)
		f.sendPublish(m, mqtt.Out{PacketID: 7}) // the id is free: another message
		f.wantAck(mqtt.PUBREC, 7, mqtt.Success)
		if !slices.Equal(*got, []string{"once", "once"}) {
			t.Errorf("got %q, want the first and the last", *got)
		}
	})
}

// TestRefusedQoS2: after a PUBREC that is an error the id is free at once.
func TestRefusedQoS2(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		n := 0
		_, f := login(t, Options{ManualAck: true, OnMessage: func(m *Message) {
			n++
			m.Ack(mqtt.QuotaExceeded)
		}}, mqtt.Connack{})
		for range 2 {
			f.sendPublish(&mqtt.Message{Topic: "t", QoS: 2}, mqtt.Out{PacketID: 7})
			f.wantAck(mqtt.PUBREC, 7, mqtt.QuotaExceeded)
		}
		if n != 2 {
			t.Errorf("OnMessage was called %d times", n)
		}
	})
}

// TestReceivedMessage: everything of a PUBLISH is handed on, and belongs to us.
func TestReceivedMessage(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		var got []*Message
		_, f := login(t, Options{TopicAliasMaximum: 2, OnMessage: func(m *Message) { got = append(got, m) }}, mqtt.Connack{})
		var p mqtt.Properties
		p.ContentType, p.CorrelationData = "text/plain", []byte("c")
		p.Mark(mqtt.PropContentType, mqtt.PropCorrelationData)
		m := &mqtt.Message{Topic: "a/b", QoS: 1, Retain: true, Payload: []byte("one"), Props: p.Forward(nil)}
		f.sendPublish(m, mqtt.Out{PacketID: 9, Dup: true, Alias: 2, SubIDs: []uint32{5}, HasExpiry: true, Expiry: 8})
		f.wantAck(mqtt.PUBACK, 9, mqtt.Success)
		f.sendPublish(&mqtt.Message{Payload: []byte("two")}, mqtt.Out{Alias: 2, OmitTopic: true})
		synctest.Wait()
		if len(got) != 2 {
			t.Fatalf("%d messages came", len(got))
		}
		one, two := got[0], got[1]
		if one.Topic != "a/b" || one.QoS != 1 || !one.Retain || !one.Dup || one.PacketID != 9 || string(one.Payload) != "one" || one.Received.IsZero() {
			t.Errorf("got %+v", one)
		}
		if q := one.Properties; q.ContentType != "text/plain" || !bytes.Equal(q.CorrelationData, []byte("c")) ||
			!slices.Equal(q.SubscriptionIdentifiers, []uint32{5}) || q.MessageExpiryInterval != 8 {
			t.Errorf("properties are %+v", q)
		}
		if two.Topic != "a/b" || string(two.Payload) != "two" {
			t.Errorf("got %+v", two)
		}
	})
}
