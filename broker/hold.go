package broker

import (
	"time"
)

// What makes a connection wait: for its client, and for others.

// holdReading stops reading while the client does not take its answers, or
// while too many of them wait for the store. The bound is on answers to the
// client itself, so nobody else waits because of it; the write time-out ends it.
func (c *conn) holdReading() {
	const owedBytes = 128 << 10
	owedAnswers := max(int(c.limits.ReceiveMaximum), 1024)
	x := c.x
	x.mu.Lock()
	defer x.mu.Unlock()
	for x.conn == c && !c.ended.Load() &&
		(c.flushing && x.s.Outgoing() > owedBytes || x.s.Answers() > owedAnswers || c.windowFull()) {
		relief := make(chan struct{})
		c.relief = relief
		x.mu.Unlock()
		<-relief
		x.mu.Lock()
	}
}

// windowFull says whether ReceiveBytes are in flight from the client. Not while an
// acknowledgement is held for a slow receiver: that may be this client, or one that
// waits for it, and what makes it quicker is among what is not read. x.mu is held.
func (c *conn) windowFull() bool {
	most := c.limits.ReceiveBytes
	return most > 0 && c.held == nil && c.x.s.Awaited() >= most
}

// relieve wakes the reader. x.mu is held.
func (c *conn) relieve() {
	if c.relief != nil {
		c.active.Store(time.Now().UnixMilli()) // what the client sent meanwhile was not read
		close(c.relief)
		c.relief = nil
	}
}

// hold arms the time after which acknowledgements are sent although a receiver
// is overloaded. x.mu is held.
func (c *conn) hold(gate *mailbox) {
	if c.gates == nil {
		c.gates = make(map[*mailbox]struct{})
	}
	c.gates[gate] = struct{}{}
	at := c.now + c.limits.HoldAcknowledgements.Milliseconds()
	if c.held != nil {
		return
	}
	x := c.x
	c.held = c.b.deadlines.add(at, func(int64) int64 {
		x.mu.Lock()
		gates := c.gates
		c.gates = nil
		if x.conn == c {
			x.s.OpenGates()
			c.held = nil
		}
		x.mu.Unlock()
		x.forgetAt(gates)
		c.b.flushers.add(x)
		return 0
	})
}
