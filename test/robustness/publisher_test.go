package robustness

import (
	"context"
	"math/rand/v2"
	"time"

	"gridmq/mqtt"
)

// A publisher writes to its streams in bursts, within its window, over however
// many connections that takes.
type publisher struct {
	d       *device
	streams []*stream
	window  int
	size    int // bytes of the largest payload
	pause   time.Duration
	retain  bool
	limit   int64 // messages of each stream; 0: until stopped
	l       *ledger
	// refusable: QuotaExceeded is an answer, and the message is not sent again.
	refusable bool
}

// newPublisher makes a publisher of topics at one QoS.
func newPublisher(l *ledger, d *device, qos byte, window, size int, pause time.Duration, topics ...string) *publisher {
	p := &publisher{d: d, window: window, size: size, pause: pause, l: l}
	for _, t := range topics {
		p.streams = append(p.streams, l.open(t, qos))
	}
	d.fault = l.fault
	d.answered = p.answered
	return p
}

// entry is the tag of a parcel.
type entry struct {
	s *stream
	n int64
}

func (p *publisher) answered(x *parcel, c mqtt.Code) {
	e := x.tag.(entry)
	if c == mqtt.QuotaExceeded && p.refusable {
		e.s.refused.Store(e.n, true)
		return
	}
	if c.IsError() || c == mqtt.NoMatchingSubscribers && !p.retain {
		p.l.fault("%s: %s number %d was answered with %v (0x%02x)", p.d.id, e.s.topic, e.n, c, byte(c))
	}
	if x.sent > 1 {
		e.s.again.Store(e.n, true)
	}
	e.s.acked.Store(e.n) // in order: match has seen to it
}

// full says whether all there is to publish has been sent and answered.
func (p *publisher) full() bool {
	for _, s := range p.streams {
		if s.sent.Load() < p.limit {
			return false
		}
	}
	return p.d.open() == 0
}

// run publishes until stop is closed, then sees that everything is
// acknowledged, and returns. ctx ends it in any case.
func (p *publisher) run(ctx context.Context, stop <-chan struct{}) {
	defer p.d.close()
	for ctx.Err() == nil {
		l, _, err := p.d.connect(ctx)
		if err != nil {
			idle(ctx, 5*time.Millisecond+rand.N(20*time.Millisecond))
			continue
		}
		if p.feed(ctx, l, stop) {
			p.d.disconnect(l)
			return
		}
	}
}

// feed publishes on one connection; true when all is said and done.
func (p *publisher) feed(ctx context.Context, l *link, stop <-chan struct{}) bool {
	tick := time.NewTimer(0)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return true
		case <-l.ended:
			return false
		case <-stop:
			stop = nil
		case <-tick.C:
			if stop == nil {
				if p.d.open() == 0 {
					return true
				}
				tick.Reset(5 * time.Millisecond)
				continue
			}
			p.burst()
			tick.Reset(rand.N(2*p.pause + 1))
		}
	}
}

func (p *publisher) burst() {
	for range 1 + rand.IntN(p.window) {
		if p.d.open() >= p.window {
			return
		}
		s := p.streams[rand.IntN(len(p.streams))]
		if p.limit > 0 && s.sent.Load() >= p.limit {
			continue
		}
		n := s.sent.Add(1)
		m := mqtt.Message{Topic: s.topic, QoS: s.qos, Retain: p.retain, Payload: payload(n, 16+rand.IntN(p.size))}
		if p.retain && removal(n) {
			m.Payload = nil
		}
		p.d.publish(m, entry{s, n})
	}
}

// removal says whether a retained message is an empty one: every seventh is.
func removal(n int64) bool { return n%7 == 0 }

// idle sleeps, or less when ctx ends.
func idle(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
