package queue

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"sync"

	"gridmq/store"
)

// An inbox is a queue as simple as can be: its messages by seq.
type inbox struct {
	next   uint64
	items  map[uint64]item
	claims map[uint16]bool
}

type item struct {
	pos      store.Position
	flags    uint8
	slots    []uint32
	received bool
}

// An office is an Owner and a Recovery. One lock stands for those of all queues.
type office struct {
	mu      sync.Mutex
	q       *Queues // to call Done when something is dropped
	queues  map[ID]*inbox
	dropped map[error]int
	gone    []key                    // dropped, in order
	onMove  func(ID, store.Position) // called by Moved before it does anything
}

func newOffice(ids ...ID) *office {
	o := &office{queues: map[ID]*inbox{}, dropped: map[error]int{}}
	for _, id := range ids {
		o.queues[id] = newInbox()
	}
	return o
}

func newInbox() *inbox {
	return &inbox{next: 1, items: map[uint64]item{}, claims: map[uint16]bool{}}
}

func (o *office) find(id ID, pos store.Position) (uint64, bool) {
	if b := o.queues[id]; b != nil {
		for _, seq := range slices.Sorted(maps.Keys(b.items)) {
			if b.items[seq].pos == pos {
				return seq, true
			}
		}
	}
	return 0, false
}

func (o *office) AppendState(b []byte, id ID) ([]byte, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	box := o.queues[id]
	if box == nil {
		return b, false
	}
	put := func(v uint64) { b = binary.AppendUvarint(b, v) }
	put(box.next)
	put(uint64(len(box.items)))
	for seq, it := range box.items {
		put(seq)
		put(uint64(it.pos))
		put(uint64(it.flags))
		put(map[bool]uint64{true: 1}[it.received])
		put(uint64(len(it.slots)))
		for _, s := range it.slots {
			put(uint64(s))
		}
	}
	for id := range box.claims {
		put(uint64(id))
	}
	return b, true
}

func (o *office) Restore(id ID, state []byte) (bool, error) {
	box := o.queues[id]
	if box == nil {
		return false, nil
	}
	r := reader{b: state}
	box.next = r.uvarint()
	for range r.uvarint() {
		seq := r.uvarint()
		it := item{pos: store.Position(r.uvarint()), flags: uint8(r.uvarint()), received: r.uvarint() == 1}
		for range r.uvarint() {
			it.slots = append(it.slots, r.uint32())
		}
		box.items[seq] = it
	}
	for len(r.b) > 0 {
		box.claims[r.uint16()] = true
	}
	if r.bad {
		return true, fmt.Errorf("state of %d bytes", len(state))
	}
	return true, nil
}

func (o *office) Holds(id ID, pos store.Position) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	_, ok := o.find(id, pos)
	return ok
}

func (o *office) Moved(id ID, from, to store.Position) bool {
	if o.onMove != nil {
		o.onMove(id, from)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	seq, ok := o.find(id, from)
	if ok {
		it := o.queues[id].items[seq]
		it.pos = to
		o.queues[id].items[seq] = it
	}
	return ok
}

func (o *office) Dropped(id ID, pos store.Position, why error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	seq, ok := o.find(id, pos)
	if !ok {
		panic("dropped a message that the queue does not hold")
	}
	delete(o.queues[id].items, seq)
	o.dropped[why]++
	o.gone = append(o.gone, key{id, seq})
	o.q.Done(id, seq, pos)
}

func (o *office) Known(id ID) bool { return o.queues[id] != nil }

func (o *office) Message(id ID, pos store.Position, flags uint8, slots []uint32) {
	b := o.queues[id]
	b.items[b.next] = item{pos: pos, flags: flags, slots: slots}
	b.next++
}

func (o *office) Done(id ID, seq uint64) { delete(o.queues[id].items, seq) }

func (o *office) Received(id ID, seq uint64) {
	b := o.queues[id]
	if it, ok := b.items[seq]; ok {
		it.received = true
		b.items[seq] = it
	}
}

func (o *office) Claim(id ID, packetID uint16)   { o.queues[id].claims[packetID] = true }
func (o *office) Release(id ID, packetID uint16) { delete(o.queues[id].claims, packetID) }

func (o *office) Positions(id ID, visit func(store.Position)) {
	for _, it := range o.queues[id].items {
		visit(it.pos)
	}
}

func (o *office) All(visit func(ID)) {
	for id := range o.queues {
		visit(id)
	}
}

// A finding office can be asked for its pointers.
type findingOffice struct{ *office }

func (o findingOffice) Find(from, to store.Position, visit func(ID, store.Position) bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for id, b := range o.queues {
		for _, it := range b.items {
			if it.pos >= from && it.pos < to && !visit(id, it.pos) {
				return
			}
		}
	}
}

// A delivery puts a message into the queues of its targets: an Enqueuer.
type delivery struct {
	o   *office
	m   *Message
	pos store.Position
}

func (d *delivery) Enqueue(pos store.Position, _ store.Ticket) {
	d.pos = pos
	d.o.mu.Lock()
	defer d.o.mu.Unlock()
	for _, t := range d.m.Targets {
		b := d.o.queues[t.Queue]
		if b == nil {
			d.o.q.Done(t.Queue, 0, pos)
			continue
		}
		b.items[b.next] = item{pos: pos, flags: t.Flags, slots: t.Slots}
		b.next++
	}
	if b := d.o.queues[d.m.Claim.Queue]; b != nil {
		b.claims[d.m.Claim.PacketID] = true
	}
}

// A handover takes a message from one queue to another: the Enqueuer of Assign.
type handover struct {
	o     *office
	group ID
	seq   uint64
	to    Target
	pos   store.Position
}

func (h *handover) Enqueue(pos store.Position, _ store.Ticket) {
	h.pos = pos
	h.o.mu.Lock()
	defer h.o.mu.Unlock()
	delete(h.o.queues[h.group].items, h.seq)
	b := h.o.queues[h.to.Queue]
	b.items[b.next] = item{pos: pos, flags: h.to.Flags, slots: h.to.Slots}
	b.next++
}
