package robustness

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"gridmq/mqtt"
)

const never = ^uint32(0) // session expiry

// A device is a client with a session: it keeps what the standard tells a
// client to keep (section 4.1), over any number of connections and the death of
// brokers. It gives nothing up: what is not acknowledged is sent again.
//
// Its callbacks run on the goroutine that reads.
type device struct {
	id       string
	v        mqtt.Version
	expiry   uint32 // 0: the session ends with the connection
	resume   bool   // no clean start, although expiry is 0
	receive  uint16 // Receive Maximum of 5.0; 0: none is sent
	will     *mqtt.Will
	dial     func(context.Context) (net.Conn, error)
	fault    func(format string, args ...any) // the broker broke a rule
	heard    func(m *heard)                   // a message, QoS 2 once
	answered func(p *parcel, c mqtt.Code)     // PUBACK, or PUBREC, of ours
	finished func(p *parcel)                  // nothing is left to do for it

	readers sync.WaitGroup

	mu        sync.Mutex
	clean     bool // ask for a clean start
	known     bool // the broker has promised to keep the session
	link      *link
	reason    mqtt.Code       // of the last DISCONNECT
	pending   []*parcel       // ours, in the order of sending
	received  map[uint16]bool // ids of QoS 2 messages not yet released
	lastID    uint16
	requests  map[uint16]chan []mqtt.Code
	pong      chan struct{}
	requestID uint16
}

// A parcel is a message of ours on its way to the broker.
type parcel struct {
	m        mqtt.Message
	id       uint16
	released bool // PUBREC has come
	sent     int  // how often
	tag      any
}

// heard is a message that came. Topic and Payload are valid during the call.
type heard struct {
	topic, payload []byte
	qos            byte
	dup, retain    bool
	id             uint16
}

// refused is a CONNACK that says no.
type refused struct{ code mqtt.Code }

func (r refused) Error() string { return fmt.Sprintf("CONNECT refused: %v", r.code) }

// connect dials and logs in, sends again what is open [MQTT-4.4.0-1], and
// starts reading. present is what CONNACK said.
func (d *device) connect(ctx context.Context) (l *link, present bool, err error) {
	nc, err := d.dial(ctx)
	if err != nil {
		return nil, false, err
	}
	l = newLink(nc, d.v)
	d.mu.Lock()
	clean, known := d.clean, d.known
	d.mu.Unlock()
	ack, err := l.login(d.packet(clean))
	if err == nil && ack.Code != mqtt.Success {
		err = refused{ack.Code}
	}
	if err != nil {
		l.close()
		l.writer.Wait()
		return nil, false, err
	}
	switch {
	case clean && ack.SessionPresent: // [MQTT-3.2.2-2]
		d.fault("%s: session present after a clean start", d.id)
	case known && !clean && !ack.SessionPresent: // [MQTT-3.2.2-3]
		d.fault("%s: the broker has lost the session", d.id)
	}
	d.begin(l, clean)
	d.readers.Go(func() { d.read(l) })
	return l, ack.SessionPresent, nil
}

func (d *device) packet(clean bool) *mqtt.Connect {
	p := &mqtt.Connect{Version: d.v, ClientID: d.id, CleanStart: clean || d.expiry == 0 && !d.resume, KeepAlive: 60, Will: d.will}
	if d.v == mqtt.V5 {
		p.Properties.SessionExpiryInterval = d.expiry
		p.Properties.Mark(mqtt.PropSessionExpiryInterval)
		if d.receive > 0 {
			p.Properties.ReceiveMaximum = d.receive
			p.Properties.Mark(mqtt.PropReceiveMaximum)
		}
	}
	return p
}

// begin makes l the connection and resends.
func (d *device) begin(l *link, clean bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if clean {
		d.received = nil
	}
	d.clean, d.known, d.link = false, d.expiry > 0, l
	if d.received == nil {
		d.received = make(map[uint16]bool)
	}
	for _, p := range d.pending {
		if p.released {
			l.ack(mqtt.PUBREL, p.id)
		} else {
			d.put(p)
		}
	}
}

// put writes a PUBLISH. d.mu is held.
func (d *device) put(p *parcel) {
	o := mqtt.Out{Version: d.v, Dup: p.sent > 0, QoS: p.m.QoS, Retain: p.m.Retain, PacketID: p.id}
	p.sent++
	d.link.send(func(b []byte) []byte { return mqtt.AppendPublish(b, &p.m, &o) })
}

