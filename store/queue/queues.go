package queue

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"gridmq/store"
)

// Queues are the durable queues of one log. Open makes them, Run keeps them.
// All methods may be called concurrently, within the lock rules of the package.
//
// Locks: order, then the owner's locks, then dones.flushing, then the leaves
// dones.mu, tail.mu and forwarded.mu.
type Queues struct {
	st     store.Store
	log    store.LogID
	o      Options
	prefix []byte // of our documents, see keys.go
	spare  idSet  // of the last round, empty; Run's own

	// order is held over the submission of a message and the Enqueue that
	// gives it its seq, so that both have one order.
	order  sync.Mutex
	owner  Owner                             // set by Run; guarded by order, but for Run itself
	moving map[store.Position]store.Position // being copied forward, from and to; guarded by order

	tail      tail
	dones     dones
	forwarded forwarding

	kick     chan struct{} // wakes Run: there is a Done, or a round is due
	pressure atomic.Bool   // the quota is nearly used up, or the disk
	lost     []lostPointer // found by Open, told by Run
	relieved time.Time     // when room was last made; Run's own
	restart  bool          // Open found damage: a round must come before anything else; Run's own
}

// A lostPointer is one whose message is not there any more.
type lostPointer struct {
	id  ID
	pos store.Position
	why error
}

var encoders = sync.Pool{New: func() any { return new(encoder) }}

// Publish stores a message and calls e.Enqueue with its position, under the
// order lock, before the next message of this log gets its place. Without
// record, claim and targets only the Ops are stored, and pos is 0. e may be nil.
//
// Each queue is at most once among the targets. A queue whose Enqueue does not
// take the message must say so by Done or Ended. A claim is to be set in
// Enqueue, not before: a snapshot must not know what the log does not.
//
// Errors: store.ErrFull, ErrQuota, store.ErrClosed; then nothing was stored
// and e was not called. Publish does not allocate in the steady state.
func (q *Queues) Publish(m *Message, e Enqueuer) (store.Ticket, error) {
	if len(m.Targets) > maxTargets {
		return 0, fmt.Errorf("queue: %d targets, at most %d", len(m.Targets), maxTargets)
	}
	enc := encoders.Get().(*encoder)
	defer enc.release()
	hasEntry := len(m.Record) > 0 || len(m.Targets) > 0 || m.Claim != (Claim{})
	if hasEntry {
		enc.message(m)
	}

	q.order.Lock()
	defer q.order.Unlock()
	pos, ticket, err := q.submit(m, enc, hasEntry)
	if err != nil {
		return 0, err
	}
	if e != nil {
		e.Enqueue(pos, ticket)
	}
	return ticket, nil
}

// submit appends the encoded message. The order lock is held.
func (q *Queues) submit(m *Message, enc *encoder, hasEntry bool) (store.Position, store.Ticket, error) {
	t := &q.tail
	t.mu.Lock()
	defer t.mu.Unlock()
	live := 0
	if hasEntry {
		if err := q.admit(len(m.Targets), len(enc.out)); err != nil {
			return 0, 0, err
		}
		t.batch.Entries = append(t.batch.Entries, enc.out)
		for i := range enc.groups {
			g := &enc.groups[i]
			live += g.n
			for _, id := range enc.ids[g.at : g.at+g.n] {
				t.dirty.add(id)
			}
		}
		if m.Claim.Queue != 0 {
			t.dirty.add(m.Claim.Queue)
		}
	}
	t.batch.Ops = append(t.batch.Ops, m.Ops...)
	pos, ticket, err := t.submit(q.st, live)
	if errors.Is(err, store.ErrFull) && !q.pressure.Swap(true) {
		q.wake()
	}
	q.wakeIfDue()
	return pos, ticket, err
}

// admit applies the quota to a message for n queues. tail.mu is held.
func (q *Queues) admit(n, size int) error {
	quota := q.o.QuotaBytes
	if quota <= 0 || n == 0 {
		return nil
	}
	held := q.tail.spans.held + int64(size)
	if held > quota-quota/8 && !q.pressure.Swap(true) {
		q.wake()
	}
	if q.o.Quota == DropOldest {
		quota += quota / 4
	}
	if held > quota {
		q.tail.stats.Refused++
		return ErrQuota
	}
	return nil
}

// Done says that the queue's message seq, at pos, is delivered or otherwise
// finished. It is written within DoneEvery; a crash before that repeats the
// message. It never waits for the disk. It is called once for each message, by
// whoever takes it out of the queue and under the same hold of the queue's
// lock, or afterwards. seq 0 counts the message as gone and leaves no trace in
// the log: for a queue that ended before it could take the message.
func (q *Queues) Done(id ID, seq uint64, pos store.Position) {
	first, full := q.dones.add(finished{id, seq, pos})
	if full {
		q.flushDones() // Run is behind, or not there
	} else if first {
		q.wake()
	}
}

