package mqtt

import (
	"testing"
)

// A message as sensors send it: 64 bytes of payload; with5 has the properties
// that Event Grid clients like to add.
var (
	benchMessage = &Message{Topic: "site/7/line/3/machine/42/temperature", QoS: 1, Payload: make([]byte, 64), Published: 1_700_000_000_000}
	with5        = &Message{Topic: benchMessage.Topic, QoS: 1, Payload: benchMessage.Payload, Published: 1_700_000_000_000, Expires: 1_700_000_060_000, Origin: 12345,
		Props: join(0x01, 1, 0x03, "application/json", 0x26, "traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", 0x26, "unit", "celsius")}
	out3 = &Out{Version: V311, QoS: 1, PacketID: 7}
	out5 = &Out{Version: V5, QoS: 1, PacketID: 7, HasExpiry: true, Expiry: 60}
)

func benchRead(b *testing.B, v Version, frame []byte) {
	var p Publish
	b.SetBytes(int64(len(frame)))
	b.ReportAllocs()
	for b.Loop() {
		h, err := ReadHeader(frame, 1<<20)
		if err != nil {
			b.Fatal(err)
		}
		if err := p.Read(v, h.Flags, frame[h.Size:h.Total()]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReadPublish311(b *testing.B) {
	benchRead(b, V311, AppendPublish(nil, benchMessage, out3))
}
func BenchmarkReadPublish5(b *testing.B) {
	benchRead(b, V5, AppendPublish(nil, benchMessage, &Out{Version: V5, QoS: 1, PacketID: 7}))
}
func BenchmarkReadPublish5Properties(b *testing.B) { benchRead(b, V5, AppendPublish(nil, with5, out5)) }

func benchAppend(b *testing.B, m *Message, o *Out) {
	buf := make([]byte, 0, 1024)
	b.SetBytes(int64(PublishSize(m, o)))
	b.ReportAllocs()
	for b.Loop() {
		buf = AppendPublish(buf[:0], m, o)
	}
}

func BenchmarkAppendPublish311(b *testing.B) { benchAppend(b, benchMessage, out3) }
func BenchmarkAppendPublish5(b *testing.B)   { benchAppend(b, with5, out5) }

func BenchmarkForward(b *testing.B) {
	var p Publish
	if err := p.Read(V5, 2, AppendPublish(nil, with5, out5)[3:]); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if len(p.Forward(nil)) == 0 {
			b.Fatal("nothing forwarded")
		}
	}
}

func BenchmarkPublishProperties(b *testing.B) {
	var p Publish
	if err := p.Read(V5, 2, AppendPublish(nil, with5, out5)[3:]); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Properties(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReadAck(b *testing.B) {
	frame := AppendAck(nil, V5, PUBACK, 7, NoMatchingSubscribers, "")
	var a Ack
	b.ReportAllocs()
	for b.Loop() {
		h, _ := ReadHeader(frame, 0)
		if err := a.Read(V5, h.Type, frame[h.Size:h.Total()]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendAck(b *testing.B) {
	buf := make([]byte, 0, 64)
	b.ReportAllocs()
	for b.Loop() {
		buf = AppendAck(buf[:0], V5, PUBACK, 7, Success, "")
	}
}

func BenchmarkAppendAckReason(b *testing.B) {
	buf := make([]byte, 0, 64)
	b.ReportAllocs()
	for b.Loop() {
		buf = AppendAck(buf[:0], V5, PUBACK, 7, NotAuthorized, "no binding opens this topic")
	}
}

func BenchmarkAppendMessage(b *testing.B) {
	buf := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		buf = AppendMessage(buf[:0], with5)
	}
	b.SetBytes(int64(len(buf)))
}

func BenchmarkReadMessage(b *testing.B) {
	stored := AppendMessage(nil, with5)
	b.SetBytes(int64(len(stored)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ReadMessage(stored); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOwn(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		view := *with5
		view.own = nil
		if view.Own().Topic == "" {
			b.Fatal("no topic")
		}
	}
}

func BenchmarkReadConnect(b *testing.B) {
	c := &Connect{Version: V5, CleanStart: true, KeepAlive: 60, ClientID: "machine-42", HasUsername: true, Username: "machine-42"}
	c.Properties.SessionExpiryInterval, c.Properties.ReceiveMaximum = 3600, 100
	c.Properties.Mark(PropSessionExpiryInterval, PropReceiveMaximum)
	body := c.Append(nil)[2:]
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ReadConnect(body); err != nil {
			b.Fatal(err)
		}
	}
}

// The hot path allocates nothing: a promise of the package, so a test.
func TestHotPathAllocatesNothing(t *testing.T) {
	buf := make([]byte, 0, 1024)
	in := AppendPublish(nil, with5, &Out{Version: V5, QoS: 1, PacketID: 7, HasExpiry: true, Alias: 3, SubIDs: []uint32{1, 300}})
	ack := AppendAck(nil, V5, PUBREC, 7, NotAuthorized, "")
	var p Publish
	var a Ack
	for name, f := range map[string]func(){
		"read PUBLISH": func() {
			h, _ := ReadHeader(in, 0)
			if err := p.Read(V5, h.Flags, in[h.Size:]); err != nil {
				t.Fatal(err)
			}
			p.Forward(nil)
		},
		"write PUBLISH": func() { buf = AppendPublish(buf[:0], with5, out5) },
		"patch PUBLISH": func() { SetPacketID(buf[:cap(buf)], 9); SetDup(buf[:cap(buf)]) },
		"read ack":      func() { _ = a.Read(V5, PUBREC, ack[2:]) },
		"write ack":     func() { buf = AppendAck(buf[:0], V5, PUBACK, 7, NotAuthorized, "because") },
		"write message": func() { buf = AppendMessage(buf[:0], with5) },
	} {
		buf = AppendPublish(buf[:0], with5, out5)
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
