package broker

import (
	"slices"
	"sync"
	"time"

	"gridmq/mqtt"
	"gridmq/store"
)

// inlineFlushes is how many sockets a reader writes to itself after a batch; a
// larger fan-out goes to the flushers, so that it does not stand before the
// publisher's next packets.
const inlineFlushes = 16

// keepBuffer is the largest write buffer that is kept for reuse.
const keepBuffer = 256 << 10

// writeBuffers lends sessions the memory for what they write, so that an idle
// one holds none.
var writeBuffers = sync.Pool{New: func() any { return &buffer{b: make([]byte, 0, 4<<10)} }}

// A buffer is memory; b is nil while a session has it.
type buffer struct{ b []byte }

// keep takes memory back, if it is not too large to be kept.
func (l *buffer) keep(b []byte) {
	if cap(b) <= keepBuffer {
		l.b = b[:0]
	} else {
		l.b = nil
	}
}

// lend gives the session of x memory before something is written outside of a
// flush. x.mu is held.
func (x *mailbox) lend() {
	if !x.s.Bare() || x.conn == nil {
		return
	}
	if x.lent == nil {
		x.lent = writeBuffers.Get().(*buffer)
	}
	if x.lent.b == nil {
		x.lent.b = make([]byte, 0, 4<<10)
	}
	x.s.Lend(x.lent.b)
	x.lent.b = nil
}

// flush writes what the mailbox owes its client, as far as the socket takes it
// without waiting. Only one goroutine at a time writes to a connection; whoever
// finds another at it leaves, since that one looks again before it stops.
func (x *mailbox) flush() {
	x.mu.Lock()
	x.touched = false
	c := x.conn
	if c == nil || c.flushing {
		if c != nil {
			c.again = true
		}
		over := c == nil && x.over
		x.mu.Unlock()
		if over {
			x.ns.terminate(x)
		}
		return
	}
	c.flushing = true
	x.ns.b.serving.Add(1) // c is attached, so its reader is still counted
	x.writeOut(c)
}

// writeOut is the loop of flush. It is called with x.mu held and c.flushing
// set, and returns with x.mu free.
func (x *mailbox) writeOut(c *conn) {
	b := x.ns.b
	lent := x.lent
	if x.lent = nil; lent == nil {
		lent = writeBuffers.Get().(*buffer)
	}
	for {
		c.again = false
		if lent.b != nil && x.s.Lend(lent.b) {
			lent.b = nil // for the time being
		}
		if !x.refill(c) {
			if c.again && x.conn == c { // somebody came while the lock was free
				continue
			}
			break
		}
		out := x.s.TakeOut(nil)
		c.relieve()
		x.mu.Unlock()
		if s := x.taps.Load(); s != nil {
			c.tapOut(s, out)
		}
		done, err := c.nc.Push(out)
		if lent.b == nil { // else there are two, and one will do
			lent.keep(out)
		}
		if err != nil {
			_ = c.nc.Close() // the reader finds out and cleans up
			x.mu.Lock()
			break
		}
		if !done {
			writeBuffers.Put(lent)
			go x.drain(c)
			return
		}
		x.mu.Lock()
		if x.conn != c {
			break
		}
	}
	c.flushing = false
	c.relieve()
	defer b.serving.Done()
	if x.lent != nil { // somebody came while we wrote
		writeBuffers.Put(x.lent)
		x.lent = nil
	}
	if x.s.Outgoing() == 0 {
		if spare := x.s.TakeOut(nil); lent.b == nil {
			lent.keep(spare)
		}
	}
	woken, settled := x.relax(), x.takeFreed()
	over := x.over
	x.mu.Unlock()
	writeBuffers.Put(lent)
	for _, p := range woken {
		b.flushers.add(p)
	}
	x.ns.settleShared(settled)
	if over {
		x.ns.terminate(x)
	}
}

// drain is the temporary writer: it waits until the socket has taken what is
// pending, then goes on as flush does. Nobody else writes meanwhile.
func (x *mailbox) drain(c *conn) {
	if err := c.nc.Drain(c.limits.WriteTimeout); err != nil {
		x.ns.b.metrics.closed("write_timeout")
		_ = c.nc.Close()
	}
	x.mu.Lock()
	x.writeOut(c)
}

