package session

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// The form of a session's state in a snapshot, drawn in docs/formats/session.md:
//
//	version 1 | base | number of items | items | number of claims | claims
//
// where an item is its flags and, unless it is gone, the distance of its place
// from the one before, its size and its slots; every number is a varint.
const stateVersion = 1

const (
	flagQoS2   = 1 << iota // else QoS 1
	flagRetain             // RETAIN is set towards the client
	flagSent
	flagReceived
	flagGone
	flagSlots // several slots follow, with their number; else exactly one
)

var errState = errors.New("damaged session state")

// AppendState appends what must be known of the session after a restart. Items
// without a place in the store are left out of it but keep their number.
func (s *Session) AppendState(b []byte) []byte {
	b = s.queue.AppendState(append(b, stateVersion))
	b = binary.AppendUvarint(b, uint64(len(s.inbound)))
	for id := range s.inbound {
		b = binary.AppendUvarint(b, uint64(id))
	}
	return b
}

// AppendState appends the queue: its numbers, places and states.
func (q *Queue) AppendState(b []byte) []byte {
	b = binary.AppendUvarint(b, q.base)
	b = binary.AppendUvarint(b, uint64(q.items.len()))
	last := uint64(0)
	for i := range q.items.len() {
		b, last = appendItem(b, q.items.at(i), last)
	}
	return b
}

func appendItem(b []byte, it *Item, last uint64) ([]byte, uint64) {
	if it.state == gone || it.Pos == 0 {
		return append(b, flagGone), last
	}
	var slots []uint32
	if it.Delivery != nil {
		slots = it.Delivery.Slots
	}
	flags := byte(0)
	if it.QoS == 2 {
		flags |= flagQoS2
	}
	if it.Retain {
		flags |= flagRetain
	}
	switch it.state {
	case sent:
		flags |= flagSent
	case received:
		flags |= flagReceived
	}
	if len(slots) != 1 {
		flags |= flagSlots
	}
	b = append(b, flags)
	b = binary.AppendVarint(b, int64(it.Pos-last))
	b = binary.AppendUvarint(b, uint64(it.Size))
	if len(slots) != 1 {
		b = binary.AppendUvarint(b, uint64(len(slots)))
	}
	for _, slot := range slots {
		b = binary.AppendUvarint(b, uint64(slot))
	}
	return b, it.Pos
}

// RestoreState reads what AppendState wrote into a new session. delivery finds
// the delivery of a set of slots.
func (s *Session) RestoreState(b []byte, delivery func(slots []uint32) *Delivery) error {
	r := reader{b: b}
	if v := r.byte(); v != stateVersion {
		return fmt.Errorf("%w: version %d", errState, v)
	}
	s.queue.restore(&r, delivery)
	for range r.uvarint() {
		if r.bad {
			break
		}
		s.Claim(uint16(r.uvarint()), 0)
	}
	if r.bad || s.queue.base == 0 {
		return errState
	}
	s.next = s.queue.base
	return nil
}

// RestoreState reads what Queue.AppendState wrote into an empty queue.
func (q *Queue) RestoreState(b []byte, delivery func(slots []uint32) *Delivery) error {
	r := reader{b: b}
	q.restore(&r, delivery)
	if r.bad || q.base == 0 {
		return errState
	}
	return nil
}

func (q *Queue) restore(r *reader, delivery func(slots []uint32) *Delivery) {
	*q = Queue{base: r.uvarint()}
	last := uint64(0)
	var slots []uint32
	for range r.uvarint() {
		if r.bad {
			return
		}
		flags := r.byte()
		if flags&flagGone != 0 {
			q.Push(Item{state: gone})
			continue
		}
		it := Item{QoS: 1, Retain: flags&flagRetain != 0}
		if flags&flagQoS2 != 0 {
			it.QoS = 2
		}
		if flags&flagSent != 0 {
			it.state = sent
		}
		if flags&flagReceived != 0 {
			it.state = received
		}
		last += uint64(r.varint())
		it.Pos, it.Size = last, int32(r.uvarint())
		slots = r.slots(slots[:0], flags&flagSlots != 0)
		it.Delivery = delivery(slots)
		q.Push(it)
	}
	q.trim()
}

// A reader reads varints and remembers that there were too few bytes.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) take(n int) {
	if n <= 0 {
		r.bad, r.b = true, nil
		return
	}
	r.b = r.b[n:]
}

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		r.bad = true
		return 0
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	r.take(n)
	return v
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.b)
	r.take(n)
	return v
}

func (r *reader) slots(dst []uint32, counted bool) []uint32 {
	n := uint64(1)
	if counted {
		n = r.uvarint()
	}
	for range n {
		if r.bad {
			return dst
		}
		dst = append(dst, uint32(r.uvarint()))
	}
	return dst
}
