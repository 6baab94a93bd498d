package session

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"gridmq/mqtt"
)

// A phone is the client at the other end, by the book: it checks every packet
// that the session writes against what a client may expect.
type phone struct {
	t        *rapid.T
	max      int               // its receive maximum
	open     map[uint16]string // QoS 1 and 2 not yet acknowledged: payloads
	qos      map[uint16]byte
	half     map[uint16]bool // QoS 2: PUBREC sent, PUBREL or PUBCOMP outstanding
	released map[uint16]bool // PUBREL came, PUBCOMP not sent
	seen     []string        // in order of first arrival, QoS 1 and 2
	ids      map[string]uint16
	resent   []string          // on this connection
	count    int               // PUBLISH packets, with those that came again
	here     map[uint16]string // what of open came on this connection: an acknowledgement belongs to it
}

// read takes the session's bytes.
func (p *phone) read(b []byte) {
	for len(b) > 0 {
		h, err := mqtt.ReadHeader(b, 0)
		if err != nil {
			p.t.Fatalf("session wrote % x: %v", b, err)
		}
		p.packet(h, b[h.Size:h.Total()])
		b = b[h.Total():]
	}
}

func (p *phone) packet(h mqtt.Header, body []byte) {
	switch h.Type {
	case mqtt.PUBLISH:
		var in mqtt.Publish
		if err := in.Read(mqtt.V5, h.Flags, body); err != nil {
			p.t.Fatalf("PUBLISH % x: %v", body, err)
		}
		p.count++
		if in.QoS > 0 {
			p.publish(&in)
		}
	case mqtt.PUBREL:
		var a mqtt.Ack
		if err := a.Read(mqtt.V5, h.Type, body); err != nil {
			p.t.Fatal(err)
		}
		if a.Code == mqtt.Success {
			if !p.half[a.PacketID] {
				p.t.Fatalf("PUBREL %d without PUBREC", a.PacketID)
			}
			p.released[a.PacketID] = true
		}
	default:
		p.t.Fatalf("unexpected %v", h.Type)
	}
}

func (p *phone) publish(in *mqtt.Publish) {
	p.here[in.PacketID] = string(in.Payload)
	id, payload := in.PacketID, string(in.Payload)
	if old, taken := p.open[id]; taken && old != payload {
		p.t.Fatalf("identifier %d reused for %q while %q is open", id, payload, old) // [MQTT-2.2.1-4]
	}
	if p.half[id] {
		p.t.Fatalf("PUBLISH %q again after PUBREC", payload) // [MQTT-4.3.3-6]
	}
	_, again := p.open[id]
	if again != in.Dup {
		p.t.Fatalf("%q: DUP is %v, sent before is %v", payload, in.Dup, again) // [MQTT-3.3.1-1]
	}
	if again {
		if n := len(p.resent); n > 0 && slices.Index(p.seen, p.resent[n-1]) > slices.Index(p.seen, payload) {
			p.t.Fatalf("%q resent after %q", payload, p.resent[n-1]) // [MQTT-4.6.0-1]
		}
		p.resent = append(p.resent, payload)
		return
	}
	if known, ok := p.ids[payload]; ok {
		p.t.Fatalf("%q sent as new with %d, was %d", payload, id, known)
	}
	p.ids[payload], p.open[id], p.qos[id] = id, payload, in.QoS
	p.seen = append(p.seen, payload)
	if len(p.open)+len(p.half) > p.max { // [MQTT-3.3.4-9]
		p.t.Fatalf("%d messages under way, receive maximum %d", len(p.open)+len(p.half), p.max)
	}
}

type keeper struct{ done []string }

func (k *keeper) Done(seq uint64, _ *Item, why Reason) {
	k.done = append(k.done, fmt.Sprintf("%d %d", seq, why))
}
func (k *keeper) Sent(byte, int) {}
func (k *keeper) Dropped(Reason) {}

// A turnstile is a Pacer that lets through as many as it was told.
type turnstile struct{ left, passed int }

func (g *turnstile) MaySend(int64, int) bool {
	if g.left == 0 {
		return false
	}
	g.left--
	g.passed++
	return true
}

