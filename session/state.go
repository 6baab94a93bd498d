package session

import (
	"encoding/binary"
	"errors"
)

// The form of a session's state in a snapshot, drawn in docs/formats/session.md:
//
//	version | base | number of items | items | numbers skipped at the end |
//	number of claims | claims
//
// where an item is its flags, the numbers skipped before it, the distance of
// its place from the one before, its size and its slots; every number is a
// varint. A group's queue has the same form without claims.
const stateVersion = 2

const (
	flagQoS2     = 1 << iota // else QoS 1
	flagRetain               // RETAIN is set towards the client
	flagSent                 // and not acknowledged
	flagReceived             // QoS 2: PUBREC has come
	flagSkip                 // numbers were skipped before it; they follow
	flagSlots                // not exactly one slot; their number follows
	flagsKnown   = 1<<iota - 1
)

// maxSeq bounds numbers and claims about how many there are: more than a
// session can see, and far from an overflow.
const maxSeq = 1 << 62

var errState = errors.New("damaged session state")

// AppendState appends what must be known of the session after a restart. Items
// without a place in the store are left out of it but keep their number.
func (s *Session) AppendState(b []byte) []byte {
	b = s.queue.AppendState(b)
	b = binary.AppendUvarint(b, uint64(len(s.inbound)))
	for id := range s.inbound {
		b = binary.AppendUvarint(b, uint64(id))
	}
	return b
}

// AppendState appends the queue: its numbers, places and states.
func (q *Queue) AppendState(b []byte) []byte {
	n := 0
	q.Each(func(_ uint64, it *Item) {
		if it.Pos != 0 {
			n++
		}
	})
	b = append(b, stateVersion)
	b = binary.AppendUvarint(b, q.base)
	b = binary.AppendUvarint(b, uint64(n))
	at, last := q.base, uint64(0)
	q.Each(func(seq uint64, it *Item) {
		if it.Pos != 0 {
			b = appendItem(b, it, seq-at, last)
			at, last = seq+1, it.Pos
		}
	})
	return binary.AppendUvarint(b, q.next-at)
}

// appendItem appends an item before which so many numbers were skipped, and
// before which the last item was at the place last.
func appendItem(b []byte, it *Item, skipped, last uint64) []byte {
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
	switch {
	case it.state == received:
		flags |= flagReceived
	case it.Started():
		flags |= flagSent
	}
	if skipped > 0 {
		flags |= flagSkip
	}
	if len(slots) != 1 {
		flags |= flagSlots
	}
	b = append(b, flags)
	if skipped > 0 {
		b = binary.AppendUvarint(b, skipped)
	}
	b = binary.AppendVarint(b, int64(it.Pos-last))
	b = binary.AppendUvarint(b, uint64(it.Size))
	if len(slots) != 1 {
		b = binary.AppendUvarint(b, uint64(len(slots)))
	}
	for _, slot := range slots {
		b = binary.AppendUvarint(b, uint64(slot))
	}
	return b
}
