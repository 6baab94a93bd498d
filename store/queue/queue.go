// Package queue keeps many durable queues over one log of a store: a message
// is stored once, with the queues it is for; the queues themselves are pointers
// in their owner's memory, recovered from snapshots and the tail of the log.
//
// The owner (the broker) holds each queue as a sequence of messages numbered
// from 1 in log order. The number (seq) is not stored: it follows from the
// order of the log, which is why Publish calls back under the order lock.
// Payloads are opaque here.
//
// What is in the log: messages with their targets, and events (done, received,
// claim, release, assign, moved). Start-up restores the newest snapshot of each
// queue and replays what came after it, never payloads.
//
// Locks: the order lock of Queues comes before the owner's lock of a queue.
// Done, Received, Release, Ended, Changed and Load may be called with a queue's
// lock held; Publish and Assign must not.
// Source: design.md sections 3 and 4.
package queue

import "gridmq/store"

// An ID names one queue: a persistent session or a shared group. It is never
// used again, so a queue that ended needs no clean-up in the log.
type ID uint64

// A Target is a queue that must get a message. Flags and Slots belong to the
// owner (QoS, retain as published; the subscriptions that matched).
type Target struct {
	Queue ID
	Flags uint8
	Slots []uint32
}

// A Claim is the packet identifier of an inbound QoS 2 message, kept until it
// is released. The zero value is none.
type Claim struct {
	Queue    ID
	PacketID uint16
}

// A Message is what Publish stores.
type Message struct {
	Record  []byte     // the encoded message, opaque; may be empty when only Claim or Ops count
	Targets []Target   // may be empty
	Claim   Claim      // inbound QoS 2; to be set in Enqueue, not before and not later
	Ops     []store.Op // changes of the table that must be atomic with it (retained, session documents)
}

// An Enqueuer is told a message's place while the order lock is held.
type Enqueuer interface {
	Enqueue(pos store.Position, t store.Ticket)
}

// A Recovery takes what Open finds. It is called from one goroutine.
type Recovery interface {
	// Restore gives the snapshot of a queue as AppendState wrote it. known is
	// false when the owner has no such queue any more; it is then forgotten.
	Restore(id ID, state []byte) (known bool, err error)
	// Known says whether the owner has the queue (it may have no snapshot yet).
	Known(id ID) bool
	// Message appends the message at pos to a known queue: its next seq.
	Message(id ID, pos store.Position, flags uint8, slots []uint32)
	Done(id ID, seq uint64)
	Received(id ID, seq uint64)
	Claim(id ID, packetID uint16)
	Release(id ID, packetID uint16)
	Moved(id ID, from, to store.Position) bool
	// Positions calls visit for each position that the queue still needs, once
	// for each pointer: live counts are built from it.
	Positions(id ID, visit func(store.Position))
	// All calls visit for every queue that the owner has.
	All(visit func(ID))
}

// An Owner holds the queues while the broker runs. Called with the order lock
// held; it may take the lock of the queue, and nothing else.
type Owner interface {
	// AppendState appends the queue's state: whatever Restore needs, its
	// positions included. ok is false when the queue has ended.
	AppendState(b []byte, id ID) (out []byte, ok bool)
	// Holds says whether the queue still needs the message at pos.
	Holds(id ID, pos store.Position) bool
	// Moved says that the message at from is now at to. It moves one pointer; a
	// queue that has the message twice (by its own subscription and through a
	// group) is told twice. False says that there was none.
	Moved(id ID, from, to store.Position) bool
	// Dropped says that the message at pos was removed by the quota or was
	// found damaged: the queue must do without it. It ends one pointer, and with
	// Done as for any other message.
	Dropped(id ID, pos store.Position, why error)
}
