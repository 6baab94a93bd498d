package load

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"gridmq/client"
	"gridmq/mqtt"
)

// A publisher sends messages on one connection: a writer goroutine, which
// sends whatever the windows allow in one write, and a reader for the
// acknowledgements.
type publisher struct {
	*conn
	number uint32
	clock  time.Time // the run's zero
	window           // what receivers have not seen yet
	fan    int64     // receivers of one message
	tmpl   template
	qos    byte
	limit  uint64    // messages to send; 0: until stopped
	pace   *schedule // nil: as fast as the windows allow
	stop   <-chan struct{}
	// aim patches the topic of message n and tells its number in its stream.
	aim func(n uint64, topic []byte) (seq uint64)
	// tally, if set, counts acknowledged messages.
	tally *atomic.Uint64
	// acks, if set, is told the stamp of each message that is acknowledged.
	acks   func(stamp int64)
	forget bool // the session ends with the connection

	sent   atomic.Uint64 // messages handed to the socket
	ending atomic.Bool   // no more messages will be sent
	gone   chan struct{} // closed when the reader has ended
	err    error         // why; read after gone

	mu          sync.Mutex
	flights     []flight // by packet id - 1
	lastID      int
	inflight    int
	inflightMax int    // the most that may be in flight
	pending     []byte // PUBREL packets to be written
	acked       bitset // message numbers, when record is on
	record      bool
	refused     int       // acknowledgements with an error code
	refusal     mqtt.Code // the last of them
}

// A flight is the state of one packet id.
type flight struct {
	state byte // free, published or released
	n     uint64
	stamp int64
}

const (
	free byte = iota
	published
	released
)

const pubrelSize = 4 // bytes

// maxWrite bounds one write, so that the first of a batch is not held up long.
const maxWrite = 256 << 10

// run sends until the limit or stop, and waits for all acknowledgements. What
// it returns as error ended the connection.
func (p *publisher) run(ctx context.Context) error {
	p.gone = make(chan struct{})
	p.inflightMax = min(p.inflightMax, p.receiveMaximum)
	p.flights = make([]flight, max(4*p.inflightMax, 256))
	defer p.nc.Close()
	defer context.AfterFunc(ctx, func() { p.nc.Close() })()
	go func() { // ends with the connection, at the latest when run returns
		defer close(p.gone)
		p.err = p.loop(4<<10, p.ack, p.wakeWriter)
	}()
	err := p.write()
	if err == nil {
		p.leave(p.forget)
	}
	p.nc.Close()
	<-p.gone
	if err != nil && p.err != nil && !isClosed(p.err) {
		err = p.err // says more than the failed write
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return fmt.Errorf("publisher %s: %w", p.id, err)
	}
	return nil
}

// write is the writer's loop. It ends when nothing is left to be sent or to be
// acknowledged.
func (p *publisher) write() error {
	var buf []byte
	var wait time.Duration
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		over := p.over()
		p.ending.Store(over)
		buf, wait = p.fill(buf[:0], over)
		if len(buf) > 0 {
			p.armed.Store(false)
			if _, err := p.nc.Write(buf); err != nil {
				return err
			}
			continue
		}
		if over && p.settled() {
			return nil
		}
		if p.armed.CompareAndSwap(false, true) {
			continue // look again: the bell was not armed while we looked
		}
		timer.Reset(wait)
		stop := p.stop
		if over {
			stop = nil
		}
		select {
		case <-p.c:
		case <-timer.C:
		case <-stop:
		case <-p.gone:
			return p.lost()
		}
	}
}

// over says that no more messages are to be sent.
func (p *publisher) over() bool {
	if p.limit > 0 && p.sent.Load() >= p.limit {
		return true
	}
	select {
	case <-p.stop:
		return true
	default:
		return false
	}
}

func (p *publisher) settled() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.inflight == 0 && len(p.pending) == 0
}

// lost is the error after the reader has ended.
func (p *publisher) lost() error {
	if p.err != nil {
		return p.err
	}
	return errors.New("connection ended")
}

// fill appends what may be written now. When that is nothing, wait is how long
// until the schedule has more.
func (p *publisher) fill(buf []byte, over bool) (_ []byte, wait time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	buf = append(buf, p.pending...)
	p.pending = p.pending[:0]
	if over {
		return buf, time.Hour
	}
	n := p.window.free() / p.fan
	if p.qos == 0 && n < p.window.limit/p.fan/2 {
		n = 0 // half a window at a time, as give rings
	}
	if p.qos > 0 {
		n = min(n, int64(p.inflightMax-p.inflight))
	}
	n = max(0, min(n, int64(maxWrite/len(p.tmpl.bytes)+1)))
	if p.limit > 0 {
		n = min(n, int64(p.limit-p.sent.Load()))
	}
	wait, stamp := time.Hour, time.Since(p.clock)
	if p.pace != nil {
		var due bool
		if due, stamp, wait = p.pace.next(stamp, n > 0); !due {
			return buf, wait
		}
		n = 1
	}
	for range n {
		buf = p.encode(buf, int64(stamp))
	}
	p.window.out.Add(n * p.fan)
	return buf, wait
}