// publish sends a message now, or with the next connection.
func (d *device) publish(m mqtt.Message, tag any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	p := &parcel{m: m, tag: tag}
	if m.QoS > 0 {
		p.id = d.freeID()
		d.pending = append(d.pending, p)
	}
	if d.link != nil {
		d.put(p)
	}
}

// freeID is an identifier of 1 to 30,000 that is not in use; those above are
// for SUBSCRIBE. d.mu is held.
func (d *device) freeID() uint16 {
	for {
		d.lastID = d.lastID%30_000 + 1
		used := false
		for _, p := range d.pending {
			used = used || p.id == d.lastID
		}
		if !used {
			return d.lastID
		}
	}
}

// open is the number of messages that are not finished.
func (d *device) open() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.pending)
}

// read takes what comes until the connection ends.
func (d *device) read(l *link) {
	defer l.writer.Wait()
	defer l.close()
	for {
		h, body, err := l.next()
		if err == nil {
			err = d.take(l, h, body)
		}
		if err != nil {
			if e, ok := errors.AsType[*mqtt.Error](err); ok {
				d.fault("%s: the broker sent what MQTT does not allow: %v", d.id, e)
			}
			d.end(l)
			return
		}
	}
}

// end forgets the connection.
func (d *device) end(l *link) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.link == l {
		d.link = nil
	}
	for id, c := range d.requests {
		close(c)
		delete(d.requests, id)
	}
	if d.pong != nil {
		close(d.pong)
		d.pong = nil
	}
}

var errGoodbye = errors.New("the broker sent DISCONNECT")

func (d *device) take(l *link, h mqtt.Header, body []byte) error {
	switch h.Type {
	case mqtt.PUBLISH:
		var p mqtt.Publish
		if err := p.Read(d.v, h.Flags, body); err != nil {
			return err
		}
		d.hear(l, &p)
		return nil
	case mqtt.PUBACK, mqtt.PUBREC, mqtt.PUBREL, mqtt.PUBCOMP:
		var a mqtt.Ack
		if err := a.Read(d.v, h.Type, body); err != nil {
			return err
		}
		d.takeAck(l, &a)
		return nil
	case mqtt.SUBACK:
		s, err := mqtt.ReadSuback(d.v, body)
		if err == nil {
			d.reply(s.PacketID, s.Codes)
		}
		return err
	case mqtt.UNSUBACK:
		u, err := mqtt.ReadUnsuback(d.v, body)
		if err == nil {
			d.reply(u.PacketID, u.Codes)
		}
		return err
	case mqtt.PINGRESP:
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.pong != nil {
			d.pong <- struct{}{}
			d.pong = nil
		}
		return nil
	case mqtt.DISCONNECT:
		bye, err := mqtt.ReadDisconnect(d.v, body)
		if err != nil {
			return err
		}
		d.mu.Lock()
		d.reason = bye.Code
		d.mu.Unlock()
		return errGoodbye
	}
	return &mqtt.Error{Op: "take", Code: mqtt.ProtocolError, Err: fmt.Errorf("%v from a broker", h.Type)}
}

// hear takes a PUBLISH and acknowledges it; QoS 2 by method A of section 4.3.3.
func (d *device) hear(l *link, p *mqtt.Publish) {
	again := false
	if p.QoS == 2 {
		d.mu.Lock()
		again = d.received[p.PacketID]
		d.received[p.PacketID] = true
		d.mu.Unlock()
	}
	if !again && d.heard != nil {
		d.heard(&heard{topic: p.Topic, payload: p.Payload, qos: p.QoS, dup: p.Dup, retain: p.Retain, id: p.PacketID})
	}
	switch p.QoS {
	case 1:
		l.ack(mqtt.PUBACK, p.PacketID)
	case 2:
		l.ack(mqtt.PUBREC, p.PacketID)
	}
}

// takeAck takes an acknowledgement. Those of one kind come in the order of the
// PUBLISH packets [MQTT-4.6.0-2] [MQTT-4.6.0-3].
func (d *device) takeAck(l *link, a *mqtt.Ack) {
	if a.Type == mqtt.PUBREL {
		d.mu.Lock()
		delete(d.received, a.PacketID)
		d.mu.Unlock()
		l.ack(mqtt.PUBCOMP, a.PacketID)
		return
	}
	d.mu.Lock()
	if d.link != l {
		d.mu.Unlock()
		return
	}
	p := d.match(a)
	if p == nil {
		d.mu.Unlock()
		d.fault("%s: %v for id %d, which is not due", d.id, a.Type, a.PacketID)
		return
	}
	over := a.Type != mqtt.PUBREC || a.Code.IsError()
	if over {
		d.remove(p)
	} else {
		p.released = true
		l.ack(mqtt.PUBREL, p.id)
	}
	d.mu.Unlock()
	if a.Type != mqtt.PUBCOMP && d.answered != nil {
		d.answered(p, a.Code)
	}
	if over && d.finished != nil {
		d.finished(p)
	}
}