// refill settles acknowledgements, pumps the queue and pulls retained messages
// until there is something to write; false when there is nothing. x.mu is held,
// and given back for the time of reading from the store.
func (x *mailbox) refill(c *conn) bool {
	for x.conn == c {
		now := time.Now().UnixMilli()
		durable := uint64(x.ns.b.store.Durable())
		x.s.Committed(durable)
		x.s.Settle(durable)
		load := x.s.Pump(now)
		if x.s.Outgoing() > 0 {
			return true
		}
		switch {
		case load:
			if !x.load(c) {
				return false
			}
		case len(x.replays) > 0:
			if !x.pull(now) {
				return x.s.Outgoing() > 0
			}
		default:
			return false
		}
	}
	return false
}

// loadAtOnce is how many messages are read from the store at a time.
const loadAtOnce = 64

// load reads the payloads of the next messages. It returns false when the next
// one is not durable yet: its commit will flush the mailbox. x.mu is held on
// entry and on return, not while reading.
func (x *mailbox) load(c *conn) bool {
	type missing struct {
		seq, pos uint64
		m        *mqtt.Message
		err      error
	}
	var list [loadAtOnce]missing
	n := 0
	x.s.Missing(loadAtOnce, func(seq, pos uint64) {
		list[n] = missing{seq: seq, pos: pos}
		n++
	})
	waited := x.late
	x.mu.Unlock()
	var late lateMessage
	for i := range list[:n] {
		e := &list[i]
		e.m, e.err = x.ns.loadMessage(store.Position(e.pos))
		if e.err == errNotYet && e.pos == waited.pos && x.ns.b.store.Durable() >= waited.ticket {
			e.err = store.ErrNotFound // what comes in after it must not make it wait for ever
		}
		if e.err == errNotYet {
			late = lateMessage{e.pos, x.ns.lastTicket()}
			n = i
			break
		}
	}
	if late.pos != 0 && n == 0 {
		x.ns.b.store.Notify(late.ticket, x)
	}
	x.mu.Lock()
	x.late = late
	for _, e := range list[:n] {
		if e.err != nil && !lost(e.err) { // it may be read another time
			x.ns.b.log.Error("message not read from the store", "namespace", x.ns.name, "client", x.clientID, "position", e.pos, "err", e.err)
			c.end(mqtt.UnspecifiedError, causeStore)
			return false
		}
		if e.err != nil {
			x.ns.b.log.Warn("message lost from the store", "namespace", x.ns.name, "client", x.clientID, "position", e.pos, "err", e.err)
			x.s.Lose(e.seq, e.pos)
			continue
		}
		x.s.Fill(e.seq, e.pos, e.m)
	}
	return n > 0
}

// A lateMessage is one that was not durable yet when it was to be read. It is
// durable when ticket is.
type lateMessage struct {
	pos    uint64
	ticket store.Ticket
}

// flushers are a few goroutines that flush mailboxes for those who must not do
// it themselves: the committer, the timers, a publisher with a large fan-out.
// A mailbox is at most once in the list, which bounds it.
type flushers struct {
	mu     sync.Mutex
	some   sync.Cond
	list   []*mailbox
	groups []*group
	closed bool
}

func newFlushers() *flushers {
	f := &flushers{}
	f.some.L = &f.mu
	return f
}

func (f *flushers) add(x *mailbox) {
	if !x.queuedForFlush.CompareAndSwap(false, true) {
		return
	}
	f.mu.Lock()
	f.list = append(f.list, x)
	f.mu.Unlock()
	f.some.Signal()
}

// later dispatches a shared group.
func (f *flushers) later(g *group) {
	f.mu.Lock()
	if !slices.Contains(f.groups, g) {
		f.groups = append(f.groups, g)
	}
	f.mu.Unlock()
	f.some.Signal()
}

func (f *flushers) close() {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.some.Broadcast()
}

// run flushes until close.
func (f *flushers) run() {
	var mine []*mailbox
	for {
		f.mu.Lock()
		for len(f.list) == 0 && len(f.groups) == 0 && !f.closed {
			f.some.Wait()
		}
		if f.closed {
			f.mu.Unlock()
			return
		}
		// Half of what is there: the others work as well.
		n := (len(f.list) + 1) / 2
		mine = append(mine[:0], f.list[:n]...)
		f.list = append(f.list[:0], f.list[n:]...)
		groups := f.groups
		f.groups = nil
		f.mu.Unlock()
		for _, g := range groups {
			g.dispatch()
		}
		for _, x := range mine {
			x.queuedForFlush.Store(false)
			x.flush()
		}
		clear(mine)
	}
}
