package behaviour

import (
	"bufio"
	"errors"
	"io"
	"slices"
	"time"

	"gridmq/mqtt"
)

// A raw client writes packets itself, where a library would know better. It
// sends no PINGREQ and answers nothing.
type raw struct {
	e       *env
	id      string
	v       mqtt.Version
	wire    *wire
	connack mqtt.Connack
	packets chan packet // closed at the end of the connection
}

type packet struct {
	mqtt.Header
	body []byte
}

// raw opens a connection that must be accepted. The version is that of the run.
func (e *env) raw(id string, change ...func(*mqtt.Connect)) *raw {
	e.Helper()
	r := e.tryRaw(id, change...)
	if r.connack.Code != mqtt.Success {
		e.Fatalf("connect %q: %v %q", id, r.connack.Code, r.connack.Properties.ReasonString)
	}
	return r
}

func (e *env) tryRaw(id string, change ...func(*mqtt.Connect)) *raw {
	e.Helper()
	w, err := e.broker().dial(e.transport)
	if err != nil {
		e.Fatalf("dial %s: %v", e.transport, err)
	}
	r := &raw{e: e, id: id, v: mqtt.V5, wire: w, packets: make(chan packet, 1<<14)}
	if e.version == v3 {
		r.v = mqtt.V311
	}
	e.Cleanup(func() { r.drop() })
	go r.read() // until the connection ends
	p := mqtt.Connect{Version: r.v, CleanStart: true, ClientID: id}
	for _, f := range change {
		f(&p)
	}
	r.write(p.Append(nil))
	got := r.next()
	if got.Type != mqtt.CONNACK {
		e.Fatalf("%s: the first packet is %v, want CONNACK", id, got.Type)
	}
	ack, err := mqtt.ReadConnack(r.v, got.body)
	if err != nil {
		e.Fatalf("%s: CONNACK: %v", id, err)
	}
	r.connack = *ack
	return r
}

// durableRaw is a change of CONNECT: the session is resumed and kept.
func durableRaw(p *mqtt.Connect) {
	p.CleanStart = false
	if p.Version == mqtt.V5 {
		p.Properties.SessionExpiryInterval = hour
		p.Properties.Mark(mqtt.PropSessionExpiryInterval)
	}
}

func (r *raw) read() {
	defer close(r.packets)
	in := bufio.NewReader(r.wire)
	for {
		head, err := in.Peek(2)
		for n := 2; err == nil && n <= 5 && head[n-1]&0x80 != 0; {
			n++
			head, err = in.Peek(n)
		}
		if err != nil {
			return
		}
		h, err := mqtt.ReadHeader(head, 0)
		if err != nil {
			return
		}
		whole := make([]byte, h.Total())
		if _, err := io.ReadFull(in, whole); err != nil {
			return
		}
		r.packets <- packet{h, whole[h.Size:]}
	}
}

func (r *raw) write(b []byte) {
	r.e.Helper()
	if _, err := r.wire.Write(b); err != nil {
		r.e.Fatalf("%s: write: %v", r.id, err)
	}
}

// drop loses the connection.
func (r *raw) drop() {
	r.wire.flow()
	_ = r.wire.Close()
}

// next waits for a packet.
func (r *raw) next() packet {
	r.e.Helper()
	p, err := r.wait(patience)
	if err != nil {
		r.e.Fatalf("%s: want a packet: %v", r.id, err)
	}
	return p
}

var errSilence = errors.New("nothing came")

func (r *raw) wait(most time.Duration) (packet, error) {
	select {
	case p, ok := <-r.packets:
		if !ok {
			return p, io.EOF
		}
		return p, nil
	case <-time.After(most):
		return packet{}, errSilence
	}
}

// silent proves that nothing comes.
func (r *raw) silent() {
	r.e.Helper()
	if p, err := r.wait(silence); err != errSilence {
		r.e.Fatalf("%s: got %v %x (%v), want nothing", r.id, p.Type, p.body, err)
	}
}

// of waits for the next packet, which must be of this type.
func (r *raw) of(t mqtt.Type) packet {
	r.e.Helper()
	p := r.next()
	if p.Type != t {
		why := ""
		if p.Type == mqtt.DISCONNECT {
			if d, err := mqtt.ReadDisconnect(r.v, p.body); err == nil {
				why = d.Code.String() + " " + d.Properties.ReasonString
			}
		}
		r.e.Fatalf("%s: got %v %x %s, want %v", r.id, p.Type, p.body, why, t)
	}
	return p
}

