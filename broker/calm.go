package broker

import (
	"errors"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"gridmq/mqtt"
)

// How a connection is kept small while it is quiet, and its keep alive, which is
// looked at on the same occasion.

// watch arms what is to be done about a connection from time to time: its keep
// alive, and to make it small when it is quiet.
func (c *conn) watch(seconds uint16) {
	c.keep = int64(seconds) * keepAliveGrace
	c.active.Store(time.Now().UnixMilli())
	c.worked.Store(true)
	first := int64(calmAfter)
	if c.keep > 0 {
		first = min(first, c.keep)
	}
	c.tending = c.b.deadlines.add(c.active.Load()+first, c.tend)
}

// keepAliveGrace is how many milliseconds a client may be silent for each second of
// its keep alive [MQTT-3.1.2-22].
const keepAliveGrace = 1500

const (
	calmAfter = 5_000  // ms without a packet
	calmEvery = 60_000 // ms between two looks at a connection
)

// tend looks after the connection and returns when to look again.
func (c *conn) tend(now int64) (again int64) {
	again = now + calmEvery
	if c.keep > 0 {
		due := c.keptAlive(now)
		if due == 0 {
			return 0
		}
		again = min(again, due)
	}
	switch quiet := now - c.active.Load(); {
	case !c.worked.Load(): // it is small
	case quiet >= calmAfter && c.b.crowded.Load(): // until settle
		again = min(again, now+calmAfter)
	case quiet >= calmAfter:
		c.poke()
	default:
		again = min(again, max(now+calmEvery/4, now+calmAfter-quiet))
	}
	return again
}

// keptAlive says when the keep alive has to be looked at again; 0: the connection
// has ended, as 1.5 times the interval went by without a packet [MQTT-3.1.2-22].
func (c *conn) keptAlive(now int64) (due int64) {
	c.x.mu.Lock()
	unread := c.relief != nil // we do not read; the client may have sent something
	c.x.mu.Unlock()
	if unread {
		return now + c.keep
	}
	if due := c.active.Load() + c.keep; due > now { // asked last: relieve sets it first
		return due
	}
	c.end(mqtt.KeepAliveTimeout, causeKeepAlive)
	return 0
}

// poke wakes the reader, which is parked, so that it goes on in a goroutine with a
// small stack.
func (c *conn) poke() {
	c.x.mu.Lock() // or unpoke comes in between, and the deadline is taken for a real one
	defer c.x.mu.Unlock()
	c.poked.Store(true)
	_ = c.nc.SetReadDeadline(time.Unix(1, 0)) // a connection that is closed is woken by that
}

// unpoke undoes it.
func (c *conn) unpoke() {
	c.x.mu.Lock()
	defer c.x.mu.Unlock()
	_ = c.nc.SetReadDeadline(time.Time{})
	c.poked.Store(false)
}

// giveBack returns memory to the system when many connections have become quiet:
// what their handshakes and larger stacks took would stay for long. It looks at the
// heap as a whole, so it waits until that is worth it.
func (b *Broker) giveBack() {
	b.mu.Lock()
	open := len(b.conns)
	b.mu.Unlock()
	n := b.calmed.Load()
	if b.calmFor++; n != b.calmedAt { // more are about to follow
		b.calmedAt, b.calmFor = n, 0
	}
	if b.calmFor >= calmLooks && n >= calmMany && n >= int64(open/4) && time.Since(b.gaveBack) > time.Minute {
		b.calmed.Store(0)
		b.gaveBack = time.Now()
		debug.FreeOSMemory()
	}
}

// settle collects garbage once a crowd of clients has arrived. The runtime gives new
// goroutines the stack that goroutines used on average at the last collection; one
// amid the handshakes would have the small ones start with twice of what they need.
func (b *Broker) settle() {
	n := b.arrived.Swap(0)
	b.arrivals += n
	switch {
	case b.arrivals < calmMany:
	case n <= b.arrivals/100:
		b.arrivals = 0
		runtime.GC()
		b.crowded.Store(false)
	default:
		b.crowded.Store(true)
	}
}

// calmMany is how many connections have to become quiet for giveBack, and to arrive
// for settle.
const calmMany = 500

// calmLooks is how many looks in a row must find no more of them.
const calmLooks = 3

// park waits for something to read. errCalm asks for a fresh goroutine.
func (c *conn) park() error {
	err := c.nc.Wait()
	if err == nil || !c.poked.Load() || !errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	c.unpoke()
	c.worked.Store(false)
	c.x.mu.Lock()
	if c.x.conn == c {
		c.x.s.Trim()
	}
	c.x.mu.Unlock()
	c.b.calmed.Add(1)
	return errCalm
}
