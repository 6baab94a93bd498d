package session

import (
	"fmt"
	"runtime"
	"testing"

	"gridmq/mqtt"
)

// deaf is a Keeper that costs nothing.
type deaf struct{}

func (deaf) Done(uint64, *Item, Reason) {}
func (deaf) Sent(byte, int)             {}
func (deaf) Dropped(Reason)             {}

// benchBatch is how many packets a reader finds in its buffer under load.
const benchBatch = 16

// BenchmarkOutbound delivers messages to a client that is there, takes the bytes
// a batch at a time, and acknowledges them.
func BenchmarkOutbound(b *testing.B) {
	for qos := range byte(3) {
		b.Run(fmt.Sprintf("qos=%d", qos), func(b *testing.B) {
			s := New(deaf{}, Bounds{}, false)
			s.Connect(Options{Version: mqtt.V5, SendMaximum: 1024})
			m := &mqtt.Message{Topic: "site/7/line/3/machine/42/temperature", QoS: qos, Payload: make([]byte, 200)}
			d := &Delivery{QoS: qos}
			var spare []byte
			var seqs []uint64
			b.ReportAllocs()
			for b.Loop() {
				if qos == 0 {
					s.DeliverZero(m, d, false, 0)
					seqs = append(seqs, 0)
				} else {
					seqs = append(seqs, s.Deliver(m, d, Place{}, 0))
				}
				if len(seqs) < benchBatch {
					continue
				}
				if spare = s.TakeOut(spare); len(spare) < benchBatch*200 {
					b.Fatalf("%d bytes for %d messages", len(spare), benchBatch)
				}
				acknowledge(s, qos, seqs)
				seqs = seqs[:0]
			}
		})
	}
}

// acknowledge does what a client does with what was sent.
func acknowledge(s *Session, qos byte, seqs []uint64) {
	for _, seq := range seqs {
		switch id := packetID(seq); qos {
		case 1:
			s.Ack(&mqtt.Ack{Type: mqtt.PUBACK, PacketID: id})
		case 2:
			s.Ack(&mqtt.Ack{Type: mqtt.PUBREC, PacketID: id})
			s.Ack(&mqtt.Ack{Type: mqtt.PUBCOMP, PacketID: id})
		}
	}
}

// BenchmarkInbound takes account of messages from a client and answers them: at
// once, and a batch later when a commit group is durable.
func BenchmarkInbound(b *testing.B) {
	for _, waits := range []bool{false, true} {
		for qos := byte(1); qos <= 2; qos++ {
			b.Run(fmt.Sprintf("qos=%d,durable=%v", qos, waits), func(b *testing.B) {
				s := New(deaf{}, Bounds{}, waits)
				s.Connect(Options{Version: mqtt.V5, ReceiveMaximum: 1024})
				var spare []byte
				var n, ticket uint64
				b.ReportAllocs()
				for b.Loop() {
					id := uint16(n%1000) + 1
					if waits {
						ticket = n + 1
					}
					again, _, err := s.Admit(qos, id)
					if again || err != nil {
						b.Fatal(again, err)
					}
					if qos == 1 {
						s.Answer(mqtt.PUBACK, id, mqtt.Success, ticket)
					} else {
						s.Claim(id, ticket)
						s.Answer(mqtt.PUBREC, id, mqtt.Success, ticket)
						s.Release(id)
						s.Answer(mqtt.PUBCOMP, id, mqtt.Success, ticket)
					}
					if n++; n%benchBatch == 0 {
						s.Settle(n)
						if spare = s.TakeOut(spare); len(spare) == 0 {
							b.Fatal("nothing was answered")
						}
					}
				}
			})
		}
	}
}

// BenchmarkBacklog queues messages for a session that is away, and sends them
// when it is back, with payloads loaded from the store. bytes/message is what
// one costs in memory while it waits.
func BenchmarkBacklog(b *testing.B) {
	const backlog = 1000
	m := &mqtt.Message{Topic: "site/7/line/3/machine/42/temperature", QoS: 1, Payload: make([]byte, 200)}
	d := &Delivery{QoS: 1, Slots: []uint32{0}}
	bytes := backlogBytes(m, d)
	s := New(deaf{}, Bounds{}, true)
	var spare []byte
	seqs := make([]uint64, 0, backlog)
	b.ReportAllocs()
	for b.Loop() {
		seqs = append(seqs, s.Deliver(m, d, Place{Pos: uint64(len(seqs)) + 1}, 0))
		if len(seqs) < backlog {
			continue
		}
		s.Connect(Options{Version: mqtt.V5, SendMaximum: 100})
		for unacked := seqs; len(unacked) > 0; {
			for s.Pump(0) {
				s.Missing(100, func(seq, pos uint64) { s.Fill(seq, pos, m) })
			}
			spare = s.TakeOut(spare)
			n := min(100, len(unacked))
			acknowledge(s, 1, unacked[:n])
			unacked = unacked[n:]
		}
		if s.queue.Len() > 0 {
			b.Fatalf("%d messages were not sent", s.queue.Len())
		}
		s.Disconnect()
		seqs = seqs[:0]
	}
	b.ReportMetric(bytes, "bytes/message")
}

// backlogBytes is the memory of a message that waits, in a long queue.
func backlogBytes(m *mqtt.Message, d *Delivery) float64 {
	const n = 100_000
	heap := func() uint64 {
		runtime.GC()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return stats.HeapAlloc
	}
	before := heap()
	s := New(deaf{}, Bounds{}, true)
	for pos := range uint64(n) {
		s.Deliver(m, d, Place{Pos: pos + 1}, 0)
	}
	used := heap() - before
	runtime.KeepAlive(s)
	return float64(used) / n
}
