package broker

import (
	"errors"
	"os"
	"time"

	"gridmq/mqtt"
)

// How a connection ends: from outside (end, cut), and by its reader (leave).

// end closes a connection from outside, telling a v5 client why. It does not
// wait: a goroutine with a time-out writes the DISCONNECT.
func (c *conn) end(code mqtt.Code, why cause) { c.endSaying(code, why, "") }

// endSaying is end with a reason string.
func (c *conn) endSaying(code mqtt.Code, why cause, reason string) {
	if !c.ended.CompareAndSwap(false, true) {
		return
	}
	if reason != "" {
		c.notice.Store(&mqtt.Error{Op: "end connection", Code: code, Err: discreet{reason, errors.New(reason)}})
	}
	c.why.Store(why)
	c.b.mu.Lock()
	_, there := c.b.conns[c]
	x := c.x
	if there {
		c.b.serving.Add(1) // its reader is still counted
	}
	c.b.mu.Unlock()
	if !there {
		c.parted.Store(true)
		return
	}
	go func() {
		defer c.b.serving.Done()
		if x != nil {
			c.farewell(code, reason)
		}
		c.parted.Store(true)
		_ = c.nc.Close()
	}()
}

// cut closes a connection without a word, and wakes its reader should it wait
// for its client to take what it is owed.
func (c *conn) cut() {
	if c.ended.CompareAndSwap(false, true) {
		c.why.Store(causeShutdown)
	}
	c.parted.Store(true)
	_ = c.nc.Close()
	c.b.mu.Lock()
	x := c.x
	c.b.mu.Unlock()
	if x != nil {
		x.mu.Lock()
		c.relieve()
		x.mu.Unlock()
	}
}

// awaitWord waits until whoever ends the connection from outside has told the client why.
// A client that sends something meanwhile is read, and found to have no session: to close
// then would take the DISCONNECT from it that it must get [MQTT-3.1.4-3].
func (c *conn) awaitWord() {
	const patience, step = 5 * time.Second, 5 * time.Millisecond // more than farewell has
	for waited := time.Duration(0); !c.parted.Load() && waited < patience; waited += step {
		time.Sleep(step)
	}
}

// farewell writes DISCONNECT after whatever is being written, within a short
// time, and takes the connection's right to write for good.
func (c *conn) farewell(code mqtt.Code, reason string) {
	x := c.x
	const patience, step = 2 * time.Second, 5 * time.Millisecond
	for waited := time.Duration(0); ; waited += step {
		x.mu.Lock()
		if !c.flushing {
			c.flushing = true // for good: nobody writes after DISCONNECT [MQTT-3.14.4-1]
			c.relieve()       // nobody else will
			greeted := c.greeted
			x.mu.Unlock()
			if !greeted { // CONNACK must be the first packet [MQTT-3.2.0-1]
				return
			}
			break
		}
		x.mu.Unlock()
		if waited >= patience {
			return
		}
		time.Sleep(step)
	}
	if !c.v5 {
		return
	}
	d := mqtt.Disconnect{Code: code}
	if reason != "" && c.problems {
		d.Properties.ReasonString = reason
		d.Properties.Mark(mqtt.PropReasonString)
	}
	if done, err := c.push(mqtt.AppendFit(nil, c.v, c.clientMax, &d)); err == nil && !done {
		_ = c.nc.Drain(patience)
	}
}

// leave ends the connection's part of the session: err is why the read loop
// ended.
func (c *conn) leave(err error) {
	var refusal *mqtt.Error
	switch {
	case c.ended.Load() || errors.Is(err, errGone):
		c.awaitWord()
	case errors.As(err, &refusal):
		if c.why.Load() == causeLost { // else it is known better
			c.why.Store(causeProtocol)
		}
		c.debug("connection refused a packet", "err", err)
		c.farewell(refusal.Code, reasonText(refusal))
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.why.Store(causeKeepAlive)
	case c.why.Load() == causeLost && c.closedByPeer():
		c.why.Store(causeClosed)
	}
	_ = c.nc.Close()
	c.b.deadlines.remove(c.tending)
	c.b.deadlines.remove(c.renewal)
	why, _ := c.why.Load().(cause)
	c.b.metrics.closed(string(why))
	c.b.metrics.disconnected(c.peer.Transport, c.v)
	c.debug("connection ended", "why", string(why), "err", err)
	c.retract(why, err)
	c.tapGone(why, c.behind(err))
	c.ns.detach(c)
}

// behind is the error behind the end: what was said when it was ended from outside, which
// says more than that the reader then found the connection closed.
func (c *conn) behind(err error) error {
	if said := c.notice.Load(); said != nil {
		return said
	}
	return err
}

// closedByPeer asks transports that can tell a farewell from a loss.
func (c *conn) closedByPeer() bool {
	t, can := c.nc.(interface{ ClosedByPeer() bool })
	return can && t.ClosedByPeer()
}

// A discreet error tells the peer less than its cause, which is for the log.
type discreet struct {
	said  string
	cause error
}

func (d discreet) Error() string { return d.said }
func (d discreet) Unwrap() error { return d.cause }

// Reason is what an operator should know of an error: also what the peer is not told.
func Reason(err error) string {
	var d discreet
	if errors.As(err, &d) {
		return d.cause.Error()
	}
	return err.Error()
}

// reasonText is the reason string for a refusal: what it was about, not its
// cause, which may name secrets.
func reasonText(e *mqtt.Error) string {
	if e.Err != nil {
		return e.Op + ": " + e.Err.Error()
	}
	return e.Op
}
