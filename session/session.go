// Package session is one MQTT session as a state machine: packet identifiers,
// windows, QoS flows, topic aliases, redelivery, expiry and the will.
//
// It is pure: it has no socket, goroutine, lock or clock. Packets and the time
// go in; bytes for the client collect in a buffer (TakeOut), and what must be
// remembered or counted goes to a Keeper. Its owner serialises all calls.
//
// Outbound messages of QoS 1 and 2 are numbered from 1 in the order in which
// they were queued; the packet identifier follows from that number, so that a
// message resent after a restart keeps its identifier [MQTT-4.4.0-1] although
// nothing was written when it was first sent.
//
// Units: times are Unix milliseconds; intervals on the wire are seconds; sizes
// are bytes.
// Errors: *mqtt.Error with the code for a DISCONNECT, after which the
// connection must be closed.
// Source: OASIS MQTT 5.0 sections 3.3, 4.1, 4.3, 4.4, 4.6 and 4.9.
package session

import (
	"gridmq/mqtt"
)

// Options is what a connection has negotiated. The zero value of a number is
// "no limit" where the standard has such a thing.
type Options struct {
	Version mqtt.Version
	// SendMaximum bounds unacknowledged QoS 1 and 2 messages towards the client
	// (its Receive Maximum, section 3.1.2.11.3, and our own limit). Default 65,535.
	SendMaximum uint16
	// SendBytes bounds the bytes of those messages; one message always passes.
	SendBytes int
	// MaximumPacketSize is the client's (section 3.1.2.11.4). 0: no limit.
	MaximumPacketSize uint32
	// AliasOut is how many topic aliases we may use towards the client, AliasIn
	// how many it may use towards us (section 3.3.2.3.4).
	AliasOut, AliasIn uint16
	// ReceiveMaximum bounds the client's unacknowledged messages [MQTT-3.3.4-9].
	ReceiveMaximum uint16
	// Pacer bounds how much is sent in a time. nil: no limit.
	Pacer Pacer
}

// A Pacer says when the next PUBLISH may be sent.
type Pacer interface {
	// MaySend is asked before each, with the bytes of its payload. After a false the
	// message waits, and the pacer sees to it that Pump is called again.
	MaySend(now int64, payload int) bool
}

// Bounds limits what waits for the client. Zero: no limit.
type Bounds struct {
	Messages int
	Bytes    int
	Policy   Policy
}

// A Policy says which message gives way when a queue is full.
type Policy uint8

const (
	DropOldest Policy = iota // the oldest message not yet sent
	DropNewest               // the one that would be added
	Terminate                // the whole session ends
)

// A Reason says why a message left the queue.
type Reason uint8

const (
	Acknowledged Reason = iota
	Refused             // the client answered with an error code
	Expired             // its expiry interval passed [MQTT-3.3.2-5]
	TooLarge            // over the client's Maximum Packet Size [MQTT-3.1.2-25]
	Overflow            // the queue was full
	Withdrawn           // its record or the permission behind it is gone
	Ended               // the session ended
)

// A Keeper hears of what happens to queued messages, in the caller's goroutine.
type Keeper interface {
	// Done says that the session needs this message no more.
	Done(seq uint64, it *Item, why Reason)
	// Sent says that a PUBLISH of n bytes was written into the buffer.
	Sent(qos byte, n int)
	// Dropped says that a QoS 0 message, which has no number, was given up.
	Dropped(why Reason)
}

// outLimit is how many bytes may wait in the buffer before messages stay in
// the queue, where they cost no copy.
const outLimit = 64 << 10

// cacheLimit is how many bytes of a queue that lies in the store are kept in
// memory as well, for a client that is there but slow.
const cacheLimit = 1 << 20

// A Session is the state of one session. Use New.
type Session struct {
	keep   Keeper
	opt    Options
	bounds Bounds
	online bool
	// Durable sessions outlive their connection: what they queue has a place in
	// the store, and QoS 2 is sent only once that is durable.
	durable bool

	out []byte // bytes for the client

	queue    Queue      // QoS 1 and 2
	next     uint64     // the first seq not sent on this connection
	fresh    uint64     // every seq from here on was never sent; those before it were, or are gone
	inflight int        // sent on this connection and not finished
	flying   int        // bytes of those
	unsafe   []pledge   // QoS 2 that is not durable yet and must not be sent
	zero     ring[Item] // QoS 0 that found the buffer full
	zeroSize int
	topics   map[string]uint16 // aliases we have given out

	acks, rels ring[ack] // answers in order, some waiting for the store
	awaited    int       // bytes of the messages that acks answer
	owed       int       // inbound messages not yet answered for good
	aliases    []string  // the client's aliases, by number
	inbound    map[uint16]uint64
}