// published waits for a PUBLISH with this payload.
func (r *raw) published(payload string) mqtt.Publish {
	r.e.Helper()
	p := r.of(mqtt.PUBLISH)
	var m mqtt.Publish
	if err := m.Read(r.v, p.Flags, p.body); err != nil {
		r.e.Fatalf("%s: PUBLISH: %v", r.id, err)
	}
	if string(m.Payload) != payload {
		r.e.Fatalf("%s: got %q (%+v), want %q", r.id, short(string(m.Payload)), m, payload)
	}
	return m
}

// acked waits for an acknowledgement.
func (r *raw) acked(t mqtt.Type, id uint16) mqtt.Code {
	r.e.Helper()
	var a mqtt.Ack
	if err := a.Read(r.v, t, r.of(t).body); err != nil {
		r.e.Fatalf("%s: %v: %v", r.id, t, err)
	}
	if a.PacketID != id {
		r.e.Fatalf("%s: %v for id %d, want %d", r.id, t, a.PacketID, id)
	}
	return a.Code
}

func (r *raw) publish(qos byte, id uint16, dup bool, topic, payload string) {
	r.e.Helper()
	m := mqtt.Message{Topic: topic, Payload: []byte(payload), QoS: qos}
	r.write(mqtt.AppendPublish(nil, &m, &mqtt.Out{Version: r.v, QoS: qos, PacketID: id, Dup: dup}))
}

func (r *raw) ack(t mqtt.Type, id uint16, code ...mqtt.Code) {
	r.e.Helper()
	code = append(code, mqtt.Success)
	r.write(mqtt.AppendAck(nil, r.v, t, id, code[0], ""))
}

// subscribe is one SUBSCRIBE and returns the codes.
func (r *raw) subscribe(identifier uint32, subs ...mqtt.Subscription) []mqtt.Code {
	r.e.Helper()
	p := mqtt.Subscribe{PacketID: 1, Subscriptions: subs}
	if identifier != 0 {
		p.Properties.SubscriptionIdentifiers = []uint32{identifier}
		p.Properties.Mark(mqtt.PropSubscriptionIdentifier)
	}
	r.write(p.Append(nil, r.v))
	ack, err := mqtt.ReadSuback(r.v, r.of(mqtt.SUBACK).body)
	if err != nil {
		r.e.Fatalf("%s: SUBACK: %v", r.id, err)
	}
	return ack.Codes
}

// to subscribes to filters at a QoS, which must be granted.
func (r *raw) to(qos byte, filters ...string) {
	r.e.Helper()
	for _, f := range filters {
		if got := r.subscribe(0, mqtt.Subscription{Filter: f, QoS: qos}); !slices.Equal(got, []mqtt.Code{mqtt.Code(qos)}) {
			r.e.Fatalf("%s: subscribe %q at QoS %d: %v", r.id, f, qos, got)
		}
	}
}

// wantEnd wants the end of the connection, announced with a code in MQTT 5, and
// returns the reason string. Nothing else may come before.
func (r *raw) wantEnd(code mqtt.Code) (reason string) {
	r.e.Helper()
	p, err := r.wait(patience)
	if r.v == mqtt.V5 {
		if err != nil || p.Type != mqtt.DISCONNECT {
			r.e.Fatalf("%s: got %v %x (%v), want DISCONNECT %v", r.id, p.Type, p.body, err, code)
		}
		d, err := mqtt.ReadDisconnect(r.v, p.body)
		if err != nil || d.Code != code {
			r.e.Fatalf("%s: DISCONNECT %+v (%v), want %v", r.id, d, err, code)
		}
		reason = d.Properties.ReasonString
		p, err = r.wait(patience)
		if err != io.EOF {
			r.e.Fatalf("%s: got %v (%v) after DISCONNECT, want the end", r.id, p.Type, err)
		}
		return reason
	}
	if err != io.EOF {
		r.e.Fatalf("%s: got %v %x (%v), want the end of the connection", r.id, p.Type, p.body, err)
	}
	return ""
}
