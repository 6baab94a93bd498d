package broker

import "gridmq/session"

// pacePause is how long a session that is sent no more for now waits before it asks
// again, in milliseconds.
const pacePause = 20

// A pacer holds back what is sent to one connection: more messages or bytes a second
// than the session's limit or the namespace's. It implements session.Pacer; the
// session's mailbox is locked.
type pacer struct {
	c               *conn
	messages, bytes bucket
	again           *deadline // flushes the mailbox; nil until something was held back
	waiting         bool      // again is armed
}

// newPacer returns nil when the limits do not ask for one, so that a PUBLISH costs
// nothing more.
func (c *conn) newPacer() session.Pacer {
	l := c.limits
	if l.DeliveryRate <= 0 && l.DeliveryBytes <= 0 && l.SessionDeliveryRate <= 0 && l.SessionDeliveryBytes <= 0 {
		return nil
	}
	c.pace = &pacer{c: c}
	return c.pace
}

// MaySend implements session.Pacer.
func (p *pacer) MaySend(now int64, payload int) bool {
	limit, ok := p.take(now, payload)
	if ok {
		return true
	}
	if !p.waiting { // else it is the same pause
		p.c.b.metrics.throttled(limit)
	}
	p.wait(now)
	return false
}

func (p *pacer) take(now int64, payload int) (limit throttle, ok bool) {
	l := p.c.limits
	if !p.messages.take(now, l.SessionDeliveryRate, 1) {
		return throttleSessionDeliveries, false
	}
	if !p.bytes.take(now, l.SessionDeliveryBytes, payload) {
		p.messages.untake(1)
		return throttleSessionDeliveries, false
	}
	if l.DeliveryRate <= 0 && l.DeliveryBytes <= 0 || p.c.ns.rates.mayDeliver(now, l, payload) {
		return 0, true
	}
	p.messages.untake(1)
	p.bytes.untake(payload)
	return throttleDeliveries, false
}

// mayDeliver counts a PUBLISH to a client.
func (r *namespaceRates) mayDeliver(now int64, l *Limits, payload int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.deliveries.take(now, l.DeliveryRate, 1) {
		return false
	}
	if !r.deliveredBytes.take(now, l.DeliveryBytes, payload) {
		r.deliveries.untake(1)
		return false
	}
	return true
}

// wait has the mailbox flushed again, once, however often it was refused meanwhile.
func (p *pacer) wait(now int64) {
	if p.waiting {
		return
	}
	p.waiting = true
	b, x := p.c.b, p.c.x
	if p.again != nil {
		b.deadlines.reset(p.again, now+pacePause)
		return
	}
	p.again = b.deadlines.add(now+pacePause, func(int64) int64 {
		x.mu.Lock()
		p.waiting = false
		x.mu.Unlock()
		b.flushers.add(x)
		return 0
	})
}

// stop ends the waiting of a connection that is gone. nil is fine.
func (p *pacer) stop() {
	if p != nil {
		p.c.b.deadlines.remove(p.again)
	}
}
