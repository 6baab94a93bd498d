package load

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"gridmq/client"
	"gridmq/mqtt"
)

// A receiver reads one subscriber's connection, acknowledges in one write what
// came in one read, and counts per stream what arrived.
type receiver struct {
	*conn
	meter *meter
	pubs  []*publisher // whose messages come here, from number base on; none: nobody waits for credit
	base  uint32
	// see, if set, is told every message instead of the streams.
	see func(h head)

	streams []stream // by publisher number - base
	hist    Histogram
	foreign uint64 // messages of somebody else
	left    atomic.Bool

	// of the current read
	acks   []byte
	counts []int64 // by publisher
	batch  int64
	now    time.Duration
}

// A meter is what a run shares between its receivers.
type meter struct {
	clock time.Time // the run's zero
	run   uint32
	from  atomic.Int64  // stamps from here on count for the latency
	got   atomic.Uint64 // deliveries so far
	acked atomic.Uint64 // acknowledgements so far, where publishers tally
}

// moved changes whenever anything arrives.
func (m *meter) moved() uint64 { return m.got.Load() + m.acked.Load() }

const readBuffer = 64 << 10

// leave ends run: it is not an error then that the connection ends. With forget
// the broker drops the session too.
func (r *receiver) leave(forget bool) {
	r.left.Store(true)
	r.conn.leave(forget)
}

// run reads until the connection ends.
func (r *receiver) run(ctx context.Context) error {
	defer r.nc.Close()
	defer context.AfterFunc(ctx, func() { r.nc.Close() })()
	r.counts = make([]int64, len(r.streams))
	err := r.loop(readBuffer, r.packet, r.flush)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if r.left.Load() {
		return nil
	}
	return fmt.Errorf("subscriber %s: %w", r.id, err)
}

func (r *receiver) packet(first byte, body []byte) error {
	switch mqtt.Type(first >> 4) {
	case mqtt.PUBLISH:
		return r.publish(first, body)
	case mqtt.PUBREL:
		if len(body) < 2 {
			return errors.New("malformed PUBREL")
		}
		r.acks = append(r.acks, byte(mqtt.PUBCOMP)<<4, 2, body[0], body[1])
	case mqtt.DISCONNECT:
		return r.disconnected(body)
	case mqtt.SUBACK:
		return r.suback(body)
	case mqtt.PINGRESP:
	default:
		return fmt.Errorf("unexpected %v", mqtt.Type(first>>4))
	}
	return nil
}

func (r *receiver) publish(first byte, body []byte) error {
	payload, id, ok := payloadOf(first, body, r.v)
	if !ok {
		return errors.New("malformed PUBLISH")
	}
	switch first >> 1 & 3 {
	case 1:
		r.acks = append(r.acks, byte(mqtt.PUBACK)<<4, 2, byte(id>>8), byte(id))
	case 2:
		r.acks = append(r.acks, byte(mqtt.PUBREC)<<4, 2, byte(id>>8), byte(id))
	}
	h, ok := readHead(payload)
	i := h.publisher - r.base
	if !ok || h.run != r.meter.run || r.see == nil && i >= uint32(len(r.streams)) {
		r.foreign++
		return nil
	}
	if r.batch == 0 {
		r.now = time.Since(r.meter.clock)
	}
	if r.batch++; h.stamp >= r.meter.from.Load() {
		r.hist.Add(r.now-time.Duration(h.stamp), 1)
	}
	if r.see != nil {
		r.see(h)
		return nil
	}
	r.streams[i].see(h.seq)
	r.counts[i]++
	return nil
}

// suback checks the grant of a SUBSCRIBE that was sent without waiting.
func (r *receiver) suback(body []byte) error {
	ack, err := mqtt.ReadSuback(r.v, body)
	if err != nil {
		return err
	}
	for _, code := range ack.Codes {
		if code.IsError() {
			return &client.RefusedError{Op: "SUBSCRIBE", Code: code, Reason: ack.Properties.ReasonString}
		}
	}
	return nil
}

// flush ends one read: credit to the publishers, acknowledgements to the broker.
func (r *receiver) flush() error {
	if r.batch > 0 {
		r.meter.got.Add(uint64(r.batch))
		r.batch = 0
		for i, p := range r.pubs {
			if n := r.counts[i]; n > 0 {
				r.counts[i] = 0
				p.give(n)
			}
		}
	}
	if len(r.acks) == 0 {
		return nil
	}
	_, err := r.nc.Write(r.acks)
	r.acks = r.acks[:0]
	return err
}

// payloadOf finds what we need of a PUBLISH body, and no more.
func payloadOf(first byte, body []byte, v mqtt.Version) (payload []byte, id uint16, ok bool) {
	if len(body) < 2 {
		return nil, 0, false
	}
	at := 2 + int(binary.BigEndian.Uint16(body))
	if first&6 != 0 {
		if len(body) < at+2 {
			return nil, 0, false
		}
		id = binary.BigEndian.Uint16(body[at:])
		at += 2
	}
	if v == mqtt.V5 {
		if len(body) <= at {
			return nil, 0, false
		}
		n, k := int(body[at]), 1
		if n >= 0x80 {
			var u uint64
			if u, k = binary.Uvarint(body[at:]); k <= 0 {
				return nil, 0, false
			}
			n = int(u)
		}
		at += k + n
	}
	if len(body) < at {
		return nil, 0, false
	}
	return body[at:], id, true
}
