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
	maybe    bool // it may have been sent before a crash, which no snapshot has seen
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

// Started says whether the item has been sent, as far as is known, and is not
// finished.
func (it *Item) Started() bool {
	return it.state == sent || it.state == received || it.maybe && it.state == queued
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