// A pledge is a seq that becomes safe when a ticket is durable.
type pledge struct{ seq, ticket uint64 }

// New makes an empty session. keep hears of its messages; durable says that it
// outlives its connection.
func New(keep Keeper, bounds Bounds, durable bool) *Session {
	return &Session{keep: keep, bounds: bounds, durable: durable, next: 1, fresh: 1, queue: NewQueue(1)}
}

// Connect starts a connection: whatever was sent and not acknowledged on the
// one before will be sent again, in order, with DUP and the same identifiers
// [MQTT-4.4.0-1] [MQTT-4.6.0-1]. Aliases do not outlive a connection
// [MQTT-3.3.2-7].
func (s *Session) Connect(o Options) {
	if o.SendMaximum == 0 {
		o.SendMaximum = 65535
	}
	s.opt, s.online = o, true
	s.out = s.out[:0]
	s.next, s.inflight, s.flying = s.queue.base, 0, 0
	s.topics = nil
	if o.AliasOut > 0 && o.Version == mqtt.V5 {
		s.topics = make(map[string]uint16)
	}
	s.aliases = nil
	s.acks.clear()
	s.rels.clear()
	s.awaited = 0
	s.owed = len(s.inbound)
}

// Disconnect ends a connection. QoS 0 messages are not kept for later.
func (s *Session) Disconnect() {
	s.online = false
	s.out = nil
	s.zero, s.zeroSize = ring[Item]{}, 0
	s.topics, s.aliases = nil, nil
	s.acks.clear()
	s.rels.clear()
	s.awaited = 0
	s.queue.forget()
	s.Trim()
}

// End gives up every message that waits.
func (s *Session) End() {
	s.online = false
	s.queue.Each(func(seq uint64, it *Item) { s.keep.Done(seq, it, Ended) })
	s.queue = NewQueue(s.queue.End())
	s.next = s.queue.base
	s.inflight, s.flying = 0, 0
	s.Disconnect()
}

// Online says whether a connection is there.
func (s *Session) Online() bool { return s.online }

// Durable says whether the session outlives its connection.
func (s *Session) Durable() bool { return s.durable }

// Version is the protocol version of the newest connection.
func (s *Session) Version() mqtt.Version { return s.opt.Version }

// SetBounds changes the limits of the queue; messages over them stay.
func (s *Session) SetBounds(b Bounds) { s.bounds = b }

// Waiting returns how many messages wait for the client or for its
// acknowledgement, and their bytes.
func (s *Session) Waiting() (messages, bytes int) {
	return s.queue.count + s.zero.len(), s.queue.size + s.zeroSize
}

// Unsent returns how many messages have not been sent on this connection.
func (s *Session) Unsent() int { return s.queue.count - s.inflight + s.zero.len() }

// Credit is how many more QoS 1 and 2 messages may be sent now.
func (s *Session) Credit() int {
	if !s.online {
		return 0
	}
	return int(s.opt.SendMaximum) - s.queue.count
}

// Outgoing is the number of bytes for the client in the buffer.
func (s *Session) Outgoing() int { return len(s.out) }

// Lend gives the session memory to write into, unless it has some. It returns
// whether it has taken it.
func (s *Session) Lend(b []byte) bool {
	if s.out != nil {
		return false
	}
	s.out = b[:0]
	return true
}

// Bare says whether the session has no memory to write into.
func (s *Session) Bare() bool { return s.out == nil }

// Trim gives back memory that a session needs only while it is busy.
func (s *Session) Trim() {
	s.acks.trim()
	s.rels.trim()
	s.zero.trim()
	s.queue.items.trim()
	s.queue.seqs.trim()
}

// TakeOut hands over the buffer and continues with spare, which is emptied.
func (s *Session) TakeOut(spare []byte) []byte {
	b := s.out
	s.out = spare[:0]
	return b
}

// Write appends the bytes of a packet that needs no state (PINGRESP, CONNACK).
func (s *Session) Write(b []byte) { s.out = append(s.out, b...) }
