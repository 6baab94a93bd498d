package session

import (
	"encoding/binary"
	"fmt"
)

// RestoreState reads what AppendState wrote into a new session. delivery finds
// the delivery of a set of slots, which it must not keep. After an error the
// session is as new.
func (s *Session) RestoreState(b []byte, delivery func(slots []uint32) *Delivery) error {
	r := reader{b: b}
	q, err := restoreQueue(&r, delivery)
	if err != nil {
		return err
	}
	claims := r.count()
	ids := make(map[uint16]uint64)
	for range claims {
		id := r.uvarint()
		if id == 0 || id > 1<<16-1 {
			r.fail()
		}
		if r.bad {
			break
		}
		ids[uint16(id)] = 0
	}
	if r.bad || len(r.b) > 0 {
		return errState
	}
	s.queue = q
	for id := range ids {
		s.Claim(id, 0)
	}
	s.next, s.fresh = q.base, q.base
	q.Each(func(seq uint64, it *Item) {
		if it.Started() {
			s.fresh = seq + 1
		}
	})
	return nil
}

// RestoreState reads what Queue.AppendState wrote. After an error the queue is
// unchanged.
func (q *Queue) RestoreState(b []byte, delivery func(slots []uint32) *Delivery) error {
	r := reader{b: b}
	got, err := restoreQueue(&r, delivery)
	if err == nil && len(r.b) > 0 {
		err = errState
	}
	if err != nil {
		return err
	}
	*q = got
	return nil
}

func restoreQueue(r *reader, delivery func(slots []uint32) *Delivery) (Queue, error) {
	if v := r.byte(); v != stateVersion {
		return Queue{}, fmt.Errorf("%w: version %d", errState, v)
	}
	q := NewQueue(r.uvarint())
	if q.base == 0 || q.base > maxSeq {
		r.fail()
	}
	last := uint64(0)
	var slots []uint32
	n := r.count()
	q.items.reserve(int(n))
	for ; n > 0 && !r.bad; n-- {
		var it Item
		var skipped uint64
		it, skipped, slots = r.item(last, slots[:0])
		if r.bad {
			break
		}
		last = it.Pos
		it.Delivery = delivery(slots)
		q.skip(skipped)
		q.Push(it)
	}
	if end := r.uvarint(); end > maxSeq {
		r.fail()
	} else {
		q.skip(end)
	}
	if r.bad || q.next > maxSeq {
		return Queue{}, errState
	}
	return q, nil
}

// item reads an item, how many numbers are skipped before it, and its slots.
func (r *reader) item(last uint64, slots []uint32) (it Item, skipped uint64, of []uint32) {
	flags := r.byte()
	it = Item{QoS: 1, Retain: flags&flagRetain != 0}
	if flags&flagQoS2 != 0 {
		it.QoS = 2
	}
	switch {
	case flags&^flagsKnown != 0, flags&flagReceived != 0 && (it.QoS == 1 || flags&flagSent != 0):
		r.fail()
	case flags&flagSent != 0:
		it.state = sent
	case flags&flagReceived != 0:
		it.state = received
	}
	if flags&flagSkip != 0 {
		if skipped = r.uvarint(); skipped == 0 || skipped > maxSeq {
			r.fail()
		}
	}
	it.Pos = last + uint64(r.varint())
	n := r.uvarint()
	if it.Pos == 0 || n > 1<<31-1 {
		r.fail()
	}
	it.Size = int32(n)
	return it, skipped, r.slots(slots, flags&flagSlots != 0)
}

// A reader reads varints and remembers that it met something that no writer
// has written.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) fail() { r.bad, r.b = true, nil }

func (r *reader) take(n int) {
	if n <= 0 {
		r.fail()
		return
	}
	r.b = r.b[n:]
}

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		r.fail()
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

// count reads how many follow; each is a byte at least.
func (r *reader) count() uint64 {
	n := r.uvarint()
	if n > uint64(len(r.b)) {
		r.fail()
		return 0
	}
	return n
}

func (r *reader) slots(dst []uint32, counted bool) []uint32 {
	n := uint64(1)
	if counted {
		n = r.count()
	}
	for range n {
		slot := r.uvarint()
		if slot > 1<<32-1 {
			r.fail()
		}
		if r.bad {
			return dst
		}
		dst = append(dst, uint32(slot))
	}
	return dst
}