// Received says that the receiver of an outbound QoS 2 message has it (PUBREC).
// The queue must know already. Errors: store.ErrFull, store.ErrClosed.
func (q *Queues) Received(id ID, seq uint64) (store.Ticket, error) {
	q.tail.mu.Lock()
	defer q.tail.mu.Unlock()
	return q.tail.event(q.st, id, appendReceived(q.tail.scratch, id, seq))
}

// Release ends a claim (inbound PUBREL). The queue must have dropped it
// already. Errors: store.ErrFull, store.ErrClosed.
func (q *Queues) Release(id ID, packetID uint16) (store.Ticket, error) {
	q.tail.mu.Lock()
	defer q.tail.mu.Unlock()
	return q.tail.event(q.st, id, appendRelease(q.tail.scratch, id, packetID))
}

// Assign moves the message seq of group, at pos, to the end of another queue,
// atomically. group holds the message until e.Enqueue takes it out and appends
// it to the other queue, with the position that Enqueue gets: the message may
// have been copied forward since the caller looked.
// Errors: store.ErrFull, store.ErrClosed; then e was not called.
func (q *Queues) Assign(group ID, seq uint64, pos store.Position, to Target, e Enqueuer) (store.Ticket, error) {
	q.order.Lock()
	defer q.order.Unlock()
	a := assignEntry{group: group, seq: seq, pos: pos, to: to}
	if q.owner != nil && !q.owner.Holds(group, pos) {
		a.pos = q.forwarded.pointer(group, pos)
	}
	ticket, err := q.assign(&a)
	if err != nil {
		return 0, err
	}
	if e != nil {
		e.Enqueue(a.pos, ticket)
	}
	return ticket, nil
}

// assign submits a. When its message is being copied forward the pointer goes
// to the copy at once: replay moves only pointers that are older than the copy.
// The order lock is held.
func (q *Queues) assign(a *assignEntry) (store.Ticket, error) {
	from := a.pos
	to, moving := q.moving[from]
	if moving {
		a.pos = to
	}
	t := &q.tail
	t.mu.Lock()
	defer t.mu.Unlock()
	t.dirty.add(a.to.Queue)
	ticket, err := t.event(q.st, a.group, a.append(t.scratch))
	if err == nil {
		t.since.pointers++
		if moving {
			t.spans.count(from, -1)
			t.spans.count(to, 1)
		}
	}
	return ticket, err
}

// Ended says that a queue is gone, or some of its messages are, without a
// trace in the log: its pointers at positions do not count any more. A queue
// that is gone must be unknown to AppendState and Recovery.Known from now on;
// its snapshot is deleted.
func (q *Queues) Ended(id ID, positions []store.Position) {
	q.tail.mu.Lock()
	for _, pos := range positions {
		q.tail.spans.count(pos, -1)
	}
	q.tail.dirty.add(id)
	q.tail.mu.Unlock()
	q.wake()
}

// Changed marks a queue for the next snapshot round.
func (q *Queues) Changed(id ID) {
	q.tail.mu.Lock()
	q.tail.dirty.add(id)
	q.tail.mu.Unlock()
}

// Load returns the record of the message at pos: valid for ever, read-only.
// Errors: store.ErrNotFound while it is not durable yet or was removed,
// store.ErrDamaged.
func (q *Queues) Load(pos store.Position) ([]byte, error) {
	entry, err := q.st.ReadAt(q.log, pos)
	if errors.Is(err, store.ErrNotFound) {
		if to, ok := q.forwarded.message(pos); ok {
			entry, err = q.st.ReadAt(q.log, to)
		}
	}
	if err != nil {
		return nil, err
	}
	return recordOf(entry)
}

// Stats tells what is held and what was done.
func (q *Queues) Stats() Stats {
	pending := q.dones.len()
	q.tail.mu.Lock()
	defer q.tail.mu.Unlock()
	s := q.tail.stats
	s.Live, s.LogBytes = q.tail.spans.live, q.tail.spans.held
	s.Ranges, s.Unbalanced = len(q.tail.spans.list), uint64(q.tail.spans.negative)
	s.Next, s.Mark, s.Dirty, s.DonesHeld = q.tail.next, q.tail.mark, q.tail.dirty.len(), pending
	return s
}

// wake asks Run to look.
func (q *Queues) wake() {
	select {
	case q.kick <- struct{}{}:
	default:
	}
}

// release gives the encoder back, unless a large message has blown it up.
func (e *encoder) release() {
	if cap(e.out) > 1<<20 || cap(e.ids) > 1<<17 {
		return
	}
	encoders.Put(e)
}
