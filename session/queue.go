package session

import "gridmq/mqtt"

// A Delivery says how one session gets the messages of one topic: the merger
// of its matching subscriptions. It is shared by many items and not changed.
type Delivery struct {
	QoS               byte     // the highest granted [MQTT-3.3.4-2]
	RetainAsPublished bool     // section 3.8.3.1
	SubIDs            []uint32 // all subscription identifiers [MQTT-3.3.4-3]
	Slots             []uint32 // the session's numbers of those subscriptions
	Tag               any      // the owner's: the shared group it came from
}

// An Item is a message of QoS 1 or 2 in a queue.
type Item struct {
	Msg      *mqtt.Message // nil when it is only in the store
	Delivery *Delivery
	Pos      uint64 // its place in the store; 0: none
	Ref      uint64 // the owner's: its number in the shared group
	Size     int32
	QoS      byte
	Retain   bool
	state    state
}

type state uint8

const (
	queued   state = iota
	sent           // and not acknowledged: sent again it carries DUP
	received       // QoS 2: PUBREC has come, PUBREL is due or on its way
	gone           // finished, waiting for older ones to leave the queue
)

// Queued says whether the item has not been sent on any connection.
func (it *Item) Queued() bool { return it.state == queued }

// Started says whether the item has been sent and is not finished.
func (it *Item) Started() bool { return it.state == sent || it.state == received }

// A Queue is a sequence of items numbered without gaps. Finished items in the
// middle stay as place holders until the older ones have finished.
type Queue struct {
	items ring[Item]
	base  uint64 // number of the oldest item; New starts at 1
	count int    // items that are not gone
	size  int    // their bytes
}

// NewQueue makes a queue whose first item will have the number first.
func NewQueue(first uint64) Queue { return Queue{base: first} }

func (q *Queue) end() uint64 { return q.base + uint64(q.items.len()) }

// Base is the number of the oldest item, End the one of the next to come.
func (q *Queue) Base() uint64 { return q.base }

// End is the number that the next item will get.
func (q *Queue) End() uint64 { return q.end() }

// Len is the number of items that are not finished.
func (q *Queue) Len() int { return q.count }

// At returns an item; nil when the number is not in the queue.
func (q *Queue) At(seq uint64) *Item {
	if seq < q.base || seq >= q.end() {
		return nil
	}
	return q.items.at(int(seq - q.base))
}

// Push appends an item and returns its number.
func (q *Queue) Push(it Item) uint64 {
	seq := q.end()
	q.items.push(it)
	if it.state != gone {
		q.count++
		q.size += int(it.Size)
	}
	return seq
}

// Finish marks an item as finished; false when it was already, or is unknown.
func (q *Queue) Finish(seq uint64) bool {
	it := q.At(seq)
	if it == nil || it.state == gone {
		return false
	}
	q.count--
	q.size -= int(it.Size)
	it.state, it.Msg = gone, nil
	q.trim()
	return true
}

// trim removes the finished items at the head.
func (q *Queue) trim() {
	for q.items.len() > 0 && q.items.at(0).state == gone {
		q.items.pop()
		q.base++
	}
}

// find returns the number of the item at a place in the store. Places grow
// along a queue, except for the few that were copied forward.
func (q *Queue) find(pos uint64) (uint64, bool) {
	lo, hi := 0, q.items.len()
	for lo < hi {
		mid := (lo + hi) / 2
		if q.items.at(mid).Pos < pos {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	for i := lo; i < q.items.len() && q.items.at(i).Pos == pos; i++ {
		if q.items.at(i).state != gone {
			return q.base + uint64(i), true
		}
	}
	for i := range q.items.len() { // copied forward: places out of order
		if it := q.items.at(i); it.Pos == pos && it.state != gone {
			return q.base + uint64(i), true
		}
	}
	return 0, false
}

// Find returns the number of the unfinished item at a place in the store.
func (q *Queue) Find(pos uint64) (seq uint64, ok bool) { return q.find(pos) }

// forget drops the messages that can be read from the store again.
func (q *Queue) forget() {
	for i := range q.items.len() {
		if it := q.items.at(i); it.Pos != 0 {
			it.Msg = nil
		}
	}
}

// Gone says whether the item is finished.
func (it *Item) Gone() bool { return it.state == gone }

// Hand marks an item of a shared group as given to a member.
func (it *Item) Hand() {
	if it.state == queued {
		it.state = sent
	}
}

// TakeBack makes an item of a shared group available to other members.
func (it *Item) TakeBack() {
	if it.state == sent {
		it.state = queued
	}
}