// match is the parcel that an acknowledgement is for, when it is that one's
// turn. d.mu is held.
func (d *device) match(a *mqtt.Ack) *parcel {
	for _, p := range d.pending {
		switch a.Type {
		case mqtt.PUBACK:
			if p.m.QoS != 1 {
				continue
			}
		case mqtt.PUBREC:
			if p.m.QoS != 2 || p.released {
				continue
			}
		case mqtt.PUBCOMP:
			if p.m.QoS != 2 || !p.released {
				continue
			}
		}
		if p.id == a.PacketID {
			return p
		}
		if a.Type != mqtt.PUBCOMP {
			return nil // an older one is due first
		}
	}
	return nil
}

func (d *device) remove(p *parcel) {
	for i, q := range d.pending {
		if q == p {
			d.pending = append(d.pending[:i], d.pending[i+1:]...)
			return
		}
	}
}

var errNoAnswer = errors.New("the connection ended before the broker answered")

// subscribe asks for subscriptions on the connection there is and waits.
func (d *device) subscribe(qos byte, filters ...string) ([]mqtt.Code, error) {
	s := mqtt.Subscribe{}
	for _, f := range filters {
		s.Subscriptions = append(s.Subscriptions, mqtt.Subscription{Filter: f, QoS: qos})
	}
	return d.ask(func(b []byte, id uint16) []byte {
		s.PacketID = id
		return s.Append(b, d.v)
	})
}

func (d *device) unsubscribe(filters ...string) ([]mqtt.Code, error) {
	u := mqtt.Unsubscribe{Filters: filters}
	return d.ask(func(b []byte, id uint16) []byte {
		u.PacketID = id
		return u.Append(b, d.v)
	})
}

func (d *device) ask(encode func(b []byte, id uint16) []byte) ([]mqtt.Code, error) {
	d.mu.Lock()
	l := d.link
	if l == nil {
		d.mu.Unlock()
		return nil, errNoAnswer
	}
	d.requestID = d.requestID%1000 + 1
	id := 60_000 + d.requestID
	c := make(chan []mqtt.Code, 1)
	if d.requests == nil {
		d.requests = make(map[uint16]chan []mqtt.Code)
	}
	d.requests[id] = c
	d.mu.Unlock()
	l.send(func(b []byte) []byte { return encode(b, id) })
	codes, ok := <-c
	if !ok {
		return nil, errNoAnswer
	}
	for _, code := range codes {
		if code.IsError() {
			return codes, fmt.Errorf("%s: the broker refused: %v", d.id, code)
		}
	}
	return codes, nil
}

func (d *device) reply(id uint16, codes []mqtt.Code) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if c := d.requests[id]; c != nil {
		c <- codes
		delete(d.requests, id)
	}
}

// ping waits for the broker's answer to a PINGREQ.
func (d *device) ping(patience time.Duration) error {
	d.mu.Lock()
	l, c := d.link, make(chan struct{}, 1)
	if l == nil {
		d.mu.Unlock()
		return errNoAnswer
	}
	d.pong = c
	d.mu.Unlock()
	l.send(mqtt.AppendPingreq)
	select {
	case _, ok := <-c:
		if !ok {
			return errNoAnswer
		}
		return nil
	case <-time.After(patience):
		return fmt.Errorf("%s: no PINGRESP within %v", d.id, patience)
	}
}

// disconnect says goodbye and waits for the end of the connection.
func (d *device) disconnect(l *link) {
	l.send(func(b []byte) []byte { return (&mqtt.Disconnect{}).Append(b, d.v) })
	select {
	case <-l.ended:
	case <-time.After(2 * time.Second):
		l.close()
	}
}

// lastReason is the code of the DISCONNECT that ended a connection.
func (d *device) lastReason() mqtt.Code {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.reason
}

// close ends the connection without a word and waits for the reader.
func (d *device) close() {
	d.mu.Lock()
	l := d.link
	d.mu.Unlock()
	if l != nil {
		l.close()
	}
	d.readers.Wait()
}