// encode appends one PUBLISH. p.mu is held.
func (p *publisher) encode(buf []byte, stamp int64) []byte {
	n := p.sent.Load()
	at := len(buf)
	buf = append(buf, p.tmpl.bytes...)
	b, seq := buf[at:], n
	if p.aim != nil {
		seq = p.aim(n, b[p.tmpl.topic:p.tmpl.id])
	}
	if p.qos > 0 {
		binary.BigEndian.PutUint16(b[p.tmpl.id:], p.takeID(n, stamp))
	}
	if h := b[p.tmpl.payload:]; len(h) >= headSize {
		binary.BigEndian.PutUint64(h[8:], seq)
		binary.BigEndian.PutUint64(h[16:], uint64(stamp))
	}
	p.sent.Store(n + 1)
	return buf
}

// takeID finds a packet id that is not in use; there are four times as many as
// the window lets be used.
func (p *publisher) takeID(n uint64, stamp int64) uint16 {
	for p.flights[p.lastID].state != free {
		p.lastID = (p.lastID + 1) % len(p.flights)
	}
	id := p.lastID
	p.flights[id] = flight{published, n, stamp}
	p.lastID = (id + 1) % len(p.flights)
	p.inflight++
	return uint16(id + 1)
}

// ack takes one packet from the broker.
func (p *publisher) ack(first byte, body []byte) error {
	t := mqtt.Type(first >> 4)
	switch t {
	case mqtt.PUBACK, mqtt.PUBREC, mqtt.PUBCOMP:
	case mqtt.DISCONNECT:
		return p.disconnected(body)
	case mqtt.PINGRESP:
		return nil
	default:
		return fmt.Errorf("unexpected %v", t)
	}
	if len(body) < 2 {
		return fmt.Errorf("malformed %v", t)
	}
	id := int(binary.BigEndian.Uint16(body))
	var code mqtt.Code
	if len(body) > 2 {
		code = mqtt.Code(body[2])
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if id < 1 || id > len(p.flights) {
		return fmt.Errorf("%v for packet id %d, which was not used", t, id)
	}
	f := &p.flights[id-1]
	switch {
	case t == mqtt.PUBREC && p.qos == 2 && f.state != free:
		if f.state == published && !code.IsError() {
			f.state = released
			p.pending = append(p.pending, byte(mqtt.PUBREL)<<4|2, 2, body[0], body[1])
			return nil
		}
		if f.state == released {
			return nil
		}
	case t == mqtt.PUBACK && p.qos == 1 && f.state == published:
	case t == mqtt.PUBCOMP && f.state == released:
	default:
		return fmt.Errorf("unexpected %v for packet id %d", t, id)
	}
	f.state = free
	p.inflight--
	if code.IsError() {
		p.refused++
		p.refusal = code
		p.window.out.Add(-p.fan) // nobody will receive it
		return nil
	}
	if p.record {
		p.acked.set(f.n)
	}
	if p.tally != nil {
		p.tally.Add(1)
	}
	if p.acks != nil {
		p.acks(f.stamp)
	}
	return nil
}

// wakeWriter wakes the writer after acknowledgements: once there is a quarter of
// the window to be written, or else, at a pace or towards the end, at once.
// Waiting cannot last: the broker owes us the other three quarters.
func (p *publisher) wakeWriter() error {
	p.mu.Lock()
	todo := p.inflightMax - p.inflight + len(p.pending)/pubrelSize
	p.mu.Unlock()
	if todo >= max(1, p.inflightMax/4) || p.pace != nil || p.ending.Load() {
		p.ring()
	}
	return nil
}

// A template is an encoded PUBLISH and where in it things are to be patched.
type template struct {
	bytes              []byte
	topic, id, payload int // offsets; the topic ends at id
}

// newTemplate encodes a message of publisher number with size bytes.
func newTemplate(v mqtt.Version, topic string, qos byte, retain bool, run, number uint32, size int) template {
	m := mqtt.Message{Topic: topic, QoS: qos, Retain: retain, Payload: make([]byte, size)}
	for i := range m.Payload {
		m.Payload[i] = 'a' + byte(i%26)
	}
	if size >= headSize { // else it is empty, to remove what is retained
		head{run: run, publisher: number}.put(m.Payload)
	}
	b := mqtt.AppendPublish(nil, &m, &mqtt.Out{Version: v, QoS: qos, Retain: retain, PacketID: 1})
	_, body, _, _ := split(b) // our own packet is well-formed
	at := len(b) - len(body) + 2
	return template{bytes: b, topic: at, id: at + len(topic), payload: len(b) - size}
}

// isClosed says that err only tells what we know: the connection is closed.
func isClosed(err error) bool {
	c, ok := errors.AsType[*client.ClosedError](err)
	return !ok || c.Code == 0
}