// TestHistories drives a durable session and a client through random histories:
// messages, acknowledgements in any order, lost connections, payloads that have
// to be loaded again, a pacer that holds back.
func TestHistories(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		keep := &keeper{}
		s := New(keep, Bounds{}, true)
		stored := map[uint64]*mqtt.Message{} // by place
		place := uint64(0)
		p := &phone{
			t: t, max: rapid.IntRange(1, 5).Draw(t, "receive maximum"), open: map[uint16]string{}, qos: map[uint16]byte{},
			half: map[uint16]bool{}, released: map[uint16]bool{}, ids: map[string]uint16{}, here: map[uint16]string{},
		}
		online := false
		pace := &turnstile{}
		pump := func() {
			for s.Pump(0) {
				s.Missing(3, func(seq, pos uint64) { defer s.Fill(seq, pos, stored[pos]) })
			}
			p.read(s.TakeOut(nil))
		}
		connect := func() {
			s.Connect(Options{Version: mqtt.V5, SendMaximum: uint16(p.max), Pacer: pace})
			online, p.resent = true, nil
			pump()
		}
		sent := []string{}
		committed := uint64(0)
		t.Repeat(map[string]func(*rapid.T){
			"deliver": func(t *rapid.T) {
				place++
				m := &mqtt.Message{Topic: "a", QoS: byte(rapid.IntRange(1, 2).Draw(t, "qos")), Payload: fmt.Appendf(nil, "%d", place)}
				stored[place] = m
				sent = append(sent, string(m.Payload))
				s.Deliver(m, &Delivery{QoS: 2, Slots: []uint32{0}}, Place{Pos: place, Ticket: place}, 0)
				p.read(s.TakeOut(nil))
			},
			"commit": func(*rapid.T) {
				committed = place
				s.Committed(committed)
				s.Settle(committed)
				pump()
			},
			"let through": func(t *rapid.T) {
				pace.left += rapid.IntRange(1, 9).Draw(t, "more")
				pump()
			},
			"connect": func(t *rapid.T) {
				if !online {
					connect()
				}
			},
			"lose": func(*rapid.T) {
				s.Disconnect()
				online = false
				clear(p.released)
				clear(p.here)
			},
			"restart": func(t *rapid.T) { // a crash of the broker: state from a snapshot
				state := s.AppendState(nil)
				s = New(keep, Bounds{}, true)
				if err := s.RestoreState(state, func(slots []uint32) *Delivery { return &Delivery{QoS: 2, Slots: append([]uint32(nil), slots...)} }); err != nil {
					t.Fatal(err)
				}
				online = false
				clear(p.released)
				clear(p.here)
			},
			"acknowledge": func(t *rapid.T) {
				if !online || len(p.here) == 0 {
					return
				}
				id := anyKey(t, p.here)
				delete(p.here, id)
				a := &mqtt.Ack{Type: mqtt.PUBACK, PacketID: id}
				if p.qos[id] == 2 {
					a.Type = mqtt.PUBREC
					p.half[id] = true
				}
				delete(p.open, id)
				if seq := s.Ack(a); seq != 0 {
					place++ // the note in the log has a ticket too
					s.Answer(mqtt.PUBREL, id, mqtt.Success, place)
				}
				pump()
			},
			"complete": func(t *rapid.T) {
				if !online || len(p.released) == 0 {
					return
				}
				id := anyKey(t, p.released)
				delete(p.released, id)
				delete(p.half, id)
				s.Ack(&mqtt.Ack{Type: mqtt.PUBCOMP, PacketID: id})
				pump()
			},
			"": func(t *rapid.T) {
				if got, want := len(p.open)+len(p.half), s.queue.count; got > want {
					t.Fatalf("client has %d open, session %d", got, want)
				}
				if p.count != pace.passed {
					t.Fatalf("the client got %d PUBLISH packets, the pacer let %d through", p.count, pace.passed)
				}
			},
		})
		// In the end everything arrives, once, in order.
		s.Committed(place)
		pace.left = 1 << 30
		if !online {
			connect()
		}
		for i := 0; s.queue.Len() > 0 && i < 10*len(sent)+10; i++ {
			s.Settle(place + 1)
			pump()
			for id := range p.open {
				a := &mqtt.Ack{Type: mqtt.PUBACK, PacketID: id}
				if p.qos[id] == 2 {
					a.Type, p.half[id] = mqtt.PUBREC, true
				}
				delete(p.open, id)
				if s.Ack(a) != 0 {
					s.Answer(mqtt.PUBREL, id, mqtt.Success, 0)
				}
			}
			pump()
			for id := range p.released {
				delete(p.released, id)
				delete(p.half, id)
				s.Ack(&mqtt.Ack{Type: mqtt.PUBCOMP, PacketID: id})
			}
		}
		if fmt.Sprint(p.seen) != fmt.Sprint(sent) {
			t.Fatalf("arrived %v, sent %v", p.seen, sent)
		}
	})
}

// anyKey draws a key; sorted, so that a history replays alike.
func anyKey[V any](t *rapid.T, m map[uint16]V) uint16 {
	keys := slices.Sorted(maps.Keys(m))
	return keys[rapid.IntRange(0, len(keys)-1).Draw(t, "which")]
}
